"""Bring a database up or down, or tell where it stands."""

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

_FOLDER: Final = Path(__file__).parent


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Migrate the database to `revision`; a lower one goes down.

    Raises:
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
