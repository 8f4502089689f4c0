"""What `python -m bench --against COMMIT` does."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from bench import keys
from bench.comparison import sides
from bench.comparison.report import Comparison
from bench.comparison.rounds import play, rehearse, tasks
from bench.comparison.stage import stage
from bench.plan import COMPARISON, QUICK_COMPARISON

ROUNDS: Final = 15
SECONDS: Final = 2
QUICK_SECONDS: Final = 0.5
BELOW: Final = 0.97
MINUTES: Final = 60
NAMES: Final = tuple(dict.fromkeys(task.case for task in tasks()))

LOSS, NO_VERDICT = 1, 2
"""Exit codes besides 0."""


class OutOfTime(SystemExit):
    """The time that a comparison may take is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to compare."""

    only: Sequence[str] = ()
    """Cases; none means all."""
    rounds: int = ROUNDS
    seconds: float = SECONDS
    below: float = BELOW
    """A case fails when its whole interval is below this."""
    minutes: float = MINUTES
    quick: bool = False


def compare(commit: str, options: Options, console: Console) -> int:
    """Compare the working tree with a commit and print the table.

    Returns:
        The exit code: 0; 1 if a case fails; 2 if something kept it from being measured.
    """
    try:
        with at_most(options.minutes), tempfile.TemporaryDirectory(prefix="todo-mcp-bench-") as folder:
            # PostgreSQL may run as another user, who has to reach its folder.
            Path(folder).chmod(0o755)
            return _compare(commit, options, console, Path(folder))
    except SystemExit as stopped:
        if not isinstance(stopped.code, str):  # a signal ends it
            raise
        console.print(f"No verdict: {stopped}", style="bold red", markup=False, soft_wrap=True)
        return NO_VERDICT


def _compare(commit: str, options: Options, console: Console, folder: Path) -> int:
    with console.status("Installing both sides"):
        this = sides.working_tree(folder / "this" / "code")
        that = sides.commit(commit, folder / "that" / "code")
    comparison = Comparison(this, that, options.rounds, options.seconds, options.below)
    comparison.introduce(console)
    wanted = [task for task in tasks() if not options.only or task.case in options.only]
    size, now = QUICK_COMPARISON if options.quick else COMPARISON, datetime.now(UTC).replace(microsecond=0)
    with ExitStack() as stack:
        key_set = stack.enter_context(keys.served())
        mine, theirs = (stack.enter_context(stage(side, side.code.parent, key_set)) for side in (this, that))
        mine.write(size, now)
        theirs.write(size, now)
        comparison.refused = rehearse(mine, theirs, wanted)
        wanted = [task for task in wanted if task.name not in comparison.refused]
        if not wanted:
            raise SystemExit("\n".join(comparison.refused.values()))
        try:
            for task, pair in play(mine, theirs, wanted, options.rounds, options.seconds):
                comparison.pairs[task].append(pair)
        finally:
            comparison.show(console)  # what there is, if time is over
    return LOSS if comparison.failures() else 0


@contextmanager
def at_most(minutes: float) -> Iterator[None]:
    """End whatever runs in this block, with what it started, when the time is over.

    Raises:
        OutOfTime: It is.
    """

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise OutOfTime(f"{minutes:g} minutes are over; --minutes gives it more, --only and --rounds take less.")

    former = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
