"""HTTP/1.1 as uvicorn speaks it, with the limits that it lacks.

A request must arrive whole and in time, and its head must be small: uvicorn takes 20,000 headers,
takes trailers for headers, and waits for ever. What breaks a limit is refused before the
application sees it; an answer that is on its way is finished first.

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

MAX_HEADERS: Final = 100
MAX_HEAD_BYTES: Final = 16 * 1024
"""Address and headers together, and trailers."""
MAX_UNREADABLE_BYTES: Final = 32 * 1024
"""What may come without making up a header or a piece of the body."""
HEAD_SECONDS: Final = 10.0
"""Until the head has arrived, from the connection's or the request's first moment."""
BODY_SECONDS: Final = 30.0
"""Until the body has arrived, from the end of the head."""


class LimitedProtocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS
    body_seconds = BODY_SECONDS

    _phase: Phase = "between"
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = _hosts = 0
    _unreadable_bytes = 0
    """Since the parser last understood something."""
    _understood_bytes = 0
    """Of what came last."""
    _completed = False
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._allow(self.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_refused:
            phase, self._understood_bytes, self._completed = self._phase, 0, False
            super().data_received(data)
            self._watch(len(data), phase)

    def _watch(self, received: int, phase: Phase) -> None:
        """See to it that what has begun goes on, and ends."""
        if self._is_refused:
            return
        if self._phase == "between":
            if self._completed:
                self._allow(None)
            elif self._deadline is None:  # empty lines: uvicorn stops waiting for them
                self._allow(self.head_seconds)
            return
        # A header, a trailer or a chunk's extension that never ends reaches no callback.
        if self._understood_bytes:
            self._unreadable_bytes = received - self._understood_bytes if self._phase == "head" else 0
        else:
            self._unreadable_bytes += received
        if self._unreadable_bytes > MAX_UNREADABLE_BYTES:
            self._refuse(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))
        elif self._phase != phase or self._completed or self._deadline is None:
            self._allow(self.head_seconds if self._phase == "head" else self.body_seconds)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._head_bytes, self._hosts = "head", 0, 0

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._phase == "head":  # a trailer is no header (RFC 9110 §6.5.1)
            super().on_header(name, value)
            self._hosts += name.lower() == b"host"
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        if self._hosts > 1 or (not self._hosts and self.parser.get_http_version() == "1.1"):  # RFC 9112 §3.2
            self._stop(problems.MALFORMED_REQUEST)
        self._phase, self._understood_bytes = "body", self._understood_bytes + 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._understood_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._phase, self._completed = "between", True
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # ours is the same for every request
        self._refuse(problems.MALFORMED_REQUEST)

    def _count(self, size: int) -> None:
        self._understood_bytes += size
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._stop(problems.of_status(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE))

    def _stop(self, problem: dict[str, Any]) -> None:
        """Refuse in the middle of parsing.

        Raises:
            ValueError: So that the parser stops.
        """
        self._refuse(problem)
        raise ValueError

    def _allow(self, seconds: float | None) -> None:
        """Give the other side so long, and no longer."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _too_late(self) -> None:
        self._refuse(problems.of_status(HTTPStatus.REQUEST_TIMEOUT))

    def _refuse(self, problem: dict[str, Any]) -> None:
        """Answer and close; if the answer to an earlier request is on its way, close after that one."""
        if self._is_refused or self.transport.is_closing():
            return
        self._is_refused = True
        self._allow(None)
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and self._phase != "body":
            self.cycle.keep_alive = False
            return
        if not is_answering or not self.cycle.response_started:
            body = problems.as_json(problem)
            line = f"HTTP/1.1 {problem['status']} {problem['title']}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
            self.transport.write(f"{line}content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body)
        if is_answering:
            self.cycle.disconnected = True
        self.transport.close()
