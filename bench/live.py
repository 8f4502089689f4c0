"""`python -m bench.live`: how soon many who follow are told of a change, what they cost, and how they come back."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from bench.comparison import cpu, intervals
from bench.database import embedded, execute, named
from bench.servers import environment, running_process, until_answering
from todo_app.embedded import free_port
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings

PERSONS: Final = 200
_STREAMS: Final = 1_000
_IDLE: Final = 2_000
_RATE: Final = 100
"""Changes a second, of all persons together."""
_ROUNDS: Final = 15
"""Times that writes are measured with followers and without, each twice, in the order ABBA."""
_SLICE: Final = 1.0
"""Seconds of each measurement of writes."""
_PATIENCE: Final = 60.0


@dataclass(slots=True)
class Listening:
    """Somebody who follows, and when what came."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    last: str = ""
    """The last event id."""
    arrived: dict[int, float] = field(default_factory=dict)
    """When a change arrived, by its id."""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    async def begin(cls, port: int, token: str, last: str = "") -> Listening:
        """Open a stream, and return it once it says where it stands."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        resumed = f"Last-Event-ID: {last}\r\n" if last else ""
        head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n{resumed}\r\n"
        writer.write(f"GET /api/v1/events HTTP/1.1\r\n{head}".encode())
        found = cls(reader, writer)
        if b" 200 " not in await reader.readline():
            raise SystemExit("a stream was refused")
        while not found.last:
            found._take(await reader.readline())
        return found

    async def read(self) -> None:
        """Read until the end."""
        while line := await self.reader.readline():
            self._take(line)

    def _take(self, line: bytes) -> None:
        if line.startswith(b"id: "):
            self.last = line[4:].strip().decode()
            self.arrived[int(self.last)] = time.perf_counter()
            self.news.set()


async def _people(url: str, count: int) -> list[str]:
    """Make so many persons, and return a token of each."""
    await migrate(url)
    secrets = []
    async with Core.open(Settings.load(rate_limit="off"), url) as core:
        for number in range(count):
            person = Caller(core, await core.identity.local(f"person {number}"), "bench")
            made = await person.perform(tokens.create, TokenCreate(name="b", scopes=["todos:read", "todos:write"]))
            secrets.append(str(made.secret))
    return secrets


@contextmanager
def _serving(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server, and yield its port and process id."""
    port = free_port()
    env = environment(None) | {"TODO_DATABASE_URL": url, "TODO_RATE_LIMIT": "off", "TODO_ADDRESS_LIMIT": "off"}
    with ExitStack() as stack:
        log = stack.enter_context((folder / "server.log").open("ab"))
        command = [sys.executable, "-m", "todo_app", "serve", "--port", str(port)]
        process = stack.enter_context(running_process(command, env, folder, log.fileno()))
        until_answering(process, f"http://127.0.0.1:{port}/readyz", folder / "server.log")
        yield port, process.pid


@asynccontextmanager
async def _following(port: int, secrets: Sequence[str], count: int) -> AsyncIterator[list[Listening]]:
    """So many streams, of the persons in turn, that are read meanwhile."""
    streams = [await Listening.begin(port, secrets[n % len(secrets)]) for n in range(count)]
    reading = [asyncio.create_task(stream.read()) for stream in streams]
    try:
        yield streams
    finally:
        for task, stream in zip(reading, streams, strict=True):
            task.cancel()
            stream.writer.close()


