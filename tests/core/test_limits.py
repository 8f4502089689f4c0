"""Rate limits: exact counts, in memory and in a real Redis, and what happens when that Redis does not answer (OP5)."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import asyncpg
import jwt
import pytest
from limits import strategies
from limits.storage import memory
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.core.support import CoreOpener, connected, until
from tests.pauses import moment
from tests.redis import RedisServer, running_redis
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_core.boundary import counters
from todo_core.boundary.caller import Caller
from todo_core.boundary.counters import Budget, Window
from todo_core.boundary.limits import RESTRAINT, Limits, TellBudget
from todo_core.boundary.places import WAITING
from todo_core.errors import TooManyRequests, Unauthenticated
from todo_core.identity.api_tokens import digest, generate
from todo_core.notations import parse_limit
from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.requirement("OP5")

ANN, BOB = 1, 2
MANY = 300
ALL_AT_ONCE = 10.0
"""Seconds in which 300 requests go on whatever Redis does, on however busy a machine; one by one they would take 24."""
PATIENCE = 60.0
"""Seconds that Redis may take where a test is about counting: a busy machine does not find out anything in 80 ms."""

Opener = Callable[..., Limits]
Passing = Callable[[float], None]


# --- what the tests share ----------------------------------------------------------------------


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of what is counted in memory, where a window begins with the hour: none ends by itself in a test."""
    clock = Clock(3600 * 1000 + 0.25)
    monkeypatch.setattr(counters, "Window", partial(Window, clock=clock))
    return clock


@pytest.fixture
async def opened(windows: Clock) -> AsyncIterator[Opener]:  # noqa: ARG001
    """Makes the limits of one process; by default 100 an hour, counted in memory."""
    async with AsyncExitStack() as stack:

        def make(redis_url: str | None = None, clock: Clock | None = None, **given: str) -> Limits:
            wanted = {"rate_limit": "100/hour", "login_limit": "3/hour", "redis_url": redis_url} | given
            made = Limits(Settings.load(**wanted), *([clock] if clock else []))
            stack.push_async_callback(made.aclose)
            return made

        yield make


