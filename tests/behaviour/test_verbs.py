"""The record names what happened by its own verb, whoever wrote the row."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests import earlier
from tests.behaviour.rows import todo_of
from tests.core.support import connected
from tests.faces import Face, FaceName, Written, face
from tests.support import bearing, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.boundary.results import Changed


@dataclass(frozen=True)
class Family:
    """Todos: `open` has a subtask; `child` was done with `parent`, and both are in the trash."""

    open: int
    below: int
    done: int
    trashed: int
    parent: int
    child: int
    repeating: int


@pytest.fixture
async def family(me: Face) -> Family:
    titles = ("open", "done", "trashed", "parent")
    opened, done, trashed, parent, repeating = (
        await me.add(*({"title": title} for title in titles), {"title": "repeating", "repeat": "daily"})
    ).accepted
    below, child = (
        await me.add({"title": "below", "parent_id": opened}, {"title": "child", "parent_id": parent})
    ).accepted
    await me.delete(child)
    await me.complete(done, parent)
    await me.delete(trashed, parent)
    return Family(opened, below, done, trashed, parent, child, repeating)


Write = Callable[[Face, Family], Awaitable[Written]]
WRITES: dict[str, tuple[str, Write]] = {
    "complete": ("todos.complete", lambda me, at: me.complete(at.open)),
    "complete, and what repeats": ("todos.complete", lambda me, at: me.complete(at.repeating)),
    "complete, some done already": ("todos.complete", lambda me, at: me.complete(at.done, at.open, 2**62)),
    "reopen": ("todos.reopen", lambda me, at: me.complete(at.done, completed=False)),
    "reopen, some open already": ("todos.reopen", lambda me, at: me.complete(at.open, at.done, completed=False)),
    "skip": ("todos.skip", lambda me, at: me.skip(at.repeating)),
    "delete": ("todos.delete", lambda me, at: me.delete(at.open)),
    "delete, some there already": ("todos.delete", lambda me, at: me.delete(at.trashed, at.done)),
    "restore": ("todos.restore", lambda me, at: me.delete(at.trashed, deleted=False)),
    "restore, some live already": ("todos.restore", lambda me, at: me.delete(at.open, at.trashed, deleted=False)),
    "restore, and open what is above": ("todos.restore", lambda me, at: me.delete(at.child, deleted=False)),
    "update to done": ("todos.update", lambda me, at: me.update({"id": at.open, "is_completed": True})),
    "update to open": ("todos.update", lambda me, at: me.update({"id": at.done, "is_completed": False})),
}


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize(("verb", "write"), WRITES.values(), ids=WRITES)
async def test_each_write_is_recorded_under_its_own_verb(me: Face, family: Family, verb: str, write: Write) -> None:
    written = await write(me, family)

    (change,) = await me.changes(limit=1)
    assert (change["id"], change["operation"]) == (written.change_id, verb)


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("write", ["complete", "reopen", "delete", "restore"])
async def test_an_undo_is_an_undo_whatever_it_takes_back(me: Face, family: Family, write: str) -> None:
    written = await WRITES[write][1](me, family)

    await me.undo((await me.undo(written.change)).change)

    assert [change["operation"] for change in await me.changes(limit=2)] == ["changes.undo"] * 2


# --- rows that servers wrote before decision 21 ------------------------------------------------


@dataclass(frozen=True)
class Earlier:
    """A write as earlier servers performed it, and the verb that it is read under."""

    verb: str
    operation: Operation[..., Any]
    ids: Callable[[Family], list[int]]
    flag: bool

    async def perform(self, caller: Caller, family: Family) -> Changed[Any]:
        changed: Changed[Any] = await caller.perform(self.operation, self.ids(family), self.flag)
        return changed


EARLIER: dict[str, Earlier] = {
    "complete": Earlier("todos.complete", earlier.COMPLETE, lambda at: [at.open], True),
    "complete, and what repeats": Earlier("todos.complete", earlier.COMPLETE, lambda at: [at.done, at.repeating], True),
    "reopen": Earlier("todos.reopen", earlier.COMPLETE, lambda at: [at.done], False),
    "reopen, some open already": Earlier("todos.reopen", earlier.COMPLETE, lambda at: [at.open, at.done], False),
    "delete": Earlier("todos.delete", earlier.DELETE, lambda at: [at.open], True),
    "delete, some there already": Earlier("todos.delete", earlier.DELETE, lambda at: [at.trashed, at.done], True),
    "restore": Earlier("todos.restore", earlier.DELETE, lambda at: [at.trashed], False),
    "restore, some live already": Earlier("todos.restore", earlier.DELETE, lambda at: [at.open, at.trashed], False),
    "restore, and open what is above": Earlier("todos.restore", earlier.DELETE, lambda at: [at.child], False),
}


@pytest.mark.requirement("SA2", "SA4")
@pytest.mark.parametrize("was", EARLIER.values(), ids=EARLIER)
async def test_an_earlier_row_is_read_under_its_true_verb_and_stays_as_it_is(
    me: Face, ann: Caller, family: Family, was: Earlier, database_url: str
) -> None:
    (last,) = await me.changes(limit=1)
    written = await was.perform(ann, family)

    (latest,) = await me.changes(limit=1)
    ([since], _) = await me.changes_since(last["id"], 50)
    async with connected(database_url) as admin:
        stored = await admin.fetchval("SELECT operation FROM changes WHERE id = $1", written.change_id)

    assert latest == since
    assert (latest["id"], latest["operation"]) == (written.change_id, was.verb)
    assert stored == was.operation.name


@pytest.mark.requirement("SA3")
async def test_an_earlier_row_is_undone_like_any_other(me: Face, ann: Caller, family: Family) -> None:
    before = await todo_of(ann, family.trashed)
    restored = await EARLIER["restore"].perform(ann, family)
    assert restored.change_id is not None

    await me.undo(restored.change_id)

    assert (await todo_of(ann, family.trashed))["deleted_at"] == before["deleted_at"]


# --- retries across the upgrade ----------------------------------------------------------------


RETRIED: dict[str, Write] = {
    "complete": lambda me, at: me.complete(at.open, key="k"),
    "reopen": lambda me, at: me.complete(at.done, completed=False, key="k"),
    "delete": lambda me, at: me.delete(at.open, key="k"),
    "restore": lambda me, at: me.delete(at.trashed, deleted=False, key="k"),
}


@pytest.fixture
async def mine(face_name: FaceName, app: Application, ann: Caller) -> AsyncIterator[tuple[Face, Caller]]:
    """Ann's agent over one of the transports, and as earlier servers knew it: keys belong to an agent."""
    token = await token_of(ann)
    async with face(face_name, app, token) as found:
        yield found, await bearing(ann, token)


EVERY_RETRY = pytest.mark.parametrize(
    ("was", "write"), [(EARLIER[name], RETRIED[name]) for name in RETRIED], ids=RETRIED
)


@EVERY_RETRY
@pytest.mark.requirement("SA1")
async def test_what_an_earlier_server_did_under_a_key_is_not_done_again(
    mine: tuple[Face, Caller], family: Family, was: Earlier, write: Write
) -> None:
    me, earlier_me = mine
    first = await was.perform(earlier_me.once("k"), family)

    again = await write(me, family)

    assert (again.replayed, again.change_id) == (True, first.change_id)


@EVERY_RETRY
@pytest.mark.requirement("SA1")
async def test_what_was_done_under_a_key_is_not_done_again_by_an_earlier_server(
    mine: tuple[Face, Caller], family: Family, was: Earlier, write: Write
) -> None:
    me, earlier_me = mine
    first = await write(me, family)

    again = await was.perform(earlier_me.once("k"), family)

    assert (again.replayed, again.change_id) == (True, first.change_id)
