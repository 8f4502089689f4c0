"""Contestants take turns within one run: what counts is their ratio in the same round."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from rich.progress import Progress

from bench.contests import Contest, Entry
from bench.load import Measured
from bench.plan import CONNECTIONS

Measure = Literal["rate", "time"]
"""Requests per second with many connections, or the median time with one."""

_WARM_SECONDS: Final = 1
_SETTLE_SECONDS: Final = 0.2
"""What was under way when the load stopped ends before the next measurement begins."""


@dataclass(slots=True)
class Results:
    """What every round gave, by case and contestant."""

    busy: dict[tuple[str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    """With many connections."""
    alone: dict[tuple[str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))
    """With one: in each round where a promise is about it, else in the first."""

    def ratio(self, case: str, name: str, base: str, of: Measure = "rate") -> float:
        """How one compares with another in the same round: the median over the rounds."""
        return statistics.median(self._ratios(case, name, base, of))

    def spread(self, case: str, name: str, base: str) -> tuple[float, float]:
        """The least and the greatest ratio of requests per second in a round."""
        ratios = self._ratios(case, name, base, "rate")
        return min(ratios), max(ratios)

    def _ratios(self, case: str, name: str, base: str, of: Measure) -> list[float]:
        if of == "rate":
            rates = zip(self.busy[case, name], self.busy[case, base], strict=True)
            return [mine.rate / other.rate for mine, other in rates]
        times = zip(self.alone[case, name], self.alone[case, base], strict=True)
        return [mine.p50 / other.p50 for mine, other in times]

    def rate(self, case: str, name: str) -> float:
        """Requests per second with many connections."""
        return statistics.median(one.rate for one in self.busy[case, name])

    def busy_p99(self, case: str, name: str) -> float:
        """Seconds that one of a hundred took longer than, with many connections."""
        return statistics.median(one.p99 for one in self.busy[case, name])

    def p50(self, case: str, name: str) -> float:
        """Seconds that half took longer than, with one connection."""
        return statistics.median(one.p50 for one in self.alone[case, name])

    def p99(self, case: str, name: str) -> float:
        """Seconds that one of a hundred took longer than, with one connection."""
        return statistics.median(one.p99 for one in self.alone[case, name])

    def failures(self) -> dict[tuple[str, str], int]:
        """Answers that were no success."""
        counted: dict[tuple[str, str], int] = defaultdict(int)
        for kind in (self.busy, self.alone):
            for key, runs in kind.items():
                counted[key] += sum(one.failed for one in runs)
        return {key: number for key, number in counted.items() if number}


def play(
    contests: Sequence[Contest], rounds: int, seconds: float, alone_seconds: float, restore: Callable[[], None]
) -> Results:
    """Measure every contestant in every round, in an order that rotates.

    What a server may remember is remembered when it is measured with many connections, whatever other contests have put
    in its place: looks at what is known and first ones (`cases.Beside`) are contestants of their own, and no figure is
    a mix of both.

    Args:
        contests: What is measured.
        rounds: How often.
        seconds: How long with many connections.
        alone_seconds: How long with one; less than a second skips wrk, warming up, and what is to be remembered.
        restore: Puts the database back after each contest that writes.
    """
    results = Results()
    measurements = sum(len(contest.entries) for contest in contests)
    with Progress(transient=True) as progress:
        task = progress.add_task("Warming up", total=measurements * (rounds + 1))
        for contest in contests:
            _prepare(contest)
            for entry in contest.entries:
                entry.check()
                if alone_seconds >= 1 and entry.repeat is None:
                    entry.measure(CONNECTIONS, _WARM_SECONDS)
                progress.advance(task)
            if contest.writes:
                restore()
        for turn in range(rounds):
            for contest in contests:
                progress.update(task, description=f"Round {turn + 1} of {rounds}, {contest.case}")
                shift = turn % len(contest.entries)
                for entry in contest.entries[shift:] + contest.entries[:shift]:
                    key = contest.case, entry.name
                    _prepare(contest, entry if alone_seconds >= 1 else None)
                    results.busy[key].append(entry.measure(CONNECTIONS, seconds))
                    time.sleep(min(_SETTLE_SECONDS, alone_seconds))
                    if turn == 0 or entry.name in contest.timed:
                        _prepare(contest)
                        results.alone[key].append(entry.measure(1, alone_seconds))
                    progress.advance(task)
                if contest.writes:
                    restore()
    return results


def _prepare(contest: Contest, entry: Entry | None = None) -> None:
    """Make the database fit, and let an entry answer what it is to remember."""
    if contest.before is not None:
        contest.before()
    if entry is not None and entry.repeat is not None:
        entry.repeat()