@dataclass
class Clock:
    """A monotonic clock that goes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(params=["memory", "redis"])
def place(request: pytest.FixtureRequest) -> str:
    """Where is counted."""
    return str(request.param)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def url(place: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    """`TODO_REDIS_URL`. Redis may take its time."""
    if place == "memory":
        return None
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.url


@pytest.fixture
def passing(place: str, request: pytest.FixtureRequest, windows: Clock) -> Passing:
    """Lets time pass for what was counted."""
    if place == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return server.age
    return windows.passes


async def spends(of: Limits, user: int = ANN, cost: int = 1, tell: TellBudget | None = None) -> bool:
    """Whether a request passes."""
    try:
        await of.spend(user, cost, tell)
    except TooManyRequests:
        return False
    return True


async def at_once(count: int, *processes: Limits, user: int = ANN) -> int:
    """How many of so many requests pass, which come at the same time, in each process the same number."""
    return sum(await asyncio.gather(*(spends(of, user) for _ in range(count) for of in processes)))


async def budget_of(of: Limits, user: int = ANN, cost: int = 1) -> Budget:
    """What a transport can tell after a request."""
    found: list[Budget] = []
    await spends(of, user, cost, found.append)
    (budget,) = found
    return budget


async def refusal_of(of: Limits, cost: int = 1) -> TooManyRequests:
    with pytest.raises(TooManyRequests) as refused:
        await of.spend(ANN, cost)
    return refused.value


async def until_counted(of: Limits, clock: Clock, user: int) -> None:
    """Wait until Redis counts and goes on counting, which a busy machine may not find out within 80 ms."""
    assert of._user is not None
    with anyio.fail_after(30):
        while True:
            clock.passes(counters.REDIS_PAUSE)
            await at_once(20, of, user=user)
            if of._user._paused_until is None:
                return


def of_redis(logs: list[EventDict]) -> list[str]:
    """What the log says about Redis."""
    return [str(line["event"]) for line in logs if str(line["event"]).startswith("redis")]


# --- how many ----------------------------------------------------------------------------------


async def test_of_300_requests_at_once_exactly_the_100_of_the_limit_pass(opened: Opener, url: str | None) -> None:
    assert await at_once(MANY, opened(url)) == 100


async def test_two_processes_share_one_budget_in_redis_exactly(opened: Opener, url: str | None, place: str) -> None:
    one, other = opened(url), opened(url)

    assert await at_once(MANY, one, other) == (100 if place == "redis" else 200)
    assert [await spends(process, BOB, cost=60) for process in (one, other)] == [True, place == "memory"]


async def test_a_batch_costs_each_item_and_nothing_when_it_is_refused(opened: Opener, url: str | None) -> None:
    process = opened(url)

    assert await spends(process, cost=50)
    assert await spends(process, cost=41)
    assert [await spends(process, cost=10) for _ in range(3)] == [False] * 3
    assert (await budget_of(process, cost=50)).remaining == 9
    assert await spends(process, cost=8)
    assert [await spends(process) for _ in range(2)] == [True, False]


async def test_batches_at_once_never_spend_more_than_the_limit(opened: Opener, url: str | None) -> None:
    process = opened(url)

    passed = sum(await asyncio.gather(*(spends(process, cost=7) for _ in range(50))))

    assert passed == 14  # 98 of 100
    assert (await budget_of(process, cost=3)).remaining == 2


async def test_what_one_user_spends_no_other_lacks(opened: Opener, url: str | None) -> None:
    process = opened(url)
    assert await at_once(MANY, process) == 100

    assert (await budget_of(process, BOB)).remaining == 99
    assert not await spends(process)


async def test_off_lets_everything_pass_and_tells_no_budget(opened: Opener, url: str | None) -> None:
    process = opened(url, rate_limit="off", login_limit="off")
    told: list[Budget] = []

    assert await at_once(MANY, process) == MANY
    assert await spends(process, tell=told.append)
    for _ in range(100):
        await process.refused_login("192.0.2.1")
    await process.require_login("192.0.2.1")
    assert told == []


async def test_another_limit_begins_with_a_whole_budget(opened: Opener, url: str | None) -> None:
    assert await at_once(MANY, opened(url)) == 100

    assert await at_once(MANY, opened(url, rate_limit="120/hour")) == 120


# --- what is told ------------------------------------------------------------------------------


async def test_the_budget_tells_quota_and_window_and_what_remains(opened: Opener, url: str | None) -> None:
    process = opened(url)

    budgets = [await budget_of(process, cost=cost) for cost in (1, 30, 69, 1, 50)]

    assert {(budget.policy, budget.quota, budget.window) for budget in budgets} == {("user", 100, 3600)}
    assert [budget.remaining for budget in budgets] == [99, 69, 0, 0, 0]


async def test_the_budget_tells_from_the_first_request_on_when_there_is_more(opened: Opener, url: str | None) -> None:
    process = opened(url)

    resets = [(await budget_of(process, user)).reset for user in range(300)]

    assert all(1 <= reset <= 3600 for reset in resets), resets
    if url is not None:  # its window begins with the first request
        assert min(resets) >= 3590


async def test_after_the_seconds_of_a_refusal_a_request_passes_and_half_of_them_are_too_few(
    opened: Opener, url: str | None, passing: Passing
) -> None:
    process = opened(url)
    assert await at_once(100, process) == 100
    refused = await refusal_of(process)
    assert refused.retry_after == refused.extra["retry_after"]
    assert refused.retry_after is not None
    assert 1 <= refused.retry_after <= 3600

    passing(refused.retry_after / 2)
    assert not await spends(process)
    passing(refused.retry_after / 2)
    assert await spends(process)


@pytest.mark.usefixtures("passing")
async def test_a_refusal_says_at_least_one_second(opened: Opener, url: str | None) -> None:
    process = opened(url, rate_limit="50/second")
    assert await spends(process, cost=50)

    refused = await refusal_of(process, cost=50)

    assert refused.retry_after == 1


async def test_after_a_window_is_over_there_is_more_little_by_little_and_soon(
    opened: Opener, url: str | None, place: str, passing: Passing
) -> None:
    process = opened(url, rate_limit="1200/minute")
    assert [await spends(process, cost=48) for _ in range(20)] == [True] * 20
    passing(62)  # from now on each 62.5 ms one of these 960 counts no more
    while await spends(process, cost=50):
        pass

    waits = set()
    for _ in range(2000):
        if place == "memory":  # in Redis time passes by itself
            passing(0.0005)
        try:
            await process.spend(ANN, 50)
        except TooManyRequests as refused:
            waits.add(refused.retry_after)

    assert waits == {1}


async def test_the_border_of_two_windows_gives_no_second_budget(
    opened: Opener, url: str | None, passing: Passing
) -> None:
    process = opened(url, rate_limit="100/minute")
    assert await spends(process)
    passing(50)
    assert await at_once(MANY, process) == 99

    passing(12)

    assert 0 < await at_once(MANY, process) <= 10  # a sixth of a minute later by the first request's clock
    passing(120)
    assert await at_once(MANY, process) == 100


async def test_in_memory_is_counted_as_the_library_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(1_700_000_000.123)
    item = parse_limit("100/minute")
    assert item is not None
    for module in (memory, strategies):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=clock))
    monkeypatch.setattr(memory.MemoryStorage, "_MemoryStorage__schedule_expiry", lambda _: None)  # it starts threads
    theirs = strategies.SlidingWindowCounterRateLimiter(memory.MemoryStorage())
    ours = Window("user", item, clock)
    random = Random(7)  # noqa: S311
    seen = set()

    for _ in range(20_000):
        clock.passes(
            random.choice([0, 0, 0, random.random(), 10 * random.random(), random.random() * random.choice([60, 200])])
        )
        key, cost = random.choice("abc"), random.choice([1, 1, 2, 7, 50, 101])

        passed, budget = ours.hit(key, cost)

        assert passed == theirs.hit(item, key, cost=cost)
        stats = theirs.get_window_stats(item, key)
        assert budget.remaining == stats.remaining
        assert abs(budget.reset - (stats.reset_time - clock())) <= 1.001
        assert ours.hit(key, 0) == (True, budget)  # to look costs nothing
        seen.add((passed, budget.remaining))

    assert len(seen) > 100  # it was spent in many ways


# --- who goes on -------------------------------------------------------------------------------


def is_turned_away(process: Limits, user: int = ANN, tell: TellBudget | None = None) -> bool:
    """Whether the user's next request is refused unread."""
    try:
        process.require_restraint(user, tell)
    except TooManyRequests:
        return True
    return False


