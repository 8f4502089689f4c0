"""A real Better Auth server: session tokens as the web UI sends them, OAuth access tokens for MCP (ID2, ID5)."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken
from pydantic import AnyUrl
from structlog.testing import capture_logs

from tests.faces import ADDRESS, BASE, FACES, FaceName, Json, RefusedError, face, http_client, rpc
from tests.interop.better_auth.server import CALLBACK, BetterAuth, Person, require_node, running
from tests.interop.installing import node_project
from tests.pauses import moment
from todo_app.application import Application, build
from todo_core.identity.jwks import COOLDOWN
from todo_core.identity.jwts import LEEWAY
from todo_core.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.requirement("ID2")]

MCP: FaceName = "mcp-2026"
RESOURCE = f"{BASE}/mcp"
ANOTHER_RESOURCE = f"{BASE}/another"
TODOS = "openid profile email offline_access todos:read todos:write"
A_MOMENT = timedelta(seconds=1)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's folder, with what it needs."""
    require_node()
    return node_project("better_auth", tmp_path_factory)


@pytest.fixture(scope="session")
def better_auth(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BetterAuth]:
    log = tmp_path_factory.mktemp("better-auth") / "server.err"
    with running(installed, log, RESOURCE, ANOTHER_RESOURCE) as server:
        yield server


