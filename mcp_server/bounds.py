"""Bound what an answer costs a model: cut between rows, and say how to go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from mcp_server.tool_results import as_shown

T = TypeVar("T")

_LONGEST: Final = 4_096
"""Characters of the longest text there is: a note."""

MOST_BYTES: Final = 19_000
"""Bytes of rows in one answer, which has 20,000 at most: some 5,000 tokens."""


def size(content: Any) -> int:
    """Return the bytes of content as it is sent: as JSON, with what nobody would see escaped."""
    return len(as_shown(content)[1].encode())


def within(content: Any, most: int = MOST_BYTES) -> Any:
    """Return content that fits into as many bytes: as it is, or with … in place of the end of its longest texts."""
    longest = _LONGEST
    while size(content) > most and longest > 1:
        longest //= 2
        content = _cut(content, longest)
    return content


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, dict):
        return {name: _cut(item, longest) for name, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, longest) for item in value]
    return f"{value[:longest]}…" if isinstance(value, str) and len(value) > longest + 1 else value


def fitting(rows: Sequence[dict[str, Any]], most: int = MOST_BYTES) -> int:
    """Return how many of the first rows fit into as many bytes of JSON; at least one, if there is any."""
    if size(rows) <= most:  # most answers do: one look at all of them
        return len(rows)
    return _many(rows, lambda row: size(row) + 1, most) or min(len(rows), 1)


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