@pytest.mark.requirement("OP5", "OW6")
async def test_who_goes_on_after_refusals_is_turned_away_until_more_is_left(opened: Opener, url: str | None) -> None:
    clock = Clock()
    process = opened(url, clock)
    assert await spends(process, cost=100)

    turned_away = []
    for _ in range(RESTRAINT + 1):
        turned_away.append(is_turned_away(process))
        assert not await spends(process)

    assert turned_away == [False] * RESTRAINT + [True]
    assert not is_turned_away(process, BOB)
    told: list[Budget] = []
    assert is_turned_away(process, tell=told.append)
    with pytest.raises(TooManyRequests) as refused:
        process.require_restraint(ANN)
    assert [(budget.remaining, budget.reset) for budget in told] == [(0, refused.value.retry_after)]
    clock.passes(told[0].reset)
    assert not is_turned_away(process)


@pytest.mark.requirement("OP5", "OW6")
async def test_a_request_that_passes_is_a_new_beginning(opened: Opener, url: str | None) -> None:
    process = opened(url)
    assert await spends(process, cost=60)
    for _ in range(RESTRAINT - 1):
        assert not await spends(process, cost=50)

    assert await spends(process)
    assert not await spends(process, cost=50)
    assert not is_turned_away(process)


# --- refused tokens ----------------------------------------------------------------------------


async def is_blocked(process: Limits, address: str | None) -> bool:
    """Whether the address has to wait."""
    try:
        await process.require_login(address)
    except TooManyRequests:
        return True
    return False


async def test_after_its_refused_tokens_an_address_waits_and_no_other_does(opened: Opener, url: str | None) -> None:
    process = opened(url)

    for _ in range(3):
        assert not await is_blocked(process, "192.0.2.1")
        await process.refused_login("192.0.2.1")

    assert await is_blocked(process, "192.0.2.1")
    assert not any([await is_blocked(process, other) for other in ("192.0.2.2", "192.0.2.11", "2001:db8::1")])


async def test_the_wait_of_an_address_ends(opened: Opener, url: str | None, passing: Passing) -> None:
    process = opened(url)
    for _ in range(3):
        await process.refused_login("192.0.2.1")
    with pytest.raises(TooManyRequests) as refused:
        await process.require_login("192.0.2.1")

    assert refused.value.retry_after is not None
    assert 1 <= refused.value.retry_after <= 3600
    passing(refused.value.retry_after)

    assert not await is_blocked(process, "192.0.2.1")


