"""The HTTP edge over real sockets: what is too large, too slow or no HTTP is refused before the application sees it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.testing import capture_logs
from uvicorn.server import ServerState

from http_edge.origins import Origins
from http_edge.pipelined import MAX_HELD_BYTES, MOST_AHEAD, PIECE_BYTES
from http_edge.protocol import LimitedProtocol
from tests.app.program import Program, Serving, logs
from tests.exhaustive import crossed
from tests.faces import ADDRESS
from tests.pauses import moment
from tests.redis import running_redis
from tests.support import token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.settings import Settings

pytestmark = pytest.mark.requirement("RS5")

PATIENCE = 20.0
"""Seconds in which whatever must happen has happened, on however busy a machine."""
HEAD_SECONDS = 1.0
BODY_SECONDS = 1.5
KIB = 1024


# --- a client that sends whatever it is told to ------------------------------------------------


@dataclass
class Answer:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    def problem(self, status: int, code: str) -> None:
        """It is a refusal at the edge: RFC 9457, and the end of the connection."""
        assert (self.status, self.headers["content-type"]) == (status, "application/problem+json")
        told = json.loads(self.body)
        assert (told["status"], told["error_code"]) == (status, code)
        assert {"type", "title", "detail", "retryable", "next_step"} <= told.keys()
        assert self.headers["connection"] == "close"


class Wire(asyncio.Protocol):
    """A connection. What came before a reset is not lost."""

    def __init__(self) -> None:
        self.sent = 0
        self.got = bytearray()
        self.ended = asyncio.Event()
        self._news = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # that of uvloop is no subclass

    def data_received(self, data: bytes) -> None:
        self.got += data
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._take_what_is_left()
        self.ended.set()
        self._news.set()
        self._writable.set()

    def _take_what_is_left(self) -> None:
        """Read what has come and was not read: where a write fails first, the transport leaves it."""
        with suppress(OSError), socket.socket(fileno=os.dup(self.transport.get_extra_info("socket").fileno())) as rest:
            while data := rest.recv(64 * KIB, socket.MSG_DONTWAIT):
                self.got += data

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    async def send(self, data: bytes) -> None:
        self.transport.write(data)
        self.sent += len(data)
        await self._writable.wait()

    async def send_until_answered(self, *pieces: bytes, pause: float = 0.0, most: float = float("inf")) -> None:
        """Send pieces, the last of them again and again, until the server answers or ends the connection.

        Args:
            pieces: What is sent.
            pause: Seconds between two of them.
            most: Bytes after which no more is sent, and the answer to these must come: how much is sent until it does
                depends on who has a turn.
        """
        queue = [*pieces]
        while not self.got and not self.ended.is_set():
            if self.sent >= most:
                return
            await self.send(queue.pop(0) if queue else pieces[-1])
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._news.wait()

    async def _until(self, found: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not found():
                assert not self.ended.is_set(), f"it ended after {bytes(self.got)!r}"
                self._news.clear()
                await self._news.wait()

    async def answer(self, *, has_body: bool = True) -> Answer:
        """The next whole answer."""
        await self._until(lambda: b"\r\n\r\n" in self.got)
        head, _, _ = self.got.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        assert len(headers) == len(lines), head
        assert "transfer-encoding" not in headers
        end = len(head) + 4 + (int(headers.get("content-length", "0")) if has_body else 0)
        await self._until(lambda: len(self.got) >= end)
        body = bytes(self.got[len(head) + 4 : end])
        del self.got[:end]
        version, status, *_ = status_line.split(" ")
        assert version == "HTTP/1.1"
        return Answer(int(status), headers, body)

    async def ends(self, seconds: float = PATIENCE) -> None:
        """Wait for the server to end the connection."""
        async with asyncio.timeout(seconds):
            await self.ended.wait()

    async def is_gone(self) -> bool:
        """The server ends the connection, and says no more."""
        await self.ends()
        return not self.got


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    try:
        yield wire
    finally:
        wire.transport.close()
        await wire.ends()


def get(path: str = "/healthz", *headers: str, version: str = "1.1") -> bytes:
    """A request's head."""
    return "\r\n".join([f"GET {path} HTTP/{version}", "Host: 127.0.0.1:8000", *headers, "", ""]).encode()


def post(path: str, token: str, *headers: str, version: str = "1.1") -> bytes:
    """The head of a request with a JSON body."""
    sent = [f"Authorization: Bearer {token}", "Content-Type: application/json", "Accept: */*", *headers]
    return get(path, *sent, version=version).replace(b"GET", b"POST", 1)


def unfinished(*headers: str) -> bytes:
    """A head whose end is missing."""
    return get("/healthz", *headers).removesuffix(b"\r\n")


# --- the server --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hurried(served_program: Program, serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The same server on the same database, in a hurry: a head has one second to arrive."""
    script = tmp_path_factory.mktemp("hurried") / "todo-mcp"
    script.write_text(
        f"""#!{sys.executable}
from http_edge import protocol
from todo_app.cli import main

protocol.LimitedProtocol.head_seconds = {HEAD_SECONDS}
protocol.LimitedProtocol.body_seconds = {BODY_SECONDS}
main()
"""
    )
    script.chmod(0o755)
    with served_program.anew(str(script)).serve() as running:
        yield replace(running, printed=serving.printed)  # where the token is


