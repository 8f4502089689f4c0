"""The median of ratios and its interval: right ranks, right coverage, and what they find."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

import pytest

from bench.comparison.intervals import FEWEST, Estimate, estimate


@pytest.mark.parametrize(
    ("number", "low", "high"), [(6, 1, 6), (8, 1, 8), (9, 2, 8), (12, 3, 10), (15, 4, 12), (20, 6, 15), (25, 8, 18)]
)
def test_the_interval_is_between_the_ranks_of_the_sign_test(number: int, low: int, high: int) -> None:
    """Against the table of 95 % intervals of a median in textbooks."""
    found = estimate([float(rank) for rank in reversed(range(1, number + 1))])

    assert (found.low, found.high) == (low, high)


def test_the_median_of_an_even_number_is_the_geometric_mean_of_the_two_in_the_middle() -> None:
    assert estimate([0.1, 0.2, 0.5, 2.0, 5.0, 10.0]).median == pytest.approx(1)
    assert estimate([0.1, 0.2, 0.5, 0.9, 2.0, 5.0, 10.0]).median == pytest.approx(0.9)


def test_which_side_is_the_base_makes_no_difference() -> None:
    ratios = [0.93, 0.97, 0.99, 1.0, 1.02, 1.03, 1.08, 1.2]
    one, other = estimate(ratios), estimate([1 / ratio for ratio in ratios])

    assert (one.median, one.low, one.high) == pytest.approx((1 / other.median, 1 / other.high, 1 / other.low))


def test_too_few_ratios_give_no_interval() -> None:
    with pytest.raises(ValueError, match="at least 6"):
        estimate([1.0] * (FEWEST - 1))


def runs(true_ratio: float, rounds: int = 15, times: int = 400) -> Iterator[Estimate]:
    """What comparisons would find: rounds that are 4 % off, one in ten by 15 % more, as when something else ran."""
    chance = random.Random(f"{true_ratio} {rounds}")  # noqa: S311  # the same at every run
    for _ in range(times):
        yield estimate(
            [
                true_ratio * math.exp(chance.gauss(0, 0.04) + (chance.random() < 0.1) * chance.choice((-0.15, 0.15)))
                for _ in range(rounds)
            ]
        )


@pytest.mark.parametrize("rounds", [6, 15, 20])
def test_the_interval_holds_the_true_ratio_nineteen_times_of_twenty(rounds: int) -> None:
    held = [found.low <= 1 <= found.high for found in runs(1.0, rounds, 2000)]

    assert 0.94 <= sum(held) / len(held) <= 0.985


def test_a_loss_of_ten_percent_is_found() -> None:
    assert sum(found.is_below(0.97) for found in runs(0.9)) > 0.95 * 400


def test_no_loss_is_found_where_there_is_none() -> None:
    assert not any(found.is_below(0.97) for found in runs(1.0))


def test_an_interval_that_reaches_the_bound_is_no_loss() -> None:
    assert not Estimate(0.9, 0.8, 0.97).is_below(0.97)
    assert Estimate(0.9, 0.8, 0.9699).is_below(0.97)
