"""What is true of every address: versions, methods, health, origins, request ids."""

from __future__ import annotations

import gc
import re
from urllib.parse import urlsplit

import httpx2
import pytest

from http_edge.exchange import Exchange
from rest_api.app import create_app
from tests.databases import drop_database
from tests.faces import ADDRESS, http_client
from tests.rest.problems import problem
from tests.support import MovableClock, token_of
from todo_app.application import build
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.settings import Settings
from todo_core.upkeep.readiness import READY_FOR


@pytest.mark.requirement("RS1")
@pytest.mark.parametrize("path", ["/todos", "/todos?status=all&limit=1", "/changes", "/tokens", "/users/me"])
async def test_api_alone_answers_as_the_current_version(http: httpx2.AsyncClient, todo: str, path: str) -> None:
    for resource in (path, todo.removeprefix("/api/v1")):
        short, long = [await http.get(prefix + resource) for prefix in ("/api", "/api/v1")]
        assert (short.status_code, short.json()) == (long.status_code, long.json()) == (200, long.json())


@pytest.mark.requirement("RS1")
async def test_api_alone_writes_too_and_refuses_alike(http: httpx2.AsyncClient) -> None:
    made = await http.post("/api/todos", json={"title": "a"})
    assert made.headers["location"] == f"/api/v1/todos/{made.json()['id']}"
    assert (await http.delete(f"/api/todos/{made.json()['id']}")).status_code == 204
    problem(await http.post("/api/todos", json={"title": ""}), 422, "invalid_input")


@pytest.mark.requirement("RS1")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("PUT", "/todos"), ("GET", "/todos/1/skip"), ("DELETE", "/overview")),
        *(("GET", "/nothing"), ("GET", "/todos/"), ("GET", "/"), ("GET", "//todos"), ("GET", "/todos/x")),
        *(("GET", "/todos?limit=0"), ("GET", "/overview?x=1"), ("POST", "/todos"), ("GET", "/openapi.json")),
    ],
)
async def test_api_alone_refuses_and_describes_what_the_current_version_does(
    http: httpx2.AsyncClient, method: str, path: str
) -> None:
    short, long = [await http.request(method, prefix + path) for prefix in ("/api", "/api/v1")]

    assert (short.status_code, short.json()) == (long.status_code, long.json())
    assert short.headers.get("allow") == long.headers.get("allow")


@pytest.mark.requirement("RS3")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1x",
        "/api/v1x/todos",
        "/api/v1/v1/todos",
        "/api/v2/todos",
        "/api/v1/nothing",
        "/api/v1/todos/1/x",
    ],
)
async def test_an_address_that_is_none_is_a_404_problem(http: httpx2.AsyncClient, path: str) -> None:
    problem(await http.get(path), 404, "no_such_route")


@pytest.mark.requirement("RS1", "RS3")
@pytest.mark.parametrize(
    "path",
    ["/api/v1/todos/", "/api/v1/todos/1/", "/api/v1//todos", "/healthz/", "/docs/", "/api/v1/users/me/"],
)
async def test_a_trailing_slash_is_not_redirected(http: httpx2.AsyncClient, path: str) -> None:
    response = await http.get(path)

    assert "location" not in response.headers
    problem(response, 404, "no_such_route")


@pytest.mark.requirement("RS1", "RS3")
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/todos", {"GET", "POST"}),
        ("DELETE", "/api/v1/todos", {"GET", "POST"}),
        ("PUT", "/api/v1/todos/1", {"GET", "PATCH", "DELETE"}),
        ("POST", "/api/v1/todos/1/complete", {"PATCH"}),
        ("DELETE", "/api/v1/tokens", {"GET", "POST"}),
        ("POST", "/api/v1/changes", {"GET"}),
        ("DELETE", "/api/v1/overview", {"GET"}),
        ("PUT", "/api/v1/users/me", {"DELETE", "GET", "PATCH"}),
        ("POST", "/api/v1/admin/users", {"GET"}),
        ("PATCH", "/api/v1/admin/users/1", {"GET", "DELETE"}),
        ("GET", "/api/v1/admin/users/1/suspend", {"POST"}),
        ("POST", "/healthz", {"GET"}),
        ("DELETE", "/docs", {"GET"}),
        ("GET", "/mcp", {"POST"}),
    ],
)
async def test_a_method_that_is_not_allowed_is_a_405_problem_that_names_the_allowed_ones(
    http: httpx2.AsyncClient, method: str, path: str, allowed: set[str]
) -> None:
    response = await http.request(method, path)

    problem(response, 405, "method_not_allowed")
    assert {name.strip() for name in response.headers["allow"].split(",")} - {"HEAD"} == allowed


@pytest.mark.requirement("OP3")
async def test_healthz_answers_without_a_database() -> None:
    async with http_client(create_app(), None) as http:
        response = await http.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.requirement("OP3", "OP4")
async def test_without_its_database_it_lives_but_is_not_ready_and_says_when_to_retry(
    settings: Settings, postgres_url: str, fresh_database_url: str
) -> None:
    clock = MovableClock()
    app = build(settings, fresh_database_url, ADDRESS, clock=clock)
    async with app.running(), http_client(app, None) as http:
        assert (await http.get("/readyz")).json() == {"status": "ok"}
        core: Core = app.core
        token = await token_of(Caller(core, await core.identity.local("ann"), "test"))

        await drop_database(postgres_url, urlsplit(fresh_database_url).path.strip("/"))
        clock.move(READY_FOR)

        assert (await http.get("/healthz")).status_code == 200
        for path in ("/readyz", "/api/v1/todos"):
            response = await http.get(path, headers={"Authorization": f"Bearer {token}"})
            told = problem(response, 503, "unavailable")
            assert told["retryable"] is True
            assert int(response.headers["retry-after"]) >= 1
            assert "todo_" not in response.text


@pytest.mark.requirement("OP3")
async def test_a_plain_request_id_is_echoed_and_any_other_replaced(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/healthz", headers={"X-Request-Id": "aB-1._z"})).headers["x-request-id"] == "aB-1._z"

    made = [(await http.get("/healthz")).headers["x-request-id"] for _ in range(2)]
    for given in (b"", b"x" * 65, b"a b", b"<script>", b"\xff", b"a\tb"):
        response = await http.get("/healthz", headers=[(b"X-Request-Id", given)])
        made.append(response.headers["x-request-id"])
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in made)
    assert len(set(made)) == len(made)


@pytest.mark.requirement("OP3")
async def test_refusals_carry_a_request_id_too(http: httpx2.AsyncClient) -> None:
    sent = {"X-Request-Id": "mine"}
    responses = [
        await http.get("/api/v1/nothing", headers=sent),
        await http.post("/api/v1/todos", json={}, headers=sent),
        await http.post("/api/v1/todos", content=b"x" * 300_000, headers=sent),
        await http.post("/mcp", content=b"x", headers=sent),
    ]

    assert [response.headers.get("x-request-id") for response in responses] == ["mine"] * 4


async def test_a_request_leaves_nothing_that_only_a_collection_of_garbage_finds(
    http: httpx2.AsyncClient, todo: str
) -> None:
    gc.collect()
    gc.disable()
    try:
        for path in [todo, "/api/v1/todos", "/api/v1/todos?limit=0"] * 10:
            await http.get(path)
        left = sum(isinstance(one, Exchange) for one in gc.get_objects())
    finally:
        gc.enable()

    assert left == 0
