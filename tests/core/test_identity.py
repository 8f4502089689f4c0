"""Who is calling: which JWTs are accepted, and what is said about the others."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import anyio
import asyncpg
import pytest
from structlog.testing import capture_logs

from tests.conftest import AUDIENCE, ISSUER, JWT_SECRET
from tests.core.conftest import SOMEBODY_WAITS_FOR_A_LOCK, CoreOpener, connected, on_the_wire, until
from todo_core.core import Core
from todo_core.errors import Unauthenticated, Unavailable
from todo_core.identity import LEEWAY, Identity
from todo_core.settings import LOCAL_ISSUER, Settings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 600
HEADER = {"alg": "HS256", "typ": "JWT"}
GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": SOON}


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def signed(claims: Any, header: Any = None, secret: str = JWT_SECRET, digest: str = "sha256") -> str:
    """A JWT; claims and header as values, or as the very bytes to sign."""
    body = f"{base64url(as_json(header or HEADER))}.{base64url(as_json(claims))}"
    return f"{body}.{base64url(hmac.digest(secret.encode(), body.encode(), digest))}"


def without(name: str) -> dict[str, Any]:
    return {claim: value for claim, value in GOOD.items() if claim != name}


def identity(core: Core, now: datetime = NOW, settings: Settings | None = None) -> Identity:
    """A process that remembers nobody, at a moment of our choice."""
    return Identity(settings or core.settings, core.database, lambda: now)


def other_last_character(token: str) -> str:
    """The same bytes in base64url, written differently: the unused bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


