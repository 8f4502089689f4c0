"""Positions: whole numbers that order rows, with gaps between them, so that a move writes one row.

A gap is halved by each row that comes into it. Where none is left, as few of the rows behind it as will do get new
positions (`docs/decisions/0040-order-by-hand.md`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from todo_core.models.fields import GAP_BITS

STEP: Final = 1 << GAP_BITS
"""How far apart rows are that come one after the other to the same end: twenty rows find room right beside the same."""
ROOM: Final = 1 << 10
"""How far apart rows are at least that are given new positions."""

Position = int | Decimal
"""A decimal fraction is from the version before, which gave such positions to lists."""


def between(low: Position, high: Position) -> int | None:
    """Return the whole number in the middle of two positions; None where there is none between them."""
    middle = int((low + high) // 2)
    return middle if low < middle < high else None


def spread(low: Position, following: Sequence[Position], end: Position | None, room: int = ROOM) -> list[int]:
    """Return new positions for the first of those that follow `low`, which leave room for one right after it.

    Args:
        low: The position of the row behind which there is no room.
        following: The positions that follow it, in order, each once.
        end: What all positions must be below; None where nothing is in the way.
        room: How far apart they must be.

    Returns:
        As few as will do; none if even all of them are too close together.
    """
    base = math.floor(low)
    for count in range(1, len(following) + 1):
        bound = following[count] if count < len(following) else end
        step = STEP if bound is None else (math.floor(bound) - base) // (count + 2)
        if step >= room:
            return [base + step * place for place in range(2, count + 2)]
    return []
