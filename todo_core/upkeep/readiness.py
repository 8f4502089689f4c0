"""Tell whether requests can be served, however many ask (`docs/decisions/0024-readiness-and-doctor.md`).

The database is looked at on a connection that is made for it. So a look waits for no place in the pool, and meets what
the next request would meet: a rotated password, a locked login, a server that answers nobody. What it cannot see by
itself, such as a full disk or a grant that is gone, requests tell by `Database.doubts`; these are then disproved, or
stay.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Final

from todo_core.boundary.authentication import Identity
from todo_core.errors import Unavailable
from todo_core.log import structlog
from todo_core.queries import installation as queries
from todo_core.schema import catalogue
from todo_core.schema.versions import serves
from todo_core.settings import ConfigurationError, Settings
from todo_core.storage.database import Database
from todo_core.storage.faults import DISK_FULL, MISSING, NO_WRITES, RAISED, log_fault, refuses_connections
from todo_core.storage.roles import JANITOR_ROLE
from todo_core.storage.transactions import Transaction

_OF_UPKEEP: Final = frozenset({"INSERT ON activity_days TO todo_app"})
"""Grants of the role of requests that no request needs. Without this one, streaks miss days (`upkeep.activity`)."""

READY_FOR: Final = 3.0
"""Seconds for which the answer is kept that requests can be served."""
NOT_READY_FOR: Final = 1.0
"""The same in seconds, for the answer that they cannot."""
TIMEOUT: Final = 2.0
"""Seconds for a whole look at the database; each wait in it also ends after a shorter `TODO_DATABASE_TIMEOUT`."""

_log = structlog.get_logger()


class Readiness:
    """Looks at the database and the issuers' keys when somebody asks, one look at a time, and keeps the answer."""

    def __init__(
        self, settings: Settings, url: str, database: Database, identity: Identity, clock: Callable[[], datetime]
    ) -> None:
        """Look at nothing yet.

        Args:
            settings: The configuration of `database`.
            url: The connection string of `database`.
            database: Where requests go.
            identity: Knows whether there are keys to verify tokens with.
            clock: Returns the present moment, with a time zone.
        """
        timeout = min(TIMEOUT, settings.database_timeout)
        own = settings.model_copy(update={"database_timeout": timeout, "database_pool_size": 1})
        self._own = Database(own, url, reuse=False)
        self._database = database
        self._identity = identity
        self._clock = clock
        self._looking: asyncio.Task[None] | None = None
        self._looked_at: datetime | None = None
        self._refusal: str | None = None
        """Why requests could not be served at the last look; None if they could."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Answer as long as the block lasts; at its end, cancel a look that is under way."""
        try:
            yield
        finally:
            if self._looking is not None:
                self._looking.cancel()
                with suppress(asyncio.CancelledError):
                    await self._looking
            await self._own.close()

    async def require(self) -> None:
        """Return if requests can be served.

        Raises:
            Unavailable: The database cannot be reached, refuses writes, lacks something of this version's schema or
                has another, or an issuer's keys are not known.
        """
        if self._looking is None or (self._looking.done() and not self._is_kept()):
            self._looking = asyncio.create_task(self._look())
        await asyncio.shield(self._looking)
        if self._refusal is not None or self._database.doubts:
            raise Unavailable(self._refusal)

    def _is_kept(self) -> bool:
        """Return whether the last answer still holds; that requests can be served ends with the first doubt."""
        if self._looked_at is None:
            return False
        age = (self._clock() - self._looked_at).total_seconds()
        return 0 <= age < (READY_FOR if self._refusal is None and not self._database.doubts else NOT_READY_FOR)

    async def _look(self) -> None:
        """Find out anew, and keep the answer."""
        try:
            await self._check_database()
            await self._identity.ready()
        except Unavailable as error:
            self._refusal = error.detail
        except (*RAISED, ConfigurationError) as error:  # no request has a part in it: the database is at fault
            log_fault(error)
            self._refusal = Unavailable.message
        else:
            self._refusal = None
        self._looked_at = self._clock()

    async def _check_database(self) -> None:
        """Look at the database, and disprove the doubts that there are; those that come meanwhile stay.

        Raises:
            Unavailable, TimeoutError: It cannot serve requests. What PostgreSQL refuses is raised as asyncpg has it.
        """
        doubts = frozenset(self._database.doubts)
        self._database.doubts.clear()
        try:
            async with asyncio.timeout(TIMEOUT), self._own.begin(read_only=not doubts) as transaction:
                await _check(transaction, doubts)
            doubts = frozenset()
        except Unavailable as error:
            # No room for another connection: requests are still served on those that there are.
            if not (refuses_connections(error.__cause__) and self._database.is_connected):
                raise
        finally:
            self._database.doubts |= doubts


async def _check(transaction: Transaction, doubts: Collection[str]) -> None:
    """Look at a database, and disprove what requests have met.

    Raises:
        Unavailable: It cannot serve requests. What PostgreSQL refuses is raised as asyncpg has it.
    """
    state = await transaction.one(queries.STATE)
    if not serves(state["revision"]):
        raise Unavailable("The database has a schema that this version cannot serve on.")
    if state["is_read_only"]:
        raise Unavailable("The database refuses writes.")
    if not MISSING.isdisjoint(doubts) and (lacking := await _lacking(transaction)):
        _log.warning("schema_lacks", names=lacking[:5], count=len(lacking))
        raise Unavailable("The database lacks something of this version's schema.")
    if not NO_WRITES.isdisjoint(doubts) and not await transaction.rows(queries.WRITE):
        raise Unavailable("The database lacks the row that readiness writes.")
    if DISK_FULL in doubts:
        await transaction.rows(queries.SMALL_MEMORY)
        await transaction.rows(queries.SPILL)


async def _lacking(transaction: Transaction) -> list[str]:
    """Return the columns, functions and grants that requests need and the database lacks.

    An admin's requests run as a role of their own, and so do the functions of search and of ownership. What only upkeep
    needs is left out: the purge, and the days on which people were active.
    """
    differences = await catalogue.differences(transaction.fetch)
    names = [name for kind in catalogue.NEEDED for name in differences[kind].missing]
    return [name for name in names if name not in _OF_UPKEEP and not name.endswith(f" TO {JANITOR_ROLE}")]
