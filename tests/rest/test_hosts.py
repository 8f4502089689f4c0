"""The server goes by its own names, and no answer repeats another: links and caches would be poisoned with it."""

from __future__ import annotations

from typing import Final

import httpx2
import pytest

from tests.bad_values import MARKER
from tests.exhaustive import crossed
from tests.faces import BASE, http_client, rpc
from tests.rest.problems import problem
from tests.tables import each
from todo_app.address import Address
from todo_app.application import Application, build
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("RS5")

EVIL: Final = f"{MARKER}.example.com"
HEADERS: Final[dict[str, dict[str, str]]] = {
    "Host": {"Host": EVIL},
    "Host with a port": {"Host": f"127.0.0.1:8000:{EVIL}"},
    "Host with credentials": {"Host": f"127.0.0.1:8000@{EVIL}"},
    "Host with a path": {"Host": f"127.0.0.1:8000/{EVIL}"},
    "X-Forwarded-Host": {"X-Forwarded-Host": EVIL},
    "X-Forwarded": {"X-Forwarded-Host": EVIL, "X-Forwarded-Proto": MARKER, "X-Forwarded-Port": MARKER},
    "X-Forwarded-Prefix": {"X-Forwarded-Prefix": f"/{MARKER}", "X-Script-Name": f"/{MARKER}"},
    "Forwarded": {"Forwarded": f'host="{EVIL}";proto={MARKER};for={MARKER}'},
    "X-Original-URL": {"X-Original-URL": f"/{MARKER}", "X-Rewrite-URL": f"/{MARKER}"},
    "X-Host": {"X-Host": EVIL, "X-HTTP-Host-Override": EVIL, "X-Forwarded-Server": EVIL},
}
EVERY_HEADER = pytest.mark.parametrize("sent", HEADERS.values(), ids=HEADERS.keys())
PATHS: Final = (
    *("/api/v1/todos", "/api/v1/todos/", "/api/v1/users/me", f"/api/v1/todos/{2**62}", "/api/v1/nothing", "/"),
    *("/healthz", "/healthz/", "/readyz", "/docs", "/docs/", "/api/v1/openapi.json"),
    *("/mcp", "/mcp/", "/.well-known/oauth-protected-resource/mcp"),
)


def check(response: httpx2.Response) -> None:
    """Neither an echo nor a way to go."""
    assert MARKER.lower() not in response.text.lower()
    assert MARKER.lower() not in str(response.headers).lower()
    assert not 300 <= response.status_code < 400
    assert not response.headers.keys() & {"location", "content-location", "refresh", "link"}


@crossed(sent=HEADERS, path=PATHS)
async def test_no_answer_repeats_where_it_was_asked(
    http: httpx2.AsyncClient, app: Application, path: str, sent: dict[str, str]
) -> None:
    check(await http.get(path, headers=sent))
    async with http_client(app, None) as nobody:
        check(await nobody.get(path, headers=sent))


OTHERS: Final = (
    *("evil.test", "localhost", "localhost:80", "localhost:80001", "localhost:8000.evil.test", "127.0.0.1:8001", ""),
    *("127.0.0.1:8000,evil.test", "127.0.0.1:8000.", "0.0.0.0:8000", "[::1]", "user@127.0.0.1:8000"),
)


@each("host", OTHERS)
@each("path", ["/api/v1/todos", "/api/todos", "/docs", "/api/v1/openapi.json", "/nothing"])
async def test_a_host_that_is_not_exactly_ours_is_421_with_whatever_token(
    http: httpx2.AsyncClient, app: Application, path: str, host: str
) -> None:
    async with http_client(app, None) as nobody:
        for client in (http, nobody):
            problem(await client.get(path, headers={"Host": host}), 421, "host_not_allowed")


