"""A database that falls silent: connections stay open, and nothing answers."""

from __future__ import annotations

import time

import pytest

from tests.app.postgres import own_postgres
from tests.core.support import titles_of
from todo_core.boundary.operation import Caller
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings

TIMEOUT = 1.0
"""Seconds of TODO_DATABASE_TIMEOUT; the pool allows one more for the answer that a statement timed out."""


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
