"""Bound what an answer costs a model: cut between rows, and say how to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from todo_core.text import json_text

T = TypeVar("T")

MOST_BYTES: Final = 20_000
"""Bytes of rows in one answer: some 5,000 tokens."""


def fitting(rows: Sequence[Any], most: int = MOST_BYTES) -> int:
    """Return how many of the first rows fit into as many bytes of JSON; at least one, if there is any."""
    return _many(rows, lambda row: len(json_text(row).encode()) + 1, most) or min(len(rows), 1)


def named(rows: Sequence[dict[str, Any]], most: float) -> int:
    """Return how many of the first rows with a name and numbers cost at most so many tokens, as far as one can say."""
    return _many(rows, lambda row: _FRAME + _tokens(row["name"]), most)


_FRAME: Final = 14
"""Tokens of a row but for its name (o200k): its fields, and numbers of up to nine digits."""


def _tokens(text: str) -> float:
    """Return the most tokens that a text is likely to have: of ASCII two characters make one, of others each byte."""
    ascii_characters = sum(map(str.isascii, text))
    return ascii_characters / 2 + len(text.encode()) - ascii_characters


def _many(rows: Sequence[T], cost: Callable[[T], float], most: float) -> int:
    spent = 0.0
    for number, row in enumerate(rows):
        spent += cost(row)
        if spent > most:
            return number
    return len(rows)
