"""Many at once: retries, locks, and who comes first, provoked with a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import anyio
import asyncpg
import orjson
import pytest
from sqlalchemy import BigInteger, Text, literal_column, select, table, update
from sqlmodel import col

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    CoreOpener,
    add,
    as_operation,
    codes,
    connected,
    on_the_wire,
    row_of,
    titles_of,
    told,
    until,
    with_server_settings,
)
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import RequestInProgress, TodoError, Unavailable
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import Todo, TodoCreate, TodoRead, TodoUpdate
from todo_core.operations import changes, todos
from todo_core.storage.statements import Statement, mine, parameter

_RENAME = Statement(
    update(Todo)
    .where(mine(Todo), col(Todo.id) == parameter("id", BigInteger()))
    .values(title=parameter("title", Text()))
)


@pytest.fixture
async def bystander(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection that looks on while others wait."""
    async with connected(database_url) as connection:
        yield connection


@pytest.fixture
async def strict_ann(ann: Caller, database_url: str, another_core: CoreOpener) -> AsyncIterator[Caller]:
    """Ann, where every transaction is a repeatable read."""
    async with another_core(
        with_server_settings(database_url, default_transaction_isolation="repeatable read")
    ) as core:
        yield replace(ann, core=core)


@pytest.mark.requirement("OP4")
async def test_a_serialization_failure_is_retried_and_writes_once(
    strict_ann: Caller, admin: asyncpg.Connection
) -> None:
    (contested,) = await add(strict_ann, "contested")
    attempts = 0

    async def rename(tx: Tx) -> Changed[Any]:
        nonlocal attempts
        attempts += 1
        if attempts == 1:  # after this transaction's snapshot, before its update
            await admin.execute("UPDATE todos SET description = 'faster' WHERE id = $1", contested)
        await tx.rows(_RENAME, id=contested, title="renamed")
        return Changed([Done("{}")], [Touched("todo", contested, None, "{}")])

    await strict_ann.perform(as_operation(rename))

    assert attempts == 2
    assert await titles_of(strict_ann) == ["renamed"]
    recorded = await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", strict_ann.principal.user_id)
    assert recorded == 2  # made, and renamed once


@pytest.mark.requirement("OP4")
async def test_a_request_that_never_gets_through_is_unavailable_in_the_end(
    strict_ann: Caller, admin: asyncpg.Connection
) -> None:
    (contested,) = await add(strict_ann, "contested")
    attempts = 0

    async def rename(tx: Tx) -> Any:
        nonlocal attempts
        attempts += 1
        await admin.execute("UPDATE todos SET description = $2 WHERE id = $1", contested, str(attempts))
        await tx.rows(_RENAME, id=contested, title="renamed")
        return Changed([])

    with pytest.raises(Unavailable) as refused:
        await strict_ann.perform(as_operation(rename))

    assert attempts == 3
    assert refused.value.retryable
    assert isinstance(refused.value.__cause__, asyncpg.SerializationError)
    assert await titles_of(strict_ann) == ["contested"]


@pytest.mark.requirement("OP4")
async def test_a_deadlock_is_retried(
    ann: Caller,
    database_url: str,
    another_core: CoreOpener,
    admin: asyncpg.Connection,
    bystander: asyncpg.Connection,
) -> None:
    first, second = await add(ann, "first", "second")
    attempts = 0

    async def other_way_round() -> None:
        async with admin.transaction():
            await admin.execute("SET LOCAL deadlock_timeout = '1h'")  # the other one finds it
            await admin.execute("UPDATE todos SET description = 'mine' WHERE id = $1", second)
            holds_second.set()
            await holds_first.wait()
            await admin.execute("UPDATE todos SET description = 'mine' WHERE id = $1", first)

    async def rename(tx: Tx) -> Any:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            await tx.rows(_RENAME, id=first, title="renamed first")
            holds_first.set()
            await until(bystander, SOMEBODY_WAITS_FOR_A_LOCK)
        await tx.rows(_RENAME, id=second, title="renamed second")
        return Changed([])

    holds_first, holds_second = anyio.Event(), anyio.Event()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other_way_round)
            await holds_second.wait()
            async with another_core(with_server_settings(database_url, deadlock_timeout="20ms")) as core:
                await replace(ann, core=core).perform(as_operation(rename))

    assert attempts == 2
    assert await titles_of(ann) == ["first", "renamed second"]