class Clock:
    """The present moment, as our application sees it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    return Clock()


@asynccontextmanager
async def trusting(better_auth: BetterAuth, database_url: str, clock: Clock) -> AsyncIterator[Application]:
    """Our application, which has not met anybody yet and fetches its keys from Better Auth."""
    settings = Settings.load(better_auth_url=better_auth.origin, public_url=BASE, admin_roles="admin")
    application = build(settings, database_url, ADDRESS, clock=clock)
    async with application.running():
        yield application


@pytest.fixture
async def todos(better_auth: BetterAuth, database_url: str, clock: Clock) -> AsyncIterator[Application]:
    async with trusting(better_auth, database_url, clock) as application:
        yield application


@pytest.fixture
async def ann(better_auth: BetterAuth) -> AsyncIterator[Person]:
    """Somebody at the web UI."""
    async with better_auth.person() as person:
        yield person


def part(token: str, number: int) -> Json:
    """A JWT's header (0) or payload (1)."""
    segment = token.split(".")[number]
    found: Json = json.loads(urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return found


async def titles(todos: Application, token: str, name: FaceName = "rest") -> set[str]:
    """What the bearer of a token sees."""
    async with face(name, todos, token) as me:
        return {todo["title"] for todo in (await me.list()).todos}


async def add(todos: Application, token: str, title: str, name: FaceName = "rest") -> None:
    async with face(name, todos, token) as me:
        assert (await me.add({"title": title})).accepted


async def refusals(todos: Application, token: str) -> list[httpx2.Response]:
    """What REST and MCP answer to a token they must not accept."""
    async with http_client(todos, token) as http:
        answers = [await http.get("/api/v1/todos"), await rpc(http, MCP, "tools/list")]
    assert [answer.status_code for answer in answers] == [401, 401]
    for answer in answers:
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert token not in answer.text
    return answers


@pytest.mark.requirement("ID1")
@pytest.mark.parametrize("name", FACES)
async def test_a_session_token_works_todos(ann: Person, todos: Application, name: FaceName) -> None:
    token = await ann.session_token()
    assert part(token, 0)["alg"] == "EdDSA"

    await add(todos, token, "Buy milk", name)

    assert await titles(todos, token, name) == {"Buy milk"}


async def test_nobody_sees_what_another_person_wrote(better_auth: BetterAuth, ann: Person, todos: Application) -> None:
    await add(todos, await ann.session_token(), "Mine")

    async with better_auth.person() as bob:
        assert await titles(todos, await bob.session_token()) == set()


@pytest.mark.requirement("ID7")
async def test_a_session_goes_on_when_its_token_is_refreshed(
    better_auth: BetterAuth, ann: Person, todos: Application, clock: Clock
) -> None:
    async with better_auth.session_tokens_live("1s"):
        first = await ann.session_token()
    await add(todos, first, "Before")
    clock.ahead = A_MOMENT + LEEWAY + A_MOMENT
    await refusals(todos, first)

    second = await ann.session_token()
    await add(todos, second, "After")

    assert await titles(todos, second) == {"Before", "After"}
    await refusals(todos, first)


@pytest.mark.requirement("ID1")
async def test_a_rotated_key_is_known_within_ten_seconds_and_the_old_one_still_works(
    better_auth: BetterAuth, ann: Person, todos: Application, clock: Clock
) -> None:
    first = await ann.session_token()
    await add(todos, first, "Before")
    await better_auth.rotate()
    second = await ann.session_token()
    assert part(second, 0)["kid"] != part(first, 0)["kid"]

    assert COOLDOWN <= 10
    clock.ahead = timedelta(seconds=COOLDOWN)
    await add(todos, second, "After")

    assert await titles(todos, second) == await titles(todos, first) == {"Before", "After"}


@pytest.mark.requirement("ID1")
async def test_a_revoked_key_signs_nobody_in_any_more(
    better_auth: BetterAuth, ann: Person, todos: Application, clock: Clock
) -> None:
    await add(todos, await ann.session_token(), "Before")
    async with better_auth.person() as bob:
        leaked = await bob.session_token()
        await better_auth.revoke_keys()

        clock.ahead = timedelta(seconds=COOLDOWN)
        assert await titles(todos, await ann.session_token()) == {"Before"}

        await refusals(todos, leaked)
        assert await titles(todos, await bob.session_token()) == set()


@pytest.mark.requirement("ID1")
async def test_while_better_auth_is_down_its_keys_still_serve(
    database_url: str, clock: Clock, tmp_path: Path, installed: Path
) -> None:
    with running(installed, tmp_path / "server.err", RESOURCE) as server:
        async with server.person() as ann, server.person() as bob:
            anns, bobs = await ann.session_token(), await bob.session_token()
        async with trusting(server, database_url, clock) as early, trusting(server, database_url, clock) as late:
            assert await titles(early, anns) == set()
            server.stop()

            clock.ahead = timedelta(minutes=10)
            assert await titles(early, bobs) == set()

            async with http_client(late, bobs) as http:
                answers = [await http.get("/api/v1/todos"), await rpc(http, MCP, "tools/list")]
            assert [answer.status_code for answer in answers] == [503, 503]


async def test_the_profile_has_the_name_and_the_address_of_the_session(ann: Person, todos: Application) -> None:
    async with http_client(todos, await ann.session_token()) as http:
        profile = (await http.get("/api/v1/users/me")).json()

    assert (profile["display_name"], profile["email"]) == (ann.name, ann.email)


@pytest.mark.requirement("ID5")
async def test_whoever_comes_with_an_agent_first_gets_their_name_at_the_web_ui(ann: Person, todos: Application) -> None:
    access = (await ann.tokens(TODOS, RESOURCE)).access
    assert not {"name", "email"} & part(access, 1).keys()
    assert await titles(todos, access, MCP) == set()

    async with http_client(todos, await ann.session_token()) as http:
        profile = (await http.get("/api/v1/users/me")).json()

    assert (profile["display_name"], profile["email"]) == (ann.name, ann.email)


@pytest.mark.requirement("ID5")
async def test_an_access_token_for_mcp_acts_for_the_person_of_the_session(ann: Person, todos: Application) -> None:
    session = await ann.session_token()
    await add(todos, session, "From the web UI")
    given = await ann.tokens(TODOS, RESOURCE)
    assert part(given.access, 0)["typ"] == "at+jwt"
    assert RESOURCE in part(given.access, 1)["aud"]

    await add(todos, given.access, "From an agent", MCP)

    assert await titles(todos, given.access, MCP) == {"From the web UI", "From an agent"}
    assert await titles(todos, session) == {"From the web UI", "From an agent"}
    assert await titles(todos, await ann.refreshed(given), MCP) == {"From the web UI", "From an agent"}


@pytest.mark.requirement("ID5", "ID7")
@pytest.mark.parametrize(
    "what", ["for another resource", "opaque", "for the client", "to refresh with", "a cookie", "half a cookie"]
)
async def test_nothing_else_that_better_auth_hands_out_is_a_token_for_us(
    ann: Person, todos: Application, what: str
) -> None:
    given = await ann.tokens(TODOS, ANOTHER_RESOURCE if what == "for another resource" else None)
    (cookie,) = ann.cookies.values()
    token = {
        "for another resource": given.access,
        "opaque": given.access,
        "for the client": given.identity,
        "to refresh with": given.refresh,
        "a cookie": cookie,
        "half a cookie": cookie.partition(".")[0],
    }[what]
    assert token is not None
    is_jwt = what in ("for another resource", "for the client")

    with capture_logs() as logs:
        on_rest, on_mcp = await refusals(todos, token)

    assert "resource_metadata" not in on_rest.headers["www-authenticate"]
    metadata = f'resource_metadata="{BASE}/.well-known/oauth-protected-resource/mcp"'
    assert metadata in on_mcp.headers["www-authenticate"]
    reasons = [log["reason"] for log in logs if log["event"] == "token_refused"]
    assert reasons == ["jwt refused: InvalidAudienceError" if is_jwt else "not a jwt"] * 2
    assert token not in str(logs)


@pytest.mark.requirement("ID4", "ID5")
async def test_an_access_token_to_read_does_not_write(ann: Person, todos: Application) -> None:
    await add(todos, await ann.session_token(), "Read me")
    token = (await ann.tokens("todos:read", RESOURCE)).access

    assert await titles(todos, token, MCP) == await titles(todos, token) == {"Read me"}
    async with http_client(todos, token) as http:
        listed = (await rpc(http, MCP, "tools/list")).json()["result"]["tools"]
        written = await rpc(http, MCP, "tools/call", {"name": "add_todos", "arguments": {"todos": [{"title": "No"}]}})
    names = {tool["name"] for tool in listed}
    assert "list_todos" in names
    assert not names & {"add_todos", "update_todos", "complete_todos", "delete_todos", "undo"}
    assert all(tool["annotations"]["readOnlyHint"] for tool in listed)
    assert written.status_code == 403
    challenge = written.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="todos:read todos:write"' in challenge
    with pytest.raises(RefusedError) as refused:
        await add(todos, token, "No")
    assert refused.value.code == "insufficient_scope"
    assert await titles(todos, token) == {"Read me"}


async def admin_page(todos: Application, token: str) -> int:
    """What the admin's page answers to the bearer of a token."""
    async with http_client(todos, token) as http:
        return (await http.get("/api/v1/admin/users")).status_code


@pytest.mark.requirement("ID4", "OW5")
@pytest.mark.parametrize(
    "role",
    [
        "admin",
        "user,admin",
    ],
)
async def test_an_admin_is_one_by_role_and_not_by_consent(
    better_auth: BetterAuth, ann: Person, todos: Application, role: str
) -> None:
    before = await ann.session_token()
    assert await admin_page(todos, before) == 403
    consented = (await ann.tokens(f"{TODOS} admin", RESOURCE)).access
    assert "admin" in part(consented, 1)["scope"].split()
    assert await admin_page(todos, consented) == 403

    await better_auth.give_role(ann, role)

    with anyio.fail_after(10):  # of two tokens of one second, the one that says less counts
        while part(session := await ann.session_token(), 1)["iat"] <= part(before, 1)["iat"]:
            await moment()
    assert await admin_page(todos, session) == 200


@pytest.mark.requirement("ID5", "OW5")
async def test_an_admin_who_lets_an_agent_in_stays_one(
    better_auth: BetterAuth, ann: Person, todos: Application
) -> None:
    await better_auth.give_role(ann, "admin")
    session = await ann.session_token()
    assert await admin_page(todos, session) == 200
    access = (await ann.tokens(TODOS, RESOURCE)).access
    assert "role" not in part(access, 1)

    assert await titles(todos, access, MCP) == set()

    assert await admin_page(todos, session) == 200


@pytest.mark.requirement("ID5")
async def test_a_client_that_may_read_the_openid_profile_makes_no_api_token(ann: Person, todos: Application) -> None:
    """The OpenID scope `profile` lets a client know the person's name and picture."""
    access = (await ann.tokens("openid profile todos:read", RESOURCE)).access

    async with http_client(todos, access) as http:
        made = await http.post("/api/v1/tokens", json={"name": "For ever", "scopes": ["todos:read", "profile"]})

    assert made.status_code == 403, made.text


class Memory:
    """Where an OAuth client keeps what it was given."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self._about: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self._about

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self._about = client_info


@asynccontextmanager
async def signing_in(
    todos: Application, person: Person, memory: Memory, *consents: str | None
) -> AsyncIterator[Client]:
    """The SDK's client, told nothing but where MCP is; the person consents to all it asks for, or to a part."""
    answers: list[Json] = []
    agreed = iter(consents)

    async def follow(url: str) -> None:
        answers.append(await person.authorize(url, next(agreed)))

    async def called_back() -> AuthorizationCodeResult:
        told = answers.pop()
        return AuthorizationCodeResult(code=told["code"], state=told["state"], iss=told["iss"])

    about = OAuthClientMetadata(client_name="The SDK", redirect_uris=[AnyUrl(CALLBACK)])
    ours = httpx2.ASGITransport(todos, raise_app_exceptions=False)
    async with httpx2.AsyncClient(
        auth=OAuthClientProvider(RESOURCE, about, memory, follow, called_back), mounts={BASE: ours}, trust_env=False
    ) as http:
        transport = streamable_http_client(RESOURCE, http_client=http, terminate_on_close=False)
        async with Client(transport, mode="2026-07-28") as client:
            yield client


@pytest.mark.requirement("ID5")
async def test_the_sdk_finds_better_auth_by_itself_and_signs_in(ann: Person, todos: Application) -> None:
    memory = Memory()
    async with signing_in(todos, ann, memory, None) as client:
        added = await client.call_tool("add_todos", {"todos": [{"title": "By the SDK"}]})
        assert not added.is_error

    assert memory.tokens is not None
    claims = part(memory.tokens.access_token, 1)
    assert claims["aud"] == RESOURCE
    assert set(claims["scope"].split()) == {"todos:read", "todos:write", "profile", "offline_access"}
    assert await titles(todos, await ann.session_token()) == {"By the SDK"}


@pytest.mark.requirement("ID4", "ID5")
async def test_the_sdk_asks_again_for_the_scope_that_a_tool_needs(ann: Person, todos: Application) -> None:
    await add(todos, await ann.session_token(), "Read me")
    memory = Memory()
    async with signing_in(todos, ann, memory, "todos:read", None) as client:
        assert not (await client.call_tool("list_todos", {})).is_error
        assert memory.tokens is not None
        assert memory.tokens.scope == "todos:read"

        added = await client.call_tool("add_todos", {"todos": [{"title": "Now I may"}]})

    assert not added.is_error
    assert {"todos:read", "todos:write"} <= set((memory.tokens.scope or "").split())
    assert await titles(todos, await ann.session_token()) == {"Read me", "Now I may"}
