"""Fixtures of the kernel's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import pytest

from tests.core.support import CoreOpener, connected
from todo_core.core import Core
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser, whom row-level security does not bind."""
    async with connected(database_url) as connection:
        yield connection


@pytest.fixture
async def fresh_database_url(empty_database_url: str) -> str:
    """A migrated database that this test may spoil."""
    await migrate(empty_database_url)
    return empty_database_url


@pytest.fixture
def another_core(settings: Settings, database_url: str) -> CoreOpener:
    """Opens a core as another process would, with its own pool and memory, and settings that differ."""
    known = {name: getattr(settings, name) for name in Settings.model_fields}

    def open_core(url: str = database_url, **changed: Any) -> AbstractAsyncContextManager[Core]:
        clock = {"clock": changed.pop("clock")} if "clock" in changed else {}
        return Core.open(Settings.load(**known | changed), url, **clock)

    return open_core
