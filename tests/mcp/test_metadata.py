"""Protected resource metadata (RFC 9728): where an MCP client reads who gives out tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx2
import pytest
from mcp.shared.auth import ProtectedResourceMetadata

from tests.bad_values import MARKER
from tests.exhaustive import combinations
from tests.faces import ADDRESS, http_client
from tests.rest.problems import problem
from tests.tables import each
from todo_app.application import Application, Only, build
from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.requirement("ID5")

PUBLIC: Final = "https://todo.example.test"
ISSUER: Final = "https://auth.example.test/api/auth"
FORMS: Final = ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource")
ORIGIN: Final = "https://app.example.test"
EXPECTED: Final = {
    "resource": f"{PUBLIC}/mcp",
    "authorization_servers": [ISSUER],
    "scopes_supported": ["todos:read", "todos:write", "profile"],
    "bearer_methods_supported": ["header"],
}


def issuer(name: str = ISSUER, *, authorization_server: bool = True) -> dict[str, Any]:
    audience = [f"{PUBLIC}/mcp"]
    keys = f"{name}/jwks"
    return {
        "issuer": name,
        "audience": audience,
        "jwks_url": keys,
        "authorization_server": authorization_server,
    }


def configured(*, only: Only | None = None, **more: Any) -> Application:
    """The application with an authorization server; nobody asks for its keys."""
    settings = Settings.load(**({"issuers": [issuer()], "public_url": PUBLIC} | more))
    return build(settings, "postgresql://nobody@127.0.0.1:1/nothing", ADDRESS, only)


@pytest.fixture(scope="module", params=["for agents alone", "also for browsers"])
async def anybody(request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody without a token."""
    origins = (ORIGIN,) if request.param == "also for browsers" else ()
    async with http_client(configured(cors_origins=origins), None) as http:
        yield http


async def test_both_forms_give_the_same_document(anybody: httpx2.AsyncClient) -> None:
    at_the_path, at_the_root = [await anybody.get(form) for form in FORMS]

    assert at_the_path.status_code == at_the_root.status_code == 200
    assert at_the_path.headers["content-type"] == at_the_root.headers["content-type"] == "application/json"
    assert at_the_path.content == at_the_root.content
    told = at_the_path.json()
    assert isinstance(told.pop("resource_name"), str)
    assert told == EXPECTED


async def test_the_sdk_reads_the_document_as_we_mean_it(anybody: httpx2.AsyncClient) -> None:
    read = ProtectedResourceMetadata.model_validate_json((await anybody.get(FORMS[0])).content)

    assert str(read.resource) == EXPECTED["resource"]
    assert [str(server) for server in read.authorization_servers] == EXPECTED["authorization_servers"]
    assert read.scopes_supported == EXPECTED["scopes_supported"]


@pytest.mark.parametrize("name", ["https://auth.example.test", "https://auth.example.test/", ISSUER])
async def test_an_authorization_server_is_named_exactly_as_it_was_configured(name: str) -> None:
    """A slash more, and its metadata would not match (RFC 8414 §3.3)."""
    keys = "https://auth.example.test/jwks"
    async with http_client(configured(issuers=[issuer(name) | {"jwks_url": keys}]), None) as http:
        assert (await http.get(FORMS[0])).json()["authorization_servers"] == [name]


async def test_every_authorization_server_is_named_and_no_other_issuer() -> None:
    second, silent = "https://second.example.test", "https://silent.example.test"
    issuers = [issuer(), issuer(silent, authorization_server=False), issuer(second)]
    async with http_client(configured(issuers=issuers), None) as http:
        assert {*(await http.get(FORMS[0])).json()["authorization_servers"]} == {ISSUER, second}


async def test_better_auth_is_named_by_the_issuer_of_its_access_tokens() -> None:
    application = configured(issuers=[], better_auth_url="https://auth.example.test")
    async with http_client(application, None) as http:
        assert (await http.get(FORMS[0])).json()["authorization_servers"] == ["https://auth.example.test/api/auth"]


