"""Where lists are in their order: numbers with room for another between any two."""

from __future__ import annotations

from decimal import Decimal, localcontext
from itertools import count
from typing import Final

_DIGITS: Final = 10_000
"""PostgreSQL keeps up to 16,383 behind the point; a move between the same two lists takes about a third of one."""


def between(low: Decimal, high: Decimal) -> Decimal:
    """The shortest number between two others."""
    with localcontext(prec=_DIGITS):
        middle = (low + high) / 2
        for places in count():
            rounded = round(middle, places)
            if low < rounded < high:
                return rounded
    raise AssertionError("unreachable")  # pragma: no cover
