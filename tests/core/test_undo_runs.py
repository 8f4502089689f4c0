"""What several changes cost to take back together, and that it is the same as one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

import orjson
import pytest

from tests.core.support import CoreOpener, add, on_the_wire, row_of, titles_of, told
from tests.core.test_changes import change_of
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.errors import UndoRefused
from todo_core.models.changes import UndoChoice
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, lists, notes, tags, todos, users

pytestmark = pytest.mark.requirement("SA3", "SA7")

Step = Callable[[Caller, int], Awaitable[Any]]
"""Makes the n-th change of a set."""


async def new_list(me: Caller, name: str) -> int:
    made: int = row_of(await me.perform(lists.add, [ListCreate(name=name)]))["id"]
    return made


async def tag_ids(me: Caller) -> dict[str, int]:
    return {row["name"]: row["id"] for row in orjson.loads((await me.perform(tags.list_)).json)}


async def everything(me: Caller) -> list[Any]:
    """What a person sees, without what each write counts up."""
    page = await me.perform(todos.list_, TodoFilter(status="all", archived="include", sort="manual", limit=200))
    more = [await me.perform(lists.list_, ListQuery(archived="include")), await me.perform(tags.list_)]
    rows = [row for read in (page, *more) for row in orjson.loads(read.json)]
    rows.append(orjson.loads((await me.perform(users.get)).json))
    return [{name: row[name] for name in row.keys() - {"version", "updated_at"}} for row in rows]


# --- each kind of set ----------------------------------------------------------------------------


async def of_one_todo(me: Caller) -> Step:
    (todo,) = await add(me, "one")
    return lambda who, n: who.perform(todos.update, [{"id": todo, "title": f"title {n}"}])


async def of_one_todo_tagged(me: Caller) -> Step:
    (todo,) = await add(me, "one")
    return lambda who, n: who.perform(todos.update, [{"id": todo, "tags": [f"tag {n % 3}"]}])


async def moves_of_several(me: Caller) -> Step:
    ids = await add(me, *(f"todo {n}" for n in range(30)))
    return lambda who, n: who.perform(todos.update, [{"id": ids[n], "place": "first"}])


async def moves_of_one(me: Caller) -> Step:
    ids = await add(me, *(f"todo {n}" for n in range(30)))
    return lambda who, n: who.perform(todos.update, [{"id": ids[0], "after": ids[1 + n]}])


async def moves_to_another_list(me: Caller) -> Step:
    ids, other = await add(me, *(f"todo {n}" for n in range(30))), await new_list(me, "Other")
    return lambda who, n: who.perform(todos.update, [{"id": ids[n], "list_id": other}])


async def dues(me: Caller) -> Step:
    (todo,) = await add(me, "one")
    return lambda who, n: who.perform(todos.update, [{"id": todo, "due": f"2027-01-{n + 1:02}", "repeat": "daily"}])


async def there_and_back(me: Caller) -> Step:
    (todo,) = await add(me, "one")

    async def step(who: Caller, n: int) -> Any:
        operations: list[Any] = [todos.complete, todos.reopen, todos.delete, todos.restore]
        return await who.perform(operations[n % 4], [todo])

    return step


async def a_list_renamed(me: Caller) -> Step:
    one = await new_list(me, "One")
    return lambda who, n: who.perform(lists.update, [{"id": one, "name": f"Name {n}", "position": 1 + n % 2}])


async def lists_made(_: Caller) -> Step:
    return lambda who, n: who.perform(lists.add, [ListCreate(name=f"List {n}")])


async def a_tag_renamed(me: Caller) -> Step:
    await me.perform(todos.add, [TodoCreate(title="tagged", tags=["tag"])])
    (tag,) = (await tag_ids(me)).values()
    return lambda who, n: who.perform(tags.rename, tag, f"name {n}")


async def tags_deleted(me: Caller) -> Step:
    await me.perform(todos.add, [TodoCreate(title=f"t {n}", tags=[f"tag {n}"]) for n in range(30)])
    ids = [*(await tag_ids(me)).values()]
    return lambda who, n: who.perform(tags.delete, ids[n])


async def the_profile(_: Caller) -> Step:
    return lambda who, n: who.perform(users.update, {"display_name": f"Ann {n}", "week_start": "sunday"})


async def noted(me: Caller) -> Step:
    (todo,) = await add(me, "one")
    return lambda who, n: who.perform(notes.add, todo, f"note {n}")


@pytest.fixture
async def me(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Caller]:
    """Somebody who may do very much."""
    async with another_core(rate_limit="off") as core:
        yield replace(ann, core=core)


KINDS: Final = {
    kind.__name__: kind
    for kind in (
        *(of_one_todo, of_one_todo_tagged, moves_of_several, moves_of_one, moves_to_another_list, dues, there_and_back),
        *(a_list_renamed, lists_made, a_tag_renamed, tags_deleted, the_profile, noted),
    )
}
FEW, MANY = 5, 25


@each("kind", [*KINDS])
async def test_more_changes_take_no_more_statements_and_all_is_as_before(kind: str, me: Caller) -> None:
    """There, and back again; of 25 changes as many statements as of 5."""
    sent: list[int] = []
    step = await KINDS[kind](me)
    for size in (FEW, MANY):
        before = await everything(me)
        ids = [(await step(me, n)).change_id for n in range(size)]
        made = await everything(me)
        with on_the_wire() as wire:
            undone = await me.perform(changes.undo_several, [one for one in ids if one is not None])
        sent.append(len(wire.sent))
        assert await everything(me) == before
        redone = await me.perform(changes.undo, undone.change_id)
        assert await everything(me) == made
        await me.perform(changes.undo, redone.change_id)
        assert await everything(me) == before

    of_few, of_many = sent
    assert of_many - of_few < FEW, f"{kind}: {sent}"


# --- the same as one after the other ---------------------------------------------------------------


async def story(me: Caller) -> list[int]:
    """Changes of all kinds, whose rows meet; the ids of those that are undone."""
    ids: list[int | None] = []

    async def do(operation: Any, *args: Any) -> Any:
        done = await me.perform(operation, *args)
        ids.append(done.change_id)
        return done

    other = await new_list(me, "Other")
    first, second, third = await add(me, "a", "b", "c")
    await do(todos.update, [{"id": first, "title": "A", "tags": ["x"]}])
    await do(todos.update, [{"id": first, "priority": "high", "tags": ["x", "y"], "due": "2027-01-01"}])
    await do(todos.update, [{"id": third, "before": first}, {"id": first, "parent_id": second}])
    await do(todos.complete, [second])
    await do(todos.update, [{"id": third, "tags": ["y"]}])
    await do(lists.update, [{"id": other, "name": "Others"}])
    await do(lists.update, [{"id": other, "name": "Another", "position": 1}])
    await do(todos.update, [{"id": third, "list_id": other}])
    new = told(await do(todos.add, [TodoCreate(title="new", list_id=other, tags=["new"])]))[0]["id"]
    await do(todos.update, [{"id": new, "after": third, "title": "newer"}])
    await do(todos.delete, [new])
    await do(users.update, {"time_zone": "Asia/Tokyo"})
    await do(todos.update, [{"id": third, "due": "2027-01-02 09:00"}])
    await do(users.update, {"time_zone": "Europe/Vienna"})
    tag = (await tag_ids(me))["x"]
    for name in ("z", "x1", "z"):
        await do(tags.rename, tag, name)
    await do(todos.update, [{"id": first, "remove_tags": ["z"]}])
    return [one for one in ids if one is not None]


async def test_together_is_what_one_after_the_other_is(ann: Caller, bob: Caller) -> None:
    together, apart = await story(ann), await story(bob)
    for change_id in reversed(apart):
        await bob.perform(changes.undo, change_id)
    await ann.perform(changes.undo_several, together)

    compared = ("title", "name", "position", "priority", "tags", "due", "is_completed", "time_zone", "open_todos")
    left = [[[row.get(name) for name in compared] for row in await everything(who)] for who in (ann, bob)]
    assert left[0] == left[1]


async def test_what_came_between_is_named_and_nothing_else(ann: Caller) -> None:
    """Of changes of one todo those after the person's go back, and those before it do not."""
    first, second = await add(ann, "a", "b")
    ids = []
    for n in range(6):
        if n == 3:
            between = (await ann.perform(todos.update, [{"id": first, "priority": "low"}])).change_id
        ids.append((await ann.perform(todos.update, [{"id": first, "title": f"a{n}"}])).change_id or 0)
        ids.append((await ann.perform(todos.update, [{"id": second, "title": f"b{n}"}])).change_id or 0)

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo_several, ids)
    conflicts = refused.value.extra["conflicts"]
    assert [(one["change_id"], one["blocked_by"]) for one in conflicts] == [(one, between) for one in ids[4::-2]]
    with on_the_wire() as wire:
        undone = await ann.perform(changes.undo_several, ids, UndoChoice(skip_conflicts=True))
    assert [*undone.skipped] == conflicts
    assert len(wire.sent) < 25 + len(conflicts)
    assert await titles_of(ann) == ["a2", "b"]
    assert await change_of(ann, ids[0]) | {"undone_by": None} == await change_of(ann, ids[0])


