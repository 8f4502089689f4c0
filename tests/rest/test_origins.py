"""Pages of other origins: those that are configured may call, and nobody else's may read anything (CORS)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import httpx2
import pytest

from tests.bad_values import LIMIT
from tests.exhaustive import combinations
from tests.faces import ADDRESS, FaceName, http_client, rpc
from tests.rest.support import ORIGIN
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("RS5", "RS7")

Ask = Callable[[httpx2.AsyncClient, dict[str, str]], Awaitable[httpx2.Response]]
ANSWERS: Final[dict[str, tuple[int, Ask]]] = {
    "a page": (200, lambda http, sent: http.get("/api/v1/todos", headers=sent)),
    "a new row": (201, lambda http, sent: http.post("/api/v1/todos", json={"title": "a"}, headers=sent)),
    "no token": (401, lambda http, sent: http.get("/api/v1/todos", headers=sent | {"Authorization": ""})),
    "no admin": (403, lambda http, sent: http.get("/api/v1/admin/users", headers=sent)),
    "no such row": (404, lambda http, sent: http.get(f"/api/v1/todos/{2**62}", headers=sent)),
    "no such address": (404, lambda http, sent: http.get("/nothing", headers=sent)),
    "no such method": (405, lambda http, sent: http.put("/api/v1/todos", headers=sent)),
    "nothing acceptable": (406, lambda http, sent: http.get("/api/v1/todos", headers=sent | {"Accept": "text/html"})),
    "too large": (413, lambda http, sent: http.post("/api/v1/todos", content=b"x" * (LIMIT + 1), headers=sent)),
    "bad input": (422, lambda http, sent: http.post("/api/v1/todos", json={}, headers=sent)),
    "health": (200, lambda http, sent: http.get("/healthz", headers=sent)),
}
EVERY_ANSWER = pytest.mark.parametrize(("status", "ask"), ANSWERS.values(), ids=ANSWERS.keys())
OTHERS: Final = (
    *("https://evil.example.test", f"{ORIGIN}.evil.test", f"{ORIGIN}:8443", f"{ORIGIN}:443", f"{ORIGIN}/"),
    *("http://web.example.test", "https://WEB.example.test", "https://example.test", "null", "*", "", f"x {ORIGIN}"),
    *("https://todo.example.test", f"{ORIGIN}, https://evil.example.test"),
)
MAY_SEND: Final = (
    *("authorization", "content-type", "idempotency-key", "if-match", "if-none-match", "x-request-id", "dry-run"),
    *("mcp-protocol-version", "mcp-method", "mcp-name", "prefer", "traceparent", "tracestate", "baggage"),
    *("proposal-reason", "last-event-id"),
    *("sentry-trace", "b3", "x-b3-traceid", "x-datadog-trace-id", "x-datadog-sampling-priority", "newrelic"),
    *("uber-trace-id", "x-amzn-trace-id", "request-id", "x-requested-with", "cache-control", "pragma"),
)
MAY_READ: Final = {
    *("etag", "location", "change-id", "idempotent-replayed", "dry-run", "retry-after", "x-request-id"),
    *("ratelimit", "ratelimit-policy", "www-authenticate", "link", "proposal-id", "proposal-expires"),
    "content-disposition",
}
FOR_NO_PAGE: Final = {
    *("cache-control", "x-content-type-options", "referrer-policy", "cross-origin-resource-policy", "vary"),
    *("content-security-policy", "strict-transport-security", "content-encoding", "x-accel-buffering"),
    *("accept-patch", "accept-encoding"),
}
"""Headers of answers that a browser reads itself, or lets every page read, or that say how the server is to be used."""


def names(header: str) -> set[str]:
    return {name.strip().lower() for name in header.split(",")}


def check_that_it_may_not_read(response: httpx2.Response) -> None:
    """A browser keeps the answer from the page."""
    assert "access-control-allow-origin" not in response.headers
    assert "access-control-allow-credentials" not in response.headers


@EVERY_ANSWER
async def test_the_configured_origin_may_read_every_answer(public: httpx2.AsyncClient, status: int, ask: Ask) -> None:
    response = await ask(public, {"Origin": ORIGIN})

    assert response.status_code == status
    assert response.headers.get_list("access-control-allow-origin") == [ORIGIN]
    assert "origin" in names(response.headers["vary"])
    assert "access-control-allow-credentials" not in response.headers
    assert names(response.headers["access-control-expose-headers"]) == MAY_READ


async def test_what_it_may_read_is_there_to_be_read(public: httpx2.AsyncClient) -> None:
    key = {"Origin": ORIGIN, "Idempotency-Key": "k"}
    read: set[str] = set()
    for _ in range(2):
        read |= (await public.post("/api/v1/todos", json={"title": "a"}, headers=key)).headers.keys()
    rehearsal = {"Origin": ORIGIN, "Dry-Run": "true"}
    read |= (await public.post("/api/v1/todos", json={"title": "a"}, headers=rehearsal)).headers.keys()
    read |= (await public.get("/api/v1/todos", headers=key | {"Authorization": ""})).headers.keys()

    others = {"retry-after", "link", "proposal-id", "proposal-expires", "content-disposition"}
    assert read >= MAY_READ - others


async def test_pages_may_send_and_read_all_that_the_contract_names(public_app: Application) -> None:
    document = public_app.api.openapi()
    sent = {
        given["name"].lower()
        for methods in document["paths"].values()
        for declared in methods.values()
        for given in declared.get("parameters", ())
        if given["in"] == "header"
    }

    assert sent <= {*MAY_SEND}
    assert {name.lower() for name in document["components"]["headers"]} - FOR_NO_PAGE == MAY_READ


@each(*combinations(answer=ANSWERS, origin=OTHERS))
async def test_any_other_origin_may_read_nothing(
    public: httpx2.AsyncClient, origin: str, answer: tuple[int, Ask]
) -> None:
    status, ask = answer
    response = await ask(public, {"Origin": origin})

    assert response.status_code == status
    check_that_it_may_not_read(response)
    assert not origin or origin == "*" or origin not in str(response.headers)


@each("origin", OTHERS)
async def test_any_other_origin_asks_in_vain(public: httpx2.AsyncClient, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}

    for path in ("/api/v1/todos", "/mcp", "/healthz"):
        preflight = await public.options(path, headers=asked)
        assert preflight.status_code == 400
        check_that_it_may_not_read(preflight)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
async def test_a_preflight_allows_our_methods_and_headers(public_app: Application, method: str) -> None:
    """A preflight has no token."""
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ",".join(MAY_SEND),
    }
    async with http_client(public_app, None) as nobody:
        for path in ("/api/v1/todos/1", "/api/v1/users/me", "/mcp"):
            preflight = await nobody.options(path, headers=asked)

            assert preflight.status_code == 200
            assert preflight.headers.get_list("access-control-allow-origin") == [ORIGIN]
            assert "origin" in names(preflight.headers["vary"])
            assert names(preflight.headers["access-control-allow-methods"]) == {
                "get",
                "head",
                "post",
                "patch",
                "delete",
            }
            assert names(preflight.headers["access-control-allow-headers"]) >= {*MAY_SEND}
            assert "access-control-allow-credentials" not in preflight.headers
            assert int(preflight.headers["access-control-max-age"]) <= 600


async def test_pages_that_may_call_may_do_so_on_a_private_network_and_no_others(public: httpx2.AsyncClient) -> None:
    """Chromium asks so where a page from the internet calls a server on the person's own machine."""
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Private-Network": "true"}

    allowed, refused = [
        await public.options("/api/v1/todos", headers=asked | {"Origin": origin}) for origin in (ORIGIN, OTHERS[0])
    ]

    assert (allowed.status_code, allowed.headers["access-control-allow-private-network"]) == (200, "true")
    assert refused.status_code == 400
    check_that_it_may_not_read(refused)


