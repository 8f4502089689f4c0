"""Lists: constant costs, positions between positions, and what happens at the same time."""

from __future__ import annotations

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import add, codes, everything_of, on_the_wire, row_of, told
from todo_core.boundary.caller import Caller
from todo_core.errors import Conflict
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, todos

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

    for many in (60, 120):  # up to 50 are written by other statements
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


@pytest.mark.requirement("SA3")
@pytest.mark.parametrize("recorded", ["655360000", "6.5536E+8"])
async def test_a_position_of_many_zeros_is_the_one_that_was_recorded(
    ann: Caller, admin: asyncpg.Connection, recorded: str
) -> None:
    """asyncpg reads `655360000`, the position of a 625th list, as `6.5536E+8`."""
    made = await ann.perform(lists.add, [ListCreate(name="far below")])
    (row,) = made.touched
    await admin.execute("UPDATE lists SET position = 655360000 WHERE id = $1", row.id)
    await admin.execute(
        "UPDATE change_entries SET after = jsonb_set(after::jsonb, '{position}', to_jsonb($1::text))"
        " WHERE entity = 'list' AND entity_id = $2",
        recorded,
        row.id,
    )
    renamed = await ann.perform(lists.update, [{"id": row.id, "name": "far above"}])
    assert orjson.loads(renamed.touched[0].after)["position"] == "655360000"
    await ann.perform(changes.undo, renamed.change_id)

    await ann.perform(changes.undo, made.change_id)


@pytest.mark.requirement("LT1", "OW6")
async def test_a_list_can_be_moved_between_two_others_for_ever(ann: Caller, admin: asyncpg.Connection) -> None:
    first, second, third = [await new_list(ann, name) for name in "abc"]
    await ann.perform(lists.update, [{"id": first, "position": 1}])

    for _ in range(200):
        for moved in (third, second):
            changed = await ann.perform(lists.update, [{"id": moved, "position": 2}])
            assert [row.id for row in changed.touched] == [moved]  # what makes room for it does not change

    rows = (await everything_of(admin, ann.principal.user_id))["lists"]
    assert len({row["position"] for row in rows}) == 4
    assert all(row["position"] == int(row["position"]) for row in rows)
    assert max(abs(row["position"]) for row in rows) < 2**32
    assert await names(ann) == ["a", "b", "c", "Inbox"]
    assert {row["name"]: row["version"] for row in rows} == {"Inbox": 1, "a": 2, "b": 201, "c": 201}


@pytest.mark.requirement("LT1", "DB3")
async def test_lists_of_the_version_before_give_up_their_fractions(ann: Caller, admin: asyncpg.Connection) -> None:
    ids = [await new_list(ann, name) for name in "abc"]
    for list_id, position in zip(ids, ("0.5", "0.75", "0.8125"), strict=True):
        await admin.execute("UPDATE lists SET position = $2::text::numeric WHERE id = $1", list_id, position)

    moved = await ann.perform(lists.update, [{"id": ids[2], "position": 3}])  # between a and b

    assert await names(ann) == ["Inbox", "a", "c", "b"]
    assert moved.change_id is not None
    await ann.perform(changes.undo, moved.change_id)
    assert await names(ann) == ["Inbox", "a", "b", "c"]


@pytest.mark.requirement("SA3", "OW6")
async def test_a_list_comes_back_among_lists_that_made_room(ann: Caller, admin: asyncpg.Connection) -> None:
    ids = {name: await new_list(ann, name) for name in "abcdef"}
    await admin.execute(
        "UPDATE lists SET position = position / 1048576 WHERE user_id = $1", ann.principal.user_id
    )  # as the version before had them
    away = await ann.perform(lists.update, [{"id": ids["b"], "position": 9}])
    for _ in range(60):  # between a and c, until c has made room for them
        for name in "de":
            await ann.perform(lists.update, [{"id": ids[name], "position": 3}])
    assert await names(ann) == ["Inbox", "a", "e", "d", "c", "f", "b"]
    rows = (await everything_of(admin, ann.principal.user_id))["lists"]
    assert any(row["chosen_position"] is not None for row in rows)

    assert away.change_id is not None
    back = await ann.perform(changes.undo, away.change_id)
    found = await names(ann)
    assert found.index("a") < found.index("b") < found.index("c")
    assert back.change_id is not None
    await ann.perform(changes.undo, back.change_id)
    assert (await names(ann))[-1] == "b"


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
