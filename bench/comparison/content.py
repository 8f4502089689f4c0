"""What both databases hold, written through each side's own REST API, by the same requests in the same order.

It has the shape of `bench.seed`'s, with one difference: all of it was made today, since no request can say otherwise.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from rich.progress import track

from bench import wire
from bench.database import Actor, Todo
from bench.load import Client, WrongAnswer
from bench.plan import BIG_USER, FIRST_SMALL_USER, LISTS, TAGS_EACH, Size
from bench.seed import TAGS, THINGS, VERBS

_PRIORITIES: Final = ("low", "medium", "high", "urgent")
_ROUND: Final = 32
"""Todos that a user adds at once. The first one is the parent of the next two, and is never completed."""
_LISTED: Final = (0, 0, 0, 1, 0, 2, 0, 1, 0, 3, 0, 1, 2, 0, 1, 0)
"""In which list, by place among those added at once: more than half are in the inbox."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """A todo before it has an id."""

    body: dict[str, Any]
    list_number: int
    due_at: datetime | None
    is_completed: bool
    is_deleted: bool


class _User:
    """Somebody with lists and tags, who is known by a JWT at first and then by an API token."""

    def __init__(self, client: Client, port: int, number: int) -> None:
        self.number, self._client, self._port = number, client, port
        self.tags = _tags(number)
        self.todos: list[Todo] = []
        self._header = wire.by_jwt_of(number)
        (inbox,) = self._ask("GET", "/lists")["items"]
        self.lists = [inbox["id"], *(self._ask("POST", "/lists", {"name": name})["id"] for name in LISTS[1:])]
        wanted = {"name": "bench", "scopes": ["todos:read", "todos:write", "profile"], "expires_in_days": None}
        self.token = self._ask("POST", "/tokens", wanted)["token"]
        self._header = f"Authorization: Bearer {self.token}"

    def add(self, planned: Sequence[_Planned]) -> None:
        """Add todos, complete some of them, and move some to the trash."""
        bodies = [one.body | {"list_id": self.lists[one.list_number]} for one in planned]
        ids = self._batch({"action": "add", "todos": bodies})
        added = [*zip(ids, planned, strict=True)]
        done = [todo_id for todo_id, one in added if one.is_completed]
        trashed = [todo_id for todo_id, one in added if one.is_deleted]
        for action, chosen in (("complete", done), ("delete", trashed)):
            if chosen:
                self._batch({"action": action, "ids": chosen})
        self.todos += [
            Todo(
                id=todo_id,
                title=one.body["title"],
                priority=_PRIORITIES.index(one.body["priority"]) + 1,
                list_id=self.lists[one.list_number],
                due_at=one.due_at,
                is_open=not one.is_completed,
                is_subtask="parent_index" in one.body,
            )
            for todo_id, one in added
            if not one.is_deleted
        ]

    def _batch(self, body: dict[str, Any]) -> list[int]:
        results = self._ask("POST", "/todos/batch", body)["results"]
        if any(result.get("item") is None for result in results):
            raise WrongAnswer(f"Not all of a batch was done: {body['action']}: {results}")
        return [result["item"]["id"] for result in results]

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        request = wire.http(method, f"/api/v1{path}", self._port, [self._header], body)
        return json.loads(self._client.read(request))


def write(port: int, size: Size, now: datetime) -> list[Actor]:
    """Fill the database behind a server with `size`; the same `now` gives the same todos.

    Returns:
        Those who send requests, first the one with a tenth of all todos.

    Raises:
        WrongAnswer: The server does not take a request.
    """
    with closing(Client(port)) as client:
        numbers = range(BIG_USER, size.users + 1)
        users = [_User(client, port, number) for number in track(numbers, "Users", transient=True)]
        for number, turn in track([*_turns(size)], "Todos", transient=True):
            users[number - 1].add(_planned(number, turn, now))
    return [
        Actor(user.number, user.token, now, now.date(), user.lists[0], user.tags, user.todos[:200])
        for user in users[: FIRST_SMALL_USER - 1 + size.actors]
    ]


def _turns(size: Size) -> Iterator[tuple[int, int]]:
    """Return who adds todos, and for which time: all in turn, so that a user's are all over the table."""
    small = -(-(size.todos - size.big_todos) // size.small_users // _ROUND)
    big = -(-size.big_todos // _ROUND)
    for turn in range(small):
        for number in range(FIRST_SMALL_USER, size.users + 1):
            yield number, turn
        for more in range(turn * big // small, (turn + 1) * big // small):
            yield BIG_USER, more


def _tags(number: int) -> list[str]:
    return [TAGS[(number + n) % len(TAGS)] for n in range(TAGS_EACH)]


def _planned(number: int, turn: int, now: datetime) -> list[_Planned]:
    chance = random.Random(f"{number} {turn}")  # noqa: S311  # chance that is the same for both sides
    return [_todo(place, chance, _tags(number), is_big=number == BIG_USER, now=now) for place in range(_ROUND)]


def _todo(place: int, chance: random.Random, tags: Sequence[str], *, is_big: bool, now: datetime) -> _Planned:
    body: dict[str, Any] = {
        "title": f"{chance.choice(VERBS)} {chance.choice(THINGS)} {chance.randrange(97)}",
        "priority": chance.choices(_PRIORITIES, (1, 4, 2, 1))[0],
        "tags": chance.sample(tags, chance.choices((0, 1, 2), (6, 2, 2))[0]),
    }
    if chance.random() < 0.3:
        body["description"] = "Before the end of the month; ask some others first and write down what they say."
    if place in (1, 2):
        body["parent_index"] = 0
    due_at = None
    if chance.random() < 0.6:
        due = (now + timedelta(days=chance.uniform(-60, 60))).replace(second=0, microsecond=0)
        by_day = chance.random() < 0.5
        body["due"] = str(due.date()) if by_day else due.isoformat()
        due_at = datetime.combine(due, time.max, UTC) if by_day else due
    is_completed = place > 0 and chance.random() < 0.3
    is_deleted = place > 2 and not is_big and chance.random() < 0.03
    return _Planned(body, _LISTED[place % len(_LISTED)], due_at, is_completed, is_deleted)
