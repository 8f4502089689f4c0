"""Changes as server-sent events, and requests that wait for one."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from typing import Any

import anyio
import httpx2
import pytest

from rest_api import live
from tests.core.support import add
from tests.pauses import moment
from tests.rest.problems import fields, problem
from tests.streams import Stream, streaming
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.upkeep.live import hub

pytestmark = pytest.mark.requirement("SA5", "RS2")

EVENTS = "/api/v1/events"


@pytest.fixture
async def token(ann: Caller) -> str:
    """Ann's token."""
    return await token_of(ann)


async def opened(stream: Stream) -> dict[str, str]:
    """The first block of a stream that was accepted."""
    status, _ = await stream.start()
    assert status == 200
    return await stream.block()


def ids(events: list[dict[str, Any]]) -> list[int]:
    return [event["id"] for event in events]


async def test_each_change_is_an_event_with_its_id_in_the_order_of_commits(
    app: Application, http: httpx2.AsyncClient, token: str, ann: Caller
) -> None:
    async with streaming(app, token, EVENTS, accept="text/event-stream") as stream:
        status, headers = await stream.start()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        assert not {"content-length", "etag", "content-encoding"} & headers.keys()
        begin = await stream.block()
        assert 2_000 <= int(begin["retry"]) <= 5_000
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(add, ann, f"todo {number}")

        told = await stream.events(5)
        page = (await http.get("/api/v1/changes", params={"since": begin["id"], "rows": "false"})).json()
        assert told == page["items"]


async def test_a_stream_that_was_lost_goes_on_where_it_was(app: Application, token: str, ann: Caller) -> None:
    async with streaming(app, token, EVENTS) as stream:
        begin = (await opened(stream))["id"]
        await add(ann, "first")
        (first,) = await stream.events(1)
    await add(ann, "second")
    async with (
        streaming(app, token, f"{EVENTS}?since={begin}", last_event_id=str(first["id"])) as by_header,
        streaming(app, token, f"/api/events?since={begin}") as by_address,
    ):
        assert (await opened(by_header))["id"] == str(first["id"])
        assert (await opened(by_address))["id"] == begin
        await add(ann, "third")
        later = ids(await by_header.events(2))
        assert ids(await by_address.events(3)) == [first["id"], *later]


