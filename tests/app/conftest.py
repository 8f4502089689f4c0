"""The program against a database of its own; one long-living `serve` for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.program import Program, Serving
from tests.databases import new_database
from tests.support import AUDIENCE, ISSUER, JWT_SECRET


@pytest.fixture
def program(tmp_path: Path, fresh_database_url: str) -> Program:
    """`todo-mcp` on a migrated database of its own."""
    return Program(tmp_path / "program", {"TODO_DATABASE_URL": fresh_database_url})


@pytest.fixture
def unmigrated(tmp_path: Path, empty_database_url: str) -> Program:
    """`todo-mcp` on a database that was never migrated."""
    return Program(tmp_path / "program", {"TODO_DATABASE_URL": empty_database_url})


@pytest.fixture(scope="module")
def served_database_url(postgres_url: str) -> Iterator[str]:
    """The database of the tests that share a server."""
    with new_database(postgres_url, migrated=True) as url:
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
