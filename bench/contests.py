"""Who is measured against whom, at what."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench import limit, load, wire
from bench.database import Actor, Database
from bench.load import Measured
from bench.plan import PAGE_SIZE
from bench.servers import Servers

FLOOR: Final = "floor"
TUTORIAL: Final = "tutorial"
OURS_TOKEN: Final = "ours, API token"  # noqa: S105  # a name
OURS_JWT: Final = "ours, EdDSA JWT"
LIMIT: Final = "pgbench"
ECHO: Final = "bare echo"
LIST_TODOS: Final = "list_todos, 25 rows"
ADD_TODOS: Final = "add_todos, one"

REST_CASES: Final = ("list-50", "get-one", "add-one", "complete-one")
MCP: Final = "mcp"
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
    """Contestants that do the same; the first one is what the others are compared with."""

    case: str
    entries: tuple[Entry, ...]
    before: Callable[[], None] | None = None
    """Makes the database fit before each measurement."""


def contests(servers: Servers, database: Database) -> list[Contest]:
    """Every contest."""
    actors = database.actors()
    found = [_rest(case, servers, database, actors) for case in REST_CASES]
    return [*found, _mcp(servers, actors)]


def _rest(case: str, servers: Servers, database: Database, actors: Sequence[Actor]) -> Contest:
    sends = (
        (FLOOR, servers.floor, wire.by_number),
        (TUTORIAL, servers.tutorial, wire.by_secret),
        (OURS_TOKEN, servers.ours, wire.by_token),
        (OURS_JWT, servers.ours, wire.by_jwt),
    )
    entries = [_entry(name, port, wire.rest(case, port, actors, identify), case) for name, port, identify in sends]
    if (pgbench := limit.binary()) is not None:
        entries.append(Entry(LIMIT, partial(limit.run, pgbench, database, case), lambda: None))
    return Contest(case, tuple(entries), database.reopen if case == "complete-one" else None)


def _mcp(servers: Servers, actors: Sequence[Actor]) -> Contest:
    new = {"todos": [{"title": "Buy milk and bread", "description": "2 l"}]}
    entries = (
        _entry(ECHO, servers.echo, wire.tool_calls("echo", {"text": "hello"}, servers.echo, actors), ECHO),
        _entry(LIST_TODOS, servers.ours, wire.tool_calls("list_todos", {}, servers.ours, actors), LIST_TODOS),
        _entry(ADD_TODOS, servers.ours, wire.tool_calls("add_todos", new, servers.ours, actors), ADD_TODOS),
    )
    return Contest(MCP, entries)


def _entry(name: str, port: int, requests: Sequence[bytes], kind: str) -> Entry:
    def measure(connections: int, seconds: float) -> Measured:
        return load.run(port, requests, connections, seconds)

    def check() -> None:
        client = load.Client(port)
        for request in requests[:_SAMPLE]:
            body = client.read(request)
            if not _EXPECTED[kind](json.loads(body)):
                raise SystemExit(f"{name} answered {kind} wrongly: {body[:500]!r}")
        client.close()

    return Entry(name, measure, check)


_EXPECTED: Final[dict[str, Callable[[dict[str, object]], bool]]] = {
    "list-50": lambda answer: len(_list(answer, "items")) == min(PAGE_SIZE, int(str(answer["total"]))) > 0,
    "get-one": lambda answer: answer["deleted_at"] is None and answer["title"] != "",
    "add-one": lambda answer: answer["title"] != "" and answer["version"] == 1,
    "complete-one": lambda answer: answer["completed_at"] is not None,
    ECHO: lambda answer: "hello" in _text(answer),
    LIST_TODOS: lambda answer: len(json.loads(_text(answer))["todos"]) == 25,
    ADD_TODOS: lambda answer: "change_id" in json.loads(_text(answer)),
}


def _list(answer: dict[str, object], name: str) -> list[dict[str, object]]:
    found = answer[name]
    assert isinstance(found, list)
    return found


def _text(answer: dict[str, object]) -> str:
    """What a tool call answered; nothing if that is an error."""
    result = answer.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        return ""
    return str(result["content"][0]["text"])
