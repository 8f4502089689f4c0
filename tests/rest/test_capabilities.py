"""What a token may do, which every token may ask."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest

from tests.faces import ADDRESS, http_client
from tests.rest.problems import problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.identity.scopes import ALL_SCOPES
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("RS2", "ID4")

CAPABILITIES = "/api/v1/users/me/capabilities"


async def told(app: Application, token: str) -> dict[str, Any]:
    async with http_client(app, token) as http:
        response = await http.get(CAPABILITIES)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def signed(kind: str = "JWT", **claims: Any) -> tuple[str, str]:
    """A JWT, or of another `typ`, and when it expires."""
    expires = int(time.time()) + 600
    payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"capable-{time.time_ns()}", "exp": expires, **claims}
    token = jwt.encode(payload, JWT_SECRET, algorithm="HS256", headers={"typ": kind})
    return token, f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%dT%H:%M:%SZ}"


async def test_every_token_is_told_its_scopes_and_its_end(app: Application, ann: Caller) -> None:
    for scope in ("todos:read", "todos:write", "profile"):
        made = await ann.perform(tokens.create, TokenCreate(name="t", scopes=[scope], expires_in_days=7))
        assert made.secret is not None
        found = await told(app, made.secret)
        assert (found["kind"], found["scopes"]) == ("api_token", [scope])
        left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
    lasting = await ann.perform(tokens.create, TokenCreate(name="t", expires_in_days=None))
    assert lasting.secret is not None
    assert (await told(app, lasting.secret))["expires_at"] is None

    session, ends = signed()
    found = await told(app, session)
    assert (found["kind"], found["scopes"]) == ("session", ["todos:read", "todos:write", "profile"])
    assert (found["expires_at"], set(found["scopes"]) < {*ALL_SCOPES}) == (ends, True)
    delegated, ends = signed("at+jwt", scope="todos:read", client_id="an-app")
    found = await told(app, delegated)
    assert (found["kind"], found["scopes"], found["expires_at"]) == ("app", ["todos:read"], ends)


async def test_a_token_that_is_no_good_any_more_is_told_nothing(app: Application, ann: Caller) -> None:
    made = await ann.perform(tokens.create, TokenCreate(name="t"))
    assert made.secret is not None
    await told(app, made.secret)
    await ann.perform(tokens.revoke, int(made.one().as_dict()["id"]))

    async with http_client(app, made.secret) as http:
        problem(await http.get(CAPABILITIES), 401, "unauthenticated")


async def test_the_limits_are_those_of_the_server(
    http: httpx2.AsyncClient, ann: Caller, settings: Settings, database_url: str
) -> None:
    response = await http.get(CAPABILITIES)
    limits = response.json()["limits"]

    policy = response.headers["ratelimit-policy"]
    assert policy == f'"user";q={limits["rate"]["requests"]};w={limits["rate"]["seconds"]}'
    ids = [2**62] * limits["batch_items"]
    fits, beyond = ({"action": "delete", "ids": many} for many in (ids, [*ids, 1]))
    assert (await http.post("/api/v1/todos/batch", json=fits)).status_code == 200
    assert (await http.post("/api/v1/todos/batch", json=beyond)).status_code == 422
    for more, status in ((0, 200), (1, 422)):
        assert (await http.get(f"/api/v1/todos?limit={limits['page_rows'] + more}")).status_code == status
    assert (limits["trash_days"], limits["history_days"]) == (settings.trash_days, None)

    other = settings.model_copy(update={"rate_limit": "off", "history_days": 90, "trash_days": 5})
    application = build(other, database_url, ADDRESS)
    async with application.running():
        limits = (await told(application, await token_of(ann)))["limits"]
    assert (limits["rate"], limits["trash_days"], limits["history_days"]) == (None, 5, 90)