@pytest.mark.requirement("DB3", "OP4")
async def test_a_migration_under_a_running_server_costs_a_retry_and_not_an_error(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    everything = Statement(select(literal_column("*")).select_from(table("widening")))

    async def look(tx: Tx) -> Any:
        return [tuple(row) for row in await tx.rows(everything)]

    read = as_operation(look, effect="reads", scope="todos:read")
    await admin.execute("CREATE TABLE widening AS SELECT 1 AS one; GRANT SELECT ON widening TO todo_app")
    try:
        async with another_core(database_pool_size=1) as core:
            me = replace(ann, core=core)
            assert await me.perform(read) == [(1,)]
            await admin.execute("ALTER TABLE widening ADD COLUMN two integer DEFAULT 2")

            assert await me.perform(read) == [(1, 2)]
    finally:
        await admin.execute("DROP TABLE widening")


@pytest.mark.requirement("SA4")
@pytest.mark.parametrize("keys", [(None, None), ("one", "two"), ("one", None)])
async def test_writes_of_one_user_wait_for_each_other_and_not_for_anybody_else(
    keys: tuple[str | None, str | None], ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    made: dict[str, int] = {}

    async def hold(tx: Tx) -> Changed[Any]:
        begun.set()
        await release.wait()
        return await todos.add.run(tx, [TodoCreate(title="first")])

    async def perform(caller: Caller, name: str, which: Any, *args: Any) -> None:
        made[name] = (await caller.perform(which, *args)).change_id

    begun, release = anyio.Event(), anyio.Event()
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(perform, ann.once(keys[0]), "ann's first", as_operation(hold))
            await begun.wait()
            tasks.start_soon(perform, ann.once(keys[1]), "ann's second", todos.add, [TodoCreate(title="second")])
            await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
            await perform(bob, "bob's", todos.add, [TodoCreate(title="meanwhile")])
            assert made.keys() == {"bob's"}
            assert await titles_of(ann) == []  # a reader never waits
            release.set()

    assert made["bob's"] < made["ann's first"] < made["ann's second"]
    assert await titles_of(ann) == ["first", "second"]


@pytest.mark.requirement("TD8")
async def test_of_two_writers_with_one_version_exactly_one_is_refused_and_sees_the_other(ann: Caller) -> None:
    (contested,) = await add(ann, "contested")
    answers: dict[str, Changed[Any]] = {}

    async def rename(title: str) -> None:
        patch: TodoUpdate = {"id": contested, "if_version": 1, "title": title}
        answers[title] = await ann.perform(todos.update, [patch])

    async with anyio.create_task_group() as tasks:
        for title in ("one", "two"):
            tasks.start_soon(rename, title)

    assert sorted(codes(answer)[0] for answer in answers.values()) == ["changed", "version_conflict"]
    (winner,) = [row_of(answer) for answer in answers.values() if codes(answer) == ["changed"]]
    (loser,) = [answer for answer in answers.values() if codes(answer) == ["version_conflict"]]
    assert told(loser)[0]["error"]["current"] == {name: winner[name] for name in TodoRead.model_fields}
    assert loser.change_id is None
    assert await titles_of(ann) == [winner["title"]]


@pytest.mark.requirement("SA1")
async def test_fifty_requests_with_one_key_make_one_row(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    answers: list[Changed[Any]] = []
    refused: list[TodoError] = []

    async def request(caller: Caller) -> None:
        try:
            answers.append(await caller.once("the key").perform(todos.add, [TodoCreate(title="once")]))
        except TodoError as error:
            refused.append(error)

    async with another_core() as core, anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(request, ann if number % 2 else replace(ann, core=core))

    assert await titles_of(ann) == ["once"]
    assert await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", ann.principal.user_id) == 1
    assert len(answers) + len(refused) == 50
    assert {type(error) for error in refused} <= {RequestInProgress}
    assert [answer.replayed for answer in answers].count(False) == 1
    assert len({(orjson.dumps(told(answer)), answer.change_id) for answer in answers}) == 1


@pytest.mark.requirement("SA4")
async def test_who_follows_the_changes_misses_none_while_many_write(ann: Caller, another_core: CoreOpener) -> None:
    made: list[int] = []
    followed: list[int] = []

    async def write(caller: Caller, title: str) -> None:
        changed = await caller.perform(todos.add, [TodoCreate(title=title)])
        assert changed.change_id is not None
        made.append(changed.change_id)

    async def follow() -> None:
        since: int | None = 0
        while len(followed) < 36:
            page = await ann.perform(changes.list_, ChangeFilter(since=since, limit=7))
            followed.extend(change["id"] for change in orjson.loads(page.json))
            since = page.since

    with anyio.fail_after(30):
        async with another_core() as core, anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            for number in range(36):  # so many of one person are inside and wait
                tasks.start_soon(write, replace(ann, core=core), str(number))

    assert followed == sorted(made)


@pytest.mark.requirement("OP4")
async def test_a_request_that_is_given_up_changes_nothing(ann: Caller, admin: asyncpg.Connection) -> None:
    async def hold(tx: Tx) -> Any:
        changed = await todos.add.run(tx, [TodoCreate(title="given up")])
        begun.set()
        await anyio.sleep_forever()
        return changed

    begun = anyio.Event()
    with on_the_wire() as wire:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ann.perform, as_operation(hold))
            await begun.wait()
            tasks.cancel_scope.cancel()

    assert wire.sent[-1] == "ROLLBACK"
    assert await titles_of(ann) == []
    assert await admin.fetchval("SELECT count(*) FROM changes WHERE user_id = $1", ann.principal.user_id) == 0
