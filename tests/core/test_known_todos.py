"""A todo that is read again is remembered for whoever sees all, and only as long as it is there.

That it is the true one whatever happens says `test_pages.py`, of pages and todos together.
"""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import orjson
import pytest

from tests.core.support import add, on_the_wire
from tests.core.test_list_mandates import new_list, new_todo
from tests.core.test_mandates import bounded
from todo_core.boundary.caller import Caller
from todo_core.boundary.latest import Latest
from todo_core.errors import NotFound, NotOwner, Suspended
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries.standing import LATEST
from todo_core.queries.todos import ONE, ONE_AND_LATEST
from todo_core.rules import remembering


async def looks(me: Caller, todo_id: int) -> list[str]:
    """What each of four looks sends to PostgreSQL."""
    with on_the_wire() as wire:
        for _ in range(4):
            await me.perform(todos.get, todo_id)
    return wire.sent


async def test_the_third_look_reads_only_whether_anything_has_changed(ann: Caller) -> None:
    first, _ = await add(ann, "first", "second")
    anew, with_change, unchanged = ONE.autocommit_sql, ONE_AND_LATEST.autocommit_sql, LATEST.autocommit_sql

    assert await looks(ann, first) == [anew, with_change, unchanged, unchanged]
    await add(ann, "third")
    assert await looks(ann, first) == [unchanged, with_change, with_change, unchanged, unchanged]


async def test_what_is_known_stays_so_when_its_first_look_is_forgotten(ann: Caller) -> None:
    me = replace(ann, core=replace(ann.core, asked=Latest(1)))
    first, second = await add(me, "first", "second")
    await looks(me, first)
    await me.perform(todos.get, second)
    await add(me, "third")

    anew, unchanged = ONE_AND_LATEST.autocommit_sql, LATEST.autocommit_sql
    assert await looks(me, first) == [unchanged, anew, anew, unchanged, unchanged]


async def test_who_changes_something_before_each_look_pays_for_no_look_in_vain(ann: Caller) -> None:
    (first,) = await add(ann, "first")
    for title in ("second", "third", "fourth"):
        await ann.perform(todos.get, first)
        await add(ann, title)
    with on_the_wire() as wire:
        await ann.perform(todos.get, first)

    assert wire.sent == [ONE_AND_LATEST.autocommit_sql]


async def test_what_is_not_found_is_not_remembered(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> None:
    (mine,), (others,) = await add(ann, "first"), await add(bob, "first")
    await looks(ann, mine)
    await ann.perform(todos.delete, [mine])
    for todo_id, refusal in ((mine, NotFound), (others, NotOwner), (2**62, NotFound)) * 4:
        with pytest.raises(refusal):
            await ann.perform(todos.get, todo_id)
    known = {key[2]: known.shown for key, known in ann.core.remembered.items() if key[0] == ann.principal.user_id}
    assert known == {mine: None}

    # What is there again without a change of the person, as after a restore from a backup, is found.
    await admin.execute("UPDATE todos SET deleted_at = NULL WHERE id = $1", mine)
    assert orjson.loads((await ann.perform(todos.get, mine)).json)["deleted_at"] is None


async def test_a_todo_is_read_each_time_for_a_person_whose_changes_are_all_deleted(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """Nobody has changed anything for months then, and the second look is spared the search for what is gone."""
    (first,) = await add(ann, "first")
    await admin.execute("DELETE FROM changes WHERE user_id = $1", ann.principal.user_id)

    assert await looks(ann, first) == [ONE.autocommit_sql, *[ONE_AND_LATEST.autocommit_sql] * 3]
    (second,) = await add(ann, "second")
    await looks(ann, second)
    assert await looks(ann, first) == [ONE_AND_LATEST.autocommit_sql, *[LATEST.autocommit_sql] * 3]


async def test_everybody_is_told_their_own_and_who_sees_a_part_only_that(ann: Caller, bob: Caller) -> None:
    work = await new_list(ann, "Work")
    agent = await bounded(ann, lists=[work])
    hidden, parent = await new_todo(ann, "hidden"), await new_todo(ann, "shown", work)
    below = TodoCreate(title="below", parent_id=parent)
    await ann.perform(todos.add, [below])

    for _ in range(4):
        assert orjson.loads((await ann.perform(todos.get, hidden)).json)["title"] == "hidden"
        assert orjson.loads((await agent.perform(todos.get, parent)).json)["title"] == "shown"
        with pytest.raises(NotFound):
            await agent.perform(todos.get, hidden)
        with pytest.raises(NotOwner):
            await bob.perform(todos.get, hidden)
    assert [key[2] for key in ann.core.remembered if key[:2] == (ann.principal.user_id, "todo")] == [hidden]


async def test_whoever_may_not_act_any_more_is_told_nothing(ann: Caller, admin: asyncpg.Connection) -> None:
    (first,) = await add(ann, "first")
    await looks(ann, first)
    await admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ann.principal.user_id)

    with pytest.raises(Suspended):
        await ann.perform(todos.get, first)


async def test_a_large_todo_counts_as_long_as_it_is_and_too_large_a_one_is_not_kept(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await ann.perform(todos.add, [TodoCreate(title=size, description=size * 900) for size in "xé"])
    ids = [one.id for one in made.touched]
    sizes = []
    for limit in (3_000, 2_000):
        monkeypatch.setattr(remembering, "_MOST", limit)
        ann.core.remembered.clear()
        for todo_id in ids:
            await looks(ann, todo_id)
        mine = {key[2]: known for key, known in ann.core.remembered.items() if key[0] == ann.principal.user_id}
        sizes.append([mine[todo_id].size // 1_000 for todo_id in ids])

    assert sizes == [[2, 2], [0, 0]]
