"""What one account can do at its worst, each as the bytes that it sends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote

from bench import wire
from todo_core.identity import api_tokens

PATH: Final = "/api/v1"
ROWS: Final = 5_000
"""Todos of the list whose deletion is undone, and whose undo is undone, and so on."""
WORDS: Final = 240
"""Random words of each todo that is searched."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who sends."""

    port: int
    token: str
    change_id: int
    """A change of `ROWS` todos that can be undone."""

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        return wire.http(method, PATH + path, self.port, [f"Authorization: Bearer {self.token}"], body)

    def ask_as_stranger(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a request without a token."""
        return wire.http(method, PATH + path, self.port, [], body)


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to be a burden."""

    connections: int
    requests: Callable[[Account], Sequence[bytes]]
    """Sent round and round. Where there is one, `{id}` in it is the change of the answer before."""
    addresses: int = 1
    """From how many addresses of this machine the connections come."""


def _two_letter_words(_: Account) -> str:
    return quote(" ".join(f"{first}{second}" for first in "bcdfgh" for second in "jklmnpqrstv"))


def _worst_batch() -> dict[str, Any]:
    rule = "FREQ=YEARLY;BYDAY=1MO,1TU,1WE,1TH,1FR,1SA,1SU;BYSETPOS=8"
    return {"action": "add", "todos": [{"title": "x", "repeat": rule}] * 50}


def _filters(one: Account) -> list[bytes]:
    """Return requests for lists, each of which asks for something that none before it asked for."""
    choices = {
        "priority": "low",
        "due_after": "today",
        "due_before": "today",
        "created_after": "today",
        "updated_before": "today",
        "overdue": "true",
        "top_level": "true",
        "tags": "a",
        "has_due": "true",
        "has_tags": "true",
        "repeats": "false",
    }
    shapes = [
        "&".join(f"{name}={value}" for n, (name, value) in enumerate(choices.items()) if shape >> n & 1)
        for shape in range(2 ** len(choices))
    ]
    return [one.ask("GET", f"/todos?limit=1&{shape}") for shape in shapes]


KINDS: Final[dict[str, Kind]] = {
    "did-you-mean": Kind(3, lambda one: [one.ask("GET", f"/search?text={_two_letter_words(one)}")]),
    "parallel-writes": Kind(60, lambda one: [one.ask("POST", "/todos", {"title": "x" * 200})]),
    "worst-repeats": Kind(4, lambda one: [one.ask("POST", "/todos/batch", _worst_batch())]),
    "unknown-fields": Kind(4, lambda one: [one.ask("POST", "/todos", {f"{n:x}": 1 for n in range(27_000)})]),
    "unknown-fields-mcp": Kind(
        4,
        lambda one: [
            wire.call(
                "add_todos", {f"{n:x}": 1 for n in range(26_000)}, one.port, [f"Authorization: Bearer {one.token}"]
            )
        ],
    ),
    "parallel-calls": Kind(
        60, lambda one: [wire.call("list_todos", {}, one.port, [f"Authorization: Bearer {one.token}"])]
    ),
    "filters": Kind(4, _filters),
    "big-changes": Kind(20, lambda one: [one.ask("GET", "/changes?limit=200")]),
    "strangers": Kind(
        100,
        lambda one: [
            one.ask_as_stranger("POST", "/todos", {f"{n:x}": 1 for n in range(27_000)}),
            replace(one, token=api_tokens.generate()).ask("GET", "/overview"),
            one.ask_as_stranger("GET", "/openapi.json"),
            one.ask_as_stranger("OPTIONS", "/nothing"),
            one.ask_as_stranger("GET", "/overview").replace(b"Host: ", b"Host: not-", 1),
        ],
        addresses=20,
    ),
    "large-undo": Kind(1, lambda one: [one.ask("POST", "/changes/{id}/undo")]),
}


def honest(one: Account) -> Sequence[bytes]:
    """Return what somebody with a page and an agent asks for."""
    return [
        one.ask("GET", "/overview"),
        one.ask("GET", "/todos?limit=50"),
        one.ask("POST", "/todos", {"title": "buy milk", "due": "tomorrow"}),
        one.ask("GET", "/search?text=milk"),
    ]


def random_texts(count: int) -> list[str]:
    """Return texts of random words of four letters, the same in every run."""
    letters = random.Random(7)  # noqa: S311
    words = ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=4)) for _ in range(count * WORDS)]
    return [" ".join(words[first : first + WORDS]) for first in range(0, len(words), WORDS)]
