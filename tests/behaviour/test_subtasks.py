"""Subtasks: a family goes together."""

from __future__ import annotations

import pytest

from tests.behaviour.rows import along, item_of, todo_of, todos_of
from tests.faces import Face, Json
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD9")


async def family(me: Face, depth: int = 2) -> list[int]:
    """A todo, a subtask, a subtask of that, and so on, `depth` levels below the first."""
    new: list[Json] = [{"title": "0"}]
    new += [{"title": str(n), "parent_index": n - 1} for n in range(1, depth + 1)]
    return (await me.add(*new)).accepted


async def done(owner: Caller) -> list[bool]:
    return [row["is_completed"] for row in await todos_of(owner)]


async def test_subtasks_are_made_below_a_todo_or_below_one_of_the_same_request(me: Face, ann: Caller) -> None:
    (top,) = (await me.add({"title": "top"})).accepted
    below, deeper, other = (
        await me.add({"title": "a", "parent_id": top}, {"title": "b", "parent_index": 0}, {"title": "c"})
    ).accepted

    assert [row["parent_id"] for row in await todos_of(ann)] == [None, top, below, None]
    assert [row["open_subtasks"] for row in await todos_of(ann)] == [1, 1, 0, 0]
    assert {deeper, other} <= {row["id"] for row in await todos_of(ann)}


async def test_a_page_can_have_the_subtasks_of_one_todo_or_no_subtasks_at_all(me: Face) -> None:
    top, below, deeper = await family(me)

    assert [todo["id"] for todo in (await me.list(parent_id=top)).todos] == [below]
    assert [todo["id"] for todo in (await me.list(parent_id=below)).todos] == [deeper]
    assert [todo["id"] for todo in (await me.list(top_level=True)).todos] == [top]


@pytest.mark.requirement("TD2")
async def test_the_counts_are_of_subtasks_right_below(me: Face, ann: Caller) -> None:
    top, *_ = await family(me)
    open_, finished, trashed = (await me.add(*({"title": "x", "parent_id": top} for _ in range(3)))).accepted
    assert (await todo_of(ann, top))["open_subtasks"] == 4

    await me.complete(finished)
    await me.delete(trashed)

    row = await todo_of(ann, top)
    assert (row["all_subtasks"], row["open_subtasks"], row["done_subtasks"]) == (3, 2, 1)
    (told,) = (await me.list(ids=[top])).todos
    assert (told["all_subtasks"], told["open_subtasks"], told["done_subtasks"]) == (3, 2, 1)
    assert (await todo_of(ann, open_))["all_subtasks"] == 0


async def test_subtasks_go_five_deep_and_no_deeper(me: Face) -> None:
    ids = await family(me, 5)
    refused = await me.add({"title": "too deep", "parent_id": ids[-1]}, {"title": "a", "parent_id": ids[-2]})

    assert refused.errors == ["invalid_input", None]
    assert [problem["field"] for problem in (refused.refusals[0] or {})["errors"]] == ["parent_id"]
    in_one = await me.add({"title": "x", "parent_id": ids[-2]}, {"title": "y", "parent_index": 0})
    assert in_one.errors == [None, "invalid_input"]


async def test_a_family_is_moved_below_another_todo_only_as_far_as_it_fits(me: Face, ann: Caller) -> None:
    ids, (top, below) = await family(me, 3), (await family(me, 1))

    refused = await me.update({"id": top, "parent_id": ids[3]}, {"id": ids[0], "parent_id": below})
    assert refused.errors == [None, "invalid_input"]

    moved = await me.update({"id": top, "parent_id": ids[2]})
    assert moved.errors == [None]
    assert (await todo_of(ann, top))["parent_id"] == ids[2]


async def test_nothing_is_moved_below_itself(me: Face, ann: Caller) -> None:
    ids = await family(me)
    before = await todos_of(ann)

    for parent in ids:
        refused = await me.update({"id": ids[0], "parent_id": parent})
        assert refused.errors == ["invalid_input"]

    assert await todos_of(ann) == before


async def test_two_moves_of_one_request_cannot_make_a_cycle(me: Face, ann: Caller) -> None:
    first, second = (await me.add({"title": "a"}, {"title": "b"})).accepted

    moved = await me.update({"id": first, "parent_id": second}, {"id": second, "parent_id": first})

    assert moved.errors == [None, "invalid_input"]
    assert [row["parent_id"] for row in await todos_of(ann)] == [second, None]


