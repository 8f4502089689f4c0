"""Headers that every answer has, whoever gives it: the route, the router, MCP's SDK or a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from tests.bad_values import LIMIT
from tests.databases import drop_database
from tests.faces import ADDRESS, http_client, rpc
from tests.rest.problems import problem
from tests.rest.support import ORIGIN
from tests.support import MISTAKE, token_of
from tests.tables import each
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("RS5")

Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]
TODOS: Final = "/api/v1/todos"
NOBODY: Final = {"Authorization": ""}


async def new(http: httpx2.AsyncClient) -> str:
    return str((await http.post(TODOS, json={"title": "a"})).headers["location"])


async def not_modified(http: httpx2.AsyncClient) -> httpx2.Response:
    address = await new(http)
    return await http.get(address, headers={"If-None-Match": (await http.get(address)).headers["etag"]})


async def no_content(http: httpx2.AsyncClient) -> httpx2.Response:
    return await http.delete(await new(http))


async def outdated(http: httpx2.AsyncClient) -> httpx2.Response:
    return await http.patch(await new(http), json={"title": "b"}, headers={"If-Match": '"7"'})


async def undone_twice(http: httpx2.AsyncClient) -> httpx2.Response:
    change = (await http.post(TODOS, json={"title": "a"})).headers["change-id"]
    await http.post(f"/api/v1/changes/{change}/undo")
    return await http.post(f"/api/v1/changes/{change}/undo")


KINDS: Final[dict[str, tuple[int, Ask]]] = {
    "a page": (200, lambda http: http.get(TODOS)),
    "a new row": (201, lambda http: http.post(TODOS, json={"title": "a"})),
    "no content": (204, no_content),
    "not modified": (304, not_modified),
    "no JSON": (400, lambda http: http.post(TODOS, content=b"{", headers={"content-type": "application/json"})),
    "no token": (401, lambda http: http.get(TODOS, headers=NOBODY)),
    "no admin": (403, lambda http: http.get("/api/v1/admin/users")),
    "no such row": (404, lambda http: http.get(f"{TODOS}/{2**62}")),
    "no such address": (404, lambda http: http.get("/nothing")),
    "no such route": (404, lambda http: http.get("/api/v1/nothing")),
    "no such method": (405, lambda http: http.put(TODOS)),
    "nothing acceptable": (406, lambda http: http.get(TODOS, headers={"Accept": "text/html"})),
    "undone already": (409, undone_twice),
    "outdated": (412, outdated),
    "too large": (413, lambda http: http.post(TODOS, content=b"x" * (LIMIT + 1))),
    "another type": (415, lambda http: http.post(TODOS, content=b"x", headers={"content-type": "text/plain"})),
    "compressed": (415, lambda http: http.post(TODOS, content=b"x", headers={"content-encoding": "gzip"})),
    "bad input": (422, lambda http: http.post(TODOS, json={})),
    "MCP 2026-07-28": (200, lambda http: rpc(http, "mcp-2026", "tools/list")),
    "MCP 2025-11-25": (200, lambda http: rpc(http, "mcp-2025", "tools/list")),
    "MCP malformed": (400, lambda http: http.post("/mcp", content=b"{}", headers=MCP)),
    "MCP without a token": (401, lambda http: rpc(http, "mcp-2026", "tools/list", headers={"authorization": ""})),
    "MCP from elsewhere": (403, lambda http: rpc(http, "mcp-2026", "tools/list", headers={"origin": "https://x.test"})),
    "MCP by GET": (405, lambda http: http.get("/mcp")),
    "MCP nothing acceptable": (406, lambda http: rpc(http, "mcp-2025", "tools/list", headers={"accept": "text/html"})),
    "MCP too large": (413, lambda http: http.post("/mcp", content=b"x" * (LIMIT + 1), headers=MCP)),
    "MCP another type": (415, lambda http: rpc(http, "mcp-2025", "tools/list", headers={"content-type": "text/xml"})),
    "MCP compressed": (415, lambda http: rpc(http, "mcp-2025", "tools/list", headers={"content-encoding": "gzip"})),
    "MCP at another host": (421, lambda http: rpc(http, "mcp-2026", "tools/list", headers={"host": "x.test"})),
    "health": (200, lambda http: http.get("/healthz")),
    "readiness": (200, lambda http: http.get("/readyz")),
    "the contract": (200, lambda http: http.get("/api/v1/openapi.json")),
    "a file of the page": (200, lambda http: http.get("/docs/swagger-ui.css")),
    "REST at another host": (421, lambda http: http.get(TODOS, headers={"host": "x.test"})),
}
MCP: Final = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
EVERY_KIND = each(("status", "ask"), KINDS.values(), ids=KINDS.keys())
NOTHING: Final = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"


def only(response: httpx2.Response, name: str) -> str | None:
    """A header's value; there must not be two."""
    values = response.headers.get_list(name)
    assert len(values) <= 1, f"{name}: {values}"
    return values[0] if values else None


