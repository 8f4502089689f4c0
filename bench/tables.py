"""`python -m bench.tables`: what cases cost in a table three times as long, and how updates make its indexes grow.

It fails where that is more than was promised. The first time it seeds 3,000,000 todos; then it takes some 10 minutes.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import platformdirs
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import keys, wire
from bench.cases import CASES, Case
from bench.database import Actor, Database, execute, seeded
from bench.load import Client
from bench.plan import FULL, QUICK, Size
from bench.seed import THINGS, VERBS
from bench.servers import environment, running_process, until_answering
from todo_app.embedded import free_port

OF_TABLE: Final = 1.1
"""How many times as long a case may take in the longer table."""
OF_INDEXES: Final = 1.5
"""How many times as large all indexes of todos may be after so many `UPDATES`."""
UPDATES: Final = 200_000
_LONGER: Final = Size("longer", users=30_000, todos=3_000_000, actors=256)
_QUICK_LONGER: Final = Size("quick-longer", users=601, todos=60_000, actors=100)
_AGED: Final = Size("aged", users=2_001, todos=200_000, actors=256)
"""One update for each todo, of a tenth of them nine: five times what the promise says of a million."""
_QUICK_AGED: Final = Size("quick-aged", users=201, todos=20_000, actors=100)
_SLICE: Final = 32
"""Requests of one turn."""
_BATCH: Final = 50
_PRIORITIES: Final = ("low", "medium", "high", "urgent")

_SIZES: Final = """
SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index WHERE indrelid = 'todos'::regclass
ORDER BY 1
"""


def main(
    data: Annotated[Path | None, typer.Option(help="Folder of the databases. Default: the cache folder.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small tables and few turns, to see that it works.")] = False,
) -> None:
    """Measure cases in two tables, a slice in each in turns, and sizes before and after updates."""
    folder = data or Path(platformdirs.user_cache_dir("todo-mcp-bench"))
    table, kept = Table("what", "times", "at most", ""), True
    sizes = (QUICK, _QUICK_LONGER) if quick else (FULL, _LONGER)
    of_updates = (_QUICK_AGED, UPDATES // 100) if quick else (_AGED, UPDATES)
    for what, ratio, most in [*_in_tables(folder, sizes, 4 if quick else 24), *_after_updates(folder, *of_updates)]:
        is_kept = most is None or ratio <= most
        kept &= is_kept
        table.add_row(what, f"{ratio:.2f}", "" if most is None else str(most), "" if is_kept else "[red]more[/]")
    Console().print(table)
    raise SystemExit(0 if kept or quick else 1)


Measured = tuple[str, float, float | None]
"""What was measured, how many times what it is compared with, and how many times it may be."""


@contextmanager
def _served(database: Database, folder: Path) -> Iterator[int]:
    """Run our server, and return its port."""
    port = free_port()
    serve = [sys.executable, "-m", "todo_app", "serve", "--port", str(port)]
    with keys.served() as key_set, (folder / f"{database.size.name}.log").open("wb") as log:
        env = environment(database.url) | {"TODO_JWKS_URL": key_set}
        with running_process(serve, env, folder, log.fileno()) as process:
            until_answering(process, f"http://127.0.0.1:{port}/readyz", Path(log.name))
            yield port


# --- a longer table ----------------------------------------------------------------------------


def _in_tables(folder: Path, sizes: Sequence[Size], turns: int) -> Iterator[Measured]:
    """Measure every case of persons with few todos, in tables of two sizes."""
    with ExitStack() as stack:
        databases = [stack.enter_context(seeded(folder, size)) for size in sizes]
        ports = [stack.enter_context(_served(database, folder)) for database in databases]
        persons = [database.actors()[1:] for database in databases]
        for case in [one for one in CASES if one.by == "actors"]:
            for database in databases if case.reopens else ():
                database.reopen()
            shorter, longer = _medians(case, ports, persons, turns)
            yield f"{case.name}: {sizes[1].todos:,} todos against {sizes[0].todos:,}", longer / shorter, OF_TABLE
        for database in databases:
            database.restore()


def _medians(case: Case, ports: Sequence[int], persons: Sequence[Sequence[Actor]], turns: int) -> list[float]:
    """Return the median of what a request of a case takes at each port, the first half of the turns left out."""
    asked = [wire.in_turn(actors, case.asks) for actors in persons]
    requests = [wire.rest(one, port, wire.by_token) for one, port in zip(asked, ports, strict=True)]
    spent: list[list[float]] = [[] for _ in ports]
    for turn in track(range(turns), case.name, transient=True):
        first = turn * _SLICE
        for n in (0, 1) if turn % 2 else (1, 0):
            taken = _taken(ports[n], [requests[n][at % len(requests[n])] for at in range(first, first + _SLICE)])
            spent[n] += taken if turn >= turns // 2 else []
    return [statistics.median(mine) for mine in spent]


def _taken(port: int, requests: Sequence[bytes]) -> list[float]:
    """Return how long each request takes, one after another on a connection of its own."""
    taken: list[float] = []
    with closing(Client(port)) as client:
        for request in requests:
            began = time.perf_counter()
            client.read(request)
            taken.append(time.perf_counter() - began)
    return taken


# --- many updates ------------------------------------------------------------------------------


def _after_updates(folder: Path, size: Size, number: int) -> Iterator[Measured]:
    """Measure the indexes of todos after updates as people make them, while autovacuum does what it does."""
    with seeded(folder, size) as database, _served(database, folder) as port:
        before = _sizes(database)
        _update(port, database.actors()[1:], number)
        after = _sizes(database)
        execute(database.url, "UPDATE bench.seeded SET recipe = ''")  # so that it is seeded anew the next time
    yield f"all indexes after {number:,} updates", sum(after.values()) / sum(before.values()), OF_INDEXES
    for name, size_before in before.items():
        if size_before > 2**20:  # of a few pages, one more is much
            yield name, after[name] / size_before, None


def _sizes(database: Database) -> Mapping[str, int]:
    """Return the bytes of each index of todos."""
    return dict(map(tuple, database.fetch(_SIZES)))


def _update(port: int, actors: Sequence[Actor], number: int) -> None:
    """Change so many todos, in batches: titles, dues, priorities, and whether they are done."""
    draw = random.Random(1)  # noqa: S311
    with closing(Client(port)) as client:
        for batch in track(range(number // _BATCH), "updates", transient=True):
            actor = actors[batch % len(actors)]
            todos = draw.sample([todo.id for todo in actor.todos if not todo.is_subtask], _BATCH)
            body = _changes(draw, todos, batch // len(actors) % 5)
            client.read(wire.http("POST", "/api/v1/todos/batch", port, [wire.by_token(actor)], body))


def _changes(draw: random.Random, todos: Sequence[int], kind: int) -> Mapping[str, Any]:
    """Return a batch of one of five kinds."""
    if kind >= 3:  # done, and open again
        return {"action": "complete", "ids": todos, "is_completed": kind == 3}
    title = f"{draw.choice(VERBS)} {draw.choice(THINGS)} {draw.randrange(97)}"
    patch = ({"title": title}, {"due": f"2026-12-{draw.randint(1, 28):02}"}, {"priority": draw.choice(_PRIORITIES)})
    return {"action": "update", "todos": [{"id": todo, **patch[kind]} for todo in todos]}


if __name__ == "__main__":
    typer.run(main)
