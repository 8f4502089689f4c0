"""What a caller is told of rate limits, over REST and MCP, and for whom a refused token is counted (OP5)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import orjson
import pytest

from tests.faces import ADDRESS, BASE, FaceName, Json, call, refused, rpc
from tests.redis import running_redis
from tests.rest.problems import problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoFilter
from todo_core.operations import todos as operations
from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.requirement("OP5")

AT_HOME = "192.0.2.1"
GENERATIONS: tuple[FaceName, ...] = ("mcp-2026", "mcp-2025")
LEFT = re.compile(r'"user";r=(\d+);t=(\d+)')

Serve = Callable[..., AbstractAsyncContextManager[Application]]


@pytest.fixture
def serve(database_url: str) -> Serve:
    """Makes the application with limits, with a lifespan of its own; by default 50 requests an hour."""

    @asynccontextmanager
    async def make(**given: Any) -> AsyncIterator[Application]:
        wanted = {"rate_limit": "50/hour", "jwt_secret": JWT_SECRET, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
        app = build(Settings.load(**wanted | given), database_url, ADDRESS)
        async with app.running():
            yield app

    return make


def client(app: Application, token: str | None = None, address: str = AT_HOME) -> httpx2.AsyncClient:
    """A client that calls from an address."""
    transport = httpx2.ASGITransport(app, raise_app_exceptions=False, client=(address, 40_000))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx2.AsyncClient(transport=transport, base_url=BASE, headers=headers)


@pytest.fixture
async def http(serve: Serve, ann: Caller) -> AsyncIterator[httpx2.AsyncClient]:
    """Ann's client, with 50 requests an hour."""
    async with serve() as app, client(app, await token_of(ann)) as found:
        yield found


def left(response: httpx2.Response) -> tuple[int, int]:
    """What remains, and the seconds until there is more, of 50 an hour; held to the draft's grammar."""
    assert response.headers.get_list("ratelimit-policy") == ['"user";q=50;w=3600']
    (told,) = response.headers.get_list("ratelimit")
    found = LEFT.fullmatch(told)
    assert found is not None, told
    remaining, seconds = map(int, found.groups())
    assert 0 <= remaining <= 50
    assert 1 <= seconds <= 3600
    return remaining, seconds


def too_many(response: httpx2.Response, face: FaceName = "rest") -> Json:
    """What an answer with status 429 told, in the body as in Retry-After."""
    if face == "rest":
        told = problem(response, 429, "rate_limited")
    else:
        assert response.status_code == 429
        told = response.json()["error"]["data"]
        assert told["code"] == "rate_limited"
    assert told["retryable"] is True
    assert 1 <= told["retry_after"] <= 3600
    assert response.headers.get_list("retry-after") == [str(told["retry_after"])]
    assert "www-authenticate" not in response.headers
    return told


def is_untold(response: httpx2.Response) -> bool:
    """Whether nothing is said about limits."""
    return not {"ratelimit", "ratelimit-policy", "retry-after"} & {*response.headers}


def todos(count: int) -> list[Json]:
    return [{"title": f"t{number}"} for number in range(count)]


async def use_up(http: httpx2.AsyncClient) -> None:
    """Spend the whole budget."""
    remaining, _ = left(await http.get("/api/v1/todos?limit=1"))
    if remaining:
        response = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": todos(remaining)})
        assert left(response)[0] == 0


# --- REST --------------------------------------------------------------------------------------


async def test_each_answer_tells_what_is_left(http: httpx2.AsyncClient) -> None:
    made = await http.post("/api/v1/todos", json={"title": "a"})
    url = made.headers["location"]
    answers = [
        made,
        await http.get(url),
        await http.get(url, headers={"If-None-Match": made.headers["etag"]}),
        await http.patch(url, json={"title": "b"}),
        await http.patch(f"{url}/complete"),
        await http.delete(url),
        await http.post(f"{url}/restore"),
        await http.get("/api/v1/todos/999999999"),
        await http.get("/api/v1/overview"),
        await http.get("/api/v1/changes"),
        await http.get("/api/v1/tokens"),
        await http.get("/api/todos"),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 304, 200, 200, 204, 200, 404, 200, 200, 200, 200]
    assert [left(answer)[0] for answer in answers] == [*range(49, 37, -1)]
    assert all("retry-after" not in answer.headers for answer in answers)


