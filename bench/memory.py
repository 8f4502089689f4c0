"""`python -m bench.memory`: what a worker holds after many requests and for many persons, and what PostgreSQL does
after filters of many shapes.

It fails where that is more than was promised. Persons are written to a database of its own, which is kept, with what a
first request would write for them, so that a person costs the server reads and next to no writes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import islice, product
from math import ceil
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
from bench.plan import CONNECTIONS, ISSUER, PAGE_SIZE, Size
from bench.servers import environment, running_process, until_answering
from todo_app.embedded import free_port
from todo_core.identity import api_tokens

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
_SIZE: Final = Size("memory", users=201, todos=20_000, actors=100)
"""Those who ask all day; the persons come on top, and would be in the way of other measurements."""
_FIRST: Final = 1_000_001
"""The id of the first person."""
_FIRST_SECONDS: Final = 2
"""How long requests are sent until it is known how many a second are answered."""
_SLICE_SECONDS: Final = 30
"""How long they are sent at most before the rate is looked at again."""

_PERSONS: Final = """
CREATE TABLE IF NOT EXISTS bench.persons (user_id bigint PRIMARY KEY, token text NOT NULL, hash bytea NOT NULL);
INSERT INTO users (id, issuer, subject) SELECT n, '{issuer}', n::text FROM generate_series({first}, {last}) n
ON CONFLICT DO NOTHING
"""

# As if used tomorrow: else the first use of each would be written.
_THEIR_TOKENS: Final = """
INSERT INTO api_tokens (user_id, name, hint, hash, scopes, last_used_at)
SELECT user_id, 'bench', left(token, 9), hash, ARRAY['todos:read', 'todos:write'], now() + interval '1 day'
FROM bench.persons
ON CONFLICT (hash) DO UPDATE SET last_used_at = EXCLUDED.last_used_at;
INSERT INTO agents (user_id, kind, known_as, name, last_used_at)
SELECT user_id, 'token', t.id::text, t.name, t.last_used_at FROM bench.persons JOIN api_tokens t USING (user_id, hash)
ON CONFLICT (user_id, kind, known_as) DO UPDATE SET last_used_at = EXCLUDED.last_used_at;
INSERT INTO activity_days (user_id, day)
SELECT id, current_date + n FROM users, generate_series(-1, 1) n WHERE id >= {first}
ON CONFLICT DO NOTHING;
ANALYZE users, api_tokens, agents, activity_days
"""


def main(
    persons: Annotated[int, typer.Option(help="How many persons ask once each.")] = 100_000,
    data: Annotated[Path | None, typer.Option(help="Folder of the seeded database. Default: the cache folder.")] = None,
) -> None:
    """Measure one worker, and the connections of its pool."""
    console, table = Console(), Table("after", "MB", "at most", "")
    folder = data or Path(platformdirs.user_cache_dir("todo-mcp-bench"))
    kept = True
    with seeded(folder, _SIZE) as database, keys.served() as key_set, (folder / "memory.log").open("wb") as log:
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
            _send(port, _once_each(port, _persons(database, persons)), persons)
            told(f"{persons:,} persons", _resident(process.pid), AFTER_PERSONS)
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


def _persons(database: Database, number: int) -> list[tuple[int, str]]:
    """Write so many persons, unless they are there, and return the id of each and an API token."""
    last = _FIRST + number - 1
    execute(database.url, _PERSONS.format(issuer=ISSUER, first=_FIRST, last=last))
    known = {user_id for (user_id,) in database.fetch("SELECT user_id FROM bench.persons")}
    tokens = [(user_id, api_tokens.generate()) for user_id in range(_FIRST, last + 1) if user_id not in known]

    async def write() -> None:
        connection = await asyncpg.connect(database.url)
        try:
            rows = [(user_id, token, api_tokens.digest(token)) for user_id, token in tokens]
            await connection.copy_records_to_table("persons", schema_name="bench", records=rows)
        finally:
            await connection.close()

    asyncio.run(write())
    execute(database.url, _THEIR_TOKENS.format(first=_FIRST))
    query = f"SELECT user_id, token FROM bench.persons WHERE user_id <= {last} ORDER BY user_id"
    return [(user_id, token) for user_id, token in database.fetch(query)]


def _once_each(port: int, persons: Sequence[tuple[int, str]]) -> list[bytes]:
    """Return a page of todos for each of many persons, half of whom sign in with a JWT and half with an API token."""
    return [
        wire.http(
            "GET", "/api/v1/todos", port, [wire.by_jwt_of(user_id) if user_id % 2 else f"Authorization: Bearer {token}"]
        )
        for user_id, token in persons
    ]


def _send(port: int, requests: Sequence[bytes], number: int) -> None:
    """Send requests round and round, at least so many, on some connections."""
    sent, seconds = 0, _FIRST_SECONDS
    while sent < number:
        first = sent % len(requests)
        measured = run(port, [*requests[first:], *requests[:first]], CONNECTIONS, seconds)
        sent += measured.sent - CONNECTIONS
        if measured.failed:
            raise SystemExit(f"{measured.failed} requests failed")
        seconds = min(max(ceil((number - sent) / max(measured.rate, 1)), 1), _SLICE_SECONDS)


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
