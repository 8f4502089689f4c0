"""Who does not take an answer is cut off, and no address takes all connections: real sockets, both event loops."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from http_edge.places import MOST_DESCRIPTORS, Places, descriptors
from http_edge.protocol import LimitedProtocol
from http_edge.readers import MIN_TAKEN_BYTES
from tests.app.program import Program, Serving
from tests.app.test_edge import (
    KIB,
    PATIENCE,
    Wire,
    by_clock,
    connected,
    edge,
    get,
    no_fault_here,
    no_fault_logged,
    port_of,
)
from tests.pauses import moment
from todo_core.notations import parse_networks

pytestmark = pytest.mark.requirement("RS5")

MIB = 1024 * KIB
READER_SECONDS = 0.4


@pytest.fixture(
    scope="module",
    params=[("asyncio", {"use_uvloop": False}), ("asyncio", {"use_uvloop": True})],
    ids=["asyncio", "uvloop"],
)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    found: tuple[str, dict[str, bool]] = request.param
    return found


class Impatient(LimitedProtocol):
    reader_seconds = READER_SECONDS
    places = Places(MOST_DESCRIPTORS)


async def answer(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
    """Answer with as many bytes as the address says, in one piece, as every answer of ours is."""
    size = int(scope["path"].strip("/"))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(size).encode())]})
    await send({"type": "http.response.body", "body": bytes(size)})


@asynccontextmanager
async def with_small_buffers(port: int) -> AsyncIterator[Wire]:
    """A client whose system keeps next to nothing for it."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    plain.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, ("127.0.0.1", port))
    _, wire = await loop.create_connection(Wire, sock=plain)
    try:
        yield wire
    finally:
        wire.transport.abort()
        await wire.ends()


ASKED = {
    "one answer": get(f"/{32 * MIB}"),
    "one answer before the end": get(f"/{32 * MIB}", "Connection: close"),
    "one answer of HTTP/1.0": get(f"/{32 * MIB}", version="1.0"),
    "answers to pipelined requests": get(f"/{160 * KIB}") * 200,
    "small answers to pipelined requests": get(f"/{8 * KIB}") * 3000,
    "an answer, and then a request that never ends": get(f"/{32 * MIB}") + get("/1").removesuffix(b"\r\n"),
    "an answer, and then nonsense": get(f"/{32 * MIB}") + b"nonsense\r\n\r\n",
}


@pytest.mark.parametrize("said", ASKED.values(), ids=ASKED.keys())
async def test_a_reader_that_takes_nothing_is_cut_off_and_that_is_no_fault(
    said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with no_fault_here(caplog):
        async with edge(answer, Impatient) as here, with_small_buffers(here.port) as wire:
            wire.transport.pause_reading()  # type: ignore[attr-defined]
            wire.transport.write(said)

            assert await here.is_empty()
            wire.transport.resume_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(PATIENCE):
                await wire.ended.wait()
            assert len(wire.got) < MIN_TAKEN_BYTES, "the system keeps nothing for it either"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_one_that_leaves_only_a_little_is_cut_off_too(version: str, caplog: pytest.LogCaptureFixture) -> None:
    """So little that the transport never says that it waits."""
    with no_fault_here(caplog):
        async with edge(answer, Impatient, send_buffer=4 * KIB) as here, with_small_buffers(here.port) as wire:
            wire.transport.pause_reading()  # type: ignore[attr-defined]
            wire.transport.write(get(f"/{60 * KIB}", version=version))

            assert await here.is_empty()


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize("said", ASKED.values(), ids=ASKED.keys())
async def test_one_that_goes_instead_of_reading_is_no_fault(
    said: bytes, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with no_fault_here(caplog):
        async with edge(answer, Impatient) as here, with_small_buffers(here.port) as wire:
            wire.transport.pause_reading()  # type: ignore[attr-defined]
            wire.transport.write(said)
            async with asyncio.timeout(PATIENCE):
                while not any(connection.flow.write_paused for connection in here.state.connections):
                    await moment()
            wire.transport.close() if how == "closed" else wire.transport.abort()

            assert await here.is_empty()


async def test_a_reader_that_takes_a_little_all_the_time_is_not_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    size = 40 * MIN_TAKEN_BYTES
    piece = size // 20  # in the time of one tenth: more than enough for its whole
    with no_fault_here(caplog):
        async with by_clock(answer, with_small_buffers, 64 * KIB) as (wire, connection, clock):
            wire.transport.write(get(f"/{size}"))
            seen = 0
            while seen < size:
                wire.transport.resume_reading()  # type: ignore[attr-defined]
                async with asyncio.timeout(PATIENCE):
                    while len(wire.got) < min(seen + piece, size):
                        assert not wire.ended.is_set()
                        await moment()
                wire.transport.pause_reading()  # type: ignore[attr-defined]
                seen = len(wire.got)
                clock.go_to(clock.now + connection.reader_seconds / 4)


async def test_a_connection_that_is_read_and_idle_is_left_to_the_usual_pause() -> None:
    async with edge(answer, Impatient) as here, connected(here.port) as wire:
        for _ in range(2):
            await wire.send(get(f"/{MIB}"))
            assert len((await wire.answer()).body) == MIB
            await asyncio.sleep(READER_SECONDS * 1.5)


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_pause_that_ends_after_its_connection_is_no_fault(how: str) -> None:
    """uvicorn lets its timer run on where a connection was reset."""
    async with edge(answer, Impatient) as here, connected(here.port) as wire:
        await wire.send(get("/1"))
        await wire.answer()
        (connection,) = here.state.connections
        wire.transport.close() if how == "closed" else wire.transport.abort()
        assert await here.is_empty()

        connection.timeout_keep_alive_handler()


# --- connections -------------------------------------------------------------------------------


class Crowded(LimitedProtocol):
    """Eight connections, four of an address."""


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> type[LimitedProtocol]:
    monkeypatch.setattr(Crowded, "places", Places(16, parse_networks(["127.0.0.9"])))
    return Crowded


@asynccontextmanager
async def connected_from(address: str, port: int) -> AsyncIterator[Wire]:
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(Wire, "127.0.0.1", port, local_addr=(address, 0))
    try:
        yield wire
    finally:
        wire.transport.abort()
        await wire.ends()


async def is_served(wire: Wire) -> bool:
    wire.transport.write(get("/1"))
    async with asyncio.timeout(PATIENCE):
        while not wire.got and not wire.ended.is_set():
            await moment()
    return wire.got.startswith(b"HTTP/1.1 200 ")


async def test_an_address_gets_half_of_the_connections_and_all_get_no_more_than_there_are(
    crowded: type[LimitedProtocol], caplog: pytest.LogCaptureFixture
) -> None:
    with no_fault_here(caplog):
        async with edge(answer, crowded) as here, AsyncExitStack() as stack:
            told = []
            for address in ("127.0.0.1",) * 6 + ("127.0.0.2",) * 2 + ("127.0.0.3",) * 2 + ("127.0.0.4",):
                wire = await stack.enter_async_context(connected_from(address, here.port))
                told.append(await is_served(wire))
            assert told == [True] * 4 + [False] * 2 + [True] * 4 + [False]

            await stack.aclose()
            assert await here.is_empty()
            async with connected_from("127.0.0.1", here.port) as wire:
                assert await is_served(wire)


async def test_a_trusted_proxy_gets_all_of_them(crowded: type[LimitedProtocol]) -> None:
    async with edge(answer, crowded) as here, AsyncExitStack() as stack:
        told = [
            await is_served(await stack.enter_async_context(connected_from("127.0.0.9", here.port))) for _ in range(9)
        ]

    assert told == [True] * 8 + [False]


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("/run/socket", None, True),
    ],
)
def test_what_counts_as_one_address(first: str | None, second: str | None, is_one: bool) -> None:
    places = Places(4)  # two, one of an address

    assert places.take(first) is not None
    assert (places.take(second) is None) == is_one


