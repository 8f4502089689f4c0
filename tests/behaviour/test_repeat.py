"""Todos that repeat: completing one occurrence makes the next."""

from __future__ import annotations

import pytest

from tests.behaviour.clock import due_in
from tests.behaviour.rows import along, item_of, todo_of, todos_of
from tests.faces import Face, Json, RefusedError, Written
from tests.support import moment_of
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD11")


@pytest.fixture
def me(me_at_noon: Face) -> Face:
    return me_at_noon


async def repeating(me: Face, repeat: str, due: str | None = None, **fields: object) -> int:
    (todo,) = (
        await me.add({"title": "a", "repeat": repeat, **({} if due is None else {"due": due}), **fields})
    ).accepted
    return todo


def next_of(written: Written) -> Json:
    following = item_of(written)["next"]
    assert isinstance(following, dict)
    return following


async def days(owner: Caller, **wanted: object) -> list[str]:
    """When each open todo is due."""
    return [due_in(row) or "" for row in await todos_of(owner, status="open", **wanted)]


@pytest.mark.parametrize(
    ("series", "second"),
    [
        (("daily", None, "2026-11-21 Sat"), "2026-11-22 Sun"),
        (("every weekday", None, "2026-11-23 Mon"), "2026-11-24 Tue"),
        (("every 2 weeks on mon, thu", "2026-11-23", "2026-11-23 Mon"), "2026-11-26 Thu"),
        (("monthly", "2026-12-31", "2026-12-31 Thu"), "2027-01-31 Sun"),
        (("FREQ=MONTHLY;BYDAY=-1FR", "2026-11-21", "2026-11-27 Fri"), "2026-12-25 Fri"),
        (("every day at 9am", "tomorrow", "2026-11-22 Sun 09:00"), "2026-11-23 Mon 09:00"),
        (("weekly", "friday 17:00", "2026-11-27 Fri 17:00"), "2026-12-04 Fri 17:00"),
        (("every! 3 days", "2026-11-10", "2026-11-10 Tue"), "2026-11-24 Tue"),
        (("daily", "2026-11-10", "2026-11-10 Tue"), "2026-11-22 Sun"),
    ],
)
async def test_completing_one_occurrence_makes_the_next_and_tells_of_it(
    me: Face, ann: Caller, series: tuple[str, str | None, str], second: str
) -> None:
    repeat, due, first = series
    todo = await repeating(me, repeat, due)
    assert due_in(await todo_of(ann, todo)) == first

    written = await me.complete(todo)

    following = next_of(written)
    assert due_in(following) == second
    assert (await todo_of(ann, todo))["is_completed"] is True
    row = await todo_of(ann, following["id"])
    assert (row["title"], row["is_completed"], due_in(row)) == ("a", False, second)
    assert row["repeat"]["rule"] == (await todo_of(ann, todo))["repeat"]["rule"]
    assert moment_of(row, "created_at") > moment_of(await todo_of(ann, todo), "created_at")


async def test_the_next_occurrence_has_everything_of_the_one_before(me: Face, ann: Caller) -> None:
    (work,) = (await me.add_list("work")).accepted
    (parent,) = (await me.add({"title": "parent", "list_id": work})).accepted
    todo = await repeating(me, "daily", description="d", priority="high", tags=["x", "y"], parent_id=parent)

    following = next_of(await me.complete(todo))

    row, before = await todo_of(ann, following["id"]), await todo_of(ann, todo)
    same = ("title", "description", "priority", "tags", "list_id", "parent_id")
    assert {name: row[name] for name in same} == {name: before[name] for name in same}
    assert (await todo_of(ann, parent))["open_subtasks"] == 1


@pytest.mark.requirement("TD9")
async def test_subtasks_come_along_open_with_dates_as_much_later(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "weekly", "2026-11-23")
    below, deeper, finished, trashed = (
        await me.add(
            {"title": "below", "parent_id": todo, "due": "2026-11-20T09:00", "tags": ["x"]},
            {"title": "deeper", "parent_index": 0, "priority": "low"},
            {"title": "finished", "parent_id": todo},
            {"title": "trashed", "parent_id": todo},
        )
    ).accepted
    await me.complete(finished)
    await me.delete(trashed)

    written = await me.complete(todo)

    assert along(written) == 2
    rows = {row["title"]: row for row in await todos_of(ann, status="open")}
    assert rows.keys() == {"a", "below", "deeper", "finished"}
    assert due_in(rows["a"]) == "2026-11-30 Mon"
    assert due_in(rows["below"]) == "2026-11-27 Fri 09:00"
    assert rows["below"]["tags"] == ["x"]
    assert (rows["deeper"]["due"], rows["deeper"]["priority"]) == (None, "low")
    assert rows["below"]["parent_id"] == rows["finished"]["parent_id"] == rows["a"]["id"]
    assert rows["deeper"]["parent_id"] == rows["below"]["id"]
    assert rows["a"]["open_subtasks"] == 2
    assert not {below, deeper, finished, trashed} & {row["id"] for row in rows.values()}


