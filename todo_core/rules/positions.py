"""Positions: whole numbers that order rows, with gaps between them, so that a move writes one row.

Each row that is put into a gap takes its middle. Where no gap is left, the rows behind get new positions: as few of
them as make room (`docs/decisions/0040-order-by-hand.md`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from todo_core.models.fields import GAP_BITS

STEP: Final = 1 << GAP_BITS
"""The distance between rows that are added at an end, one after another: enough to halve the gap twenty times."""
ROOM: Final = 1 << 10
"""The least distance between rows that get new positions."""

Position = int | Decimal
"""A decimal fraction is an old position of a list, given by versions before decision 40."""


def between(low: Position, high: Position) -> int | None:
    """Return the whole number in the middle of two positions; None where there is none between them."""
    middle = int((low + high) // 2)
    return middle if low < middle < high else None


def spread(low: Position, following: Sequence[Position], end: Position | None, room: int = ROOM) -> list[int]:
    """Return new positions for the first of the rows that follow `low`, so that one more fits right after `low`.

    Args:
        low: The position of the row after which there is no room.
        following: The positions after it, in order, each once.
        end: An upper bound of all new positions; None if there is none.
        room: The least distance between new positions.

    Returns:
        As few positions as make room; empty if even new ones for all of `following` would be too close together.
    """
    base = math.floor(low)
    for count in range(1, len(following) + 1):
        bound = following[count] if count < len(following) else end
        step = STEP if bound is None else (math.floor(bound) - base) // (count + 2)
        if step >= room:
            return [base + step * place for place in range(2, count + 2)]
    return []