RAW = as_json(GOOD).decode()[:-1]
REFUSED = {
    # shape
    "no dots": ("not-a-token", "not a jwt"),
    "two parts": (signed(GOOD).rpartition(".")[0], "not a jwt"),
    "four parts": (signed(GOOD) + ".AAAA", "not a jwt"),
    "an empty signature": (signed(GOOD).rpartition(".")[0] + ".", "not a jwt"),
    "padding": (signed(GOOD) + "=", "not a jwt"),
    "a space": (signed(GOOD) + " ", "not a jwt"),
    "a line's end": (signed(GOOD) + "\n", "not a jwt"),
    "a lone surrogate": (signed(GOOD) + "\ud800", "not a jwt"),
    "a NUL": (signed(GOOD) + "\x00", "not a jwt"),
    "plain base64": ("+/+/" + signed(GOOD), "not a jwt"),
    "9 KiB": (signed(GOOD | {"more": "x" * 9216}), "too long"),
    "a megabyte": ("x" * 2**20, "too long"),
    "a segment of impossible length": ("AAAAA." + signed(GOOD).partition(".")[2], "not base64url"),
    "another spelling of the signature": (other_last_character(signed(GOOD)), "not canonical"),
    "a payload that is no JSON": (signed(b"{"), "not JSON"),
    "a payload that is not UTF-8": (signed(b'{"sub": "\xff"}'), "not JSON"),
    "a payload nested too deeply": (signed(b"[" * 4000), "deep|not JSON"),
    "a number too long to read": (signed(b'{"exp": ' + b"9" * 5000 + b"}"), "limit|not JSON"),
    "a payload that is a list": (signed([GOOD]), "not an object"),
    "a header that is a string": (signed(GOOD, b'"HS256"'), "not an object"),
    "a duplicate claim": (signed(f'{RAW}, "sub": "admin"}}'.encode()), "duplicate|twice"),
    "a duplicate in depth": (signed(f'{RAW}, "more": {{"a": 1, "a": 2}}}}'.encode()), "duplicate|twice"),
    "a duplicate in the header": (signed(GOOD, b'{"alg": "none", "alg": "HS256"}'), "duplicate|twice"),
    # algorithm and header
    "no algorithm": (signed(GOOD, {"typ": "JWT"}), "algorithm"),
    "the algorithm none": (signed(GOOD, {"alg": "none"}), "algorithm"),
    "the algorithm None": (signed(GOOD, {"alg": None}), "algorithm"),
    "the algorithm hs256": (signed(GOOD, {"alg": "hs256"}), "algorithm"),
    "the algorithm RS256": (signed(GOOD, {"alg": "RS256"}), "algorithm"),
    "the algorithm HS512": (signed(GOOD, {"alg": "HS512"}, digest="sha512"), "algorithm"),
    "a list of algorithms": (signed(GOOD, {"alg": ["HS256"]}), "algorithm"),
    "the type of another token": (signed(GOOD, HEADER | {"typ": "secevent+jwt"}), "another type"),
    "a type that is a list": (signed(GOOD, HEADER | {"typ": ["JWT"]}), "another type"),
    "a type of null": (signed(GOOD, HEADER | {"typ": None}), "another type"),
    "crit": (signed(GOOD, HEADER | {"crit": ["exp"]}), "critical extension"),
    "b64": (signed(GOOD, HEADER | {"b64": True}), "critical extension"),
    "zip": (signed(GOOD, HEADER | {"zip": "DEF"}), "critical extension"),
    # signature
    "another secret": (signed(GOOD, secret="another-secret-of-thirty-two-bytes!!"), "InvalidSignature"),
    "another payload": (
        ".".join([signed(GOOD).split(".")[0], base64url(as_json(GOOD | {"sub": "x"})), signed(GOOD).split(".")[2]]),
        "InvalidSignature",
    ),
    # claims that must be there, and be right
    **{f"no {name}": (signed(without(name)), "MissingRequiredClaim") for name in GOOD},
    **{f"{name} null": (signed(GOOD | {name: None}), "MissingRequiredClaim") for name in GOOD},
    "another issuer": (signed(GOOD | {"iss": ISSUER + "/"}), "InvalidIssuer"),
    "the issuer of local users": (signed(GOOD | {"iss": LOCAL_ISSUER}), "InvalidIssuer"),
    "a list of issuers": (signed(GOOD | {"iss": [ISSUER]}), "InvalidIssuer"),
    "another audience": (signed(GOOD | {"aud": ISSUER}), "InvalidAudience"),
    "other audiences": (signed(GOOD | {"aud": [ISSUER, AUDIENCE + "/"]}), "InvalidAudience"),
    "a number among the audiences": (signed(GOOD | {"aud": [AUDIENCE, 1]}), "InvalidAudience"),
    "no audience in the list": (signed(GOOD | {"aud": []}), "MissingRequiredClaim"),
    "an object of an audience": (signed(GOOD | {"aud": {AUDIENCE: 1}}), "InvalidAudience"),
    "a number as subject": (signed(GOOD | {"sub": 1}), "InvalidSubject"),
    "an empty subject": (signed(GOOD | {"sub": ""}), "size"),
    "a long subject": (signed(GOOD | {"sub": "s" * 256}), "size"),
    "a subject with a NUL": (signed(GOOD | {"sub": "a\x00b"}), "not storable"),
    "a subject with a lone surrogate": (signed(GOOD | {"sub": "a\ud800"}), "not storable"),
    # times
    "expired": (signed(GOOD | {"exp": int(NOW.timestamp()) - 30}), "expired"),
    "expired for ever": (signed(GOOD | {"exp": 0}), "expired"),
    "negative": (signed(GOOD | {"exp": -1}), "time of a wrong"),
    "exp as text": (signed(GOOD | {"exp": str(SOON)}), "time of a wrong"),
    "exp as true": (signed(GOOD | {"exp": True}), "time of a wrong"),
    "exp in a list": (signed(GOOD | {"exp": [SOON]}), "time of a wrong"),
    "a huge exp": (signed(GOOD | {"exp": 2**53 + 1}), "time of a wrong"),
    "an exp beyond every float": (signed(GOOD | {"exp": 10**400}), "time of a wrong"),
    "an exp that overflows": (signed(f'{RAW}, "nbf": 1e999}}'.encode()), "time of a wrong"),
    "NaN": (signed(GOOD | {"exp": float("nan")}), "NaN"),
    "Infinity": (signed(GOOD | {"exp": float("inf")}), "NaN"),
    "not valid yet": (signed(GOOD | {"nbf": int(NOW.timestamp()) + 31}), "not valid yet"),
    "issued in the future": (signed(GOOD | {"iat": int(NOW.timestamp()) + 31}), "not valid yet"),
    "nbf as text": (signed(GOOD | {"nbf": "0"}), "time of a wrong"),
    "iat as true": (signed(GOOD | {"iat": True}), "time of a wrong"),
    # scope
    "a list of scopes": (signed(GOOD | {"scope": ["todos:read"]}), "scope"),
    "a scope of null": (signed(GOOD | {"scope": None}), "scope"),
}