async def test_a_write_to_another_host_does_not_happen(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/v1/todos", json={"title": "a"}, headers={"Host": "evil.test"})

    problem(answer, 421, "host_not_allowed")
    assert (await http.get("/api/v1/todos")).json()["total"] == 0


@each("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000", "LocalHost:8000"])
async def test_our_own_hosts_are_welcome_in_whatever_case(http: httpx2.AsyncClient, host: str) -> None:
    """RFC 9110 §4.2.3: a host is the same in whatever case."""
    assert (await http.get("/api/v1/todos", headers={"Host": host})).status_code == 200
    assert (await rpc(http, "mcp-2026", "tools/list", headers={"Host": host})).status_code == 200


async def test_the_public_url_and_the_allowed_hosts_are_welcome(settings: Settings) -> None:
    """A client leaves out the port of the scheme, or does not."""
    named = {"public_url": "https://todo.example.test", "allowed_hosts": ("10.1.2.3:8000", "Todo.LAN:8000")}
    app = build(settings.model_copy(update=named), "postgresql://nowhere/none", Address("127.0.0.1", 80))
    hosts = [
        "todo.example.test",
        "todo.example.test:443",
        "10.1.2.3:8000",
        "todo.lan:8000",
        "TODO.example.test",
        "localhost",
        "localhost:80",
        "[::1]",
    ]
    async with http_client(app, None) as http:
        told = {host: (await http.get("/docs", headers={"Host": host})).status_code for host in (*hosts, "evil.test")}

    assert told == dict.fromkeys(hosts, 200) | {"evil.test": 421}


@pytest.mark.parametrize("host", OTHERS)
async def test_health_answers_by_any_name(app: Application, host: str) -> None:
    async with http_client(app, None) as nobody:
        for path in ("/healthz", "/readyz"):
            assert (await nobody.get(path, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("name", [name for name, sent in HEADERS.items() if "Host" not in sent])
async def test_the_address_of_a_new_row_is_a_path_and_nothing_else(http: httpx2.AsyncClient, name: str) -> None:
    sent = HEADERS[name]
    todo = await http.post("/api/v1/todos", json={"title": "a"}, headers=sent)
    token = await http.post("/api/v1/tokens", json={"name": "a"}, headers=sent)

    for made, address in ((todo, f"/api/v1/todos/{todo.json()['id']}"), (token, "/api/v1/tokens")):
        assert (made.status_code, made.headers["location"]) == (201, address)
        assert MARKER.lower() not in made.text.lower() + str(made.headers).lower()


@EVERY_HEADER
async def test_mcp_is_served_at_the_configured_host_alone_and_repeats_no_other(
    http: httpx2.AsyncClient, sent: dict[str, str]
) -> None:
    for generation in ("mcp-2026", "mcp-2025"):
        response = await rpc(http, generation, "tools/list", headers=sent)  # type: ignore[arg-type]

        assert response.status_code == (421 if "Host" in sent else 200)
        check(response)


@pytest.mark.parametrize(
    "target",
    [
        *(f"//{EVIL}", f"//{EVIL}/", f"//{EVIL}/%2E%2E", f"///{EVIL}", f"/\\{EVIL}", f"/%2F{EVIL}", f"/%5C{EVIL}"),
        *(f"/api/v1/todos//{EVIL}", f"/api/v1/todos/%2E%2E//{EVIL}/", f"/docs//{EVIL}", f"/mcp//{EVIL}"),
        *(f"/.{EVIL}", f"/@{EVIL}", f"/{EVIL}/..;/", f"/%0D%0ALocation:%20{EVIL}", f"/?next=//{EVIL}"),
    ],
)
async def test_an_address_that_looks_like_another_host_leads_nowhere(http: httpx2.AsyncClient, target: str) -> None:
    """Sent as it is: a redirect to `//evil` would be one to another host."""
    url = httpx2.URL(BASE).copy_with(raw_path=target.encode())
    for method in ("GET", "POST"):
        response = await http.send(http.build_request(method, url), follow_redirects=False)

        assert response.request.url.raw_path == target.encode()
        assert response.request.url.host == "127.0.0.1"
        problem(response, 404, "no_such_route")
        check(response)
