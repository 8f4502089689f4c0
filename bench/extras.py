"""What is measured besides requests per second: deep pages, starting times, and sizes for a model."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from rich.progress import track

from bench import wire
from bench.database import Actor, Database, embedded
from bench.load import Client
from bench.plan import PAGE_SIZE
from bench.servers import environment

BYTES_PER_TOKEN: Final = 3.6
_LEGACY: Final = "2025-11-25"


@dataclass(frozen=True, slots=True)
class Pages:
    """A page near the start and the last one, by cursor."""

    last_page: int
    early: float
    """Seconds, the median."""
    late: float

    @property
    def ratio(self) -> float:
        return self.late / self.early


def pages(port: int, database: Database, times: int) -> Pages:
    """Page 2 and the last page of the user with the most todos, in turns."""
    big_user, *_ = database.actors()
    header = wire.by_token(big_user)
    client = Client(port)

    def read(query: str) -> dict[str, Any]:
        path = f"/api/v1/todos?status=all&limit={PAGE_SIZE}&{query}"
        answer: dict[str, Any] = json.loads(client.read(wire.http("GET", path, port, [header])))
        assert len(answer["items"]) == PAGE_SIZE
        return answer

    last = database.size.last_page
    cursors = [read(f"offset={(page - 2) * PAGE_SIZE}")["next_cursor"] for page in (2, last)]
    spent: tuple[list[float], list[float]] = ([], [])
    for turn in range(times):
        for which in (0, 1) if turn % 2 else (1, 0):
            began = time.perf_counter()
            read(f"cursor={cursors[which]}")
            spent[which].append(time.perf_counter() - began)
    client.close()
    return Pages(last, *(statistics.median(some) for some in spent))


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds from the start of `todo-mcp stdio` to its answer to tools/list."""

    warm: float
    """On a database that runs already."""
    first: float
    """On an empty folder."""


def starts(times: int) -> Starts:
    """The medians of some starts."""
    with tempfile.TemporaryDirectory(prefix="todo-mcp-bench-") as name:
        folder = Path(name)
        # PostgreSQL may run as another user, who has to reach its folder.
        folder.chmod(0o755)
        first = [_start(folder / str(number)) for number in track(range(times), "First starts", transient=True)]
        with embedded(folder / "0" / "postgres"):
            warm = [_start(folder / "0") for _ in track(range(times), "Warm starts", transient=True)]
    return Starts(statistics.median(warm), statistics.median(first))


def _start(folder: Path) -> float:
    folder.mkdir(exist_ok=True)
    client = {"protocolVersion": _LEGACY, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    with _stdio(folder) as (began, to_server, from_server):
        _say(to_server, {"id": 1, "method": "initialize", "params": client})
        _answer(from_server)
        _say(to_server, {"method": "notifications/initialized"})
        _say(to_server, {"id": 2, "method": "tools/list"})
        tools = _answer(from_server)["result"]["tools"]
        spent = time.perf_counter() - began
    assert tools
    return spent


@contextmanager
def _stdio(folder: Path) -> Iterator[tuple[float, IO[bytes], IO[bytes]]]:
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "todo_app", "stdio"],
        env=environment() | {"TODO_DATA_DIR": str(folder)},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield began, process.stdin, process.stdout
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _say(to_server: IO[bytes], message: dict[str, Any]) -> None:
    to_server.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    to_server.flush()


def _answer(from_server: IO[bytes]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(from_server.readline())
    return answer


@dataclass(frozen=True, slots=True)
class Sizes:
    """What a model reads, in tokens of 3.6 bytes."""

    tools: int
    """How many there are."""
    tools_list: float
    row: float
    """A concise row of `list_todos`, on average."""
    write: float
    """The longer answer of `add_todos` and `complete_todos` to one todo."""


def sizes(port: int, actor: Actor) -> Sizes:
    """Ask for them over HTTP."""
    client, me = Client(port), wire.by_token(actor)

    def result(request: bytes) -> Any:
        return json.loads(client.read(request))["result"]

    def text(tool: str, arguments: dict[str, Any]) -> str:
        return str(result(wire.call(tool, arguments, port, [me]))["content"][0]["text"])

    tools = result(wire.mcp("tools/list", {}, port, [me]))["tools"]
    rows = json.loads(text("list_todos", {"status": "all", "limit": 200}))["todos"]
    written = (text("add_todos", {"todos": [{"title": "Buy milk"}]}), text("complete_todos", {"ids": [rows[0]["id"]]}))
    client.close()
    return Sizes(
        len(tools),
        _tokens(_compact(tools)),
        statistics.mean(_tokens(_compact(row)) for row in rows),
        max(_tokens(answer) for answer in written),
    )


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _tokens(text: str) -> float:
    return len(text.encode()) / BYTES_PER_TOKEN