class Writer:
    """One connection that adds todos."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Writer:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def add(self, token: str) -> int:
        """Add a todo, and return the id of the change."""
        body = json.dumps({"title": "measured"}).encode()
        self._writer.write(
            f"POST /api/v1/todos HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 201 " not in head:
            raise SystemExit("a write was refused")
        headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        await self._reader.readexactly(int(headers["content-length"]))
        return int(headers["change-id"])


async def _delays(port: int, secrets: Sequence[str], streams: list[Listening], seconds: float) -> list[float]:
    """Change something at the rate, and return how many seconds each event came after its write was sent."""
    sent: dict[int, tuple[float, int]] = {}
    writers = [await Writer(port).__aenter__() for _ in range(8)]
    free = asyncio.Queue[Writer]()
    for writer in writers:
        free.put_nowait(writer)

    async def change(number: int) -> None:
        writer = await free.get()
        began = time.perf_counter()
        change_id = await writer.add(secrets[number % len(secrets)])
        sent[change_id] = (began, number % len(secrets))
        free.put_nowait(writer)

    begin = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(_RATE * seconds)):
            await asyncio.sleep(max(begin + number / _RATE - time.perf_counter(), 0))
            tasks.create_task(change(number))
    for writer in writers:
        await writer.__aexit__()
    delays: list[float] = []
    for change_id, (began, person) in sent.items():
        for stream in streams[person :: len(secrets)]:
            async with asyncio.timeout(_PATIENCE):
                while change_id not in stream.arrived:
                    stream.news.clear()
                    await stream.news.wait()
            delays.append(stream.arrived[change_id] - began)
    return delays


class Cost(NamedTuple):
    """What a write took."""

    server: float
    """Seconds of the server's CPU."""
    whole: float
    """The same with PostgreSQL's."""
    wall: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server, and somebody who writes there and whom nobody follows."""

    port: int
    pid: int
    postmaster: int
    token: str

    async def writes(self, seconds: float) -> Cost:
        """Add todos one after another, and return what one of them took."""
        async with Writer(self.port) as writer:
            await writer.add(self.token)
            count, began = 0, time.perf_counter()
            server, database = cpu.used(self.pid), cpu.used(self.postmaster)
            while time.perf_counter() - began < seconds:
                await writer.add(self.token)
                count += 1
            of_server = cpu.spent(server, cpu.used(self.pid))
            whole = of_server + cpu.spent(database, cpu.used(self.postmaster))
            return Cost(of_server / count, whole / count, (time.perf_counter() - began) / count)


async def _loss(followed: Side, alone: Side) -> None:
    """Tell what those who follow others take from the writes of somebody whom nobody follows.

    They cost so much a second, for heartbeats and looks, and not so much a write: of few writes that would be a large
    part of each.
    """
    pairs: list[tuple[list[Cost], list[Cost]]] = []
    for _ in range(_ROUNDS):
        there, here = list[Cost](), list[Cost]()
        for side, costs in ((followed, there), (alone, here), (alone, here), (followed, there)):
            costs.append(await side.writes(_SLICE))
        pairs.append((there, here))
    sums = [[Cost(*map(sum, zip(*costs, strict=True))) for costs in pair] for pair in pairs]
    print(f"of what a core could write for others, {_STREAMS:,} followers leave, with {_SLICE:g} s in each turn:")
    for name in ("server", "whole"):  # who follows takes so much of each second, whatever is written
        left = intervals.estimate(
            [1 - (getattr(there, name) - getattr(here, name)) / there.wall for there, here in sums]
        )
        print(f"    {left}, by the CPU of {'the server' if name == 'server' else 'it and PostgreSQL'}")
    paces = intervals.estimate([here.wall / there.wall for there, here in sums])
    of_one = statistics.median(here.wall / 2 for _, here in sums)
    print(f"    {paces}, by the pace of one writer, {1000 * of_one:.1f} ms a write")


def _resident(pid: int) -> float:
    """Return how much memory a process has, in bytes (Linux)."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _measure(side: Side, alone: Side, secrets: list[str], seconds: float) -> None:
    port, pid = side.port, side.pid
    for one in (side, alone):
        await one.writes(1)
    before = _resident(pid)
    async with _following(port, secrets, _IDLE):
        print(f"idle streams: {(_resident(pid) - before) / _IDLE / 1024:.1f} KiB each, of {_IDLE:,}")
    await asyncio.sleep(1)
    async with _following(port, secrets[1:], _STREAMS):
        await asyncio.sleep(4)  # until all of them stand where they begin
        await _loss(side, alone)
    async with _following(port, secrets, _STREAMS) as streams:
        delays = sorted(await _delays(port, secrets, streams, seconds))
        p50, p99 = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
        print(
            f"{len(delays):,} events of {_RATE} changes/s to {_STREAMS:,} streams of {PERSONS} persons, from the"
            f" sending of the write: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, most {delays[-1] * 1000:.0f} ms"
        )
        last = [stream.last for stream in streams]
    began = time.perf_counter()
    again = await asyncio.gather(*(Listening.begin(port, secrets[n % len(secrets)], last[n]) for n in range(_STREAMS)))
    print(f"{_STREAMS:,} that come back at once: all served after {time.perf_counter() - began:.2f} s")
    for stream in again:
        stream.writer.close()


def main(seconds: Annotated[float, typer.Option(min=1, help="How long each load lasts.")] = 20) -> None:
    """Measure those who follow."""
    with tempfile.TemporaryDirectory(prefix="todo-mcp-bench-") as name, embedded(Path(name) / "pg") as server:
        postmaster = int((Path(name) / "pg" / "postmaster.pid").read_text().splitlines()[0])
        with ExitStack() as stack:
            sides, secrets = list[Side](), list[list[str]]()
            for database, count in (("live", PERSONS), ("alone", 1)):
                execute(server, f"CREATE DATABASE {database}")
                url = named(server, database)
                secrets.append(asyncio.run(_people(url, count)))
                port, pid = stack.enter_context(_serving(url, Path(name)))
                sides.append(Side(port, pid, postmaster, secrets[-1][0]))
            asyncio.run(_measure(*sides, secrets[0], seconds))


if __name__ == "__main__":
    typer.run(main)
