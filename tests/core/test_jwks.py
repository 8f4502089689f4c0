"""The keys of an issuer on the network, whose server may be slow, broken, hostile or gone."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import cache
from typing import Any

import anyio
import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as some
from structlog.testing import capture_logs

from tests.keys import (
    MAKERS,
    Answer,
    Gate,
    KeyServer,
    Pair,
    base64url,
    chunked,
    ec_pair,
    ed448_pair,
    ed_pair,
    hang_up,
    key_set,
    number,
    page,
    raw,
    rsa_pair,
    rsa_with_exponent_one,
    secret_pair,
    silence,
    without_length,
    x25519_pair,
)
from tests.pauses import moment
from tests.support import MovableClock
from tests.tables import each
from todo_core.core import utc_now
from todo_core.errors import Unavailable
from todo_core.identity.issuers import better_auth
from todo_core.identity.jwks import (
    COOLDOWN,
    FRESH,
    KEPT,
    MAX_BYTES,
    TIMEOUT,
    NoSuchKeyError,
    RemoteKeys,
    usable_keys,
)
from todo_core.identity.jwts import Verifier

pytestmark = pytest.mark.requirement("ID1")

OLD, NEW = ed_pair("old"), ed_pair("new")
DOCUMENT = key_set(OLD)
HOUR = 3600


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
async def server() -> AsyncIterator[KeyServer]:
    """An issuer's server, with one key."""
    async with KeyServer().running() as found:
        found.pages["/jwks"] = page(DOCUMENT)
        yield found


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


KeysOpener = Callable[..., RemoteKeys]


@pytest.fixture
async def opened(server: KeyServer, clock: MovableClock) -> AsyncIterator[KeysOpener]:
    """Opens what a process knows of the server's keys: at first nothing."""
    async with AsyncExitStack() as stack:

        def make(url: str | None = None, timeout: float = 60) -> RemoteKeys:
            keys = RemoteKeys(url or server.url(), clock, timeout=timeout)
            stack.push_async_callback(keys.close)
            return keys

        yield make


@pytest.fixture
async def keys(opened: KeysOpener) -> RemoteKeys:
    """What a process knows that just began."""
    return opened()


async def finds(keys: RemoteKeys, pair: Pair) -> bool:
    """Whether a token of that key can be checked; says so at once, whatever the server does."""
    with anyio.fail_after(10):
        try:
            return bool(await keys.find(pair.kid, pair.alg) == pair.public)
        except NoSuchKeyError:
            return False


async def until(condition: Callable[[], bool]) -> None:
    """Let everything else go on until the condition holds."""
    with anyio.fail_after(10):
        while not condition():
            await moment()


def told(logs: list[Any], event: str) -> int:
    return sum(entry["event"] == event for entry in logs)


# --- which key -----------------------------------------------------------------------------------


async def test_a_key_is_found_by_its_id_and_kind_and_without_an_id_if_it_is_the_only_one(
    keys: RemoteKeys, server: KeyServer
) -> None:
    of_rsa, one, other = rsa("rsa"), ec_pair("one"), ec_pair("other")
    server.pages["/jwks"] = page(key_set(of_rsa, one, other, OLD))

    for pair in (of_rsa, one, other, OLD):
        assert await finds(keys, pair)
    assert await keys.find(None, "RS256") == of_rsa.public
    assert await keys.find(None, "EdDSA") == OLD.public
    for kid, algorithm in ((None, "ES256"), ("rsa", "ES256"), ("one", "RS256"), ("ONE", "ES256"), ("", "EdDSA")):
        with pytest.raises(NoSuchKeyError):
            await keys.find(kid, algorithm)
    assert server.asked == 1


_RSA = rsa_pair("k")
"""One for all rows, for it takes a tenth of a second to make."""


def rsa(kid: str = "k", **more: Any) -> Pair:
    """The one RSA key, published otherwise."""
    return replace(_RSA, kid=kid, jwk=_RSA.jwk | {"kid": kid} | more)


