"""Dates and repeats where the user is: clock changes, another zone, what was missed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.core import test_dates, test_recurrence
from tests.core.support import CoreOpener, row_of, titles_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import todos, users
from todo_core.recurrence import Repeat
from todo_core.rules.schedules import Calendar

SATURDAY = datetime(2026, 11, 28, 13, 15, 4, tzinfo=UTC)
"""14:15:04 in Berlin."""

pytestmark = pytest.mark.requirement("TD10", "TD11")


async def at(ann: Caller, another_core: CoreOpener, moment: datetime, run: Callable[[Caller], Awaitable[Any]]) -> Any:
    """What comes of it at that moment."""
    async with another_core(clock=lambda: moment) as core:
        return await run(replace(ann, core=core))


def due_of(row: dict[str, Any]) -> tuple[str, str | None]:
    return row["due"]["date"], row["due"]["time"]


async def in_zone(ann: Caller, zone: str) -> None:
    await ann.perform(users.update, {"time_zone": zone})


def adding(**fields: Any) -> Callable[[Caller], Awaitable[Any]]:
    return lambda me: me.perform(todos.add, [TodoCreate(title="x", **fields)])


def completing(todo_id: int) -> Callable[[Caller], Awaitable[Any]]:
    return lambda me: me.perform(todos.complete, [todo_id])


async def test_today_is_the_users_day(ann: Caller, another_core: CoreOpener) -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    found = {}

    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        await in_zone(ann, zone)
        found[zone] = due_of(row_of(await at(ann, another_core, late, adding(due="today"))))

    assert found == {
        "UTC": ("2026-11-21", None),
        "Asia/Tokyo": ("2026-11-22", None),
        "America/Los_Angeles": ("2026-11-21", None),
    }


async def test_a_repeat_keeps_its_time_of_day_over_a_clock_change(ann: Caller, another_core: CoreOpener) -> None:
    """In Berlin the clocks skip 02:00 to 03:00 on 2027-03-28."""
    await in_zone(ann, "Europe/Berlin")
    before = datetime(2027, 3, 27, 0, 0, tzinfo=UTC)
    row = row_of(await at(ann, another_core, before, adding(due="2027-03-27T02:30", repeat="daily")))
    told = []

    for _ in range(2):
        row = row_of(await at(ann, another_core, before, completing(row["id"])))["next"]
        told.append(due_of(row))

    assert told == [("2027-03-28", "03:30"), ("2027-03-29", "02:30")]


@each(
    ("zone", "days"),
    [
        ("America/Nuuk", "2027-03-26 2027-03-27 2027-03-28 2027-03-29"),  # from 23:00 on the 27th to 00:00
        (
            "Pacific/Apia",
            "2011-12-28 2011-12-29 2011-12-30 2012-01-01",
        ),  # without the 30th: its todo is due on the 31st
    ],
)
def test_what_a_clock_change_pushes_into_the_next_day_neither_loses_nor_doubles_one(zone: str, days: str) -> None:
    first, *others = days.split()
    calendar = Calendar(SATURDAY, ZoneInfo(zone))
    due = calendar.due({"date": first, "time": "23:30"})
    repeat: Repeat | None = calendar.repeat("daily", due, said=True)

    for day in others:
        assert repeat is not None
        due = calendar.moment(repeat.scheduled)
        repeat = replace(calendar, now=due.at + timedelta(minutes=1)).following(repeat, due)
        assert repeat is not None
        assert repeat.scheduled.isoformat() == f"{day}T23:30:00"


async def test_what_was_missed_is_passed_over(ann: Caller, another_core: CoreOpener) -> None:
    row = row_of(await at(ann, another_core, datetime(2026, 11, 2, 9, tzinfo=UTC), adding(repeat="every monday")))
    assert due_of(row) == ("2026-11-02", None)

    done = row_of(await at(ann, another_core, datetime(2026, 11, 25, 9, tzinfo=UTC), completing(row["id"])))

    assert due_of(done["next"]) == ("2026-11-30", None)


async def test_a_day_that_repeats_stays_a_day_in_another_zone(ann: Caller, another_core: CoreOpener) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    await in_zone(ann, "Europe/Berlin")
    row = row_of(await at(ann, another_core, now, adding(repeat="daily", due="2026-11-21")))

    await in_zone(ann, "America/New_York")
    following = row_of(await at(ann, another_core, now, completing(row["id"])))["next"]

    assert following["due"]["at"].startswith("2026-11-23T04:59:59.999999")
    assert due_of(following) == ("2026-11-22", None)


async def test_a_skipped_day_of_a_zone_is_no_date(ann: Caller, another_core: CoreOpener) -> None:
    """Samoa went from 2011-12-29 to 2011-12-31. Years that far back are read, too."""
    await in_zone(ann, "Pacific/Apia")
    changed = await at(ann, another_core, datetime(2011, 12, 20, tzinfo=UTC), adding(due="2011-12-30"))

    (refused,) = changed.results
    assert refused.code == "invalid_input"


@pytest.mark.requirement("TD3")
async def test_overdue_begins_when_the_day_is_over_where_the_user_is(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "America/Los_Angeles")
    await ann.perform(todos.add, [TodoCreate(title="x", due="2026-11-21")])

    async def overdue(me: Caller) -> int:
        return (await me.perform(todos.list_, TodoFilter(overdue=True))).total

    assert await at(ann, another_core, datetime(2026, 11, 22, 7, 59, 59, tzinfo=UTC), overdue) == 0
    assert await at(ann, another_core, datetime(2026, 11, 22, 8, 0, tzinfo=UTC), overdue) == 1
    await in_zone(ann, "Asia/Tokyo")
    assert await at(ann, another_core, datetime(2026, 11, 21, 14, 59, 59, tzinfo=UTC), overdue) == 0
    assert await at(ann, another_core, datetime(2026, 11, 21, 15, 0, tzinfo=UTC), overdue) == 1


@pytest.mark.requirement("TD3")
async def test_a_bound_is_a_day_where_the_user_is(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "Asia/Tokyo")
    await ann.perform(
        todos.add, [TodoCreate(title=due, due=due) for due in ("2026-11-22T00:30", "2026-11-21T23:30", "2026-11-22")]
    )

    due_today = partial(titles_of, due_after="today", due_before="today", sort="due")
    found = await at(ann, another_core, datetime(2026, 11, 21, 23, tzinfo=UTC), due_today)

    assert found == ["2026-11-22T00:30", "2026-11-22"]


async def test_what_many_remembered_users_have_alike_is_kept_once(ann: Caller, bob: Caller) -> None:
    for caller in (ann, bob):
        await caller.perform(todos.list_, TodoFilter(due_before="tomorrow"))

    of_ann, of_bob = (ann.core.customs[caller.principal.user_id] for caller in (ann, bob))

    assert of_ann is of_bob


@pytest.mark.requirement("TD3")
async def test_a_bound_follows_a_time_zone_that_another_process_changed(ann: Caller, another_core: CoreOpener) -> None:
    await in_zone(ann, "UTC")
    await ann.perform(todos.add, [TodoCreate(title="early", due="2026-11-22T00:30Z")])
    moment = datetime(2026, 11, 21, 12, tzinfo=UTC)
    today = TodoFilter(due_after="2026-11-21", due_before="2026-11-21")

    async with another_core(clock=lambda: moment) as core:
        me = replace(ann, core=core)
        assert (await me.perform(todos.list_, today)).total == 0
        await in_zone(ann, "America/Los_Angeles")
        assert (await me.perform(todos.list_, today)).total == 1


@pytest.mark.requirement("TD3")
@pytest.mark.parametrize(("changed", "found"), [({"week_start": "sunday"}, 1), ({"locale": "de"}, 2)])
async def test_a_bound_follows_a_week_and_a_clock_that_another_process_changed(
    ann: Caller, another_core: CoreOpener, changed: dict[str, str], found: int
) -> None:
    await in_zone(ann, "UTC")
    await ann.perform(
        todos.add, [TodoCreate(title="a", due="2026-11-28T10:00"), TodoCreate(title="b", due="2026-11-29")]
    )
    moment = datetime(2026, 11, 28, 8, tzinfo=UTC)
    week, hour = TodoFilter(due_before="this week"), TodoFilter(due_after="2026-11-28 9:00")

    async with another_core(clock=lambda: moment) as core:
        me = replace(ann, core=core)
        assert (await me.perform(todos.list_, week)).total == 2
        with pytest.raises(InvalidInput):
            await me.perform(todos.list_, hour)
        await ann.perform(users.update, changed)  # type: ignore[arg-type]
        assert (await me.perform(todos.list_, week if "week_start" in changed else hour)).total == found


# --- an hour in the repeat ---------------------------------------------------------------------


@each(
    ("new", "due"),
    [
        ({"repeat": "every day at 8am"}, ("2026-11-29", "08:00")),
        ({"repeat": "every day at 5pm"}, ("2026-11-28", "17:00")),
        ({"repeat": "every weekend at 10:00"}, ("2026-11-29", "10:00")),
        ({"repeat": "every day"}, ("2026-11-28", None)),
        ({"repeat": "every day at 8am", "due": "today"}, ("2026-11-29", "08:00")),
        ({"repeat": "every day at 8am", "due": "2026-11-20"}, ("2026-11-20", "08:00")),
        ({"repeat": "monthly on the 1st at 8am", "due": "2026-12-01"}, ("2026-12-01", "08:00")),
        ({"repeat": "monthly on the 1st at 9am", "due": "2026-12-01 9am"}, ("2026-12-01", "09:00")),
        ({"repeat": "every november"}, ("2027-11-01", None)),
        ({"repeat": "every november", "due": "2026-11-30"}, ("2026-11-30", None)),
        ({"repeat": "every november at 9am", "due": "nov 10"}, ("2027-11-10", "09:00")),
    ],
)
async def test_an_hour_that_has_passed_begins_on_the_next_day(
    ann: Caller, another_core: CoreOpener, new: dict[str, str], due: tuple[str, str | None]
) -> None:
    await in_zone(ann, "Europe/Berlin")

    assert due_of(row_of(await at(ann, another_core, SATURDAY, adding(**new)))) == due


@each(
    ("new", "repeat", "due"),
    [
        (("2026-12-24T18:00", "every year on dec 24"), "every year on dec 24 at 5pm", ("2026-12-24", "17:00")),
        (("2026-11-28T18:00", "every day"), "every day at 5pm", ("2026-11-28", "17:00")),
        (("2026-11-28T18:00", "every day"), "every day at 8pm", ("2026-11-28", "20:00")),
        (("2026-11-28T18:00", "every day"), "every day at 2pm", ("2026-11-29", "14:00")),
        (("2026-11-30T09:00", "every 2 weeks on mon"), "every 2 weeks on mon at 8am", ("2026-11-30", "08:00")),
        (("2026-11-20T18:00", "every day"), "every day at 5pm", ("2026-11-28", "17:00")),
        (("2026-11-30", "every day"), "every day at 9am", ("2026-11-30", "09:00")),
        (("2026-11-28T18:00", "every day"), "every monday", ("2026-11-30", "18:00")),
        (("2026-11-28T18:00", "every day"), "every monday at 8am", ("2026-11-30", "08:00")),
    ],
)
async def test_changing_only_the_hour_keeps_the_day_unless_it_has_passed_there(
    ann: Caller, another_core: CoreOpener, new: tuple[str, str], repeat: str, due: tuple[str, str]
) -> None:
    await in_zone(ann, "Europe/Berlin")
    row = row_of(await at(ann, another_core, SATURDAY, adding(due=new[0], repeat=new[1])))

    changed = await at(ann, another_core, SATURDAY, updating(row["id"], repeat=repeat))

    assert due_of(row_of(changed)) == due
    assert row_of(changed)["repeat"]["scheduled"] == "T".join(due) + ":00"


def updating(todo_id: int, **fields: Any) -> Callable[[Caller], Awaitable[Any]]:
    return lambda me: me.perform(todos.update, [{"id": todo_id, **fields}])


async def test_a_due_and_a_repeat_with_two_hours_are_refused_and_each_says_what_would_be_read(
    ann: Caller, another_core: CoreOpener
) -> None:
    await in_zone(ann, "Europe/Berlin")
    both = {"due": "2026-12-01 9am", "repeat": "monthly on the 1st at 8am"}

    (refused,) = (await at(ann, another_core, SATURDAY, adding(**both))).results

    assert [problem.field for problem in refused.errors] == ["due", "repeat"]
    assert all("09:00" in problem.message and "08:00" in problem.message for problem in refused.errors)
    for problem, time_of_day in zip(refused.errors, ("08:00", "09:00"), strict=True):
        (advice,) = problem.allowed
        assert f'"{advice}"' in problem.message
        row = row_of(await at(ann, another_core, SATURDAY, adding(**both | {problem.field: advice})))
        assert due_of(row) == ("2026-12-01", time_of_day)
    row = row_of(await at(ann, another_core, SATURDAY, adding(**both | {"due": "2026-12-01"})))
    (refused,) = (await at(ann, another_core, SATURDAY, updating(row["id"], **both))).results
    assert refused.code == "invalid_input"
    hour_that_it_keeps = updating(row["id"], due="tuesday", repeat="every tuesday at 10am")
    assert due_of(row_of(await at(ann, another_core, SATURDAY, hour_that_it_keeps))) == ("2026-12-01", "10:00")


# --- what both fields read ---------------------------------------------------------------------


BERLIN = Calendar(SATURDAY, ZoneInfo("Europe/Berlin"))


def read(field: str, text: str) -> str:
    """What a field makes of a text."""
    if field == "due":
        return str(BERLIN.local(BERLIN.due(text)))
    return str(BERLIN.repeat(text, None, said=False))


@each(
    ("field", "text"),
    [
        ("due", "tomorrow 5 pm"),
        ("due", "2026-12-01"),
        ("due", "2026-12-01 9:30 am"),
        ("repeat", "every day at 9 am"),
        ("repeat", "every mon - fri"),
        ("repeat", "every tue until 2027-03-01"),
        ("repeat", "FREQ=MONTHLY;BYMONTHDAY=-1"),
    ],
)
def test_every_space_and_hyphen_is_read(field: str, text: str) -> None:
    for space in "\u00a0\u1680\u2002\u2003\u2007\u2009\u200a\u202f\u205f\u3000\t\n":
        assert read(field, text.replace(" ", space)) == read(field, text)
    for hyphen in "\u2010\u2011\u2012\u2013\u2014\u2015":
        assert read(field, text.replace("-", hyphen)) == read(field, text)


@each(
    ("field", "text", "belongs"),
    [
        *(
            ("due", text, "`repeat`")
            for text in ("every monday", "ev june", "mon, wed", "weekly", "FREQ=DAILY", "3 times a week", "weekdays")
        ),
        *(("repeat", text, "`due`") for text in ("tuesday", "2026-12-01", "next friday", "in 2 weeks", "nov 1")),
    ],
)
def test_what_belongs_to_the_other_field_is_told_so_with_what_would_be_read(
    field: str, text: str, belongs: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(field, text)

    (problem,) = refused.value.errors
    assert (problem.field, belongs in problem.message) == (field, True)
    advised = re.findall(r'"([^"]*)"', problem.message)
    assert advised
    for advice in advised:
        assert read(field, advice)


def test_no_phrase_costs_more_than_10_ms_in_either_field() -> None:
    """Each grammar is asked what the other has not understood."""
    slowest = 0.0
    for part in (*test_dates.HOSTILE, *test_recurrence.HOSTILE):
        for text in ((part * 100)[:100], (part * 100)[:98] + " x", ("every day " + part * 100)[:100]):
            for field in ("due", "repeat"):
                taken = []
                for _ in range(3):  # the machine may be busy with something else
                    began = process_time()
                    with suppress(InvalidInput):
                        read(field, text)
                    taken.append(process_time() - began)
                slowest = max(slowest, min(taken))

    assert slowest < 0.01
