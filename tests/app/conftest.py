"""The program against a database of its own; one long-living `serve` for the tests of a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.app.program import Program, Serving
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, drop_database, with_database


@contextmanager
def _empty_database(server: str) -> Iterator[str]:
    """A database that was never migrated."""
    name = f"todo_{uuid4().hex[:12]}"

    async def make() -> None:
        connection = await asyncpg.connect(server)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(make())
    try:
        yield with_database(server, name)
    finally:
        asyncio.run(drop_database(server, name))


@pytest.fixture
def program(tmp_path: Path, postgres_url: str) -> Iterator[Program]:
    """`todo-mcp` on a database that was never migrated."""
    with _empty_database(postgres_url) as url:
        yield Program(tmp_path / "program", {"TODO_DATABASE_URL": url})


@pytest.fixture(scope="module")
def served_database_url(postgres_url: str) -> Iterator[str]:
    """The database of the tests that share a server."""
    with _empty_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="module")
def served_program(served_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """`todo-mcp` as the shared server runs it."""
    return Program(
        tmp_path_factory.mktemp("served"),
        {
            "TODO_DATABASE_URL": served_database_url,
            "TODO_JWT_SECRET": JWT_SECRET,
            "TODO_JWT_ISSUER": ISSUER,
            "TODO_JWT_AUDIENCE": AUDIENCE,
            "TODO_USER": "ann",
            "TODO_LOG_LEVEL": "debug",
            "TODO_ALLOWED_HOSTS": "127.0.0.1:8000",  # the one of applications in this process
        },
    )


@pytest.fixture(scope="module")
def serving(served_program: Program) -> Iterator[Serving]:
    """A server that the tests of a file share; this is its first start."""
    with served_program.serve() as running:
        yield running
