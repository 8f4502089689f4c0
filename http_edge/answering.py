"""Write one answer on its connection: the head and what comes first of the body in one go.

uvicorn searches and writes each header by itself, and the head before it has the body. This module depends on what is
not documented, as `http_edge.protocol` does, which says why.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.types import ASGIApp, Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from todo_core.log import structlog

_CONTROLS: Final = bytes({*range(0x20), 0x7F} - {ord("\t")})
"""Bytes that no header may have (RFC 9110 §5.5): with a line's end in it, a value could begin another header."""
_WITHOUT_BODY: Final = (204, 304)
"""Statuses of answers that have none, whatever their headers say (RFC 9112 §6.3)."""

_log = structlog.get_logger()


class Answering(RequestResponseCycle):
    """A request, and its answer as it is written."""

    _head: bytes | None = None
    """The head, while it waits for the body."""
    _ends_with_connection = False
    """Whether the body ends where the connection does: a client of HTTP/1.0 knows no chunks and would take their
    lengths for a part of it (RFC 9112 §6.1, §6.3)."""

    async def run_asgi(self, app: ASGIApp) -> None:  # type: ignore[override]
        """Have the application answer, and answer in its place if it fails.

        uvicorn, when it stops, cancels what outlasts its grace; that is no fault of the application.
        """
        try:
            await app(self.scope, self.receive, self.send)  # type: ignore[arg-type]  # uvicorn has types of its own
        except asyncio.CancelledError:
            _log.info("answer_cut_off")
            self.disconnected = True
            self.transport.abort()
        except BaseException as error:
            await self._fail("Exception in ASGI application\n", error)
        else:
            if not self.response_complete and not self.disconnected:
                await self._fail("ASGI callable returned without completing response.")
        finally:
            self.on_response = _nothing

    async def _fail(self, message: str, error: BaseException | None = None) -> None:
        """Log a fault of the application; answer 500, or end the connection of an answer that has begun."""
        self.logger.error(message, exc_info=error)
        if not self.response_started:
            await self.send_500_response()
        else:
            self.transport.close()

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Take a message of ASGI, and write what can be written.

        A head that says how long its body is waits for the first piece of that; any other is written at once.

        Raises:
            RuntimeError: It is not the next message of an answer, a header is none, or the body is not as long as its
                head says.
        """
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        if not self.response_started and message["type"] == "http.response.start":
            self._begin(message)
        elif self.response_started and not self.response_complete and message["type"] == "http.response.body":
            self._go_on(message.get("body", b""), is_last=not message.get("more_body", False))
        else:
            raise RuntimeError(f"Unexpected ASGI message {message['type']!r}.")

    def _begin(self, message: Message) -> None:
        """Make the head, and write it unless it waits for the body."""
        self.response_started, self.waiting_for_100_continue = True, False
        status, headers = message["status"], [*self.default_headers, *message["headers"]]
        values = dict(headers)
        if b"close" in values.get(b"connection", b"").lower():
            self.keep_alive = False
        elif not self.keep_alive:
            headers.append((b"connection", b"close"))
        length = values.get(b"content-length")
        self.chunked_encoding = False
        if length is not None:
            self.expected_content_length = int(length)
        elif self.scope["http_version"] == "1.0":
            self._ends_with_connection = True
        elif self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self.chunked_encoding = True
            headers.append((b"transfer-encoding", b"chunked"))
        lines = [b": ".join(header) for header in headers]
        head = STATUS_LINE[status] + b"\r\n".join([*lines, b"\r\n"])
        if len(head) - len(head.translate(None, _CONTROLS)) != len(b"\r\n") * (len(lines) + 2):
            raise RuntimeError("A header has a control character.")
        self._head = head
        if length is None:
            self._write(b"")

    def _go_on(self, body: bytes, *, is_last: bool) -> None:
        """Write a piece of the body, and end the answer with the last."""
        if self.scope["method"] == "HEAD":
            self.expected_content_length, body = 0, b""
        elif self.chunked_encoding:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"0\r\n\r\n" if is_last else b"")
        elif not self._ends_with_connection:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0 or (is_last and self.expected_content_length):
                raise RuntimeError("The body is not as long as its head says.")
        self._write(body)
        if is_last:
            self.response_complete = True
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()

    def _write(self, body: bytes) -> None:
        """Write the head, if it has waited, and a piece of the body."""
        if self._head is not None:
            body, self._head = self._head + body, None
        if body:
            self.transport.write(body)


def _nothing() -> None: ...
