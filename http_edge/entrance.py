"""Let nobody have the process to themselves: those whom nobody knows, or one person with very much at once.

Everybody else comes and goes as they like (`docs/decisions/0068-one-at-a-time.md`).
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from http_edge.turnstile import Turnstile
from todo_core.errors import TooManyRequests

AT_ONCE: Final = 8
"""Requests of a person that come in without waiting, as those of a page that asks for everything at once."""
_LARGE: Final = 4
"""How many small requests as large a body is that waits before it is parsed: more than 32 KiB."""
_PAUSE_OF_ONE: Final = 0.0005
"""Seconds that pass for each of these before the next is parsed: to parse as much takes about half of it."""
_RETRY_AFTER: Final = 1
"""Seconds after which to try again: those who wait are let in within them."""


class Entrance:
    """The turnstiles of a process: strangers keep nobody waiting who is known, not even at a turnstile.

    Nothing is kept of whoever has no request inside.
    """

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self._people = Turnstile()
        self._strangers = Turnstile()
        self._inside: Counter[int] = Counter()
        """By user id, the requests that have come and have no answer yet; those that wait to come in, too."""

    async def come_in(self, user_id: int) -> None:
        """Let a request of a person in: at once, or, where `AT_ONCE` of theirs are inside, when it is its turn.

        Whoever calls it calls `go` in the end, whatever becomes of this.

        Raises:
            TooManyRequests: Too many of theirs wait already.
        """
        self._inside[user_id] += 1
        if self._inside[user_id] > AT_ONCE and not await self._people.pass_through(user_id):
            raise TooManyRequests(_RETRY_AFTER, "You have more requests at once than are served at once.")

    async def bring(self, user_id: int, weight: int) -> None:
        """Let a body be parsed: at once if it is small, else when it is its turn.

        Args:
            user_id: Whose request it is.
            weight: How many small requests it counts as.
        """
        if weight > _LARGE:
            await self._people.pass_through(user_id, weight * _PAUSE_OF_ONE)

    def go(self, user_id: int) -> None:
        """Note that a request of a person has its answer."""
        self._inside[user_id] -= 1
        if not self._inside[user_id]:
            del self._inside[user_id]

    async def go_unknown(self, address: str) -> bool:
        """Wait until the answer to somebody at an address may leave whom nobody knows; False where too many wait."""
        return await self._strangers.pass_through(address)
