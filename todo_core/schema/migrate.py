"""Bring a database up or down, a step of `migrations/versions/` at a time (Alembic)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from todo_core.storage.dsn import asyncpg_dsn

_IN_A_WHEEL: Final = Path(__file__).with_name("migrations")
_IN_THE_REPOSITORY: Final = Path(__file__).parents[2] / "migrations"
MIGRATIONS: Final = _IN_A_WHEEL if _IN_A_WHEEL.is_dir() else _IN_THE_REPOSITORY
"""The folder of the steps, found by its path: imported by its name, it could be the one of any other project."""


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database to `revision`; a lower one goes down.

    Raises:
        alembic.util.CommandError: There is no such revision.
        asyncpg.PostgresError: A step failed; the database is as it was before.
        OSError: PostgreSQL cannot be reached.
    """
    dsn = asyncpg_dsn(url)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: asyncpg.connect(dsn, statement_cache_size=0),
        hide_parameters=True,
    )

    def work(connection: Connection) -> None:
        config = _config(connection)
        step = command.downgrade if revision == "base" or revision.startswith("-") else command.upgrade
        step(config, revision)

    try:
        async with engine.connect() as connection:
            await connection.run_sync(work)
    except DBAPIError as error:
        raise (error.driver_exception or error) from None
    finally:
        await engine.dispose()
