"""Positions of lists: always another between two, and never long."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from todo_core.rules.positions import LONGEST, at_place, digits, with_room

pytestmark = pytest.mark.requirement("LT1", "OW6")

Order = list[tuple[str, Decimal]]
"""Lists, each with its position, as they are stored."""

names = st.sampled_from("abcdef")
moves = st.lists(st.tuples(names, st.none() | st.integers(1, 8)), max_size=400)
crowded = st.lists(st.tuples(st.sampled_from("bc"), st.just(2)), min_size=200, max_size=400)


def moved(order: Order, name: str, place: int | None) -> Order:
    """The lists after one was moved, by their positions."""
    others = [one for one in order if one[0] != name]
    roomy = with_room(place, [position for _, position in others])
    stored = [(other, position) for (other, _), position in zip(others, roomy, strict=True)]
    return sorted([*stored, (name, at_place(place, roomy))], key=lambda one: one[1])


def expected(order: list[str], name: str, place: int | None) -> list[str]:
    """The names after one was moved."""
    others = [other for other in order if other != name]
    others.insert(len(others) if place is None else place - 1, name)
    return others


@settings(max_examples=100, deadline=None)
@given(moves | crowded)
def test_every_move_leads_to_its_place_and_no_position_is_ever_long(steps: list[tuple[str, int | None]]) -> None:
    order: Order = [(name, Decimal(number)) for number, name in enumerate("abcdef")]

    for name, place in steps:
        wanted = expected([one for one, _ in order], name, place)
        order = moved(order, name, place)
        assert [one for one, _ in order] == wanted
        assert len({position for _, position in order}) == len(order)
        assert all(digits(position) <= LONGEST for _, position in order)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.decimals(-1000, 1000, allow_nan=False, places=700), min_size=1, max_size=12, unique=True),
    st.none() | st.integers(1, 13),
)
def test_positions_that_have_grown_long_already_are_made_short(stored: list[Decimal], place: int | None) -> None:
    others = sorted(stored)

    roomy = with_room(place, others)

    assert roomy == sorted(set(roomy))
    assert len(roomy) == len(others)
    new = at_place(place, roomy)
    assert digits(new) <= LONGEST
    index = len(others) if place is None else min(place - 1, len(others))
    assert sorted([*roomy, new]).index(new) == index


def test_lists_beside_the_crowd_stay_as_they_are() -> None:
    order: Order = [(name, Decimal(number)) for number, name in enumerate("abcdef")]

    for _ in range(1000):
        order = moved(moved(order, "c", 2), "b", 2)

    rest = {name: position for name, position in order if name not in "bc"}
    assert rest == {name: Decimal(number) for number, name in enumerate("abcdef") if name not in "bc"}
