"""Delete for good what is out of date: old trash, deleted lists and tags, stored replies, old proposals.

Purges run as `todo_janitor`. Besides these rows, row-level security shows the role only changes older than a day: a
mistake here cannot delete a todo outside the trash. Changes are kept for ever, unless `TODO_HISTORY_DAYS` is set.

Each transaction deletes a chunk under the lock of purges, so that one process at a time purges. A server purges in
turns of a minute at most, with a pause after each, until nothing is left.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any, Final

import asyncpg

from todo_core.errors import Unavailable
from todo_core.hooks import NONE, Hooks
from todo_core.log import structlog
from todo_core.queries import purges as queries
from todo_core.storage.database import Database
from todo_core.storage.roles import JANITOR_ROLE
from todo_core.storage.statements import Statement

TURN_SECONDS: Final = 60
"""Seconds after which a turn ends, even if rows are left."""
PAUSE_SECONDS: Final = 60
"""Seconds until the next turn, if rows are left."""
INTERVAL_SECONDS: Final = 3600
"""Seconds until the next turn, if nothing is left."""
START_SECONDS: Final = 300
"""Most seconds until the first turn; each process waits for a random part, for several often start together."""
ANSWERS: Final = 5_000
"""Stored replies that one transaction deletes, which takes about a tenth of a second."""
PROPOSALS: Final = 500
"""Proposals that one transaction deletes."""
CHANGES: Final = 1_000
"""Changes that one transaction deletes, each with the rows of its record."""
FOUND: Final = 100_000
"""Most ids that one search returns, enough for many transactions: each search reads past all rows that are gone."""

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

Told = Callable[[Mapping[str, int]], None]
"""Is told, after each transaction, how many rows of each kind are deleted so far."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Kind:
    """Rows that are marked as deleted before they are purged."""

    name: str
    find: Statement
    delete: Statement
    chunk: int
    """Rows that one transaction deletes, each with the rows that refer to it."""


def _kinds() -> tuple[_Kind, ...]:
    """Return the kinds in the order in which they are purged: lists go when their todos are gone."""
    return (
        _Kind("todos", queries.OLD_TODOS, queries.TODOS, 5_000),
        _Kind("lists", queries.OLD_LISTS, queries.LISTS, 5_000),
        _Kind("tags", queries.OLD_TAGS, queries.TAGS, 100),
    )


class _BusyError(Exception):
    """Another process purges."""


