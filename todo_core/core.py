"""Make the objects that all requests of a process share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

import asyncpg
from anyio import CapacityLimiter
from cachetools import LRUCache

from todo_core.boundary.agents import Agents
from todo_core.boundary.authentication import Identity
from todo_core.boundary.idempotency import Running
from todo_core.boundary.latest import Latest
from todo_core.boundary.limits import Limits
from todo_core.boundary.paging import Cursors
from todo_core.boundary.places import WRITING, Places
from todo_core.errors import Unavailable
from todo_core.hooks import NONE, Hooks
from todo_core.queries import installation as queries
from todo_core.settings import ConfigurationError, Settings
from todo_core.storage.connection import BEHIND_A_POOLER
from todo_core.storage.database import Database
from todo_core.storage.faults import is_undeclared_pooler
from todo_core.upkeep.activity import Activity
from todo_core.upkeep.live.hub import Hub
from todo_core.upkeep.purges import Purges
from todo_core.upkeep.readiness import Readiness

REMEMBERED_BYTES: Final = 8_000_000
"""What a process keeps of what is asked for again: about 400 pages of 50 rows, 3,000 answers to searches, or 5,000
todos."""


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Core:
    """The objects that all callers of one process share; `open` makes them (the composition root)."""

    settings: Settings
    database: Database
    identity: Identity
    agents: Agents
    limits: Limits
    secret: bytes = field(repr=False)
    """The installation's own, which all of its processes share and nobody else knows."""
    cursors: Cursors
    activity: Activity
    purges: Purges
    readiness: Readiness
    live: Hub
    clock: Callable[[], datetime]
    hooks: Hooks = NONE
    customs: Latest[int, tuple[str, str, str]] = field(default_factory=lambda: Latest(10_000))
    """By user id, the last known time zone, first day of the week and locale. They may have changed since: compare them
    with the row that is read, and read again with the row's if they differ (`rules.finding`)."""
    totals: LRUCache[tuple[int, str, str], Any] = field(default_factory=lambda: LRUCache(10_000))
    """The last known totals of long lists (`rules.totals`)."""
    matches: LRUCache[tuple[Any, ...], Any] = field(default_factory=lambda: LRUCache(1_000))
    """The best matches of searches that find many (`rules.matches`), six kilobytes each."""
    remembered: LRUCache[tuple[Any, ...], Any] = field(
        default_factory=lambda: LRUCache(REMEMBERED_BYTES, attrgetter("size"))
    )
    """Pages of todos, and single ones, that are asked for again (`rules.remembering`)."""
    asked: Latest[int, None] = field(default_factory=lambda: Latest(5_000))
    """What was asked for once, as hashes of keys (the same)."""
    counted: LRUCache[tuple[Any, ...], Any] = field(default_factory=lambda: LRUCache(1_000))
    """What was counted of persons with many todos (`rules.counting`), a few kilobytes each."""
    places: Places = field(default_factory=Places)
    """Those of each person's requests."""
    writing: Places = field(default_factory=lambda: Places(WRITING))
    """Those of each person's writes, which have one of `places`, too."""
    reading_calendars: Places = field(default_factory=lambda: Places(1))
    """Those of each person's calendar addresses, which take none of the person's own."""
    running: Running = field(default_factory=Running)
    """The idempotency keys of running requests."""
    exporting: Places = field(default_factory=lambda: Places(1))
    """Those of each person's exports, until they are fetched."""
    making_exports: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(2))
    """Those who make an export: each keeps a connection meanwhile."""
    formatting: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """The thread that writes rows of exports for other programs, which takes long: one, as with `comparing`."""
    importing: Places = field(default_factory=lambda: Places(1))
    """Those of each person's imports, from the first byte of the file on."""
    reading_imports: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """The process that reads a file to import, which may take a core."""
    comparing: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """The thread that compares words: several would take turns with the event loop, which then waits for each."""

    def forget(self, user_id: int) -> None:
        """Forget a user whose account was deleted, and end what they follow. PostgreSQL refuses other processes."""
        self.identity.end(user_id)
        self.activity.forget(user_id)
        self.agents.forget_user(user_id)
        self.limits.forget(user_id)
        self.customs.pop(user_id, None)
        for known in (self.totals, self.matches, self.remembered, self.counted):
            for key in [key for key in known if key[0] == user_id]:
                del known[key]
        self.live.gone(user_id)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, url: str, *, clock: Callable[[], datetime] = utc_now, hooks: Hooks = NONE
    ) -> AsyncIterator[Core]:
        """Connect to a migrated database and make the other objects; close them at the end of the block.

        Args:
            settings: The configuration.
            url: Connection string: the configured one, or the embedded server's.
            clock: Returns the present moment, with a time zone.
            hooks: What is called as things happen.

        Raises:
            Unavailable: PostgreSQL cannot be reached.
            ConfigurationError: The database is not migrated.
        """
        database = Database(settings, url, hooks=hooks)
        try:
            secret = await _secret(database)
            activity = Activity(database, clock)
            purges = Purges(database, settings.trash_days, settings.history_days, hooks)
            limits = Limits(settings)
            identity = Identity(settings, database, limits, clock)
            readiness = Readiness(settings, url, database, identity, clock)
            live = Hub(settings, url, database, clock)
            async with (
                activity.running(),
                aclosing(limits),
                aclosing(identity),
                readiness.running(),
                live.running(),
            ):
                cursors = Cursors(secret)
                yield cls(
                    settings,
                    database,
                    identity,
                    Agents(database),
                    limits,
                    secret,
                    cursors,
                    activity,
                    purges,
                    readiness,
                    live,
                    clock,
                    hooks,
                )
        finally:
            await database.close()


_NO_TABLES: Final = "The database has no todo-mcp tables; run `todo-mcp migrate`."
_NOT_THERE: Final = (asyncpg.UndefinedTableError, asyncpg.UndefinedObjectError, asyncpg.InvalidParameterValueError)
"""What PostgreSQL says of a table, of a setting and of the role `todo_app` that are not there."""


async def _secret(database: Database) -> bytes:
    """Read the installation's secret.

    Raises:
        Unavailable: PostgreSQL cannot be reached.
        ConfigurationError: The database is not migrated, or is behind a pooler that was not declared.
    """
    try:
        async with database.begin(read_only=True, starting=True) as transaction:
            secret: bytes = await transaction.value(queries.CURSOR_KEY)
            return secret
    except Unavailable as error:
        if isinstance(error.__cause__, _NOT_THERE):
            raise ConfigurationError(_NO_TABLES) from error
        if is_undeclared_pooler(error.__cause__):  # PgBouncer knows no `role` at the start
            raise ConfigurationError(BEHIND_A_POOLER) from error
        raise
