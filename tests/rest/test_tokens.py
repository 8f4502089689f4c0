"""API tokens: shown once, never more than their maker may do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.faces import http_client
from tests.rest.problems import fields, problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("ID3")

PATH = "/api/v1/tokens"


async def test_a_new_token_is_shown_once_and_works(app: Application, http: httpx2.AsyncClient) -> None:
    made = await http.post(PATH, json={"name": " laptop ", "scopes": ["todos:read"], "expires_in_days": 1})

    assert made.status_code == 201
    assert made.headers["cache-control"] == "no-store"
    told = made.json()
    assert (told["name"], told["scopes"], told["last_used_at"], told["revoked_at"]) == (
        "laptop",
        ["todos:read"],
        None,
        None,
    )
    left = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(days=1)
    secret = told["token"]
    assert secret.startswith(told["hint"])
    async with http_client(app, secret) as its:
        assert (await its.get("/api/v1/todos")).status_code == 200
        problem(await its.post("/api/v1/todos", json={"title": "a"}), 403, "insufficient_scope")

    listed = await http.get(PATH)
    assert secret not in listed.text
    (row,) = [row for row in listed.json()["items"] if row["id"] == told["id"]]
    assert row["last_used_at"] is not None
    assert told == row | {"last_used_at": None, "token": secret}
    change = await http.get(f"/api/v1/changes/{made.headers['change-id']}")
    assert secret not in change.text


async def test_without_wishes_a_token_may_read_and_write_todos_for_ninety_days(http: httpx2.AsyncClient) -> None:
    told = (await http.post(PATH, json={"name": "x"})).json()

    assert told["scopes"] == ["todos:read", "todos:write"]
    assert (datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)).days in (89, 90)
    (maker, *_) = (await http.get(PATH)).json()["items"]
    endless = (await http.post(PATH, json={"name": "x", "expires_in_days": None})).json()
    assert (endless["made_by"], endless["expires_at"]) == (maker["id"], maker["expires_at"])


async def test_a_person_may_make_a_token_without_an_end(app: Application) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}"}
    session = jwt.encode(claims | {"exp": datetime.now(UTC) + timedelta(minutes=15)}, JWT_SECRET, "HS256")
    async with http_client(app, session) as http:
        told = (await http.post(PATH, json={"name": "x", "expires_in_days": None})).json()

    assert (told["made_by"], told["expires_at"]) == (None, None)


@pytest.mark.requirement("SA1")
async def test_a_repeated_request_makes_one_token_and_never_shows_it_again(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = [await http.post(PATH, json={"name": "x"}, headers=key) for _ in range(2)]

    assert again.json() == first.json() | {"token": None}
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["cache-control"] == "no-store"


async def test_a_revoked_token_stops_working_at_once_and_for_good(app: Application, http: httpx2.AsyncClient) -> None:
    made = (await http.post(PATH, json={"name": "x"})).json()
    async with http_client(app, made["token"]) as its:
        assert (await its.get("/api/v1/todos")).status_code == 200
        revoked = await http.delete(f"{PATH}/{made['id']}")
        assert (revoked.status_code, revoked.content) == (204, b"")
        problem(await its.get("/api/v1/todos"), 401, "unauthenticated")

    again = await http.delete(f"{PATH}/{made['id']}")
    assert again.status_code == 204
    assert "change-id" not in again.headers
    told = problem(await http.post(f"/api/v1/changes/{revoked.headers['change-id']}/undo"), 409, "undo_refused")
    assert "token" in told["detail"]
    problem(await http.delete(f"{PATH}/{2**62}"), 404, "not_found")


async def test_a_rotated_token_gives_way_to_a_new_one_at_once(app: Application, http: httpx2.AsyncClient) -> None:
    made = (await http.post(PATH, json={"name": "x", "scopes": ["todos:read"], "expires_in_days": 7})).json()
    async with http_client(app, made["token"]) as old:
        assert (await old.get("/api/v1/todos")).status_code == 200

        rotated = await http.post(f"{PATH}/{made['id']}/rotate")

        assert (rotated.status_code, rotated.headers["cache-control"]) == (201, "no-store")
        told = rotated.json()
        assert told["id"] != made["id"]
        same = ("name", "scopes", "expires_at", "made_by")
        assert {name: told[name] for name in same} == {name: made[name] for name in same}
        problem(await old.get("/api/v1/todos"), 401, "unauthenticated")
    async with http_client(app, told["token"]) as new:
        assert (await new.get("/api/v1/todos")).status_code == 200
        problem(await new.post("/api/v1/todos", json={"title": "a"}), 403, "insufficient_scope")
    problem(await http.post(f"{PATH}/{made['id']}/rotate"), 409, "conflict")
    problem(await http.post(f"{PATH}/{2**62}/rotate"), 404, "not_found")
    change = (await http.get(f"/api/v1/changes/{rotated.headers['change-id']}")).json()
    assert (change["operation"], [entry["id"] for entry in change["entries"]]) == (
        "tokens.rotate",
        [told["id"], made["id"]],
    )
    assert told["token"] not in str(change)


@pytest.mark.requirement("SA1")
async def test_rotating_again_under_a_key_happens_once_and_shows_no_secret(http: httpx2.AsyncClient) -> None:
    made = (await http.post(PATH, json={"name": "x"})).json()
    key = {"Idempotency-Key": "k"}

    first, again = [await http.post(f"{PATH}/{made['id']}/rotate", headers=key) for _ in range(2)]

    assert again.json() == first.json() | {"token": None}
    assert again.headers["idempotent-replayed"] == "true"
    assert (await http.get(PATH)).json()["total"] == 3  # with the one of this client


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("scope", ["todos:write", "admin"])
async def test_a_token_cannot_make_one_that_may_do_more(app: Application, ann: Caller, scope: str) -> None:
    async with http_client(app, await token_of(ann, "profile", "todos:read")) as http:
        response = await http.post(PATH, json={"name": "x", "scopes": ["todos:read", scope]})
        assert problem(response, 403, "insufficient_scope")["required_scope"] == scope
        assert (await http.get(PATH)).json()["total"] == 1
        assert (await http.post(PATH, json={"name": "x", "scopes": ["todos:read"]})).status_code == 201


@pytest.mark.requirement("ID4", "ID5")
async def test_an_app_that_acts_for_a_person_has_no_say_over_tokens(app: Application) -> None:
    """Whatever its scopes: OpenID Connect's own scope `profile` is spelled like ours."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": f"user-{uuid4().hex}",
        "scope": "todos:read todos:write profile",
    }
    claims["exp"] = datetime.now(UTC) + timedelta(hours=1)
    person = jwt.encode(claims, JWT_SECRET, "HS256")
    delegate = jwt.encode(claims, JWT_SECRET, "HS256", {"typ": "at+jwt"})
    async with http_client(app, person) as http:
        made = (await http.post(PATH, json={"name": "x"})).json()

    async with http_client(app, delegate) as http:
        for method, path, more in (
            ("POST", PATH, {"json": {"name": "x"}}),
            ("GET", PATH, {}),
            ("DELETE", f"{PATH}/{made['id']}", {}),
            ("POST", f"{PATH}/{made['id']}/rotate", {}),
        ):
            response = await http.request(method, path, **more)
            problem(response, 403, "not_for_apps")
            assert "www-authenticate" not in response.headers
        assert (await http.get("/api/v1/users/me")).status_code == 200

    async with http_client(app, person) as http:
        (listed,) = (await http.get(PATH)).json()["items"]
        assert (listed["id"], listed["revoked_at"]) == (made["id"], None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes.0"),
        ({"name": "x", "scopes": "todos:read"}, "scopes"),
        ({"name": "x", "expires_in_days": 0}, "expires_in_days"),
        ({"name": "x", "expires_in_days": 3651}, "expires_in_days"),
        ({"name": "x", "expires_in_days": "90"}, "expires_in_days"),
        ({"name": "x", "user_id": 1}, "user_id"),
    ],
)
async def test_a_wrong_wish_is_refused_by_name(http: httpx2.AsyncClient, body: object, field: str) -> None:
    assert fields(problem(await http.post(PATH, json=body), 422, "invalid_input")) == [field]
