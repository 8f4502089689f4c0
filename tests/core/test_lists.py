"""Lists: constant costs, positions between positions, and what happens at the same time."""

from __future__ import annotations

from typing import Any

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import add, codes, everything_of, on_the_wire, row_of, told
from todo_core.boundary.operation import Caller
from todo_core.errors import Conflict
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, todos
from todo_core.rules.positions import LONGEST, digits

pytestmark = pytest.mark.requirement("LT1")


async def names(caller: Caller) -> list[str]:
    return [row["name"] for row in orjson.loads((await caller.perform(lists.list_, ListQuery())).json)]


async def new_list(caller: Caller, name: str) -> int:
    found: int = row_of(await caller.perform(lists.add, [ListCreate(name=name)]))["id"]
    return found


async def fill(caller: Caller, list_id: int, count: int) -> None:
    for start in range(0, count, 50):
        new = [TodoCreate(title="x", list_id=list_id) for _ in range(min(50, count - start))]
        await caller.perform(todos.add, new)


@pytest.mark.requirement("DB4")
@pytest.mark.parametrize("afterwards", ["trash", "move"])
async def test_deleting_a_list_and_undoing_it_costs_a_constant_number_of_statements(
    ann: Caller, afterwards: str
) -> None:
    counts = []

    for many in (1, 120):
        doomed, other = await new_list(ann, f"doomed {many}"), await new_list(ann, f"other {many}")
        await fill(ann, doomed, many)
        removal = ListRemoval(todos=afterwards, move_to=other if afterwards == "move" else None)
        with on_the_wire() as wire:
            deleted = await ann.perform(lists.delete, [doomed], removal)
        counts.append(len(wire.sent))
        with on_the_wire() as wire:
            undone = await ann.perform(changes.undo, deleted.change_id)
        counts.append(len(wire.sent))
        assert len(undone.results) == many + 1

    assert counts[:2] == counts[2:]


@pytest.mark.requirement("LT1", "OW6")
async def test_a_list_can_be_moved_between_two_others_for_ever(ann: Caller, admin: asyncpg.Connection) -> None:
    first, second, third = [await new_list(ann, name) for name in "abc"]
    await ann.perform(lists.update, [{"id": first, "position": 1}])

    for _ in range(200):
        await ann.perform(lists.update, [{"id": third, "position": 2}])
        await ann.perform(lists.update, [{"id": second, "position": 2}])

    rows = (await everything_of(admin, ann.principal.user_id))["lists"]
    assert len({row["position"] for row in rows}) == 4
    assert max(digits(row["position"]) for row in rows) <= LONGEST
    assert await names(ann) == ["a", "b", "c", "Inbox"]
    # Now and then the other of the two gets a shorter position, and the lists around them never do.
    versions = {row["name"]: row["version"] for row in rows}
    assert (versions["Inbox"], versions["a"]) == (1, 2)
    assert {versions["b"], versions["c"]} <= {*range(201, 206)}


