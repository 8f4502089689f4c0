"""Count requests against one limit, in this process or in Redis.

The counting is the `limits` library's sliding window counter: a refused request takes nothing, and no two
windows can be spent at their border. When Redis is down or hangs, each process counts by itself and asks Redis again
after a pause, so that no request fails for it (`docs/decisions/0011-rate-limits.md`).
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.storage import RedisStorage
    from redis.asyncio import ConnectionPool

REDIS_TIMEOUT: Final = 0.08
"""Seconds Redis may take for one answer, and for all that a request asks of it."""
REDIS_PAUSE: Final = 2.0
"""Seconds until Redis is asked again after it failed."""
REDIS_CONNECTIONS: Final = 100

_log = structlog.get_logger()


class Budget(NamedTuple):
    """What is left of a limit."""

    policy: str
    quota: int
    window: int
    """Seconds."""
    remaining: int
    reset: int
    """Seconds until there is more."""


class Window:
    """The sliding window counter of one limit in this process, as the library counts it.

    The library's own in-memory storage cleans up in a thread every 10 ms, which costs a quarter of the
    throughput. Here a window that is over goes as a whole.
    """

    def __init__(self, name: str, item: RateLimitItem, clock: Callable[[], float] = time.time) -> None:
        self._name = name
        self._item = item
        self._seconds = item.get_expiry()
        self._clock = clock
        self._number = 0.0
        self._current: dict[str, int] = {}
        self._previous: dict[str, int] = {}

    def hit(self, key: str, cost: int) -> tuple[bool, Budget]:
        """Count, if it passes; whether it did, and what is left. A cost of 0 only looks."""
        number, into = divmod(self._clock(), self._seconds)
        if number != self._number:
            self._previous = self._current if number == self._number + 1 else {}
            self._current, self._number = {}, number
        current, previous = self._current.get(key, 0), self._previous.get(key, 0)
        left = self._seconds - into
        passed = math.floor(previous * left / self._seconds) + current + cost <= self._item.amount
        if passed and cost:
            current = self._current[key] = current + cost
        return passed, _budget(self._name, self._item, (previous, left), (current, left))


def _budget(name: str, item: RateLimitItem, past: tuple[int, float], present: tuple[int, float]) -> Budget:
    """What is left, of the counts of two windows, each with the seconds for which it still counts."""
    (previous, previous_left), (current, current_left) = past, present
    window = item.get_expiry()
    used = math.floor(previous * previous_left / window) + current
    reset = current_left if current else math.inf
    if previous:
        reset = min(reset, previous_left % (window / previous))
    seconds = max(math.ceil(reset), 1) if previous or current else 0
    return Budget(name, item.amount, window, max(item.amount - used, 0), seconds)


class Counter:
    """Counts one limit, in Redis while it answers, and in this process otherwise."""

    def __init__(
        self,
        name: str,
        item: RateLimitItem,
        shared: RedisStorage | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._name = name
        self._item = item
        self._local = Window(name, item)
        self._shared = shared
        self._monotonic = monotonic
        self._turn = asyncio.Semaphore(REDIS_CONNECTIONS)
        self._paused_until: float | None = None
        """Not None while Redis fails."""

    async def hit(self, key: str, cost: int) -> tuple[bool, Budget]:
        """Count, if it passes; whether it did, and what is left. A cost of 0 only looks."""
        if self._shared is not None:
            found = await self._hit_redis(self._shared, key, cost)
            if found is not None:
                return found
        return self._local.hit(key, cost)

    async def _hit_redis(self, shared: RedisStorage, key: str, cost: int) -> tuple[bool, Budget] | None:
        """The answer, or None when Redis does not give one in time."""
        from redis.exceptions import RedisError

        named, quota, window = self._item.key_for(self._name, key), self._item.amount, self._item.get_expiry()
        asks_again = self._paused_until is not None
        if not self._may_ask():
            return None
        async with self._turn:
            if self._paused_until is not None and not asks_again:
                return None  # Redis failed while this one waited: it need not find out by itself
            try:
                async with asyncio.timeout(REDIS_TIMEOUT):
                    passed = not cost or await shared.acquire_sliding_window_entry(named, quota, window, cost)
                    previous, previous_left, current, expires = await shared.get_sliding_window(named, window)
            except (RedisError, OSError, TimeoutError) as error:
                if self._paused_until is None:
                    _log.warning("redis_failed", error=type(error).__name__)
                self._paused_until = self._monotonic() + REDIS_PAUSE
                return None
        if asks_again:
            self._paused_until = None
            _log.info("redis_back")
        # Redis keeps a count for the window after its own.
        left = expires % window or window
        return passed, _budget(self._name, self._item, (previous, previous_left), (current, left))

    def _may_ask(self) -> bool:
        """While Redis fails one request asks it again after each pause, and the others go on without."""
        if self._paused_until is None:
            return True
        now = self._monotonic()
        if now < self._paused_until:
            return False
        self._paused_until = now + REDIS_PAUSE
        return True


def redis_pool(url: str) -> ConnectionPool:
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
    from limits.aio.storage import RedisStorage

    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", **options)