def of_its_own(serving: Serving, head: bytes) -> bytes:
    """The head, with the Host that MCP wants."""
    return head.replace(b"Host: 127.0.0.1:8000", b"Host: 127.0.0.1:%d" % port_of(serving))


def port_of(serving: Serving) -> int:
    return int(serving.url.rpartition(":")[2])


@contextmanager
def no_fault_logged(serving: Serving) -> Iterator[None]:
    """Nothing of what happens is an error of ours."""
    before = serving.stderr.count("\n")
    yield
    whole, _, _ = serving.stderr.rpartition("\n")  # it may be writing another line just now
    lines = logs("\n".join(whole.split("\n")[before:]))
    assert [line for line in lines if line["level"] in ("error", "critical") or "exception" in line] == []


async def is_well(serving: Serving) -> bool:
    """It answers a new connection."""
    async with connected(port_of(serving)) as wire:
        await wire.send(get())
        return (await wire.answer()).status == 200


# --- too large ---------------------------------------------------------------------------------


async def test_a_hundred_headers_are_fine_and_one_more_is_431(serving: Serving) -> None:
    fine = [f"X-{number}: v" for number in range(99)]  # and Host
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(get("/healthz", *fine))
            assert (await wire.answer()).status == 200
            await wire.send(get("/healthz", *fine, "X-99: v"))
            (await wire.answer()).problem(431, "headers_too_large")
            assert await wire.is_gone()
    assert await is_well(serving)


@pytest.mark.parametrize("size", [20 * KIB, 60 * KIB])
async def test_one_large_header_is_431(serving: Serving, size: int) -> None:
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(get("/healthz", "X-Large: " + "a" * size))
            (await wire.answer()).problem(431, "headers_too_large")
            assert await wire.is_gone()


async def test_many_headers_that_are_large_together_are_431(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(get("/healthz", *(f"X-{number}: " + "a" * 400 for number in range(50))))
        (await wire.answer()).problem(431, "headers_too_large")


async def test_a_large_head_that_is_within_the_limit_is_fine(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        for _ in range(3):  # each request by itself
            await wire.send(get("/healthz", "X-Large: " + "a" * 15 * KIB))
            assert (await wire.answer()).status == 200


@pytest.mark.parametrize("size", [500, 1400, 4096])
async def test_a_head_within_the_limit_is_fine_in_however_many_pieces_it_comes(serving: Serving, size: int) -> None:
    head = get("/healthz", *(f"X-{number}: " + "a" * 500 for number in range(28)))
    assert len(head) < 15 * KIB
    async with connected(port_of(serving)) as wire:
        for start in range(0, len(head), size):
            await wire.send(head[start : start + size])
            await asyncio.sleep(0.005)  # so that the server reads each piece by itself
        assert (await wire.answer()).status == 200


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: ", b"a" * KIB], id="a value"),
        pytest.param([b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-", b"a" * KIB], id="a name"),
        pytest.param([b"GET /", b"a" * KIB], id="an address"),
        pytest.param([b"GET /healthz HTTP/1.1\r\n", b"X-A: b\r\n"], id="short headers"),
        pytest.param([b"GET /healthz HTTP/1.1\r\nX: ", b" " * KIB], id="blanks"),
    ],
)
async def test_a_head_that_never_ends_is_431_as_soon_as_it_is_too_large(serving: Serving, pieces: list[bytes]) -> None:
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send_until_answered(*pieces, pause=0.003, most=64 * KIB)

            (await wire.answer()).problem(431, "headers_too_large")
            assert await wire.is_gone()


async def test_a_head_that_is_too_large_is_431_also_when_it_comes_in_one_piece(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        began = time.monotonic()
        await wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: " + b"a" * 40 * KIB)
        (await wire.answer()).problem(431, "headers_too_large")
        assert time.monotonic() - began < 8  # not for being late


async def test_a_flood_of_a_head_is_not_kept(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send_until_answered(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Endless: ", b"a" * 64 * KIB)

        assert wire.sent < 32 * KIB * KIB  # most of it in the buffers of the two sockets


@pytest.mark.parametrize("query", ["", "?q="])
async def test_a_long_address_is_431(serving: Serving, query: str) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(get("/healthz" + query + "a" * 17 * KIB))
        (await wire.answer()).problem(431, "headers_too_large")
        assert await wire.is_gone()


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"0\r\nX-Endless: ", b"a" * KIB], id="one trailer"),
        pytest.param([b"0\r\n", b"X: y\r\n" * 100], id="many trailers", marks=pytest.mark.exhaustive),
        pytest.param([b"1;x=", b"a" * KIB], id="an extension of a chunk", marks=pytest.mark.exhaustive),
    ],
)
async def test_what_surrounds_a_chunked_body_and_never_ends_is_refused_as_soon_as_it_is_too_large(
    hurried: Serving, pieces: list[bytes]
) -> None:
    head = post("/api/v1/todos", hurried.token, "Transfer-Encoding: chunked")
    with no_fault_logged(hurried):
        async with connected(port_of(hurried)) as wire:
            await wire.send_until_answered(head, b"2\r\n{}\r\n", *pieces, pause=0.003, most=64 * KIB)

            (await wire.answer()).problem(431, "headers_too_large")
            assert await wire.is_gone()


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(b"1;" + b"x" * 8 * KIB + b"\r\n \r\n", id="extensions"),  # as in CVE-2024-22019 of Node.js
        pytest.param(b"1\r\n \r\n" * KIB, id="single bytes"),
    ],
)
async def test_a_body_that_is_mostly_the_framing_of_its_chunks_is_refused(serving: Serving, chunk: bytes) -> None:
    """Each chunk was handed on by itself, and nothing counted what was around it: a body of 250 kB took 1.5 MB or more,
    and the event loop for tens of milliseconds at a time."""
    head = post("/api/v1/todos", serving.token, "Transfer-Encoding: chunked")
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send_until_answered(head, b"1\r\n{\r\n", chunk, pause=0.003, most=256 * KIB)

            (await wire.answer()).problem(413, "body_too_large")
            assert await wire.is_gone()
        async with connected(port_of(serving)) as wire:  # small pieces are fine, as a JSON encoder makes them
            body = json.dumps({"title": "pieces"}) + " " * 3 * KIB
            await wire.send(head + b"".join(b"1\r\n%c\r\n" % byte for byte in body.encode()) + b"0\r\n\r\n")
            assert (await wire.answer()).status == 201


