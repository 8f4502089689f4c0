"""Todos with a start: out of sight until that day, found by whoever names them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

import orjson
import pytest

from tests.behaviour import support
from tests.behaviour.clock import NOW, app_at
from tests.behaviour.rows import item_of, todo_of
from tests.behaviour.support import refusal
from tests.faces import Face, FaceName, Json, Written, face
from tests.support import token_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.operations import changes
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("TD13")

titles = partial(support.titles, direction="asc")
ELSEWHERE: Final = "Pacific/Auckland"
"""There it is Sunday already."""


@pytest.fixture
def me(me_at_noon: Face) -> Face:
    return me_at_noon


async def starts(owner: Caller, *ids: int) -> list[str | None]:
    return [(await todo_of(owner, one))["start"] for one in ids]


def refused_in(written: Written) -> Json:
    """The only field of the only item that is refused, as it is told."""
    assert written.errors == ["invalid_input"]
    (error,) = (written.refusals[0] or {})["errors"]
    return error | {"field": error["field"].rpartition(".")[2]}


async def later(me: Face, owner: Caller) -> dict[str, Json]:
    """What has not started, by title."""
    return {todo["title"]: await todo_of(owner, todo["id"]) for todo in (await me.list(started=False)).todos}


# --- what is said ------------------------------------------------------------------------------

SAID: Final = {
    "tomorrow": "2026-11-22",
    "in 2 weeks": "2026-12-05",
    "dec 24": "2026-12-24",
    "2026-12-1": "2026-12-01",
    "end of month": "2026-11-30",
    "tonight": "2026-11-21",
    "tomorrow all day": "2026-11-22",
    "2026-11-01": "2026-11-01",
}


async def test_a_start_is_a_day_as_said(me: Face, ann: Caller) -> None:
    made = await me.add(*({"title": text, "start": text} for text in SAID))

    assert await starts(ann, *made.accepted) == [*SAID.values()]
    told = [item["start"] for item in made.items if item is not None]
    assert [start[:10] for start in told] == [*SAID.values()]
    await me.update(*({"id": one, "start": day} for one, day in zip(made.accepted, SAID.values(), strict=True)))
    assert [(await todo_of(ann, one))["version"] for one in made.accepted] == [1] * len(SAID)


TIMES: Final = {
    "tomorrow 5pm": ["2026-11-22"],
    "5pm": ["2026-11-21"],
    "9am": ["2026-11-21", "2026-11-22"],
    "in 90 minutes": ["2026-11-21"],
    "2026-12-01T09:00": ["2026-12-01"],
    "2026-12-01T23:30:00Z": ["2026-12-02"],
    "tomorrow morning": ["2026-11-22"],
    "5": ["2026-11-21", "2026-11-22", "2026-12-05"],
}


@each("text, days", TIMES.items())
async def test_a_time_is_refused_with_its_day_which_is_taken(me: Face, text: str, days: list[str]) -> None:
    (todo,) = (await me.add(*({"title": "a", "start": day} for day in days))).accepted[:1]

    for written in (await me.add({"title": "b", "start": text}), await me.update({"id": todo, "start": text})):
        told = refused_in(written)
        assert (told["field"], told["allowed"]) == ("start", days)
        assert f'"{days[0]}"' in told["message"]
        assert "`due`" in told["message"]


async def test_what_is_no_day_is_refused_as_in_a_due(me: Face) -> None:
    refused = {text: refused_in(await me.add({"title": "a", "start": text})) for text in ("next week", "every monday")}
    assert refused["next week"]["allowed"] == ["2026-11-23", "2026-11-29"]
    assert "`repeat`" in refused["every monday"]["message"]
    assert "allowed" not in refused_in(await me.add({"title": "a", "start": "someday"}))
    assert (await me.add({"title": "a", "start": "x" * 101})).errors == ["invalid_input"]


# --- out of sight ------------------------------------------------------------------------------


async def family(me: Face) -> dict[str, int]:
    """A todo that starts tomorrow with what is below it, another below one that has started, and plain ones."""
    made = await me.add(
        {"title": "later", "start": "tomorrow", "tags": ["t"], "key": "k"},
        {"title": "below", "parent_index": 0},
        {"title": "deep", "parent_index": 1},
        {"title": "plain", "tags": ["t"]},
        {"title": "sub", "parent_index": 3, "start": "2026-12-01"},
        {"title": "today", "start": "today", "due": "today"},
    )
    return dict(zip(("later", "below", "deep", "plain", "sub", "today"), made.accepted, strict=True))


async def test_until_its_start_a_todo_is_left_out_with_all_below_it(me: Face) -> None:
    ids = await family(me)
    shown, hidden = ["plain", "today"], ["later", "below", "deep", "sub"]
    (inbox,) = {todo["id"]: todo for todo in (await me.overview())["lists"]}

    assert await titles(me) == await titles(me, status="all") == await titles(me, list_id=inbox) == shown
    assert await titles(me, tags=["t"]) == ["plain"]
    assert await titles(me, parent_id=ids["plain"]) == []
    assert await titles(me, top_level=True, started=False) == ["later"]
    assert await titles(me, started=False) == await titles(me, status="all", started=False) == hidden
    assert await titles(me, started=True) == shown
    assert await titles(me, parent_id=ids["plain"], started=False) == ["sub"]
    assert [await titles(me, status="done", started=is_so) for is_so in (True, False)] == [[], []]
    listed = await me.list(limit=1)
    assert (listed.total, (await me.list(limit=1, started=False)).total) == (2, 4)


async def test_who_names_a_todo_finds_it(me: Face) -> None:
    ids = await family(me)

    assert await titles(me, ids=[ids["later"], ids["deep"], ids["plain"]]) == ["later", "deep", "plain"]
    assert await titles(me, ids=[ids["later"], ids["plain"]], started=True) == ["plain"]
    assert await titles(me, key="k") == ["later"]
    assert await titles(me, text="later") == ["later"]
    assert await titles(me, text="later", started=True) == []


async def test_the_overview_counts_apart_what_has_not_started(me: Face) -> None:
    await family(me)
    told = await me.overview()

    assert (told["open"], told["not_started"], told["due_today"]) == (2, 4, 1)
    assert told["open_by_priority"] == {"low": 0, "medium": 2, "high": 0, "urgent": 0}
    assert [one["open"] for one in told["lists"]] == [2]
    assert [one["open"] for one in told["tags"]] == [1]


async def test_what_is_done_or_in_the_trash_has_started(me: Face) -> None:
    ids = await family(me)
    await me.complete(ids["later"])
    await me.delete(ids["sub"])

    assert await titles(me, status="done") == ["later", "below", "deep"]
    assert await titles(me, status="trashed") == ["sub"]
    assert await titles(me, started=False) == []
    await me.complete(ids["deep"], completed=False)
    await me.delete(ids["sub"], deleted=False)
    assert await titles(me, started=False) == ["later", "below", "deep", "sub"]


async def test_a_day_begins_where_the_person_is(
    face_name: FaceName, me: Face, ann: Caller, settings: Settings, database_url: str
) -> None:
    ids = await family(me)
    assert "later" not in await titles(me)
    midnight, token = NOW + timedelta(hours=12), await token_of(ann)
    for now, shown in ((midnight - timedelta(seconds=1), []), (midnight, ["later", "below", "deep"])):
        async with app_at(now, settings, database_url) as app, face(face_name, app, token) as late:
            assert await titles(late) == [*shown, "plain", "today"]

    await me.update_profile(time_zone=ELSEWHERE)
    assert await titles(me) == ["later", "below", "deep", "plain", "today"]
    row = await todo_of(ann, ids["later"])
    assert (row["start"], row["version"]) == ("2026-11-22", 1)


async def test_what_starts_first_comes_first_and_what_has_no_start_last(me: Face) -> None:
    days: dict[str, Json] = {
        "b": {"start": "2026-12-02"},
        "a": {"start": "2026-12-01"},
        "c": {},
        "d": {"start": "2027-01-01"},
    }
    made = (await me.add(*({"title": title, **given} for title, given in days.items()))).accepted
    by_start = partial(support.titles, ids=made, sort="start", me=me)

    assert await by_start() == await by_start(direction="asc") == ["a", "b", "d", "c"]
    assert await by_start(direction="desc") == ["d", "b", "a", "c"]
    first = await me.list(ids=made, sort="start", limit=3)
    assert first.next_cursor is not None
    rest = await me.list(ids=made, sort="start", limit=3, cursor=first.next_cursor)
    assert [todo["title"] for todo in (*first.todos, *rest.todos)] == ["a", "b", "d", "c"]


# --- start and due -----------------------------------------------------------------------------


async def test_a_start_after_the_due_is_refused_with_both_days(me: Face, ann: Caller) -> None:
    both = {"title": "a", "start": "2026-12-02", "due": "2026-12-01T09:00"}
    told = refused_in(await me.add(both))
    assert (told["field"], told["allowed"]) == ("start", ["2026-12-01"])
    assert "2026-12-02" in told["message"]
    assert "2026-12-01" in told["message"]
    (moment,) = (await me.add({"title": "moment", "due": "2026-12-01T23:30:00Z", "start": "2026-12-02"})).accepted
    (todo,) = (await me.add(both | {"start": "2026-12-01"})).accepted

    refusals: list[tuple[Json, str, str]] = [
        ({"id": todo, "start": "2026-12-02"}, "start", "2026-12-01"),
        ({"id": todo, "due": "2026-11-30"}, "due", "2026-11-30"),
        ({"id": todo, "repeat": "daily", "due": "yesterday"}, "due", "2026-11-20"),
        ({"id": moment, "start": "2026-12-03"}, "start", "2026-12-02"),
        ({"id": moment, "due": "2026-12-01T22:30:00Z"}, "due", "2026-12-01"),
    ]
    for change, field, day in refusals:
        told = refused_in(await me.update(change))
        assert told["field"] == field
        assert day in told["message"]
    assert await starts(ann, todo, moment) == ["2026-12-01", "2026-12-02"]
    await me.update({"id": todo, "start": "2026-11-30", "due": "2026-11-30"})
    await me.update({"id": todo, "due": "2026-12-24"})
    assert await starts(ann, todo) == ["2026-11-30"]
    await me.update({"id": todo, "clear": ["due"]})
    assert await starts(ann, todo) == ["2026-11-30"]
    cleared = await me.update({"id": todo, "clear": ["start"]})
    assert await starts(ann, todo) == [None]
    await me.undo(cleared.change)
    assert await starts(ann, todo) == ["2026-11-30"]


async def test_in_a_zone_where_the_due_is_the_day_before_nothing_else_is_refused(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "due": "2026-12-01T00:30+01:00", "start": "2026-12-01"})).accepted
    await me.update_profile(time_zone="America/New_York")

    await me.update({"id": todo, "title": "b"})
    await me.update({"id": todo, "start": "2026-12-01", "due": "2026-11-30T23:30:00Z"})
    assert await starts(ann, todo) == ["2026-12-01"]
    assert refused_in(await me.update({"id": todo, "start": "2026-12-02"}))["allowed"] == ["2026-11-30"]


# --- repeats -----------------------------------------------------------------------------------


async def test_the_next_occurrence_starts_later_by_as_many_days_as_it_is_due_later(me: Face, ann: Caller) -> None:
    (todo, plain, _, series) = (
        await me.add(
            {"title": "weekly", "repeat": "every friday", "due": "2026-11-27", "start": "2026-11-25"},
            {"title": "plain", "parent_index": 0, "start": "2026-11-26"},
            {"title": "without", "parent_index": 0},
            {
                "title": "series",
                "parent_index": 0,
                "repeat": "every monday",
                "due": "2026-11-23",
                "start": "2026-11-22",
            },
        )
    ).accepted
    assert await titles(me) == []
    await me.complete(series)
    following = (await later(me, ann))["series"]
    assert (following["start"], following["due"]["date"]) == ("2026-11-29", "2026-11-30")

    done = await me.complete(todo)

    rows = await later(me, ann)
    assert {title: row["start"] for title, row in rows.items()} == {
        "weekly": "2026-12-02",
        "plain": "2026-12-03",
        "without": None,
        "series": "2026-11-29",
    }
    assert {row["parent_id"] for row in rows.values()} == {None, rows["weekly"]["id"]}
    assert item_of(done)["next"]["start"][:10] == "2026-12-02"
    assert await starts(ann, todo, plain) == ["2026-11-25", "2026-11-26"]
    assert await titles(me) == []
    await me.undo(done.change)
    assert await titles(me, started=False) == ["weekly", "plain", "without", "series"]
    assert await starts(ann, todo, following["id"]) == ["2026-11-25", "2026-11-29"]


async def test_a_moved_occurrence_and_a_skip_move_the_start_by_the_days_that_the_due_moves(
    me: Face, ann: Caller
) -> None:
    (todo, below) = (
        await me.add(
            {"title": "weekly", "repeat": "every friday", "due": "2026-11-27 17:00", "start": "2026-11-25"},
            {"title": "below", "parent_index": 0, "start": "2026-11-26"},
        )
    ).accepted
    await me.update({"id": todo, "due": "2026-11-29"})
    assert await starts(ann, todo) == ["2026-11-25"]

    skipped = await me.skip(todo)

    row = await todo_of(ann, todo)
    assert (row["due"]["date"], row["start"]) == ("2026-12-04", "2026-11-30")
    assert item_of(skipped)["start"][:10] == "2026-11-30"
    assert await starts(ann, below) == ["2026-11-26"]
    await me.undo(skipped.change)
    assert await starts(ann, todo) == ["2026-11-25"]


# --- writing -----------------------------------------------------------------------------------


async def test_a_start_is_rehearsed_recorded_versioned_and_put_back(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    await me.rehearsing().update({"id": todo, "start": "tomorrow"})
    assert await starts(ann, todo) == [None]
    changed = await me.update({"id": todo, "start": "tomorrow"}, key="once")
    again = await me.update({"id": todo, "start": "tomorrow"}, key="once")
    assert again.change_id == changed.change_id

    assert (await todo_of(ann, todo))["version"] == 2
    recorded = orjson.loads((await ann.perform(changes.get, changed.change)).json)
    (entry,) = recorded["entries"]
    assert (entry["before"]["start"], entry["after"]["start"]) == (None, "2026-11-22")
    other = await me.update({"id": todo, "start": "2026-12-01"})
    assert (await refusal(me.undo(changed.change)))["blocked_by"] == other.change
    await me.undo(other.change)
    await me.undo(changed.change)
    assert await starts(ann, todo) == [None]


async def test_a_todo_that_has_not_started_is_changed_like_any_other(me: Face, ann: Caller) -> None:
    (todo, below) = (await me.add({"title": "a", "start": "tomorrow"}, {"title": "b", "parent_index": 0})).accepted
    (garden,) = (await me.add_list("Garden")).accepted

    await me.update({"id": todo, "title": "c", "list_id": garden, "priority": "high"})
    await me.complete(below)
    row = await todo_of(ann, todo)
    assert (row["title"], row["list_id"], row["all_subtasks"], row["start"]) == ("c", garden, 1, "2026-11-22")
    trashed = await me.delete(todo)
    await me.undo(trashed.change)
    assert await starts(ann, todo) == ["2026-11-22"]
    assert await titles(me, list_id=garden) == []
