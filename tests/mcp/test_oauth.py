"""MCP as an OAuth 2.1 protected resource, with the SDK's own OAuth client and on the wire."""

from __future__ import annotations

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from mcp.shared.exceptions import MCPError
from pydantic import AnyUrl

from mcp_server.toolbox import EXPOSED
from tests.bad_values import MARKER
from tests.faces import ADDRESS, FaceName, Json, McpFace, call, http_client, refused, rpc, turned_away
from tests.mcp.authorization_server import AuthorizationServer, Person, serving
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.identity.jwts import LEEWAY
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("ID5")

PUBLIC: Final = "https://todo.example.test"
RESOURCE: Final = f"{PUBLIC}/mcp"
METADATA: Final = f"{PUBLIC}/.well-known/oauth-protected-resource/mcp"
CALLBACK: Final = "http://127.0.0.1:33418/callback"
FIRST: Final = "todos:read todos:write profile"
LAPSED: Final = -int(LEEWAY.total_seconds()) - 1
NEEDS: Final = {tool: OPERATIONS[name].scope for name, tool in EXPOSED.items()}
"""The scope of each tool."""
ARGUMENTS: Final[dict[str, Json]] = {
    "add_todos": {"todos": [{"title": "x"}]},
    "update_todos": {"todos": [{"id": 1, "title": "x"}]},
    "complete_todos": {"ids": [1]},
    "delete_todos": {"ids": [1]},
    "add_lists": {"lists": [{"name": "x"}]},
    "update_lists": {"lists": [{"id": 1, "name": "x"}]},
    "delete_lists": {"ids": [1]},
    "update_tag": {"id": 1, "action": "delete"},
    "search": {"query": "x"},
    "fetch": {"id": "1"},
    "undo": {"change_id": 1},
}
"""Of those tools that need some."""


@pytest.fixture(scope="session")
async def authorization_server() -> AsyncIterator[AuthorizationServer]:
    async with serving() as server:
        yield server


@pytest.fixture(scope="session")
async def protected(authorization_server: AuthorizationServer, database_url: str) -> AsyncIterator[Application]:
    """The application with an authorization server, known to its clients by another name than it listens at."""
    trusted = {
        "issuer": authorization_server.issuer,
        "audience": [RESOURCE],
        "jwks_url": authorization_server.jwks_url,
        "authorization_server": True,
    }
    settings = Settings.load(issuers=[trusted], public_url=PUBLIC, login_limit="off")
    application = build(settings, database_url, ADDRESS)
    async with application.running():
        yield application


@dataclass
class Storage:
    """What an OAuth client remembers between its starts."""

    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


@dataclass
class Agent:
    """The SDK's client with its OAuth provider, of a person at a browser."""

    mcp: McpFace
    provider: OAuthClientProvider
    storage: Storage
    _requests: list[str] = field(default_factory=list)

    def requests(self) -> list[str]:
        """Status, method and path of each request since the last time this was asked; for MCP also what it called.

        Without the `tools/list` that the SDK's client sends on its own to know what a tool promises to answer.
        """
        sent = [request for request in self._requests if not request.endswith("tools/list")]
        self._requests.clear()
        return sent


@asynccontextmanager
async def agent(
    generation: FaceName, app: Application, person: Person, storage: Storage | None = None
) -> AsyncIterator[Agent]:
    """An agent that knows only the URL of our endpoint, and what it has stored."""
    storage = storage or Storage()
    metadata = OAuthClientMetadata(redirect_uris=[AnyUrl(CALLBACK)], client_name="Agent")
    provider = OAuthClientProvider(RESOURCE, metadata, storage, person.open, person.come_back)
    requests: list[str] = []

    async def note(response: httpx2.Response) -> None:
        request = response.request
        line = f"{response.status_code} {request.method} {request.url.path}"
        requests.append(f"{line} {json.loads(request.content)['method']}" if request.url == RESOURCE else line)

    async with AsyncExitStack() as stack:
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        http = httpx2.AsyncClient(
            auth=provider, mounts={PUBLIC: transport}, event_hooks={"response": [note]}, trust_env=False
        )
        await stack.enter_async_context(http)
        connection = streamable_http_client(RESOURCE, http_client=http, terminate_on_close=False)
        mode = "legacy" if generation == "mcp-2025" else "2026-07-28"
        client = await stack.enter_async_context(Client(connection, mode=mode))
        yield Agent(McpFace(client), provider, storage, requests)


