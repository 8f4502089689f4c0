"""Fixtures of the core's tests: a core with no transport over it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncpg

    from tests.core.support import CoreOpener
    from todo_core.core import Core
    from todo_core.settings import Settings


@pytest.fixture(scope="session")
async def core(settings: Settings, database_url: str) -> AsyncIterator[Core]:
    """The core that tests share."""
    from todo_core.core import Core

    async with Core.open(settings, database_url) as opened:
        yield opened


@pytest.fixture
async def admin(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """The database's superuser, whom row-level security does not bind."""
    from tests.core.support import connected

    async with connected(database_url) as connection:
        yield connection


@pytest.fixture
def another_core(settings: Settings, database_url: str) -> CoreOpener:
    """Opens a core as another process would, with its own pool and memory, and settings that differ."""
    from todo_core.core import Core
    from todo_core.settings import Settings

    known = {name: getattr(settings, name) for name in Settings.model_fields}

    def open_core(url: str = database_url, **changed: Any) -> AbstractAsyncContextManager[Core]:
        clock = {"clock": changed.pop("clock")} if "clock" in changed else {}
        return Core.open(Settings.load(**known | changed), url, **clock)

    return open_core