@pytest.mark.parametrize(
    ("trailer", "status"), [("Authorization: Bearer {token}", 401), ("Idempotency-Key: not one", 201)]
)
async def test_a_trailer_is_no_header(serving: Serving, trailer: str, status: int) -> None:
    head = post("/api/v1/todos", serving.token, "Transfer-Encoding: chunked")
    if status == 401:
        head = head.replace(f"Authorization: Bearer {serving.token}\r\n".encode(), b"")
    async with connected(port_of(serving)) as wire:
        for _ in range(2):  # RFC 9110 §6.5.1
            body = b'd\r\n{"title":"a"}\r\n0\r\n' + trailer.format(token=serving.token).encode() + b"\r\n\r\n"
            await wire.send(head + body)
            assert (await wire.answer()).status == status


@pytest.mark.parametrize("path", ["/api/v1/todos", "/mcp"])
@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "chunked"])
async def test_a_body_over_the_limit_is_413_and_the_server_stays_well(
    serving: Serving, path: str, chunked: bool
) -> None:
    body = b" " * 300 * KIB
    framed = b"".join(b"%x\r\n%s\r\n" % (KIB, body[at : at + KIB]) for at in range(0, len(body), KIB)) + b"0\r\n\r\n"
    header = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            head = of_its_own(serving, post(path, serving.token, header))
            sending = asyncio.create_task(wire.send(head + (framed if chunked else body)))
            answer = await wire.answer()
            assert (answer.status, json.loads(answer.body)["error_code"]) == (413, "body_too_large")
            with suppress(OSError):
                await sending
        assert await is_well(serving)


@pytest.mark.parametrize("chunked", [False, True], ids=["by length", "chunked"])
async def test_a_large_body_within_the_limit_is_fine(serving: Serving, chunked: bool) -> None:
    todos = [{"title": "large", "description": "a" * 4000} for _ in range(50)]
    body = json.dumps({"action": "add", "todos": todos}).encode()
    assert 200_000 < len(body) < 256 * KIB
    header = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    async with connected(port_of(serving)) as wire:
        for _ in range(2):  # on one connection
            await wire.send(post("/api/v1/todos/batch", serving.token, header) + framed)
            answer = await wire.answer()
            assert answer.status == 200
            assert len(json.loads(answer.body)["results"]) == 50


# --- too slow ----------------------------------------------------------------------------------


async def test_a_connection_that_says_nothing_is_ended(hurried: Serving) -> None:
    began = time.monotonic()
    async with connected(port_of(hurried)) as wire:
        (await wire.answer()).problem(408, "request_timeout")
        assert await wire.is_gone()
        assert time.monotonic() - began >= HEAD_SECONDS * 0.9


@pytest.mark.parametrize("said", [b"\r\n", b"\r\n\r\n\r\n", b"\n"])
async def test_a_connection_that_says_only_empty_lines_is_ended_too(hurried: Serving, said: bytes) -> None:
    async with connected(port_of(hurried)) as wire:
        await wire.send(said)
        await wire.ends(HEAD_SECONDS + 5)


async def test_empty_lines_again_and_again_win_no_time(hurried: Serving) -> None:
    async with connected(port_of(hurried)) as wire:
        async with asyncio.timeout(HEAD_SECONDS + 5):
            await wire.send_until_answered(b"\r\n", pause=HEAD_SECONDS / 4)


async def test_empty_lines_after_an_answer_keep_no_connection(hurried: Serving) -> None:
    async with connected(port_of(hurried)) as wire:
        await wire.send(get())
        assert (await wire.answer()).status == 200
        await wire.send(b"\r\n")
        await wire.ends(HEAD_SECONDS + 10)  # uvicorn keeps an idle connection for 5 s


async def test_a_head_that_trickles_is_408_although_each_byte_comes_in_time(hurried: Serving) -> None:
    began = time.monotonic()
    with no_fault_logged(hurried):
        async with connected(port_of(hurried)) as wire:
            await wire.send_until_answered(b"GET /healthz HTTP/1.1\r\nX-Slow: ", b"a", pause=HEAD_SECONDS / 20)
            (await wire.answer()).problem(408, "request_timeout")
            assert await wire.is_gone()
    assert time.monotonic() - began >= HEAD_SECONDS * 0.9


