"""Let nobody have the process to themselves: those whom nobody knows, or one person with very much at once.

Everybody else comes and goes as they like (`docs/decisions/0068-at-the-entrance.md`).
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from http_edge.arrivals import Arrival, Arrivals
from http_edge.exchange import Exchange
from http_edge.turnstile import Turnstile
from todo_core.boundary.places import Places
from todo_core.errors import TooManyRequests

AT_ONCE: Final = 8
"""Requests of a person that are read at the same time, as those of a page that asks for everything at once."""
WAITING: Final = 64
"""Requests of a person that wait to be read."""
_LARGE: Final = 4
"""How many small requests as large a body is that waits before it is parsed: more than 32 KiB."""
_PAUSE_OF_ONE: Final = 0.0005
"""Seconds that pass for each of these before the next is parsed: to parse as much takes about half of it."""
_RETRY_AFTER: Final = 1
"""Seconds after which to try again: those who wait are let in within them."""


class Entrance:
    """Where requests come into a process. Nothing is kept of whoever has none inside."""

    def __init__(self) -> None:
        """Begin with nobody inside."""
        self._places = Places(AT_ONCE, WAITING)
        self._arrivals = Arrivals()
        self._bodies = Turnstile()
        self._refused = Turnstile()
        """Whoever is refused comes again at once."""

    async def come_in(self, exchange: Exchange) -> None:
        """Let in a request whose caller was found, when one of the person's places is free; it has it until `go`.

        Raises:
            TooManyRequests: Too many of theirs wait already, or this one has waited for too long.
        """
        user_id = exchange.require_caller().principal.user_id
        if not self._places.take(user_id):
            try:
                await self._places.wait(user_id)
            except TooManyRequests:
                await self._refused.pass_through(user_id)
                raise
        exchange.is_inside = True

    def go(self, exchange: Exchange) -> None:
        """Give up the place of a request, if it has one: its answer begins, or it waits because its client wants it."""
        if exchange.is_inside:
            exchange.is_inside = False
            self._places.leave(exchange.require_caller().principal.user_id)

    def until_body_is_here(self, exchange: Exchange, share: int = 1) -> BodyOnItsWay:
        """Return what gives up the place of a request for the time of an `async with`, in which its body is read.

        Then the request comes in again: a client that never sends its body keeps none of its person's places.

        Args:
            exchange: The request.
            share: For how many requests its body counts among those on their way (`arrivals.MOST`).

        Raises:
            TooManyRequests: Inside, where many others of the person were begun since and have no bodies either; on
                leaving, as `come_in`.
        """
        return BodyOnItsWay(self, exchange, self._arrivals.of(exchange.require_caller().principal.user_id, share))

    async def bring(self, exchange: Exchange) -> None:
        """Let the body of a request be parsed: at once if it is small, else when it is its turn.

        Raises:
            TooManyRequests: Too many large ones of the person wait already.
        """
        weight, user_id = exchange.weigh(), exchange.require_caller().principal.user_id
        if weight > _LARGE and not await self._bodies.pass_through(user_id, weight * _PAUSE_OF_ONE):
            raise TooManyRequests(_RETRY_AFTER, "You have more large requests at once than are read in turn.")

    async def refuse(self, address: str) -> bool:
        """Wait until the answer to somebody whom nobody knows may leave; return False where too many wait.

        Args:
            address: Where they are.
        """
        return await self._refused.pass_through(address)


class BodyOnItsWay:
    """A request while its body is read."""

    __slots__ = ("_arrival", "_entrance", "_exchange")

    def __init__(self, entrance: Entrance, exchange: Exchange, arrival: Arrival) -> None:
        self._entrance, self._exchange, self._arrival = entrance, exchange, arrival

    async def __aenter__(self) -> None:
        self._entrance.go(self._exchange)
        await self._arrival.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._arrival.__aexit__(kind, error, traceback)
        except TimeoutError:
            raise TooManyRequests(_RETRY_AFTER, "You have more requests at once without their bodies.") from None
        if error is None:
            await self._entrance.come_in(self._exchange)
