"""How often: rate limits per user, and for refused tokens per address (OP5).

The counting is the `limits` library's sliding window counter: a request that is refused costs
nothing, and no two windows can be spent at their border. With Redis all processes count together;
when Redis is down or hangs, each process counts by itself and asks again after a moment, so that
no request fails for it (`docs/decisions/0011-rate-limits.md`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog

from todo_core.errors import TooManyRequests

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.storage import RedisStorage
    from redis.asyncio import ConnectionPool

    from todo_core.settings import Settings

OFF: Final = "off"
LARGEST_COST: Final = 50
"""What the largest batch costs; a smaller limit could never let it pass."""

REDIS_TIMEOUT: Final = 0.08
"""Seconds Redis may take for one answer, and for all that a request asks of it."""
REDIS_PAUSE: Final = 2.0
"""Seconds until Redis is asked again after it failed."""
REDIS_CONNECTIONS: Final = 100

_log = structlog.get_logger()


class Budget(NamedTuple):
    """What is left of a limit, as draft-ietf-httpapi-ratelimit-headers tells it."""

    policy: str
    quota: int
    window: int
    """Seconds."""
    remaining: int
    reset: int
    """Seconds until there is more."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit`."""
        return [
            (b"ratelimit-policy", f'"{self.policy}";q={self.quota};w={self.window}'.encode()),
            (b"ratelimit", f'"{self.policy}";r={self.remaining};t={self.reset}'.encode()),
        ]


SPENT: Final[ContextVar[list[Budget]]] = ContextVar("spent")
"""Where a transport that wants to tell its caller finds the budget after the request."""


def parse_limit(text: str, *, at_least: int = 1) -> RateLimitItem | None:
    """A limit such as `1200/minute`; None for `off`.

    Raises:
        ValueError: It is not one.
    """
    from limits import parse_many

    if text == OFF:
        return None
    try:
        (item,) = parse_many(text)
    except ValueError:
        raise ValueError("must be a limit such as 1200/minute, or off") from None
    if item.amount < at_least:
        raise ValueError(f"must be at least {at_least}")
    return item


def parse_networks(names: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks; those of IPv4 also as a dual-stack socket sees them (RFC 4291 §2.5.5.2).

    Raises:
        ValueError: One of them is neither.
    """
    try:
        networks = [ipaddress.ip_network(name) for name in names]
    except ValueError:
        raise ValueError("takes addresses or networks such as 10.0.0.0/8") from None
    mapped = [
        ipaddress.ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
        for network in networks
        if network.version == 4
    ]
    return [*networks, *mapped]


class Limits:
    """The limits of one process."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._pool = None if settings.redis_url is None else _redis_pool(settings.redis_url.get_secret_value())
        shared = None if self._pool is None else _in_redis(self._pool)

        def counter(name: str, limit: str) -> _Counter | None:
            item = parse_limit(limit)
            return None if item is None else _Counter(name, item, shared, monotonic)

        self._user = counter("user", settings.rate_limit)
        self._login = counter("login", settings.login_limit)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def spend(self, user_id: int, cost: int) -> None:
        """Take what a request costs from its user's budget.

        Raises:
            TooManyRequests: Too little is left; nothing was taken.
        """
        if self._user is None:
            return
        passed, budget = await self._user.hit(str(user_id), cost)
        SPENT.get([]).append(budget)
        if not passed:
            raise TooManyRequests(budget.reset)

    async def require_login(self, address: str | None) -> None:
        """Refuse to look at another token from an address that sent too many bad ones.

        Raises:
            TooManyRequests: It has to wait.
        """
        if self._login is None or address is None:
            return
        _, budget = await self._login.hit(_network(address), 0)
        if budget.remaining < 1:
            raise TooManyRequests(budget.reset)

    async def refused_login(self, address: str | None) -> None:
        """Count a refused token."""
        if self._login is not None and address is not None:
            await self._login.hit(_network(address), 1)


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


class _Counter:
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


def _redis_pool(url: str) -> ConnectionPool:
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


def _in_redis(pool: ConnectionPool) -> RedisStorage:
    from limits.aio.storage import RedisStorage

    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", **options)


def _network(address: str) -> str:
    """Whom an address belongs to: an IPv6 customer has a whole /64."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