SAME = [
    ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
    ("2001:db8:1:2::1", "2001:DB8:1:2:0:0:0:1"),
    ("192.0.2.1", "::ffff:192.0.2.1"),
    ("::ffff:192.0.2.1", "::ffff:c000:201"),
    ("fe80::1%eth0", "fe80::2%eth1"),
    ("testclient", "<script>"),
]
OTHERS = [
    ("2001:db8:1:2::1", "2001:db8:1:3::1"),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2"),
    ("192.0.2.1", "::192.0.2.1"),
    ("testclient", "192.0.2.1"),
]


@pytest.mark.parametrize(
    ("address", "other", "same"), [(*two, True) for two in SAME] + [(*two, False) for two in OTHERS]
)
async def test_an_address_is_one_of_ipv4_or_a_64_of_ipv6_however_it_is_written(
    opened: Opener, address: str, other: str, same: bool
) -> None:
    process = opened()

    for _ in range(3):
        await process.refused_login(address)

    assert await is_blocked(process, other) == same


async def test_without_an_address_nobody_waits(opened: Opener, url: str | None) -> None:
    process = opened(url)

    for _ in range(10):
        await process.refused_login(None)

    assert not await is_blocked(process, None)
    assert not await is_blocked(process, "unknown")


async def test_two_processes_count_an_addresses_refused_tokens_together_in_redis(
    opened: Opener, url: str | None, place: str
) -> None:
    one, other = opened(url), opened(url)

    for _ in range(3):
        await one.refused_login("192.0.2.1")

    assert await is_blocked(other, "192.0.2.1") == (place == "redis")


def session(subject: str, *, expires_in: int = 300, secret: str = JWT_SECRET, audience: str = AUDIENCE) -> str:
    """A JWT, by default one that is accepted."""
    claims = {"iss": ISSUER, "aud": audience, "sub": subject, "exp": int(time.time()) + expires_in}
    return jwt.encode(claims, secret, "HS256")


BAD = ["nonsense", "todo_" + "x" * 43, "a.b.c"]


@pytest.mark.requirement("OP5", "ID7")
async def test_an_address_with_too_many_wrong_tokens_is_told_so_for_wrong_ones_and_a_good_one_passes(
    another_core: CoreOpener, ann: Caller
) -> None:
    async with another_core(login_limit="3/hour") as core:
        for bad in BAD:
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(bad, "192.0.2.1")

        for bad in BAD:
            with pytest.raises(TooManyRequests):
                await core.identity.authenticate(bad, "192.0.2.1")

        with pytest.raises(Unauthenticated):
            await core.identity.authenticate("nonsense", "192.0.2.2")
        for good in (session("nobody"), await token_of(ann)):
            assert (await core.identity.authenticate(good, "192.0.2.1")).user_id


@pytest.mark.requirement("OP5", "ID7")
async def test_genuine_tokens_that_have_ended_are_refused_and_not_counted(
    another_core: CoreOpener, ann: Caller, admin: asyncpg.Connection
) -> None:
    """Sixty ordinary expiries a minute behind one address are no attack."""
    revoked, expired = await token_of(ann), await token_of(ann)
    await admin.execute("UPDATE api_tokens SET revoked_at = now() WHERE hash = $1", digest(revoked))
    await admin.execute("UPDATE api_tokens SET expires_at = now() WHERE hash = $1", digest(expired))
    ended = session("nobody", expires_in=-3600)
    async with another_core(login_limit="3/hour") as core:
        for token in (revoked, expired, ended) * 4:
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(token, "192.0.2.1")

        for bad in BAD:
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(bad, "192.0.2.1")
        with pytest.raises(TooManyRequests):
            await core.identity.authenticate("nonsense", "192.0.2.1")
        for token in (revoked, expired, ended):
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(token, "192.0.2.1")


@pytest.mark.requirement("OP5", "ID7")
async def test_what_only_looks_expired_is_counted(another_core: CoreOpener) -> None:
    """Whoever cannot sign gets no free tries by an old `exp`; an unknown API token is a guess."""
    forged = session("nobody", expires_in=-3600, secret="x" * 40)
    meant_for_another = session("nobody", expires_in=-3600, audience="https://another.example.test")
    async with another_core(login_limit="3/hour") as core:
        for token in (forged, generate(), meant_for_another):
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(token, "192.0.2.1")

        for token in (forged, generate(), meant_for_another):
            with pytest.raises(TooManyRequests):
                await core.identity.authenticate(token, "192.0.2.1")


