"""Hear of changes that other processes make, over one connection of this process, by PostgreSQL's LISTEN.

LISTEN belongs to a connection, so it has one of its own. Behind a transaction pooler it is taken without an error,
hears nothing, and stays with a connection of the pooler's, which others get next. So it is not tried where a pooler is
known to be, and elsewhere proved: another connection sends a word, which has to arrive. What a connection missed while
it was away is found in the record of changes.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from todo_core.errors import Unavailable
from todo_core.log import structlog
from todo_core.queries import events
from todo_core.settings import Settings
from todo_core.storage.database import Database
from todo_core.storage.dsn import application_name, connection_options, is_behind_pooler
from todo_core.storage.faults import cause

PROOF_SECONDS: Final = 2.0
"""Seconds in which the word has to arrive that proves that a connection hears."""
LOOK_SECONDS: Final = 15.0
"""Seconds between two looks whether the server still answers: a connection that nobody answers on ends with no sign."""
ANSWER_SECONDS: Final = 5.0
"""Seconds for an answer."""
PAUSES: Final = (0.1, 0.5, 2.0, 5.0)
"""Seconds before a lost connection is made again; the last for all further tries."""
DEAF_SECONDS: Final = 60.0
"""Seconds before a server is tried again on which a connection hears nothing."""
SETTLED_SECONDS: Final = 1.0
"""Seconds after which everything is looked at once more: a write that found nobody listening has committed by then."""

_log = structlog.get_logger()


class _DeafError(Exception):
    """The connection does not hear what others send."""


class Listening:
    """The connection of a process that listens."""

    def __init__(
        self,
        settings: Settings,
        url: str,
        database: Database,
        hear: Callable[[int, int], None],
        missed: Callable[[], None],
    ) -> None:
        """Connect to nothing yet.

        Args:
            settings: Has an address of its own for this, where the usual one is a pooler's.
            url: The usual connection string.
            database: Sends the word that proves that the connection hears.
            hear: Takes a user id and a change id, when somebody's todos changed.
            missed: Is called when something may have been missed.
        """
        given = settings.database_listen_url
        self._url = url if given is None else given.get_secret_value()
        self._can_listen = given is not None or not is_behind_pooler(settings, url)
        self._database = database
        self._hear = hear
        self._missed = missed
        self._proof = f"?{secrets.token_hex(8)}"
        self._is_proved = asyncio.Event()
        self._tries = 0
        """How many failed, since one did not."""
        self.is_hearing = False
        """Whether changes of other processes are heard; while they are not, somebody has to look for them."""

    async def run(self) -> None:
        """Listen until cancelled, and connect again whenever the connection is lost."""
        while self._can_listen:
            pause = PAUSES[min(self._tries, len(PAUSES) - 1)]
            try:
                async with self._connected() as (connection, lost):
                    await self._prove(connection)
                    await self._stay(connection, lost)
            except _DeafError:
                _log.warning("listening_hears_nothing", hint="set TODO_DATABASE_LISTEN_URL to PostgreSQL's own address")
                pause = DEAF_SECONDS
            except (OSError, TimeoutError, Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if self._tries == 0:
                    _log.warning("listening_lost", error=cause(error))
            self._tries += 1
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[asyncpg.Connection[Any], asyncio.Event]]:
        """Yield a connection that listens, and what tells of its end."""
        connection = await asyncpg.connect(
            **connection_options(self._url),
            statement_cache_size=0,
            command_timeout=ANSWER_SECONDS,
            server_settings={"application_name": f"{application_name(self._url)} listening"},
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(events.CHANNEL, self._on_word)
            yield connection, lost
        finally:
            self.is_hearing = False
            connection.terminate()  # a polite end would wait for the server

    async def _prove(self, connection: asyncpg.Connection[Any]) -> None:
        """Return once it is certain that the connection hears, and those who write know of it.

        Raises:
            _DeafError: It hears nothing.
        """
        self._is_proved.clear()
        await self._database.tell(events.NOTIFY, payloads=[self._proof])
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await self._is_proved.wait()
        except TimeoutError:
            raise _DeafError from None
        await connection.execute(events.HEAR.sql)
        self._tries, self.is_hearing = 0, True
        self._missed()

    async def _stay(self, connection: asyncpg.Connection[Any], lost: asyncio.Event) -> None:
        """Return when the connection is lost.

        Raises:
            TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: It does not answer.
        """
        wait = SETTLED_SECONDS
        while not lost.is_set():
            try:
                async with asyncio.timeout(wait):
                    await lost.wait()
            except TimeoutError:
                if wait == SETTLED_SECONDS:
                    self._missed()
                wait = LOOK_SECONDS
                await connection.execute("SELECT 1")
        _log.warning("listening_lost", error="the connection ended")

    def _on_word(self, _: object, __: int, ___: str, payload: object) -> None:
        """Take what somebody sent. Whoever may connect may send anything, so anything else is passed over."""
        if payload == self._proof:
            self._is_proved.set()
            return
        user_id, _, change_id = str(payload).partition(":")
        if user_id.isdecimal() and change_id.isdecimal():
            self._hear(int(user_id), int(change_id))
