"""How much is seeded, and how long is measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CONNECTIONS: Final = 32
PAGE_SIZE: Final = 50
POOL_SIZE: Final = 8
"""Database connections of every server, ours and theirs."""

ISSUER: Final = "https://auth.bench.test"
AUDIENCE: Final = "https://todo.bench.test"
JWT_SECRET: Final = "a-benchmark's-secret-of-more-than-thirty-two-bytes"  # noqa: S105  # guards nothing

BIG_USER: Final = 1
"""The user with a tenth of all todos."""
FIRST_SMALL_USER: Final = 2
LISTS: Final = ("Inbox", "Work", "Home", "Errands")
"""Those of every user. The inbox holds more than half of the todos."""
TAGS_EACH: Final = 3
"""Tags of every user."""


@dataclass(frozen=True, slots=True)
class Size:
    """What the database holds."""

    name: str
    users: int
    todos: int
    actors: int
    """Users that send requests."""

    @property
    def small_users(self) -> int:
        return self.users - 1

    @property
    def big_todos(self) -> int:
        return self.todos // 10

    @property
    def last_page(self) -> int:
        """The big user's last page."""
        return self.big_todos // PAGE_SIZE


FULL: Final = Size("full", users=10_000, todos=1_000_000, actors=256)
COMPARISON: Final = Size("comparison", users=401, todos=40_000, actors=256)
QUICK: Final = Size("quick", users=201, todos=20_000, actors=100)
QUICK_COMPARISON: Final = Size("quick comparison", users=CONNECTIONS + 1, todos=3_300, actors=CONNECTIONS)
"""Each side writes it through its API, which takes longer than the rounds if it is much."""