async def test_a_request_too_many_is_a_429_problem_that_says_when_to_come_again(http: httpx2.AsyncClient) -> None:
    await use_up(http)

    for method, path in (("GET", "/api/v1/todos"), ("POST", "/api/v1/todos"), ("GET", "/api/v1/overview")):
        response = await http.request(method, path, **({"json": {"title": "a"}} if method == "POST" else {}))

        told = too_many(response)
        assert left(response) == (0, told["retry_after"])
        assert "retry_after" in told["next_step"]


async def test_what_is_refused_is_not_done(http: httpx2.AsyncClient, ann: Caller) -> None:
    await use_up(http)

    assert (await http.post("/api/v1/todos", json={"title": "not done"})).status_code == 429

    async with client(http._transport.app, await token_of(ann)) as other:  # type: ignore[attr-defined]
        assert (await other.get("/api/v1/todos")).status_code == 429  # it is the user's budget, not the token's
    page = await ann.perform(operations.list_, TodoFilter(limit=200))
    titles = [row["title"] for row in orjson.loads(page.json)]
    assert (len(titles), "not done" in titles) == (49, False)


async def test_what_one_user_spends_no_other_lacks(serve: Serve, ann: Caller, bob: Caller) -> None:
    async with serve() as app, client(app, await token_of(ann)) as anns, client(app, await token_of(bob)) as bobs:
        await use_up(anns)

        assert (await anns.get("/api/v1/todos")).status_code == 429
        assert left(await bobs.get("/api/v1/todos"))[0] == 49


async def test_a_batch_costs_its_items_and_one_that_is_refused_nothing(http: httpx2.AsyncClient) -> None:
    added = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": todos(20)})
    assert left(added)[0] == 30
    ids = [result["item"]["id"] for result in added.json()["results"]]

    completed = await http.post("/api/v1/todos/batch", json={"action": "complete", "ids": ids, "is_completed": True})
    assert left(completed)[0] == 10
    refusal = await http.post("/api/v1/todos/batch", json={"action": "delete", "ids": ids[:11]})
    too_many(refusal)
    assert left(refusal)[0] == 10
    assert left(await http.post("/api/v1/todos/batch", json={"action": "delete", "ids": ids[:10]}))[0] == 0


async def test_a_request_that_is_repeated_under_its_key_costs_again(http: httpx2.AsyncClient) -> None:
    sent = {"Idempotency-Key": "k"}

    told = [await http.post("/api/v1/todos", json={"title": "a"}, headers=sent) for _ in range(2)]

    assert told[0].json() == told[1].json()
    assert [left(response)[0] for response in told] == [49, 48]


async def test_what_needs_no_user_tells_no_limit(http: httpx2.AsyncClient, serve: Serve) -> None:
    async with serve() as app, client(app) as nobody:
        answers = [
            await nobody.get("/healthz"),
            await nobody.get("/readyz"),
            await nobody.get("/api/v1/todos"),
            await nobody.get("/api/v1/openapi.json"),
            await nobody.get("/api/v1/nothing"),
        ]
    answers.append(await http.get("/api/v1/nothing"))

    assert [answer.status_code for answer in answers] == [200, 200, 401, 200, 404, 404]
    assert all(is_untold(answer) for answer in answers)


async def test_where_the_limit_is_off_nothing_is_told_and_everything_passes(serve: Serve, ann: Caller) -> None:
    async with serve(rate_limit="off") as app, client(app, await token_of(ann)) as http:
        for _ in range(3):
            response = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": todos(50)})
            assert response.status_code == 200
            assert is_untold(response)


async def test_a_browser_of_an_allowed_origin_may_read_the_limits(serve: Serve, ann: Caller) -> None:
    origin = "https://web.example.test"
    async with serve(cors_origins=(origin,)) as app, client(app, await token_of(ann)) as http:
        await use_up(http)
        response = await http.get("/api/v1/todos", headers={"Origin": origin})

    too_many(response)
    assert left(response)[0] == 0
    exposed = {name.strip().lower() for name in response.headers["access-control-expose-headers"].split(",")}
    assert {"ratelimit", "ratelimit-policy", "retry-after"} <= exposed


