"""Suspended, deleted, revoked: it is over at once, whatever was used a moment ago and over whichever transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.exhaustive import crossed
from tests.faces import FACES, FaceName, Json, call, http_client, rpc, turned_away
from tests.rest.problems import problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, tokens

pytestmark = pytest.mark.requirement("OW5")

Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]
OVER_REST: Final[dict[str, Ask]] = {
    "read": lambda http: http.get("/api/v1/todos"),
    "write": lambda http: http.post("/api/v1/todos", json={"title": "x"}),
    "profile": lambda http: http.get("/api/v1/users/me"),
    "with a key": lambda http: http.post("/api/v1/todos", json={"title": "x"}, headers={"Idempotency-Key": "k"}),
}
OVER_MCP: Final[dict[str, Callable[[httpx2.AsyncClient, FaceName], Awaitable[httpx2.Response]]]] = {
    "tools/list": lambda http, name: rpc(http, name, "tools/list"),
    "read": lambda http, name: call(http, name, "list_todos", {}),
    "write": lambda http, name: call(http, name, "add_todos", {"todos": [{"title": "x"}]}),
    "overview": lambda http, name: call(http, name, "get_overview", {}),
    "with a key": lambda http, name: call(http, name, "add_todos", {"todos": [{"title": "x"}], "idempotency_key": "k"}),
}


def _over(name: FaceName, ask: str) -> Ask:
    if name == "rest":
        return OVER_REST[ask]
    return lambda http: OVER_MCP[ask](http, name)


WAYS: Final = {
    f"{name}-{ask}": _over(name, ask) for name in FACES for ask in (OVER_REST if name == "rest" else OVER_MCP)
}
EVERY_WAY = pytest.mark.parametrize("ask", WAYS.values(), ids=WAYS)
EVERY_WAY_OF_HERS = crossed(ask=WAYS, kind=["API token", "JWT"])


def refusal(response: httpx2.Response, status: int, code: str) -> Json:
    """What was told, in the form of whichever transport it was."""
    tell = turned_away if response.request.url.path == "/mcp" else problem
    return tell(response, status, code)


def jwt_of(subject: str) -> str:
    until = datetime.now(UTC) + timedelta(hours=1)
    return jwt.encode({"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": until}, JWT_SECRET, "HS256")


@pytest.fixture
async def her(kind: str, app: Application, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """The client of somebody whose token has just been used."""
    token = await token_of(ann) if kind == "API token" else jwt_of(f"user-{uuid4().hex}")
    async with http_client(app, token) as http:
        assert (await http.get("/api/v1/todos")).status_code == 200
        yield http


async def user_id(her: httpx2.AsyncClient) -> int:
    found: int = (await her.get("/api/v1/users/me")).json()["id"]
    return found


@EVERY_WAY_OF_HERS
async def test_a_suspended_user_is_403_at_once_and_writes_nothing(
    her: httpx2.AsyncClient, ada: Caller, ask: Ask
) -> None:
    suspended = await user_id(her)
    await ada.perform(accounts.suspend, suspended)

    response = await ask(her)

    told = refusal(response, 403, "suspended")
    assert told["retryable"] is False
    assert "www-authenticate" not in response.headers
    await ada.perform(accounts.reactivate, suspended)
    assert (await her.get("/api/v1/todos", params={"status": "all"})).json()["total"] == 0


@EVERY_WAY_OF_HERS
async def test_a_reactivated_user_goes_on_with_the_same_token(her: httpx2.AsyncClient, ada: Caller, ask: Ask) -> None:
    suspended = await user_id(her)
    await ada.perform(accounts.suspend, suspended)
    assert (await ask(her)).status_code == 403

    await ada.perform(accounts.reactivate, suspended)

    assert (await ask(her)).status_code in (200, 201)


@EVERY_WAY_OF_HERS
@pytest.mark.requirement("ID7")
async def test_the_token_of_a_deleted_user_is_401_at_once(her: httpx2.AsyncClient, ada: Caller, ask: Ask) -> None:
    await ada.perform(accounts.delete, await user_id(her))

    response = await ask(her)

    refusal(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@EVERY_WAY
@pytest.mark.requirement("ID3", "ID7", "MC4")
async def test_a_token_that_was_just_revoked_is_401_at_once(app: Application, ann: Caller, ask: Ask) -> None:
    """Also where nothing would be read: the list of tools is the caller's own."""
    made = await ann.perform(tokens.create, TokenCreate(name="x", scopes=["todos:read", "todos:write", "profile"]))
    async with http_client(app, made.secret) as http:
        assert (await ask(http)).status_code in (200, 201)
        await ann.perform(tokens.revoke, made.touched[0].id)

        response = await ask(http)

    refusal(response, 401, "unauthenticated")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@EVERY_WAY_OF_HERS
async def test_nobody_else_is_suspended_or_deleted_with_them(
    app: Application, her: httpx2.AsyncClient, bob: Caller, ada: Caller, ask: Ask
) -> None:
    await ada.perform(accounts.suspend, await user_id(her))
    async with http_client(app, await token_of(bob)) as his:
        assert (await ask(his)).status_code in (200, 201)


async def test_a_suspended_admin_administers_nothing(app: Application, ada: Caller, ann: Caller) -> None:
    other = Caller(ada.core, await ada.core.identity.local(f"admin-{uuid4().hex}", "admin"), "test")
    async with http_client(app, await token_of(other)) as http:
        assert (await http.get("/api/v1/admin/users")).status_code == 200
        await ada.perform(accounts.suspend, other.principal.user_id)

        for method, path in (
            ("GET", "/api/v1/admin/users"),
            ("POST", f"/api/v1/admin/users/{ann.principal.user_id}/suspend"),
            ("DELETE", f"/api/v1/admin/users/{ann.principal.user_id}"),
        ):
            problem(await http.request(method, path), 403, "suspended")


async def test_whoever_is_no_admin_any_more_administers_nothing_at_once(app: Application, ann: Caller) -> None:
    name = f"admin-{uuid4().hex}"
    identity = ann.core.identity
    former = Caller(ann.core, await identity.local(name, "admin"), "test")
    async with http_client(app, await token_of(former)) as http:
        assert (await http.get("/api/v1/admin/users")).status_code == 200
        await identity.local(name, "user")

        for method, path in (
            ("GET", "/api/v1/admin/users"),
            ("DELETE", f"/api/v1/admin/users/{ann.principal.user_id}"),
        ):
            response = await http.request(method, path)
            assert problem(response, 403, "insufficient_scope")["required_scope"] == "admin"
            assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
        assert (await http.get("/api/v1/todos")).status_code == 200
