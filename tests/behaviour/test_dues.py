"""A due is a day, a wall-clock time, or a moment; what is said of one that is there leaves the rest of it."""

from __future__ import annotations

from functools import partial
from typing import Final

import pytest

from tests.behaviour import support
from tests.behaviour.clock import ZONE, due_in
from tests.behaviour.rows import item_of, todo_of, todos_of
from tests.faces import Face, Json
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD10")

titles = partial(support.titles, sort="due")
ELSEWHERE: Final = "America/New_York"
KINDS: Final = {"day": "2026-12-24", "time": "2026-12-24T17:00", "moment": "2026-12-24T17:00+01:00"}


@pytest.fixture
def me(me_at_noon: Face) -> Face:
    return me_at_noon


async def dues(owner: Caller) -> dict[str, tuple[str | None, str, str]]:
    """How each todo reads, by title: date and time, kind, and when that is."""
    rows = await todos_of(owner)
    return {row["title"]: (due_in(row), row["due"]["kind"], row["due"]["at"][:16]) for row in rows}


# --- another time zone -------------------------------------------------------------------------


async def test_in_another_zone_days_and_wall_clock_times_follow_and_moments_stay(me: Face, ann: Caller) -> None:
    spoken = KINDS | {"span": "in 90 minutes", "words": "tomorrow 5pm", "utc": "2026-12-24T16:00:00Z"}
    await me.add(*({"title": title, "due": due} for title, due in spoken.items()))
    here = {
        "day": ("2026-12-24 Thu", "day", "2026-12-24T22:59"),
        "time": ("2026-12-24 Thu 17:00", "time", "2026-12-24T16:00"),
        "moment": ("2026-12-24 Thu 17:00", "moment", "2026-12-24T16:00"),
        "span": ("2026-11-21 Sat 13:30", "moment", "2026-11-21T12:30"),
        "words": ("2026-11-22 Sun 17:00", "time", "2026-11-22T16:00"),
        "utc": ("2026-12-24 Thu 17:00", "moment", "2026-12-24T16:00"),
    }
    assert await dues(ann) == here
    before = await todos_of(ann)
    overview = await me.overview()

    moved = await me.update_profile(time_zone=ELSEWHERE)

    assert await dues(ann) == {
        "day": ("2026-12-24 Thu", "day", "2026-12-25T04:59"),
        "time": ("2026-12-24 Thu 17:00", "time", "2026-12-24T22:00"),
        "moment": ("2026-12-24 Thu 11:00", "moment", "2026-12-24T16:00"),
        "span": ("2026-11-21 Sat 07:30", "moment", "2026-11-21T12:30"),
        "words": ("2026-11-22 Sun 17:00", "time", "2026-11-22T22:00"),
        "utc": ("2026-12-24 Thu 11:00", "moment", "2026-12-24T16:00"),
    }
    assert moved.shown_otherwise == 3
    after = await todos_of(ann)
    assert [row | {"due": None} for row in after] == [row | {"due": None} for row in before]
    assert await titles(me, due_after="2026-12-24T16:30", due_before="2026-12-24") == ["time", "day"]
    assert (await me.overview())["due_today"] == overview["due_today"] == 1

    await me.undo(moved.change)
    assert await dues(ann) == here


async def test_the_answer_tells_only_of_open_todos_that_read_otherwise(me: Face) -> None:
    moment = {"due": "2026-12-24T16:00Z"}
    done, trashed, *_ = (
        await me.add({"title": "done", **moment}, {"title": "trashed", **moment}, {"title": "open", **moment})
    ).accepted
    await me.add({"title": "never"}, {"title": "day", "due": "today"}, {"title": "time", "due": "tomorrow 5pm"})
    await me.complete(done)
    await me.delete(trashed)

    assert (await me.update_profile(locale="de")).shown_otherwise == 0
    assert (await me.update_profile(time_zone="Europe/Vienna")).shown_otherwise == 0
    assert (await me.update_profile(time_zone=ELSEWHERE)).shown_otherwise == 1
    assert (await me.update_profile(time_zone=ELSEWHERE)).shown_otherwise == 0


@pytest.mark.requirement("SA3")
async def test_a_due_is_put_back_as_it_was_wherever_the_person_is_now(me: Face, ann: Caller) -> None:
    ids = (await me.add(*({"title": kind, "due": due} for kind, due in KINDS.items()))).accepted
    changed = await me.update(*({"id": one, "due": "2027-01-15T08:00"} for one in ids))
    await me.update_profile(time_zone=ELSEWHERE)

    undone = await me.undo(changed.change)

    back = {
        "day": ("2026-12-24 Thu", "day", "2026-12-25T04:59"),
        "time": ("2026-12-24 Thu 17:00", "time", "2026-12-24T22:00"),
        "moment": ("2026-12-24 Thu 11:00", "moment", "2026-12-24T16:00"),
    }
    assert await dues(ann) == back
    await me.undo(undone.change)
    assert {due for due, *_ in (await dues(ann)).values()} == {"2027-01-15 Fri 08:00"}


async def test_a_moment_is_told_as_one(me: Face) -> None:
    written = await me.add(*({"title": kind, "due": due} for kind, due in KINDS.items()))
    listed = (await me.list(sort="created", direction="asc")).todos

    for told in (written.items, listed):
        kinds = []
        for row in told:
            assert row is not None
            due = row["due"]
            kinds.append(due["kind"] if isinstance(due, dict) else "moment" if "due_at" in row else None)
            if kinds[-1] == "moment":
                at = due["at"] if isinstance(due, dict) else row["due_at"]
                assert at.startswith("2026-12-24T16:00:00")
        assert kinds in (["day", "time", "moment"], [None, None, "moment"])