_MAKERS = MAKERS | {"RS256": rsa}
USABLE: dict[str, Pair] = {
    "of 2048 bits": rsa(),
    "on P-256": ec_pair("k"),
    "on Ed25519": ed_pair("k"),
    "for signatures": rsa(use="sig", key_ops=["verify"], alg="RS256"),
    "for signatures, as one of several uses": ec_pair("k", key_ops=["verify", "encrypt"]),
    "with what nobody knows": ed_pair("k", x5t="AAAA", x5c=["AAAA"], more={"a": 1}),
    "with an id of 256 characters": ed_pair("k" * 256),
}


@pytest.mark.parametrize("pair", USABLE.values(), ids=USABLE)
def test_a_usable_key_is_used(pair: Pair) -> None:
    (key,) = usable_keys(key_set(pair))

    assert (key.kid, key.algorithm, key.material) == (pair.kid, pair.alg, pair.public)


def with_private_half(pair: Pair) -> dict[str, Any]:
    """The key as its owner has it, that nobody should publish."""
    if pair.alg == "EdDSA":
        return pair.jwk | {"d": base64url(pair.private.private_bytes_raw())}
    numbers = pair.private.private_numbers()
    if pair.alg == "ES256":
        return pair.jwk | {"d": number(numbers.private_value, 32)}
    names = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
    return pair.jwk | {name: number(value) for name, value in names.items()}


UNUSABLE: dict[str, Any] = {
    "of 1024 bits": rsa_pair("k", 1024),
    "of 2047 bits": rsa_pair("k", 2047),
    "with exponent one": rsa_with_exponent_one("k"),
    "on P-384": ec_pair("k", ec.SECP384R1()),
    "on P-521": ec_pair("k", ec.SECP521R1()),
    "on secp256k1": ec_pair("k", ec.SECP256K1()),
    "on Ed448": ed448_pair("k"),
    "on X25519": x25519_pair("k"),
    "a secret": secret_pair(b"a-secret-that-somebody-has-published!!", "k"),
    **{f"{alg} for encryption": make("k", use="enc") for alg, make in _MAKERS.items()},
    **{f"{alg} of an unknown use": make("k", use="x") for alg, make in _MAKERS.items()},
    **{f"{alg} to wrap keys": make("k", key_ops=["wrapKey", "encrypt"]) for alg, make in _MAKERS.items()},
    **{f"{alg} for nothing": make("k", key_ops=[]) for alg, make in _MAKERS.items()},
    **{f"{alg} with its private half": with_private_half(make("k")) for alg, make in _MAKERS.items()},
    **{f"with operations of {ops!r}": ec_pair("k", key_ops=ops) for ops in ("verify", 5, None, {"verify": 1})},
    "RS512": rsa(alg="RS512"),
    "RSA for encryption, by its algorithm": rsa(alg="RSA-OAEP"),
    "HS256 by its own word": rsa(alg="HS256"),
    "ES256 by its own word": rsa(alg="ES256"),
    "a number as id": ed_pair(7),  # type: ignore[arg-type]
    "null as id": ed_pair(None),  # type: ignore[arg-type]
    "a list as id": ed_pair(["k"]),  # type: ignore[arg-type]
    "off the curve": ec_pair("k", x="A" * 43),
    "P-256 in another case": ec_pair("k", crv="p-256"),
    "a number as x": ec_pair("k", x=1),
    "no y": {name: value for name, value in ec_pair("k").jwk.items() if name != "y"},
    "no e": {name: value for name, value in _RSA.jwk.items() if name != "e"},
    "an even e": rsa(e="Ag"),
    "an empty n": rsa(n=""),
    "31 bytes of Ed25519": ed_pair("k", x="A" * 42),
    "no base64": ed_pair("k", x="!" * 43),
    "a list of kinds": ed_pair("k", kty=["OKP"]),
    "an unknown kind": {"kty": "AKP", "kid": "k", "alg": "ML-DSA-44", "pub": "AAAA"},
    "no kind": {"kid": "k"},
    "null": None,
    "text": "k",
    "a list": [1],
}