@pytest.mark.parametrize(
    "asked",
    [
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Request-Method": "TRACE"},
        {"Access-Control-Request-Headers": "x-evil"},
        {"Access-Control-Request-Headers": "authorization, x-forwarded-for"},
        {"Access-Control-Request-Headers": "cookie"},
    ],
)
async def test_a_preflight_refuses_other_methods_and_headers(public: httpx2.AsyncClient, asked: dict[str, str]) -> None:
    sent = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"} | asked

    assert (await public.options("/api/v1/todos/1", headers=sent)).status_code == 400


@pytest.mark.parametrize("generation", ["mcp-2026", "mcp-2025"])
async def test_a_page_of_the_configured_origin_may_be_an_agent(
    public: httpx2.AsyncClient, generation: FaceName
) -> None:
    listed = await rpc(public, generation, "tools/list", headers={"origin": ORIGIN})
    refused = await rpc(public, generation, "tools/list", headers={"origin": ORIGIN, "authorization": ""})

    assert (listed.status_code, refused.status_code) == (200, 401)
    for response in (listed, refused):
        assert response.headers.get_list("access-control-allow-origin") == [ORIGIN]
        assert "www-authenticate" in names(response.headers["access-control-expose-headers"])


@each("generation", ["mcp-2026", "mcp-2025"])
@each("origin", [origin for origin in OTHERS if origin and "todo.example" not in origin])
async def test_a_page_of_any_other_origin_is_no_agent(
    public: httpx2.AsyncClient, generation: FaceName, origin: str
) -> None:
    response = await rpc(public, generation, "tools/list", headers={"origin": origin})

    assert response.status_code == 403
    check_that_it_may_not_read(response)


