"""Advisory locks: nothing that a caller sends chooses the lock of another, or is told what another does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
import asyncpg
import pytest

from tests.core.support import CoreOpener, as_operation, connected, row_of, titles_of, until
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import RequestInProgress
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.storage import locks

pytestmark = pytest.mark.requirement("SA1", "OW1")

KEY: Final = "e&WUH32k}tPw.];_/?4)V9$H"
"""For the user 4, PostgreSQL's hash of it is 3, by which older versions locked it."""
_HASH: Final = "SELECT hashtextextended($1, $2)"
_OLD_TRY: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, $2))"
_ADVISORY: Final = """
    SELECT objsubid, (classid::bigint << 32) | objid::bigint AS key, mode FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    """
_WAITS: Final = """
    SELECT count(*) = 1 FROM pg_locks
    WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = '{}')
    """


@dataclass(frozen=True)
class People:
    """Two people whose ids are known, and the superuser."""

    three: Caller
    four: Caller
    admin: asyncpg.Connection
    another: Callable[[], Any]
    """Connects as the superuser once more."""


@pytest.fixture
async def people(fresh_database_url: str, another_core: CoreOpener) -> AsyncIterator[People]:
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url) as core:
        found = []
        for number in (3, 4):
            await admin.execute(f"ALTER TABLE users ALTER COLUMN id RESTART WITH {number}")
            found.append(Caller(core, await core.identity.local(str(number)), "test"))
        assert [caller.principal.user_id for caller in found] == [3, 4]
        yield People(*found, admin, lambda: connected(fresh_database_url))


async def add(caller: Caller, title: str, key: str | None = None) -> Changed[Any]:
    return await caller.once(key).perform(todos.add, [TodoCreate(title=title)])


async def while_writing(caller: Caller, key: str | None, work: Callable[[Tx], Awaitable[Any]]) -> None:
    """Do something while a write of somebody runs."""

    async def write(tx: Tx) -> Changed[Any]:
        await work(tx)
        return await todos.add.run(tx, [TodoCreate(title="slow")])

    await caller.once(key).perform(as_operation(write))


async def test_the_key_is_what_it_is_said_to_be(people: People) -> None:
    assert await people.admin.fetchval(_HASH, KEY, 4) == 3


async def test_no_key_keeps_another_person_from_writing(people: People) -> None:
    async def write(_: Tx) -> None:
        with anyio.fail_after(30):
            await add(people.three, "meanwhile")

    await while_writing(people.four, KEY, write)

    assert await titles_of(people.three) == ["meanwhile"]


async def test_no_key_is_told_that_another_person_writes(people: People) -> None:
    await add(people.four, "once", KEY)

    async def ask(_: Tx) -> None:
        with anyio.fail_after(30):
            assert (await add(people.four, "once", KEY)).replayed
            assert not (await add(people.four, "twice", f"{KEY}!")).replayed

    await while_writing(people.three, None, ask)


async def held(tx: Tx) -> set[tuple[int, int, str]]:
    rows = await tx._executor._connection.fetch(_ADVISORY)  # type: ignore[attr-defined]
    return {(row["objsubid"], row["key"], row["mode"]) for row in rows}


@pytest.mark.parametrize("key", [None, "some key", KEY])
async def test_each_lock_is_in_its_space(people: People, key: str | None) -> None:
    found: set[tuple[int, int, str]] = set()

    async def look(tx: Tx) -> None:
        found.update(await held(tx))

    await while_writing(people.four, key, look)

    expected = {(1, 4, "ExclusiveLock")}
    if key is not None:
        secret = people.four.core.secret
        expected.add((1, locks.of_key(secret, 4, key), "ExclusiveLock"))
        assert locks.of_key(secret, 4, key) < 0
    if key == "some key":
        expected.add((1, await people.admin.fetchval(_HASH, key, 4), "ShareLock"))
    assert found == expected


def test_the_lock_of_a_key_depends_on_the_secret_the_person_and_the_key() -> None:
    first = locks.of_key(b"s" * 32, 4, "key")

    assert first == locks.of_key(b"s" * 32, 4, "key")
    assert len({first, *(locks.of_key(*other) for other in ((b"t" * 32, 4, "key"), (b"s" * 32, 3, "key")))}) == 3
    found = {locks.of_key(b"s" * 32, 4, str(number)) for number in range(1000)}
    assert len(found) == 1000
    assert -(2**63) <= min(found) < -(2**62) < max(found) < 0


# --- beside a server of the version before -------------------------------------------------------


@pytest.mark.requirement("OP9")
async def test_a_repetition_at_a_server_of_the_version_before_is_told_that_the_request_runs(people: People) -> None:
    seen: list[bool] = []

    async def repeat(_: Tx) -> None:
        async with people.another() as old, old.transaction():
            seen.append(await old.fetchval(_OLD_TRY, "key", 4))

    await while_writing(people.four, "key", repeat)
    async with people.another() as old, old.transaction():
        seen.append(await old.fetchval(_OLD_TRY, "key", 4))

    assert seen == [False, True]


@pytest.mark.requirement("OP9")
async def test_a_request_that_runs_at_a_server_of_the_version_before_is_waited_for(people: People) -> None:
    first = await add(people.four, "once", "key")
    kept = await people.admin.fetchrow("DELETE FROM idempotency_keys RETURNING fingerprint, reply")
    again: list[Changed[Any]] = []

    async def repeat() -> None:
        again.append(await add(people.four, "once", "key"))

    with anyio.fail_after(10):
        async with people.another() as old, anyio.create_task_group() as tasks, old.transaction():
            assert await old.fetchval(_OLD_TRY, "key", 4)
            tasks.start_soon(repeat)
            database = await people.admin.fetchval("SELECT current_database()")
            await until(people.admin, _WAITS.format(database))
            await old.execute("SELECT pg_advisory_xact_lock(4)")
            await old.execute("INSERT INTO idempotency_keys VALUES (4, 'key', $1, $2)", *kept)

    assert (again[0].replayed, row_of(again[0])["id"]) == (True, row_of(first)["id"])
    assert await titles_of(people.four) == ["once"]


@pytest.mark.requirement("OP9", "SA4")
@pytest.mark.parametrize("key", [None, "key"])
async def test_writes_of_one_person_follow_each_other_in_both_versions(people: People, key: str | None) -> None:
    """The version before locks a person's writes by the id."""
    with anyio.fail_after(10):
        async with people.another() as old, anyio.create_task_group() as tasks, old.transaction():
            await old.execute("SELECT pg_advisory_xact_lock(4)")
            tasks.start_soon(add, people.four, "after", key)
            database = await people.admin.fetchval("SELECT current_database()")
            await until(people.admin, _WAITS.format(database))
            assert await titles_of(people.four) == []
            if key is not None:
                with pytest.raises(RequestInProgress):
                    await add(people.four, "after", key)

    assert await titles_of(people.four) == ["after"]
