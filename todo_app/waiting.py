"""Wait for a database that is not there yet, as when both start with the machine."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from typing import Final

import anyio
import asyncpg

from todo_core.storage.dsn import connection_options
from todo_core.storage.faults import cause

_PAUSE: Final = 0.5
"""Seconds between two tries."""
_NOT_YET: Final = (
    OSError,  # nobody listens, or the name is not known yet
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,  # it starts, or is being shut down
)


async def wait_for(url: str, seconds: float, tell: Callable[[str], None]) -> None:
    """Return once PostgreSQL takes connections.

    Args:
        url: The database.
        seconds: How long to wait.
        tell: Takes a line for people, the first time that there is something to wait for.

    Raises:
        OSError, asyncpg.PostgresError: It takes none in that time, or refuses this one whatever the time.
    """
    deadline, is_told = time.monotonic() + seconds, False
    while True:
        try:
            connection = await asyncpg.connect(**connection_options(url), statement_cache_size=0)
        except _NOT_YET as error:
            if isinstance(error, ssl.SSLError) or time.monotonic() + _PAUSE > deadline:
                raise
            if not is_told:
                tell(f"The database cannot be used yet ({cause(error)}); waiting up to {seconds:g} s for it.")
                is_told = True
            await anyio.sleep(_PAUSE)
        else:
            await connection.close()
            return