@pytest.mark.requirement("TD9")
async def test_a_series_below_a_series_stays_one(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")
    below = await repeating(me, "daily", parent_id=todo)
    tomorrows = next_of(await me.complete(below))["id"]

    written = await me.complete(todo)

    assert along(written) == 1
    (row,) = await todos_of(ann, status="open", parent_id=next_of(written)["id"])
    assert (row["id"], due_in(row)) == (tomorrows, "2026-11-22 Sun")
    assert len(await todos_of(ann, status="open")) == 2


async def test_a_series_with_a_count_ends_after_it(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily, 3 times")

    second = next_of(await me.complete(todo))["id"]
    third = next_of(await me.complete(second))["id"]
    last = await me.complete(third)

    assert item_of(last).get("next") is None
    assert await days(ann) == []
    assert len(await todos_of(ann)) == 3


async def test_an_occurrence_is_completed_once_however_often_one_says_so(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")
    await me.complete(todo)

    again = await me.complete(todo)

    assert (again.unchanged, again.change_id) == ([True], None)
    assert item_of(again).get("next") is None
    assert await days(ann) == ["2026-11-22 Sun"]


@pytest.mark.parametrize("other", [{"tags": ["y"]}, {"description": "d"}, {"priority": "high"}, {}], ids=str)
async def test_series_that_look_alike_go_on_each_by_itself(me: Face, ann: Caller, other: Json) -> None:
    first, second = await repeating(me, "daily", tags=["x"]), await repeating(me, "daily", **({"tags": ["x"]} | other))

    one, two = next_of(await me.complete(first)), next_of(await me.complete(second))

    assert one["id"] != two["id"]
    assert await days(ann) == ["2026-11-22 Sun"] * 2
    row, before = await todo_of(ann, two["id"]), await todo_of(ann, second)
    same = ("description", "priority", "tags")
    assert {name: row[name] for name in same} == {name: before[name] for name in same}


async def test_series_that_look_alike_are_completed_in_one_request(me: Face, ann: Caller) -> None:
    ids = [await repeating(me, "daily"), await repeating(me, "daily")]

    await me.complete(*ids)

    assert await days(ann) == ["2026-11-22 Sun"] * 2


async def test_opening_an_occurrence_again_makes_no_more_of_them(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")
    await me.complete(todo)

    await me.complete(todo, completed=False)

    assert await days(ann) == ["2026-11-21 Sat", "2026-11-22 Sun"]


@pytest.mark.requirement("TD5")
async def test_editing_any_other_field_never_loses_the_repeat(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "every 2 weeks on mon", "2026-11-23", tags=["x"])
    (work,) = (await me.add_list("work")).accepted
    (parent,) = (await me.add({"title": "parent", "list_id": work})).accepted
    repeat = (await todo_of(ann, todo))["repeat"]

    for patch in (
        {"title": "b"},
        {"description": "d"},
        {"clear": ["description"]},
        {"priority": "high"},
        {"tags": ["y"]},
        {"list_id": work},
        {"parent_id": parent},
        {"clear": ["parent_id"]},
        {"due": "2026-11-25"},
        {"due": "2026-11-23T09:00"},
        {"due": "2026-11-23"},
    ):
        assert (await me.update({"id": todo, **patch})).errors == [None]
        assert (await todo_of(ann, todo))["repeat"] == repeat
    await me.delete(todo)
    await me.delete(todo, deleted=False)

    assert due_in(next_of(await me.complete(todo))) == "2026-12-07 Mon"


async def test_an_occurrence_that_was_moved_does_not_move_the_series(me: Face) -> None:
    todo = await repeating(me, "weekly on mon", "2026-11-23")
    await me.update({"id": todo, "due": "2026-11-25"})

    assert due_in(next_of(await me.complete(todo))) == "2026-11-30 Mon"


async def test_a_repeat_can_be_put_on_changed_and_ended(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    await me.update({"id": todo, "repeat": "every friday"})
    assert due_in(await todo_of(ann, todo)) == "2026-11-27 Fri"

    await me.update({"id": todo, "repeat": "monthly on the 1st", "due": "2026-12-01"})
    assert due_in(await todo_of(ann, todo)) == "2026-12-01 Tue"

    ended = await me.update({"id": todo, "clear": ["repeat"]})
    row = await todo_of(ann, todo)
    assert (row["repeat"], due_in(row)) == (None, "2026-12-01 Tue")
    await me.undo(ended.change)
    assert (await todo_of(ann, todo))["repeat"] is not None
    await me.update({"id": todo, "clear": ["repeat", "due"]})
    assert item_of(await me.complete(todo)).get("next") is None


async def test_a_due_cannot_be_cleared_from_under_a_repeat(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")
    before = await todo_of(ann, todo)

    refused = await me.update({"id": todo, "clear": ["due"]})

    assert refused.errors == ["invalid_input"]
    assert await todo_of(ann, todo) == before


@pytest.mark.parametrize("text", ["sometimes", "biweekly", "every third friday", "FREQ=HOURLY", "daily and weekly"])
async def test_a_repeat_that_is_not_certain_is_refused(me: Face, ann: Caller, text: str) -> None:
    todo = await repeating(me, "daily")

    for refused in (await me.add({"title": "b", "repeat": text}), await me.update({"id": todo, "repeat": text})):
        assert refused.errors == ["invalid_input"]
        assert [problem["field"] for problem in (refused.refusals[0] or {})["errors"]] == ["repeat"]

    assert len(await todos_of(ann)) == 1


# --- skip --------------------------------------------------------------------------------------


async def test_a_skipped_occurrence_goes_on_to_its_next_date(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "weekly, 3 times", "2026-11-23")

    skipped = await me.skip(todo)

    assert due_in(item_of(skipped)) == "2026-11-30 Mon"
    row = await todo_of(ann, todo)
    assert (row["is_completed"], due_in(row), row["version"]) == (False, "2026-11-30 Mon", 2)
    assert len(await todos_of(ann)) == 1
    undone = await me.undo(skipped.change)
    assert await days(ann) == ["2026-11-23 Mon"]
    await me.undo(undone.change)
    assert await days(ann) == ["2026-11-30 Mon"]
    await me.skip(todo)
    assert (await me.skip(todo)).errors == ["invalid_input"]  # it is the last
    assert await days(ann) == ["2026-12-07 Mon"]


@pytest.mark.requirement("TD9")
async def test_skipping_opens_the_ticked_subtasks_and_says_how_many(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "weekly", "2026-11-23")
    below, deeper = (await me.add({"title": "x", "parent_id": todo}, {"title": "y", "parent_index": 0})).accepted
    await me.complete(below)

    skipped = await me.skip(todo)

    assert along(skipped) == 2
    assert {below, deeper} < {row["id"] for row in await todos_of(ann, status="open")}
    await me.undo(skipped.change)
    assert await days(ann) == ["2026-11-23 Mon"]


async def test_only_an_open_todo_that_repeats_is_skipped(me: Face, ann: Caller) -> None:
    plain, *_ = (await me.add({"title": "a"}, {"title": "b", "due": "today"})).accepted
    done, trashed = await repeating(me, "daily"), await repeating(me, "daily")
    await me.complete(done)
    await me.delete(trashed)
    before = await todos_of(ann)

    written = await me.skip(plain, done, trashed, 2**62)

    assert written.errors == ["invalid_input", "invalid_input", "not_found", "not_found"]
    assert await todos_of(ann) == before


@pytest.mark.requirement("SA1")
async def test_skipping_twice_with_one_key_skips_once(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")

    first, again = await me.skip(todo, key="key"), await me.skip(todo, key="key")

    assert (first.change_id, first.items) == (again.change_id, again.items)
    assert again.replayed
    assert await days(ann) == ["2026-11-22 Sun"]


@pytest.mark.requirement("SA1")
async def test_completing_twice_with_one_key_tells_of_the_same_next_occurrence(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")

    first, again = await me.complete(todo, key="key"), await me.complete(todo, key="key")

    assert next_of(first) == next_of(again)
    assert await days(ann) == ["2026-11-22 Sun"]


# --- undo --------------------------------------------------------------------------------------


@pytest.mark.requirement("SA3")
async def test_undoing_a_completion_takes_the_next_occurrence_back_with_its_subtasks(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "weekly", "2026-11-23", tags=["x"])
    await me.add({"title": "below", "parent_id": todo, "tags": ["y"]}, {"title": "deeper", "parent_index": 0})
    before = [(row["id"], row["is_completed"], row["due"], row["tags"]) for row in await todos_of(ann)]
    completed = await me.complete(todo)
    after = [(row["id"], row["is_completed"], row["due"], row["tags"]) for row in await todos_of(ann)]
    assert len(after) == 6

    undone = await me.undo(completed.change)
    assert [(row["id"], row["is_completed"], row["due"], row["tags"]) for row in await todos_of(ann)] == before

    redone = await me.undo(undone.change)
    assert [(row["id"], row["is_completed"], row["due"], row["tags"]) for row in await todos_of(ann)] == after
    assert due_in(next_of(await me.complete(after[3][0]))) == "2026-12-07 Mon"

    with pytest.raises(RefusedError) as refused:
        await me.undo(redone.change)
    assert refused.value.code == "undo_refused"


async def test_completing_the_parent_completes_a_repeating_subtask_and_makes_no_next(me: Face, ann: Caller) -> None:
    (parent,) = (await me.add({"title": "parent"})).accepted
    todo = await repeating(me, "daily", parent_id=parent)

    await me.complete(parent)

    assert await days(ann) == []
    assert (await todo_of(ann, todo))["is_completed"] is True


async def test_several_that_repeat_are_completed_in_one_request(me: Face) -> None:
    ids = [await repeating(me, "daily"), await repeating(me, "weekly", "2026-11-23")]
    (plain,) = (await me.add({"title": "plain"})).accepted

    written = await me.complete(*ids, plain)

    told = [due_in((item or {}).get("next") or {}) for item in written.items]
    assert told == ["2026-11-22 Sun", "2026-11-30 Mon", None]


@pytest.mark.requirement("TD5")
async def test_completing_by_an_update_makes_the_next_occurrence_too(me: Face, ann: Caller) -> None:
    todo = await repeating(me, "daily")

    await me.update({"id": todo, "is_completed": True, "title": "b"})

    assert await days(ann) == ["2026-11-22 Sun"]
    assert [row["title"] for row in await todos_of(ann)] == ["b", "b"]


@pytest.mark.parametrize(
    "text", ["tuesday", "nov 1", "2026-12-01", "in 2 weeks", "tomorrow 5pm", "next friday", "3 days"]
)
async def test_a_date_as_a_repeat_is_told_where_it_belongs(me: Face, text: str) -> None:
    refused = (await me.add({"title": "a", "repeat": text})).refusals[0]

    assert refused is not None
    (problem,) = refused["errors"]
    assert problem["field"].endswith("repeat")
    assert "send a date as `due`" in problem["message"]
    for advice in ("every week", "every 3 days"):
        assert f'"{advice}"' in problem["message"]
        assert (await me.add({"title": "a", "repeat": advice})).accepted


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("every week 3 times", "every mon, wed and fri", "every week, 3 times"),
        ("three times a week", "every mon, wed and fri", "every week, 3 times"),
        ("every third friday", "every 3 weeks on Fri", "every month on the 3rd Fri"),
    ],
)
async def test_a_repeat_with_two_readings_is_refused_with_both(me: Face, text: str, one: str, other: str) -> None:
    refused = (await me.add({"title": "a", "repeat": text})).refusals[0]

    assert refused is not None
    (problem,) = refused["errors"]
    assert problem["allowed"] == [one, other]
    assert len((await me.add({"title": "a", "repeat": one}, {"title": "b", "repeat": other})).accepted) == 2


async def test_the_week_of_a_series_stays_when_the_profile_changes(me: Face, ann: Caller) -> None:
    await me.update_profile(week_start="sunday")
    text = "every 5 weeks on sun, mon, tue, wed, thu"
    words = await repeating(me, text, "2026-12-06")
    rule = await repeating(me, "FREQ=WEEKLY;INTERVAL=5;BYDAY=SU,MO", "2026-12-06")
    assert (await todo_of(ann, words))["repeat"]["rule"].endswith("WKST=SU")

    await me.update_profile(week_start="monday")

    assert due_in(next_of(await me.complete(words))) == "2026-12-07 Mon"
    assert due_in(next_of(await me.complete(rule))) == "2027-01-04 Mon"
    later = await repeating(me, text, "2026-12-06")
    assert due_in(next_of(await me.complete(later))) == "2027-01-04 Mon"