async def test_a_subtask_can_be_taken_out_of_its_family(me: Face, ann: Caller) -> None:
    top, below, deeper = await family(me)

    await me.update({"id": below, "clear": ["parent_id"]})

    assert [row["parent_id"] for row in await todos_of(ann)] == [None, None, below]
    assert (await todo_of(ann, top))["open_subtasks"] == 0
    assert (await todo_of(ann, deeper))["parent_id"] == below


@pytest.mark.parametrize("state", ["done", "trashed", "gone"])
async def test_a_parent_has_to_be_there_and_open(me: Face, ann: Caller, state: str) -> None:
    parent, other = (await me.add({"title": "parent"}, {"title": "other"})).accepted
    await (me.complete(parent) if state == "done" else me.delete(parent))
    wanted = {"parent_id": 2**62 if state == "gone" else parent}

    code = "invalid_input" if state == "done" else "not_found"
    assert (await me.add({"title": "x", **wanted})).errors == [code]
    assert (await me.update({"id": other, **wanted})).errors == [code]
    assert (await todo_of(ann, other))["parent_id"] is None


@pytest.mark.requirement("LT1")
async def test_a_subtask_is_in_the_list_of_its_parent(me: Face, ann: Caller) -> None:
    (work,) = (await me.add_list("work")).accepted
    (home,) = (await me.add_list("home")).accepted
    (top,) = (await me.add({"title": "top", "list_id": work})).accepted
    (other,) = (await me.add({"title": "other", "list_id": home})).accepted
    below, refused = (
        await me.add({"title": "below", "parent_id": top}, {"title": "x", "parent_id": top, "list_id": home})
    ).errors

    assert (below, refused) == (None, "invalid_input")
    assert [row["list_id"] for row in await todos_of(ann)] == [work, home, work]
    await me.update({"id": other, "parent_id": top})
    assert (await todo_of(ann, other))["list_id"] == work

    moved = await me.update({"id": top, "list_id": home})

    assert {row["list_id"] for row in await todos_of(ann)} == {home}
    refused_move = await me.update({"id": other, "list_id": work})
    assert refused_move.errors == ["invalid_input"]
    await me.undo(moved.change)
    assert {row["list_id"] for row in await todos_of(ann)} == {work}


# --- completing --------------------------------------------------------------------------------


@pytest.mark.requirement("TD6")
async def test_completing_a_parent_completes_what_is_open_below_and_says_how_many(me: Face, ann: Caller) -> None:
    top, below, _ = await family(me)
    (already,) = (await me.add({"title": "x", "parent_id": top})).accepted
    await me.complete(already)
    before = await todo_of(ann, already)

    written = await me.complete(top)

    assert along(written) == 2
    assert await done(ann) == [True] * 4
    assert await todo_of(ann, already) == before
    (change,) = await me.changes(limit=1)
    assert change["id"] == written.change

    await me.undo(written.change)
    assert await done(ann) == [False, False, False, True]
    assert (await todo_of(ann, top))["open_subtasks"] == 1
    assert (await todo_of(ann, below))["completed_at"] is None


@pytest.mark.requirement("TD6")
async def test_a_parent_that_is_completed_again_changes_nothing(me: Face, ann: Caller) -> None:
    top, *_ = await family(me)
    await me.complete(top)
    before = await todos_of(ann)

    again = await me.complete(top)

    assert (again.unchanged, again.change_id) == ([True], None)
    assert await todos_of(ann) == before


@pytest.mark.requirement("TD6", "TD5")
async def test_completing_by_an_update_takes_subtasks_along_too(me: Face, ann: Caller) -> None:
    top, *_ = await family(me)

    written = await me.update({"id": top, "is_completed": True, "title": "renamed"})

    assert await done(ann) == [True] * 3
    await me.undo(written.change)
    assert [row["title"] for row in await todos_of(ann)] == ["0", "1", "2"]
    assert await done(ann) == [False] * 3


@pytest.mark.requirement("TD6")
async def test_opening_a_subtask_opens_what_is_above_it_and_nothing_else(me: Face, ann: Caller) -> None:
    top, below, deeper = await family(me)
    (sibling,) = (await me.add({"title": "x", "parent_id": top})).accepted
    await me.complete(top)

    written = await me.complete(below, completed=False)

    opened = {row["id"] for row in await todos_of(ann) if not row["is_completed"]}
    assert opened == {top, below}
    assert {deeper, sibling} & opened == set()
    assert (await todo_of(ann, top))["open_subtasks"] == 1
    await me.undo(written.change)
    assert await done(ann) == [True] * 4


