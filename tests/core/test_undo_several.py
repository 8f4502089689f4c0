"""Undoing several changes at once: what it costs, who may, and what the database holds to."""

from __future__ import annotations

from dataclasses import replace

import anyio
import asyncpg
import pytest

from tests.core.support import add, codes, titles_of
from tests.core.test_changes import change_of, todos_of
from todo_core.boundary.caller import Caller
from todo_core.errors import ConfirmationRequired, InsufficientScope, UndoRefused
from todo_core.models.todos import TodoCreate
from todo_core.operations import changes, todos, tokens, users

pytestmark = pytest.mark.requirement("SA3", "SA7")


async def made(caller: Caller, *titles: str) -> list[int]:
    """The change of each todo that is added."""
    found = [(await caller.perform(todos.add, [TodoCreate(title=title)])).change_id for title in titles]
    return [change_id for change_id in found if change_id is not None]


async def test_a_dry_run_tells_and_changes_nothing(ann: Caller) -> None:
    ids = await made(ann, "a", "b")

    tried = await ann.once(None, dry_run=True).perform(changes.undo_several, ids)

    assert (codes(tried), tried.change_id, tried.dry_run) == (["changed"] * 2, None, True)
    assert await titles_of(ann) == ["a", "b"]
    assert (await change_of(ann, ids[0]))["undone_by"] is None


async def test_of_two_at_once_one_is_refused_and_each_change_is_undone_once(ann: Caller) -> None:
    ids = await made(ann, "a", "b", "c")
    ends: list[str] = []

    async def undo(which: list[int]) -> None:
        try:
            ends.extend(codes(await ann.perform(changes.undo_several, which)))
        except UndoRefused as refused:
            ends.append(refused.code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(undo, ids[:2])
        tasks.start_soon(undo, ids[1:])

    assert sorted(ends) == ["changed", "changed", "undo_refused"]
    assert len(await titles_of(ann)) == 1


async def test_what_goes_to_the_trash_by_all_of_them_is_asked_about(ann: Caller) -> None:
    """Only what is there before and in the trash afterwards counts."""
    agent = replace(ann, via="mcp:undo", confirmed=False)
    ids = await made(agent, *"abcdefghijklm")
    gone = await replace(agent, confirmed=True).perform(todos.delete, [row["id"] for row in await todos_of(ann)][:2])
    assert gone.change_id is not None

    with pytest.raises(UndoRefused):  # two are in the trash by a change that stays
        await agent.perform(changes.undo_several, ids)
    with pytest.raises(ConfirmationRequired) as asked:
        await agent.perform(changes.undo_several, [*ids[:1], gone.change_id, *ids[2:]])
    assert asked.value.count == 11


async def test_what_was_to_a_token_is_named_among_the_others(ann: Caller) -> None:
    (first,) = await made(ann, "a")
    token = await ann.perform(tokens.create, tokens.TokenCreate(name="token"))
    assert token.change_id is not None

    with pytest.raises(UndoRefused) as refused:
        await ann.perform(changes.undo_several, [first, token.change_id])

    (conflict,) = refused.value.as_dict()["conflicts"]
    assert conflict["change_id"] == token.change_id
    assert await titles_of(ann) == ["a"]


@pytest.mark.requirement("ID4")
async def test_every_scope_that_one_of_them_needs_is_needed(ann: Caller) -> None:
    (first,) = await made(ann, "a")
    profile = await ann.perform(users.update, {"display_name": "Annie"})
    writer = replace(ann, principal=replace(ann.principal, scopes=frozenset({"todos:read", "todos:write"})))

    with pytest.raises(InsufficientScope):
        await writer.perform(changes.undo_several, [first, profile.change_id or 0])

    assert await titles_of(ann) == ["a"]
    await ann.perform(changes.undo_several, [first, profile.change_id or 0])


async def test_a_row_that_several_touched_is_recorded_once_from_before_to_after(ann: Caller) -> None:
    (todo,) = await add(ann, "a")
    ids = []
    for patch in ({"title": "b"}, {"priority": "high"}, {"title": "c", "tags": ["x"]}):
        changed = await ann.perform(todos.update, [{"id": todo, **patch}])
        ids.append(changed.change_id or 0)

    undone = await ann.perform(changes.undo_several, ids)

    (row,) = [entry for entry in (await change_of(ann, undone.change_id))["entries"] if entry["entity"] == "todo"]
    assert (row["before"]["title"], row["after"]["title"]) == ("c", "a")
    assert (row["before"]["priority"], row["after"]["priority"]) == ("high", "medium")
    assert (row["before"]["tags"], row["after"]["tags"]) == (["x"], [])
    before = await todos_of(ann)
    await ann.perform(changes.undo, (await ann.perform(changes.undo, undone.change_id)).change_id)
    assert await todos_of(ann) == before


@pytest.mark.requirement("DB3")
async def test_the_database_holds_that_a_change_is_undone_once(ann: Caller, admin: asyncpg.Connection) -> None:
    ids = await made(ann, "a", "b")
    undone = await ann.perform(changes.undo_several, ids)
    user_id = ann.principal.user_id

    with pytest.raises(asyncpg.UniqueViolationError):
        await admin.execute(
            "INSERT INTO undone_changes (user_id, change_id, undone_by) VALUES ($1, $2, $3)",
            user_id,
            ids[0],
            undone.change_id,
        )