@pytest.mark.requirement("OP5", "ID7")
async def test_accepted_tokens_and_missing_ones_are_not_counted(another_core: CoreOpener) -> None:
    async with another_core(login_limit="3/hour") as core:
        for number in range(10):
            await core.identity.authenticate(session(f"user-{number}-{uuid4().hex}"), "192.0.2.1")
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(None, "192.0.2.1")

        assert await core.identity.authenticate(session("one more"), "192.0.2.1")


@pytest.mark.requirement("OP5", "ID7")
async def test_callers_without_an_address_such_as_a_terminals_never_wait(another_core: CoreOpener) -> None:
    async with another_core(login_limit="3/hour") as core:
        for _ in range(10):
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate("nonsense")


WAIT_FOR_TOKENS = (
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%api_tokens.hash%'"
)
"""Look-ups alone: what writes when somebody was active asks for the token, too, and may wait for it."""


@pytest.mark.requirement("OP5", "OW6")
async def test_a_wrong_token_that_comes_again_is_not_looked_up(
    fresh_database_url: str, another_core: CoreOpener
) -> None:
    async with connected(fresh_database_url) as admin, another_core(fresh_database_url) as core:
        me = Caller(core, await core.identity.local("ann"), "test")
        unknown, revoked = generate(), await token_of(me)
        await admin.execute("UPDATE api_tokens SET revoked_at = now()")
        for token in (unknown, revoked):
            with pytest.raises(Unauthenticated):
                await core.identity.authenticate(token, "192.0.2.1")

        async with admin.transaction():
            await admin.execute("LOCK TABLE api_tokens")  # whoever asks waits
            with anyio.fail_after(10):
                for token in (unknown, revoked):
                    with pytest.raises(Unauthenticated):
                        await core.identity.authenticate(token, "192.0.2.2")


@pytest.mark.requirement("OP5", "OW6")
async def test_an_address_with_too_many_wrong_tokens_looks_up_one_new_one_at_a_time(
    fresh_database_url: str, another_core: CoreOpener
) -> None:
    """However many it makes up: each has the right checksum. Good ones pass in their turn, known ones at once."""
    told: list[str] = []

    async def send(token: str, address: str) -> None:
        try:
            await core.identity.authenticate(token, address)
            told.append("passed")
        except (TooManyRequests, Unauthenticated) as refused:
            told.append(refused.code)

    async with (
        connected(fresh_database_url) as admin,
        connected(fresh_database_url) as watcher,  # within a transaction, statistics stand still
        another_core(fresh_database_url, login_limit="3/hour", rate_limit="off") as core,
    ):
        me = Caller(core, await core.identity.local("ann"), "test")
        known, new, elsewhere = [await token_of(me) for _ in range(3)]
        await send(known, "192.0.2.1")
        for _ in range(3):
            await send(generate(), "192.0.2.1")
        core.identity.forget(await core.identity.authenticate(known))  # as it is after a minute
        assert told == ["passed", *["unauthenticated"] * 3]

        told.clear()
        async with anyio.create_task_group() as tasks, admin.transaction():
            await admin.execute("LOCK TABLE api_tokens")
            for token in (*[generate() for _ in range(WAITING - 1)], new, *[generate() for _ in range(9)]):
                tasks.start_soon(send, token, "192.0.2.1")
            await until(watcher, f"SELECT ({WAIT_FOR_TOKENS}) = 1")
            await anyio.wait_all_tasks_blocked()
            assert told == ["rate_limited"] * 8  # those for which no turn is left
            tasks.start_soon(send, known, "192.0.2.1")
            tasks.start_soon(send, elsewhere, "192.0.2.2")
            await until(watcher, f"SELECT ({WAIT_FOR_TOKENS}) = 3")
    assert sorted(told) == ["passed"] * 3 + ["rate_limited"] * (8 + WAITING)


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "amount", "window"),
    [("1200/minute", 1200, 60), ("50/second", 50, 1), ("100 per 2 hours", 100, 7200), ("60/day", 60, 86400)],
)
def test_a_limit_is_a_number_in_a_time(text: str, amount: int, window: int) -> None:
    found = parse_limit(text)

    assert found is not None
    assert (found.amount, found.get_expiry()) == (amount, window)


