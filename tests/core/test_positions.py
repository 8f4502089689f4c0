"""Positions: there is room for one more, and as few as will do make it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from todo_core.rules.positions import ROOM, STEP, between, spread

pytestmark = pytest.mark.requirement("LT1", "TD14")

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no defect."""
POSITION = st.integers(-(2**60), 2**60)


@unhurried
@given(POSITION, POSITION)
def test_between_two_positions_is_the_middle_or_none(one: int, other: int) -> None:
    low, high = sorted((one, other))
    middle = between(low, high)
    if middle is None:
        assert high - low < 2
    else:
        assert low < middle < high
        assert abs((middle - low) - (high - middle)) <= 1


@pytest.mark.parametrize(("low", "high"), [("0.5", "0.75"), ("1", "1.5"), ("-0.5", "0")])
def test_between_two_fractions_is_a_whole_number_or_none(low: str, high: str) -> None:
    assert between(Decimal(low), Decimal(high)) is None
    assert between(Decimal(low), Decimal(high) + 8) is not None


@unhurried
@given(
    POSITION,
    st.lists(st.integers(1, 3 * ROOM), min_size=1, max_size=40),
    st.one_of(st.none(), st.integers(1, STEP * 50)),
)
def test_spread_positions_keep_their_order_and_leave_room(low: int, gaps: list[int], beyond: int | None) -> None:
    following: list[int] = []
    for gap in gaps:
        following.append((following[-1] if following else low) + gap)
    end = None if beyond is None else following[-1] + beyond

    new = spread(low, following, end)

    rest = following[len(new) :] or ([] if end is None else [end])
    placed = [low, *new, *rest[:1]]
    if new:
        assert between(low, new[0]) is not None
        assert all(after - before >= ROOM for before, after in pairwise(placed))
        assert placed == sorted({*placed})
    else:
        assert end is not None
        assert end - low < (len(following) + 3) * ROOM  # there was too little for all of them


def test_as_few_as_will_do_are_given_new_positions() -> None:
    assert spread(0, [1, STEP, 2 * STEP], None) == [2 * (STEP // 3)]
    assert spread(0, [1, 2, STEP], None) == [STEP // 4 * 2, STEP // 4 * 3]
    assert spread(0, [1], None) == [2 * STEP]
    assert spread(0, [1, 2, 3], 4) == []
    assert spread(0, [1, 2, 3], 5, room=1) == [2, 3, 4]
