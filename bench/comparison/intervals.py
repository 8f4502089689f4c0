"""Medians of ratios with their confidence intervals, by order statistics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

CONFIDENCE: Final = 0.95
FEWEST: Final = 6
"""Ratios. Of five, even the least and the greatest do not enclose the median with 95 % (1 - 2/2^5 = 94 %)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A median and the interval that holds the true one with at least 95 %."""

    median: float
    low: float
    high: float

    def is_below(self, bound: float) -> bool:
        """Return whether the whole interval is."""
        return self.high < bound

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.low:.3f}–{self.high:.3f})"


def estimate(ratios: Sequence[float]) -> Estimate:
    """Return the median of independent ratios and its interval.

    How many of n ratios are below the true median is binomial (n, 1/2), whatever their distribution. So the interval
    from the k-th least to the k-th greatest misses it with probability 2 P(B < k): the sign test, inverted (H. A. David
    and H. N. Nagaraja, Order Statistics, 3rd edition, 2003, section 7.1). k is the greatest that keeps this below 5 %.
    Ratios multiply, so the middle of an even number of them is the geometric mean of the two in the middle.

    Raises:
        ValueError: There are fewer than six.
    """
    if len(ratios) < FEWEST:
        raise ValueError(f"an interval takes at least {FEWEST} ratios")
    ordered, rank = sorted(ratios), _rank(len(ratios))
    median = math.exp(statistics.median(math.log(ratio) for ratio in ratios))
    return Estimate(median, ordered[rank - 1], ordered[-rank])


def _rank(number: int) -> int:
    """Return the greatest k with 2 P(B < k) <= 5 %, B binomial (number, 1/2)."""
    rank, missed = 0, 2 * 0.5**number
    while missed <= 1 - CONFIDENCE:
        rank += 1
        missed += 2 * math.comb(number, rank) * 0.5**number
    return rank
