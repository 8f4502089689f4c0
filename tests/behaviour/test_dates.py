"""Due dates: read where the user is, answered with what they were read as, never guessed."""

from __future__ import annotations

from functools import partial

import pytest

from tests.behaviour import support
from tests.behaviour.clock import ZONE, due_in
from tests.behaviour.rows import item_of, todo_of
from tests.faces import Face, Json, RefusedError
from tests.tables import each
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD10")

titles = partial(support.titles, sort="due")


@pytest.fixture
def me(me_at_noon: Face) -> Face:
    return me_at_noon


async def due_at(owner: Caller, todo_id: int) -> str:
    due: Json = (await todo_of(owner, todo_id))["due"]
    return str(due["at"])


READINGS = {
    "first monday of the month": ("2026-12-07 Mon", "2026-12-07T22:59:59.999999"),
    "start of november": ("2027-11-01 Mon", "2027-11-01T22:59:59.999999"),
    "tomorrow half past 5\u202fPM": ("2026-11-22 Sun 17:30", "2026-11-22T16:30:00"),
    "2026\u201112\u20111": ("2026-12-01 Tue", "2026-12-01T22:59:59.999999"),
    "2026-11-27": ("2026-11-27 Fri", "2026-11-27T22:59:59.999999"),
    "2026-11-27T17:00": ("2026-11-27 Fri 17:00", "2026-11-27T16:00:00"),
    "2026-11-27T17:00:00Z": ("2026-11-27 Fri 18:00", "2026-11-27T17:00:00"),
    "2026-11-27T17:00-05:00": ("2026-11-27 Fri 23:00", "2026-11-27T22:00:00"),
    "2026-11-27T17:00:00-05:00[America/New_York]": ("2026-11-27 Fri 23:00", "2026-11-27T22:00:00"),
    "today": ("2026-11-21 Sat", "2026-11-21T22:59:59.999999"),
    "tomorrow 5pm": ("2026-11-22 Sun 17:00", "2026-11-22T16:00:00"),
    "in 2 weeks": ("2026-12-05 Sat", "2026-12-05T22:59:59.999999"),
    "in 90 minutes": ("2026-11-21 Sat 13:30", "2026-11-21T12:30:00"),
    "fri 27 nov": ("2026-11-27 Fri", "2026-11-27T22:59:59.999999"),
}


@pytest.mark.parametrize("text", READINGS)
async def test_a_date_is_read_where_the_user_is_and_told_with_weekday_and_zone(
    me: Face, ann: Caller, text: str
) -> None:
    shown, at = READINGS[text]

    written = await me.add({"title": "a", "due": text})

    item = item_of(written)
    assert due_in(item) == shown
    zone = item["due"]["time_zone"] if isinstance(item["due"], dict) else item["time_zone"]
    assert zone == ZONE
    (todo,) = written.accepted
    assert (await due_at(ann, todo)).startswith(at)
    (listed,) = (await me.list()).todos
    assert due_in(listed) == shown
    updated = await me.update({"id": todo, "due": "2027-01-01"})
    assert due_in(item_of(updated)) == f"2027-01-01 Fri{shown[14:]}"


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("monday 2026-11-27", 0),
        ("5", 3),
        ("at 5", 2),
        ("someday", 0),
        ("2026-02-30", 0),
        ("tomorrow or friday", 0),
        ("2026-10-25T02:30", 2),
        ("buy milk tomorrow", 0),
        ("7/8", 2),
    ],
)
async def test_what_is_not_certain_is_refused_with_its_readings(
    me: Face, ann: Caller, text: str, readings: int
) -> None:
    (todo,) = (await me.add({"title": "a", "due": "today"})).accepted
    before = await todo_of(ann, todo)

    for refused in (await me.add({"title": "b", "due": text}), await me.update({"id": todo, "due": text})):
        assert refused.errors == ["invalid_input"]
        (problem,) = (refused.refusals[0] or {})["errors"]
        assert problem["field"] == "due"
        assert len(problem.get("allowed", ())) == readings
        assert all(reading in problem["message"] for reading in problem.get("allowed", ()))

    assert await todo_of(ann, todo) == before
    assert (await me.list()).total == 1


