"""Limit what uvicorn's HTTP/1.1 protocol takes, and how long it waits.

A request must arrive whole and in time, and its head must be small: uvicorn takes 20,000 headers,
takes trailers for headers, and waits for ever. What breaks a limit is refused before the
application sees it; an answer that is being sent is finished first.

`uvicorn.protocols.http.httptools_impl` is not documented. It is subclassed all the same, because nothing public counts
and times what comes before there is a request: of uvicorn's settings one bounds the time between two requests, and one
the head where the other parser reads it (https://github.com/Kludex/uvicorn/issues/157, closed). `pyproject.toml`
bounds the version (`docs/decisions/0013-limits-in-the-protocol.md`). It may go when uvicorn has deadlines and limits of
its own.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from http_edge import problems

Phase = Literal["between", "head", "body"]
"""Which part of a request comes next: none has begun, its head, or its body with the trailers."""

MAX_HEADERS: Final = 100
"""Headers of a request."""
MAX_HEAD_BYTES: Final = 16 * 1024
"""Bytes of the address, the headers and the trailers together."""
MAX_UNREADABLE_BYTES: Final = 32 * 1024
"""Bytes that may come without completing a header or a piece of the body."""
HEAD_SECONDS: Final = 10.0
"""Seconds until the head has arrived, from the start of the connection or of the request."""
BODY_SECONDS: Final = 30.0
"""Seconds until the body has arrived, from the end of the head."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection. uvicorn calls `data_received`; its parser then calls the methods `on_…`."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS

    _phase: Phase = "between"
    _deadline: asyncio.TimerHandle | None = None
    """The timer of the present phase; None while nothing is waited for."""
    _head_bytes = 0
    """Bytes of the request's address, headers and trailers."""
    _hosts = 0
    """Host headers of the request."""
    _unreadable_bytes = 0
    """Bytes since the last callback of the parser."""
    _understood_bytes = 0
    """Bytes of the latest chunk that reached a callback."""
    _completed = False
    """Whether the latest chunk completed a request."""
    _is_refused = False
    """Whether a limit was broken: everything that comes after is ignored."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first request's head."""
        super().connection_made(transport)
        self._allow(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._allow(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse a chunk, and check the limits after it; ignore what comes after a refusal."""
        if not self._is_refused:
            phase, self._understood_bytes, self._completed = self._phase, 0, False
            super().data_received(data)
            self._watch(len(data), phase)

    def _watch(self, received: int, phase_before: Phase) -> None:
        """Set the timer for what must come next; refuse a request that grows without a callback.

        Args:
            received: Bytes of the chunk.
            phase_before: The phase in which it came.
        """
        if self._is_refused:
            return
        if self._phase == "between":
            self._watch_pause()
            return
        self._count_unreadable(received)
        if self._unreadable_bytes > MAX_UNREADABLE_BYTES:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif self._phase != phase_before or self._completed or self._deadline is None:
            # Another phase, or the same one of the next request. Within a phase the time runs on, however much comes.
            self._allow(self.head_seconds if self._phase == "head" else self.body_seconds)

    def _watch_pause(self) -> None:
        """Leave the pause after a request to uvicorn's timer; set one if empty lines, which end that timer, came."""
        if self._completed:
            self._allow(None)
        elif self._deadline is None:
            self._allow(self.head_seconds)

    def _count_unreadable(self, received: int) -> None:
        """Count bytes that reach no callback: a header, a trailer or a chunk extension that never ends."""
        if not self._understood_bytes:
            self._unreadable_bytes += received
        elif self._phase == "head":
            self._unreadable_bytes = received - self._understood_bytes
        else:
            self._unreadable_bytes = 0

    def on_message_begin(self) -> None:
        """Begin the counts of a request."""
        super().on_message_begin()
        self._phase, self._head_bytes, self._hosts = "head", 0, 0

    def on_url(self, url: bytes) -> None:
        """Count a piece of the address."""
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; count a trailer, but drop it."""
        if self._phase == "head":  # a trailer is no header (RFC 9110 §6.5.1)
            super().on_header(name, value)
            self._hosts += name.lower() == b"host"
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """Refuse a request without a Host or with several; else hand it to the application."""
        if self._hosts > 1 or (not self._hosts and self.parser.get_http_version() == "1.1"):  # RFC 9112 §3.2
            self._stop(problems.MALFORMED_REQUEST)
        self._phase, self._understood_bytes = "body", self._understood_bytes + 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Count a piece of the body, and hand it to the application."""
        self._understood_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        self._phase, self._completed = "between", True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours is the same for every request
        """Refuse a request that the parser cannot read."""
        self._refuse(problems.MALFORMED_REQUEST)

    def _count(self, size: int) -> None:
        """Count bytes of the address, a header or a trailer; refuse a head that is too large."""
        self._understood_bytes += size
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._stop(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))

    def _stop(self, problem: dict[str, Any]) -> None:
        """Refuse the request from a callback of the parser.

        Raises:
            ValueError: Always, which stops the parser.
        """
        self._refuse(problem)
        raise ValueError

    def _allow(self, seconds: float | None) -> None:
        """Refuse the request after these seconds, unless the next call comes first; None stops the timer."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))

    def _refuse(self, problem: dict[str, Any]) -> None:
        """Answer with a problem and close the connection; finish the answer to an earlier request first."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._allow(None)
        answering = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        if answering is not None and self._phase != "body":
            # It answers an earlier request. uvicorn closes the connection after it.
            answering.keep_alive = False
            return
        if answering is None or not answering.response_started:
            self._send(problem)
        if answering is not None:
            # It answers the request whose body is refused: the application sees that the client is gone.
            answering.disconnected = True
        self.transport.close()

    def _send(self, problem: dict[str, Any]) -> None:
        """Write an answer with a problem (RFC 9457), past uvicorn."""
        body = problems.as_json(problem)
        line = f"HTTP/1.1 {problem['status']} {problem['title']}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
        self.transport.write(f"{line}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