@pytest.mark.parametrize(
    "text",
    ["", "100", "minute", "1e3/minute", "-100/minute", "100/fortnight", "Off", "100/minute;5/second"],
)
@pytest.mark.parametrize("name", ["rate_limit", "login_limit", "address_limit"])
def test_whatever_else_is_named_in_a_sentence(name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^TODO_{name.upper()} must be a limit such as 1200/minute, or off$"):
        Settings.load(**{name: text})


def test_a_limit_that_the_largest_batch_could_never_pass_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"^TODO_RATE_LIMIT must be at least 50$"):
        Settings.load(rate_limit="49/minute")
    with pytest.raises(ConfigurationError, match=r"^TODO_LOGIN_LIMIT must be at least 1$"):
        Settings.load(login_limit="0/minute")

    assert Settings.load(rate_limit="50/minute", login_limit="1/minute")


@pytest.mark.parametrize(
    "url",
    ["redis://localhost", "redis://:s3cret@cache/0", "rediss://cache.example.test", "redis://[::1]:6379", "unix:///s"],
)
async def test_a_redis_url_may_leave_out_the_port(opened: Opener, url: str) -> None:
    assert isinstance(opened(url), Limits)


@pytest.mark.parametrize("url", ["redis://:s3cret@cache:port/0", "redis://:s3cret@cache:99999", "http://:s3cret@cache"])
async def test_a_redis_url_that_is_none_is_told_at_the_start_without_its_password(opened: Opener, url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^TODO_REDIS_URL ") as refused:
        opened(url)

    assert "s3cret" not in f"{refused.value}{refused.value.__cause__}{refused.value.__context__}"


# --- Redis does not answer ---------------------------------------------------------------------


@contextmanager
def nowhere(kind: str) -> Iterator[str]:
    """Where nobody listens, and nobody can begin to."""
    if kind == "unix":
        yield "unix://:s3cret@/nowhere/redis.sock"
        return
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"redis://:s3cret@127.0.0.1:{taken.getsockname()[1]}/0"


@pytest.mark.parametrize("kind", ["tcp", "unix"])
async def test_without_its_redis_from_the_start_a_process_counts_by_itself(
    opened: Opener, kind: Literal["tcp", "unix"]
) -> None:
    clock = Clock()
    with nowhere(kind) as url:
        process = opened(url, clock)

        with capture_logs() as logs, anyio.fail_after(ALL_AT_ONCE):
            assert await at_once(MANY, process) == 100
        with capture_logs() as later:
            for _ in range(3):
                clock.now += counters.REDIS_PAUSE
                assert not await spends(process)

    assert of_redis(logs) == ["redis_failed"]
    assert not [secret for secret in ("s3cret", "127.0.0.1", "nowhere", "://") if secret in str(logs)]
    assert later == []


async def test_a_redis_that_is_killed_costs_no_request_and_is_asked_again_when_it_is_back(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)  # what is dead refuses at once
    clock = Clock()
    process = opened(redis_server.url, clock)
    assert await at_once(30, process) == 30

    redis_server.kill()
    with capture_logs() as logs, anyio.fail_after(ALL_AT_ONCE):
        assert await at_once(MANY, process) == 100  # by itself: what Redis knew is lost
    redis_server.socket.unlink(missing_ok=True)
    redis_server.start()
    with capture_logs() as logs_of_return:
        assert not await spends(process)
        assert redis_server.calls() == 0
        clock.now += counters.REDIS_PAUSE
        assert (await budget_of(process)).remaining == 99
        assert (await budget_of(process)).remaining == 98

    assert (of_redis(logs), of_redis(logs_of_return)) == (["redis_failed"], ["redis_back"])
    assert redis_server.ask("KEYS", "*user/1/*") != []


async def test_a_redis_that_hangs_holds_nobody_up_and_is_asked_again_when_it_goes_on(
    opened: Opener, redis_server: RedisServer
) -> None:
    clock = Clock()
    process = opened(redis_server.url, clock)
    await until_counted(process, clock, user=8)
    asked = redis_server.calls()

    redis_server.hang()
    try:
        with capture_logs() as logs:
            with anyio.fail_after(ALL_AT_ONCE):
                assert await at_once(MANY, process) == 100
            for _ in range(50):
                assert await at_once(10, process, user=BOB) in (10, 0)
    finally:
        redis_server.go_on()

    # Those that found out by themselves asked it something, and nobody after them.
    assert redis_server.calls() - asked <= counters.REDIS_CONNECTIONS
    with capture_logs() as logs_of_return:
        await until_counted(process, clock, user=3)
    assert of_redis(logs) == ["redis_failed"]
    assert of_redis(logs_of_return)[0] == "redis_back"


async def test_while_redis_hangs_an_address_is_counted_and_blocked_here(
    opened: Opener, redis_server: RedisServer
) -> None:
    process = opened(redis_server.url, Clock())

    redis_server.hang()
    try:
        for _ in range(3):
            assert not await is_blocked(process, "192.0.2.1")
            await process.refused_login("192.0.2.1")
        assert await is_blocked(process, "192.0.2.1")
    finally:
        redis_server.go_on()


@asynccontextmanager
async def listening(
    take: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Something in the place of Redis; its URL."""
    tasks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await take(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


@dataclass
class Deaf:
    """Takes connections and answers nothing."""

    peers: list[Any] = field(default_factory=list)
    """Where those come from that it has taken."""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(writer.get_extra_info("peername"))
        while await reader.read(65536):
            pass

    async def taken(self, url: str) -> int:
        """How many connections were made since this was last asked: it takes them in their order, and ours is last."""
        parts = urlsplit(url)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        with anyio.fail_after(10):
            while writer.get_extra_info("sockname") not in self.peers:
                await moment()
        writer.close()
        taken, self.peers = len(self.peers) - 1, []
        return taken


async def test_after_each_pause_one_request_asks_the_redis_that_hangs_and_no_other_does(opened: Opener) -> None:
    clock, deaf = Clock(), Deaf()
    async with listening(deaf.take) as url:
        process = opened(url, clock)
        assert await at_once(MANY, process) == 100
        assert await deaf.taken(url) <= counters.REDIS_CONNECTIONS

        for _ in range(3):
            clock.now += counters.REDIS_PAUSE - 0.001
            await at_once(50, process)
            assert await deaf.taken(url) == 0
            clock.now += 0.002
            await at_once(50, process)
            assert await deaf.taken(url) == 1


async def test_a_redis_that_hangs_costs_its_first_request_no_more_than_its_timeout(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", 0.5)
    took = [float("inf")]
    async with listening(Deaf().take) as url:
        while len(took) < 5 and min(took) >= 0.9:  # of several, because the machine may be busy
            process = opened(url, Clock())
            began = time.perf_counter()
            assert await spends(process)
            took.append(time.perf_counter() - began)

    assert min(took) < 0.9, took  # once, and not once to connect and once to ask


@dataclass
class Slow:
    """The way to a Redis over which each answer takes so long."""

    server: RedisServer
    seconds: float

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, questions = await asyncio.open_unix_connection(str(self.server.socket))

        async def answer() -> None:
            while data := await answers.read(65536):
                await asyncio.sleep(self.seconds)
                writer.write(data)

        task = asyncio.create_task(answer())
        try:
            while data := await reader.read(65536):
                questions.write(data)
        finally:
            task.cancel()
            questions.close()


@pytest.mark.parametrize("seconds", [0.03, 0.05, 0.07])
async def test_a_redis_that_is_slow_holds_nobody_up_either(
    opened: Opener, redis_server: RedisServer, seconds: float
) -> None:
    async with listening(Slow(redis_server, seconds).take) as url:
        process = opened(url)
        took = []
        for user in range(3):
            began = time.perf_counter()
            await at_once(2 * MANY, process, user=user)
            took.append(time.perf_counter() - began)
        await process.aclose()

    assert max(took) <= ALL_AT_ONCE, took


async def test_all_answers_that_a_request_needs_together_have_the_time_of_one(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them comes in time."""
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", 0.5)
    async with listening(Slow(redis_server, 0.3).take) as url:
        process = opened(url)
        with capture_logs() as logs:
            assert await spends(process)
        await process.aclose()

    assert of_redis(logs) == ["redis_failed"]


@pytest.mark.parametrize("command", [["CONFIG", "SET", "maxmemory", "1"], ["REPLICAOF", "127.0.0.1", "1"]])
async def test_a_redis_that_refuses_to_write_fails_like_one_that_is_down(
    opened: Opener, redis_server: RedisServer, command: list[str]
) -> None:
    clock = Clock()
    process = opened(redis_server.url, clock)
    redis_server.ask(*command)

    with capture_logs() as logs:
        assert await at_once(MANY, process) == 100

    assert of_redis(logs) == ["redis_failed"]


@pytest.mark.parametrize("command", [["SCRIPT", "FLUSH"], ["FLUSHALL"], ["CLIENT", "KILL", "TYPE", "normal"]])
async def test_a_redis_that_forgets_scripts_counts_or_connections_goes_on(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    process = opened(redis_server.url, Clock())
    assert await at_once(MANY, process) == 100
    redis_server.ask(*command)
    for _ in range(10):  # the ends of connections are on their way
        await anyio.lowlevel.checkpoint()

    with capture_logs() as logs:
        assert await at_once(MANY, process, user=BOB) == 100

    assert of_redis(logs) == []


@pytest.mark.parametrize("over_tcp", [False, True], ids=["unix", "tcp"])
async def test_a_password_opens_redis_and_a_wrong_one_is_in_no_log(
    opened: Opener,
    over_tcp: bool,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    caplog.set_level(logging.DEBUG)
    with running_redis(over_tcp=over_tcp, password="s3cret") as server:
        assert await spends(opened(server.url))
        assert server.calls() > 0

        with capture_logs() as logs:
            assert await at_once(MANY, opened(server.url.replace("s3cret", "wr0ng"))) == 100

    assert [set(line) for line in logs] == [{"event", "log_level", "error"}]
    assert of_redis(logs) == ["redis_failed"]
    written = f"{logs}{caplog.text}{capfd.readouterr()}"
    assert not [secret for secret in ("s3cret", "wr0ng", "127.0.0.1", ".sock", "://") if secret in written]


# --- connections -------------------------------------------------------------------------------


async def until_clients(server: RedisServer, most: int) -> None:
    """Wait until Redis has noticed which connections were closed."""
    with anyio.fail_after(10):
        while server.clients() > most:
            await moment()


async def test_300_requests_at_once_need_no_more_than_16_connections_and_leave_none(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    process = opened(redis_server.url)

    for user in range(3):
        assert await at_once(MANY, process, user=user) == 100
        assert 1 <= redis_server.clients() <= counters.REDIS_CONNECTIONS

    await process.aclose()
    await until_clients(redis_server, 0)


async def test_a_redis_that_hangs_again_and_again_is_left_with_no_connections(
    opened: Opener, redis_server: RedisServer
) -> None:
    clock = Clock()
    process = opened(redis_server.url, clock)

    for user in range(5):
        redis_server.hang()
        try:
            await at_once(MANY, process, user=user)
        finally:
            redis_server.go_on()
        clock.now += counters.REDIS_PAUSE
        await spends(process)

    await until_clients(redis_server, counters.REDIS_CONNECTIONS)


async def test_limits_end_at_once_while_redis_hangs(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    process = opened(redis_server.url)
    await at_once(MANY, process)
    assert redis_server.clients() > 0

    redis_server.hang()
    began = time.monotonic()
    try:
        await process.aclose()
    finally:
        ended = time.monotonic()
        redis_server.go_on()

    assert ended - began < ALL_AT_ONCE
    await until_clients(redis_server, 0)


async def test_a_request_that_is_cancelled_in_mid_call_spoils_no_answer_of_the_next(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    process = opened(redis_server.url)
    assert await at_once(60, process) == 60  # sixteen connections that are open

    redis_server.hang()
    try:
        cancelled = [asyncio.create_task(spends(process)) for _ in range(16)]
        done, waiting = await asyncio.wait(cancelled, timeout=0.1)
        assert (len(done), len(waiting)) == (0, 16)
        for task in cancelled:
            task.cancel()
        await asyncio.wait(cancelled)
    finally:
        redis_server.go_on()

    with capture_logs() as logs:
        assert await at_once(MANY, process, user=BOB) == 100
        assert [(await budget_of(process, user=3)).remaining for _ in range(40)] == [*range(99, 59, -1)]
    assert logs == []
    await until_clients(redis_server, counters.REDIS_CONNECTIONS)


async def test_requests_that_are_cancelled_at_any_moment_leave_the_count_right(
    opened: Opener, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counters, "REDIS_TIMEOUT", PATIENCE)
    process = opened(redis_server.url)
    answered, cancelled = 0, 0

    for moments in range(120):
        task = asyncio.create_task(spends(process, user=moments % 2))
        for _ in range(moments % 40):
            await anyio.lowlevel.checkpoint()
        task.cancel()
        await asyncio.wait([task])
        cancelled += task.cancelled()
        answered += not task.cancelled()

    counted = sum([99 - (await budget_of(process, user)).remaining for user in (0, 1)])
    assert cancelled > 0
    assert answered <= counted <= answered + cancelled
    with capture_logs() as logs:
        assert await at_once(MANY, process, user=8) == 100
        assert [(await budget_of(process, user=9)).remaining for _ in range(20)] == [*range(99, 79, -1)]
    assert logs == []
    await until_clients(redis_server, counters.REDIS_CONNECTIONS)
