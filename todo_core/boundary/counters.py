"""Count requests against one limit, in this process or in Redis.

The `limits` library's sliding window counter is used: a refused request takes nothing, and nobody can spend two
windows around the border between them. While Redis is down or hangs, each process counts its own requests, and one of
them asks Redis again after each pause: no request fails because of Redis (`docs/decisions/0011-rate-limits.md`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from todo_core.log import structlog

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.storage import RedisStorage
    from redis.asyncio import ConnectionPool

REDIS_TIMEOUT: Final = 0.08
"""Seconds that Redis may take for one answer, and for all answers that a request needs."""
REDIS_PAUSE: Final = 2.0
"""Seconds after which Redis is asked again when it failed."""
REDIS_CONNECTIONS: Final = 100
"""Requests of a process that ask Redis at the same time; others wait for their turn."""

_log = structlog.get_logger()


class Budget(NamedTuple):
    """What is left of a limit, in the terms of draft-ietf-httpapi-ratelimit-headers."""

    policy: str
    """Name of the limit: `user` or `login`."""
    quota: int
    """Requests in a window."""
    window: int
    """Length of the window in seconds."""
    remaining: int
    """Requests that are left."""
    reset: int
    """Seconds until more are left; 0 if none was used."""


class Window:
    """The sliding window counter of one limit in this process.

    It counts as the library does. The library's own storage in memory cleans up in a thread every 10 ms, which costs a
    quarter of the throughput; here the counts of a window are dropped together when it is over.
    """

    def __init__(self, name: str, item: RateLimitItem, clock: Callable[[], float] = time.time) -> None:
        """Count nothing yet.

        Args:
            name: Name of the limit.
            item: The limit.
            clock: Returns seconds since the epoch.
        """
        self._name = name
        self._amount = item.amount
        self._seconds = item.get_expiry()
        self._clock = clock
        self._number = 0.0
        """Number of the current window, counted from the epoch."""
        self._current: dict[int | str, int] = {}
        """By key, what was taken in the current window."""
        self._previous: dict[int | str, int] = {}
        """By key, what was taken in the window before."""

    def hit(self, key: int | str, cost: int) -> tuple[bool, Budget]:
        """Take a cost from the key's budget, if enough is left.

        Args:
            key: Whose budget: the id of a user, or a network.
            cost: How much; 0 takes nothing and only returns the budget.

        Returns:
            Whether enough was left, and the budget afterwards.
        """
        number, into = divmod(self._clock(), self._seconds)
        if number != self._number:
            self._previous = self._current if number == self._number + 1 else {}
            self._current, self._number = {}, number
        current, previous = self._current.get(key, 0), self._previous.get(key, 0)
        left = self._seconds - into
        passed = math.floor(previous * left / self._seconds) + current + cost <= self._amount
        if passed and cost:
            current = self._current[key] = current + cost
        return passed, _budget(self._name, self._amount, self._seconds, (previous, left), (current, left))


def _budget(name: str, amount: int, window: int, past: tuple[int, float], present: tuple[int, float]) -> Budget:
    """Return the budget that the counts of two windows leave.

    Args:
        name: Name of the limit.
        amount: Requests in a window.
        window: Length of the window in seconds.
        past: What was taken in the window before, and the seconds for which that still counts in part.
        present: What was taken in the current window, and the seconds until it is over.
    """
    (previous, previous_left), (current, current_left) = past, present
    used = math.floor(previous * previous_left / window) + current
    reset = current_left if current else math.inf
    if previous:
        reset = min(reset, previous_left % (window / previous))
    seconds = max(math.ceil(reset), 1) if previous or current else 0
    return Budget(name, amount, window, max(amount - used, 0), seconds)


class Counter:
    """Counts one limit in Redis, or in this process if there is no Redis or it does not answer."""

    def __init__(
        self,
        name: str,
        item: RateLimitItem,
        shared: RedisStorage | None,
        monotonic: Callable[[], float],
    ) -> None:
        """Count nothing yet.

        Args:
            name: Name of the limit.
            item: The limit.
            shared: Redis, if several processes share the limit.
            monotonic: Returns seconds of a clock that never goes back.
        """
        self._name = name
        self.item = item
        self._local = Window(name, item)
        self._shared = shared
        self._monotonic = monotonic
        self._turn = asyncio.Semaphore(REDIS_CONNECTIONS)
        self._paused_until: float | None = None
        """When Redis may be asked again after it failed; None while it answers."""

    async def hit(self, key: int | str, cost: int) -> tuple[bool, Budget]:
        """Take a cost from the key's budget, if enough is left; see `Window.hit`."""
        if self._shared is not None:
            counted = await self._hit_redis(self._shared, key, cost)
            if counted is not None:
                return counted
        return self._local.hit(key, cost)

    async def _hit_redis(self, shared: RedisStorage, key: int | str, cost: int) -> tuple[bool, Budget] | None:
        """Do the same in Redis; return None if Redis is paused, or does not answer in time."""
        is_trial = self._paused_until is not None
        if not self._may_ask():
            return None
        async with self._turn:
            if self._paused_until is not None and not is_trial:
                return None  # Redis failed while this request waited for its turn: do not let it time out too
            counted = await self._ask(shared, key, cost)
        if counted is not None and is_trial:
            self._paused_until = None
            _log.info("redis_back")
        return counted

    async def _ask(self, shared: RedisStorage, key: int | str, cost: int) -> tuple[bool, Budget] | None:
        """Ask Redis; if it does not answer in time, pause it and return None."""
        from redis.exceptions import RedisError

        redis_key, quota, window = self.item.key_for(self._name, key), self.item.amount, self.item.get_expiry()
        try:
            async with asyncio.timeout(REDIS_TIMEOUT):
                passed = not cost or await shared.acquire_sliding_window_entry(redis_key, quota, window, cost)
                previous, previous_left, current, expires = await shared.get_sliding_window(redis_key, window)
        except (RedisError, OSError, TimeoutError) as error:
            if self._paused_until is None:
                _log.warning("redis_failed", error=type(error).__name__)
            self._paused_until = self._monotonic() + REDIS_PAUSE
            return None
        # A count stays in Redis for one window more than its own, so `expires` may be up to two windows.
        left = expires % window or window
        return passed, _budget(self._name, quota, window, (previous, previous_left), (current, left))

    def _may_ask(self) -> bool:
        """Return whether this request asks Redis: while Redis fails, one request does after each pause."""
        if self._paused_until is None:
            return True
        now = self._monotonic()
        if now < self._paused_until:
            return False
        self._paused_until = now + REDIS_PAUSE
        return True


def redis_pool(url: str) -> ConnectionPool:
    """Make the connections to Redis, without retries: a slow answer is as good as none. Connects to nothing yet."""
    from redis.asyncio import ConnectionPool
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    return ConnectionPool.from_url(
        url,
        socket_timeout=REDIS_TIMEOUT,
        socket_connect_timeout=REDIS_TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        max_connections=2 * REDIS_CONNECTIONS,
    )


def redis_storage(pool: ConnectionPool) -> RedisStorage:
    """Make the `limits` library's storage on a pool."""
    from limits.aio.storage import RedisStorage

    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", **options)
