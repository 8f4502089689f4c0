"""The order by hand underneath: what a move writes and reads, how room is made, and two movers at the same time."""

from __future__ import annotations

from typing import Any, Final

import anyio
import asyncpg
import orjson
import pytest

from tests.core.support import add, codes, connected, on_the_wire, titles_of
from todo_core.boundary.caller import Caller
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate, TodoFilter, TodoUpdate
from todo_core.operations import changes, todos

pytestmark = pytest.mark.requirement("TD14")

UNTIL_THERE_IS_NO_ROOM: Final = 25


async def order(me: Caller, **wanted: Any) -> str:
    return "".join(await titles_of(me, sort="manual", limit=200, **wanted))


async def rows_of(connection: asyncpg.Connection, me: Caller) -> dict[int, asyncpg.Record]:
    rows = await connection.fetch("SELECT * FROM todos WHERE user_id = $1 ORDER BY place, id", me.principal.user_id)
    return {row["id"]: row for row in rows}


async def squeeze(connection: asyncpg.Connection, me: Caller, gap: int) -> None:
    """Bring todos close together, in their order."""
    await connection.execute(
        "UPDATE todos SET place = placed.n * $2 FROM"
        " (SELECT id, row_number() OVER (ORDER BY place, id) AS n FROM todos WHERE user_id = $1) placed"
        " WHERE placed.id = todos.id",
        me.principal.user_id,
        gap,
    )


async def crowd(me: Caller, after: int, *ids: int) -> None:
    """Put todos right after another, in turns, until there is no room any more, and further."""
    for _ in range(UNTIL_THERE_IS_NO_ROOM):
        for todo_id in ids:
            await me.perform(todos.update, [TodoUpdate(id=todo_id, after=after)])


async def test_a_move_writes_one_row_and_making_room_is_no_change(ann: Caller, admin: asyncpg.Connection) -> None:
    a, b, c, d = await add(ann, *"abcd")
    await squeeze(admin, ann, 8)
    before = await rows_of(admin, ann)

    await crowd(ann, a, d, c)

    rows = await rows_of(admin, ann)
    assert await order(ann) == "acdb"
    assert len({row["place"] for row in rows.values()}) == 4
    assert (rows[b]["place"], rows[b]["chosen_place"]) != (before[b]["place"], None)  # it made room
    for untouched in (a, b):
        assert (rows[untouched]["version"], rows[untouched]["updated_at"]) == (1, before[untouched]["updated_at"])
    assert [rows[moved]["version"] for moved in (c, d)] == [1 + UNTIL_THERE_IS_NO_ROOM] * 2
    recorded = await ann.perform(changes.list_, ChangeFilter(limit=200))
    touched = [[entry["id"] for entry in change["entries"]] for change in orjson.loads(recorded.json)]
    assert touched[:-1] == [[c], [d]] * UNTIL_THERE_IS_NO_ROOM


@pytest.mark.requirement("SA1")
async def test_an_undo_finds_the_way_back_among_siblings_that_made_room(ann: Caller, admin: asyncpg.Connection) -> None:
    ids = dict(zip("abcdef", await add(ann, *"abcdef"), strict=True))
    await squeeze(admin, ann, 4)
    away = await ann.perform(todos.update, [TodoUpdate(id=ids["b"], place="last")])
    renamed = await ann.perform(todos.update, [TodoUpdate(id=ids["c"], title="C")])
    moved = await ann.perform(todos.update, [TodoUpdate(id=ids["d"], place="last")])

    await crowd(ann, ids["a"], ids["e"], ids["f"])  # so that c, behind them, makes room: where b was, there are others
    assert await order(ann) == "afeCbd"
    assert (await rows_of(admin, ann))[ids["c"]]["chosen_place"] is not None

    for change, expected in ((away, "abfeCd"), (renamed, "abfecd"), (moved, "abfecd")):
        assert change.change_id is not None
        undone = await ann.perform(changes.undo, change.change_id)
        assert await order(ann) == expected
    assert undone.change_id is not None
    await ann.perform(changes.undo, undone.change_id)
    assert await order(ann) == "abfecd"


