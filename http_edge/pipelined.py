"""Take what a client sends ahead of its answers piece by piece, and begin its requests in their order.

uvicorn parses whatever came at once, a quarter of a megabyte, and keeps a cycle for each request in it: nine thousand
small ones keep everybody else waiting for a fifth of a second, and take 40 MB. Nor is it asked to begin a request or
to look after the pause before the next, for it does more than is needed here (decision 82).
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from http_edge.answering import Answering

PIECE_BYTES: Final = 4_096
"""Bytes that are parsed in one go: up to 150 requests, which takes some milliseconds."""
MOST_AHEAD: Final = 16
"""Requests that wait for the answer to an earlier one before no more are parsed. Browsers send none ahead."""
MAX_HELD_BYTES: Final = 512 * 1024
"""Bytes that wait to be parsed. While some do nothing is read, but for what the system has at hand."""


class PipelinedProtocol(HttpToolsProtocol):
    """A connection that parses no more than some requests ahead of the one that is answered."""

    _held = b""
    """What came and waits to be parsed, until earlier requests have their answers."""
    _chunk, _begin = b"", 0
    """What is parsed just now, and where the present piece of it begins."""
    _paused_at: float | None = None
    """When the answer to the latest request was complete, by the loop's clock; None once more has come."""

    def data_received(self, data: bytes) -> None:
        """Parse a chunk, or what comes first of it."""
        if self._held or len(data) > PIECE_BYTES:
            self._held += data
            self._go_on()
        else:
            self._chunk, self._begin = data, 0
            self.take(data)
            self._chunk = b""

    def at_hand(self) -> bytes:
        """Return what came and is parsed just now, from its present piece on."""
        return self._chunk[self._begin :]

    def take(self, piece: bytes) -> None:
        """Parse a piece."""
        super().data_received(piece)

    def hold(self) -> None:
        """Read nothing while something waits to be parsed."""
        self.flow.pause_reading()

    def hand_on(self, method: str, target: bytes, version: str) -> None:
        """Give a request whose head is here to the application, once the one before it has its answer.

        It stands in the place of what uvicorn does at the end of a head, for settings that we have not.

        Args:
            method: Its method.
            target: Its path and query.
            version: Of HTTP, as the request names it.
        """
        url = httptools.parse_url(target)
        path = url.path.decode("ascii")
        self.scope = {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme or "http",
            "method": method,
            "root_path": self.root_path,
            "path": self.root_path + (unquote(path) if "%" in path else path),
            "raw_path": self.root_path.encode("ascii") + url.path,
            "query_string": url.query or b"",
            "headers": self.headers,
            "state": self.app_state.copy(),
        }
        before = self.cycle
        self.cycle = Answering(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and self.parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_response_complete(self) -> None:
        """Begin the next request, or a pause; parse more, if there is more, once few requests wait for their answers.

        It stands in the place of uvicorn's, which sets a timer for each pause.
        """
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.flow.resume_reading()
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            else:
                self._begin_pause()
        if self._held:
            self._go_on()

    def _begin_pause(self) -> None:
        """Note that no request is here, and have a timer look after the time that a pause may take.

        The timer stays when the pause ends: a connection that is busy needs one in `timeout_keep_alive` seconds.
        """
        self._paused_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self._look_at_pause)

    def _look_at_pause(self) -> None:
        """End a pause that has lasted too long; look again at one that has begun since."""
        self.timeout_keep_alive_task = None
        if self._paused_at is None:
            return
        left = self._paused_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self._look_at_pause)
        else:
            self.timeout_keep_alive_handler()

    def _unset_keepalive_if_required(self) -> None:
        """Note that the pause is over; uvicorn calls this when something comes."""
        self._paused_at = None

    def shutdown(self) -> None:
        """Begin nothing more of what came."""
        self._held = b""
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what came, and stop the timer."""
        self._held = b""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _go_on(self) -> None:
        """Parse piece by piece, until enough requests wait for their answers."""
        self._chunk, self._begin, self._held = self._held, 0, b""
        while self._begin < len(self._chunk) and len(self.pipeline) < MOST_AHEAD:
            self.take(self._chunk[self._begin : self._begin + PIECE_BYTES])
            self._begin += PIECE_BYTES
        rest, self._chunk = self.at_hand(), b""
        if rest and not self.transport.is_closing():
            self._held = rest
            self.hold()
