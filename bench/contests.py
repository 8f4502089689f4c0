"""Who is measured against whom, at what."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bench import limit, load, wire
from bench.cases import CASES, FLOOR, OURS, OURS_JWT, TUTORIAL, Asks, Case, Promise
from bench.database import Actor, Database
from bench.load import Measured
from bench.servers import Servers

LIMIT: Final = "pgbench"
ECHO: Final = "bare echo"
LIST_TODOS: Final = "list_todos, 25 rows"
ADD_TODOS: Final = "add_todos, one"
MCP: Final = "mcp"
NAMES: Final = (*(case.name for case in CASES), MCP)
_SAMPLE: Final = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant at one case."""

    name: str
    measure: Callable[[int, float], Measured]
    """From connections and seconds to what was measured."""
    check: Callable[[], None]
    """Warm it up, and make sure that it does what it is measured for."""


@dataclass(frozen=True, slots=True)
class Contest:
    """Contestants that take turns; the first one is what the others are compared with."""

    case: str
    what: str
    entries: tuple[Entry, ...]
    promises: Sequence[Promise]
    writes: bool
    before: Callable[[], None] | None = None
    """Makes the database fit before each measurement."""


def contests(servers: Servers, database: Database) -> list[Contest]:
    """Every contest: those that only read come first."""
    big_user, *actors = database.actors()
    found = [_rest(case, servers, database, [big_user] if case.by == "big user" else actors) for case in CASES]
    return [*found, _mcp(servers, actors)]


def _rest(case: Case, servers: Servers, database: Database, actors: Sequence[Actor]) -> Contest:
    callers = {
        FLOOR: (servers.floor, wire.by_number),
        TUTORIAL: (servers.tutorial, wire.by_secret),
        OURS: (servers.ours, wire.by_token),
        OURS_JWT: (servers.ours, wire.by_jwt),
    }

    def entry(name: str, caller: str, asks: Asks, is_right: Callable[[Any], bool]) -> Entry:
        port, identify = callers[caller]
        asked = wire.in_turn(actors, asks)
        expected = [request.rows for _, request in asked]

        def accept(turn: int, answer: Any) -> bool:
            rows = expected[turn]
            return is_right(answer) if rows is None else len(answer["items"]) == rows

        return _entry(name, port, wire.rest(asked, port, identify), accept)

    entries = [entry(name, name, case.asks, case.is_right) for name in case.contestants]
    if case.beside is not None:
        entries.append(entry(case.beside.name, OURS, case.beside.asks, bool))
    if (pgbench := limit.binary()) is not None:
        entries.append(Entry(LIMIT, partial(limit.run, pgbench, database, case.script), lambda: None))
    before = database.reopen if case.reopens else None
    return Contest(case.name, case.what, tuple(entries), case.promises, case.writes, before)


def _mcp(servers: Servers, actors: Sequence[Actor]) -> Contest:
    new = {"todos": [{"title": "Buy milk and bread", "description": "2 l"}]}

    def entry(name: str, port: int, tool: str, arguments: dict[str, Any], is_right: Callable[[str], bool]) -> Entry:
        requests = wire.tool_calls(tool, arguments, port, actors)
        return _entry(name, port, requests, lambda _, answer: is_right(_text(answer)))

    entries = (
        entry(ECHO, servers.echo, "echo", {"text": "hello"}, lambda text: "hello" in text),
        entry(LIST_TODOS, servers.ours, "list_todos", {}, lambda text: len(json.loads(text)["todos"]) == 25),
        entry(ADD_TODOS, servers.ours, "add_todos", new, lambda text: "change_id" in json.loads(text)),
    )
    what = "the first page of open todos; a todo with title and description"
    return Contest(MCP, what, entries, (Promise(LIST_TODOS, ECHO, 0.5),), writes=True)


def _entry(name: str, port: int, requests: Sequence[bytes], accept: Callable[[int, Any], bool]) -> Entry:
    def measure(connections: int, seconds: float) -> Measured:
        return load.run(port, requests, connections, seconds)

    def check() -> None:
        client = load.Client(port)
        for turn, request in enumerate(requests[:_SAMPLE]):
            body = client.read(request)
            if not accept(turn, json.loads(body)):
                raise SystemExit(f"{name} answered {request.splitlines()[0]!r} wrongly: {body[:500]!r}")
        client.close()

    return Entry(name, measure, check)


def _text(answer: dict[str, Any]) -> str:
    """What a tool call answered; nothing if that is an error."""
    result = answer.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        return "{}"
    return str(result["content"][0]["text"])
