"""The composition root: what opening a core needs, and when it is ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.core.support import CoreOpener, connected
from tests.keys import KeyServer, ed_pair, key_set, page
from tests.support import MovableClock
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.schema import SCHEMA_STEPS
from todo_core.schema.migrate import migrate
from todo_core.settings import ConfigurationError
from todo_core.upkeep.readiness import NOT_READY_FOR


@pytest.mark.requirement("OP3")
async def test_a_core_on_a_migrated_database_is_ready(core: Core) -> None:
    await core.readiness.require()

    assert core.clock().tzinfo is not None


@pytest.mark.requirement("OP2")
async def test_a_database_that_was_never_migrated_is_a_configuration_error(
    empty_database_url: str, another_core: CoreOpener
) -> None:
    with pytest.raises(ConfigurationError, match="todo-mcp migrate"):
        async with another_core(empty_database_url):
            pass


@pytest.mark.requirement("OP3", "DB3")
async def test_a_core_is_not_ready_at_another_migration(fresh_database_url: str, another_core: CoreOpener) -> None:
    clock = MovableClock()
    async with another_core(fresh_database_url, clock=clock) as core, connected(fresh_database_url) as admin:
        await admin.execute("UPDATE alembic_version SET version_num = 'another'")
        with pytest.raises(Unavailable, match="schema"):
            await core.readiness.require()

        await admin.execute("UPDATE alembic_version SET version_num = $1", SCHEMA_STEPS[-1])
        clock.move(NOT_READY_FOR)
        await core.readiness.require()


@pytest.mark.requirement("OP3", "ID1")
async def test_a_core_is_ready_once_the_keys_of_every_issuer_were_fetched(another_core: CoreOpener) -> None:
    moment = datetime(2026, 11, 21, 9, tzinfo=UTC)
    async with KeyServer().running() as server:
        server.pages["/one"] = page(key_set(ed_pair("one")))
        issuers = [
            {"issuer": name, "audience": ["todo"], "jwks_url": server.url(f"/{name}")} for name in ("one", "two")
        ]
        async with another_core(issuers=issuers, clock=lambda: moment) as core:
            with pytest.raises(Unavailable, match="keys"):
                await core.readiness.require()
            assert server.requests == {"/one": 1, "/two": 1}

            server.pages["/two"] = page(key_set(ed_pair("two")))
            moment += timedelta(seconds=NOT_READY_FOR)
            await core.readiness.require()
            assert server.requests == {"/one": 1, "/two": 2}

            server.pages.clear()
            moment += timedelta(hours=1)
            await core.readiness.require()


@pytest.mark.requirement("OP4")
async def test_a_server_that_is_not_there_is_unavailable(another_core: CoreOpener) -> None:
    with pytest.raises(Unavailable):
        async with another_core("postgresql://nobody@127.0.0.1:1/nothing"):
            pass


@pytest.mark.requirement("TD4")
async def test_every_process_of_an_installation_signs_cursors_alike(core: Core, another_core: CoreOpener) -> None:
    async with another_core() as other:
        assert other.cursors.open(core.cursors.make([1, 2], "scope"), "scope") == [1, 2]


@pytest.mark.requirement("TD4")
async def test_two_installations_sign_cursors_differently(
    core: Core, empty_database_url: str, another_core: CoreOpener
) -> None:
    await migrate(empty_database_url)
    async with another_core(empty_database_url) as other:
        assert other.cursors.make([1, 2], "scope") != core.cursors.make([1, 2], "scope")
