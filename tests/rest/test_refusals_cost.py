"""What is refused costs its sender something, and the server little (OW6), over REST and MCP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from time import process_time
from typing import Any

import httpx2
import pytest

from http_edge.bodies import MAX_BODY_BYTES
from http_edge.exchange import BYTES_OF_ONE
from tests.faces import ADDRESS, FACES, FaceName, Json, call, http_client, message, refused, rpc
from tests.rest.problems import fields, problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.boundary.limits import RESTRAINT
from todo_core.boundary.places import AT_ONCE, WAITING
from todo_core.errors import MOST_LISTED
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("OW6", "RS3", "MC4")

CROWD = 22_000
"""Unknown fields that fit into a request, however it is spaced."""
MCP: tuple[FaceName, ...] = ("mcp-2026", "mcp-2025")
SMALL = {"title": "a", "description": "d" * 900, "tags": [f"{number}{'t' * 45}" for number in range(20)]}
"""A todo of 2 kB."""
QUOTA = 50


@pytest.fixture
async def limited(database_url: str) -> AsyncIterator[Application]:
    """The application with fifty requests an hour."""
    settings = Settings.load(
        rate_limit=f"{QUOTA}/hour", jwt_secret=JWT_SECRET, jwt_issuer=ISSUER, jwt_audience=AUDIENCE
    )
    application = build(settings, database_url, ADDRESS)
    async with application.running():
        yield application


def unknown(count: int) -> Json:
    """A todo with so many fields that no todo has."""
    return {"title": "a"} | {f"{number:x}": 1 for number in range(count)}


def compact(value: object) -> bytes:
    """JSON without spaces, as the client sends it."""
    return json.dumps(value, separators=(",", ":")).encode()


async def add(http: httpx2.AsyncClient, face: FaceName, todo: Json) -> httpx2.Response:
    """Ask for one todo to be added."""
    if face == "rest":
        return await http.post("/api/v1/todos", json=todo)
    return await call(http, face, "add_todos", {"todos": [todo]})


def told_by(response: httpx2.Response, face: FaceName) -> Json:
    return problem(response, 422, "invalid_input") if face == "rest" else refused(response)


# --- how much is told --------------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("count", [1, MOST_LISTED, MOST_LISTED + 1, CROWD])
async def test_twenty_refused_fields_are_listed_and_the_others_counted(
    http: httpx2.AsyncClient, face: FaceName, count: int
) -> None:
    response = await add(http, face, unknown(count))

    told = told_by(response, face)
    item = "" if face == "rest" else "todos[0]."
    assert fields(told) == [f"{item}{number:x}" for number in range(min(count, MOST_LISTED))]
    first, *others = told["errors"]
    assert (first["message"], "title" in first["allowed"]) == ("is not a known field", True)
    for found in others:
        is_told_again = "allowed" in found
        assert (found["message"], is_told_again) == (
            ("is not a known field", True) if face == "rest" else ("is not a known field, as above", False)
        )
    assert told.get("more_errors", 0) == max(count - MOST_LISTED, 0)
    assert len(response.content) < 8192


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("PATCH /api/v1/todos/1", unknown(CROWD)),
        ("PATCH /api/v1/users/me", unknown(CROWD)),
        ("POST /api/v1/lists", unknown(CROWD)),
        ("POST /api/v1/todos/batch", {"action": "add", "todos": []} | unknown(CROWD)),
        ("POST /api/v1/todos/batch", {"action": "complete", "ids": [1]} | unknown(CROWD)),
    ],
)
async def test_no_body_with_very_many_fields_is_answered_at_length(
    http: httpx2.AsyncClient, route: str, body: Json
) -> None:
    method, path = route.split(" ")

    response = await http.request(method, path, json=body)

    told = problem(response, 422, "invalid_input")
    assert len(fields(told)) == MOST_LISTED
    assert CROWD - MOST_LISTED <= told["more_errors"] <= CROWD + 1 - MOST_LISTED  # a batch has no title
    assert "action" not in fields(told)
    assert len(response.content) < 8192


@pytest.mark.parametrize("face", MCP)
async def test_no_call_with_very_many_arguments_is_answered_at_length(http: httpx2.AsyncClient, face: FaceName) -> None:
    told = refused(await call(http, face, "list_todos", unknown(CROWD)))

    assert len(fields(told)) == MOST_LISTED
    assert told["more_errors"] == CROWD + 1 - MOST_LISTED


@pytest.mark.parametrize("face", FACES)
async def test_each_item_of_a_batch_lists_twenty_and_the_answer_is_no_larger_than_the_request(
    http: httpx2.AsyncClient, face: FaceName
) -> None:
    items = [unknown(450) for _ in range(50)]
    if face == "rest":
        response = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": items})
    else:
        response = await call(http, face, "add_todos", {"todos": items})

    results = response.json()["results"] if face == "rest" else refused(response)["results"]
    for result in results:
        assert (len(result["error"]["errors"]), result["error"]["more_errors"]) == (MOST_LISTED, 450 - MOST_LISTED)
    assert len(response.content) < 2 * len(compact(items))


# --- what it costs the sender ------------------------------------------------------------------


def left(response: httpx2.Response) -> int:
    """What is left of the budget."""
    found = response.headers["ratelimit"].partition(";r=")[2]
    return int(found.partition(";")[0])


REFUSED: dict[str, Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]] = {
    "a wrong field": lambda http: http.post("/api/v1/todos", json={"title": 5}),
    "a wrong filter": lambda http: http.get("/api/v1/todos", params={"limit": 0}),
    "an unknown parameter": lambda http: http.get("/api/v1/overview", params={"a": 1}),
    "a body that is no JSON": lambda http: http.post(
        "/api/v1/todos", content=b"{", headers={"Content-Type": "application/json"}
    ),
    "a wrong id": lambda http: http.get("/api/v1/todos/x"),
    "a wrong key": lambda http: http.post("/api/v1/todos", json={"title": "a"}, headers={"Idempotency-Key": " "}),
    "a wrong version": lambda http: http.patch("/api/v1/todos/1", json={"title": "a"}, headers={"If-Match": "x"}),
    "no such todo": lambda http: http.get("/api/v1/todos/999999999"),
    "wrong arguments": lambda http: call(http, "mcp-2026", "add_todos", {"todos": 5}),
    "wrong arguments of the older generation": lambda http: call(http, "mcp-2025", "add_todos", {"todos": 5}),
    "an unknown tool": lambda http: call(http, "mcp-2026", "no_such_tool", {}),
    "arguments that exclude each other": lambda http: call(
        http, "mcp-2026", "complete_todos", {"ids": [1], "skip": True, "completed": False}
    ),
    "an unknown prompt": lambda http: rpc(http, "mcp-2026", "prompts/get", {"name": "nothing"}),
    "an unknown resource": lambda http: rpc(http, "mcp-2026", "resources/read", {"uri": "todo://nothing"}),
}


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("what", REFUSED)
async def test_whatever_is_refused_costs_one(limited: Application, ann: Caller, what: str) -> None:
    async with http_client(limited, await token_of(ann)) as http:
        assert left(await http.get("/api/v1/overview")) == QUOTA - 1

        response = await REFUSED[what](http)

        assert left(response) == QUOTA - 2
        assert left(await http.get("/api/v1/overview")) == QUOTA - 3


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("face", FACES)
async def test_a_large_body_that_is_refused_costs_one_for_each_8_kilobytes(
    limited: Application, ann: Caller, face: FaceName
) -> None:
    async with http_client(limited, await token_of(ann)) as http:
        response = await add(http, face, unknown(10_000))

        told_by(response, face)
        spent = QUOTA - left(response)
        assert spent == pytest.approx(len(response.request.content) / BYTES_OF_ONE, abs=1)
        assert spent > 5


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("path", ["/api/v1/todos", "/mcp"])
@pytest.mark.parametrize(
    ("kind", "size"), [("text/plain", 1), ("application/json", MAX_BODY_BYTES + 1)], ids=["415", "413"]
)
async def test_a_body_that_is_not_taken_costs_what_was_read_of_it(
    limited: Application, ann: Caller, path: str, kind: str, size: int
) -> None:
    async with http_client(limited, await token_of(ann)) as http:
        response = await http.post(path, content=b"x" * size, headers={"Content-Type": kind})

        assert response.status_code in (413, 415)
        assert QUOTA - left(response) == -(-size // BYTES_OF_ONE)

        while left(response):
            response = await http.post(path, content=b"x", headers={"Content-Type": "text/plain"})
        response = await http.post(path, content=b"x", headers={"Content-Type": "text/plain"})
        assert response.status_code == 429


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("path", ["/api/v1/todos", "/mcp"])
async def test_a_body_whose_client_goes_costs_what_was_read_of_it(limited: Application, ann: Caller, path: str) -> None:
    """Otherwise whoever sends all but the last byte would be read as often as they like."""
    token = await token_of(ann)
    messages = iter(
        [
            {"type": "http.request", "body": b"x" * 4 * BYTES_OF_ONE, "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [
            (b"host", b"127.0.0.1:8000"),
            (b"content-type", b"application/json"),
            (b"authorization", f"Bearer {token}".encode()),
        ],
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await limited(scope, receive, send)

    async with http_client(limited, token) as http:
        assert left(await http.get("/api/v1/overview")) == QUOTA - 5


@pytest.mark.requirement("OP5", "ID4")
@pytest.mark.parametrize("face", FACES)
async def test_what_the_scope_refuses_costs_what_it_asked_for(
    limited: Application, ann: Caller, face: FaceName
) -> None:
    async with http_client(limited, await token_of(ann, "todos:read")) as http:
        items = [{"title": "a"}] * 7
        if face == "rest":
            response = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": items})
            problem(response, 403, "insufficient_scope")
        else:
            response = await call(http, face, "add_todos", {"todos": items})
            assert refused(response)["code"] == "insufficient_scope"

        assert left(response) == QUOTA - 7


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("method", ["ping", "no/such/method"])
async def test_a_request_over_mcp_that_runs_nothing_costs_one(limited: Application, ann: Caller, method: str) -> None:
    async with http_client(limited, await token_of(ann)) as http:
        await rpc(http, "mcp-2025", method)

        assert left(await http.get("/api/v1/overview")) == QUOTA - 2


@pytest.mark.requirement("OP5")
@pytest.mark.parametrize("face", FACES)
async def test_who_goes_on_beyond_the_limit_is_told_of_it_and_then_refused_unread(
    limited: Application, ann: Caller, bob: Caller, face: FaceName
) -> None:
    async with http_client(limited, await token_of(ann)) as http, http_client(limited, await token_of(bob)) as bobs:
        for _ in range(QUOTA):
            told_by(await add(http, face, {"title": 5}), face)
        for _ in range(RESTRAINT):
            response = await add(http, face, {"title": 5})
            if face == "rest":
                problem(response, 429, "rate_limited")
            else:
                assert refused(response)["code"] == "rate_limited"

        unread = await http.post("/api/v1/todos" if face == "rest" else "/mcp", json={"title": "a"})

        assert unread.status_code == 429
        assert int(unread.headers["retry-after"]) >= 1
        assert left(unread) == 0
        assert (await bobs.get("/api/v1/overview")).status_code == 200


# --- many at once ------------------------------------------------------------------------------


async def test_a_page_that_sends_eight_requests_at_once_never_sees_a_429(http: httpx2.AsyncClient) -> None:
    paths = ("overview", "todos", "lists", "tags", "changes", "users/me", "analytics/summary", "search?text=a")

    for _ in range(5):
        answers = await asyncio.gather(*(http.get(f"/api/v1/{path}") for path in paths))
        assert [answer.status_code for answer in answers] == [200] * len(paths)


@pytest.mark.parametrize("face", FACES)
async def test_of_very_many_requests_at_once_some_are_told_to_come_again(
    http: httpx2.AsyncClient, face: FaceName
) -> None:
    assert (await http.get("/api/v1/todos")).status_code == 200  # the token is known

    async def ask() -> httpx2.Response:
        return await (http.get("/api/v1/todos") if face == "rest" else call(http, face, "list_todos", {}))

    answers = await asyncio.gather(*(ask() for _ in range(150)))
    if face == "rest":
        served = [answer for answer in answers if answer.status_code == 200]
        told = [problem(answer, 429, "rate_limited") for answer in answers if answer not in served]
        assert {answer.headers.get("retry-after") for answer in answers if answer not in served} == {"1"}
    else:
        read = [answer for answer in answers if answer.status_code == 200]
        served = [answer for answer in read if not answer.json()["result"].get("isError")]
        unread = [answer for answer in answers if answer not in read]
        assert {(answer.status_code, answer.headers.get("retry-after")) for answer in unread} <= {(429, "1")}
        told = [refused(answer) for answer in read if answer not in served]
        told += [answer.json()["error"]["data"] for answer in unread]
    assert told
    assert len(served) >= AT_ONCE + WAITING
    assert {(one["retryable"], one["retry_after"]) for one in told} == {(True, 1)}


# --- what it costs the server ------------------------------------------------------------------


async def cpu(*works: Callable[[], Awaitable[Any]]) -> list[float]:
    """The processor time in seconds that this process needs for each of some works: the least of seven tries.

    They take turns, so that what else the machine does meets all of them.
    """
    times: list[list[float]] = [[] for _ in works]
    for _ in range(7):
        for work, tries in zip(works, times, strict=True):
            before = process_time()
            await work()
            tries.append(process_time() - before)
    return [min(tries) for tries in times]


Send = Callable[[], Awaitable[httpx2.Response]]


SMALL_ONES = 20
"""Fewer than the requests as which a body of 240 kB counts for the rate limit: one for each 8 KiB."""


def often(send: Send) -> Callable[[], Awaitable[None]]:
    """Return what sends a request `SMALL_ONES` times."""

    async def work() -> None:
        for _ in range(SMALL_ONES):
            await send()

    return work


def raw(http: httpx2.AsyncClient, path: str, body: Json, headers: Json | None = None) -> Send:
    """Return what sends a body that is made once: what counts is what the server does with it."""
    content, kind = compact(body), {"content-type": "application/json"} | (headers or {})

    async def send() -> httpx2.Response:
        return await http.post(path, content=content, headers=kind)

    return send


def raw_call(http: httpx2.AsyncClient, face: FaceName, arguments: Json, tool: str = "add_todos") -> Send:
    """Return what calls a tool with arguments that are made once."""
    body, headers = message(face, "tools/call", {"name": tool, "arguments": arguments})
    return raw(http, "/mcp", body, headers)


@pytest.mark.parametrize("face", FACES)
async def test_to_refuse_240_kilobytes_costs_no_more_than_to_accept_twenty_small_requests(
    http: httpx2.AsyncClient, face: FaceName
) -> None:
    assert len(compact(SMALL)) > 1900
    items = [unknown(550)] * 50
    if face == "rest":
        accept, refuse, refuse_items = (
            raw(http, path, body)
            for path, body in [
                ("/api/v1/todos", SMALL),
                ("/api/v1/todos", unknown(27_500)),
                ("/api/v1/todos/batch", {"action": "add", "todos": items}),
            ]
        )
    else:
        accept, refuse, refuse_items = (
            raw_call(http, face, arguments) for arguments in [{"todos": [SMALL]}, unknown(27_000), {"todos": items}]
        )
    told = [await accept(), await refuse(), await refuse_items()]
    assert [answer.status_code for answer in told] == ([201, 422, 200] if face == "rest" else [200] * 3)
    assert [len(answer.request.content) > 200_000 for answer in told] == [False, True, True]
    if face != "rest":
        assert [bool(answer.json()["result"].get("isError")) for answer in told] == [False, True, True]

    refused_whole, refused_items, accepted = await cpu(refuse, refuse_items, often(accept))
    assert refused_whole <= accepted
    assert refused_items <= accepted


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("add_todos", {"todos": [{}] * 60_000}),
        ("complete_todos", {"ids": ["a"] * 50_000}),
        ("complete_todos", {"ids": [*range(1, 35_000)]}),
        ("update_todos", {"todos": [{"ids": ["1"] * 45_000}]}),
        ("list_todos", {"tags": ["a"] * 50_000}),
    ],
)
async def test_to_refuse_a_long_list_over_mcp_costs_no_more_than_to_accept_twenty_small_requests(
    http: httpx2.AsyncClient, tool: str, arguments: Json
) -> None:
    """Each item was read by its schema, in up to a third of a second, before the list was found too long."""
    accept = raw_call(http, "mcp-2026", {"todos": [SMALL]})
    refuse = raw_call(http, "mcp-2026", arguments, tool)
    (told,) = refused(await refuse())["errors"]
    assert told["message"].startswith("must have at most")

    refused_at, accepted_at = await cpu(refuse, often(accept))
    assert refused_at <= accepted_at


@pytest.mark.parametrize("name", ["due", "repeat"])
@pytest.mark.parametrize("is_batch", [False, True])
async def test_to_refuse_very_many_fields_deeper_inside_costs_no_more_than_to_accept_twenty_small_requests(
    http: httpx2.AsyncClient, name: str, is_batch: bool
) -> None:
    """pydantic made an error of each, in a quarter of a second."""

    def sending(count: int) -> Send:
        crowd = {f"{number:x}": 1 for number in range(count)} | ({"rule": "FREQ=DAILY"} if name == "repeat" else {})
        todo = {"title": "a", name: crowd}
        if is_batch:
            return raw(http, "/api/v1/todos/batch", {"action": "add", "todos": [todo]})
        return raw(http, "/api/v1/todos", todo)

    async def told(count: int) -> Json:
        answer = (await sending(count)()).json()
        error: Json = answer["results"][0]["error"] if is_batch else answer
        return error

    few, many = await told(MOST_LISTED), await told(CROWD)
    assert many["errors"] == few["errors"]
    assert fields(many) == [f"{name}.{number:x}" for number in range(MOST_LISTED)]
    assert ("more_errors" not in few, many["more_errors"]) == (True, CROWD - MOST_LISTED)
    accept, refuse = raw(http, "/api/v1/todos", SMALL), sending(CROWD)

    refused_at, accepted_at = await cpu(refuse, often(accept))
    assert refused_at <= accepted_at


@pytest.mark.parametrize("action", ["add", "update", "mix"])
@pytest.mark.parametrize("count", [50, 60_000])
async def test_to_refuse_each_item_of_a_batch_costs_no_more_than_to_accept_twenty_small_requests(
    http: httpx2.AsyncClient, action: str, count: int
) -> None:
    """To find the names of the fields anew for each item took up to an eighth of a second."""
    name = "items" if action == "mix" else "todos"
    accept = raw(http, "/api/v1/todos", SMALL)
    refuse = raw(http, "/api/v1/todos/batch", {"action": action, name: [{}] * count})
    if count > 50:
        (told,) = problem(await refuse(), 422, "invalid_input")["errors"]
        assert (told["field"], told["message"]) == (name, "must have at most 50 items")

    refused_at, accepted_at = await cpu(refuse, often(accept))
    assert refused_at <= accepted_at
