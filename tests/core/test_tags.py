"""Tags: constant costs, and what happens at the same time."""

from __future__ import annotations

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import codes, everything_of, on_the_wire, told
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, tags, todos

pytestmark = pytest.mark.requirement("LT2")


async def tag_ids(caller: Caller) -> dict[str, int]:
    return {row["name"]: row["id"] for row in orjson.loads((await caller.perform(tags.list_)).json)}


@pytest.mark.requirement("DB4")
@pytest.mark.parametrize("verb", ["rename", "merge", "delete"])
async def test_a_write_costs_a_constant_number_of_statements_however_many_todos_have_the_tag(
    ann: Caller, verb: str
) -> None:
    counts = []

    for many in (1, 100):
        for _ in range(max(many // 50, 1)):
            await ann.perform(todos.add, [TodoCreate(title="x", tags=[f"tag {many}"]) for _ in range(min(many, 50))])
        await ann.perform(todos.add, [TodoCreate(title="x", tags=[f"other {many}"])])
        ids = await tag_ids(ann)
        tag, other = ids[f"tag {many}"], ids[f"other {many}"]
        args = {"rename": (tag, f"new {many}"), "merge": (tag, other), "delete": (tag,)}[verb]
        with on_the_wire() as wire:
            changed = await ann.perform(getattr(tags, verb), *args)
        counts.append(len(wire.sent))
        with on_the_wire() as wire:
            await ann.perform(changes.undo, changed.change_id)
        counts.append(len(wire.sent))

    assert counts[:2] == counts[2:]
    assert max(counts) <= 12


@pytest.mark.requirement("DB4")
async def test_tags_of_a_batch_cost_a_constant_number_of_statements(ann: Caller) -> None:
    counts = []

    for many in (7, 50):  # with fewer than 20 tags it is tried whether they are all there
        new = [TodoCreate(title=f"x {many} {n}", tags=[f"{many} {n} {m}" for m in range(3)]) for n in range(many)]
        with on_the_wire() as wire:
            added = await ann.perform(todos.add, new)
        counts.append(len(wire.sent))
        ids = [row["id"] for row in told(added)]
        with on_the_wire() as wire:
            updated = await ann.perform(todos.update, [{"id": one, "add_tags": [f"more {many} {one}"]} for one in ids])
        counts.append(len(wire.sent))
        for changed in (updated, added):
            with on_the_wire() as wire:
                undone = await ann.perform(changes.undo, changed.change_id)
            counts.append(len(wire.sent))
        with on_the_wire() as wire:
            await ann.perform(changes.undo, undone.change_id)
        counts.append(len(wire.sent))

    assert counts[:5] == counts[5:]


async def test_one_tag_is_made_however_many_use_it_for_the_first_time_at_once(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    async def use(name: str) -> None:
        assert codes(await ann.perform(todos.add, [TodoCreate(title="x", tags=[name])])) == ["changed"]

    async with anyio.create_task_group() as group:
        for name in ("new", "NEW", "New", "nEw") * 3:
            group.start_soon(use, name)

    rows = await everything_of(admin, ann.principal.user_id)
    assert len(rows["tags"]) == 1
    assert len(rows["todo_tags"]) == 12


async def test_a_deleted_tag_keeps_its_links_for_undo(ann: Caller, admin: asyncpg.Connection) -> None:
    await ann.perform(todos.add, [TodoCreate(title="x", tags=["a", "b"])])
    (todo,) = (await everything_of(admin, ann.principal.user_id))["todos"]
    await ann.perform(tags.delete, (await tag_ids(ann))["a"])

    await ann.perform(todos.update, [{"id": todo["id"], "tags": ["c"]}])

    rows = await everything_of(admin, ann.principal.user_id)
    deleted = {row["id"] for row in rows["tags"] if row["deleted_at"] is not None}
    assert {row["tag_id"] for row in rows["todo_tags"]} & deleted == deleted


@pytest.mark.requirement("MC5")
async def test_a_refused_item_makes_no_tags(ann: Caller) -> None:
    (todo,) = told(await ann.perform(todos.add, [TodoCreate(title="x")]))

    refused = await ann.perform(todos.update, [{"id": todo["id"], "tags": ["new"], "parent_id": todo["id"]}])

    assert codes(refused) == ["invalid_input"]
    assert await tag_ids(ann) == {}


@pytest.mark.requirement("SA1")
async def test_a_merge_that_is_done_again_takes_what_was_tagged_meanwhile(ann: Caller) -> None:
    await ann.perform(todos.add, [TodoCreate(title="x", tags=["one", "other"])])
    ids = await tag_ids(ann)
    merged = await ann.perform(tags.merge, ids["one"], ids["other"])
    undone = await ann.perform(changes.undo, merged.change_id)
    (new,) = told(await ann.perform(todos.add, [TodoCreate(title="y", tags=["one"])]))

    await ann.perform(changes.undo, undone.change_id)

    assert orjson.loads((await ann.perform(todos.get, new["id"])).json)["tags"] == ["other"]


@pytest.mark.slow
@pytest.mark.requirement("DB4")
async def test_ten_thousand_todos_are_retagged_by_one_statement(ann: Caller, admin: asyncpg.Connection) -> None:
    await ann.perform(todos.add, [TodoCreate(title="x", tags=["one", "other"])])
    ids = await tag_ids(ann)
    await admin.execute(
        """
        WITH new AS (
            INSERT INTO todos (user_id, list_id, title)
            SELECT user_id, list_id, 'x' FROM todos, generate_series(1, 9999) WHERE user_id = $1 RETURNING user_id, id
        )
        INSERT INTO todo_tags (user_id, todo_id, tag_id) SELECT user_id, id, $2 FROM new
        """,
        ann.principal.user_id,
        ids["one"],
    )
    await admin.execute("ANALYZE todos, todo_tags")  # as autovacuum does soon after
    counted = "SELECT count(*) FROM todo_tags WHERE tag_id = $1"

    with on_the_wire() as wire:
        merged = await ann.perform(tags.merge, ids["one"], ids["other"])

    assert len([sent for sent in wire.sent if "INSERT INTO todo_tags" in sent]) == 1
    assert await admin.fetchval(counted, ids["other"]) == 10_000
    await ann.perform(changes.undo, merged.change_id)
    assert await admin.fetchval(counted, ids["other"]) == 1
