"""A migration that is killed at any statement, up or down: the next run goes on, and comes to the same end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import asyncpg
import pytest

from tests.core import test_migration_0009, test_migration_0010, test_migration_0011
from tests.core.support import connected
from tests.core.test_migrations import catalogue, walls
from tests.core.test_rolling_steps import killed_before
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = [pytest.mark.exhaustive, pytest.mark.requirement("DB3")]


class Schema(NamedTuple):
    """A schema that changes no row: from the last step of the one before to its own, and back."""

    before: str
    finished: str
    populate: Callable[[str], Awaitable[int]]
    """Makes a database of the version before, with rows in it."""
    kept: Callable[[asyncpg.Connection[Any]], Awaitable[list[Any]]]
    """Reads what no step may change."""


SCHEMAS: Final = [
    Schema(of.BEFORE, of.FINISHED, of.populated, of.kept)
    for of in (test_migration_0009, test_migration_0010, test_migration_0011)
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.finished[:4])
@pytest.mark.parametrize("way", ["up", "down"])
async def test_after_a_kill_at_any_statement_the_next_run_goes_on(
    schema: Schema, way: str, empty_database_url: str
) -> None:
    url = empty_database_url
    here, there = (schema.before, schema.finished) if way == "up" else (schema.finished, schema.before)
    await schema.populate(url)
    await migrate(url, there)
    whole = await catalogue(url) | await walls(url)
    async with connected(url) as admin:
        before = await schema.kept(admin)
    kills = 0
    while True:
        await migrate(url, here)
        with killed_before(1 + kills) as killer:
            try:
                await migrate(url, there)
            except Exception:
                assert killer.has_struck
        if not killer.has_struck:
            break
        kills += 1

        await migrate(url, there)

        assert await current(url) == there
        assert await catalogue(url) | await walls(url) == whole
        async with connected(url) as admin:
            assert await schema.kept(admin) == before
    assert kills > 10
