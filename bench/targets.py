"""What was promised, and whether this run kept it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.contests import ECHO, FLOOR, LIST_TODOS, MCP, OURS_JWT, OURS_TOKEN, TUTORIAL
from bench.extras import Pages, Sizes, Starts
from bench.rounds import Results

_AT_LEAST: Final = (
    ("list-50", FLOOR, 0.9),
    ("list-50", TUTORIAL, 4.5),
    ("get-one", FLOOR, 0.8),
    ("add-one", FLOOR, 0.35),
    ("add-one", TUTORIAL, 3.0),
)


_TIMES: Final = " \N{MULTIPLICATION SIGN}"


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
        return f"{self.value:,.{0 if self.unit == ' tokens' else 2}f}{self.unit}"


def of_contests(results: Results) -> list[Target]:
    """Promises of requests per second, for what has been measured."""
    found = [
        Target(f"REST {case}, {ours}, against the {base}", bound, results.ratio(case, ours, base))
        for case, base, bound in _AT_LEAST
        for ours in (OURS_TOKEN, OURS_JWT)
        if (case, ours) in results.busy
    ]
    if ("list-50", OURS_JWT) in results.busy:
        found.append(
            Target("REST list-50, EdDSA JWT against API token", 0.9, results.ratio("list-50", OURS_JWT, OURS_TOKEN))
        )
    if (MCP, LIST_TODOS) in results.busy:
        found.append(
            Target("MCP list_todos (25 rows) against the bare echo", 0.5, results.ratio(MCP, LIST_TODOS, ECHO))
        )
    return found


def of_pages(pages: Pages) -> list[Target]:
    """The promise of deep pages."""
    return [Target(f"Page {pages.last_page:,} by cursor against page 2", 1.3, pages.ratio, at_most=True)]


def of_starts(starts: Starts) -> list[Target]:
    """Promises of starting times."""
    return [
        Target("`stdio` answers tools/list, warm database", 1.5, starts.warm, at_most=True, unit=" s"),
        Target("`stdio` answers tools/list, very first start", 2.5, starts.first, at_most=True, unit=" s"),
    ]


def of_sizes(sizes: Sizes) -> list[Target]:
    """Promises of sizes."""
    return [
        Target(f"tools/list, {sizes.tools} tools", 4_500, sizes.tools_list, at_most=True, unit=" tokens"),
        Target("A concise row", 40, sizes.row, at_most=True, unit=" tokens"),
        Target("A write's answer", 50, sizes.write, at_most=True, unit=" tokens"),
    ]
