"""A connection of the pool comes back or is closed, whatever happens to whoever has it (OP4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import BigInteger, Integer, column, func, select, table
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, add, as_operation, connected, titles_of, until, with_server_settings
from tests.pauses import moment
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.errors import Unavailable
from todo_core.storage import pool as pools
from todo_core.storage.connection import Connection
from todo_core.storage.database import Database
from todo_core.storage.dsn import connection_options
from todo_core.storage.faults import MisuseError
from todo_core.storage.pool import Pool
from todo_core.storage.statements import Statement, parameter

pytestmark = pytest.mark.requirement("OP4")

SIZE = 4
PATIENCE = 10.0
LIMIT = 0.2
ROLE = "todo_app"
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '{name}'"


class Lender:
    """Pools of one test, and what PostgreSQL knows of their connections."""

    def __init__(self, url: str, admin: asyncpg.Connection) -> None:
        self.name = f"pool-{uuid4().hex[:12]}"
        self.fails = 0
        """How many connections are refused before one is opened."""
        self.opened = 0
        self.refused = 0
        """How many the server refused, for it accepts no further one."""
        self._options = connection_options(url) | {"server_settings": {"application_name": self.name}}
        self._admin = admin
        self._pools: list[Pool] = []

    def pool(self, size: int = SIZE, patience: float = PATIENCE, limit: float = PATIENCE) -> Pool:
        self._pools.append(Pool(self.connect, size=size, patience=patience, limit=limit))
        return self._pools[-1]

    async def connect(self, role: str) -> Connection:
        if self.fails:
            self.fails -= 1
            await asyncio.sleep(0)
            raise ConnectionRefusedError
        options = self._options | {"server_settings": self._options["server_settings"] | {"role": role}}
        try:
            connection: Connection = await asyncpg.connect(**options, connection_class=Connection)
        except asyncpg.TooManyConnectionsError:
            self.refused += 1
            raise
        self.opened += 1
        return connection

    @asynccontextmanager
    async def accepting(self, count: int) -> AsyncIterator[None]:
        """The server accepts no more connections of this test than so many."""
        login = self._options["user"] = self.name.replace("-", "_")
        await self._admin.execute(f"CREATE ROLE {login} LOGIN; GRANT todo_app, todo_agent TO {login}")
        await self.accept(count)
        yield
        self.terminate()
        await self.end_all()
        await self._admin.execute(f"DROP ROLE {login}")

    async def accept(self, count: int) -> None:
        await self._admin.execute(f"ALTER ROLE {self._options['user']} CONNECTION LIMIT {count}")

    async def are_open(self, count: int) -> None:
        await until(self._admin, f"SELECT ({OPEN.format(name=self.name)}) = {count}")

    async def end_all(self) -> None:
        """What runs on a connection that was closed goes on, until PostgreSQL has its answer."""
        await self._admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = $1", self.name
        )

    def terminate(self) -> None:
        for pool in self._pools:
            pool.terminate()


@pytest.fixture
async def lender(database_url: str, admin: asyncpg.Connection) -> AsyncIterator[Lender]:
    lender = Lender(database_url, admin)
    yield lender
    lender.terminate()
    await lender.end_all()


async def broken_off(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def all_wait(pool: Pool, count: int) -> None:
    while pool.waiting < count:
        await moment()


_ASK = Statement(select(parameter("number", Integer()).label("number"), parameter("user_id", BigInteger()).label("me")))
_OURS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'broken off'"


async def _ask(database: Database, user_id: int, number: int) -> None:
    """Ask for a number, in a transaction, without one, or at once: nobody gets the answer of another."""
    if number % 2:
        answer = await database.read(user_id=user_id, token_id=None).one(_ASK, number=number)
    elif number % 4:
        async with database.begin(user_id=user_id, lock=True, at_once=True) as transaction:
            (answer,) = await transaction.rows_at_once(_ASK, number=number)
    else:
        async with database.begin(user_id=user_id) as transaction:
            answer = await transaction.one(_ASK, number=number)
    assert answer[0] == number


@pytest.mark.parametrize("uses", [2_000, pytest.param(10_000, marks=pytest.mark.slow)])
async def test_of_requests_of_which_a_third_is_broken_off_nothing_is_left(
    uses: int, ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection, database_url: str
) -> None:
    """Connections are killed meanwhile."""
    url = with_server_settings(database_url, application_name="broken off")
    chance, me = Random(20), ann.principal.user_id  # noqa: S311  # chance that is the same each time
    told = {"answered": 0, "unavailable": 0, "broken off": 0}

    async with another_core(url, database_pool_size=SIZE, rate_limit="off") as core:
        database = core.database

        async def request(number: int) -> None:
            task = asyncio.create_task(_ask(database, me, number))
            if number % 3 == 0:
                for _ in range(chance.randrange(12)):
                    await asyncio.sleep(0)
                task.cancel()
            try:
                await task
                told["answered"] += 1
            except asyncio.CancelledError:
                told["broken off"] += 1
            except Unavailable:
                told["unavailable"] += 1

        for first in range(0, uses, 100):
            async with asyncio.TaskGroup() as tasks:
                for number in range(first, first + 100):
                    tasks.create_task(request(number))
            if first % 500 == 0:
                await admin.execute(f"SELECT pg_terminate_backend(pid) FROM ({_OURS}) AS ours LIMIT 2")  # noqa: S608

        connections = database.connections
        assert (connections.in_use, connections.waiting) == (0, 0)
        assert connections.idle <= SIZE
        assert database.has_room_for_writes
        async with asyncio.TaskGroup() as tasks:
            for number in range(1, 5 * SIZE):
                tasks.create_task(_ask(database, me, number))
        # Of those that were closed PostgreSQL notices the end when it comes to it.
        await until(admin, f"SELECT count(*) <= {SIZE} FROM ({_OURS}) AS ours")  # noqa: S608

    assert told["broken off"] > uses // 5
    assert told["answered"] > uses // 2
    assert told["unavailable"] < uses // 50


async def test_what_is_given_to_somebody_who_goes_in_that_moment_goes_on_to_the_next(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    first, second = [asyncio.create_task(pool.acquire(ROLE)) for _ in range(2)]
    await all_wait(pool, 2)

    pool.release(connection)
    await broken_off(first)

    assert await second is connection
    pool.release(connection)
    assert (pool.idle, pool.lent, pool.waiting, lender.opened) == (1, 0, 0, 1)


async def test_who_goes_while_waiting_is_passed_over(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    first, second = [asyncio.create_task(pool.acquire(ROLE)) for _ in range(2)]
    await all_wait(pool, 2)

    await broken_off(first)
    pool.release(connection)

    assert await second is connection
    assert (pool.lent, pool.waiting, lender.opened) == (1, 0, 1)


async def test_who_waits_opens_a_connection_where_another_could_not(lender: Lender) -> None:
    pool, lender.fails = lender.pool(size=1), 1
    first, second = [asyncio.create_task(pool.acquire(ROLE)) for _ in range(2)]

    with pytest.raises(ConnectionRefusedError):
        await first
    pool.release(await second)

    assert (pool.idle, pool.lent, pool.waiting) == (1, 0, 0)


async def test_a_full_pool_keeps_nobody_waiting_beyond_the_time(lender: Lender) -> None:
    pool = lender.pool(size=1, patience=0.05)
    connection = await pool.acquire(ROLE)

    with pytest.raises(TimeoutError):
        await pool.acquire(ROLE)

    assert pool.waiting == 0
    pool.release(connection)
    assert await pool.acquire(ROLE) is connection


async def test_a_connection_that_is_not_as_it_was_is_not_lent_again(lender: Lender, admin: asyncpg.Connection) -> None:
    pool = lender.pool(size=1)

    async def begin(connection: Connection) -> None:
        await connection.execute("BEGIN")

    async def break_off(connection: Connection) -> None:
        task = asyncio.create_task(connection.fetch("SELECT pg_sleep(60)"))
        await until(admin, f"{OPEN.format(name=lender.name)} AND state = 'active'".replace("count(*)", "count(*) = 1"))
        await broken_off(task)

    async def lose(connection: Connection) -> None:
        await admin.execute("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
        while not connection.is_closed():
            await moment()

    async def expire(_: Connection) -> None:
        pool.expire()

    spoils: list[Callable[[Connection], Awaitable[None]]] = [begin, break_off, lose, expire]
    for spoil in spoils:
        connection = await pool.acquire(ROLE)
        await spoil(connection)
        pool.release(connection)
        assert (pool.idle, pool.lent) == (0, 0), spoil
    assert lender.opened == len(spoils)


async def test_a_read_that_is_broken_off_ends_in_the_database_and_keeps_its_connection(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    user = parameter("user_id", BigInteger())
    sleep = Statement(select(func.pg_sleep(60), func.pg_backend_pid(), user))
    alive = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%'"
    async with another_core(database_pool_size=1) as core:
        reader = core.database.read(user_id=ann.principal.user_id, token_id=None)
        look = Statement(select(func.pg_backend_pid(), user))
        pid = await reader.value(look)
        task = asyncio.create_task(reader.rows(sleep))
        await until(admin, f"SELECT {pid} IN ({alive} AND pid <> pg_backend_pid())")

        await broken_off(task)

        assert await reader.value(look) == pid
        assert core.database.connections.in_use == 0


async def test_a_server_that_does_not_answer_costs_its_connection_and_those_that_are_idle(lender: Lender) -> None:
    pool = lender.pool(limit=LIMIT)
    silent, spare = await pool.acquire(ROLE), await pool.acquire(ROLE)
    pool.release(spare)

    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await silent.fetch("SELECT pg_sleep(60)")
    pool.release(silent)

    assert (pool.idle, pool.lent) == (0, 0)
    another = await pool.acquire(ROLE)
    another.allowed = PATIENCE  # for an answer on however busy a machine
    assert [*(await another.fetch("SELECT 1"))[0]] == [1]
    pool.release(another)


async def test_one_that_is_lent_for_long_and_waits_for_no_answer_is_left_alone(lender: Lender) -> None:
    pool = lender.pool(limit=LIMIT)
    connection = await pool.acquire(ROLE)
    connection.allowed = PATIENCE
    await connection.execute("SELECT 1")
    connection.allowed = None
    await asyncio.sleep(LIMIT + 0.6)  # the clock is what is tested

    assert not connection.is_closed()
    pool.release(connection)
    assert pool.idle == 1


async def test_closing_waits_for_what_is_used_and_lends_nothing_more(lender: Lender) -> None:
    pool = lender.pool(size=2)
    used, idle = await pool.acquire(ROLE), await pool.acquire(ROLE)
    pool.release(idle)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)

    with pytest.raises(ConnectionError):
        await pool.acquire(ROLE)
    assert not closing.done()
    pool.release(used)
    await closing

    await lender.are_open(0)


async def test_who_waits_when_it_closes_has_the_connection_that_comes_back(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    waiting = asyncio.create_task(pool.acquire(ROLE))
    await all_wait(pool, 1)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)

    pool.release(connection)
    pool.release(await waiting)
    await closing

    await lender.are_open(0)


async def test_who_waits_for_another_role_when_it_closes_is_refused(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    waiting = [asyncio.create_task(pool.acquire("todo_agent")) for _ in range(3)]
    await all_wait(pool, 3)
    closing = asyncio.create_task(pool.close())
    await asyncio.sleep(0)

    pool.release(connection)
    await closing

    async with asyncio.timeout(PATIENCE / 2):
        refused = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(one) for one in refused] == [ConnectionError] * 3
    await lender.are_open(0)


async def test_what_is_opened_while_all_is_closed_is_closed_when_it_comes_back(lender: Lender) -> None:
    pool = lender.pool()
    opening = asyncio.create_task(pool.acquire(ROLE))
    await asyncio.sleep(0)
    assert pool.waiting == 1

    pool.terminate()
    pool.release(await opening)

    assert (pool.idle, pool.lent) == (0, 0)
    await lender.are_open(0)


async def test_people_of_two_roles_do_not_close_each_others_connections(lender: Lender) -> None:
    pool = lender.pool(size=2)

    async def use(role: str) -> None:
        for _ in range(20):
            connection = await pool.acquire(role)
            await connection.fetch("SELECT 1")
            pool.release(connection)

    await asyncio.gather(*(use(role) for _ in range(5) for role in (ROLE, "todo_agent")))

    assert lender.opened < 20  # of 200 uses


async def test_who_has_waited_for_long_comes_first_whatever_is_given_back(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    agent = asyncio.create_task(pool.acquire("todo_agent"))
    await asyncio.sleep(pool._pause + 0.1)  # the clock is what is tested: more than one pause of the timer
    same = asyncio.create_task(pool.acquire(ROLE))
    await asyncio.sleep(0)

    pool.release(connection)

    assert (await agent).role == "todo_agent"
    assert not same.done()
    pool.release(await agent)
    pool.release(await same)


async def test_room_belongs_to_who_has_waited_and_not_to_who_comes_in_that_moment(lender: Lender) -> None:
    pool = lender.pool(size=1)
    connection = await pool.acquire(ROLE)
    first, second = [asyncio.create_task(pool.acquire("todo_agent")) for _ in range(2)]
    await all_wait(pool, 2)
    newcomer = asyncio.create_task(pool.acquire(ROLE))  # it runs before `first` knows

    pool.release(connection)

    served = []
    for task in (first, second, newcomer):
        connection = await task
        served.append(connection.role)
        pool.release(connection)
    assert served == ["todo_agent", "todo_agent", ROLE]
    assert (pool.lent, pool.waiting) == (0, 0)


@pytest.mark.requirement("OP8")
@pytest.mark.parametrize("effect", ["reads", "changes"])
async def test_a_wrong_number_of_arguments_is_a_mistake_of_ours_and_no_outage(
    effect: Any, ann: Caller, another_core: CoreOpener
) -> None:
    wrong = Statement(select(parameter("number", Integer()), parameter("user_id", BigInteger())))
    assert wrong.sql
    wrong.parameters = ("user_id",)

    async def ask(tx: Tx) -> Any:
        return await tx.row(wrong)

    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        with pytest.raises(MisuseError, match="expects"):
            await me.perform(as_operation(ask, effect=effect))
        assert await titles_of(me) == []


async def test_connections_of_two_roles_are_as_many_together_as_there_may_be(lender: Lender) -> None:
    """An idle one of the other role gives way, and who waits alone gets one of its own role."""
    pool = lender.pool(size=2)
    for _ in range(2):  # the second time, none is left of the other role
        both = [await pool.acquire(ROLE) for _ in range(2)]
        for connection in both:
            pool.release(connection)
        other = await pool.acquire("todo_agent")
        assert [connection.is_closed() for connection in both] == [True, False]
        assert (pool.lent, pool.idle) == (1, 1)
        pool.release(other)
        await lender.are_open(2)

    first, second = await pool.acquire(ROLE), await pool.acquire("todo_agent")
    assert [await one.fetchval("SELECT current_user") for one in (first, second)] == [ROLE, "todo_agent"]
    waiting = asyncio.create_task(pool.acquire("todo_agent"))
    await all_wait(pool, 1)
    pool.release(first)  # of another role than is wanted
    third = await waiting
    assert (first.is_closed(), third.role) == (True, "todo_agent")
    waiting = asyncio.create_task(pool.acquire(ROLE))
    await all_wait(pool, 1)
    pool.release(third)
    fourth = await waiting
    assert (third.is_closed(), fourth.role) == (True, ROLE)
    await lender.are_open(2)
    for connection in (second, fourth):
        pool.release(connection)


async def test_who_does_what_takes_long_may_wait_longer_and_nobody_after(lender: Lender) -> None:
    pool = lender.pool(size=1, limit=LIMIT)
    connection = await pool.acquire(ROLE)
    connection.allowed = PATIENCE
    await connection.fetch("SELECT pg_sleep($1)", 5 * LIMIT)
    pool.release(connection)

    again = await pool.acquire(ROLE)
    assert again is connection
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await again.fetch("SELECT pg_sleep($1)", PATIENCE)
    pool.release(again)


# --- what connections have prepared ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoils", "error"),
    [
        ("ALTER TABLE kinds ALTER kind TYPE bigint", asyncpg.InvalidCachedStatementError),
        ("DEALLOCATE ALL", asyncpg.InvalidSQLStatementNameError),
    ],
)
async def test_where_what_one_has_prepared_is_of_no_use_all_are_made_anew(
    spoils: str, error: type[Exception], fresh_database_url: str, another_core: CoreOpener
) -> None:
    kinds = Statement(select(table("kinds", column("kind", Integer())).c.kind))
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url) as core:
        await admin.execute("CREATE TABLE kinds AS SELECT 1 AS kind; GRANT SELECT ON kinds TO todo_app")
        async with AsyncExitStack() as held:
            for _ in range(SIZE):
                transaction = await held.enter_async_context(core.database.begin())
                await transaction.rows(kinds)
                if spoils == "DEALLOCATE ALL":
                    await transaction.fetch(spoils)
        if spoils != "DEALLOCATE ALL":
            await admin.execute(spoils)

        with pytest.raises(error):
            async with core.database.begin() as transaction:
                await transaction.rows(kinds)
        async with core.database.begin(), core.database.begin() as transaction:
            assert await transaction.value(kinds) == 1


async def test_a_request_is_served_where_what_its_connection_had_prepared_was_thrown_away(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        await add(me, "before")
        assert await titles_of(me) == ["before"]
        for again in (partial(add, me, "after"), partial(titles_of, me)):
            async with core.database.begin() as transaction:
                await transaction.fetch("DEALLOCATE ALL")
            await again()

        assert sorted(await titles_of(me)) == ["after", "before"]


# --- a server that accepts no further connection -------------------------------------------------


async def test_where_no_further_connection_is_accepted_those_that_there_are_serve_all(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "_REFUSED_FOR", PATIENCE)  # on a busy machine all this takes more than a second
    async with lender.accepting(2):
        pool = lender.pool()

        async def use() -> None:
            connection = await pool.acquire(ROLE)
            await connection.fetch("SELECT 1")
            pool.release(connection)

        with capture_logs() as logs:
            both = [await pool.acquire(ROLE) for _ in range(2)]
            others = [asyncio.create_task(use()) for _ in range(100)]
            while lender.refused < SIZE - 2:
                await moment()
            await asyncio.sleep(pool._pause + 0.1)  # the timer has looked
            for connection in both:
                pool.release(connection)
            await asyncio.gather(*others)

        assert (pool.idle, pool.lent, pool.waiting) == (lender.opened, 0, 0) == (2, 0, 0)
        assert lender.refused == SIZE - 2  # nobody asks again for a while
        told = {(entry["event"], entry["cause"]) for entry in logs}
        assert told == {("connections_refused", "no further connection is accepted")}


async def test_an_idle_connection_of_another_role_gives_way_where_no_further_one_is_accepted(lender: Lender) -> None:
    async with lender.accepting(1):
        pool = lender.pool()
        for role in (ROLE, "todo_agent", ROLE):
            connection = await pool.acquire(role)
            assert (await connection.fetch("SELECT current_user"))[0][0] == role
            pool.release(connection)

        assert (pool.idle, lender.opened) == (1, 3)


async def test_who_waits_for_one_that_is_lost_is_refused_at_once_where_none_is_accepted(lender: Lender) -> None:
    async with lender.accepting(1):
        pool = lender.pool()
        connection = await pool.acquire(ROLE)
        await lender.accept(0)
        waiting = [asyncio.create_task(pool.acquire(ROLE)) for _ in range(10)]
        while lender.refused < SIZE - 1:
            await moment()
        connection.terminate()
        pool.release(connection)
        async with asyncio.timeout(PATIENCE / 2):
            told = await asyncio.gather(*waiting, return_exceptions=True)

        assert {type(one) for one in told} == {asyncpg.TooManyConnectionsError}
        assert (pool.lent, pool.waiting) == (0, 0)


async def test_who_waits_for_another_role_has_the_only_connection_that_is_accepted(lender: Lender) -> None:
    """One that has given way counts until the server has noticed."""
    async with lender.accepting(1):
        pool = lender.pool()
        connection = await pool.acquire(ROLE)
        for role in ("todo_agent", ROLE) * 5:
            waiting = asyncio.create_task(pool.acquire(role))
            await all_wait(pool, 1)
            while pool.waiting and lender.refused == 0:
                await moment()
            pool.release(connection)
            connection = await waiting
            assert connection.role == role
        pool.release(connection)


async def test_an_idle_connection_gives_way_also_a_moment_after_a_further_one_was_refused(lender: Lender) -> None:
    async with lender.accepting(2):
        pool = lender.pool()
        long, short = await pool.acquire(ROLE), await pool.acquire(ROLE)
        waiting = asyncio.create_task(pool.acquire(ROLE))
        while lender.refused == 0:
            await moment()
        pool.release(short)
        pool.release(await waiting)

        async with asyncio.timeout(PATIENCE / 2):
            other = await pool.acquire("todo_agent")
        assert (other.role, short.is_closed()) == ("todo_agent", True)
        pool.release(other)
        pool.release(long)


async def test_a_further_connection_that_is_accepted_after_all_is_for_who_has_waited_longest(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lender.accepting(1):
        pool = lender.pool()
        lent = await pool.acquire(ROLE)
        waiting = [asyncio.create_task(pool.acquire(ROLE)) for _ in range(3)]
        while lender.refused < 3:
            await moment()
        monkeypatch.setattr(pools, "_REFUSED_FOR", 0.0)
        async with asyncio.timeout(PATIENCE / 2):
            while lender.refused < 4:
                await moment()
        await lender.accept(2)
        waiting.append(asyncio.create_task(pool.acquire(ROLE)))  # it comes when the server may be asked again

        async with asyncio.timeout(PATIENCE / 2):
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.done() for task in waiting] == [True, False, False, False]
        for task in waiting:
            pool.release(await task)
        pool.release(lent)


# --- several roles -------------------------------------------------------------------------------


async def test_who_waits_for_a_connection_of_another_role_has_the_next_room(lender: Lender) -> None:
    """Also where whoever gave one back asks again at once."""
    pool = lender.pool(size=1)

    async def ask_again_and_again() -> None:
        while True:
            connection = await pool.acquire(ROLE)
            try:
                await connection.fetch("SELECT 1")
            finally:
                pool.release(connection)

    busy = asyncio.create_task(ask_again_and_again())
    while lender.opened == 0:
        await moment()
    for _ in range(3):
        connection = await pool.acquire("todo_agent")
        assert (await connection.fetch("SELECT current_user"))[0][0] == "todo_agent"
        pool.release(connection)
    await broken_off(busy)
