"""What is between a server and its PostgreSQL, a program of its own: it passes everything on, until it is told not to.

    python -IS wire.py PORT SOCKET        # then a word a line on standard input, and an "ok" for each

`reset` cuts all connections, `silence` passes nothing on over those that there are, `refuse` cuts all and takes none
until `accept`, `cut` passes the next COMMIT on and is gone before its answer, and `to SOCKET` leads who connects to
another server.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from typing import Final

_COMMIT: Final = b"COMMIT\x00"
_SIZE: Final = 1 << 16


class Pair:
    """A client's connection, and the one to the server that belongs to it."""

    def __init__(self, wires: Wires, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.is_silent = False
        self._wires = wires
        self._client = client
        self._server = server

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what one side sends until it ends."""
        with suppress(OSError):
            while (data := await reader.read(_SIZE)) and not self.is_silent:
                writer.write(data)
                await writer.drain()
                if writer is self._server and self._wires.is_to_cut and _COMMIT in data:
                    self._wires.is_to_cut = False
                    self.reset()
        if not self.is_silent:
            self.reset()

    def reset(self) -> None:
        """Cut both; the server's side ends as usual, so that it does what was passed on."""
        with suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._client.transport.abort()
        self._server.close()


class Wires:
    """All connections."""

    def __init__(self, path: str) -> None:
        self.is_to_cut = False
        self._path = path
        self._is_refusing = False
        self._pairs: set[Pair] = set()

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client until it or the server ends."""
        if self._is_refusing:
            writer.transport.abort()
            return
        try:
            from_server, to_server = await asyncio.open_unix_connection(self._path)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(self, writer, to_server)
        self._pairs.add(pair)
        await asyncio.gather(pair.carry(reader, to_server), pair.carry(from_server, writer))
        if not pair.is_silent:
            self._pairs.discard(pair)

    def do(self, word: str) -> None:
        """Do what is said."""
        if word == "silence":
            for pair in self._pairs:
                pair.is_silent = True
        elif word == "cut":
            self.is_to_cut = True
        elif word.startswith("to "):
            self._path = word.removeprefix("to ")
        self._is_refusing = word == "refuse"
        if word in ("reset", "refuse"):
            for pair in self._pairs:
                pair.reset()


async def main(port: str, path: str) -> None:
    """Serve until standard input ends."""
    wires = Wires(path)
    async with await asyncio.start_server(wires.connect, "127.0.0.1", int(port)):
        print("ok", flush=True)
        while word := await asyncio.to_thread(sys.stdin.readline):
            wires.do(word.strip())
            print("ok", flush=True)


class Wire:
    """The program, for a test."""

    def __init__(self, port: int, path: str) -> None:
        """Start it.

        Args:
            port: Where it is.
            path: The server's socket.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-IS", __file__, str(port), path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._await_answer()

    def order(self, word: str) -> None:
        """Have it do something, and return once it does."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        self._await_answer()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()

    def _await_answer(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ok\n"


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
