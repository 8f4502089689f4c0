"""Positions: numbers that order lists, with room for another between any two.

A position between two others has a digit more now and then, so moving a list writes one row and leaves the others
alone. Where positions have become long, those of the lists nearby are made short again.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import count
from typing import Final

LONGEST: Final = 30
"""Most digits behind the point that a new position has. A move between the same two lists adds a third of one."""
_PRECISION: Final = 100
"""Significant digits in which is calculated: more than two positions that are not too long can have together."""
_SHORT: Final = 6
"""Most digits behind the point of a position that stays as it is when room is made."""


def with_room(place: int | None, others: Sequence[Decimal]) -> list[Decimal]:
    """Return the positions of the other lists, in order, such that `at_place` returns none that is too long.

    Where it would, the long ones around the place are spread evenly between the nearest short ones.

    Args:
        place: The place, as `at_place` takes it.
        others: The positions of the other lists, in order.
    """
    index = len(others) if place is None else min(place - 1, len(others))
    if all(digits(neighbour) < LONGEST for neighbour in others[max(index - 1, 0) : index + 1]):
        return [*others]
    short = [n for n, other in enumerate(others) if digits(other) <= _SHORT]
    before = [n for n in short if n < index][-1:]
    after = [n for n in short if n >= index][:1]
    first, end = (before[0] + 1 if before else 0), (after[0] if after else len(others))
    low, high = (others[before[0]] if before else None), (others[after[0]] if after else None)
    return [*others[:first], *spread(end - first, low, high), *others[end:]]


def digits(position: Decimal) -> int:
    """Return how many digits a position has behind the point."""
    exponent = position.as_tuple().exponent
    assert isinstance(exponent, int)  # it is a finite number
    return max(-exponent, 0)


def at_place(place: int | None, others: Sequence[Decimal]) -> Decimal:
    """Return the position of a list that goes to a place.

    Args:
        place: The place, counted from 1; None, or more than there are others, means the end.
        others: The positions of the other lists, in order.
    """
    if place is None or place > len(others):
        return others[-1] + 1 if others else Decimal(0)
    return others[0] - 1 if place == 1 else between(others[place - 2], others[place - 1])


def spread(count: int, low: Decimal | None, high: Decimal | None) -> list[Decimal]:
    """Return so many positions in order, evenly between two others; whole steps apart where there is at most one."""
    if low is None:
        first = Decimal(0) if high is None else high - count
        return [first + n for n in range(count)]
    if high is None:
        return [low + n for n in range(1, count + 1)]
    step = (high - low) / (count + 1)
    places = max(-step.adjusted(), 0) + 1
    return [round(low + n * step, places) for n in range(1, count + 1)]


def between(low: Decimal, high: Decimal) -> Decimal:
    """Return the number with the fewest digits between two others."""
    with localcontext(prec=_PRECISION):
        middle = (low + high) / 2
        for places in count():
            rounded = round(middle, places)
            if low < rounded < high:
                return rounded
    raise AssertionError("unreachable")  # pragma: no cover