@each(
    ("path", "headers", "refused"),
    [
        (f"{EVENTS}?since=-1", {}, (422, "invalid_input")),
        (f"{EVENTS}?since={2**63}", {}, (422, "invalid_input")),
        (f"{EVENTS}?since=1e3", {}, (422, "invalid_input")),
        (f"{EVENTS}?since=1&since=2", {}, (422, "invalid_input")),
        (f"{EVENTS}?sinse=1", {}, (422, "invalid_input")),
        (EVENTS, {"last_event_id": "12, 13"}, (422, "invalid_input")),
        (EVENTS, {"last_event_id": "x"}, (422, "invalid_input")),
        (EVENTS, {"last_event_id": "\u0669"}, (422, "invalid_input")),
        (EVENTS, {"accept": "application/json"}, (406, "not_acceptable")),
        (EVENTS, {"authorization": "Bearer x"}, (401, "unauthenticated")),
        (EVENTS, {"host": "evil.test"}, (421, "host_not_allowed")),
        (EVENTS, {"if_none_match": '"x"'}, (422, "invalid_input")),
    ],
)
async def test_what_cannot_be_followed_is_refused_with_a_status(
    app: Application, token: str, path: str, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    async with streaming(app, token, path, **headers) as stream:
        status, _ = await stream.start()
        assert (status, json.loads(await stream.end())["error_code"]) == refused


async def test_a_token_that_may_not_read_todos_follows_nothing(app: Application, ann: Caller) -> None:
    async with streaming(app, await token_of(ann, "profile"), EVENTS) as stream:
        assert (await stream.start())[0] == 403
        assert "insufficient_scope" in await stream.end()


async def test_silence_is_broken_by_comments(app: Application, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert live.BEAT <= 15
    monkeypatch.setattr(live, "BEAT", 0.02)
    async with streaming(app, token, EVENTS) as stream:
        await opened(stream)
        assert await stream.block() == await stream.block() == {"": ""}


async def test_head_has_the_headers_and_ends(app: Application, token: str) -> None:
    async with streaming(app, token, EVENTS, "HEAD") as stream:
        status, headers = await stream.start()
        assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert await stream.end() == ""


async def test_one_person_has_so_many_streams_and_the_next_is_told_when_to_come_back(
    app: Application, token: str, ann: Caller, bob: Caller
) -> None:
    async with AsyncExitStack() as streams:
        for _ in range(hub.OF_A_PERSON):
            await opened(await streams.enter_async_context(streaming(app, token, EVENTS)))
        async with streaming(app, token, EVENTS) as one_more:
            status, headers = await one_more.start()
            assert (status, headers["retry-after"]) == (503, "10")
        async with streaming(app, await token_of(bob), EVENTS) as of_bob:
            await opened(of_bob)
        assert len(app.core.places) == 0
        await add(ann, "Ann still writes")
    async with streaming(app, token, EVENTS) as again:
        await opened(again)


async def test_a_stream_ends_regularly_when_its_token_is_revoked(
    app: Application, http: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BEAT", 0.05)
    monkeypatch.setattr(hub, "POLL", 0.05)
    app.core.live._rest()
    made = (await http.post("/api/v1/tokens", json={"name": "watcher", "scopes": ["todos:read"]})).json()
    async with streaming(app, made["token"], EVENTS) as stream:
        await opened(stream)
        await http.delete(f"/api/v1/tokens/{made['id']}")
        await stream.end()
    async with streaming(app, made["token"], EVENTS) as stream:
        assert (await stream.start())[0] == 401


# --- requests that wait ------------------------------------------------------------------------


async def somebody_follows(app: Application, person: Caller) -> None:
    """Return once a request waits for changes of a person."""
    with anyio.fail_after(10):
        while person.principal.user_id not in app.core.live._people:
            await moment()


async def test_a_request_waits_for_the_next_change(http: httpx2.AsyncClient, ann: Caller, app: Application) -> None:
    since = (await http.get("/api/v1/changes")).json()["since"]
    waiting = asyncio.create_task(http.get("/api/v1/changes", params={"since": since, "wait": 30}))
    await somebody_follows(app, ann)
    assert len(app.core.places) == 0
    await add(ann, "waited for")
    with anyio.fail_after(10):
        (change,) = (await waiting).json()["items"]
    assert change["id"] > since
    began = time.monotonic()
    answer = await http.get("/api/v1/changes", params={"since": since, "wait": 30})
    assert answer.json()["items"] == [change]
    assert time.monotonic() - began < 10
    assert ann.principal.user_id not in app.core.live._people


async def test_a_request_that_waited_for_nothing_is_answered_as_if_it_had_not_waited(
    http: httpx2.AsyncClient,
) -> None:
    since = (await http.get("/api/v1/changes")).json()["since"]
    plain = await http.get("/api/v1/changes", params={"since": since})
    waited = await http.get("/api/v1/changes", params={"since": since, "wait": 1})
    assert (waited.status_code, waited.json(), waited.headers["etag"]) == (200, plain.json(), plain.headers["etag"])


async def test_who_waits_beyond_the_newest_change_is_told_of_the_next_one(
    http: httpx2.AsyncClient, ann: Caller, app: Application
) -> None:
    waiting = asyncio.create_task(http.get("/api/v1/changes", params={"since": 2**62, "wait": 30}))
    await somebody_follows(app, ann)
    await add(ann, "waited for")
    with anyio.fail_after(10):
        told = (await waiting).json()
    (change,) = told["items"]
    assert told["since"] == change["id"] < 2**62


async def test_who_stops_waiting_leaves_at_once(
    app: Application, http: httpx2.AsyncClient, token: str, ann: Caller
) -> None:
    since = (await http.get("/api/v1/changes")).json()["since"]
    async with streaming(app, token, f"/api/v1/changes?since={since}&wait=30"):
        await somebody_follows(app, ann)
    assert ann.principal.user_id not in app.core.live._people


@each(
    "query",
    [
        {"wait": 31, "since": 1},
        {"wait": -1, "since": 1},
        {"wait": "x", "since": 1},
        {"wait": 5},
        {"wait": 5, "since": 1, "entity": "tag"},
    ],
)
async def test_a_wait_that_cannot_be_is_refused_by_name(http: httpx2.AsyncClient, query: dict[str, Any]) -> None:
    assert fields(problem(await http.get("/api/v1/changes", params=query), 422, "invalid_input")) == ["wait"]