class Purges:
    """Deletes old trash and expired answers, on request and once an hour."""

    def __init__(self, database: Database, trash_days: int, history_days: int | None, hooks: Hooks = NONE) -> None:
        """Delete nothing yet.

        Args:
            database: Where the rows are.
            trash_days: Days after which trash is deleted.
            history_days: Days after which changes are deleted; None keeps them.
            hooks: Are told of rows that are deleted, and of turns that fail.
        """
        self._hooks = hooks
        self._database = database
        self._age = timedelta(days=trash_days)
        self._history = None if history_days is None else timedelta(days=history_days)

    async def purge(self, tell: Told = lambda _: None) -> dict[str, int]:
        """Delete all old trash and expired answers, and return how many of each kind.

        Args:
            tell: Is told how far it is.

        Raises:
            Unavailable: The database cannot be reached; what was purged so far stays purged.
        """
        purged, _ = await self._purge(queries.LOCK, inf, tell)
        return purged

    async def run(self, *, within: float | None = None) -> None:
        """Purge until cancelled, in turns. Log a turn that fails, and try again an hour later.

        Args:
            within: Most seconds until the first turn; `START_SECONDS` if None.
        """
        await asyncio.sleep(random.uniform(0, START_SECONDS if within is None else within))  # noqa: S311  # no secret
        while True:
            is_done = False
            try:
                deadline = asyncio.get_running_loop().time() + TURN_SECONDS
                purged, is_done = await self._purge(queries.TRY_LOCK, deadline)
            except _BusyError:
                pass  # and try again soon: the process that purges may end before nothing is left
            except Exception as error:
                is_done = True
                _log.warning("purge_postponed", error=type(error).__name__)
                if self._hooks.purge_failed is not None:
                    self._hooks.purge_failed()
            else:
                _log.info("purged", **purged)
            await asyncio.sleep(INTERVAL_SECONDS if is_done else PAUSE_SECONDS)

    async def _purge(
        self, lock: Statement, deadline: float, tell: Told = lambda _: None
    ) -> tuple[dict[str, int], bool]:
        """Delete chunks until nothing is left, or until a deadline.

        Args:
            lock: `queries.LOCK` or `queries.TRY_LOCK`.
            deadline: A time of the event loop's clock.
            tell: Is told how far it is.

        Returns:
            How many rows of each kind were deleted, and whether nothing is left.

        Raises:
            _BusyError: Another process has the lock.
            Unavailable: The database cannot be reached.
        """
        purged = dict.fromkeys([*(kind.name for kind in _kinds()), "answers", "proposals", "changes"], 0)
        async with aclosing(self._chunks(lock)) as chunks:
            async for name, count in chunks:
                purged[name] += count
                if self._hooks.purged is not None:
                    self._hooks.purged(name, count)
                tell(purged)
                if asyncio.get_running_loop().time() >= deadline:
                    return purged, False
        return purged, True

    async def _chunks(self, lock: Statement) -> AsyncGenerator[tuple[str, int]]:
        """Delete chunk after chunk; yield the kind of the rows and their number after each."""
        before = await self._read(queries.BEFORE, age=self._age)
        for kind in _kinds():
            is_last = False
            while not is_last:
                ids = await self._read(kind.find, before=before, limit=FOUND)
                is_last = len(ids) < FOUND
                for start in range(0, len(ids), kind.chunk):
                    chunk = ids[start : start + kind.chunk]
                    yield kind.name, await self._delete_ids(lock, kind.delete, chunk, before)
        since, count = _LONG_AGO, ANSWERS
        while count >= ANSWERS:  # fewer are the last
            count, since = await self._delete(lock, queries.ANSWERS, since=since, chunk=ANSWERS)
            yield "answers", count
        count = PROPOSALS
        while count >= PROPOSALS:
            (count,) = await self._delete(lock, queries.PROPOSALS, before=before, chunk=PROPOSALS)
            yield "proposals", count
        if self._history is not None:
            before, last, is_last = await self._read(queries.BEFORE, age=self._history), 0, False
            while not is_last:
                count, last, is_last = await self._delete_changes(lock, before, last, CHANGES)
                yield "changes", count

    async def _read(self, statement: Statement, **parameters: Any) -> Any:
        """Return the value of a statement, in a transaction that reads only."""
        async with self._database.begin(role=JANITOR_ROLE, read_only=True, upkeep=True) as transaction:
            return await transaction.value(statement, **parameters)

    async def _delete_ids(self, lock: Statement, statement: Statement, ids: Sequence[int], before: datetime) -> int:
        """Delete rows by their ids, in halves where that takes too long for one statement; return their number."""
        try:
            return int((await self._delete(lock, statement, ids=ids, before=before))[0])
        except Unavailable as error:
            if len(ids) == 1 or not isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise
        half = len(ids) // 2
        return sum([await self._delete_ids(lock, statement, part, before) for part in (ids[:half], ids[half:])])

    async def _delete_changes(self, lock: Statement, before: datetime, after: int, chunk: int) -> Any:
        """Return the row of `queries.CHANGES`, for fewer changes where so many take too long for one statement."""
        try:
            return await self._delete(lock, queries.CHANGES, before=before, after=after, chunk=chunk)
        except Unavailable as error:
            if chunk == 1 or not isinstance(error.__cause__, asyncpg.QueryCanceledError):
                raise
        return await self._delete_changes(lock, before, after, chunk // 2)

    async def _delete(self, lock: Statement, statement: Statement, **parameters: Any) -> Any:
        """Return the row of a statement, in a transaction that has the lock of purges.

        Raises:
            _BusyError: Another process has the lock.
        """
        async with self._database.begin(role=JANITOR_ROLE, upkeep=True) as transaction:
            if await transaction.value(lock) is False:
                raise _BusyError
            return await transaction.one(statement, **parameters)
