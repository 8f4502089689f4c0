"""The endpoint itself: methods, who calls, from where, and how much."""

from __future__ import annotations

import json

import httpx2
import pytest

from tests.bad_values import LIMIT, MARKER, RAW
from tests.faces import FaceName, call, http_client, rpc, turned_away
from tests.rest.problems import problem
from tests.tables import each
from todo_app.application import Application


@pytest.mark.requirement("MC2")
@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD"])
async def test_any_method_but_post_is_405(http: httpx2.AsyncClient, method: str) -> None:
    response = await http.request(method, "/mcp", headers={"accept": "text/event-stream"})

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        problem(response, 405, "method_not_allowed")


@pytest.mark.requirement("MC2", "RS3")
async def test_any_method_but_post_is_405_without_a_token_too(app: Application) -> None:
    async with http_client(app, None) as nobody:
        assert (await nobody.options("/mcp")).headers["allow"] == "POST"
        for method in ("GET", "DELETE"):
            response = await nobody.request(method, "/mcp")
            problem(response, 405, "method_not_allowed")
            assert response.headers["allow"] == "POST"


@pytest.mark.requirement("MC4", "ID7")
@each("authorization", [None, "", "Bearer", f"Bearer {MARKER}", f"Basic {MARKER}"])
@each("method", ["tools/list", "ping", "initialize", "server/discover"])
async def test_without_a_valid_token_everything_is_401(
    app: Application, generation: FaceName, method: str, authorization: str | None
) -> None:
    async with http_client(app, None) as http:
        headers = {} if authorization is None else {"authorization": authorization}
        response = await rpc(http, generation, method, headers=headers)

    turned_away(response, 401, "unauthenticated")
    presented = authorization == f"Bearer {MARKER}"
    assert response.headers["www-authenticate"] == ('Bearer error="invalid_token"' if presented else "Bearer")
    assert MARKER not in response.text


@pytest.mark.requirement("RS5")
@each(
    "host",
    [
        "localhost:8000.evil.com",
        "localhost:80001",
        "localhost",
        "localhost:1.evil.com",
        "evil.com",
        "127.0.0.1:8001",
        "",
    ],
)
async def test_a_host_that_is_not_exactly_ours_is_421(
    http: httpx2.AsyncClient, generation: FaceName, host: str
) -> None:
    assert (await rpc(http, generation, "tools/list", headers={"host": host})).status_code == 421


@pytest.mark.requirement("RS5")
@each(
    "origin",
    [
        "http://localhost:1.evil.com",
        "http://localhost:8000.evil.com",
        "http://localhost:80001",
        "http://evil.com",
        "https://localhost:8000",
        "null",
        "file://",
    ],
)
async def test_an_origin_that_is_not_exactly_ours_is_403(
    http: httpx2.AsyncClient, generation: FaceName, origin: str
) -> None:
    assert (await rpc(http, generation, "tools/list", headers={"origin": origin})).status_code == 403


@pytest.mark.requirement("RS5")
@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
async def test_our_own_host_and_origin_are_welcome(http: httpx2.AsyncClient, generation: FaceName, host: str) -> None:
    for headers in ({"host": host}, {"host": host, "origin": f"http://{host}"}):
        assert (await rpc(http, generation, "tools/list", headers=headers)).status_code == 200


@pytest.mark.requirement("RS5")
@pytest.mark.parametrize("size", [LIMIT + 1, 5_000_000])
async def test_a_body_beyond_the_limit_is_413(http: httpx2.AsyncClient, generation: FaceName, size: int) -> None:
    response = await call(http, generation, "add_todos", {"todos": [{"title": MARKER.ljust(size)}]})

    problem(response, 413, "body_too_large")
    assert MARKER not in response.text
    assert (await http.get("/api/v1/todos")).json()["total"] == 0


@pytest.mark.requirement("MC4")
@each(
    "raw",
    [*RAW.values(), json.dumps({MARKER: 1}).encode(), json.dumps([{"jsonrpc": "2.0", "x": MARKER}]).encode(), b""],
    ids=[*RAW.keys(), "no request", "batch", "empty"],
)
async def test_what_is_no_request_is_refused_without_an_echo(
    http: httpx2.AsyncClient, generation: FaceName, raw: bytes
) -> None:
    version = "2026-07-28" if generation == "mcp-2026" else "2025-11-25"
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": version,
        "mcp-method": "tools/list",
    }
    response = await http.post("/mcp", content=raw, headers=headers)

    assert 400 <= response.status_code < 500
    assert MARKER not in response.text
    assert "pydantic" not in response.text