async def test_what_lies_between_need_not_fit(ann: Caller) -> None:
    """A todo was made in a list, and moved out of it before somebody deleted the list."""
    gone = await new_list(ann, "Gone")
    made = await ann.perform(todos.add, [TodoCreate(title="one", list_id=gone)])
    (inbox,) = (row for row in orjson.loads((await ann.perform(lists.list_, ListQuery())).json) if row["is_inbox"])
    moved = await ann.perform(todos.update, [{"id": row_of(made)["id"], "list_id": inbox["id"]}])
    await ann.perform(lists.delete, [gone], ListRemoval(todos="trash"))
    with pytest.raises(UndoRefused):
        await ann.perform(changes.undo, moved.change_id)

    await ann.perform(changes.undo_several, [made.change_id, moved.change_id])

    assert await titles_of(ann) == []
    assert await titles_of(ann, status="trashed") == ["one"]


# --- names that change hands -----------------------------------------------------------------------


@each("kind", ["tags", "lists"])
@each("number", [2, 3])
async def test_names_that_were_exchanged_go_back_and_forth(kind: str, number: int, ann: Caller) -> None:
    """By a set of changes that is undone, and by the undo of that, in which each has the name of the next at once."""
    names = [f"{kind} {letter}{number}" for letter in "abc"[:number]]
    if kind == "tags":
        await ann.perform(todos.add, [TodoCreate(title="tagged", tags=names)])
        known = await tag_ids(ann)
        ids = [known[name] for name in names]
        rename: Any = lambda one, name: ann.perform(tags.rename, one, name)  # noqa: E731
    else:
        ids = [await new_list(ann, name) for name in names]
        rename = lambda one, name: ann.perform(lists.update, [{"id": one, "name": name}])  # noqa: E731

    async def state() -> dict[int, str]:
        read: Any = ann.perform(tags.list_) if kind == "tags" else ann.perform(lists.list_, ListQuery())
        rows = {row["id"]: row["name"] for row in orjson.loads((await read).json)}
        return {one: rows[one] for one in ids}

    before = await state()
    steps = [(ids[0], "between"), *zip(ids[1:], names, strict=False), (ids[0], names[-1])]
    made = [(await rename(one, name)).change_id for one, name in steps]
    exchanged = await state()
    assert {*exchanged.values()} == {*before.values()}
    assert exchanged != before

    undone = await ann.perform(changes.undo_several, made)
    assert await state() == before
    redone = await ann.perform(changes.undo, undone.change_id)
    assert await state() == exchanged
    await ann.perform(changes.undo, redone.change_id)
    assert await state() == before