# --- what repeats ------------------------------------------------------------------------------


@pytest.mark.requirement("TD11")
@pytest.mark.parametrize("due", ["2026-11-23T09:00", "2026-11-23T09:00+01:00"])
async def test_a_series_at_nine_goes_on_at_nine_in_another_zone(me: Face, ann: Caller, due: str) -> None:
    (todo,) = (await me.add({"title": "a", "due": due, "repeat": "every week"})).accepted
    assert (await todo_of(ann, todo))["due"]["kind"] == "time"

    await me.update_profile(time_zone=ELSEWHERE)
    assert due_in(await todo_of(ann, todo)) == "2026-11-23 Mon 09:00"
    following = item_of(await me.complete(todo))["next"]

    assert due_in(following) == "2026-11-30 Mon 09:00"
    assert (await todo_of(ann, following["id"]))["due"]["at"].startswith("2026-11-30T14:00")
    skipped = await me.skip(following["id"])
    assert due_in(item_of(skipped)) == "2026-12-07 Mon 09:00"


@pytest.mark.requirement("TD11")
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("wednesday", "2026-11-25 Wed 09:00"),
        ("2026-11-25", "2026-11-25 Wed 09:00"),
        ("4pm", "2026-11-23 Mon 16:00"),
        ("wednesday 4pm", "2026-11-25 Wed 16:00"),
        ("wednesday all day", "2026-11-25 Wed"),
        ("no time", "2026-11-23 Mon"),
        ("2026-11-25T18:00-05:00", "2026-11-26 Thu 00:00"),
    ],
)
async def test_one_occurrence_is_changed_as_said_and_the_series_keeps_its_days_and_its_hour(
    me: Face, ann: Caller, said: str, shown: str
) -> None:
    (todo,) = (await me.add({"title": "a", "due": "2026-11-23T09:00", "repeat": "every monday"})).accepted
    repeat = (await todo_of(ann, todo))["repeat"]

    changed = await me.update({"id": todo, "due": said})

    assert due_in(item_of(changed)) == shown
    assert (await todo_of(ann, todo))["repeat"] == repeat
    assert due_in(item_of(await me.complete(todo))["next"]) == "2026-11-30 Mon 09:00"


@pytest.mark.requirement("TD11", "TD9")
async def test_a_subtask_keeps_its_kind_in_the_next_occurrence(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "due": "2026-11-23", "repeat": "every week"})).accepted
    await me.add(*({"title": kind, "parent_id": todo, "due": due} for kind, due in KINDS.items()))

    await me.complete(todo)

    rows = {row["title"]: row["due"] for row in await todos_of(ann, status="open")}
    assert {title: (due["date"], due["time"], due["kind"]) for title, due in rows.items()} == {
        "a": ("2026-11-30", None, "day"),
        "day": ("2026-12-31", None, "day"),
        "time": ("2026-12-31", "17:00", "time"),
        "moment": ("2026-12-31", "17:00", "moment"),
    }


# --- as said -----------------------------------------------------------------------------------


async def test_what_is_not_said_of_a_due_stays(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "due": "2026-12-24T17:00"})).accepted
    story = {
        "tuesday": "2026-11-24 Tue 17:00",
        "4pm": "2026-11-24 Tue 16:00",
        "tomorrow": "2026-11-22 Sun 16:00",
        "2026-12-01 all day": "2026-12-01 Tue",
        "dec 2": "2026-12-02 Wed",
        "9am": "2026-12-02 Wed 09:00",
        "dec 3 5pm": "2026-12-03 Thu 17:00",
        "no time": "2026-12-03 Thu",
        "2026-12-04T10:00Z": "2026-12-04 Fri 11:00",
        "dec 5": "2026-12-05 Sat 11:00",
    }
    kinds = []

    for said, shown in story.items():
        assert due_in(item_of(await me.update({"id": todo, "due": said}))) == shown, said
        kinds.append((await todo_of(ann, todo))["due"]["kind"])

    assert kinds == ["time"] * 3 + ["day"] * 2 + ["time"] * 2 + ["day"] + ["moment"] * 2
    (new,) = (await me.add({"title": "b", "due": "dec 5"})).accepted
    assert (await todo_of(ann, new))["due"]["kind"] == "day"


async def test_two_items_of_one_request_are_each_as_said_of_their_own(me: Face) -> None:
    ids = (await me.add({"title": "a", "due": "2026-12-24T17:00"}, {"title": "b", "due": "2026-12-24"})).accepted

    changed = await me.update(*({"id": one, "due": "dec 1"} for one in ids))

    assert [due_in(item or {}) for item in changed.items] == ["2026-12-01 Tue 17:00", "2026-12-01 Tue"]


async def test_a_reading_that_is_sent_back_follows_the_person(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "due": "2026-12-24T17:00"})).accepted
    refused = (await me.update({"id": todo, "due": "saturday"})).refusals[0]
    assert refused is not None
    readings = refused["errors"][0]["allowed"]
    assert readings == ["2026-11-21T17:00:00", "2026-11-28T17:00:00"]

    await me.update({"id": todo, "due": readings[1]})

    due: Json = (await todo_of(ann, todo))["due"]
    assert (due["date"], due["time"], due["kind"], due["time_zone"]) == ("2026-11-28", "17:00", "time", ZONE)
