"""Limit the requests of a user and the wrong tokens of an address (OP5)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from todo_core.boundary.counters import Budget, Counter, redis_pool, redis_storage
from todo_core.boundary.latest import Latest
from todo_core.errors import TooManyRequests
from todo_core.notations import network_of, parse_limit

if TYPE_CHECKING:
    from todo_core.settings import Settings


TellBudget = Callable[[Budget], None]
"""Takes what is left of a limit after a request, for a transport that tells its caller."""

RESTRAINT: Final = 10
"""Requests that a user may send after the limit refused one, before they are refused unread: a model that is told of
the limit in a result learns from it, and reading what is refused anyway costs the others."""


class _Refusals(NamedTuple):
    """What the limit refused a user since it last let a request pass."""

    number: int
    until: float
    """When more is left, by the monotonic clock."""
    budget: Budget


class Limits:
    """The two limits of a process, each counted in Redis or in this process, or off."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Connect to nothing yet.

        Args:
            settings: The limits, and Redis if several processes share them.
            monotonic: Returns seconds of a clock that never goes back.
        """
        self._pool = None if settings.redis_url is None else redis_pool(settings.redis_url.get_secret_value())
        shared = None if self._pool is None else redis_storage(self._pool)

        def counter(name: str, limit: str) -> Counter | None:
            item = parse_limit(limit)
            return None if item is None else Counter(name, item, shared, monotonic)

        self._user = counter("user", settings.rate_limit)
        """By user id."""
        self._login = counter("login", settings.login_limit)
        """By network."""
        self._monotonic = monotonic
        self._refusals: Latest[int, _Refusals] = Latest(10_000)
        """By user id."""

    @property
    def rate(self) -> tuple[int, int] | None:
        """What a user may send, as requests in so many seconds; None without a limit."""
        return None if self._user is None else (self._user.item.amount, self._user.item.get_expiry())

    async def aclose(self) -> None:
        """Close the connections to Redis."""
        if self._pool is not None:
            await self._pool.aclose()

    async def spend(self, user_id: int, cost: int, tell: TellBudget | None = None) -> None:
        """Take what a request costs from its user's budget.

        Args:
            user_id: The user.
            cost: Requests that it counts as: the items of a batch, else 1.
            tell: Receives what is left, also when that is too little.

        Raises:
            TooManyRequests: Too little is left; nothing was taken.
        """
        if self._user is None:
            return
        passed, budget = await self._user.hit(user_id, cost)
        if tell is not None:
            tell(budget)
        if not passed:
            earlier = self._refusals.get(user_id)
            number = 1 if earlier is None else earlier.number + 1
            self._refusals[user_id] = _Refusals(number, self._monotonic() + budget.reset, budget)
            raise TooManyRequests(budget.reset)
        if self._refusals:
            self._refusals.pop(user_id, None)

    def require_restraint(self, user_id: int, tell: TellBudget | None = None) -> None:
        """Refuse a user who went on after many refusals, before the next request is read; it takes nothing.

        Args:
            user_id: The user.
            tell: Receives what is left, if the request is refused.

        Raises:
            TooManyRequests: The user has to wait.
        """
        if not self._refusals or (refusals := self._refusals.get(user_id)) is None:
            return
        wait = refusals.until - self._monotonic()
        if refusals.number < RESTRAINT or wait <= 0:
            return
        seconds = math.ceil(wait)
        if tell is not None:
            tell(refusals.budget._replace(reset=seconds))
        raise TooManyRequests(seconds)

    def forget(self, user_id: int) -> None:
        """Forget what was refused a user who is gone."""
        self._refusals.pop(user_id, None)

    async def require_login(self, address: str | None) -> None:
        """Refuse an address that sent too many wrong tokens, once another one was found wrong.

        Raises:
            TooManyRequests: It has to wait.
        """
        if (budget := await self._login_budget(address)) is not None and budget.remaining < 1:
            raise TooManyRequests(budget.reset)

    async def is_login_spent(self, address: str | None) -> bool:
        """Return whether an address sent so many wrong tokens that it is told so for the next one."""
        return (budget := await self._login_budget(address)) is not None and budget.remaining < 1

    async def _login_budget(self, address: str | None) -> Budget | None:
        if self._login is None or address is None:
            return None
        _, budget = await self._login.hit(network_of(address), 0)
        return budget

    async def refused_login(self, address: str | None) -> None:
        """Count a wrong token of an address."""
        if self._login is not None and address is not None:
            await self._login.hit(network_of(address), 1)
