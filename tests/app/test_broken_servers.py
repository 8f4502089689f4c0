"""What is done to a whole server: it falls silent, with its connections open, or it loses a role."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import asyncpg
import pytest

from tests.app.postgres import own_postgres
from tests.core.support import on_the_wire, titles_of
from tests.support import MovableClock
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.queries import installation as queries
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings
from todo_core.upkeep.readiness import NOT_READY_FOR, READY_FOR
from todo_core.upkeep.readiness import TIMEOUT as READINESS_TIMEOUT

pytestmark = pytest.mark.slow

TIMEOUT = 3.0
"""Seconds of TODO_DATABASE_TIMEOUT; the pool allows one more for the answer that a statement timed out."""


@pytest.mark.exhaustive  # the next test has it wherever the server falls silent
@pytest.mark.requirement("OP8", "OP4")
async def test_readiness_has_a_time_limit_of_its_own(settings: Settings) -> None:
    clock = MovableClock()
    with own_postgres() as server:
        await migrate(server.url)
        async with Core.open(settings, server.url, clock=clock) as core:
            assert core.settings.database_timeout > 3 * READINESS_TIMEOUT
            await core.readiness.require()
            clock.move(READY_FOR)

            server.freeze()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await core.readiness.require()
            waited = time.monotonic() - began
            server.thaw()
            clock.move(NOT_READY_FOR)
            await core.readiness.require()

    assert waited < 3 * READINESS_TIMEOUT


@pytest.mark.requirement("OP8", "OP4")
async def test_the_time_limit_of_readiness_holds_for_the_whole_look_wherever_the_server_falls_silent(
    settings: Settings,
) -> None:
    """A statement has a limit of its own, and so has a connection: together they would be longer.

    The shortest of some looks tells, for a busy machine is slow now and then. The first below the bound is good enough.
    """
    clock = MovableClock()
    bound = READINESS_TIMEOUT + 0.5
    with own_postgres() as server:
        await migrate(server.url)
        async with Core.open(settings, server.url, clock=clock) as core:

            async def waited_when_it_falls_silent_at(moment: str) -> float:
                def freeze_at(sql: str) -> str:
                    if sql.startswith(moment):
                        server.freeze()
                    return sql

                with on_the_wire(freeze_at) as wire:
                    began = time.monotonic()
                    with pytest.raises(Unavailable):
                        await core.readiness.require()
                    waited = time.monotonic() - began
                server.thaw()
                assert [sql for sql in wire.sent if sql.startswith(moment)]
                clock.move(NOT_READY_FOR)
                await core.readiness.require()
                clock.move(READY_FOR)
                return waited

            for moment in ("BEGIN", queries.STATE.sql, "COMMIT"):  # after the login
                waited = [await waited_when_it_falls_silent_at(moment)]
                while len(waited) < 4 and waited[-1] >= bound:
                    waited.append(await waited_when_it_falls_silent_at(moment))
                assert READINESS_TIMEOUT - 0.1 < min(waited) < bound, (moment, waited)


@pytest.mark.requirement("OP8", "OP4")
async def test_requests_and_readiness_are_refused_while_the_password_is_another(settings: Settings) -> None:
    clock = MovableClock()
    with own_postgres() as server:
        await migrate(server.url)
        admin = await asyncpg.connect(server.url)
        await admin.execute("CREATE ROLE clerk LOGIN PASSWORD 'first'; GRANT todo_app, todo_sign_in TO clerk")
        await asyncio.to_thread(server.ask_for_the_password_of, "clerk")
        url = server.url.replace("//postgres:@", "//clerk:first@")
        async with Core.open(settings, url, clock=clock) as core:
            me = Caller(core, await core.identity.local("ann"), "test")
            await core.readiness.require()
            clock.move(READY_FOR)

            await admin.execute("ALTER ROLE clerk PASSWORD 'second'")
            with pytest.raises(Unavailable):  # though no connection was lost, and no request refused
                await core.readiness.require()
            await end_connections(admin)
            told = await asyncio.gather(titles_of(me), titles_of(me), return_exceptions=True)
            assert {type(error) for error in told} == {Unavailable}

            await admin.execute("ALTER ROLE clerk PASSWORD 'first'")
            clock.move(NOT_READY_FOR)
            await core.readiness.require()
            assert await titles_of(me) == []
        await admin.close()


async def end_connections(admin: asyncpg.Connection[Any]) -> None:
    """End those of the application."""
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'todo-mcp'"
    )


@pytest.mark.requirement("OP8")
async def test_requests_and_readiness_are_refused_where_the_role_of_requests_is_gone(settings: Settings) -> None:
    """Roles belong to a whole server, so this one is the test's own."""
    with own_postgres() as server:
        await migrate(server.url)
        async with Core.open(settings, server.url) as core:
            me = Caller(core, await core.identity.local("ann"), "test")
            admin = await asyncpg.connect(server.url)
            await admin.execute("ALTER ROLE todo_app RENAME TO somebody")
            await end_connections(admin)
            await admin.close()

            told = []
            for ask in (titles_of(me), titles_of(me), core.readiness.require()):
                with pytest.raises(Unavailable) as refused:
                    await ask
                told.append(getattr(refused.value.__cause__, "sqlstate", None))

    assert told[1] == "22023"


@pytest.mark.requirement("OP4")
async def test_a_read_ends_at_its_time_limit_and_no_silent_connection_stays(settings: Settings) -> None:
    with own_postgres() as server:
        await migrate(server.url)
        short = settings.model_copy(update={"database_timeout": TIMEOUT, "database_pool_size": 1})
        async with Core.open(short, server.url) as core:
            me = Caller(core, await core.identity.local("ann"), "test")
            assert await titles_of(me) == []

            server.freeze()
            began = time.monotonic()
            with pytest.raises(Unavailable):
                await titles_of(me)
            waited = time.monotonic() - began
            server.thaw()

            began = time.monotonic()
            assert await titles_of(me) == []
            waited_again = time.monotonic() - began

    # Without closing the connection it was asked to cancel its statement, and waited for as long once more.
    assert waited < 2 * TIMEOUT + 1
    assert waited_again < TIMEOUT