async def test_without_configuration_no_origin_may_read_anything(http: httpx2.AsyncClient) -> None:
    for _, ask in ANSWERS.values():
        response = await ask(http, {"Origin": ORIGIN})
        assert not [name for name in response.headers if name.startswith("access-control-")]
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    preflight = await http.options("/api/v1/todos", headers=asked)
    assert preflight.status_code == 204
    assert not [name for name in preflight.headers if name.startswith("access-control-")]


WILD: Final = "https://*.preview.example.com"


async def test_apps_and_previews_are_origins_like_any_other(settings: Settings, database_url: str, ann: Caller) -> None:
    named = ("capacitor://localhost", "tauri://localhost", "chrome-extension://abcdefghijklmnop", WILD)
    welcome = (*named[:3], "https://pr-7.preview.example.com", "https://a.preview.example.com")
    others = (
        *("https://preview.example.com", "https://a.b.preview.example.com", "http://a.preview.example.com"),
        *(
            "https://a.preview.example.com.evil.test",
            "https://a.preview.example.com:8443",
            "https://.preview.example.com",
        ),
        *("https://evil.test/.preview.example.com", "https://axpreviewxexample.com", "https://a_b.preview.example.com"),
        *(
            "capacitor://localhost:1",
            "capacitor://evil",
            "chrome-extension://other",
            WILD,
            "https://A.preview.example.com",
        ),
    )
    application = build(settings.model_copy(update={"cors_origins": named}), database_url, ADDRESS)
    async with application.running(), http_client(application, await token_of(ann)) as http:
        for origin in (*welcome, *others):
            sent = {"Origin": origin}
            rest = await http.get("/api/v1/todos", headers=sent)
            mcp = await rpc(http, "mcp-2026", "tools/list", headers=sent)
            preflight = await http.options("/mcp", headers=sent | {"Access-Control-Request-Method": "POST"})
            may_read = [
                answer.headers.get("access-control-allow-origin") == origin for answer in (rest, mcp, preflight)
            ]
            assert {*may_read} == {origin in welcome}, origin
            assert (mcp.status_code == 200) == (origin in welcome), origin
