"""What people say of the time that a look at the history is about: said on a Saturday, 14:15 in Berlin."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.tables import each
from todo_core.errors import InvalidInput
from todo_core.rules.history import time_in
from todo_core.rules.schedules import Calendar

pytestmark = pytest.mark.requirement("SA8")
NOW = datetime.fromisoformat("2026-11-28T14:15+01:00")
HERE = Calendar(NOW, ZoneInfo("Europe/Berlin"), "monday", "en")


def local(moment: datetime | None) -> str:
    """Where the person is, to the minute."""
    return "" if moment is None else moment.astimezone(HERE.zone).strftime("%m-%d %H:%M")


@each(
    ("text", "begin", "end"),
    [
        ("this morning", "11-28 00:00", "11-28 12:00"),
        ("since this morning", "11-28 00:00", ""),
        ("last night", "11-27 18:00", "11-28 06:00"),
        ("overnight", "11-27 18:00", "11-28 06:00"),
        ("since last night", "11-27 18:00", ""),
        ("earlier today", "11-28 00:00", "11-29 00:00"),
        ("so far today", "11-28 00:00", "11-29 00:00"),
        ("this week so far", "11-23 00:00", "11-30 00:00"),
        ("this past week", "11-22 00:00", "11-29 00:00"),
        ("from monday to wednesday", "11-23 00:00", "11-26 00:00"),
        ("between monday and wednesday", "11-23 00:00", "11-26 00:00"),
        ("Monday until Wednesday", "11-23 00:00", "11-26 00:00"),
        ("nov 1 - nov 15", "11-01 00:00", "11-16 00:00"),
        ("nov 1 \u2013 nov 15", "11-01 00:00", "11-16 00:00"),
        ("since monday until yesterday", "11-23 00:00", "11-28 00:00"),
        ("from 9am to 10am", "11-28 09:00", "11-28 10:00"),
        ("between 9:30am and 10am", "11-28 09:30", "11-28 10:00"),
        ("between 09:00 and 10:30", "11-28 09:00", "11-28 10:30"),
        ("9am to noon", "11-28 09:00", "11-28 12:00"),
        ("from 1 to 2pm", "11-28 13:00", "11-28 14:00"),
        ("from 3pm to 5pm", "11-27 15:00", "11-27 17:00"),
        ("from 10pm to 2am", "11-27 22:00", "11-28 02:00"),
        ("yesterday between 2pm and 4pm", "11-27 14:00", "11-27 16:00"),
        ("yesterday from 2 to 4pm", "11-27 14:00", "11-27 16:00"),
        ("between 2pm and 4pm yesterday", "11-27 14:00", "11-27 16:00"),
        ("yesterday 3pm to 5pm", "11-27 15:00", "11-27 17:00"),
        ("on monday between 09:00 and 12:00", "11-23 09:00", "11-23 12:00"),
        ("yesterday 3pm to 9am today", "11-27 15:00", "11-28 09:00"),
        ("quarter to 9am", "11-28 08:45", ""),
    ],
)
def test_a_time_in_words_begins_and_ends(text: str, begin: str, end: str) -> None:
    found = time_in(HERE, text)

    assert (local(found.begin), local(found.end)) == (begin, end)


@each(
    ("text", "said"),
    [
        ("recently", '"this morning"'),
        ("the other day", '"last 2 hours"'),
        ("from then to now and again", '"last 2 hours"'),
        ("vorhin, \u00fcbrigens", '"last 2 hours"'),
        ("between 9 and 10", "9am to 10am"),
        ("from 11 to 1pm", "9am to 10am"),
        ("between 9am and 10", "9am to 10am"),
        ("from wednesday to monday", "earlier end first"),
        ("from saturday to sunday", "It may mean"),
    ],
)
def test_what_is_not_clear_is_refused_with_words_of_the_past(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        time_in(HERE, text)

    (problem,) = refused.value.errors
    assert (problem.field, problem.code) == ("when", "unclear")
    assert said in problem.message
    assert "tomorrow" not in problem.message
