"""Which of many cases run by default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pytest


def first_by_default(rows: Iterable[tuple[Any, ...]], count: int) -> list[Any]:
    """Return the rows of a parametrization; after so many they are exhaustive.

    Args:
        rows: A value for each parameter, the most telling rows first.
        count: How many run by default.
    """
    return [
        pytest.param(*row, marks=() if number < count else pytest.mark.exhaustive) for number, row in enumerate(rows)
    ]


def crossed(**axes: Mapping[str, Any] | Iterable[Any]) -> pytest.MarkDecorator:
    """Parametrize a test with every combination of the axes' values, as `combinations` has them."""
    return pytest.mark.parametrize(*combinations(**axes))


def combinations(**axes: Mapping[str, Any] | Iterable[Any]) -> tuple[list[str], list[Any]]:
    """Return the axes' names and every combination of their values, for a parametrization or a table.

    By default each value of the longest axis meets one of each other axis, which take turns, so that every value of
    every axis runs; all other combinations are exhaustive.

    Args:
        axes: The values of each parameter; those without a name are named by what they are.
    """
    lines = [
        list(axis.items() if isinstance(axis, Mapping) else ((str(one), one) for one in axis)) for axis in axes.values()
    ]
    longest = max(range(len(lines)), key=lambda number: len(lines[number]))

    def row(places: tuple[int, ...]) -> Any:
        is_default = all(place == places[longest] % len(line) for place, line in zip(places, lines, strict=True))
        names, values = zip(*(line[place] for place, line in zip(places, lines, strict=True)), strict=True)
        return pytest.param(*values, id="-".join(names), marks=() if is_default else pytest.mark.exhaustive)

    return [*axes], [row(places) for places in product(*(range(len(line)) for line in lines))]