async def test_two_applications_on_one_redis_share_the_budget(
    serve: Serve, ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("todo_core.boundary.counters.REDIS_TIMEOUT", 10.0)
    token = await token_of(ann)
    with running_redis() as redis:
        async with (
            serve(redis_url=redis.url) as one,
            serve(redis_url=redis.url) as other,
            client(one, token) as first,
            client(other, token) as second,
        ):
            told = [left(await each.get("/api/v1/todos"))[0] for _ in range(5) for each in (first, second)]
            assert told == [*range(49, 39, -1)]
            await use_up(first)
            too_many(await second.get("/api/v1/todos"))


async def test_without_its_redis_the_application_answers_and_is_ready(serve: Serve, ann: Caller) -> None:
    url = "redis://:s3cret@127.0.0.1:1/0"
    async with serve(redis_url=url) as app, client(app, await token_of(ann)) as http:
        assert [left(await http.get("/api/v1/todos"))[0] for _ in range(3)] == [49, 48, 47]
        assert (await http.get("/readyz")).status_code == 200


# --- MCP ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_tool_call_tells_what_is_left_and_a_batch_costs_its_items(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    answers = [
        await call(http, generation, "list_todos", {}),
        await call(http, generation, "add_todos", {"todos": todos(7)}),
        await call(http, generation, "get_overview", {}),
        await rpc(http, generation, "tools/list"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [left(answer)[0] for answer in answers] == [49, 42, 41, 40]
    assert left(await http.get("/api/v1/todos"))[0] == 39  # one budget for both faces


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(
    ("tool", "arguments"), [("list_todos", {}), ("add_todos", {"todos": [{"title": "a"}]}), ("get_overview", {})]
)
async def test_a_tool_call_too_many_is_a_result_that_a_model_can_act_on(
    http: httpx2.AsyncClient, generation: FaceName, tool: str, arguments: Json
) -> None:
    await use_up(http)

    response = await call(http, generation, tool, arguments)

    assert response.status_code == 200
    told = refused(response)
    remaining, seconds = left(response)
    assert remaining == 0
    assert (told["code"], told["retryable"], told["retry_after"]) == ("rate_limited", True, seconds)
    assert "retry_after" in told["next_step"]


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_a_tool_call_with_more_items_than_are_left_is_refused_whole(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    assert left(await call(http, generation, "add_todos", {"todos": todos(45)}))[0] == 5

    refusal = await call(http, generation, "add_todos", {"todos": todos(6)})

    assert refused(refusal)["code"] == "rate_limited"
    assert left(refusal)[0] == 5
    assert left(await call(http, generation, "add_todos", {"todos": todos(5)}))[0] == 0


@pytest.mark.parametrize("generation", GENERATIONS)
async def test_listing_tools_too_often_is_a_429_that_says_when_to_come_again(
    http: httpx2.AsyncClient, generation: FaceName
) -> None:
    await use_up(http)

    response = await rpc(http, generation, "tools/list")

    told = too_many(response, generation)
    assert left(response) == (0, told["retry_after"])


# --- refused tokens ----------------------------------------------------------------------------


async def log_in(http: httpx2.AsyncClient, face: FaceName, token: str, **headers: str) -> httpx2.Response:
    """Something that needs a user."""
    sent = {"Authorization": f"Bearer {token}"} | headers
    if face == "rest":
        return await http.get("/api/v1/todos", headers=sent)
    return await rpc(http, face, "tools/list", headers=sent)


@pytest.mark.requirement("OP5", "ID7")
@pytest.mark.parametrize("face", ["rest", *GENERATIONS])
async def test_an_address_with_too_many_wrong_tokens_gets_429_for_those_and_a_good_one_passes(
    serve: Serve, ann: Caller, face: FaceName
) -> None:
    good = await token_of(ann)
    async with serve(login_limit="3/hour") as app, client(app) as http, client(app, address="192.0.2.2") as other:
        for number in range(3):
            assert (await log_in(http, face, f"bad-{number}")).status_code == 401

        response = await log_in(http, face, "bad-0")
        too_many(response, face)
        assert "ratelimit" not in response.headers

        assert (await log_in(other, face, "bad-0")).status_code == 401
        assert (await log_in(http, face, good)).status_code == 200


@pytest.mark.requirement("OP5", "ID7")
async def test_refused_tokens_of_both_faces_are_counted_together(serve: Serve) -> None:
    async with serve(login_limit="2/hour") as app, client(app) as http:
        assert (await log_in(http, "rest", "bad")).status_code == 401
        assert (await log_in(http, "mcp-2026", "bad")).status_code == 401

        assert {(await log_in(http, face, "bad")).status_code for face in ("rest", *GENERATIONS)} == {429}


# --- requests without a token ----------------------------------------------------------------------

Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]
TWO = [("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
STRANGERS: dict[str, tuple[int, Ask]] = {
    "no token": (401, lambda http: http.get("/api/v1/todos")),
    "no token, with a body": (401, lambda http: http.post("/api/v1/todos", content=b"{")),
    "no token over MCP": (401, lambda http: rpc(http, "mcp-2026", "tools/list")),
    "another scheme": (401, lambda http: http.get("/api/v1/todos", headers={"Authorization": "Basic eDp5"})),
    "two tokens": (401, lambda http: http.get("/api/v1/todos", headers=TWO)),
    "the contract": (200, lambda http: http.get("/api/v1/openapi.json")),
    "the contract, with a token": (200, lambda http: http.get("/api/v1/openapi.json", headers=TWO[:1])),
    "the page": (200, lambda http: http.get("/docs")),
    "no such route": (404, lambda http: http.get("/nothing")),
    "no such method": (405, lambda http: http.put("/api/v1/todos")),
    "no such method of MCP": (405, lambda http: http.get("/mcp")),
    "another host": (421, lambda http: http.get("/api/v1/todos", headers={"Host": "evil.test"})),
    "another host, with a token": (421, lambda http: http.get("/", headers=[*TWO[:1], ("Host", "evil.test")])),
    "another origin": (403, lambda http: http.post("/mcp", headers={"Origin": "https://evil.test"})),
}


@pytest.mark.requirement("OP5", "RS5")
@pytest.mark.parametrize(("status", "ask"), STRANGERS.values(), ids=STRANGERS.keys())
async def test_an_address_with_too_many_requests_without_a_good_token_has_to_wait(
    serve: Serve, ann: Caller, status: int, ask: Ask
) -> None:
    good = await token_of(ann)
    async with serve(address_limit="3/hour") as app, client(app) as http, client(app, address="192.0.2.2") as other:
        for _ in range(3):
            assert (await ask(http)).status_code == status

        refused = await ask(http)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
        assert "ratelimit" not in refused.headers
        assert (await ask(other)).status_code == status
        for face in ("rest", *GENERATIONS):
            assert (await log_in(http, face, good)).status_code == 200
        for path in ("/healthz", "/readyz"):
            assert (await http.get(path)).status_code == 200


@pytest.mark.requirement("OP5", "RS5")
async def test_requests_with_a_good_token_and_health_checks_cost_the_address_nothing(serve: Serve, ann: Caller) -> None:
    good = await token_of(ann)
    async with serve(address_limit="1/hour") as app, client(app) as http:
        for _ in range(3):
            assert (await log_in(http, "rest", good)).status_code == 200
            assert (await log_in(http, "mcp-2026", good)).status_code == 200
            assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/docs")).status_code == 200
        assert (await http.get("/docs")).status_code == 429


@pytest.mark.requirement("OP5", "RS5")
async def test_an_address_of_ipv6_is_its_network_and_the_limit_may_be_off(serve: Serve) -> None:
    async with serve(address_limit="2/hour") as app:
        told = []
        for address in ("2001:db8::7", "2001:db8::8", "2001:db8::9", "2001:db8:0:1::7"):
            async with client(app, address=address) as http:
                told.append((await http.get("/docs")).status_code)
        assert told == [200, 200, 429, 200]
    async with serve(address_limit="off") as app, client(app) as http:
        assert {(await http.get("/docs")).status_code for _ in range(5)} == {200}


PROXIES = "10.0.0.0/8, 2001:db8:ffff::/48, 192.0.2.80"
SPOOFED = "198.51.100.66"


@pytest.mark.requirement("OP5", "ID7")
@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        pytest.param(AT_HOME, [SPOOFED], AT_HOME, id="a caller says so"),
        pytest.param(AT_HOME, [f"{SPOOFED}, 10.0.0.1"], AT_HOME, id="a caller says that a proxy says so"),
        pytest.param("10.0.0.1", [AT_HOME], AT_HOME, id="a proxy says so"),
        pytest.param("192.0.2.80", [AT_HOME], AT_HOME, id="a proxy by its address"),
        pytest.param("2001:db8:ffff::1", [AT_HOME], AT_HOME, id="a proxy of IPv6"),
        pytest.param("10.0.0.1", [f"{SPOOFED}, {AT_HOME}"], AT_HOME, id="what the caller says is left of it"),
        pytest.param("10.0.0.1", [f"{SPOOFED},{AT_HOME},10.0.0.3 , 10.0.0.2"], AT_HOME, id="through three proxies"),
        pytest.param("10.0.0.1", [SPOOFED, f"{AT_HOME}, 10.0.0.2"], AT_HOME, id="in two headers"),
        pytest.param("10.0.0.1", [f"10.0.0.9, {AT_HOME}"], AT_HOME, id="a caller who names a proxy first"),
        pytest.param("10.0.0.1", [f"{AT_HOME}:51234"], AT_HOME, id="with a port"),
        pytest.param("10.0.0.1", [f"{SPOOFED}, {AT_HOME}:51234, 10.0.0.2:80"], AT_HOME, id="ports everywhere"),
        pytest.param("10.0.0.1", ["2001:db8::7"], "2001:db8::7", id="IPv6"),
        pytest.param("10.0.0.1", [f"{SPOOFED}, 2001:db8::7"], "2001:db8::8", id="the same /64"),
        pytest.param("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7", id="IPv6 in brackets"),
        pytest.param("10.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7", id="IPv6 with a port"),
        pytest.param("10.0.0.1", [f"::ffff:{AT_HOME}"], AT_HOME, id="IPv4 in IPv6"),
        pytest.param("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3", id="only proxies"),
        pytest.param("10.0.0.1", [], "10.0.0.1", id="a proxy by itself"),
        pytest.param("10.0.0.1", [""], "10.0.0.1", id="a proxy that says nothing"),
        pytest.param("10.0.0.1", [f"{SPOOFED}, "], "10.0.0.1", id="a proxy that does not know"),
        pytest.param("::ffff:10.0.0.1", [AT_HOME], AT_HOME, id="a proxy that a dual-stack socket sees"),
    ],
)
async def test_a_refused_token_is_counted_for_the_last_address_that_no_trusted_proxy_has(
    serve: Serve, peer: str, forwarded: list[str], counted: str
) -> None:
    sent = [("Authorization", "Bearer bad"), *(("X-Forwarded-For", value) for value in forwarded)]
    addresses = {AT_HOME, "192.0.2.2", SPOOFED, "10.0.0.1", "10.0.0.3", "2001:db8::7", "2001:db8:0:1::7"}
    async with serve(login_limit="2/hour", trusted_proxies=PROXIES) as app:
        async with client(app, address=peer) as http:
            statuses = [(await http.get("/api/v1/todos", headers=sent)).status_code for _ in range(3)]
        assert statuses == [401, 401, 429]

        blocked = set()
        for address in {*addresses, counted}:
            async with client(app, address=address) as http:
                if (await log_in(http, "rest", "bad")).status_code == 429:
                    blocked.add(address)

    assert blocked == {counted} | ({"2001:db8::7"} if counted == "2001:db8::8" else set())


@pytest.mark.requirement("OP5", "ID7")
@pytest.mark.parametrize("garbage", ["unknown", "<script>", "999.1.1.1", "[2001:db8::7", "\x7f", "a" * 5000, ",,,x"])
async def test_garbage_in_the_place_of_an_address_blocks_no_address(serve: Serve, garbage: str) -> None:
    async with serve(login_limit="2/hour", trusted_proxies=PROXIES) as app, client(app, address="10.0.0.1") as http:
        told = [await log_in(http, "rest", "bad", **{"X-Forwarded-For": garbage}) for _ in range(3)]
        assert [response.status_code for response in told] == [401, 401, 429]
        assert (await log_in(http, "rest", "bad")).status_code == 401
        assert (await log_in(http, "rest", "bad", **{"X-Forwarded-For": AT_HOME})).status_code == 401


@pytest.mark.requirement("OP5", "ID7")
@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP"])
@pytest.mark.parametrize("proxies", ["", "10.0.0.0/8"])
async def test_a_caller_cannot_say_where_it_calls_from(serve: Serve, name: str, proxies: str) -> None:
    async with serve(login_limit="2/hour", trusted_proxies=proxies) as app, client(app) as http:
        statuses = [
            (
                await log_in(http, "rest", "bad", **{name: f"for=198.51.100.{number}"[4 * (name != "Forwarded") :]})
            ).status_code
            for number in range(3)
        ]

    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("wrong", ["*", "proxy.example.test", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.1:80"])
def test_trusted_proxies_are_addresses_or_networks(wrong: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^TODO_TRUSTED_PROXIES takes addresses or networks such as 10\.0\.0\.0/8$"
    ):
        Settings.load(trusted_proxies=f"10.0.0.0/8,{wrong}")
