"""Whether requests can be served: one look at a time, on a connection of its own, and only what requests need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace

import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.core.support import CoreOpener, connected, on_the_wire, only_connection_taken, titles_of, until
from tests.support import MovableClock
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.models.todos import TodoFilter
from todo_core.operations import todos
from todo_core.queries import installation as queries
from todo_core.storage.faults import DISK_FULL
from todo_core.upkeep.readiness import NOT_READY_FOR, READY_FOR

pytestmark = pytest.mark.requirement("OP8", "OP3")

ASKERS = 150


async def is_ready(core: Core) -> bool:
    try:
        await core.readiness.require()
    except Unavailable:
        return False
    return True


async def looks(*asked: Awaitable[object]) -> int:
    """How often the database is looked at while these are answered."""
    with on_the_wire() as wire:
        await asyncio.gather(*asked)
    return wire.sent.count(queries.STATE.sql)


async def test_all_who_ask_share_one_look_and_its_answer_is_kept(another_core: CoreOpener) -> None:
    clock = MovableClock()
    async with another_core(clock=clock) as core:
        assert await looks(*(core.readiness.require() for _ in range(ASKERS))) == 1
        assert await looks(*(core.readiness.require() for _ in range(ASKERS))) == 0

        clock.move(READY_FOR)
        assert await looks(*(core.readiness.require() for _ in range(ASKERS))) == 1


async def test_the_answer_that_it_is_not_ready_is_kept_for_less_long(
    another_core: CoreOpener, fresh_database_url: str
) -> None:
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core, connected(fresh_database_url) as admin:
        await admin.execute("UPDATE alembic_version SET version_num = 'another'")
        assert await looks(*(is_ready(core) for _ in range(ASKERS))) == 1
        assert await looks(is_ready(core)) == 0

        clock.move(NOT_READY_FOR)
        assert await looks(is_ready(core)) == 1
    assert NOT_READY_FOR < READY_FOR


async def test_a_clock_that_is_set_back_does_not_keep_an_answer(another_core: CoreOpener) -> None:
    clock = MovableClock()
    async with another_core(clock=clock) as core:
        assert await looks(core.readiness.require()) == 1
        clock.move(-3600)
        assert await looks(core.readiness.require()) == 1


async def test_a_look_waits_for_no_place_in_the_pool_and_leaves_no_connection(
    another_core: CoreOpener, fresh_database_url: str
) -> None:
    async with (
        another_core(fresh_database_url, database_pool_size=1) as core,
        only_connection_taken(core) as release,
        connected(fresh_database_url) as admin,
    ):
        await core.readiness.require()
        # PostgreSQL notices that a connection was closed when it comes to it.
        await until(
            admin,
            "SELECT count(*) = 1 FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'todo-mcp'",
        )
        release.set()


async def test_somebody_who_hangs_up_does_not_take_the_look_from_the_others(another_core: CoreOpener) -> None:
    async with another_core() as core:
        first, second = [asyncio.create_task(core.readiness.require()) for _ in range(2)]
        await asyncio.sleep(0)
        first.cancel()
        await second


async def test_a_standby_is_not_ready(another_core: CoreOpener, fresh_database_url: str) -> None:
    """A look shows it; no write has to fail first."""
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with pytest.raises(Unavailable, match="refuses writes"):
            await core.readiness.require()


async def test_what_only_the_purge_lacks_keeps_no_request_from_being_served(
    another_core: CoreOpener, fresh_database_url: str
) -> None:
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        await admin.execute("REVOKE DELETE ON idempotency_keys FROM todo_janitor")
        with pytest.raises(Unavailable):
            await core.purges.purge()

        assert core.database.doubts == set()
        core.database.doubts.add("42501")  # by something else, which is mended
        await core.readiness.require()


async def test_days_of_activity_that_cannot_be_stored_keep_no_request_from_being_served(
    another_core: CoreOpener, fresh_database_url: str, ann: Caller
) -> None:
    """Streaks miss these days, and doctor names the grant; every request is served."""
    async with connected(fresh_database_url) as admin:
        with capture_logs() as logs:
            async with another_core(fresh_database_url) as core:
                me = replace(ann, core=core, principal=await core.identity.local("ann"))
                await admin.execute("REVOKE INSERT ON activity_days FROM todo_app")
                await titles_of(me)
        assert "activity_lost" in {log["event"] for log in logs}  # what is left is stored at the end
        assert core.database.doubts == set()

        async with another_core(fresh_database_url) as core:
            core.database.doubts.add("42501")  # by something else, which is mended
            await core.readiness.require()


async def test_a_doubt_that_comes_during_a_look_is_not_disproved_by_it(
    another_core: CoreOpener, fresh_database_url: str
) -> None:
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core:

        def doubt_again(sql: str) -> str:
            if sql == "COMMIT":
                core.database.doubts.add("42501")
            return sql

        core.database.doubts.add("42501")
        with on_the_wire(doubt_again):
            assert not await is_ready(core)
        assert core.database.doubts == {"42501"}

        clock.move(NOT_READY_FOR)
        assert await is_ready(core)


@pytest.mark.parametrize(
    "grant",
    [
        "INSERT ON todos {} todo_app",
        "SELECT ON users {} todo_admin",
        "SELECT (words) ON todos {} todo_search",
        "SELECT (user_id) ON lists {} todo_probe",
    ],
)
async def test_a_doubt_stays_while_any_role_of_requests_lacks_a_grant(
    another_core: CoreOpener, fresh_database_url: str, grant: str
) -> None:
    """Functions run as `todo_search` and `todo_probe`; else readiness would believe, and be told anew, in turns."""
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core, connected(fresh_database_url) as admin:
        await admin.execute(f"REVOKE {grant.format('FROM')}")
        core.database.doubts.add("42501")
        for _ in range(2):
            assert not await is_ready(core)
            clock.move(NOT_READY_FOR)

        await admin.execute(f"GRANT {grant.format('TO')}")
        assert await is_ready(core)


async def test_a_search_that_is_refused_takes_the_server_out_until_it_would_not_be(
    another_core: CoreOpener, fresh_database_url: str, ann: Caller
) -> None:
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core, connected(fresh_database_url) as admin:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        await core.readiness.require()
        await admin.execute("REVOKE SELECT (words) ON todos FROM todo_search")
        with pytest.raises(Unavailable):
            await me.perform(todos.list_, TodoFilter(text="milk"))
        clock.move(NOT_READY_FOR)
        assert not await is_ready(core)

        await admin.execute("GRANT SELECT (words) ON todos TO todo_search")
        clock.move(NOT_READY_FOR)
        assert await is_ready(core)


async def test_a_locked_table_is_no_reason_not_to_be_ready(
    another_core: CoreOpener, fresh_database_url: str, ann: Caller
) -> None:
    async with another_core(fresh_database_url, database_timeout=2) as core, connected(fresh_database_url) as admin:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        async with admin.transaction():
            await admin.execute("LOCK TABLE todos")
            with pytest.raises(Unavailable) as refused:
                await titles_of(me)
            await core.readiness.require()

    assert isinstance(refused.value.__cause__, asyncpg.LockNotAvailableError)


async def test_a_full_disk_is_disproved_by_room_on_it(another_core: CoreOpener, fresh_database_url: str) -> None:
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core, connected(fresh_database_url) as admin:
        name = await admin.fetchval("SELECT current_database()")
        await admin.execute(f"ALTER DATABASE {name} SET temp_file_limit = '1MB'")
        core.database.doubts.add(DISK_FULL)
        assert not await is_ready(core)

        await admin.execute(f"ALTER DATABASE {name} RESET temp_file_limit")
        clock.move(NOT_READY_FOR)
        assert await is_ready(core)


async def test_what_is_missing_is_named_in_the_log_and_not_in_the_answer(
    another_core: CoreOpener, fresh_database_url: str
) -> None:
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        await admin.execute("REVOKE UPDATE ON users FROM todo_app")
        core.database.doubts.add("42501")
        with capture_logs() as logs, pytest.raises(Unavailable) as refused:
            await core.readiness.require()

    (line,) = (log for log in logs if log["event"] == "schema_lacks")
    assert "UPDATE (default_list_id) ON users TO todo_app" in line["names"]
    assert "users" not in refused.value.detail