async def test_an_idle_connection_outlives_the_time_of_a_head(hurried: Serving) -> None:
    async with connected(port_of(hurried)) as wire:
        for _ in range(3):
            await wire.send(get())
            assert (await wire.answer()).status == 200
            await asyncio.sleep(HEAD_SECONDS * 1.2)


@crossed(path=["/api/v1/todos", "/mcp"], header=["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_a_body_that_never_comes_is_408_and_no_fault(hurried: Serving, path: str, header: str) -> None:
    began = time.monotonic()
    with no_fault_logged(hurried):
        async with connected(port_of(hurried)) as wire:
            await wire.send(of_its_own(hurried, post(path, hurried.token, header)) + b"2\r\n{")
            (await wire.answer()).problem(408, "request_timeout")
            assert await wire.is_gone()
        assert await is_well(hurried)
    assert time.monotonic() - began >= BODY_SECONDS * 0.9


async def test_a_body_that_trickles_is_408(hurried: Serving) -> None:
    head = post("/api/v1/todos", hurried.token, "Content-Length: 100000")
    with no_fault_logged(hurried):
        async with connected(port_of(hurried)) as wire:
            await wire.send_until_answered(head, b" ", pause=BODY_SECONDS / 20)
            (await wire.answer()).problem(408, "request_timeout")


async def test_who_is_refused_without_reading_the_body_cannot_keep_the_connection(hurried: Serving) -> None:
    async with connected(port_of(hurried)) as wire:
        await wire.send(post("/api/v1/nothing", "none", "Content-Length: 100"))
        assert (await wire.answer()).status == 404
        await wire.ends(BODY_SECONDS + 10)


# --- no HTTP -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
    ],
)
async def test_what_is_no_http_is_a_400_problem(serving: Serving, said: bytes) -> None:
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(said)
            answer = await wire.answer()
            answer.problem(400, json.loads(answer.body)["error_code"])
            assert await wire.is_gone()


async def test_a_client_of_http_1_0_gets_no_chunks(serving: Serving) -> None:
    """RFC 9112 §6.1: what has no length ends with the connection; that is of streams, for a chunk has its length."""
    head = get("/api/v1/events", f"Authorization: Bearer {serving.token}", version="1.0")
    async with connected(port_of(serving)) as wire:
        await wire.send(head)
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"], "content-length" in answer.headers) == (
            200,
            "close",
            False,
        )
        await wire._until(lambda: wire.got.endswith(b"\n\n"))
        assert wire.got.startswith(b"retry: ")
    async with connected(port_of(serving)) as wire:
        await wire.send(
            post("/api/v1/todos", serving.token, "Content-Length: 13", "Expect: 100-continue", version="1.0")
        )
        await wire.send(b'{"title":"a"}')
        assert (await wire.answer()).status == 201, "and nothing before it"
        assert await wire.is_gone()


@pytest.mark.parametrize(
    ("codings", "status", "code"),
    [
        (["gzip, chunked"], 501, "coding_not_supported"),
        (["gzip", "chunked"], 501, "coding_not_supported"),
        (["chunked, chunked"], 400, "malformed_request"),
        (["chunked", "chunked"], 400, "malformed_request"),
        (["chunked,"], 400, "malformed_request"),
        (["gzip"], 400, "malformed_request"),
    ],
)
async def test_a_body_in_a_coding_that_we_do_not_take_is_refused_and_what_follows_is_no_request(
    serving: Serving, codings: list[str], status: int, code: str
) -> None:
    body = b"d\r\n" + b'{"title":"a"}' + b"\r\n0\r\n\r\n"
    head = post("/api/v1/todos", serving.token, *(f"Transfer-Encoding: {coding}" for coding in codings))
    for sent in (head, head.replace(b"HTTP/1.1", b"HTTP/1.0")):
        async with connected(port_of(serving)) as wire:
            await wire.send(sent + body + get())
            (await wire.answer()).problem(*((status, code) if sent is head else (400, "malformed_request")))
            assert await wire.is_gone()


