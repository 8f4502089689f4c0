"""Take what a client sends ahead of its answers piece by piece.

uvicorn parses whatever came at once, a quarter of a megabyte, and keeps a cycle for each request in it: nine thousand
small ones keep everybody else waiting for a fifth of a second, and take 40 MB.
"""

from __future__ import annotations

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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

    def on_response_complete(self) -> None:
        """Parse more, if there is more, once few requests wait for their answers."""
        super().on_response_complete()
        if self._held:
            self._go_on()

    def shutdown(self) -> None:
        """Begin nothing more of what came."""
        self._held = b""
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what came."""
        self._held = b""
        super().connection_lost(exc)

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
