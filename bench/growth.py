"""What a person's todos cost as they grow: the same reads for a person with few, some and many, in turns.

Each is asked for while nothing changes, and right after a change, which ends what is remembered of the person.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from rich.progress import track

from bench import wire
from bench.database import Actor, Database, execute
from bench.load import Client
from bench.plan import PAGE_SIZE

SOME: Final = 6_000
"""Most todos of the person between those with few and with many."""

AFTER: Final = " after a change"
"""Follows the name of a read of which nothing is remembered."""
_CHANGE: Final = {"title": "Something else"}
"""A new todo, which `Database.restore` takes away."""

_COPY: Final = """
INSERT INTO todos (user_id, title, description, priority, completed_at, deleted_at, created_at, updated_at, version,
    list_id, due_date, due_time, due_at, language, place)
SELECT to_user.id, title, description, priority, completed_at, deleted_at, created_at, updated_at, version,
    to_user.inbox, due_date, due_time, due_at, language, place
FROM (SELECT id, (SELECT l.id FROM lists l WHERE l.user_id = u.id AND l.is_inbox) AS inbox FROM users u
    WHERE id = %d) AS to_user,
    (SELECT * FROM todos WHERE user_id = %d ORDER BY id DESC LIMIT %d) AS todo
"""


@dataclass(frozen=True, slots=True)
class Growth:
    """What each read takes, by how many todos the person has."""

    sizes: Sequence[int]
    """Todos of each person, the fewest first."""
    seconds: Mapping[str, Sequence[float]]
    """Medians with one connection, by read, in the order of the sizes; a read `AFTER` a change is one of its own."""

    def ratio(self, read: str) -> float:
        """Return how many times what the person with the fewest waits the one with the most does."""
        return self.seconds[read][-1] / self.seconds[read][0]


def growth(port: int, database: Database, times: int) -> Growth:
    """Measure the reads of three persons, a request each in turns.

    Args:
        port: Where our server listens.
        database: The seeded database; the person with some todos is made for this, and their todos go again.
        times: How often each read is asked for, and four times as often as after a change.
    """
    many, few, some, *_ = database.actors()
    more = min(SOME, database.size.big_todos // 4)
    with _grown(database, some, many, more):
        persons = (few, some, many)
        sizes = (len(few.todos), more, database.size.big_todos)
        seconds = {name: _taken(port, persons, path, times) for name, path in _reads(few).items()}
        for name, path in _reads(few).items():
            seconds[name + AFTER] = _taken(port, persons, path, max(1, times // 4), _CHANGE)
    return Growth(sizes, seconds)


def _reads(actor: Actor) -> dict[str, str]:
    """Return the address of each read; the search finds a twelfth of anybody's todos."""
    return {
        "page": f"/api/v1/todos?limit={PAGE_SIZE}",
        "overview": "/api/v1/overview",
        "search": f"/api/v1/search?text=milk&limit={PAGE_SIZE}",
        "week": f"/api/v1/analytics/weekly-report?week={actor.week}",
    }


def _taken(
    port: int, persons: Sequence[Actor], path: str, times: int, change: Mapping[str, Any] | None = None
) -> list[float]:
    """Return the median of what a read takes each person, right after they have added a todo if there is one to add."""
    client = Client(port)
    requests = [wire.http("GET", path, port, [wire.by_token(actor)]) for actor in persons]
    changes = [wire.http("POST", "/api/v1/todos", port, [wire.by_token(actor)], change) for actor in persons]
    spent: list[list[float]] = [[] for _ in persons]
    for turn in track(range(times + 2), path.partition("?")[0], transient=True):
        for request, write, mine in zip(requests, changes, spent, strict=True):
            if change is not None:
                client.read(write)
            began = time.perf_counter()
            body = client.read(request)
            mine.append(time.perf_counter() - began)
            if turn == 0:
                json.loads(body)
    client.close()
    return [statistics.median(mine[2:]) for mine in spent]


@contextmanager
def _grown(database: Database, actor: Actor, many: Actor, more: int) -> Iterator[None]:
    """Give a person copies of somebody else's newest todos for the time of this block."""
    execute(database.url, _COPY % (actor.user_id, many.user_id, more), "ANALYZE todos")
    try:
        yield
    finally:
        database.restore()