@each("one", UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_key_is_never_used_and_spoils_no_other(one: Any) -> None:
    assert [key.kid for key in usable_keys(key_set(one, OLD))] == ["old"]


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param((ed_pair("k"), ed_pair("k")), id="two of a kind"),
        pytest.param((ed_pair("k"), ec_pair("k")), id="two kinds"),
        pytest.param((ed_pair("k"), ed_pair("k", use="enc")), id="one that is for something else"),
        pytest.param((ed_pair("k"), {"kid": "k"}), id="one that is no key"),
        pytest.param((OLD, ed_pair("k"), ed_pair("k"), ed_pair("k")), id="three"),
    ],
)
def test_an_id_that_occurs_twice_names_no_key(pairs: tuple[Any, ...]) -> None:
    assert "k" not in [key.kid for key in usable_keys(key_set(*pairs, NEW))]


_ANY_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=5),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_KINDS = some.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "P-521", "Ed25519", "sig", "verify", "RS256", "AQAB"])
_MEMBERS = ["kty", "kid", "use", "key_ops", "alg", "crv", "x", "y", "n", "e", "d", "k", "oth", "x5c"]


@settings(deadline=None)  # a busy machine is no defect
@given(some.lists(_ANY_JSON | some.dictionaries(some.sampled_from(_MEMBERS), _KINDS | _ANY_JSON), max_size=3))
def test_whatever_stands_in_a_key_set_the_good_key_is_found(listed: list[Any]) -> None:
    document = key_set(*listed, NEW)
    if b'"new"' in json.dumps(listed).encode():
        return

    assert "new" in [key.kid for key in usable_keys(document)]


# --- how often -----------------------------------------------------------------------------------


async def test_five_hundred_requests_to_a_process_that_just_began_fetch_once(
    keys: RemoteKeys, server: KeyServer
) -> None:
    gate = server.pages["/jwks"] = Gate(page(DOCUMENT))
    found: list[bool] = []

    async def ask() -> None:
        found.append(await finds(keys, OLD))

    async with anyio.create_task_group() as tasks:
        for _ in range(500):
            tasks.start_soon(ask)
        await gate.reached()
        gate.opened.set()

    assert found == [True] * 500
    assert server.asked == server.connections == 1


async def test_five_hundred_requests_that_find_nobody_there_ask_once_and_are_all_told(
    keys: RemoteKeys, server: KeyServer
) -> None:
    gate = server.pages["/jwks"] = Gate(page(b"", 500))
    refused: list[Unavailable] = []

    async def ask() -> None:
        try:
            await keys.find("old", "EdDSA")
        except Unavailable as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(500):
            tasks.start_soon(ask)
        await gate.reached()
        gate.opened.set()

    assert len(refused) == 500
    assert server.asked == 1
    assert all(error.status == 503 and error.retry_after for error in refused)


