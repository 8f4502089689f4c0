"""What one client changes others hear of, over sockets and pipes; and what becomes of them when the server stops."""

from __future__ import annotations

import asyncio
import json
import select
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import jwt
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.subscriptions import ResourceUpdated
from mcp_types import ResourceUpdatedNotification

from tests.app.clients import call, over_http
from tests.app.program import Program, Serving, logs
from tests.support import AUDIENCE, ISSUER, JWT_SECRET

pytestmark = [pytest.mark.requirement("SA5", "MC7"), pytest.mark.filterwarnings("ignore:.*resources/.*:Warning")]

EVENTS = "/api/v1/events"
SOON = 10.0
"""Seconds in which what is told of is heard of on however busy a machine; whoever does not hear looks every 2 to 15."""


def token_of(person: str) -> str:
    """A session of somebody, who is made at first sight."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": person, "iat": now, "exp": now + 600}
    return jwt.encode(claims, JWT_SECRET, "HS256")


@asynccontextmanager
async def client_of(serving: Serving, token: str) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"}
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=serving.url, headers=headers, timeout=30, limits=limits) as client:
        yield client


async def added(http: httpx2.AsyncClient, title: str, **more: Any) -> dict[str, Any]:
    """A new todo."""
    response = await http.post("/api/v1/todos", json={"title": title, **more})
    found: dict[str, Any] = response.json()
    return found


async def test_an_agent_that_listens_hears_of_what_it_can_read_and_of_nothing_else(serving: Serving) -> None:
    ann, bob = token_of(f"ann-{uuid4()}"), token_of(f"bob-{uuid4()}")
    async with client_of(serving, ann) as anns, client_of(serving, bob) as bobs:
        mine, quiet, his = await added(anns, "Ann's"), await added(anns, "quiet"), await added(bobs, "Bob's")
        wanted = [
            f"todo://todos/{mine['id']}-with-words",
            f"todo://todos/{quiet['id']}",
            f"todo://lists/{mine['list_id']}",
            "todo://overview",
            "todo://changes",
        ]
        unreadable = [f"todo://todos/{his['id']}", "todo://todos/9223372036854775807", "todo://nothing", "x"]
        async with (
            over_http(f"{serving.url}/mcp", ann, "2026-07-28") as agent,
            agent.listen(resource_subscriptions=[*wanted, *unreadable]) as subscription,
        ):
            assert subscription.honored.resource_subscriptions == wanted
            await bobs.patch(f"/api/v1/todos/{his['id']}", json={"title": "Bob's still"})
            await anns.patch(f"/api/v1/todos/{mine['id']}", json={"title": "Ann's still"})
            heard: set[str] = set()
            with anyio.fail_after(SOON):
                async for event in subscription:
                    assert isinstance(event, ResourceUpdated)
                    heard.add(event.uri)
                    if len(heard) == len(wanted) - 1:
                        break
            assert heard == {*wanted} - {wanted[1]}
            below = await added(anns, "below", parent_id=quiet["id"])
            with anyio.fail_after(SOON):
                async for event in subscription:
                    if event == ResourceUpdated(wanted[1]):
                        break
            content = (await agent.read_resource("todo://changes")).contents[0]
            latest = json.loads(content.text)["changes"][0]  # type: ignore[union-attr]
            assert latest["entries"][0]["id"] == below["id"]


async def test_an_agent_that_may_not_read_todos_listens_to_nothing_and_is_not_turned_away(serving: Serving) -> None:
    with serving.http() as http:
        made = http.post("/api/v1/tokens", json={"name": f"poor {uuid4()}", "scopes": ["profile"]}).json()
        async with (
            over_http(f"{serving.url}/mcp", made["token"], "2026-07-28") as agent,
            agent.listen(tools_list_changed=True, resource_subscriptions=["todo://overview"]) as subscription,
        ):
            assert (subscription.honored.tools_list_changed, subscription.honored.resource_subscriptions) == (
                True,
                None,
            )
            http.post("/api/v1/todos", json={"title": "unheard"})


@pytest.mark.parametrize("mode", ["2026-07-28", "legacy"])
async def test_an_agent_at_a_pipe_hears_of_what_is_changed_over_rest(
    serving: Serving, served_program: Program, mode: str
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def take(message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            heard.put_nowait(str(message.params.uri))

    command, *words = served_program.words("stdio")
    server = StdioServerParameters(
        command=command, args=words, env=served_program.environment, cwd=served_program.folder
    )
    async with AsyncExitStack() as stack:
        errors = stack.enter_context((served_program.folder / "stdio.err").open("w"))
        client = Client(stdio_client(server, errlog=errors), mode=mode, message_handler=take)
        agent = await stack.enter_async_context(client)
        rest = await stack.enter_async_context(client_of(serving, serving.token))
        todo = await added(rest, "heard of")
        uri = f"todo://todos/{todo['id']}"
        if mode == "legacy":
            await agent.subscribe_resource(uri)
            with pytest.raises(Exception, match="There is no such"):
                await agent.subscribe_resource("todo://todos/9223372036854775807")
        else:
            subscription = await stack.enter_async_context(agent.listen(resource_subscriptions=[uri]))

            async def forward() -> None:
                async for event in subscription:
                    heard.put_nowait(event.uri)  # type: ignore[union-attr]

            forwarding = asyncio.create_task(forward())
            stack.callback(forwarding.cancel)

        async def until_heard() -> float:
            while not heard.empty():  # of the change before it may have heard twice
                heard.get_nowait()
            began = time.monotonic()
            await rest.patch(f"/api/v1/todos/{todo['id']}", json={"title": f"heard of {uuid4()}"})
            with anyio.fail_after(SOON):
                assert await heard.get() == uri
            return time.monotonic() - began

        await until_heard()  # or found by the look that comes with hearing
        took = [await until_heard()]
        while len(took) < 5 and took[-1] >= 1:  # one of several, because the machine may be busy
            took.append(await until_heard())
        assert took[-1] < 1, took
        if mode == "legacy":
            await agent.unsubscribe_resource(uri)
            await rest.patch(f"/api/v1/todos/{todo['id']}", json={"title": "unheard"})
            await call(agent, "list_todos")
            assert heard.empty()


def test_watch_prints_a_line_for_each_change_wherever_it_is_made(serving: Serving, served_program: Program) -> None:
    command = served_program.words("watch")
    with subprocess.Popen(
        command, env=served_program.environment, cwd=served_program.folder, stdout=subprocess.PIPE, text=True
    ) as watching:
        assert watching.stdout is not None
        with serving.http() as http:
            deadline = time.monotonic() + 30
            titles = []
            while time.monotonic() < deadline and not titles:
                http.post("/api/v1/todos", json={"title": "wat\u200bched"})
                if select.select([watching.stdout], [], [], 0.5)[0]:
                    titles.append(watching.stdout.readline())
        watching.terminate()
        assert watching.wait(20) == 0
    (line,) = titles
    _, what, rows, who = line.rstrip("\n").split("  ")
    assert (what, rows.startswith("wat"), who.startswith("rest")) == ("todos.add", True, True)


def next_change(lines: Iterable[str]) -> dict[str, str]:
    """The next change of an event stream, by the names of its fields."""
    block: dict[str, str] = {}
    for line in lines:
        if line.strip():
            name, _, block[name] = line.rstrip("\n").partition(": ")
        elif block.get("event") == "change":
            return block
        else:
            block = {}
    raise AssertionError("the stream has ended")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (Debian: apt-get install curl)")
def test_curl_follows_and_goes_on_where_it_was(serving: Serving) -> None:
    command = ["curl", "-sN", "--max-time", "20", "-H", f"Authorization: Bearer {serving.token}"]
    last: list[str] = []
    for title in ("first", "second"):
        resumed = ["-H", f"Last-Event-ID: {last[-1]}"] if last else []
        words = [*command, *resumed, f"{serving.url}{EVENTS}"]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as following, serving.http() as http:
            assert following.stdout is not None
            assert following.stdout.readline().startswith("retry: ")
            http.post("/api/v1/todos", json={"title": title})
            change = next_change(following.stdout)
            following.terminate()
        last.append(change["id"])
        assert title in change["data"]
    assert int(last[0]) < int(last[1])


async def test_when_the_server_stops_every_stream_ends_regularly_and_soon(served_program: Program) -> None:
    tokens = [token_of(f"many-{uuid4()}") for _ in range(10)]
    with served_program.serve() as serving:
        async with AsyncExitStack() as stack:
            streams: list[Any] = []
            for token in tokens:
                http = await stack.enter_async_context(client_of(serving, token))
                streams += [await stack.enter_async_context(http.stream("GET", EVENTS)) for _ in range(5)]
                endpoint = streamable_http_client(f"{serving.url}/mcp", http_client=http)
                agent = await stack.enter_async_context(Client(endpoint, mode="2026-07-28"))
                subscribing = [agent.listen(resource_subscriptions=["todo://overview"]) for _ in range(5)]
                streams += [await stack.enter_async_context(one) for one in subscribing]

            async def to_its_end(stream: Any) -> None:
                if isinstance(stream, httpx2.Response):
                    assert stream.status_code == 200
                    assert b"retry:" in await stream.aread()  # which fails for a body that does not end
                else:
                    async for _ in stream:  # raises `SubscriptionLost` where no result comes
                        pass

            assert len(streams) == 100
            async with anyio.create_task_group() as tasks:
                for stream in streams:
                    tasks.start_soon(to_its_end, stream)
                assert await asyncio.to_thread(serving.stop) == 0
        # An error, too, if its grace was over before they ended. A request that took long is no fault of a stream.
        bad = [entry for entry in logs(serving.stderr) if entry["level"] in ("warning", "error")]
        assert [entry for entry in bad if not is_slow(entry)] == []


def is_slow(entry: dict[str, Any]) -> bool:
    """Whether a line is of a request that was answered, though late."""
    return bool(entry["event"] == "request" and entry["status"] < 500)