@pytest.mark.requirement("ID1", "ID7")
@pytest.mark.parametrize(("token", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_broken_token_is_refused_and_only_the_log_has_the_reason(token: str, reason: str, core: Core) -> None:
    with capture_logs() as logs, on_the_wire() as wire, pytest.raises(Unauthenticated) as refused:
        await identity(core).authenticate(token)

    assert refused.value.as_dict() == Unauthenticated().as_dict()
    assert refused.value.__suppress_context__
    ((event, logged),) = [(entry["event"], entry["reason"]) for entry in logs]
    assert event == "token_refused"
    assert re.search(reason, logged)
    assert JWT_SECRET not in repr(logs)
    assert not any(part in repr(logs) for part in token.split(".") if len(part) > 8)
    assert wire.sent == []


@pytest.mark.requirement("ID7")
@pytest.mark.parametrize("token", [None, ""])
async def test_a_missing_token_is_refused_alike(token: str | None, core: Core) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await identity(core).authenticate(token)

    assert refused.value.as_dict() == Unauthenticated().as_dict()


@pytest.mark.requirement("ID1", "ID7")
async def test_without_a_configured_secret_no_jwt_is_accepted(core: Core) -> None:
    without_jwt = core.settings.model_copy(update={"jwt_secret": None})

    for token in (signed(GOOD), signed(GOOD, secret=""), signed(GOOD, {"alg": "none"})):
        with capture_logs() as logs, pytest.raises(Unauthenticated):
            await identity(core, settings=without_jwt).authenticate(token)
        assert logs[0]["reason"] == "jwt, but none is configured"


@pytest.mark.requirement("ID1")
@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({}, {}, id="only what is required"),
        pytest.param({"aud": [ISSUER, AUDIENCE]}, {}, id="one of several audiences"),
        pytest.param({"nbf": SOON - 600, "iat": SOON - 600}, {}, id="from now on"),
        pytest.param({"nbf": None, "iat": None}, {}, id="times of null, as if left out"),
        pytest.param({"nbf": SOON - 570, "iat": SOON - 570}, {}, id="a clock that is 30 s ahead"),
        pytest.param({"exp": SOON - 600 - 29}, {}, id="a clock that is 29 s behind"),
        pytest.param({"exp": SOON + 0.5}, {}, id="half a second, as RFC 7519 allows"),
        pytest.param({"email": "a@example.test", "more": {"deep": [1, {"er": None}]}}, {}, id="other claims"),
        pytest.param({"sub": "ü" * 255}, {}, id="the longest subject"),
        pytest.param({}, {"typ": "at+jwt"}, id="an access token of RFC 9068"),
        pytest.param({}, {"kid": "1", "jku": "https://evil.example.test"}, id="a key of its own, unheard"),
    ],
)
async def test_a_good_token_names_its_user(claims: dict[str, Any], header: dict[str, Any], core: Core) -> None:
    principal = await identity(core).authenticate(signed(GOOD | claims, HEADER | header))

    assert principal.user_id > 0
    assert principal.token_id is None
    assert principal.scopes == {"todos:read", "todos:write", "profile"}


