"""The table of a comparison, and what fails."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import load
from bench.comparison import cpu
from bench.comparison.intervals import CONFIDENCE, FEWEST, Estimate, estimate
from bench.comparison.rounds import Outcome, Pair
from bench.comparison.sides import Side
from bench.plan import CONNECTIONS

_CPU: Final = (lambda outcome: outcome.server_cpu, lambda outcome: outcome.postgres_cpu)


@dataclass(slots=True)
class Comparison:
    """Everything that a comparison found."""

    this: Side
    that: Side
    rounds: int
    seconds: float
    below: float
    refused: dict[str, str] = field(default_factory=dict)
    """By the task's name, why the commit could not do it."""
    pairs: dict[str, list[Pair]] = field(default_factory=lambda: defaultdict(list))
    """By the task's name."""

    def failures(self) -> list[str]:
        """Return the tasks that fail: requests failed, or the whole interval is below the bound."""
        return [task for task in self.pairs if self._verdict(task)]

    def introduce(self, console: Console) -> None:
        """Print what is compared."""
        console.print(
            f"this: the working tree, on {self.this.what}\nthat: {self.that.what}", highlight=False, soft_wrap=True
        )
        for one, other in ((self.this, self.that), (self.that, self.this)):
            if more := sorted(one.packages() - other.packages()):
                console.print(f"only {one.name} has: {', '.join(more)}", highlight=False, soft_wrap=True)
        if load.WRK is None:
            console.print(f"[bold red]Load comes from {load.FALLBACK}.[/]")

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title=f"this / that, {self.rounds} rounds", title_justify="left", title_style="bold")
        table.add_column("Case")
        for name in ("Requests per s", "Server CPU a request", "PostgreSQL CPU a request", "per s: this", "that"):
            table.add_column(name, justify="right")
        table.add_column("")
        for task, pairs in self.pairs.items():
            verdict = self._verdict(task)
            rates = (statistics.median(outcome.rate for outcome in side) for side in zip(*pairs, strict=True))
            table.add_row(
                task,
                self._shown(task, lambda outcome: outcome.rate),
                *(self._shown(task, of) if cpu.IS_MEASURED else "not measured" for of in _CPU),
                *(f"[dim]{rate:,.0f}[/]" for rate in rates),
                verdict,
                style="bold red" if verdict else None,
            )
        console.print(table)
        for task, why in self.refused.items():
            console.print(f"{task}: left out, the commit cannot do it. {why}", markup=False, soft_wrap=True)
        console.print(
            f"Medians, and their {CONFIDENCE:.0%} intervals by order statistics. Each round began with new servers and"
            f" the same content; who came first took turns. Load: {load.name(self.seconds)},"
            f" {CONNECTIONS} connections, {self.seconds:g} s."
            f" A case fails when its whole interval of requests per second is below {self.below:g}.",
            style="dim",
        )

    def _verdict(self, task: str) -> str:
        """Return why a task fails, or nothing."""
        if failed := sum(outcome.failed for pair in self.pairs[task] for outcome in pair):
            return f"{failed} requests failed"
        found = self._estimate(task, lambda outcome: outcome.rate)
        return "SLOWER" if found is not None and found.is_below(self.below) else ""

    def _shown(self, task: str, of: Callable[[Outcome], float]) -> str:
        return str(self._estimate(task, of) or "too few rounds")

    def _estimate(self, task: str, of: Callable[[Outcome], float]) -> Estimate | None:
        """Return how this side's measure compares with that side's in the same round."""
        pairs = self.pairs[task]
        return estimate([of(pair.this) / of(pair.that) for pair in pairs]) if len(pairs) >= FEWEST else None
