"""Cut off clients that do not take their answers: until then each keeps a connection, and what waits for it."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from typing import Final

from todo_core.log import structlog

SECONDS: Final = 30.0
"""In which a client takes `MIN_TAKEN_BYTES` of an answer that waits for it."""
MIN_TAKEN_BYTES: Final = 64 * 1024
"""Bytes that a slow client must take each time: else one byte now and then would keep it connected."""

_log = structlog.get_logger()


class Reader:
    """The client of one connection, as far as it takes its answers."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        tellers: Sequence[Callable[[str], None]],
    ) -> None:
        """Watch nothing yet.

        Args:
            transport: The connection.
            loop: Its loop.
            seconds: How long the client has for each `MIN_TAKEN_BYTES`.
            tellers: Are told when the client is cut off, with the kind `reader_cut_off`.
        """
        self._transport, self._loop, self._seconds, self._tellers = transport, loop, seconds, tellers
        self._timer: asyncio.TimerHandle | None = None
        self._waiting_bytes = 0
        """Bytes that waited for the client when the timer was set."""

    def watch(self) -> None:
        """Cut the client off unless it takes enough of what waits for it, if anything does.

        Nothing is written meanwhile. Of a connection that is gone nothing waits.
        """
        if self._timer is None and self._transport.get_write_buffer_size():
            self._waiting_bytes = _unread(self._transport)
            self._timer = self._loop.call_later(self._seconds, self._look)

    def leave(self) -> None:
        """Watch it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        waiting = _unread(self._transport)
        if self._waiting_bytes - waiting >= MIN_TAKEN_BYTES:
            self.watch()
        else:
            _log.info("reader_cut_off", waiting_bytes=waiting)
            for tell in self._tellers:
                tell("reader_cut_off")
            _leave_nothing(self._transport)
            self._transport.abort()


def _leave_nothing(transport: asyncio.Transport) -> None:
    """Have the system drop its send buffer once the connection ends (`SO_LINGER` with 0 seconds).

    Else it would offer the client the rest for minutes: up to 4 MB a connection, which the bound of connections no
    longer counts.
    """
    lingers = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, lingers)


def _unread(transport: asyncio.Transport) -> int:
    """Return how many bytes wait for the client: in this process, and on Linux in the system's send buffer, too.

    Elsewhere a client seems to take nothing until a third of that buffer is free, which may be a megabyte.
    """
    waiting = transport.get_write_buffer_size()
    if sys.platform == "linux":
        from fcntl import ioctl
        from termios import TIOCOUTQ

        queued = bytearray(4)
        ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, queued)
        waiting += int.from_bytes(queued, sys.byteorder)
    return waiting