async def test_an_address_in_the_place_of_a_path_is_of_the_host_that_is_named(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        for target, status in (
            ("http://127.0.0.1:8000/healthz", 200),
            ("HTTP://127.0.0.1:8000/healthz?a", 200),
            ("http://127.0.0.1:8000", 404),
        ):
            await wire.send(get(target))
            assert (await wire.answer()).status == status
    for target in ("http://other.test/healthz", "http://127.0.0.1/healthz", "ftp://127.0.0.1:8000/healthz", "*"):
        async with connected(port_of(serving)) as wire:
            await wire.send(get(target))
            (await wire.answer()).problem(400, "malformed_request")
            assert await wire.is_gone()
    async with connected(port_of(serving)) as wire:
        await wire.send(get("127.0.0.1:8000").replace(b"GET", b"CONNECT", 1))
        (await wire.answer()).problem(400, "malformed_request")


async def test_the_problem_of_a_malformed_request_does_not_speak_of_its_body(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(b"nonsense\r\n\r\n")
        told = json.loads((await wire.answer()).body)

    assert "json" not in f"{told['error_code']} {told['detail']} {told['next_step']}".lower()


@pytest.mark.parametrize(
    "headers",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: +5"],
        ["Content-Length: -5"],
        ["Content-Length: 0x5"],
        ["Content-Length: 5, 5"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding:\x0bchunked"],
        ["Content-Length: 99999999999999999999"],
    ],
)
async def test_a_body_whose_length_is_in_doubt_is_refused_and_what_follows_is_no_request(
    serving: Serving, headers: list[str]
) -> None:
    smuggled = b"0\r\n\r\n" + get("/api/v1/openapi.json")
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(post("/api/v1/todos", serving.token, *headers) + smuggled)
            answer = await wire.answer()
            assert answer.status == 400
            answer.problem(400, json.loads(answer.body)["error_code"])
            assert await wire.is_gone()


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-1\r\n", b"5\r\nhello!\r\n", b"ffffffffffffffffff\r\n", b"5\nhello\r\n"]
)
async def test_a_malformed_chunk_ends_the_request_and_is_no_fault(serving: Serving, chunk: bytes) -> None:
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(post("/api/v1/todos", serving.token, "Transfer-Encoding: chunked") + chunk)
            answer = await wire.answer()
            answer.problem(400, json.loads(answer.body)["error_code"])
            assert await wire.is_gone()
        assert await is_well(serving)


@pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n"], ids=["none", "two"])
async def test_a_request_of_http_1_1_names_one_host(serving: Serving, hosts: bytes) -> None:
    async with connected(port_of(serving)) as wire:  # RFC 9112 §3.2
        await wire.send(b"GET /healthz HTTP/1.1\r\n" + hosts + b"\r\n")
        assert (await wire.answer()).status == 400


# --- what must go on working -------------------------------------------------------------------


async def test_two_requests_on_one_connection_are_answered(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        for path in ("/healthz", "/api/v1/todos?limit=1"):
            await wire.send(get(path, f"Authorization: Bearer {serving.token}"))
            answer = await wire.answer()
            assert answer.status == 200
            assert "connection" not in answer.headers


async def test_pipelined_requests_are_answered_in_their_order(serving: Serving) -> None:
    requests = []
    for number in range(8):
        body = json.dumps({"title": f"pipelined {number}"}).encode()
        requests += [
            post("/api/v1/todos", serving.token, f"Content-Length: {len(body)}", f"X-Request-Id: p{number}") + body,
            get("/healthz", f"X-Request-Id: h{number}"),
        ]
    async with connected(port_of(serving)) as wire:
        await wire.send(b"".join(requests))
        answers = [await wire.answer() for _ in requests]

    assert [answer.headers["x-request-id"] for answer in answers] == [f"{k}{n}" for n in range(8) for k in "ph"]
    assert [answer.status for answer in answers] == [201, 200] * 8
    titles = [json.loads(answer.body)["title"] for answer in answers[::2]]
    assert titles == [f"pipelined {number}" for number in range(8)]


async def test_of_very_many_pipelined_requests_few_are_begun_before_the_first_is_answered() -> None:
    """Nine thousand in one read kept everybody else waiting for a fifth of a second, and took 40 MB."""
    may_go, answered = asyncio.Event(), list[str]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await may_go.wait()
        answered.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    requests = [f"GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for number in range(5_000)]
    async with edge(app, LimitedProtocol) as here, connected(here.port) as wire:
        await wire.send(b"".join(requests[:-1]))
        await wire.send(requests[-1][:9])  # the last one comes in two pieces
        async with asyncio.timeout(PATIENCE):
            while not here.state.tasks:
                await moment()
        (connection,) = here.state.connections
        assert isinstance(connection, LimitedProtocol)
        ahead = len(connection.pipeline)
        may_go.set()
        await wire.send(requests[-1][9:])
        assert [(await wire.answer()).status for _ in requests] == [204] * len(requests)

    assert answered == [f"/{number}" for number in range(5_000)]
    assert ahead <= MOST_AHEAD + PIECE_BYTES // len(requests[0])


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_large_bodies_between_pipelined_requests_are_read_whole(serving: Serving, framing: str) -> None:
    todos = [{"title": f"todo {number}", "description": "a" * 4_000} for number in range(50)]
    body = json.dumps({"action": "add", "todos": todos}).encode()
    header = f"Content-Length: {len(body)}" if framing == "Content-Length" else "Transfer-Encoding: chunked"
    sent = body if framing == "Content-Length" else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    batch = post("/api/v1/todos/batch", serving.token, header, "Dry-Run: true") + sent
    async with connected(port_of(serving)) as wire:
        await wire.send((get() * 40 + batch) * 2)
        answers = [await wire.answer() for _ in range(82)]

    assert [answer.status for answer in answers] == [200] * 82
    assert [len(json.loads(answers[place].body)["results"]) for place in (40, 81)] == [50, 50]


async def test_a_client_that_goes_on_sending_ahead_is_answered_once_and_cut_off() -> None:
    may_go = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await may_go.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with edge(app, LimitedProtocol) as here, connected(here.port) as wire:
        await wire.send(get())
        async with asyncio.timeout(PATIENCE):
            while not here.state.tasks:
                await moment()
        (connection,) = here.state.connections
        assert isinstance(connection, LimitedProtocol)
        connection.data_received(get() * (MAX_HELD_BYTES // len(get()) + 200))  # as if it was read all the same
        assert connection._is_refused
        may_go.set()
        assert (await wire.answer()).status == 204
        assert await here.is_empty()


async def test_pipelined_requests_may_be_cut_anywhere(serving: Serving) -> None:
    body = b'{"title":"cut"}'
    request = post("/api/v1/todos", serving.token, f"Content-Length: {len(body)}") + body
    stream = request * 4
    async with connected(port_of(serving)) as wire:
        for start in range(0, len(stream), 97):
            await wire.send(stream[start : start + 97])
            await asyncio.sleep(0.002)
        assert [(await wire.answer()).status for _ in range(4)] == [201] * 4


@pytest.mark.parametrize("said", [b"nonsense\r\n\r\n", get("/" + "a" * 17 * KIB)])
async def test_a_request_is_answered_before_the_bad_one_that_follows_it_is_refused(
    serving: Serving, said: bytes
) -> None:
    body = b'{"title":"done"}'
    async with connected(port_of(serving)) as wire:
        await wire.send(post("/api/v1/todos", serving.token, f"Content-Length: {len(body)}") + body + said)

        assert (await wire.answer()).status == 201
        await wire.ends()
        assert wire.got == b"" or wire.got.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 431 "))


async def test_http_1_0_is_answered_and_ended(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(get(version="1.0"))
        answer = await wire.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await wire.is_gone()


async def test_connection_close_is_obeyed(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(get("/healthz", "Connection: close"))
        assert (await wire.answer()).headers["connection"] == "close"
        assert await wire.is_gone()


async def test_a_head_request_gets_no_body(serving: Serving) -> None:
    async with connected(port_of(serving)) as wire:
        await wire.send(get("/healthz").replace(b"GET", b"HEAD", 1))
        await wire.answer(has_body=False)
        await wire.send(get())
        assert (await wire.answer()).status == 200


async def test_who_waits_for_100_continue_gets_it(serving: Serving) -> None:
    body = b'{"title":"a"}'
    async with connected(port_of(serving)) as wire:
        await wire.send(post("/api/v1/todos", serving.token, f"Content-Length: {len(body)}", "Expect: 100-continue"))
        assert (await wire.answer()).status == 100
        await wire.send(body)
        assert (await wire.answer()).status == 201


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "nonsense"])
async def test_an_upgrade_is_not_taken_and_the_request_is_answered(serving: Serving, protocol: str) -> None:
    upgrade = ["Connection: Upgrade", f"Upgrade: {protocol}"]
    if protocol == "websocket":
        upgrade += ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
    with no_fault_logged(serving):
        async with connected(port_of(serving)) as wire:
            await wire.send(get("/healthz", *upgrade))
            assert (await wire.answer()).status == 200
    assert await is_well(serving)


async def test_many_slow_callers_hold_up_no_other(hurried: Serving) -> None:
    async with AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(connected(port_of(hurried))) for _ in range(200)]
        for wire in wires:
            await wire.send(unfinished())

        assert await is_well(hurried)

        assert [(await wire.answer()).status for wire in wires] == [408] * 200


@pytest.mark.exhaustive
async def test_limits_are_shared_by_the_workers_of_a_server_through_redis(program: Program) -> None:
    with running_redis() as redis:
        limited = program.configured(TODO_REDIS_URL=redis.url, TODO_RATE_LIMIT="60/hour")
        with limited.serve("--workers", "2") as serving, serving.http() as http:
            token, told = serving.token, []
            for _ in range(70):
                with serving.http(token) as once:  # a connection of its own, to either worker
                    told.append(once.get("/api/v1/todos"))
            left = told[0].headers["ratelimit"]
            assert left.startswith('"user";r=5')  # the command line has spent of it, too
            count = int(left.partition("r=")[2].partition(";")[0])
            assert [answer.status_code for answer in told] == [200] * (count + 1) + [429] * (69 - count)
            assert redis.clients() >= 2
            redis.kill()
            assert http.get("/api/v1/todos").status_code == 200
        told = [line for line in logs(serving.stderr) if line["event"].startswith("redis")]
        assert {line["event"] for line in told} == {"redis_failed"}
        assert str(redis.socket) not in serving.stderr


# --- in this process: what no client sees ------------------------------------------------------


class Hurried(LimitedProtocol):
    head_seconds = 0.3
    body_seconds = 0.4


@dataclass
class Edge:
    """The protocol before an application, with what it keeps of its connections."""

    port: int
    state: ServerState = field(default_factory=ServerState)

    async def is_empty(self) -> bool:
        """Nothing runs any more and no connection is left."""
        async with asyncio.timeout(PATIENCE):
            while self.state.tasks or self.state.connections:
                await moment()
        return True


@asynccontextmanager
async def edge(
    app: ASGIApp, protocol: type[LimitedProtocol] = Hurried, send_buffer: int | None = None
) -> AsyncIterator[Edge]:
    """The protocol on a port; `send_buffer` is what the system keeps of an answer, in bytes."""
    config = uvicorn.Config(
        app, http=protocol, lifespan="off", log_config=None, access_log=False, proxy_headers=False, ws="none"
    )
    config.load()
    found = Edge(0)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, found.state, {}), "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    if send_buffer is not None:  # its connections inherit it
        server.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    try:
        yield found
    finally:
        server.close()
        for connection in [*found.state.connections]:
            connection.transport.abort()
        await server.wait_closed()


@pytest.fixture(params=["as it is", "for browsers"])
async def application(
    request: pytest.FixtureRequest, app: Application, settings: Settings, database_url: str
) -> AsyncIterator[Application]:
    """The application, also with the layers that it has where browsers of other origins are let in."""
    if request.param == "as it is":
        yield app
        return
    other = build(settings.model_copy(update={"cors_origins": ("https://web.example.test",)}), database_url, ADDRESS)
    async with other.running():
        yield other


@contextmanager
def no_fault_here(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO)
    with capture_logs() as found:
        yield
    assert [line for line in found if line["log_level"] in ("error", "critical")] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@crossed(path=["/api/v1/todos", "/mcp"], header=["Content-Length: 100", "Transfer-Encoding: chunked"])
async def test_a_handler_whose_body_never_comes_ends_without_a_fault(
    application: Application, ann: Caller, path: str, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = await token_of(ann)
    with no_fault_here(caplog):
        async with edge(application) as here, connected(here.port) as wire:
            await wire.send(post(path, token, header) + b"2\r\n{")
            (await wire.answer()).problem(408, "request_timeout")
            assert await wire.is_gone()
            assert await here.is_empty()


@pytest.mark.requirement("RS5", "ID7")
@pytest.mark.parametrize("path", ["/api/v1/todos", "/api/v1/todos/batch", "/api/v1/tokens", "/mcp"])
@pytest.mark.parametrize("token", ["none", ""], ids=["a bad token", "no token"])
async def test_who_calls_is_settled_before_the_body_is_there(
    application: Application, path: str, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    with no_fault_here(caplog):
        async with edge(application, LimitedProtocol) as here, connected(here.port) as wire:
            await wire.send(post(path, token, "Content-Length: 100000") + b"{")
            assert (await wire.answer()).status == 401
            wire.transport.close()
            assert await here.is_empty()


async def test_who_is_refused_instead_of_being_told_to_go_on_may_not_go_on(app: Application) -> None:
    """Whether the next bytes are the body or a request cannot be known (RFC 9110 §10.1.1)."""
    async with edge(app, LimitedProtocol) as here, connected(here.port) as wire:
        await wire.send(post("/api/v1/todos", "none", "Content-Length: 9", "Expect: 100-continue"))
        assert (await wire.answer()).status == 401
        await wire.ends(4)  # and not as an idle one, after 5 seconds
        assert not wire.got


@crossed(path=["/api/v1/todos", "/mcp"], how=["closed", "reset"])
async def test_a_client_that_goes_in_mid_body_is_no_fault(
    application: Application, ann: Caller, path: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = await token_of(ann)
    with no_fault_here(caplog):
        async with edge(application, LimitedProtocol) as here, connected(here.port) as wire:
            await wire.send(post(path, token, "Content-Length: 100") + b"{")
            async with asyncio.timeout(PATIENCE):
                while not here.state.tasks:  # the handler waits for the rest
                    await moment()
            if how == "closed":
                wire.transport.close()
            else:
                wire.transport.abort()
            assert await here.is_empty()


@pytest.mark.parametrize("said", [b"", b"GET", unfinished(), get(), get() * 3 + unfinished()])
async def test_a_client_that_goes_at_any_time_leaves_nothing_behind(
    app: Application, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with no_fault_here(caplog):
        async with edge(app, LimitedProtocol) as here:
            for _ in range(20):
                async with connected(here.port) as wire:
                    await wire.send(said)
            assert await here.is_empty()


async def test_no_timer_outlives_its_connection(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    late: list[object] = []
    monkeypatch.setattr(Hurried, "_too_late", late.append)
    async with edge(app) as here:
        for said in (b"", unfinished(), post("/api/v1/nothing", "none", "Content-Length: 9"), get()):
            async with connected(here.port) as wire:
                await wire.send(said)
        assert await here.is_empty()
        await asyncio.sleep(Hurried.body_seconds * 1.5)

    assert late == []


class Clock:
    """A loop with a time of its own: however slow the machine, no more of it passes than a test says."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None], asyncio.TimerHandle]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def time(self) -> float:
        return self.now

    def call_later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        handle = self._loop.call_later(1e6, lambda: None)  # whoever cancels it cancels ours
        self.timers.append((self.now + seconds, call, handle))
        return handle

    def go_to(self, moment: float) -> None:
        """Go on to a moment, and run the timers until then, those too that these set."""
        self.now = moment
        while due := [timer for timer in self.timers if timer[0] <= moment and not timer[2].cancelled()]:
            self.timers = [timer for timer in self.timers if timer not in due]
            for _, call, handle in due:
                handle.cancel()
                call()

    def pauses(self, until: float, connection: LimitedProtocol) -> int:
        """Go on to a moment; count the timers then that look after a pause."""
        self.go_to(until)
        return sum(call == connection._look_at_pause for _, call, _ in self.timers)


@asynccontextmanager
async def by_clock(
    app: ASGIApp,
    client: Callable[[int], AbstractAsyncContextManager[Wire]] = connected,
    send_buffer: int | None = None,
) -> AsyncIterator[tuple[Wire, LimitedProtocol, Clock]]:
    """A connection with the usual limits, of which the server's side goes by a clock."""
    clock = Clock()

    class Protocol(LimitedProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self.loop = clock  # type: ignore[assignment]
            super().connection_made(transport)

    async with edge(app, Protocol, send_buffer) as here, client(here.port) as wire:
        async with asyncio.timeout(PATIENCE):
            while not here.state.connections:
                await moment()
        (connection,) = here.state.connections
        assert isinstance(connection, LimitedProtocol)
        yield wire, connection, clock


async def in_phase(connection: LimitedProtocol, phase: str) -> None:
    """Wait until it has read so far."""
    async with asyncio.timeout(PATIENCE):
        while connection._phase != phase:
            await moment()


async def test_the_second_head_of_a_connection_has_its_time_and_no_more(app: Application) -> None:
    async with by_clock(app) as (wire, connection, clock):
        await wire.send(get())
        assert (await wire.answer()).status == 200
        clock.go_to(4)  # idle, which is no crime
        for begun in (4, 13):
            await wire.send(unfinished())
            await in_phase(connection, "head")
            clock.go_to(begun + connection.head_seconds - 1)
            assert not connection.transport.is_closing()
            if begun == 4:
                await wire.send(b"\r\n")
                assert (await wire.answer()).status == 200
        clock.go_to(13 + connection.head_seconds)
        (await wire.answer()).problem(408, "request_timeout")


async def test_a_body_has_its_own_time_after_a_slow_head(app: Application, ann: Caller) -> None:
    async with by_clock(app) as (wire, connection, clock):
        head = post("/api/v1/todos", await token_of(ann), "Content-Length: 13")
        await wire.send(head[:-2])
        await in_phase(connection, "head")
        clock.go_to(connection.head_seconds - 1)
        await wire.send(head[-2:])
        await in_phase(connection, "body")
        clock.go_to(connection.head_seconds + connection.body_seconds - 2)
        assert not connection.transport.is_closing()
        await wire.send(b'{"title":"a"}')
        assert (await wire.answer()).status == 201


async def test_one_timer_looks_after_the_pauses_of_a_connection(app: Application) -> None:
    async with edge(app, LimitedProtocol) as here, connected(here.port) as wire:
        await wire.send(get())
        await wire.answer()
        (connection,) = here.state.connections
        assert isinstance(connection, LimitedProtocol)
        connection._look_at_pause()  # the timer of this pause sets the next one by our clock
        clock = connection.loop = Clock()  # type: ignore[assignment]
        connection.timeout_keep_alive, connection.timeout_keep_alive_task = 5, None  # type: ignore[assignment]

        for now in (0, 3):
            clock.now = now
            await wire.send(get())
            await wire.answer()
            assert clock.pauses(now, connection) == 1
        assert clock.pauses(6, connection) == 1  # a second pause has begun at 3
        await wire.send(unfinished())
        await in_phase(connection, "head")
        assert clock.pauses(8, connection) == 0
        assert not connection.transport.is_closing()
        await wire.send(b"\r\n")
        await wire.answer()
        assert clock.pauses(12, connection) == 1
        assert not connection.transport.is_closing()
        assert clock.pauses(13, connection) == 0
        await wire.ends()


async def test_a_handler_that_takes_longer_than_a_body_may_is_left_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        await asyncio.sleep(3 * Hurried.body_seconds)
        body = scope["path"].encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    with no_fault_here(caplog):
        async with edge(slow) as here, connected(here.port) as wire:
            await wire.send(get("/one") + post("/two", "none", "Content-Length: 3") + b"abc")
            assert [(await wire.answer()).body for _ in range(2)] == [b"/one", b"/two"]


async def test_a_head_that_is_late_does_not_cut_off_the_answer_before_it() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        await asyncio.sleep(2 * Hurried.head_seconds)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"done"})

    async with edge(slow) as here, connected(here.port) as wire:
        await wire.send(get("/one") + unfinished())
        assert (await wire.answer()).body == b"done"


class ForPages(Hurried):
    origins = Origins(("https://web.example.test",))


async def test_a_page_reads_what_is_refused_before_the_application_sees_it(app: Application) -> None:
    """Else it looks like being offline, and a queue sends the same for ever."""
    head = {
        408: unfinished(),
        431: post("/api/v1/todos", "none", "X-Large: " + "a" * 20 * KIB),
        400: post("/api/v1/todos", "none", "Content-Length: x"),
        501: post("/api/v1/todos", "none", "Transfer-Encoding: gzip, chunked"),
    }
    for status, sent in head.items():
        for origin in ("https://web.example.test", "https://evil.example.test"):
            async with edge(app, ForPages) as here, connected(here.port) as wire:
                await wire.send(sent.replace(b"\r\n", f"\r\nOrigin: {origin}\r\n".encode(), 1))
                answer = await wire.answer()
                assert answer.status == status
                allowed = answer.headers.get("access-control-allow-origin")
                assert allowed == (origin if origin == "https://web.example.test" else None)


@pytest.mark.parametrize(
    "sent",
    [get("/api/v1/todos?text=" + "a" * 17 * KIB), get("/" + "a" * 40 * KIB), get("/", "X-Large: " + "a" * 20 * KIB)],
    ids=["a long address", "a longer one", "a large header"],
)
async def test_a_page_reads_that_its_request_is_too_large_also_where_its_origin_stands_behind_what_is(
    app: Application, sent: bytes
) -> None:
    """The address is the first of a request, and where a browser puts Origin is its own affair."""
    for origins, allowed in (
        (["https://web.example.test"], "https://web.example.test"),
        (["https://evil.example.test"], None),
        (["https://web.example.test", "https://evil.example.test"], None),
    ):
        async with edge(app, ForPages) as here, connected(here.port) as wire:
            lines = "".join(f"origin:{origin} \r\n" for origin in origins)
            await wire.send(sent.removesuffix(b"\r\n") + lines.encode() + b"\r\n")
            answer = await wire.answer()
            assert answer.status == 431
            assert answer.headers.get("access-control-allow-origin") == allowed