@pytest.mark.requirement("TD6")
async def test_a_parent_and_a_subtask_in_one_request_are_counted_once(me: Face, ann: Caller) -> None:
    top, below, deeper = await family(me)

    written = await me.complete(top, below)

    told = [(item or {}).get("subtasks", (item or {}).get("subtasks_changed", 0)) for item in written.items]
    assert sum(told) == 1
    assert written.errors == [None, None]
    assert await done(ann) == [True] * 3
    assert (await todo_of(ann, deeper))["version"] == 2
    assert (await todo_of(ann, below))["version"] == 2


# --- the trash ---------------------------------------------------------------------------------


@pytest.mark.requirement("TD7")
async def test_subtasks_go_to_the_trash_along_and_come_back_with_the_family(me: Face, ann: Caller) -> None:
    top, _, deeper = await family(me)
    await me.complete(deeper)
    before = [{**row, "version": 0, "updated_at": ""} for row in await todos_of(ann)]

    written = await me.delete(top)
    assert along(written) == 2
    assert await todos_of(ann) == []
    assert (await me.list(status="trashed")).total == 3

    restored = await me.delete(top, deleted=False)
    assert along(restored) == 2
    assert [{**row, "version": 0, "updated_at": ""} for row in await todos_of(ann)] == before


@pytest.mark.requirement("TD7")
async def test_what_went_to_the_trash_before_stays_there(me: Face, ann: Caller) -> None:
    top, below, deeper = await family(me)
    await me.delete(deeper)
    await me.delete(top)

    await me.delete(top, deleted=False)

    assert [row["id"] for row in await todos_of(ann)] == [top, below]
    assert [row["id"] for row in await todos_of(ann, status="trashed")] == [deeper]


@pytest.mark.requirement("TD7")
async def test_a_subtask_that_is_restored_brings_back_what_is_above_it(me: Face, ann: Caller) -> None:
    top, below, deeper = await family(me)
    (sibling,) = (await me.add({"title": "x", "parent_id": top})).accepted
    await me.delete(top)

    await me.delete(below, deleted=False)

    assert [row["id"] for row in await todos_of(ann)] == [top, below, deeper]
    assert [row["id"] for row in await todos_of(ann, status="trashed")] == [sibling]


@pytest.mark.requirement("TD7", "SA3")
async def test_undoing_brings_a_family_back_from_the_trash_and_undoing_that_trashes_it(me: Face, ann: Caller) -> None:
    top, *_ = await family(me)
    before = [row["id"] for row in await todos_of(ann)]
    trashed = await me.delete(top)

    undone = await me.undo(trashed.change)
    assert [row["id"] for row in await todos_of(ann)] == before

    await me.undo(undone.change)
    assert await todos_of(ann) == []


@pytest.mark.requirement("TD7", "TD6")
async def test_an_open_subtask_comes_back_only_below_an_open_parent(me: Face, ann: Caller) -> None:
    """No state has an open todo below one that is done."""
    top, below = await family(me, 1)
    await me.delete(below)
    await me.complete(top)

    await me.delete(below, deleted=False)

    rows = {row["id"]: row for row in await todos_of(ann)}
    assert rows[below]["is_completed"] or not rows[top]["is_completed"]


@pytest.mark.requirement("SA3")
async def test_undo_of_a_move_is_refused_where_it_would_make_a_cycle(me: Face, ann: Caller) -> None:
    top, below = await family(me, 1)
    out = await me.update({"id": below, "clear": ["parent_id"]})
    await me.update({"id": top, "parent_id": below})
    before = await todos_of(ann)

    with pytest.raises(Exception, match="undo_refused"):
        await me.undo(out.change)

    assert await todos_of(ann) == before


@pytest.mark.requirement("SA2", "MC3")
async def test_the_answer_tells_of_the_todo_and_the_record_of_everything_that_went_along(me: Face) -> None:
    top, below, deeper = await family(me)

    written = await me.complete(top)

    assert item_of(written)["id"] == top
    (change,) = await me.changes(limit=1)
    entries = change.get("entries", change.get("rows"))
    assert {entry.get("id", entry.get("todo")) for entry in entries} == {top, below, deeper}