_AUTHORIZATION: Final = ["200 POST /auth/token"]
_DISCOVERY: Final = [
    "200 GET /.well-known/oauth-protected-resource/mcp",
    "200 GET /.well-known/oauth-authorization-server/auth",
]
_REGISTRATION: Final = ["201 POST /auth/register"]
_OPENING: Final[dict[str, list[str]]] = {
    "mcp-2026": ["POST /mcp tools/call"],
    "mcp-2025": ["POST /mcp initialize", "202 POST /mcp notifications/initialized", "200 POST /mcp tools/call"],
}
"""Up to the first tool's answer; the first of them is what is refused."""


async def test_an_agent_finds_its_way_from_a_401_to_a_tools_answer_and_from_a_403_to_more_scopes(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    person = authorization_server.person("todos:read")
    async with agent(generation, protected, person) as found:
        assert (await found.mcp.call("list_todos"))["todos"] == []
        first = found.requests()
        (reading,) = person.tokens

        person.approves = {"todos:read", "todos:write"}
        added = await found.mcp.add({"title": "water the plants"})
        second = found.requests()
        rows = (await found.mcp.call("list_todos"))["todos"]
        third = found.requests()

    refused, *accepted = _OPENING[generation]
    assert first == [f"401 {refused}", *_DISCOVERY, *_REGISTRATION, *_AUTHORIZATION, f"200 {refused}", *accepted]
    assert second == ["403 POST /mcp tools/call", *_AUTHORIZATION, "200 POST /mcp tools/call"]
    assert third == ["200 POST /mcp tools/call"]
    assert [row["id"] for row in rows] == added.accepted

    before, after = person.asked
    assert (before["scope"], {*after["scope"].split()}) == (FIRST, {*FIRST.split()})
    assert before["resource"] == after["resource"] == RESOURCE
    assert (reading["aud"], reading["scope"]) == (RESOURCE, "todos:read")
    writing = person.tokens[1]
    assert (writing["aud"], writing["scope"]) == (RESOURCE, "todos:read todos:write")
    assert found.storage.tokens is not None
    assert found.storage.tokens.scope == writing["scope"]


async def test_an_agent_that_was_started_anew_finds_the_way_to_more_scopes_from_the_403_alone(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    person = authorization_server.person("todos:read")
    async with agent(generation, protected, person) as before:
        await before.mcp.call("get_overview")
    person.approves = {"todos:read", "todos:write"}

    async with agent(generation, protected, person, before.storage) as after:
        await after.mcp.call("get_overview")
        after.requests()
        await after.mcp.add({"title": "a"})
        requests = after.requests()

    assert requests == ["403 POST /mcp tools/call", *_DISCOVERY, *_AUTHORIZATION, "200 POST /mcp tools/call"]
    assert {*person.tokens[-1]["scope"].split()} == {"todos:read", "todos:write"}


async def test_an_agent_whose_person_refuses_more_scopes_has_written_nothing_and_can_still_read(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    person = authorization_server.person("todos:read")
    async with agent(generation, protected, person) as found:
        await found.mcp.call("get_overview")
        found.requests()
        with pytest.raises(MCPError):
            await found.mcp.add({"title": "a"})
        requests = found.requests()

        assert requests == ["403 POST /mcp tools/call", *_AUTHORIZATION, "403 POST /mcp tools/call"]
        assert (await found.mcp.call("list_todos"))["todos"] == []


async def test_an_agent_refreshes_an_expired_token_and_goes_on_without_its_person(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    person = authorization_server.person("todos:read", "todos:write")
    async with agent(generation, protected, person) as found:
        added = await found.mcp.add({"title": "a"})
        found.requests()
        await _let_the_token_lapse(found, authorization_server, person)
        told = await found.mcp.call("list_todos")
        requests = found.requests()

    assert [row["id"] for row in told["todos"]] == added.accepted
    assert requests == ["200 POST /auth/token", "200 POST /mcp tools/call"]
    assert len(person.asked) == 1
    (refreshed,) = [asked for asked in authorization_server.refreshed if asked["client_id"] == _client_id(found)]
    assert refreshed["resource"] == RESOURCE


async def _let_the_token_lapse(found: Agent, authorization_server: AuthorizationServer, person: Person) -> None:
    """Fifteen minutes later: the agent holds a token that is refused, and its own clock says so too."""
    context = found.provider.context
    assert context.current_tokens is not None
    lapsed = authorization_server.access_token(RESOURCE, FIRST, person.subject, LAPSED)
    context.current_tokens.access_token = lapsed
    context.token_expiry_time = time.time() + LAPSED


def _client_id(found: Agent) -> str:
    assert found.storage.client is not None
    return found.storage.client.client_id


async def test_an_agent_started_anew_with_an_expired_token_asks_its_person_but_does_not_register_again(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    person = authorization_server.person("todos:read", "todos:write")
    async with agent(generation, protected, person) as before:
        added = await before.mcp.add({"title": "a"})
    assert before.storage.tokens is not None
    before.storage.tokens.access_token = authorization_server.access_token(RESOURCE, FIRST, person.subject, LAPSED)

    async with agent(generation, protected, person, before.storage) as after:
        rows = (await after.mcp.call("list_todos"))["todos"]
        requests = after.requests()

    assert [row["id"] for row in rows] == added.accepted
    assert requests[0].startswith("401 POST /mcp")
    assert requests[1:4] == [*_DISCOVERY, *_AUTHORIZATION]
    assert len(person.asked) == 2


def challenge(response: httpx2.Response) -> Json:
    """The parameters of the one `Bearer` challenge, checked against the grammar (RFC 9110 §11.6.1, RFC 6750 §3)."""
    (header,) = response.headers.get_list("www-authenticate")
    parameter = r'[a-z_]+="[\x20\x21\x23-\x5b\x5d-\x7e]*"'
    assert re.fullmatch(rf"Bearer(?: {parameter}(?:, {parameter})*)?", header), header
    found = re.findall(r'([a-z_]+)="([^"]*)"', header)
    assert len(dict(found)) == len(found)
    if "scope" in dict(found):
        assert re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*", dict(found)["scope"])
    return dict(found)


METHODS: Final = ["tools/list", "tools/call", "initialize", "server/discover", "ping", "no/such/method"]


@pytest.mark.requirement("ID7")
@each("method", METHODS)
@each("authorization", [None, "", "Bearer", "Bearer ", f"Basic {MARKER}"])
async def test_without_a_token_the_challenge_says_where_to_begin_and_names_no_error(
    generation: FaceName, protected: Application, method: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    async with http_client(protected, None) as http:
        response = await rpc(http, generation, method, {"name": "list_todos"}, headers)

    turned_away(response, 401, "unauthenticated")
    assert challenge(response) == {"resource_metadata": METADATA, "scope": FIRST}
    assert MARKER not in response.text


@pytest.fixture(
    params=["no jwt", "another audience", "no audience", "expired", "another issuer", "no key of ours", "an API token"]
)
def refused_token(request: pytest.FixtureRequest, authorization_server: AuthorizationServer) -> str:
    """A token that is not for us, or not any more."""
    server, stranger = authorization_server, AuthorizationServer(authorization_server.origin)
    tokens = {
        "no jwt": MARKER,
        "another audience": server.access_token("https://other.example.test/mcp", FIRST),
        "no audience": server.access_token([], FIRST),
        "expired": server.access_token(RESOURCE, FIRST, seconds=LAPSED),
        "another issuer": server.access_token(RESOURCE, FIRST, iss=f"{server.issuer}/"),
        "no key of ours": stranger.access_token(RESOURCE, FIRST),
        "an API token": f"todo_{MARKER}",
    }
    return tokens[request.param]


@pytest.mark.requirement("ID7")
@each("method", METHODS)
async def test_a_refused_token_gets_the_same_challenge_whatever_the_reason(
    generation: FaceName, protected: Application, refused_token: str, method: str
) -> None:
    async with http_client(protected, refused_token) as http:
        response = await rpc(http, generation, method, {"name": "list_todos"})

    turned_away(response, 401, "unauthenticated")
    assert challenge(response) == {"error": "invalid_token", "resource_metadata": METADATA, "scope": FIRST}
    assert MARKER not in response.text


@pytest.mark.parametrize("audience", [RESOURCE, [RESOURCE], ["https://other.example.test", RESOURCE]])
async def test_a_token_for_us_is_accepted_also_within_the_leeway(
    generation: FaceName,
    protected: Application,
    authorization_server: AuthorizationServer,
    audience: str | list[str],
) -> None:
    for seconds in (900, LAPSED + 10):
        token = authorization_server.access_token(audience, FIRST, seconds=seconds)
        async with http_client(protected, token) as http:
            assert (await call(http, generation, "list_todos", {})).json()["result"]["isError"] is False


@pytest.mark.parametrize("of", [PUBLIC, f"{RESOURCE}/", f"{PUBLIC}/mcp2", "https://TODO.example.test/mcp"])
async def test_a_token_for_something_like_us_is_refused(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer, of: str
) -> None:
    async with http_client(protected, authorization_server.access_token(of, FIRST)) as http:
        assert (await call(http, generation, "list_todos", {})).status_code == 401


async def test_every_challenge_leads_to_the_metadata(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    reading = authorization_server.access_token(RESOURCE, "todos:read")
    found = set()
    for token, status in ((None, 401), (MARKER, 401), (reading, 403)):
        async with http_client(protected, token) as http:
            response = await call(http, generation, "add_todos", ARGUMENTS["add_todos"])
        assert response.status_code == status
        found.add(challenge(response)["resource_metadata"])

    (url,) = found
    transport = httpx2.ASGITransport(protected, raise_app_exceptions=False)
    async with httpx2.AsyncClient(mounts={PUBLIC: transport}, trust_env=False) as anybody:
        told = (await anybody.get(url)).json()
        assert told["resource"] == RESOURCE
        (issuer,) = told["authorization_servers"]
        server = (await anybody.get(issuer.replace("/auth", "/.well-known/oauth-authorization-server/auth"))).json()
    assert server["issuer"] == issuer == authorization_server.issuer
    assert {*told["scopes_supported"]} <= {*server["scopes_supported"]}


@pytest.mark.requirement("ID4")
@each("tool", NEEDS)
@each("has", ["", "profile", "todos:read", "todos:read profile", "profile todos:write"])
async def test_a_tool_that_needs_more_is_a_403_that_asks_for_what_the_token_has_and_what_the_tool_needs(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer, tool: str, has: str
) -> None:
    async with http_client(protected, authorization_server.access_token(RESOURCE, has)) as http:
        response = await call(http, generation, tool, ARGUMENTS.get(tool, {}))
    if NEEDS[tool] in has:
        assert response.status_code == 200
        return

    told = challenge(response)
    asked = told.pop("scope").split()
    assert told == {"error": "insufficient_scope", "resource_metadata": METADATA}
    assert sorted(asked) == sorted({*has.split(), NEEDS[tool]})
    assert turned_away(response, 403, "insufficient_scope")["required_scope"] == NEEDS[tool]


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("scope", [None, "", "TODOS:READ", "todos:readall", "openid offline_access"])
async def test_an_access_token_without_a_scope_of_ours_may_nothing(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer, scope: str | None
) -> None:
    async with http_client(protected, authorization_server.access_token(RESOURCE, scope)) as http:
        listed = (await rpc(http, generation, "tools/list")).json()["result"]["tools"]
        response = await call(http, generation, "list_todos", {})

    assert listed == []
    assert response.status_code == 403
    assert challenge(response)["scope"] == "todos:read"


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize(
    "has", ["todos:read", "todos:read profile", "todos:write", "todos:read todos:write", "profile", ""]
)
async def test_a_token_sees_only_the_tools_that_its_scopes_allow(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer, has: str
) -> None:
    async with http_client(protected, authorization_server.access_token(RESOURCE, has)) as http:
        listed = (await rpc(http, generation, "tools/list")).json()["result"]["tools"]

    assert {tool["name"] for tool in listed} == {tool for tool, needed in NEEDS.items() if needed in has.split()}
    if has == "todos:read":
        assert all(tool["annotations"]["readOnlyHint"] for tool in listed)
        assert {"list_todos", "list_changes", "get_overview"} <= {tool["name"] for tool in listed}


@pytest.mark.requirement("ID4")
async def test_a_403_wrote_nothing(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer
) -> None:
    subject = f"person-{uuid4().hex}"
    reading = authorization_server.access_token(RESOURCE, "todos:read", subject)
    writing = authorization_server.access_token(RESOURCE, FIRST, subject)
    async with http_client(protected, writing) as http:
        added = await call(http, generation, "add_todos", {"todos": [{"title": "a"}]})
    (todo,) = added.json()["result"]["structuredContent"]["results"]

    async with http_client(protected, reading) as http:
        assert (await call(http, generation, "add_todos", {"todos": [{"title": "b"}]})).status_code == 403
        assert (await call(http, generation, "delete_todos", {"ids": [todo["id"]]})).status_code == 403
        told = (await call(http, generation, "list_todos", {})).json()["result"]["structuredContent"]

    assert [(row["id"], row["title"]) for row in told["todos"]] == [(todo["id"], "a")]


@pytest.mark.requirement("ID4", "MC4")
@pytest.mark.parametrize("tool", [tool for tool in ARGUMENTS if NEEDS[tool] != "todos:read"])
async def test_an_api_token_that_lacks_the_scope_is_told_so_in_a_result(
    generation: FaceName, protected: Application, tool: str
) -> None:
    core = protected.core
    user = Caller(core, await core.identity.local(f"user-{uuid4().hex}"), "test")
    async with http_client(protected, await token_of(user, "todos:read")) as http:
        response = await call(http, generation, tool, ARGUMENTS[tool])

    assert response.status_code == 200
    assert "www-authenticate" not in response.headers
    told = refused(response)
    assert (told["code"], told["required_scope"], told["retryable"]) == ("insufficient_scope", "todos:write", False)


@pytest.mark.requirement("ID7")
async def test_without_an_authorization_server_a_challenge_names_none(generation: FaceName, app: Application) -> None:
    async with http_client(app, None) as http:
        nothing = await rpc(http, generation, "tools/list")
        wrong = await rpc(http, generation, "tools/list", headers={"authorization": f"Bearer {MARKER}"})

    assert nothing.status_code == wrong.status_code == 401
    assert nothing.headers["www-authenticate"] == "Bearer"
    assert wrong.headers["www-authenticate"] == 'Bearer error="invalid_token"'


HOSTILE: Final[list[dict[str, str]]] = [
    {"host": f"{MARKER}.example.com"},
    {"host": f"127.0.0.1:8000@{MARKER}.example.com"},
    {"x-forwarded-host": f"{MARKER}.example.com", "x-forwarded-proto": "http", "x-forwarded-prefix": f"/{MARKER}"},
    {"forwarded": f'host={MARKER}.example.com;proto="http"'},
    {"host": "127.0.0.1:8000", "x-original-url": f"/{MARKER}", "x-forwarded-port": "666"},
]


@pytest.mark.requirement("RS5")
@pytest.mark.parametrize("headers", HOSTILE, ids=lambda headers: next(iter(headers)))
async def test_a_challenge_contains_only_what_was_configured(
    generation: FaceName, protected: Application, authorization_server: AuthorizationServer, headers: dict[str, str]
) -> None:
    reading = authorization_server.access_token(RESOURCE, "todos:read")
    for token in (None, MARKER, reading):
        async with http_client(protected, token) as http:
            arguments = {"name": "add_todos", "arguments": ARGUMENTS["add_todos"]}
            response = await rpc(http, generation, "tools/call", arguments, headers)

        assert response.status_code in (401, 403, 421)
        assert (response.status_code == 421) == (MARKER.lower() in headers.get("host", "").lower())
        if response.status_code != 421:
            assert challenge(response)["resource_metadata"] == METADATA
        assert MARKER.lower() not in response.text.lower()
        assert MARKER.lower() not in str(response.headers).lower()


@pytest.mark.requirement("ID4", "ID7")
async def test_over_rest_a_challenge_says_the_error_but_no_way_to_more(
    protected: Application, authorization_server: AuthorizationServer
) -> None:
    reading = authorization_server.access_token(RESOURCE, "todos:read")
    for token, status, error in (
        (None, 401, None),
        (MARKER, 401, "invalid_token"),
        (reading, 403, "insufficient_scope"),
    ):
        async with http_client(protected, token) as http:
            response = await http.post("/api/v1/todos", json={"title": "a"})

        assert response.status_code == status
        assert challenge(response) == ({} if error is None else {"error": error})


async def test_the_authorization_server_of_these_tests_takes_no_stolen_code(
    authorization_server: AuthorizationServer,
) -> None:
    """So that the stories above prove something: a code needs its verifier, its resource and its client, once."""
    person = authorization_server.person("todos:read")
    verifier = "a" * 43
    challenged = "ZtNPunH49FD35FWYhT5Tv8I7vRKQJ8uxMaL0_9eHjNA"
    async with httpx2.AsyncClient(base_url=authorization_server.issuer, trust_env=False) as http:
        registered = (await http.post("/register", json={"redirect_uris": [CALLBACK]})).json()
        common = {"client_id": registered["client_id"], "redirect_uri": CALLBACK, "resource": RESOURCE}
        asked = common | {"response_type": "code", "state": "s", "scope": FIRST}
        pkce = {"code_challenge": challenged, "code_challenge_method": "S256"}

        async def code() -> str:
            await person.open(f"{authorization_server.issuer}/authorize?{httpx2.QueryParams(asked | pkce)}")
            return (await person.come_back()).code

        async def exchange(code: str, **different: str) -> tuple[int, str | None]:
            form = common | {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            answer = await http.post("/token", data=form | different)
            return answer.status_code, answer.json().get("error")

        used = await code()
        assert await exchange(used) == (200, None)
        assert await exchange(used) == (400, "invalid_grant")
        assert await exchange(await code(), code_verifier="b" * 43) == (400, "invalid_grant")
        assert await exchange(await code(), resource="https://other.example.test/mcp") == (400, "invalid_target")
        assert await exchange(await code(), client_id="another") == (400, "invalid_client")
