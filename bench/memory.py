"""`python -m bench.memory`: what a worker holds after many requests and for many persons, and what PostgreSQL does
after filters of many shapes.

It fails where that is more than was promised. With 100,000 persons it takes 3 to 10 minutes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import islice, product
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlencode

import asyncpg
import platformdirs
import typer
from rich.console import Console
from rich.table import Table

from bench import keys, wire
from bench.database import Actor, Database, execute, seeded
from bench.load import run
from bench.plan import CONNECTIONS, ISSUER, PAGE_SIZE, QUICK
from bench.servers import environment, running_process, until_answering
from todo_app.embedded import free_port

AFTER_REQUESTS: Final = 120
"""MB that a worker may hold after 10,000 requests."""
AFTER_PERSONS: Final = 150
"""The same after 100,000 persons."""
OF_SHAPES: Final = 50
"""MB that all connections together may take more after requests of as many shapes as `SHAPES`, twice each."""
SHAPES: Final = 1_200
_FLAGS: Final = (
    {"priority": "low"}, {"top_level": "true"}, {"overdue": "true"}, {"has_due": "true"}, {"archived": "include"},
    {"due_after": "2026-01-01"}, {"created_after": "2020-01-01"}, {"updated_before": "2030-01-01"}, {"tags": "home"},
    {"sort": "title"}, {"direction": "asc"},
)  # fmt: skip
_PERSONS: Final = """
INSERT INTO users (id, issuer, subject) SELECT n, %s, n::text FROM generate_series(1000001, %d) AS n
ON CONFLICT DO NOTHING
"""


def main(
    persons: Annotated[int, typer.Option(help="How many persons ask once each.")] = 100_000,
    data: Annotated[Path | None, typer.Option(help="Folder of the seeded database. Default: the cache folder.")] = None,
) -> None:
    """Measure one worker, and the connections of its pool."""
    console, table = Console(), Table("after", "MB", "at most", "")
    folder = data or Path(platformdirs.user_cache_dir("todo-mcp-bench"))
    kept = True
    with seeded(folder, QUICK) as database, keys.served() as key_set, (folder / "memory.log").open("wb") as log:
        port = free_port()
        # A window as long as the usual one: of each person who asked in it, or in the one before, there is a count.
        env = environment(database.url) | {"TODO_JWKS_URL": key_set, "TODO_RATE_LIMIT": "1000000000/minute"}
        serve = [sys.executable, "-m", "todo_app", "serve", "--port", str(port)]
        with running_process(serve, env, folder, log.fileno()) as process:
            until_answering(process, f"http://127.0.0.1:{port}/readyz", Path(log.name))

            def told(after: str, megabytes: float, most: float | None = None) -> None:
                nonlocal kept
                is_kept = most is None or megabytes <= most
                kept &= is_kept
                bound = "" if most is None else str(most)
                table.add_row(after, f"{megabytes:.0f}", bound, "" if is_kept else "[red]more[/]")

            told("the start", _resident(process.pid))
            _send(port, _usual(port, database.actors()), 10_000)
            told("10,000 requests", _resident(process.pid), AFTER_REQUESTS)
            before = _of_connections(database)
            _send(port, _of_many_shapes(port, database.actors()), 2 * SHAPES)
            told(f"{SHAPES:,} shapes: all connections", _of_connections(database) - before, OF_SHAPES)
            told(f"{SHAPES:,} shapes", _resident(process.pid))
            execute(database.url, _PERSONS % (f"'{ISSUER}'", 1_000_000 + persons))
            _send(port, _once_each(port, persons), persons)
            told(f"{persons:,} persons", _resident(process.pid), AFTER_PERSONS)
        execute(database.url, "DELETE FROM users WHERE id > 1000000")
    console.print(table)
    raise SystemExit(0 if kept else 1)


def _usual(port: int, actors: Sequence[Actor]) -> list[bytes]:
    """Return what people and agents do all day; no two requests of one person follow each other."""
    of_each = []
    for actor in actors:
        who = [wire.by_token(actor)]
        of_each.append(
            [
                wire.http("GET", f"/api/v1/todos?limit={PAGE_SIZE}", port, who),
                wire.http("GET", f"/api/v1/todos/{actor.todos[0].id}", port, who),
                wire.http("POST", "/api/v1/todos", port, who, {"title": "Buy milk", "tags": actor.tags[:1]}),
                wire.http("GET", "/api/v1/search?text=milk", port, who),
                wire.http("GET", "/api/v1/overview", port, who),
                wire.call("list_todos", {}, port, who),
                wire.call("add_todos", {"todos": [{"title": "Buy milk and bread", "due": "tomorrow"}]}, port, who),
            ]
        )
    return [request for turn in zip(*of_each, strict=True) for request in turn]


def _of_many_shapes(port: int, actors: Sequence[Actor]) -> list[bytes]:
    """Return pages of todos, each with other filters or in another order."""
    requests = []
    for number, chosen in enumerate(islice(product((False, True), repeat=len(_FLAGS)), SHAPES)):
        query = {name: value for flag, one in zip(_FLAGS, chosen, strict=True) if one for name, value in flag.items()}
        who = [wire.by_token(actors[number % len(actors)])]
        requests.append(wire.http("GET", f"/api/v1/todos?{urlencode(query)}", port, who))
    return requests


def _once_each(port: int, persons: int) -> list[bytes]:
    """Return a page of todos for each of many persons, who sign in with it."""
    people = range(1_000_001, 1_000_001 + persons)
    return [wire.http("GET", "/api/v1/todos", port, [wire.by_jwt_of(person)]) for person in people]


def _send(port: int, requests: Sequence[bytes], number: int) -> None:
    """Send requests round and round, at least so many, on some connections."""
    sent = 0
    while sent < number:
        first = sent % len(requests)
        measured = run(port, [*requests[first:], *requests[:first]], CONNECTIONS, 10)
        sent += measured.sent - CONNECTIONS
        if measured.failed:
            raise SystemExit(f"{measured.failed} requests failed")


def _of_connections(database: Database) -> float:
    """Return the MB of their own that the connections to a database take in PostgreSQL."""

    async def pids() -> list[int]:
        connection = await asyncpg.connect(database.url)
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        try:
            return [pid for (pid,) in await connection.fetch(query)]
        finally:
            await connection.close()

    return sum(_held(pid, "RssAnon") for pid in asyncio.run(pids()))


def _resident(pid: int) -> float:
    """Return the MB that a process holds."""
    return _held(pid, "VmRSS")


def _held(pid: int, of: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{of}:")) / 1024


if __name__ == "__main__":
    typer.run(main)
