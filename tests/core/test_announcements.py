"""Who listens hears of every change that was committed, and of no other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import asyncpg
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, as_operation, only_connection_taken
from todo_core.boundary.operation import Caller, Tx
from todo_core.boundary.results import Changed
from todo_core.errors import Conflict
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries.announcements import CHANNEL
from todo_core.upkeep.announcements import Announcer

pytestmark = pytest.mark.requirement("SA5")


@pytest.fixture
async def heard(admin: asyncpg.Connection) -> AsyncIterator[MemoryObjectReceiveStream[str]]:
    """What PostgreSQL tells those who listen for changes."""
    send, receive = anyio.create_memory_object_stream[str](100)

    def hear(*notification: Any) -> None:
        send.send_nowait(notification[-1])

    await admin.add_listener(CHANNEL, hear)
    async with send, receive:
        yield receive
        await admin.remove_listener(CHANNEL, hear)


async def next_of(heard: MemoryObjectReceiveStream[str], *callers: Caller) -> str:
    """The next notification about one of these users; other tests' users may be announced in between."""
    ours = {str(caller.principal.user_id) for caller in callers}
    with anyio.fail_after(5):
        while (payload := await heard.receive()).partition(":")[0] not in ours:
            pass
    return payload


async def test_listeners_hear_user_and_change_of_what_was_committed_and_of_nothing_else(
    ann: Caller, bob: Caller, heard: MemoryObjectReceiveStream[str]
) -> None:
    async def regret(tx: Tx) -> Changed[Any]:
        await todos.add.run(tx, [TodoCreate(title="never")])
        raise Conflict

    with pytest.raises(Conflict):
        await ann.perform(as_operation(regret))
    with pytest.raises(Conflict):  # refused after the record was written: the key is too long to be stored
        await ann.once("k" * 256).perform(todos.add, [TodoCreate(title="never")])
    await ann.perform(todos.complete, [2**62])

    hers = await ann.once("key").perform(todos.add, [TodoCreate(title="one"), TodoCreate(title="two")])
    assert await next_of(heard, ann, bob) == f"{ann.principal.user_id}:{hers.change_id}"

    assert (await ann.once("key").perform(todos.add, [TodoCreate(title="one"), TodoCreate(title="two")])).replayed
    his = await bob.perform(todos.add, [TodoCreate(title="his")])
    assert await next_of(heard, ann, bob) == f"{bob.principal.user_id}:{his.change_id}"


async def test_a_change_can_be_read_when_it_is_heard_of(
    ann: Caller, heard: MemoryObjectReceiveStream[str], admin: asyncpg.Connection
) -> None:
    await ann.perform(todos.add, [TodoCreate(title="one")])

    change = int((await next_of(heard, ann)).partition(":")[2])

    assert await admin.fetchval("SELECT operation FROM changes WHERE id = $1", change) == "todos.add"


async def test_of_many_changes_the_last_is_always_announced(ann: Caller, heard: MemoryObjectReceiveStream[str]) -> None:
    async with anyio.create_task_group() as tasks:
        for n in range(20):
            tasks.start_soon(ann.perform, todos.add, [TodoCreate(title=str(n))])
    last = (await ann.perform(todos.add, [TodoCreate(title="last")])).change_id

    announced = 0
    while announced != last:
        latest = int((await next_of(heard, ann)).partition(":")[2])
        assert latest > announced
        announced = latest


async def test_what_is_left_at_the_end_is_announced(
    ann: Caller, another_core: CoreOpener, heard: MemoryObjectReceiveStream[str]
) -> None:
    async with another_core() as core:
        changed = await replace(ann, core=core).perform(todos.add, [TodoCreate(title="at the last moment")])

    assert await next_of(heard, ann) == f"{ann.principal.user_id}:{changed.change_id}"


async def test_what_is_being_sent_at_the_end_is_announced_too(
    ann: Caller, another_core: CoreOpener, heard: MemoryObjectReceiveStream[str]
) -> None:
    async with another_core(database_pool_size=1) as core, only_connection_taken(core) as release:
        announcer = Announcer(core.database)
        async with announcer.running():
            announcer.announce(ann.principal.user_id, 7)
            await anyio.wait_all_tasks_blocked()  # it waits for the connection
            release.set()

    assert await next_of(heard, ann) == f"{ann.principal.user_id}:7"


@pytest.mark.requirement("OP4")
async def test_without_a_database_announcing_stops_nothing(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core() as core:
        await core.database.close()

        with capture_logs() as logs:
            announcer = Announcer(core.database)
            async with announcer.running():
                for change in (1, 2):
                    announcer.announce(ann.principal.user_id, change)
                    await anyio.wait_all_tasks_blocked()

    assert [entry["count"] for entry in logs if entry["event"] == "notifications_lost"] == [1, 1]