async def test_room_is_made_among_many_and_a_batch_finds_its_own(ann: Caller, admin: asyncpg.Connection) -> None:
    word = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
    ids = dict(zip(word, await add(ann, *word), strict=True))
    first, *rest = word
    await squeeze(admin, ann, 1)

    for _ in range(3):
        rest.reverse()
        await ann.perform(todos.update, [TodoUpdate(id=ids[one], after=ids[first]) for one in rest])
        assert await order(ann) == first + "".join(rest)
    half = rest[::2]
    await ann.perform(todos.update, [TodoUpdate(id=ids[one], before=ids[rest[1]]) for one in half])
    assert await order(ann) == first + "".join(half + rest[1::2])
    rows = await rows_of(admin, ann)
    assert len({row["place"] for row in rows.values()}) == len(word)


async def test_two_movers_at_once_both_get_a_place(ann: Caller, admin: asyncpg.Connection) -> None:
    a, *rest = await add(ann, *"abcdefgh")

    outcome: set[str] = set()

    async def move(todo_id: int) -> None:
        outcome.update(codes(await ann.perform(todos.update, [TodoUpdate(id=todo_id, after=a)])))

    async with anyio.create_task_group() as group:
        for todo_id in rest:
            group.start_soon(move, todo_id)

    assert outcome <= {"changed", "unchanged"}  # where it was there already
    assert len({row["place"] for row in (await rows_of(admin, ann)).values()}) == 8
    assert sorted(await order(ann)) == [*"abcdefgh"]
    assert (await order(ann))[0] == "a"


@pytest.mark.requirement("DB4")
async def test_adding_looks_at_no_sibling_and_a_move_costs_the_same_however_many_move(ann: Caller) -> None:
    with on_the_wire() as wire:
        await add(ann, "a")
    alone = len(wire.sent)
    await add(ann, *(f"x {n}" for n in range(50)))
    with on_the_wire() as wire:
        ids = await add(ann, *(f"y {n}" for n in range(49)), "z")
    assert len(wire.sent) == alone

    counts = []
    for many in (2, 49):
        with on_the_wire() as wire:
            moves = [TodoUpdate(id=one, after=ids[-1]) for one in ids[:many]]
            await ann.perform(todos.update, moves)
        counts.append(len(wire.sent))
    assert counts[0] == counts[1]


@pytest.mark.requirement("DB3")
async def test_rows_of_who_knows_no_place_come_last(ann: Caller, database_url: str) -> None:
    """As the version before adds them, and whoever writes by hand."""
    await add(ann, *"ab")
    async with connected(database_url) as connection:
        for title in "cd":
            await connection.execute(
                "INSERT INTO todos (user_id, list_id, title) SELECT user_id, list_id, $2 FROM todos"
                " WHERE user_id = $1 LIMIT 1",
                ann.principal.user_id,
                title,
            )
    await add(ann, *"ef")
    await ann.perform(todos.add, [TodoCreate(title="0", place="first")])

    assert await order(ann) == "0abcdef"


@pytest.mark.requirement("TD4")
async def test_pages_of_an_order_by_hand_show_every_row_once(ann: Caller) -> None:
    ids = dict(zip("abcdefg", await add(ann, *"abcdefg"), strict=True))
    await ann.perform(todos.update, [TodoUpdate(id=ids["g"], after=ids["a"]), TodoUpdate(id=ids["b"], place="first")])

    for direction, expected in (("asc", "bagcdef"), ("desc", "fedcgab")):
        for limit in (1, 3):
            seen, cursor = "", None
            while True:
                page = await _page(ann, direction, limit, cursor)
                seen += "".join(row["title"] for row in orjson.loads(page.json))
                if (cursor := page.next_cursor) is None:
                    break
            assert seen == expected


async def _page(me: Caller, direction: Any, limit: int, cursor: str | None) -> Any:
    return await me.perform(
        todos.list_, TodoFilter(sort="manual", direction=direction, limit=limit, cursor=cursor, top_level=True)
    )