@pytest.mark.requirement("ID1")
def test_the_clock_may_be_wrong_by_a_minute_at_most() -> None:
    assert timedelta(0) < LEEWAY <= timedelta(seconds=60)


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("todos:read", {"todos:read"}),
        ("openid todos:read  todos:write", {"todos:read", "todos:write"}),
        ("admin", {"admin"}),
        ("todos todos:readx TODOS:READ", set()),
        ("", set()),
    ],
)
async def test_a_token_with_a_scope_grants_that_and_no_more(scope: str, granted: set[str], core: Core) -> None:
    principal = await identity(core).authenticate(signed(GOOD | {"scope": scope}))

    assert principal.scopes == granted


@pytest.mark.requirement("ID1", "ID7")
async def test_a_remembered_token_expires_in_time(core: Core) -> None:
    moment = NOW
    remembering = Identity(core.settings, core.database, lambda: moment)
    token = signed(GOOD)
    first = await remembering.authenticate(token)

    with on_the_wire() as wire:
        assert await remembering.authenticate(token) == first
    assert wire.sent == []

    moment = NOW + timedelta(seconds=600) + LEEWAY
    with pytest.raises(Unauthenticated):
        await remembering.authenticate(token)


@pytest.mark.requirement("ID1")
async def test_a_token_that_differs_in_one_character_is_not_taken_for_the_remembered_one(core: Core) -> None:
    remembering = identity(core)
    token = signed(GOOD)
    await remembering.authenticate(token)

    for other in (token + "=", other_last_character(token), token[:-1], "\ud800" + token):
        with pytest.raises(Unauthenticated):
            await remembering.authenticate(other)


@pytest.mark.requirement("OW1", "ID1")
async def test_twenty_first_requests_at_once_make_one_user(core: Core, admin: asyncpg.Connection) -> None:
    subject = f"newcomer-{uuid4()}"
    found: list[int] = []

    async def arrive() -> None:
        found.append((await identity(core).authenticate(signed(GOOD | {"sub": subject}))).user_id)

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(arrive)

    rows = await admin.fetch("SELECT id, issuer, time_zone FROM users WHERE subject = $1", subject)
    assert [tuple(row) for row in rows] == [(found[0], ISSUER, core.settings.time_zone)]
    assert found == [found[0]] * 20


@pytest.mark.requirement("OW1", "ID1")
async def test_a_user_that_another_process_makes_in_between_is_found(
    core: Core, admin: asyncpg.Connection, database_url: str
) -> None:
    subject = f"newcomer-{uuid4()}"
    found: list[int] = []

    async def arrive() -> None:
        found.append((await identity(core).authenticate(signed(GOOD | {"sub": subject}))).user_id)

    async with connected(database_url) as other, anyio.create_task_group() as tasks, other.transaction():
        made = await other.fetchval("INSERT INTO users (issuer, subject) VALUES ($1, $2) RETURNING id", ISSUER, subject)
        tasks.start_soon(arrive)
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)

    assert found == [made]


@pytest.mark.requirement("OW1", "ID6")
async def test_the_same_name_from_another_issuer_is_another_user(core: Core) -> None:
    subject = f"namesake-{uuid4()}"

    local = await core.identity.local(subject)
    remote = await identity(core).authenticate(signed(GOOD | {"sub": subject}))

    assert local.user_id != remote.user_id
    assert await core.identity.local(subject) == local
    assert local.scopes == {"todos:read", "todos:write", "profile"}


@pytest.mark.requirement("OP4", "ID7")
async def test_without_a_database_a_good_token_is_not_called_broken(another_core: CoreOpener) -> None:
    async with another_core() as core:
        await core.database.close()

        with capture_logs() as logs, pytest.raises(Unavailable):
            await identity(core).authenticate(signed(GOOD))

    assert logs == []


@pytest.mark.requirement("ID1")
def test_these_tests_sign_as_rfc_7515_does() -> None:
    key = "an example key, long enough for it"
    body, _, signature = signed({"a": 1}, {"alg": "HS256"}, secret=key).rpartition(".")

    assert body == "eyJhbGciOiAiSFMyNTYifQ.eyJhIjogMX0"
    assert signature == base64url(hmac.new(key.encode(), body.encode(), hashlib.sha256).digest())
