"""Somebody who follows the changes of a person: a cursor in a view."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple

import asyncpg

from todo_core.boundary.acting import ENDED
from todo_core.boundary.caller import Caller
from todo_core.upkeep.live.view import Event, Page, Told, View


class OverError(Exception):
    """Nothing more is told: the follower left or may not follow any more, or the process ends."""


class Credential(NamedTuple):
    """By what somebody follows."""

    user_id: int
    token_id: int | None
    """The API token, if it was one."""
    agent_id: int | None
    """The agent, if it is one."""
    version: int | None
    """What was known of what the agent may do."""
    has_lists: bool
    """Whether the agent may see some lists only."""


class Follower(Generic[Told]):
    """Takes the changes after a cursor, each once and in the order of commits.

    Nothing is kept for a follower but the cursor. One that is slow falls behind what the view keeps, and reads in the
    record then, at the cost of its own rate limit.
    """

    __slots__ = ("_caller", "_cursor", "_is_over", "_read", "_view", "_wake")

    def __init__(
        self,
        caller: Caller,
        view: View[Told],
        since: int,
        read: Callable[[View[Told], int], Awaitable[Page[Told]]],
    ) -> None:
        """Stand at a change.

        Args:
            caller: Who follows.
            view: What is followed.
            since: The last change that is known.
            read: Reads a page of the view.
        """
        self._caller = caller
        self._view = view
        self._cursor = since
        self._read = read
        self._is_over = False
        self._wake = asyncio.Event()

    @property
    def credential(self) -> Credential:
        """Return by what it follows."""
        principal = self._caller.principal
        return Credential(principal.user_id, principal.token_id, *(self._view.agent or (None, None, False)))

    @property
    def expires_at(self) -> float:
        """Return when its right ends by itself, in seconds since the epoch."""
        expires_at = self._caller.principal.expires_at
        return float("inf") if expires_at is None else expires_at

    @property
    def cursor(self) -> int:
        """Return the last change that is known."""
        return self._cursor

    def wake(self) -> None:
        """Have it look whether there is something new."""
        self._wake.set()

    def end(self) -> None:
        """Tell it nothing more."""
        self._is_over = True
        self._wake.set()

    async def next(self, seconds: float | None) -> Sequence[Event[Told]]:
        """Return the changes that follow those which were returned before; none if there is none for so many seconds,
        if any are said.

        Raises:
            OverError: Nothing more is told.
            HistoryDeleted: Some that it has not seen were purged.
            TooManyRequests: It is far behind, and the user's rate limit is reached.
            Unavailable: It is far behind, and PostgreSQL cannot be reached.
        """
        try:
            async with asyncio.timeout(seconds):
                while True:
                    self._wake.clear()
                    if self._is_over:
                        raise OverError
                    kept = self._view.after(self._cursor)
                    events = await self._catch_up() if kept is None else kept
                    if events:
                        self._cursor = events[-1].id
                        return events
                    await self._wake.wait()
        except TimeoutError:
            return ()

    async def _catch_up(self) -> Sequence[Event[Told]]:
        """Return a page of what the view does not keep any more."""
        await self._caller.count()
        floor = self._view.floor
        try:
            page = await self._read(self._view, self._cursor)
        except asyncpg.PostgresError as error:
            if error.sqlstate not in ENDED:
                raise
            raise OverError from None
        self._cursor = page.through if page.more else max(page.through, floor)
        if not page.events:
            self._wake.set()
        return page.events
