"""Divide what a request writes among statements, so that none of them comes near its time limit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

CHUNK: Final = 200
"""Most rows that one statement reads or writes, which takes some hundredths of a second.

Encoding and decoding them takes some milliseconds, during which the process serves no other request.
"""
LINKS: Final = 10_000
"""Most links of todos to a tag that one statement writes: these are small, and it takes about half a second."""


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Return rows in their order, at most `CHUNK` at a time; nothing where there are none."""
    return _parts(items, CHUNK)


def chunks_of_links(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Return links in their order, at most `LINKS` at a time; nothing where there are none."""
    return _parts(items, LINKS)


def _parts(items: Sequence[Item], most: int) -> Iterator[Sequence[Item]]:
    return (items[start : start + most] for start in range(0, len(items), most))
