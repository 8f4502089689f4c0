"""`todo_core/schema/catalogue.json` is what PostgreSQL says of a migrated database, whoever asks."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.contract.project import Compare
from todo_app.doctor.roles import ROLES
from todo_core.models import METADATA
from todo_core.schema import catalogue
from todo_core.storage.database import APP_ROLE

pytestmark = pytest.mark.requirement("OP8", "DB3")


@pytest.fixture
async def transaction(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A transaction on a migrated database, as its owner."""
    connection = await asyncpg.connect(database_url)
    async with connection.transaction(readonly=True):
        yield connection
    await connection.close()


async def test_the_catalogue_is_what_the_migrations_make(
    transaction: asyncpg.Connection[Any], compare: Compare
) -> None:
    compare(catalogue.FILE, await catalogue.read(transaction.fetch))


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
