"""Positions: numbers that order lists, with room for another between any two.

Positions have any number of digits, so moving a list writes one row and leaves the others alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import count
from typing import Final

_DIGITS: Final = 10_000
"""PostgreSQL keeps up to 16,383 digits behind the point. A move between the same two lists adds a third of one."""


def at_place(place: int | None, others: Sequence[Decimal]) -> Decimal:
    """Return the position of a list that goes to a place.

    Args:
        place: The place, counted from 1; None, or more than there are others, means the end.
        others: The positions of the other lists, in order.
    """
    if place is None or place > len(others):
        return others[-1] + 1 if others else Decimal(0)
    return others[0] - 1 if place == 1 else between(others[place - 2], others[place - 1])


def unique(position: Decimal, others: Sequence[Decimal]) -> Decimal:
    """Return a position, or one right before it where another list has it.

    Args:
        position: The position.
        others: The positions of the other lists, in order.
    """
    if position not in others:
        return position
    lower = [other for other in others if other < position]
    return between(lower[-1], position) if lower else position - 1


def between(low: Decimal, high: Decimal) -> Decimal:
    """Return the number with the fewest digits between two others."""
    with localcontext(prec=_DIGITS):
        middle = (low + high) / 2
        for places in count():
            rounded = round(middle, places)
            if low < rounded < high:
                return rounded
    raise AssertionError("unreachable")  # pragma: no cover
