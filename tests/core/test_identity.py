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

from tests.core.support import SOMEBODY_WAITS_FOR_A_LOCK, CoreOpener, connected, on_the_wire, until
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from tests.tables import each
from todo_core.boundary.authentication import Identity
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.errors import Unauthenticated, Unavailable
from todo_core.identity.issuers import LOCAL_ISSUER, OPERATOR_ISSUER, Issuer
from todo_core.identity.jwts import LEEWAY, Claims, RefusedError, Verifier
from todo_core.identity.scopes import USER_SCOPES
from todo_core.settings import Settings

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SOON = int(NOW.timestamp()) + 600
HEADER = {"alg": "HS256", "typ": "JWT"}
GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": SOON, "iat": SOON - 900}


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
    return Identity(settings or core.settings, core.database, core.limits, lambda: now)


async def read(claims: dict[str, Any], header: dict[str, Any] | None = None, **issuer: Any) -> Claims:
    """What a token says to somebody who trusts its issuer in this way."""
    trusted = Issuer(issuer=ISSUER, audience=(AUDIENCE,), secret=JWT_SECRET, **issuer)
    return await Verifier([trusted], lambda: NOW).verify(signed(GOOD | claims, HEADER | (header or {})))


def nested(depth: int) -> Any:
    """A value with so many lists around it."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def other_last_character(token: str) -> str:
    """The same bytes in base64url, written differently: the unused bits of the last character are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def of_length(length: int) -> str:
    """A good token of exactly so many characters."""
    header = as_json(HEADER)
    while True:
        for more in range(length):
            token = signed(GOOD | {"more": "x" * (length * 3 // 4 - 300 + more)}, header)
            if len(token) == length:
                return token
            if len(token) > length:
                break
        header += b" "


RAW = as_json(GOOD).decode()[:-1]
OF_8192 = of_length(8192)
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
    "one more than 8 KiB": (OF_8192 + "A", "too long"),
    "a megabyte": ("x" * 2**20, "too long"),
    "a segment of impossible length": ("AAAAA." + signed(GOOD).partition(".")[2], "not base64url"),
    "another spelling of the signature": (other_last_character(signed(GOOD)), "not canonical"),
    "a payload that is no JSON": (signed(b"{"), "not JSON"),
    "a payload that is not UTF-8": (signed(b'{"sub": "\xff"}'), "not JSON"),
    "a payload nested too deeply": (signed(b"[" * 4000), "deep|not JSON"),
    "a number too long to read": (signed(b'{"exp": ' + b"9" * 5000 + b"}"), "limit|not JSON"),
    "a payload nested nine deep": (signed(GOOD | {"more": nested(8)}), "nests too deep"),
    "a header nested nine deep": (signed(GOOD, HEADER | {"more": nested(8)}), "nests too deep"),
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
    "a key id that is a number": (signed(GOOD, HEADER | {"kid": 1}), "key id"),
    "a key id of null": (signed(GOOD, HEADER | {"kid": None}), "key id"),
    "an empty key id": (signed(GOOD, HEADER | {"kid": ""}), "key id"),
    "a key id of 257 characters": (signed(GOOD, HEADER | {"kid": "k" * 257}), "key id"),
    # signature
    "another secret": (signed(GOOD, secret="another-secret-of-thirty-two-bytes!!"), "InvalidSignature"),
    "another payload": (
        ".".join([signed(GOOD).split(".")[0], base64url(as_json(GOOD | {"sub": "x"})), signed(GOOD).split(".")[2]]),
        "InvalidSignature",
    ),
    # claims that must be there, and be right
    **{f"no {name}": (signed(without(name)), "MissingRequiredClaim") for name in ("aud", "sub", "exp")},
    **{f"{name} null": (signed(GOOD | {name: None}), "MissingRequiredClaim") for name in ("aud", "sub", "exp")},
    "no iss": (signed(without("iss")), "issuer is not trusted"),
    "iss null": (signed(GOOD | {"iss": None}), "issuer is not trusted"),
    "another issuer": (signed(GOOD | {"iss": ISSUER + "/"}), "issuer is not trusted"),
    "the issuer of local users": (signed(GOOD | {"iss": LOCAL_ISSUER}), "issuer is not trusted"),
    "the issuer of the command line": (signed(GOOD | {"iss": OPERATOR_ISSUER}), "issuer is not trusted"),
    "a list of issuers": (signed(GOOD | {"iss": [ISSUER]}), "issuer is not trusted"),
    "a key to be proven": (signed(GOOD | {"cnf": {"jkt": "thumb"}}), "bound to a key"),
    "a proof of null": (signed(GOOD | {"cnf": None}), "bound to a key"),
    "another audience": (signed(GOOD | {"aud": ISSUER}), "InvalidAudience"),
    "other audiences": (signed(GOOD | {"aud": [ISSUER, AUDIENCE + "/"]}), "InvalidAudience"),
    "a number among the audiences": (signed(GOOD | {"aud": [AUDIENCE, 1]}), "InvalidAudience"),
    "no audience in the list": (signed(GOOD | {"aud": []}), "MissingRequiredClaim"),
    "an object of an audience": (signed(GOOD | {"aud": {AUDIENCE: 1}}), "InvalidAudience"),
    "a number as subject": (signed(GOOD | {"sub": 1}), "InvalidSubject"),
    "an empty subject": (signed(GOOD | {"sub": ""}), "subject of a wrong"),
    "a long subject": (signed(GOOD | {"sub": "s" * 256}), "subject of a wrong"),
    "a subject with a NUL": (signed(GOOD | {"sub": "a\x00b"}), "subject of a wrong"),
    "a subject with a lone surrogate": (signed(GOOD | {"sub": "a\ud800"}), "subject of a wrong"),
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
    "nbf null": (signed(GOOD | {"nbf": None}), "time of a wrong"),
    "iat null": (signed(GOOD | {"iat": None}), "time of a wrong"),
    "a negative nbf": (signed(GOOD | {"nbf": -1}), "time of a wrong"),
    # scope
    "a list of scopes": (signed(GOOD | {"scope": ["todos:read"]}), "scope"),
    "a scope of null": (signed(GOOD | {"scope": None}), "scope"),
    "a number of scopes": (signed(GOOD | {"scp": 4}), "scope"),
    "a number among the scopes": (signed(GOOD | {"scp": ["todos:read", 4]}), "scope"),
    "a good scope and a wrong scp": (signed(GOOD | {"scope": "todos:read", "scp": None}), "scope"),
}


@pytest.mark.requirement("ID1", "ID7")
@each(("token", "reason"), REFUSED.values(), ids=REFUSED)
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
    without_jwt = Settings.load()
    assert without_jwt.trusted_issuers == ()

    for token in (signed(GOOD), signed(GOOD, secret=""), signed(GOOD, {"alg": "none"})):
        with capture_logs() as logs, pytest.raises(Unauthenticated):
            await identity(core, settings=without_jwt).authenticate(token)
        assert logs[0]["reason"] == "jwt, but no issuer is configured"


@pytest.mark.requirement("ID1")
@pytest.mark.parametrize(
    ("claims", "header"),
    [
        pytest.param({}, {}, id="only what is required"),
        pytest.param({"aud": [ISSUER, AUDIENCE]}, {}, id="one of several audiences"),
        pytest.param({"nbf": SOON - 600, "iat": SOON - 600}, {}, id="from now on"),
        pytest.param({"nbf": 0, "iat": 0.5, "exp": 2**53}, {}, id="valid for ages"),
        pytest.param({"nbf": SOON - 570, "iat": SOON - 570}, {}, id="a clock that is 30 s ahead"),
        pytest.param({"exp": SOON - 600 - 29}, {}, id="a clock that is 29 s behind"),
        pytest.param({"exp": SOON + 0.5}, {}, id="half a second, as RFC 7519 allows"),
        pytest.param({"email": "a@example.test", "more": {"deep": [1, {"er": None}]}}, {}, id="other claims"),
        pytest.param({"sub": "ü" * 255}, {}, id="the longest subject"),
        pytest.param({"sub": "s"}, {}, id="the shortest subject"),
        pytest.param({"more": nested(7)}, {"more": nested(7)}, id="eight deep"),
        pytest.param({}, {"typ": "jwt"}, id="the type in small letters"),
        pytest.param({}, {"kid": "k" * 256}, id="the longest key id"),
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


@pytest.mark.requirement("ID1")
async def test_a_token_of_8_kib_is_not_too_long(core: Core) -> None:
    assert len(OF_8192) == 8192

    assert (await identity(core).authenticate(OF_8192)).user_id > 0


# --- what it may do ----------------------------------------------------------------------------


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    ("claims", "granted"),
    [
        ({"scope": "todos:read"}, {"todos:read"}),
        ({"scope": "openid todos:read  todos:write"}, {"todos:read", "todos:write"}),
        ({"scope": "admin"}, set()),
        ({"scope": "todos todos:readx TODOS:READ"}, set()),
        ({"scope": ""}, set()),
        ({"scp": "todos:read profile"}, {"todos:read", "profile"}),
        ({"scp": ["todos:read", "profile", "email"]}, {"todos:read", "profile"}),
        ({"scp": ["todos:read profile"]}, set()),
        ({"scp": []}, set()),
        ({"scope": "todos:read profile", "scp": ["todos:write", "profile"]}, {"profile"}),
        ({"scopes": "todos:read", "permissions": ["todos:read"]}, USER_SCOPES),
        ({}, USER_SCOPES),
    ],
)
async def test_a_token_with_a_scope_grants_that_and_no_more(
    claims: dict[str, Any], granted: set[str], core: Core
) -> None:
    principal = await identity(core).authenticate(signed(GOOD | claims))

    assert principal.scopes == granted
    assert (await read(claims)).scopes == granted


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("kind", ["at+jwt", "application/at+jwt", "AT+JWT"])
async def test_an_access_token_that_names_no_scope_has_none_and_belongs_to_an_app(kind: str, core: Core) -> None:
    principal = await identity(core).authenticate(signed(GOOD, HEADER | {"typ": kind}))

    assert (principal.scopes, principal.is_delegated) == (frozenset(), True)
    assert (await read({"scope": "profile"}, {"typ": kind})).scopes == {"profile"}
    assert not (await identity(core).authenticate(signed(GOOD))).is_delegated


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    ("scope", "granted"),
    [
        ("tasks.read", {"todos:read"}),
        ("tasks.all tasks.none", {"todos:read", "todos:write"}),
        ("profile", set()),
        ("todos:write", {"todos:write"}),
        ("superuser", set()),
    ],
)
async def test_an_issuers_own_scope_names_mean_what_its_configuration_says(scope: str, granted: set[str]) -> None:
    means = {
        "tasks.read": ["todos:read"],
        "tasks.all": ["todos:read", "todos:write"],
        "tasks.none": [],
        "profile": [],  # OpenID Connect's own, which must not be taken for ours
        "superuser": ["admin"],
    }

    assert (await read({"scope": scope}, scopes=means)).scopes == granted


@pytest.mark.requirement("ID4")
async def test_a_session_token_has_the_scopes_that_its_issuer_gives_by_default() -> None:
    assert (await read({}, default_scopes=["todos:read"])).scopes == {"todos:read"}
    assert (await read({}, default_scopes=[])).scopes == frozenset()
    assert (await read({"scope": "profile"}, default_scopes=["todos:read"])).scopes == {"profile"}
    assert (await read({}, {"typ": "at+jwt"}, default_scopes=["todos:read"])).scopes == frozenset()
    assert (await read({}, default_scopes=["admin", "profile"])).scopes == {"profile"}


@pytest.mark.requirement("ID4", "OW5")
@pytest.mark.parametrize(
    ("claims", "is_admin"),
    [
        ({"role": "admin"}, True),
        ({"role": "root"}, True),
        ({"role": "editor, admin"}, True),
        ({"role": ["editor", "admin"]}, True),
        ({"role": ["editor", " admin "]}, True),
        ({"role": "Admin"}, False),
        ({"role": "administrator"}, False),
        ({"role": "no admin"}, False),
        ({"role": ["editor,admin"]}, False),
        ({"role": {"admin": True}}, False),
        ({"role": True}, False),
        ({"role": [["admin"]]}, False),
        ({"role": None}, False),
        ({"roles": "admin"}, False),
        ({}, False),
    ],
)
async def test_a_role_makes_an_admin_if_the_configuration_says_so(claims: dict[str, Any], is_admin: bool) -> None:
    trusted = {"admin_roles": ["admin", "root"]}
    scope = {"scope": "todos:read admin"}

    session, narrowed = await read(claims, **trusted), await read(claims | scope, **trusted)

    assert session.role == narrowed.role == ("admin" if is_admin else "user")
    assert session.scopes == (USER_SCOPES | {"admin"} if is_admin else USER_SCOPES)
    assert narrowed.scopes == ({"todos:read", "admin"} if is_admin else {"todos:read"})
    assert (await read(claims | {"scope": "todos:read"}, **trusted)).scopes == {"todos:read"}
    assert (await read(claims)).role == "user"
    assert (await read(claims | scope)).scopes == {"todos:read"}


@pytest.mark.requirement("OW5")
async def test_the_claim_with_the_role_is_the_one_that_is_configured() -> None:
    named = {"role_claim": "https://example.test/roles", "admin_roles": ["boss"]}

    assert (await read({"https://example.test/roles": ["boss"]}, **named)).role == "admin"
    assert (await read({"role": "boss"}, **named)).role == "user"


@pytest.mark.requirement("OW5")
async def test_an_issuer_for_the_users_of_another_says_nothing_of_a_role_by_silence() -> None:
    other = {"users_of": "https://other.example.test", "admin_roles": ["admin"]}

    assert (await read({}, **other)).role is None
    assert (await read({"role": "editor"}, **other)).role == "user"
    assert (await read({"role": "admin"}, **other)).role == "admin"
    assert (await read({"scope": "admin"}, **other)).scopes == frozenset()
    assert (await read({}, **other)).issuer == "https://other.example.test"
    assert (await read({})).issuer == ISSUER


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    ("claims", "kind", "issuer", "is_delegated"),
    [
        ({}, "JWT", {}, False),
        ({"azp": "app"}, "JWT", {}, False),
        ({}, "at+jwt", {}, True),
        ({"client_id": "app"}, "at+jwt", {"own_clients": ["web"]}, True),
        ({"client_id": "web"}, "at+jwt", {"own_clients": ["web"]}, False),
        ({"azp": "web"}, "at+jwt", {"own_clients": ["web"]}, False),
        ({"azp": "web", "client_id": "app"}, "at+jwt", {"own_clients": ["web"]}, True),
        ({"azp": "app", "client_id": "web"}, "at+jwt", {"own_clients": ["web"]}, True),
        ({"client_id": None}, "at+jwt", {"own_clients": ["web"]}, True),
        ({}, "at+jwt", {"own_clients": ["web"]}, True),
        ({}, "JWT", {"authorization_server": True}, True),
        ({"azp": "web"}, "JWT", {"authorization_server": True, "own_clients": ["web"]}, False),
    ],
)
async def test_a_token_of_a_client_that_is_not_ours_belongs_to_an_app(
    claims: dict[str, Any], kind: str, issuer: dict[str, Any], is_delegated: bool
) -> None:
    assert (await read(claims, {"typ": kind}, **issuer)).is_delegated is is_delegated


@pytest.mark.requirement("LT3")
@pytest.mark.parametrize(
    ("claims", "email", "name"),
    [
        ({"email": "ann@example.test", "name": "Ann"}, "ann@example.test", "Ann"),
        ({"email": "e" * 320, "name": "  Ann \n"}, "e" * 320, "Ann"),
        ({"email": "e" * 321, "name": "n" * 101}, None, "n" * 100),
        ({"email": "", "name": " "}, None, None),
        ({"email": ["ann@example.test"], "name": {"given": "Ann"}}, None, None),
        ({"email": None, "name": None}, None, None),
        ({"email": "a\x00b", "name": "\ud800"}, None, None),
        ({"email": "ü@example.test", "name": "ü" * 100 + "x"}, "ü@example.test", "ü" * 100),
        ({"name": "n" * 99 + " n"}, None, "n" * 99),
        (
            {"email": "a@b.test\x1b[2J", "name": "bob\x1b]0;pwned\x07\n99  root"},
            r"a@b.test\x1b[2J",
            r"bob\x1b]0;pwned\x07\n99  root",
        ),
        ({"email": "a\u202e@b.test", "name": "\u202ebob"}, r"a\u202e@b.test", r"\u202ebob"),
        ({"email": "\u200b", "name": "\u3164\u200b"}, None, None),
        ({"name": "\x1b" * 100}, None, None),
        ({"email": "e" * 319 + "\x1b", "name": "n" + "\x1b" * 99}, "e" * 319 + "\\", "n" + r"\x1b" * 24 + r"\x1"),
        ({"name": "Nguye\u0302\u0303n"}, None, "Nguyễn"),
    ],
)
async def test_a_mail_address_or_a_name_that_cannot_be_one_is_left_out(
    claims: dict[str, Any], email: str | None, name: str | None, core: Core, admin: asyncpg.Connection
) -> None:
    found = await read(claims)
    assert (found.email, found.name) == (email, name)

    principal = await identity(core).authenticate(signed(GOOD | claims | {"sub": f"named-{uuid4()}"}))

    kept = await admin.fetchrow("SELECT email, display_name FROM users WHERE id = $1", principal.user_id)
    assert tuple(kept) == (email, name)


@pytest.mark.requirement("ID1")
async def test_each_issuer_answers_for_its_own_tokens_and_no_other() -> None:
    secrets = {name: f"the secret of {name}, thirty-two bytes" for name in ("https://one.test", "https://two.test")}
    verifier = Verifier(
        [Issuer(issuer=name, audience=(name,), secret=secret) for name, secret in secrets.items()], lambda: NOW
    )
    for issuer, secret in secrets.items():
        (other,) = secrets.keys() - {issuer}
        good = GOOD | {"iss": issuer, "aud": issuer}

        assert (await verifier.verify(signed(good, secret=secret))).issuer == issuer
        for hostile in (
            signed(good, secret=secrets[other]),
            signed(good | {"iss": other, "aud": other}, secret=secret),
            signed(good | {"aud": other}, secret=secret),
        ):
            with pytest.raises(RefusedError):
                await verifier.verify(hostile)


# --- what is remembered ------------------------------------------------------------------------


@pytest.mark.requirement("ID1", "ID7")
async def test_a_remembered_token_expires_in_time(core: Core) -> None:
    moment = NOW
    remembering = Identity(core.settings, core.database, core.limits, lambda: moment)
    token = signed(GOOD)
    first = await remembering.authenticate(token)

    with on_the_wire() as wire:
        assert await remembering.authenticate(token) == first
    assert wire.sent == []

    moment = NOW + timedelta(seconds=600) + LEEWAY
    with pytest.raises(Unauthenticated):
        await remembering.authenticate(token)


async def test_what_many_remembered_tokens_say_alike_is_kept_once(core: Core) -> None:
    ann = Caller(core, await core.identity.local("ann"), "test")
    remembering = identity(core)
    sessions = [await remembering.authenticate(signed(GOOD | {"sub": name})) for name in ("ann", "bob")]
    of_api = [await remembering.authenticate(await token_of(ann)) for _ in range(2)]

    for one, other in (sessions, of_api):
        assert one != other
        assert one.scopes is other.scopes
        assert one.audiences is other.audiences


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

    assert [entry["event"] for entry in logs] == ["database_unavailable"]


@pytest.mark.requirement("ID1")
def test_these_tests_sign_as_rfc_7515_does() -> None:
    key = "an example key, long enough for it"
    body, _, signature = signed({"a": 1}, {"alg": "HS256"}, secret=key).rpartition(".")

    assert body == "eyJhbGciOiAiSFMyNTYifQ.eyJhIjogMX0"
    assert signature == base64url(hmac.new(key.encode(), body.encode(), hashlib.sha256).digest())
