"""Answers are JSON; whoever accepts none is told so before anything happens (RFC 9110 §12.5.1)."""

from __future__ import annotations

import httpx2
import pytest

from tests.faces import http_client
from tests.rest.problems import problem
from todo_app.application import Application

pytestmark = pytest.mark.requirement("RS1", "RS3")

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
ACCEPTED = (
    *("application/json", "application/*", "*/*", "*/*;q=0.1", "application/json;q=0.001", "APPLICATION/JSON"),
    *(BROWSER, "text/html, application/json", "application/json;charset=utf-8", " application/json ; q=1 ", ""),
    *("*/*;q=0, application/json", "application/*;q=0, application/json", "text/html;q=0, */*", "text/*,*/*;q=0.5"),
)
REFUSED = (
    *(
        "text/html",
        "text/*",
        "application/xml",
        "application/jsonp",
        "application/json;q=0",
        "application/json;q=0.000",
    ),
    *("application/xml, */*;q=0", "application/json;q=0, */*", "application/*;q=0, */*", "*/*;q=0", "json", "*"),
    *("application/json;Q=0, */*", "application/problem+json", "image/png,text/html;q=0.9"),
)


@pytest.mark.parametrize("accept", ACCEPTED)
async def test_whoever_accepts_json_gets_it(http: httpx2.AsyncClient, accept: str) -> None:
    response = await http.get("/api/v1/todos", headers={"Accept": accept})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


async def test_whoever_says_nothing_gets_json(http: httpx2.AsyncClient) -> None:
    del http.headers["accept"]

    assert (await http.get("/api/v1/todos")).status_code == 200


@pytest.mark.parametrize("accept", REFUSED)
async def test_whoever_accepts_no_json_is_406(http: httpx2.AsyncClient, accept: str) -> None:
    response = await http.get("/api/v1/todos", headers={"Accept": accept})

    assert problem(response, 406, "not_acceptable")["retryable"] is False


async def test_several_headers_are_one_list(http: httpx2.AsyncClient) -> None:
    """RFC 9110 §5.3."""
    del http.headers["accept"]
    both = [("Accept", "text/html"), ("Accept", "application/json")]

    for headers in (both, both[::-1]):
        assert (await http.get("/api/v1/todos", headers=headers)).status_code == 200
    nowhere = [("Accept", "text/html"), ("Accept", "application/xml")]
    assert (await http.get("/api/v1/todos", headers=nowhere)).status_code == 406


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/todos", {"title": "b"}),
        ("POST", "/api/v1/todos/batch", {"action": "add", "todos": [{"title": "b"}]}),
        ("PATCH", "{todo}", {"title": "b"}),
        ("PATCH", "{todo}/complete", None),
        ("PATCH", "/api/v1/users/me", {"display_name": "b"}),
        ("POST", "/api/v1/tokens", {"name": "b"}),
    ],
)
async def test_a_write_whose_answer_would_not_be_accepted_does_not_happen(
    http: httpx2.AsyncClient, todo: str, method: str, path: str, body: object
) -> None:
    before = (await http.get("/api/v1/overview")).json()["last_change_id"]
    more = {} if body is None else {"json": body}

    response = await http.request(method, path.format(todo=todo), headers={"Accept": "text/html"}, **more)

    problem(response, 406, "not_acceptable")
    assert (await http.get("/api/v1/overview")).json()["last_change_id"] == before
    again = await http.request(method, path.format(todo=todo), headers={"Accept": BROWSER}, **more)
    assert again.status_code in (200, 201)


async def test_an_answer_without_a_body_needs_nothing_to_be_accepted(http: httpx2.AsyncClient, todo: str) -> None:
    token = (await http.post("/api/v1/tokens", json={"name": "x"})).json()["id"]

    for accept in ("text/html", "application/json;q=0"):
        assert (await http.delete(todo, headers={"Accept": accept})).status_code == 204
        assert (await http.delete(f"/api/v1/tokens/{token}", headers={"Accept": accept})).status_code == 204


async def test_a_refusal_is_a_problem_whatever_is_accepted(app: Application, http: httpx2.AsyncClient) -> None:
    html = {"Accept": "text/html"}

    problem(await http.delete(f"/api/v1/todos/{2**62}", headers=html), 404, "not_found")
    problem(await http.get("/api/v1/nothing", headers=html), 404, "no_such_route")
    problem(await http.put("/api/v1/todos", headers=html), 405, "method_not_allowed")
    async with http_client(app, None) as nobody:
        problem(await nobody.delete("/api/v1/todos/1", headers=html), 401, "unauthenticated")


async def test_health_and_contract_are_there_for_whatever_asks(app: Application) -> None:
    async with http_client(app, None) as nobody:
        for path in ("/healthz", "/readyz", "/api/v1/openapi.json"):
            response = await nobody.get(path, headers={"Accept": "text/plain"})
            assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
