"""Both sides take turns; every round starts both anew.

One start of the same program can be several percent faster than another for as long as it runs (where its memory lies,
how its strings hash): only rounds with starts of their own are independent, which the intervals need.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from rich.progress import Progress

from bench import wire, workloads
from bench.cases import CASES, Case
from bench.comparison import cpu
from bench.comparison.stage import Server, Stage
from bench.database import Actor
from bench.load import WrongAnswer
from bench.plan import CONNECTIONS
from bench.workloads import ADD_TODOS, LIST_TODOS, Workload

_TURN_SECONDS: Final = 1
"""How long one side is measured at most before it is the other one's turn."""
_SETTLE_SECONDS: Final = 3.0
_PAUSE_SECONDS: Final = 0.1
_QUIET_SHARE: Final = 0.1
"""Of a CPU: less than that is used by a server that waits."""

_Asked = Callable[[int, Sequence[Actor]], Workload]
"""From a server's port and the actors to what it is asked; the first actor has a tenth of all todos."""


@dataclass(frozen=True, slots=True)
class Task:
    """What both sides do in turns."""

    case: str
    """As `--only` takes it."""
    name: str
    asked: _Asked
    remembered: bool = False
    """As in `cases.Case`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one side did in one round of a task."""

    rate: float
    """Answers per second."""
    server_cpu: float
    """Seconds on a CPU for each request, of the server's processes."""
    postgres_cpu: float
    """The same of PostgreSQL's."""
    failed: int


class Pair(NamedTuple):
    """What both sides did in one round of a task."""

    this: Outcome
    that: Outcome


def tasks() -> list[Task]:
    """Return all tasks, those that write most at the end: what they leave in a round hardly changes the others."""
    cases = sorted(CASES, key=lambda case: (case.writes, case.name == "batch-50"))
    (get_one,) = (case for case in cases if case.name == "get-one")
    return [
        *(Task(case.name, case.name, _rest(case, wire.by_token), case.remembered) for case in cases if not case.writes),
        *(
            Task(case.name, f"{case.name}, read anew", _rest(replace(case, asks=one.asks), wire.by_token))
            for case in cases
            for one in case.beside
            if one.goes_on
        ),
        Task("get-one", "get-one, EdDSA JWT", _rest(get_one, wire.by_jwt), get_one.remembered),
        Task("mcp", f"mcp: {LIST_TODOS}", lambda port, actors: workloads.list_todos(port, actors[1:]), True),
        Task("mcp", f"mcp: {ADD_TODOS}", lambda port, actors: workloads.add_todos(port, actors[1:])),
        *(Task(case.name, case.name, _rest(case, wire.by_token)) for case in cases if case.writes),
    ]


def _rest(case: Case, identify: wire.Identify) -> _Asked:
    def asked(port: int, actors: Sequence[Actor]) -> Workload:
        chosen = actors[:1] if case.by == "big user" else actors[1:]
        return workloads.rest(port, identify, chosen, case.asks, case.is_right)

    return asked


def rehearse(this: Stage, that: Stage, wanted: Sequence[Task]) -> dict[str, str]:
    """Let both sides do every task once, for right answers.

    Returns:
        By the task's name, what the commit answered to those that it cannot do: they may be newer than it is.

    Raises:
        WrongAnswer: The working tree cannot do a task.
    """
    refused: dict[str, str] = {}
    with _both(this, that) as (mine, theirs):
        for task in wanted:
            task.asked(mine.port, this.actors).check("The working tree")
            try:
                task.asked(theirs.port, that.actors).check("The commit")
            except WrongAnswer as error:
                refused[task.name] = str(error)
    return refused


def play(this: Stage, that: Stage, wanted: Sequence[Task], rounds: int, seconds: float) -> Iterator[tuple[str, Pair]]:
    """Measure every task in every round, and yield its name with what both sides did.

    The sides change every second, or sooner if less is measured, in the order ABBA, or BAAB in every other round: what
    else the machine does in the meantime hits both.
    """
    turn_seconds = min(_TURN_SECONDS, seconds)
    with Progress(transient=True) as progress:
        bar = progress.add_task("", total=rounds * len(wanted))
        for turn in range(rounds):
            with _both(this, that) as (mine, theirs):
                for number, task in enumerate(wanted):
                    progress.update(bar, description=f"Round {turn + 1} of {rounds}, {task.name}")
                    runs = _Run(mine, task, this.actors, turn_seconds), _Run(theirs, task, that.actors, turn_seconds)
                    for change in range(round(seconds / turn_seconds)):
                        is_swapped = (turn + number + change) % 2 == 1
                        for run in reversed(runs) if is_swapped else runs:
                            run.go_on()
                    yield task.name, Pair(*(run.outcome() for run in runs))
                    progress.advance(bar)


@contextmanager
def _both(this: Stage, that: Stage) -> Iterator[tuple[Server, Server]]:
    with this.started() as mine, that.started() as theirs:
        for server in (mine, theirs):
            server.until_ready()
        yield mine, theirs


class _Run:
    """One side at one task in one round."""

    def __init__(self, server: Server, task: Task, actors: Sequence[Actor], seconds: float) -> None:
        self._server, self._seconds = server, seconds
        self._workload = task.asked(server.port, actors)
        self._next, self._failed = 0, 0
        if task.remembered:
            self._workload.repeat(CONNECTIONS)
        else:
            warmed = self._workload.measure(CONNECTIONS, seconds)
            self._next, self._failed = warmed.sent, warmed.failed
        self._rates: list[float] = []
        self._sent, self._server_cpu, self._postgres_cpu = 0, 0.0, 0.0

    def go_on(self) -> None:
        """Measure once more; what was sent before is not sent again: done already, it would be less work."""
        server, postgres = self._settled()
        measured = self._workload.measure(CONNECTIONS, self._seconds, first=self._next)
        server_after, postgres_after = self._settled()
        self._next += measured.sent
        self._failed += measured.failed
        self._rates.append(measured.rate)
        self._sent += measured.sent
        self._server_cpu += cpu.spent(server, server_after)
        self._postgres_cpu += cpu.spent(postgres, postgres_after)

    def outcome(self) -> Outcome:
        """Return what was measured so far.

        Raises:
            WrongAnswer: Nothing was answered in time.
        """
        rate = statistics.mean(self._rates)
        if rate == 0:
            raise WrongAnswer(f"Nothing was answered within {self._seconds} s; {self._failed} requests failed.")
        return Outcome(rate, self._server_cpu / self._sent, self._postgres_cpu / self._sent, self._failed)

    def _settled(self) -> tuple[cpu.Used, cpu.Used]:
        """Wait until what was under way has ended, and return the CPU time of the server and of PostgreSQL."""
        until = time.monotonic() + _SETTLE_SECONDS
        before = cpu.used(self._server.pid), cpu.used(self._server.postmaster)
        while True:
            time.sleep(_PAUSE_SECONDS)
            after = cpu.used(self._server.pid), cpu.used(self._server.postmaster)
            spent = sum(cpu.spent(*both) for both in zip(before, after, strict=True))
            if spent < _QUIET_SHARE * _PAUSE_SECONDS or time.monotonic() > until:
                return after
            before = after
