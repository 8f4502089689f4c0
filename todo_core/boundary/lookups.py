"""Look API tokens up, and bound how often the database is asked for wrong ones.

Whoever knows how tokens are made makes new ones with a right checksum as fast as they like, so remembering wrong ones
stops nobody but a client in a loop. What bounds the others is their address: once it has sent too many wrong tokens, a
token that is not known here waits for a turn of that address. It is still looked up, for a good token is to pass
whatever its address sent before (`docs/decisions/0033-in-doubt.md`).
"""

from __future__ import annotations

import asyncio
from typing import Final

from todo_core.boundary.latest import Latest, Passing
from todo_core.boundary.limits import Limits
from todo_core.boundary.places import Places
from todo_core.identity.jwts import EndedError, RefusedError
from todo_core.notations import network_of
from todo_core.queries import sign_in as queries
from todo_core.storage.database import Database, retried
from todo_core.storage.transactions import Row

REMEMBERED: Final = 10_000
"""Wrong tokens, and good ones, that a process remembers; by SHA-256: 2 MB, and 1."""
REMEMBERED_FOR: Final = 60.0
"""Seconds for which a wrong token is. A token is random, and nobody has it before it is made; one that was revoked or
has expired does not come back. Only a restored backup may bring one."""
PACE: Final = 0.02
"""Seconds for which a wrong token keeps the turn of an address that sent too many: 50 of them a second, at most."""


class Lookups:
    """Finds API tokens in the database, for one process."""

    def __init__(self, database: Database, limits: Limits) -> None:
        """Know no token yet.

        Args:
            database: Where they are.
            limits: Tells which addresses sent too many wrong ones.
        """
        self._database = database
        self._limits = limits
        self._wrong: Passing[bytes, type[RefusedError]] = Passing(REMEMBERED, REMEMBERED_FOR)
        """By SHA-256 of the token, as what it is refused."""
        self._good: Latest[bytes, None] = Latest(REMEMBERED)
        """SHA-256 of tokens that were good, and are looked up at once: some of them may be wrong since."""
        self._turns = Places(1)
        """Those of addresses that sent too many wrong tokens."""

    async def find(self, digest: bytes, address: str | None) -> Row:
        """Return the row of an API token.

        Args:
            digest: The SHA-256 of the token.
            address: Where the request comes from.

        Raises:
            RefusedError: There is no such token.
            EndedError: It was revoked or has expired.
            TooManyRequests: It is not known here, and the address, which sent too many wrong ones, has no turn left.
            Unavailable: The database cannot be reached.
        """
        if (wrong := self._wrong.get(digest)) is not None:
            raise _refusal(wrong)
        if digest in self._good or not await self._limits.is_login_spent(address):
            return await self._find(digest)
        async with self._turns.one_of(network_of(address or "")):
            try:
                return await self._find(digest)
            except RefusedError:
                await asyncio.sleep(PACE)
                raise

    async def _find(self, digest: bytes) -> Row:
        """Ask the database, and remember what it says."""
        row = await retried(lambda: self._row(digest))
        if row is not None and row["is_live"]:
            self._good[digest] = None
            return row
        wrong = self._wrong[digest] = RefusedError if row is None else EndedError
        raise _refusal(wrong)

    async def _row(self, digest: bytes) -> Row | None:
        async with self._database.begin(read_only=True) as transaction:
            await transaction.row(queries.SET_TOKEN, hash=digest)
            return await transaction.row(queries.FIND_TOKEN, hash=digest)


def _refusal(wrong: type[RefusedError]) -> RefusedError:
    return wrong("api token revoked or expired" if wrong is EndedError else "api token unknown")