@pytest.mark.parametrize("public_url", [PUBLIC, f"{PUBLIC}/", "https://TODO.example.test"])
async def test_the_resource_is_the_public_address_in_its_canonical_form(public_url: str) -> None:
    async with http_client(configured(public_url=public_url), None) as http:
        assert (await http.get(FORMS[0])).json()["resource"] == f"{PUBLIC}/mcp"


def test_an_authorization_server_needs_a_public_url() -> None:
    with pytest.raises(ConfigurationError, match="TODO_PUBLIC_URL"):
        configured(public_url=None)


@each("form", FORMS)
@each("origin", [ORIGIN, "https://anywhere.example", "null"])
async def test_any_origin_may_read_it(anybody: httpx2.AsyncClient, form: str, origin: str) -> None:
    response = await anybody.get(form, headers={"Origin": origin, "MCP-Protocol-Version": "2026-07-28"})

    assert response.status_code == 200
    assert response.headers.get_list("access-control-allow-origin") in (["*"], [origin])
    assert "access-control-allow-credentials" not in response.headers


@each("form", FORMS)
@each("origin", [ORIGIN, "https://anywhere.example", "null"])
async def test_any_origin_may_ask_first_whether_it_may(anybody: httpx2.AsyncClient, form: str, origin: str) -> None:
    """The SDKs send `MCP-Protocol-Version`, for which a browser asks first."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "mcp-protocol-version",
    }
    response = await anybody.options(form, headers=asked)

    assert response.status_code in (200, 204)
    assert response.headers.get_list("access-control-allow-origin") in (["*"], [origin])
    allowed = response.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or "mcp-protocol-version" in allowed
    assert "GET" in response.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in response.headers


@each("form", FORMS)
async def test_it_can_be_looked_at_and_not_changed(anybody: httpx2.AsyncClient, form: str) -> None:
    whole, head = await anybody.get(form), await anybody.head(form)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]
    assert head.headers["content-length"] == whole.headers["content-length"]

    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = await anybody.request(method, form)
        problem(response, 405, "method_not_allowed")
        assert "GET" in response.headers["allow"].split(", ")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "more",
    [
        {"issuers": []},
        {"issuers": [], "public_url": None},
        {"issuers": [issuer(authorization_server=False)]},
    ],
    ids=["no issuer", "nothing at all", "an issuer that gives agents no tokens"],
)
async def test_without_an_authorization_server_there_is_none(form: str, more: dict[str, Any]) -> None:
    async with http_client(configured(**more), None) as http:
        problem(await http.get(form), 404, "no_such_route")
        assert (await http.head(form)).status_code == 404
        assert (await http.post(form)).status_code == 404


async def test_it_is_there_with_mcp_and_only_with_mcp() -> None:
    for form in FORMS:
        async with http_client(configured(only="mcp"), None) as http:
            assert (await http.get(form)).status_code == 200
        async with http_client(configured(only="rest"), None) as http:
            problem(await http.get(form), 404, "no_such_route")


@pytest.mark.requirement("RS5")
@each(*combinations(form=FORMS, name=["x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix", "forwarded"]))
async def test_it_says_what_was_configured_whatever_a_client_says(
    anybody: httpx2.AsyncClient, form: str, name: str
) -> None:
    value = f"host={MARKER}.example.com;proto=http" if name == "forwarded" else f"{MARKER}.example.com"
    told = (await anybody.get(form, headers={name: value})).json()

    assert told == (await anybody.get(form)).json()
    assert told["resource"] == EXPECTED["resource"]


@pytest.mark.requirement("RS5")
@pytest.mark.parametrize("form", FORMS)
async def test_it_is_at_our_own_host_alone(anybody: httpx2.AsyncClient, form: str) -> None:
    problem(await anybody.get(form, headers={"host": f"{MARKER}.example.com"}), 421, "host_not_allowed")


@each("path", [f"{FORMS[0]}/", f"{FORMS[1]}/api", f"{FORMS[1]}/mcp/mcp", f"{FORMS[1]}mcp"])
async def test_another_resource_has_none(anybody: httpx2.AsyncClient, path: str) -> None:
    problem(await anybody.get(path), 404, "no_such_route")