@pytest.mark.requirement("MC2", "RS3")
@each(
    "kind", ["text/plain", "application/xml", "application/jsonp", "application/merge-patch+json", "json", MARKER, ""]
)
async def test_another_content_type_is_a_415_problem(http: httpx2.AsyncClient, generation: FaceName, kind: str) -> None:
    response = await rpc(http, generation, "tools/list", headers={"content-type": kind})

    problem(response, 415, "unsupported_media_type")
    assert MARKER not in response.text


@pytest.mark.requirement("MC2", "RS3")
@each("accept", ["text/html", "application/xml", "image/png, text/*", MARKER])
async def test_whoever_accepts_no_json_gets_a_406_problem(
    http: httpx2.AsyncClient, generation: FaceName, accept: str
) -> None:
    response = await rpc(http, generation, "tools/list", headers={"accept": accept})

    problem(response, 406, "not_acceptable")
    assert MARKER not in response.text


@pytest.mark.requirement("MC2")
@each(
    "accept",
    [
        *("application/json, text/event-stream", "application/json", "*/*", "application/*", ""),
        *("text/event-stream, */*", "TEXT/event-stream;q=0.5, application/json", "text/event-stream;q=0, */*"),
    ],
)
async def test_whoever_accepts_json_gets_it(http: httpx2.AsyncClient, generation: FaceName, accept: str) -> None:
    response = await rpc(http, generation, "tools/list", headers={"accept": accept})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


@pytest.mark.requirement("MC9")
async def test_whoever_does_not_say_what_it_accepts_gets_json(http: httpx2.AsyncClient, generation: FaceName) -> None:
    sent = (await rpc(http, generation, "tools/list")).request
    headers = [(name, value) for name, value in sent.headers.items() if name not in ("accept", "content-length")]
    request = httpx2.Request("POST", sent.url, content=sent.content, headers=headers)
    assert "accept" not in request.headers

    response = await http.send(request)

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


@pytest.mark.requirement("MC9")
@each(
    "accept", ["text/event-stream", "text/event-stream;q=0.9, text/html", "application/json;q=0.1, text/event-stream"]
)
async def test_whoever_likes_events_best_gets_the_answer_as_one(
    http: httpx2.AsyncClient, generation: FaceName, accept: str
) -> None:
    response = await rpc(http, generation, "tools/list", headers={"accept": accept})
    plain = await rpc(http, generation, "tools/list")

    assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream")
    assert response.text == f"event: message\ndata: {plain.text}\n\n"
    assert int(response.headers["content-length"]) == len(response.content)


@pytest.mark.requirement("MC9")
async def test_a_slash_behind_the_address_changes_nothing(http: httpx2.AsyncClient, generation: FaceName) -> None:
    sent = (await rpc(http, generation, "tools/list")).request

    answer = await http.post("/mcp/", content=sent.content, headers=sent.headers)

    assert (answer.status_code, len(answer.json()["result"]["tools"])) == (200, 16)
    assert (await http.get("/mcp/")).headers["allow"] == "POST"
    assert (await http.post("/mcp//", content=sent.content, headers=sent.headers)).status_code == 404


@pytest.mark.requirement("MC2")
async def test_another_protocol_version_is_a_4xx(http: httpx2.AsyncClient, generation: FaceName) -> None:
    response = await rpc(http, generation, "tools/list", headers={"mcp-protocol-version": MARKER})

    assert 400 <= response.status_code < 500
    assert MARKER not in response.text


@pytest.mark.requirement("RS5")
async def test_what_is_refused_for_its_host_or_origin_is_not_echoed(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    for headers in ({"host": f"{MARKER}.example"}, {"origin": f"https://{MARKER}.example"}):
        response = await rpc(http, generation, "tools/list", headers=headers)
        assert response.status_code in (403, 421)
        assert MARKER.lower() not in response.text.lower() + str(response.headers).lower()


@pytest.mark.requirement("MC4")
async def test_a_request_whose_id_is_none_is_refused_and_no_notification(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    sent = (await rpc(http, generation, "tools/list")).request
    headers = {name: value for name, value in sent.headers.items() if name != "content-length"}
    for number in ("null", "1.5", "7.0", "true", "[7]", '{"a":1}', '7,"id":null', '7,"\\u0069d":null'):
        for method in ("ping", "tools/list", "notifications/initialized"):
            body = f'{{"jsonrpc":"2.0","method":"{method}","id":{number}}}'
            answer = await http.post("/mcp", content=body, headers=headers | {"mcp-method": method})

            told = answer.json()
            assert (answer.status_code, told["id"], told["error"]["code"]) == (400, None, -32600), body
            assert len(answer.content) < 200

    for body, status in (
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', 202),
        (b'{"jsonrpc":"2.0","id":"a","method":"ping"}', 200),
    ):
        method = json.loads(body)["method"]
        sent = await http.post("/mcp", content=body, headers=headers | {"mcp-method": method})
        assert sent.status_code == status or generation == "mcp-2026"  # which wants more of a request