@pytest.mark.requirement("SA3", "OW6")
async def test_a_move_that_makes_room_is_undone_to_the_digit_and_done_again(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    async def positions() -> dict[str, Any]:
        rows = (await everything_of(admin, ann.principal.user_id))["lists"]
        return {row["name"]: row["position"] for row in rows}

    first, second, third = [await new_list(ann, name) for name in "abc"]
    await ann.perform(lists.update, [{"id": first, "position": 1}])
    while True:
        first, second = second, first
        before = await positions()
        moved = await ann.perform(lists.update, [{"id": third if first < second else first, "position": 2}])
        if len(moved.touched) > 1:
            break
    after = await positions()
    assert sorted(before, key=before.__getitem__) != sorted(after, key=after.__getitem__)

    undone = await ann.perform(changes.undo, moved.change_id)
    assert await positions() == before
    await ann.perform(changes.undo, undone.change_id)
    assert await positions() == after


@pytest.mark.requirement("SA3", "OW6")
async def test_a_list_that_comes_back_to_a_crowded_place_makes_room(ann: Caller, admin: asyncpg.Connection) -> None:
    """Moved away, and its place taken by others until positions there are as long as they get."""
    ids = {name: await new_list(ann, name) for name in "abc"}
    away = await ann.perform(lists.update, [{"id": ids["a"], "position": 9}])
    for _ in range(150):
        for name in "bc":
            await ann.perform(lists.update, [{"id": ids[name], "position": 2}])
        back = await ann.perform(changes.undo, away.change_id)
        away = await ann.perform(changes.undo, back.change_id)

    rows = (await everything_of(admin, ann.principal.user_id))["lists"]
    assert max(digits(row["position"]) for row in rows) <= LONGEST
    assert sorted(await names(ann)) == ["Inbox", "a", "b", "c"]


async def test_one_name_makes_one_list_however_many_ask_at_once(ann: Caller) -> None:
    outcome: list[str] = []

    async def make(name: str) -> None:
        outcome.extend(codes(await ann.perform(lists.add, [ListCreate(name=name)])))

    async with anyio.create_task_group() as group:
        for name in ("work", "Work", "WORK", "wOrK"):
            group.start_soon(make, name)

    assert sorted(outcome) == ["changed", "conflict", "conflict", "conflict"]
    assert len(await names(ann)) == 2


async def test_a_todo_cannot_be_put_into_a_list_that_is_deleted_at_the_same_time(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    for n in range(10):
        doomed = await new_list(ann, f"doomed {n}")
        async with anyio.create_task_group() as group:
            group.start_soon(ann.perform, lists.delete, [doomed], ListRemoval(todos="trash"))
            group.start_soon(ann.perform, todos.add, [TodoCreate(title="x", list_id=doomed)])

    lost = await admin.fetchval(
        "SELECT count(*) FROM todos JOIN lists ON lists.id = todos.list_id"
        " WHERE todos.user_id = $1 AND lists.deleted_at IS NOT NULL AND todos.deleted_at IS NULL",
        ann.principal.user_id,
    )
    assert lost == 0


async def test_names_are_swapped_in_two_steps_and_a_batch_sees_its_own_changes(ann: Caller) -> None:
    first, second = await new_list(ann, "a"), await new_list(ann, "b")

    refused = await ann.perform(lists.update, [{"id": first, "name": "B"}, {"id": second, "name": "a"}])
    assert codes(refused) == ["conflict", "conflict"]

    freed = await ann.perform(lists.update, [{"id": first, "name": "c"}, {"id": second, "name": "A"}])
    assert codes(freed) == ["changed", "changed"]
    assert await names(ann) == ["Inbox", "c", "A"]


@pytest.mark.parametrize("is_turned", [False, True], ids=["the earlier list gives", "the later list gives"])
async def test_a_name_changes_hands_in_one_call(ann: Caller, is_turned: bool) -> None:
    made = {name: await new_list(ann, name) for name in ("a", "b")}
    giver, taker = ("b", "a") if is_turned else ("a", "b")

    moved = await ann.perform(lists.update, [{"id": made[giver], "name": "c"}, {"id": made[taker], "name": giver}])

    assert codes(moved) == ["changed", "changed"]
    assert await names(ann) == (["Inbox", "b", "c"] if is_turned else ["Inbox", "c", "a"])


async def test_a_batch_of_new_lists_refuses_a_name_that_comes_twice(ann: Caller) -> None:
    new = [ListCreate(name="a"), ListCreate(name="A"), ListCreate(name="b"), ListCreate(name="Inbox")]

    added = await ann.perform(lists.add, new)

    assert codes(added) == ["changed", "conflict", "changed", "conflict"]
    assert await names(ann) == ["Inbox", "a", "b"]
    refused = told(added)[1]["error"]
    assert refused["code"] == Conflict.code
    assert refused.get("existing_id", 1) > 0


async def test_what_is_in_a_deleted_list_is_found_in_the_trash(ann: Caller) -> None:
    doomed = await new_list(ann, "doomed")
    await fill(ann, doomed, 2)
    await add(ann, "stays")

    await ann.perform(lists.delete, [doomed], ListRemoval(todos="trash"))

    page = await ann.perform(todos.list_, TodoFilter(status="trashed"))
    assert page.total == 2


@pytest.mark.requirement("SA1")
async def test_a_list_whose_place_is_taken_comes_back_right_before_it(ann: Caller) -> None:
    first, _, third = [await new_list(ann, name) for name in ("a", "b", "c")]
    moved = await ann.perform(lists.update, [{"id": third, "position": 2}])
    await ann.perform(lists.update, [{"id": first, "position": 4}])

    await ann.perform(changes.undo, moved.change_id)

    found = await names(ann)
    assert sorted(found) == ["Inbox", "a", "b", "c"]
    assert found.index("c") == found.index("a") - 1


@pytest.mark.requirement("DB4", "SA1")
async def test_undoing_an_addition_costs_a_constant_number_of_statements(ann: Caller) -> None:
    counts = []

    for many in (1, 50):
        added = await ann.perform(lists.add, [ListCreate(name=f"{many} {n}") for n in range(many)])
        with on_the_wire() as wire:
            await ann.perform(changes.undo, added.change_id)
        counts.append(len(wire.sent))

    assert counts[0] == counts[1]
