"""Where tasks for agents happen."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.agents.battery import NOW, Stage
from tests.behaviour.clock import app_at
from todo_core.settings import Settings


@pytest.fixture(scope="module")
async def stage(settings: Settings, database_url: str) -> AsyncIterator[Stage]:
    """The application at a moment that does not pass."""
    database = await asyncpg.connect(database_url)
    async with app_at(NOW, settings, database_url) as app:
        yield Stage(app, database)
    await database.close()
