"""The load generators: wrk, and a slower one in Python for where there is none."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httptools

_SCRIPT: Final = Path(__file__).with_name("load.lua")
WRK: Final = shutil.which("wrk")
FALLBACK: Final = "the Python fallback (install wrk: the numbers below are the generator's as much)"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run gave; times in seconds."""

    rate: float
    """Answers per second."""
    p50: float
    p99: float
    sent: int
    """Requests that were sent, also those not yet answered at the end."""
    failed: int = 0
    """Answers that were no success, and connections that broke."""


class WrongAnswer(SystemExit):
    """A server does not do what it is measured for; where nobody catches it, the program ends."""


def name(seconds: float) -> str:
    """Return, for people, what sends the requests of a measurement that long."""
    if WRK is None:
        return FALLBACK
    return "wrk" if seconds == int(seconds) else "Python, since wrk takes whole seconds"


def run(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Measured:
    """Send the requests round and round for some seconds. wrk takes whole ones only."""
    if WRK and seconds == int(seconds):
        return _wrk(WRK, port, requests, connections, int(seconds))
    return asyncio.run(_python(port, requests, connections, seconds))


def send_all(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> None:
    """Send each request once, or as many as are answered in some seconds."""
    ends = time.perf_counter() + seconds
    asyncio.run(_sent(port, requests, connections, lambda turn, _: turn < len(requests) and time.perf_counter() < ends))


def _wrk(wrk: str, port: int, requests: Sequence[bytes], connections: int, seconds: int) -> Measured:
    with tempfile.NamedTemporaryFile(prefix="todo-mcp-bench-") as file:
        for request in requests:
            file.write(b"%d\n%s" % (len(request), request))
        file.flush()
        # On a busy machine an answer may take more than wrk's two seconds, and is no failure.
        options = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(_SCRIPT)]
        command = [wrk, *options, f"http://127.0.0.1:{port}"]
        done = subprocess.run(
            command, env=os.environ | {"BENCH_REQUESTS": file.name}, capture_output=True, text=True, check=True
        )
    found = re.search(r"^BENCH (.+)$", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"wrk gave no result: {done.stdout}{done.stderr}")
    told = json.loads(found[1])
    sent = told["answered"] + connections  # at the end every connection waits for an answer
    return Measured(told["rate"], told["p50"] / 1e6, told["p99"] / 1e6, sent, told["refused"] + told["broken"])


class _Answer:
    """Reads one answer, as httptools tells of it."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body = b""
        self.complete = False

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


_LEAST = 2
"""Requests that are measured on however slow a machine: percentiles need two."""


async def _python(port: int, requests: Sequence[bytes], connections: int, seconds: float) -> Measured:
    began = time.perf_counter()
    ends = began + seconds
    times, failed = await _sent(
        port, requests, connections, lambda _, answered: time.perf_counter() < ends or answered < _LEAST
    )
    spent = time.perf_counter() - began
    percentiles = statistics.quantiles(times, n=100)
    return Measured(len(times) / spent, percentiles[49], percentiles[98], len(times), failed)


async def _sent(
    port: int, requests: Sequence[bytes], connections: int, goes_on: Callable[[int, int], bool]
) -> tuple[list[float], int]:
    """Send requests round and round.

    Args:
        port: Where the server listens.
        requests: The requests.
        connections: How many send at a time.
        goes_on: Whether to send another one, by how many come before it and how many are answered.

    Returns:
        How long each took, and how many answers were no success.
    """
    times: list[float] = []
    failed = 0

    async def send(first: int) -> None:
        nonlocal failed
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = first
        while goes_on(turn, len(times)):
            start = time.perf_counter()
            writer.write(requests[turn % len(requests)])
            turn += connections
            answer = _Answer()
            while not answer.complete:
                answer.parser.feed_data(await reader.read(65_536))
            times.append(time.perf_counter() - start)
            failed += not 200 <= answer.parser.get_status_code() < 300
        writer.close()

    await asyncio.gather(*(send(first) for first in range(connections)))
    return times, failed


class Client:
    """One connection that sends one request after another."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._socket.sendall(request)
        answer = _Answer()
        while not answer.complete:
            answer.parser.feed_data(self._socket.recv(262_144))
        return answer.parser.get_status_code(), answer.body

    def read(self, request: bytes) -> bytes:
        """The body of a successful answer.

        Raises:
            WrongAnswer: It was no success.
        """
        status, body = self.send(request)
        if not 200 <= status < 300:
            raise WrongAnswer(f"Status {status} for {request[:80]!r}: {body[:300]!r}")
        return body

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
