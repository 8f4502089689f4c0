"""`todo_core/schema/catalogue.json` is what PostgreSQL says of a migrated database, whoever asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.contract.project import Compare
from tests.core.support import connected
from todo_app.doctor.roles import ROLES
from todo_core.models import METADATA
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS, catalogue
from todo_core.schema.migrate import migrate
from todo_core.storage.roles import APP_ROLE

pytestmark = pytest.mark.requirement("OP8", "DB3")

SERVED = SCHEMA_STEPS[SCHEMA_STEPS.index(SCHEMA_REVISION) :]
"""The revisions that this code knows and serves on."""
Catalogue = dict[str, catalogue.Definitions]


@pytest.fixture
async def transaction(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A transaction on a migrated database, as its owner."""
    connection = await asyncpg.connect(database_url)
    async with connection.transaction(readonly=True):
        yield connection
    await connection.close()


async def test_the_catalogue_is_what_the_migrations_make_at_each_revision_that_is_served(
    empty_database_url: str, compare: Compare
) -> None:
    made: dict[str, Catalogue] = {}
    for revision in SERVED:
        await migrate(empty_database_url, to=revision)
        async with connected(empty_database_url) as admin, admin.transaction():
            made[revision] = await catalogue.read(admin.fetch)

    newest = made.pop(SERVED[-1])
    others = {revision: otherwise(newest, earlier) for revision, earlier in made.items()}
    compare(catalogue.FILE, {SERVED[-1]: newest, **others})


def otherwise(newest: Catalogue, earlier: Catalogue) -> dict[str, dict[str, str | None]]:
    """What an earlier revision has in place of the newest one's, by kind; None for what it does not have."""
    differing: dict[str, dict[str, str | None]] = {}
    for kind in newest | earlier:
        new, old = newest.get(kind, {}), earlier.get(kind, {})
        if differences := {name: old.get(name) for name in new | old if new.get(name) != old.get(name)}:
            differing[kind] = differences
    return differing


async def test_a_database_on_the_way_differs_in_nothing_whether_it_came_up_or_down(empty_database_url: str) -> None:
    for revision in (*SERVED, *SERVED[-2::-1]):
        await migrate(empty_database_url, to=revision)
        async with connected(empty_database_url) as admin, admin.transaction():
            found = await catalogue.differences(admin.fetch)

        assert {kind: told for kind, told in found.items() if told.missing or told.changed or told.unknown} == {}
        assert found[catalogue.REVISION].present.keys() == {revision}


@pytest.mark.parametrize("role", [None, APP_ROLE])
@pytest.mark.parametrize("path", ["public", "pg_catalog", '"$user", public'])
async def test_a_migrated_database_differs_in_nothing_whoever_looks_and_however_names_are_found(
    transaction: asyncpg.Connection[Any], role: str | None, path: str
) -> None:
    await transaction.execute("SELECT set_config('search_path', $1, true)", path)
    if role is not None:
        await transaction.execute("SELECT set_config('role', $1, true)", role)

    found = await catalogue.differences(transaction.fetch)

    assert {kind: told for kind, told in found.items() if told.missing or told.changed or told.unknown} == {}
    assert set(catalogue.NEEDED) <= found.keys()
    assert {name.split(".")[0] for name in found["columns"].present} == METADATA.tables.keys() | {"alembic_version"}


def test_the_roles_of_the_catalogue_are_those_of_doctor() -> None:
    written = re.findall(r"'(todo_\w+)'", catalogue.FILE.with_suffix(".sql").read_text(encoding="utf-8"))

    assert sorted(written) == sorted(ROLES)
