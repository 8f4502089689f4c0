"""What was promised, and whether this run kept it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bench.contests import Contest
from bench.extras import Pages, Sizes, Starts
from bench.growth import Growth
from bench.rounds import Results

_TIMES: Final = " \N{MULTIPLICATION SIGN}"
_MOST_TOOLS: Final = 16


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, and what was measured."""

    promise: str
    bound: float
    value: float
    at_most: bool = False
    unit: str = _TIMES

    @property
    def reached(self) -> bool:
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    @property
    def bound_text(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:,g}{self.unit}"

    @property
    def value_text(self) -> str:
        return f"{self.value:,.{0 if self.unit in (' tokens', ' tools') else 2}f}{self.unit}"


def of_contests(contests: Sequence[Contest], results: Results) -> list[Target]:
    """Promises of how contestants compare."""
    return [
        Target(
            f"{contest.case}: {promise.mine}, against {promise.base}: {_MEASURES[promise.of]}",
            promise.bound,
            results.ratio(contest.case, promise.mine, promise.base, promise.of),
            at_most=promise.of == "time",
        )
        for contest in contests
        for promise in contest.promises
    ]


_MEASURES: Final = {"rate": "requests per second", "time": "p50 on 1 connection"}


def of_pages(pages: Pages) -> list[Target]:
    """The promise of deep pages."""
    return [Target(f"Page {pages.last_page:,} by cursor against page 2", 1.3, pages.ratio, at_most=True)]


def of_growth(growth: Growth) -> list[Target]:
    """The promises of what a person with many todos waits for."""
    bounds = {"page": 1.5, "overview": 2, "search": 5, "week": 10}
    few, *_, many = growth.sizes
    return [
        Target(
            f"{read}: a person with {many:,} todos against one with {few:,}", bound, growth.ratio(read), at_most=True
        )
        for read, bound in bounds.items()
    ]


def of_starts(starts: Starts) -> list[Target]:
    """Promises of starting times."""
    return [
        Target("`stdio` answers tools/list, warm database", 1.5, starts.warm, at_most=True, unit=" s"),
        Target("`stdio` answers tools/list, very first start", 2.5, starts.first, at_most=True, unit=" s"),
    ]


def of_sizes(sizes: Sizes) -> list[Target]:
    """Promises of sizes."""
    return [
        Target("Tools", _MOST_TOOLS, sizes.tools, at_most=True, unit=" tools"),
        Target("tools/list", 7_300, sizes.tools_list, at_most=True, unit=" tokens"),
        Target("A concise row", 40, sizes.row, at_most=True, unit=" tokens"),
        Target("A write's answer", 50, sizes.write, at_most=True, unit=" tokens"),
    ]