@each("kind", ["tags", "lists"])
@each("goes", [0, 1])
async def test_a_name_of_what_goes_and_comes_back_changes_hands_back_and_forth(
    kind: str, goes: int, ann: Caller
) -> None:
    """Whichever of the two was made first, as the unique index looks at one row after the other."""
    names = [f"{kind} {letter}{goes}" for letter in "ab"]
    if kind == "tags":
        await ann.perform(todos.add, [TodoCreate(title="tagged", tags=names)])
        known = await tag_ids(ann)
        ids = [known[name] for name in names]
    else:
        ids = [await new_list(ann, name) for name in names]
    gone, other, name = ids[goes], ids[1 - goes], names[goes]

    async def state() -> dict[str, int]:
        read: Any = ann.perform(tags.list_) if kind == "tags" else ann.perform(lists.list_, ListQuery())
        return {row["name"]: row["id"] for row in orjson.loads((await read).json) if row["id"] in ids}

    if kind == "tags":
        made = [await ann.perform(tags.delete, gone), await ann.perform(tags.rename, other, name)]
    else:
        made = [await ann.perform(lists.delete, [gone], ListRemoval(todos="trash"))]
        made.append(await ann.perform(lists.update, [{"id": other, "name": name}]))
    assert await state() == {name: other}

    undone = await ann.perform(changes.undo_several, [change.change_id for change in made])
    assert await state() == dict(zip(names, ids, strict=True))
    redone = await ann.perform(changes.undo, undone.change_id)
    assert await state() == {name: other}
    await ann.perform(changes.undo, redone.change_id)
    assert await state() == dict(zip(names, ids, strict=True))
