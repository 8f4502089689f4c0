"""The outermost layer, around an application that only tells what it was asked."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from http_edge import requests
from http_edge.entrance import Entrance
from http_edge.exchange import Exchange
from http_edge.requests import Answered, RequestContext
from todo_core.settings import Settings


async def asked(path: str, **more: Any) -> Scope:
    """The request that the application gets; what is told of it at its end has no address, which may say anything."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": [], **more}
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        seen.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None: ...

    told: list[Answered] = []
    await RequestContext(app, Settings.load(), Entrance(), [told.append])(scope, receive, send)
    (answered,) = told
    assert (answered.method, answered.route, answered.status) == ("GET", None, 200)
    (found,) = seen
    assert found["raw_path"] == path.encode()
    assert found["state"]["exchange"] is Exchange.of(scope)
    return found


@pytest.mark.requirement("RS1")
@pytest.mark.parametrize(
    ("path", "goes_on_as"),
    [
        ("/api/todos", "/api/v1/todos"),
        ("/api/todos/1/complete", "/api/v1/todos/1/complete"),
        ("/api/", "/api/v1/"),
        ("/api//todos", "/api/v1//todos"),
        ("/api/v1x/todos", "/api/v1/v1x/todos"),
        ("/api/v2/todos", "/api/v1/v2/todos"),
        ("/api/v1", "/api/v1/v1"),
        *(
            (path, path)
            for path in ("/api", "/api/v1/", "/api/v1/todos", "/api/v1/v1/todos", "/apis/todos", "/API/todos")
        ),
        *((path, path) for path in ("/", "/mcp", "/healthz", "//api/todos", "/x/api/todos")),
    ],
)
async def test_a_request_without_a_version_goes_on_with_the_current_one(path: str, goes_on_as: str) -> None:
    assert (await asked(path))["path"] == goes_on_as


@pytest.mark.requirement("RS1")
@pytest.mark.parametrize(
    ("path", "goes_on_as"),
    [
        ("/below/api/todos", "/below/api/v1/todos"),
        ("/below/api/v1/todos", "/below/api/v1/todos"),
        ("/api/todos", "/api/v1/todos"),
    ],
)
async def test_what_an_application_is_mounted_below_is_no_part_of_its_addresses(path: str, goes_on_as: str) -> None:
    assert (await asked(path, root_path="/below"))["path"] == goes_on_as


@pytest.mark.requirement("RS2")
async def test_what_lasts_as_long_as_its_client_wants_is_no_slow_request(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([0.0, 10.25, 3_600.0])  # it begins, its answer begins, its answer ends
    monkeypatch.setattr(requests.time, "perf_counter", lambda: next(seconds))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        Exchange.of(scope).waited, Exchange.of(scope).is_known = 10.0, True  # for a change
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None: ...

    told: list[Answered] = []
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    await RequestContext(app, Settings.load(), Entrance(), [told.append])(scope, receive, send)

    assert [answered.seconds for answered in told] == [0.25]