def check(response: httpx2.Response, *, policy: str = NOTHING) -> None:
    assert only(response, "x-content-type-options") == "nosniff"
    assert only(response, "referrer-policy") == "no-referrer"
    assert only(response, "cross-origin-resource-policy") == "same-site"
    assert only(response, "content-security-policy") == policy
    assert only(response, "x-request-id")
    assert not response.headers.keys() & {"server", "x-powered-by", "set-cookie"}


@EVERY_KIND
async def test_every_answer_has_the_security_headers_once(http: httpx2.AsyncClient, status: int, ask: Ask) -> None:
    response = await ask(http)

    assert response.status_code == status
    check(response)


@EVERY_KIND
async def test_an_answer_is_private_and_asked_for_anew(http: httpx2.AsyncClient, status: int, ask: Ask) -> None:
    response = await ask(http)

    assert (response.status_code, only(response, "cache-control")) == (status, "private, no-cache")


async def test_a_new_token_is_stored_nowhere(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    for _ in range(2):
        made = await http.post("/api/v1/tokens", json={"name": "x"}, headers=key)
        assert (made.status_code, only(made, "cache-control")) == (201, "no-store")
        check(made)
    assert only(await http.get("/api/v1/tokens"), "cache-control") == "private, no-cache"


@EVERY_KIND
async def test_without_https_nobody_is_told_to_insist_on_it(http: httpx2.AsyncClient, status: int, ask: Ask) -> None:
    response = await ask(http)

    assert (response.status_code, only(response, "strict-transport-security")) == (status, None)


@EVERY_KIND
async def test_with_an_https_address_every_answer_insists_on_it(
    public: httpx2.AsyncClient, status: int, ask: Ask
) -> None:
    response = await ask(public)

    assert (response.status_code, only(response, "strict-transport-security")) == (status, "max-age=31536000")
    check(response)


@pytest.mark.parametrize("public_url", [None, "http://localhost:8000", "https://todo.example.test"])
async def test_only_an_https_address_is_one_to_insist_on(settings: Settings, public_url: str | None) -> None:
    app = build(settings.model_copy(update={"public_url": public_url}), "postgresql://nowhere/none", ADDRESS)
    async with http_client(app, None) as http:
        response = await http.get("/healthz", headers={"X-Forwarded-Proto": "https"})

    insists = "strict-transport-security" in response.headers
    assert insists == (public_url is not None and public_url.startswith("https:"))


async def test_the_page_of_the_contract_loads_its_own_files_alone_and_nothing_may_frame_it(
    http: httpx2.AsyncClient,
) -> None:
    page = await http.get("/docs")

    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = only(page, "content-security-policy")
    assert policy is not None
    check(page, policy=policy)
    directives = dict(one.strip().partition(" ")[::2] for one in policy.split(";"))
    assert directives["default-src"] == directives["frame-ancestors"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert not [word for word in ("*", "unsafe", "http:", "https:", "//") if word in policy]


@pytest.fixture
async def broken(settings: Settings, postgres_url: str, fresh_database_url: str) -> AsyncIterator[httpx2.AsyncClient]:
    """The client of an application whose database is gone."""
    app: Application = build(settings, fresh_database_url, ADDRESS)
    async with app.running():
        core: Core = app.core
        token = await token_of(Caller(core, await core.identity.local("ann"), "test"))
        await drop_database(postgres_url, urlsplit(fresh_database_url).path.strip("/"))
        async with http_client(app, token) as client:
            yield client


async def test_an_answer_in_an_outage_has_them_too(broken: httpx2.AsyncClient) -> None:
    for path in (TODOS, "/readyz"):
        response = await broken.get(path)
        problem(response, 503, "unavailable")
        check(response)
        assert only(response, "cache-control") == "private, no-cache"


@pytest.mark.parametrize("origins", [(), (ORIGIN,)], ids=["for agents alone", "also for browsers"])
async def test_an_answer_to_a_crash_has_them_too(
    settings: Settings, fresh_database_url: str, origins: tuple[str, ...]
) -> None:
    app = build(settings.model_copy(update={"cors_origins": origins}), fresh_database_url, ADDRESS)
    async with app.running():
        core: Core = app.core
        token = await token_of(Caller(core, await core.identity.local("ann"), "test"))
        connection = await asyncpg.connect(fresh_database_url)
        await connection.execute(MISTAKE)
        await connection.close()
        async with http_client(app, token) as http:
            response = await http.post(TODOS, json={"title": "a"}, headers={"Origin": ORIGIN})

    problem(response, 500, "internal_error")
    check(response)
    assert response.headers.get_list("access-control-allow-origin") == [*origins]  # else it looks like being offline
    assert only(response, "cache-control") == "private, no-cache"