async def test_keys_are_fresh_for_five_minutes_and_then_fetched_once_behind_the_requests_back(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    assert FRESH == 300
    assert await finds(keys, OLD)
    tasks_before = asyncio.all_tasks()
    for _ in range(10):
        clock.move(FRESH / 10)
        assert await finds(keys, OLD)
        assert asyncio.all_tasks() <= tasks_before
    assert server.asked == 1

    gate = server.pages["/jwks"] = Gate(page(key_set(OLD, NEW)))
    clock.move(1)
    async with anyio.create_task_group() as tasks:
        for _ in range(500):
            tasks.start_soon(finds, keys, OLD)
    await gate.reached()
    assert await finds(keys, OLD)
    assert server.asked == 2

    gate.opened.set()
    await until(lambda: told(logs, "jwks_fetched") == 2)
    assert await finds(keys, NEW)
    assert server.asked == 2


async def test_five_hundred_unknown_ids_cost_one_fetch_in_ten_seconds(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    async def ask(kid: str) -> None:
        with pytest.raises(NoSuchKeyError):
            await keys.find(kid, "EdDSA")

    async def flood() -> None:
        async with anyio.create_task_group() as tasks:
            for index in range(500):
                tasks.start_soon(ask, f"unknown-{index}")

    assert await finds(keys, OLD)
    clock.move(COOLDOWN)
    await flood()
    assert server.asked == 2

    await flood()
    clock.move(COOLDOWN - 0.1)
    await flood()
    assert server.asked == 2
    assert await finds(keys, OLD)


async def test_a_minute_of_unknown_ids_costs_six_fetches(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    assert await finds(keys, OLD)
    for second in range(60):
        clock.move(1)
        for index in range(10):
            assert not await finds(keys, ed_pair(f"unknown-{second}-{index}"))

    assert server.asked == 1 + 6


async def test_a_minute_of_unknown_ids_while_the_server_is_down_costs_no_more(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    assert await finds(keys, OLD)
    server.pages["/jwks"] = hang_up
    for second in range(60):
        clock.move(1)
        assert not await finds(keys, ed_pair(f"unknown-{second}"))
        assert await finds(keys, OLD)

    assert server.asked == 1 + 6


async def test_requests_without_any_key_cost_one_fetch_a_second(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    server.pages["/jwks"] = hang_up
    for _ in range(20):
        clock.move(1)
        for _ in range(10):
            with pytest.raises(Unavailable):
                await keys.find("old", "EdDSA")

    assert server.asked == 20


# --- rotation ------------------------------------------------------------------------------------


async def test_a_new_key_is_seen_within_ten_seconds(keys: RemoteKeys, server: KeyServer, clock: MovableClock) -> None:
    assert await finds(keys, OLD)
    server.pages["/jwks"] = page(key_set(OLD, NEW))
    clock.move(10)

    assert await finds(keys, NEW)
    assert await finds(keys, OLD)
    assert server.asked == 2


async def test_a_new_key_is_seen_within_ten_seconds_of_a_flood_of_unknown_ones(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    assert await finds(keys, OLD)
    clock.move(HOUR / 20)
    assert not await finds(keys, NEW)
    server.pages["/jwks"] = page(key_set(NEW))
    for _ in range(9):
        clock.move(1)
        assert not await finds(keys, ed_pair("unknown"))
    clock.move(1)

    assert await finds(keys, NEW)


async def test_a_removed_key_is_refused_after_the_next_fetch(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    assert await finds(keys, OLD)
    server.pages["/jwks"] = page(key_set(NEW))
    clock.move(FRESH + 1)
    assert await finds(keys, OLD)
    await until(lambda: told(logs, "jwks_fetched") == 2)

    assert not await finds(keys, OLD)
    assert await finds(keys, NEW)


async def test_a_key_that_is_replaced_under_its_id_is_the_new_one(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    assert await finds(keys, OLD)
    replaced = ed_pair("old")
    server.pages["/jwks"] = page(key_set(replaced))
    clock.move(FRESH + 1)
    await finds(keys, OLD)
    await until(lambda: told(logs, "jwks_fetched") == 2)

    assert await finds(keys, replaced)
    assert not await finds(keys, OLD)


# --- outages -------------------------------------------------------------------------------------

BIG = 2 * MAX_BYTES
BOMB = 64 * 2**20


def with_blanks(size: int) -> bytes:
    """A good key set of that many bytes."""
    return DOCUMENT.ljust(size)


async def _drip(writer: asyncio.StreamWriter) -> None:
    """A good key set, a byte at a time, that never ends: no single byte is late."""
    await raw(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", DOCUMENT)(writer)
    while True:
        await raw(b" ")(writer)
        await anyio.lowlevel.checkpoint()


GZIPPED = {"content_encoding": "gzip"}


@cache
def bomb(layers: int) -> bytes:
    """A good key set with many blanks, packed so many times."""
    return gzip.compress(bomb(layers - 1), 1) if layers else with_blanks(BOMB)


def exploding(layers: int) -> Answer:
    """A bomb, made when it is asked for."""

    async def write(writer: asyncio.StreamWriter) -> None:
        await page(bomb(layers), content_encoding=", ".join(["gzip"] * layers))(writer)

    return write


FAULTS: dict[str, Answer] = {
    "no answer": hang_up,
    "half an answer": raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", DOCUMENT),
    "half a head": raw(b"HTTP/1.1 200"),
    "something else than HTTP": raw(b"220 mail.example.test ESMTP\r\n"),
    "500": page(DOCUMENT, 500),
    "503": page(DOCUMENT, 503),
    "404": page(DOCUMENT, 404),
    "401": page(DOCUMENT, 401),
    "201": page(DOCUMENT, 201),
    "304": page(b"", 304),
    **{f"{status}, a redirect": page(DOCUMENT, status, location="/other") for status in (301, 302, 303, 307, 308)},
    "nothing": page(b""),
    "HTML": page(b"<!doctype html><title>Sign in</title>", content_type="text/html"),
    "half a document": page(DOCUMENT[:-1]),
    "two documents": page(DOCUMENT * 2),
    "a byte that is not UTF-8": page(DOCUMENT.replace(b"old", b"old\xff")),
    "a byte order mark": page(b"\xef\xbb\xbf" + DOCUMENT),
    "a list": page(json.dumps([OLD.jwk]).encode()),
    "a key": page(json.dumps(OLD.jwk).encode()),
    "a string": page(json.dumps(DOCUMENT.decode()).encode()),
    "null": page(b"null"),
    "no keys in it": page(b'{"key": []}'),
    "keys of null": page(b'{"keys": null}'),
    "keys in an object": page(json.dumps({"keys": {"old": OLD.jwk}}).encode()),
    "keys in a string": page(json.dumps({"keys": json.dumps([OLD.jwk])}).encode()),
    "keys twice": page(DOCUMENT[:-1] + b', "keys": []}'),
    "NaN": page(DOCUMENT[:-1] + b', "x": NaN}'),
    "lists in lists": page(DOCUMENT[:-1] + b', "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "a hundred thousand digits": page(DOCUMENT[:-1] + b', "x": ' + b"9" * 60_000 + b"}"),
    "a thousand keys": page(key_set(*[{"kid": str(index)} for index in range(1000)], OLD)),
    "a byte too many": page(with_blanks(MAX_BYTES + 1)),
    "too much": page(with_blanks(BIG)),
    "too much, of unsaid length": without_length(with_blanks(BIG)),
    "too much, in pieces": chunked(*[with_blanks(BIG)[start : start + 1000] for start in range(0, BIG, 1000)]),
    "too much, packed": page(gzip.compress(with_blanks(BIG)), **GZIPPED),
    "a bomb": exploding(1),
    "a bomb in a bomb": exploding(2),
    "packed, but not really": page(DOCUMENT, **GZIPPED),
}
AN_ANSWER_FOR_EVER = {"silence": silence, "a byte at a time": _drip}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_faulty_answer_is_no_key_set_and_the_known_keys_stay(
    fault: Answer, opened: KeysOpener, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    keys = opened()
    server.pages["/other"] = page(DOCUMENT)
    assert await finds(keys, OLD)

    server.pages["/jwks"] = fault
    with anyio.fail_after(10), pytest.raises(Unavailable):
        await opened().find("old", "EdDSA")
    assert told(logs, "jwks_not_fetched") == 1

    clock.move(FRESH + 1)
    assert await finds(keys, OLD)
    await until(lambda: told(logs, "jwks_not_fetched") == 2)
    assert await finds(keys, OLD)
    assert not await finds(keys, NEW)
    assert server.requests == {"/jwks": 3}


@pytest.mark.parametrize("fault", AN_ANSWER_FOR_EVER.values(), ids=AN_ANSWER_FOR_EVER)
async def test_an_answer_that_does_not_end_is_given_up_in_time(
    fault: Answer, opened: KeysOpener, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    assert TIMEOUT <= 3
    keys = opened(timeout=0.2)
    server.pages["/jwks"] = fault
    with anyio.fail_after(20), pytest.raises(Unavailable):
        await keys.find("old", "EdDSA")
    assert [entry.get("error") for entry in logs] == ["TimeoutError"]

    keys._timeout = 60  # of a server that answers, a busy machine may need more time for it
    server.pages["/jwks"] = page(DOCUMENT)
    clock.move(1)
    assert await finds(keys, OLD)


@pytest.mark.parametrize("fault", AN_ANSWER_FOR_EVER.values(), ids=AN_ANSWER_FOR_EVER)
async def test_nobody_with_a_known_key_waits_for_an_answer(
    fault: Answer, keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    assert await finds(keys, OLD)
    server.pages["/jwks"] = fault
    clock.move(FRESH + 1)

    for _ in range(100):
        assert await finds(keys, OLD)
    await until(lambda: server.asked == 2)
    assert await finds(keys, OLD)


def test_a_server_has_three_seconds_unless_a_test_says_otherwise(clock: MovableClock) -> None:
    assert RemoteKeys("http://127.0.0.1:1/jwks", clock)._timeout == TIMEOUT <= 3


@pytest.mark.parametrize("answer", [page, without_length, lambda body: chunked(body[:9], body[9:])])
async def test_64_kib_are_not_too_much(answer: Callable[[bytes], Answer], keys: RemoteKeys, server: KeyServer) -> None:
    assert MAX_BYTES == 65_536
    server.pages["/jwks"] = answer(with_blanks(MAX_BYTES))

    assert await finds(keys, OLD)


@pytest.mark.parametrize("layers", [1, 2, 3])
async def test_a_bomb_takes_no_memory(layers: int, opened: KeysOpener, server: KeyServer) -> None:
    bomb(layers)
    server.pages["/jwks"] = exploding(layers)
    with pytest.raises(Unavailable):  # what is imported and made at the first time does not count
        await opened(server.url("/other")).find("old", "EdDSA")

    tracemalloc.start()
    try:
        with pytest.raises(Unavailable):
            await opened().find("old", "EdDSA")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 16 * MAX_BYTES


@pytest.mark.parametrize("fault", [hang_up, page(b"", 500), page(b"{}")], ids=["down", "500", "no key set"])
async def test_the_known_keys_serve_for_four_hours_and_then_nobody_is_called_a_liar(
    fault: Answer, keys: RemoteKeys, server: KeyServer, clock: MovableClock, logs: list[Any]
) -> None:
    assert KEPT == 4 * HOUR
    assert await finds(keys, OLD)
    server.pages["/jwks"] = fault

    for _ in range(8):
        clock.move(HOUR / 2)
        failed = told(logs, "jwks_not_fetched")
        assert await finds(keys, OLD)
        await until(lambda before=failed: told(logs, "jwks_not_fetched") > before)  # type: ignore[misc]
        assert await finds(keys, OLD)
    assert server.asked == 1 + 8

    clock.move(1)
    for kid in ("old", "new", None):
        with pytest.raises(Unavailable) as refused:
            await keys.find(kid, "EdDSA")
        assert refused.value.status == 503


async def test_after_an_outage_everything_is_as_before_within_a_second(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    server.pages["/jwks"] = hang_up
    with pytest.raises(Unavailable):
        await keys.find("old", "EdDSA")
    with pytest.raises(Unavailable):
        await keys.require()
    server.pages["/jwks"] = page(DOCUMENT)
    clock.move(1)
    await keys.require()
    assert await finds(keys, OLD)

    server.pages["/jwks"] = hang_up
    clock.move(KEPT + 1)
    with pytest.raises(Unavailable):
        await keys.find("old", "EdDSA")
    server.pages["/jwks"] = page(key_set(OLD, NEW))
    clock.move(1)
    assert await finds(keys, NEW)
    assert await finds(keys, OLD)


async def test_a_server_that_is_not_there_is_503_and_is_found_when_it_comes_back(
    opened: KeysOpener, clock: MovableClock
) -> None:
    server = KeyServer()
    async with server.running():
        pass
    keys = opened(server.url())
    with pytest.raises(Unavailable):
        await keys.find("old", "EdDSA")

    server.pages["/jwks"] = page(DOCUMENT)
    async with server.running():
        keys._url = server.url()  # the system gave it another port
        clock.move(1)
        assert await finds(keys, OLD)


# --- those who leave -----------------------------------------------------------------------------


async def test_a_request_that_is_given_up_takes_nobodys_fetch_away(keys: RemoteKeys, server: KeyServer) -> None:
    gate = server.pages["/jwks"] = Gate(page(DOCUMENT))
    first = asyncio.create_task(finds(keys, OLD))
    await gate.reached()
    others = [asyncio.create_task(finds(keys, OLD)) for _ in range(10)]
    await anyio.lowlevel.checkpoint()

    first.cancel()
    others[0].cancel()
    ended = await asyncio.gather(first, others[0], return_exceptions=True)
    gate.opened.set()

    assert [type(error) for error in ended] == [asyncio.CancelledError] * 2
    assert await asyncio.gather(*others[1:]) == [True] * 9
    assert server.asked == 1


async def test_a_request_for_a_new_key_that_is_given_up_takes_nobodys_fetch_away(
    keys: RemoteKeys, server: KeyServer, clock: MovableClock
) -> None:
    assert await finds(keys, OLD)
    clock.move(COOLDOWN)
    gate = server.pages["/jwks"] = Gate(page(key_set(NEW)))
    waiting = [asyncio.create_task(finds(keys, NEW)) for _ in range(10)]
    await gate.reached()

    waiting[0].cancel()
    (ended,) = await asyncio.gather(waiting[0], return_exceptions=True)
    gate.opened.set()

    assert type(ended) is asyncio.CancelledError
    assert await asyncio.gather(*waiting[1:]) == [True] * 9
    assert server.asked == 2


async def test_a_fetch_that_nobody_waits_for_any_more_is_of_use_to_the_next(
    keys: RemoteKeys, server: KeyServer, logs: list[Any]
) -> None:
    gate = server.pages["/jwks"] = Gate(page(DOCUMENT))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(finds, keys, OLD)
            await gate.reached()
            scope.cancel()
    gate.opened.set()
    await until(lambda: told(logs, "jwks_fetched") == 1)

    assert await finds(keys, OLD)
    assert server.asked == 1


async def test_closing_ends_a_fetch_that_is_running(keys: RemoteKeys, server: KeyServer) -> None:
    before = asyncio.all_tasks()
    gate = server.pages["/jwks"] = Gate(page(DOCUMENT))
    waiting = asyncio.create_task(finds(keys, OLD))
    await gate.reached()

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    with anyio.fail_after(20):
        await keys.close()
        await keys.close()

    serving = {task for task in asyncio.all_tasks() - before if "KeyServer" in repr(task)}
    assert asyncio.all_tasks() - before - serving == set()


async def test_the_log_says_that_and_not_what_went_wrong(
    opened: KeysOpener, server: KeyServer, logs: list[Any]
) -> None:
    server.pages["/jwks?secret=s3cret"] = page(b"<b>s3cret</b>")
    with pytest.raises(Unavailable) as refused:
        await opened(server.url("/jwks?secret=s3cret")).find("s3cret", "EdDSA")

    assert "s3cret" not in repr(logs)
    assert "s3cret" not in repr(refused.value.as_dict())
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("jwks_not_fetched", "warning")]


async def test_issuers_with_one_key_set_have_one_client_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Counted(httpx2.AsyncClient):
        def __init__(self, **options: Any) -> None:
            made.append(self)
            super().__init__(**options)

    monkeypatch.setattr(httpx2, "AsyncClient", Counted)
    verifier = Verifier(better_auth("https://app.example.test", "https://todo.example.test/mcp", frozenset()), utc_now)
    await verifier.close()

    assert [client.is_closed for client in made] == [True]
