"""Fixtures of the core's tests: a core with no transport over it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    import asyncpg

    from tests.core.home import Home
    from tests.core.support import CoreOpener
    from todo_core.boundary.caller import Caller
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


@pytest.fixture
def one_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have limits count all requests of a test in one window: as soon as the next one begins, some are given back."""
    from todo_core.boundary import counters

    monkeypatch.setattr(counters, "Window", partial(counters.Window, clock=lambda: 0.0))


@pytest.fixture
async def home(ann: Caller, another_core: CoreOpener) -> AsyncIterator[Home]:
    """Ann in Berlin, on a Saturday, with a clock that the test sets."""
    from tests.core.home import SATURDAY, Home
    from todo_core.operations import users

    await ann.perform(users.update, {"time_zone": "Europe/Berlin"})
    clock = [SATURDAY]
    async with another_core(clock=lambda: clock[0]) as core:
        yield Home(replace(ann, core=core), clock)


@pytest.fixture
async def owners_database_url(postgres_url: str) -> AsyncIterator[str]:
    """A database whose owner may make roles and nothing more."""
    from tests.core.support import connected
    from tests.databases import drop_database, with_database

    name = f"owner_{uuid4().hex[:12]}"
    async with connected(postgres_url) as admin:
        await admin.execute(f"CREATE ROLE {name} LOGIN CREATEROLE CREATEDB PASSWORD '{name}'")
        await admin.execute(f"CREATE DATABASE {name} OWNER {name}")
        if admin.get_server_version().major >= 16:
            # Roles belong to the cluster, and here another database's superuser made them. What their maker
            # would have, this owner gets; in PostgreSQL 15 the right to make roles is enough.
            for role in await admin.fetch(
                "SELECT rolname FROM pg_roles"
                " WHERE rolname ~ '^todo_(app|admin|agent|calendar|leaving|probe|janitor|search|sign_in|tagger)$'"
            ):
                await admin.execute(f"GRANT {role['rolname']} TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        parts = urlsplit(with_database(postgres_url, name))
        yield urlunsplit(parts._replace(netloc=re.sub(r"^.*@", f"{name}:{name}@", parts.netloc)))
        await drop_database(postgres_url, name)
        await admin.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
