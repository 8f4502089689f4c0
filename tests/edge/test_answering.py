"""What is written of an answer, and when: on a transport that keeps it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.flow_control import FlowControl

from http_edge.answering import Answering

pytestmark = pytest.mark.requirement("RS5")

LENGTH = (b"content-length", b"4")


class Kept(asyncio.Transport):
    """A connection that keeps what is written on it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.close()


async def answered(
    *messages: Message, method: str = "GET", version: str = "1.1", keep_alive: bool = True
) -> tuple[list[bytes], bool]:
    """What is written of an answer, and whether its connection is closed after it."""
    transport = Kept()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        for message in messages:
            await send(message)

    logger = logging.getLogger("uvicorn.error")
    answering = Answering(
        scope={"type": "http", "method": method, "http_version": version},  # type: ignore[arg-type, typeddict-item]
        transport=transport,
        flow=FlowControl(transport),
        logger=logger,
        access_logger=logger,
        access_log=False,
        default_headers=[(b"date", b"now")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: None,
    )
    await answering.run_asgi(app)
    return transport.writes, transport.is_closed


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def piece(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def test_a_head_and_its_body_are_written_at_once() -> None:
    written, is_closed = await answered(start(LENGTH), piece(b"body"))

    assert written == [b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 4\r\n\r\nbody"]
    assert not is_closed


async def test_a_stream_begins_before_it_has_anything_to_say() -> None:
    written, _ = await answered(start(), piece(b"one", more=True), piece(b"", more=True), piece(b"two"))

    assert written == [
        b"HTTP/1.1 200 OK\r\ndate: now\r\ntransfer-encoding: chunked\r\n\r\n",
        b"3\r\none\r\n",
        b"3\r\ntwo\r\n0\r\n\r\n",
    ]


async def test_a_stream_of_http_1_0_ends_with_its_connection() -> None:
    written, is_closed = await answered(start(), piece(b"one", more=True), piece(b""), version="1.0", keep_alive=False)

    assert written == [b"HTTP/1.1 200 OK\r\ndate: now\r\nconnection: close\r\n\r\n", b"one"]
    assert is_closed


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_what_has_no_body_has_no_chunks(method: str, status: int) -> None:
    (written,), _ = await answered(start(status=status), piece(b""), method=method)

    assert b"transfer-encoding" not in written
    assert written.endswith(b"date: now\r\n\r\n")


async def test_a_head_request_is_told_of_the_length_of_what_it_does_not_get() -> None:
    (written,), _ = await answered(start(LENGTH), piece(b"body"), method="HEAD")

    assert written.endswith(b"content-length: 4\r\n\r\n")


async def test_an_answer_that_closes_its_connection_says_so_once() -> None:
    (written,), is_closed = await answered(start(LENGTH, (b"connection", b"close")), piece(b"body"))

    assert is_closed
    assert written.count(b"connection: close") == 1


@pytest.mark.parametrize("header", [(b"x", b"a\r\nset-cookie: b"), (b"x", b"a\nb"), (b"x\r\ny", b"a"), (b"x", b"\0")])
async def test_no_header_begins_another(header: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture) -> None:
    assert await answered(start(LENGTH, header), piece(b"body")) == ([], True)
    assert "RuntimeError" in caplog.text


async def test_a_tab_may_be_in_a_header() -> None:
    (written,), _ = await answered(start(LENGTH, (b"x", b"a\tb")), piece(b"body"))

    assert b"\r\nx: a\tb\r\n" in written


@pytest.mark.parametrize(
    "messages",
    [
        [start(LENGTH), piece(b"longer")],
        [start(LENGTH), piece(b"bod")],
        [start(LENGTH), piece(b"bo", more=True)],
        [start(LENGTH), start(LENGTH)],
        [start(LENGTH)],
    ],
)
async def test_an_answer_that_is_none_ends_its_connection(
    messages: Sequence[Message], caplog: pytest.LogCaptureFixture
) -> None:
    written, is_closed = await answered(*messages)

    assert is_closed
    assert b"500" not in b"".join(written)
    assert caplog.records


@pytest.mark.parametrize("messages", [[], [piece(b"body")]])
async def test_who_begins_no_answer_gets_a_500(messages: Sequence[Message], caplog: pytest.LogCaptureFixture) -> None:
    written, is_closed = await answered(*messages)

    assert b"".join(written).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert is_closed
    assert caplog.records


async def test_an_answer_that_is_cut_off_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    class Cut(dict[str, Any]):
        """A message at which its request is cancelled, as by uvicorn when it stops."""

        def __getitem__(self, name: str) -> Any:
            raise asyncio.CancelledError

    assert await answered(Cut()) == ([], True)
    assert not caplog.records