async def test_what_a_refusal_names_as_a_reading_is_accepted(me: Face) -> None:
    refused = await me.add({"title": "a", "due": "at 5"})
    (problem,) = (refused.refusals[0] or {})["errors"]

    again = await me.add(*({"title": "a", "due": reading} for reading in problem["allowed"]))

    assert again.errors == [None, None]
    assert {due_in(item or {}) for item in again.items} == {"2026-11-21 Sat 17:00", "2026-11-22 Sun 05:00"}


async def test_a_bad_date_in_a_batch_refuses_only_its_own_item(me: Face) -> None:
    written = await me.add({"title": "a", "due": "whenever"}, {"title": "b", "due": "today"}, {"title": "c"})

    assert written.errors == ["invalid_input", None, None]


@pytest.mark.requirement("TD5")
async def test_a_due_is_cleared_only_when_that_is_said(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "due": "tomorrow"})).accepted

    await me.update({"id": todo, "title": "b"})
    assert (await todo_of(ann, todo))["due"] is not None

    cleared = await me.update({"id": todo, "clear": ["due"]})
    assert (await todo_of(ann, todo))["due"] is None
    await me.undo(cleared.change)
    assert (await todo_of(ann, todo))["due"]["date"] == "2026-11-22"


@pytest.mark.requirement("SA3")
async def test_undoing_a_change_of_a_due_puts_it_back_to_the_microsecond(me: Face, ann: Caller) -> None:
    day, moment = (await me.add({"title": "a", "due": "friday"}, {"title": "b", "due": "friday 9:15 am"})).accepted
    before = [(await todo_of(ann, one))["due"] for one in (day, moment)]

    written = await me.update({"id": day, "due": "monday 9 am"}, {"id": moment, "due": "monday"})
    undone = await me.undo(written.change)

    assert [(await todo_of(ann, one))["due"] for one in (day, moment)] == before
    await me.undo(undone.change)
    after = [(await todo_of(ann, one))["due"] for one in (day, moment)]
    assert [(due["date"], due["time"]) for due in after] == [("2026-11-23", "09:00"), ("2026-11-23", "09:15")]


# --- the user's zone ---------------------------------------------------------------------------


async def test_a_day_ends_at_the_end_of_that_day_in_whatever_zone_the_user_is_now(me: Face, ann: Caller) -> None:
    day, moment = (
        await me.add({"title": "a", "due": "2026-12-24"}, {"title": "b", "due": "2026-12-24T18:00+01:00"})
    ).accepted
    assert (await due_at(ann, day)).startswith("2026-12-24T22:59:59.999999")
    version = (await todo_of(ann, day))["version"]

    moved = await me.update_profile(time_zone="America/New_York")

    assert (await due_at(ann, day)).startswith("2026-12-25T04:59:59.999999")
    assert (await todo_of(ann, day))["due"] | {"at": ""} == {
        "date": "2026-12-24",
        "time": None,
        "weekday": "Thursday",
        "time_zone": "America/New_York",
        "at": "",
        "kind": "day",
    }
    assert (await due_at(ann, moment)).startswith("2026-12-24T17:00:00")
    assert (await todo_of(ann, moment))["due"]["time"] == "12:00"
    assert (await todo_of(ann, day))["version"] == version

    await me.undo(moved.change)
    assert (await due_at(ann, day)).startswith("2026-12-24T22:59:59.999999")


# --- filters -----------------------------------------------------------------------------------