@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"])
def test_a_proxy_is_known_in_each_of_its_forms(proxy: str) -> None:
    places = Places(8, parse_networks(["10.0.0.0/8", "2001:db8::/64"]))

    taken = [places.take(proxy) for _ in range(5)]
    assert [place is not None for place in taken] == [True] * 4 + [False]
    for place in taken[:4]:
        assert place is not None
        places.leave(place)
    assert places.take("192.0.2.1") is not None


def test_the_descriptors_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = [(256, 4096), (resource.RLIM_INFINITY, resource.RLIM_INFINITY), (10**9, 10**9)]
    told = []
    for limit in limits:
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: limit)
        told.append(descriptors())

    assert told == [256, MOST_DESCRIPTORS, MOST_DESCRIPTORS]


def test_a_process_takes_as_many_descriptors_as_it_may_have() -> None:
    script = (
        "from resource import RLIMIT_NOFILE, setrlimit; setrlimit(RLIMIT_NOFILE, (128, 1000));"
        "from http_edge.places import Places, descriptors, raise_descriptors; raise_descriptors();"
        "print(descriptors(), Places(descriptors()).streams)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000", "250"]


# --- the program -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def poor(served_program: Program, serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server with 128 descriptors."""
    script = tmp_path_factory.mktemp("poor") / "todo-mcp"
    script.write_text(
        f"""#!{sys.executable}
import resource

resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
from todo_app.cli import main

main()
"""
    )
    Path(script).chmod(0o755)
    with served_program.anew(str(script)).serve() as running:
        yield replace(running, printed=serving.printed)


@pytest.mark.slow
@pytest.mark.requirement("OW1")
async def test_connections_without_a_token_leave_places_and_descriptors_for_others(poor: Serving) -> None:
    """Four hundred, of which the server had descriptors for a quarter: the next one of anybody was reset."""
    with no_fault_logged(poor):
        async with AsyncExitStack() as stack:
            loop = asyncio.get_running_loop()
            wires: list[Any] = []
            for _ in range(400):
                _, wire = await loop.create_connection(Wire, "127.0.0.1", port_of(poor))
                stack.callback(wire.transport.abort)
                wires.append(wire)
            async with asyncio.timeout(PATIENCE):
                while sum(not wire.ended.is_set() for wire in wires) > 32:
                    await moment()

            asked = get("/api/v1/todos?limit=1", f"Authorization: Bearer {poor.token}")
            async with connected_from("127.0.0.2", port_of(poor)) as bob:
                bob.transport.write(asked.replace(b"127.0.0.1:8000", f"127.0.0.1:{port_of(poor)}".encode()))
                assert (await bob.answer()).status == 200


async def test_an_answer_that_outlasts_the_grace_of_a_stop_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """As uvicorn does, when it stops: it cancels what still runs, such as a slow download."""

    class Patient(Impatient):
        reader_seconds = PATIENCE

    async def pieces(scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})

    with no_fault_here(caplog):
        async with edge(pieces, Patient) as here, with_small_buffers(here.port) as wire:
            wire.transport.pause_reading()  # type: ignore[attr-defined]
            wire.transport.write(get("/"))
            async with asyncio.timeout(PATIENCE):
                while not any(connection.flow.write_paused for connection in here.state.connections):  # type: ignore[attr-defined]
                    await moment()
            (task,) = here.state.tasks
            task.cancel()

            assert await here.is_empty()