@pytest.mark.requirement("TD3")
async def test_due_filters_take_days_and_moments(me: Face) -> None:
    await me.add(
        {"title": "yesterday", "due": "yesterday"},
        {"title": "morning", "due": "2026-11-21T09:00"},
        {"title": "evening", "due": "2026-11-21T20:00"},
        {"title": "today", "due": "today"},
        {"title": "tomorrow", "due": "tomorrow"},
        {"title": "never"},
    )

    assert await titles(me, due_before="today") == ["yesterday", "morning", "evening", "today"]
    assert await titles(me, due_after="today") == ["morning", "evening", "today", "tomorrow"]
    assert await titles(me, due_after="today", due_before="2026-11-21") == ["morning", "evening", "today"]
    assert await titles(me, due_before="2026-11-21T20:00") == ["yesterday", "morning"]
    assert await titles(me, due_after="2026-11-21T20:00") == ["evening", "today", "tomorrow"]
    assert await titles(me, due_before="2026-11-21T08:00:01Z") == ["yesterday", "morning"]
    assert await titles(me) == ["yesterday", "morning", "evening", "today", "tomorrow", "never"]
    assert await titles(me, direction="desc") == ["tomorrow", "today", "evening", "morning", "yesterday", "never"]


@pytest.mark.requirement("TD3")
async def test_overdue_is_what_is_open_and_past_its_due(me: Face) -> None:
    ids = (
        await me.add(
            {"title": "yesterday", "due": "yesterday"},
            {"title": "morning", "due": "2026-11-21T09:00"},
            {"title": "now", "due": "2026-11-21T12:00"},
            {"title": "today", "due": "today"},
            {"title": "done", "due": "yesterday"},
            {"title": "never"},
        )
    ).accepted
    await me.complete(ids[4])

    assert await titles(me, overdue=True) == ["yesterday", "morning"]
    assert await titles(me, overdue=True, status="all") == ["yesterday", "morning"]
    overview = await me.overview()
    assert (overview["overdue"], overview["due_today"]) == (2, 3)


@pytest.mark.requirement("TD3")
@each("bound", ["due_after", "due_before", "created_after", "updated_before", "completed_after"])
async def test_a_bound_that_is_not_certain_is_refused(me: Face, bound: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(**{bound: "at 5"})

    assert refused.value.code == "invalid_input"
    (problem,) = refused.value.told["errors"]
    assert problem["field"] == bound
    assert len(problem["allowed"]) == 2


@pytest.mark.parametrize(
    ("profile", "text", "shown"),
    [
        ({"locale": "de"}, "tomorrow 9:00", "2026-11-22 Sun 09:00"),
        ({"locale": "en-GB"}, "tomorrow 5:30", "2026-11-22 Sun 05:30"),
        ({"week_start": "sunday"}, "end of week", "2026-11-21 Sat"),
        ({"week_start": "monday"}, "end of week", "2026-11-22 Sun"),
        ({"week_start": "saturday"}, "eow", "2026-11-27 Fri"),
    ],
)
async def test_a_date_is_read_by_the_week_and_the_clock_of_the_profile(
    me: Face, profile: dict[str, str], text: str, shown: str
) -> None:
    await me.update_profile(**profile)

    written = await me.add({"title": "a", "due": text})

    assert due_in(item_of(written)) == shown


@pytest.mark.parametrize(("locale", "text"), [("en-US", "tomorrow 9:00"), ("de", "tuesday at 1")])
async def test_an_hour_that_may_be_two_is_a_question(me: Face, locale: str, text: str) -> None:
    await me.update_profile(locale=locale)

    refused = (await me.add({"title": "a", "due": text})).refusals[0]

    assert refused is not None
    assert len(refused["errors"][0]["allowed"]) == 2


@pytest.mark.parametrize(
    "text", ["every monday", "mondays", "daily", "weekly on fri", "every third friday", "FREQ=DAILY", "twice a week"]
)
async def test_a_repeat_as_a_due_is_told_where_it_belongs(me: Face, text: str) -> None:
    refused = (await me.add({"title": "a", "due": text})).refusals[0]

    assert refused is not None
    (problem,) = refused["errors"]
    assert problem["field"].endswith("due")
    assert "send it as `repeat`" in problem["message"]
    assert (await me.add({"title": "a", "due": "tomorrow 5pm"})).accepted
