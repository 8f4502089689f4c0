"""`python -m bench`: measure, print the table, write RESULTS.md; or compare with a commit."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console

from bench import extras, load, picture, rounds, servers, targets
from bench.comparison import command as comparison
from bench.comparison.intervals import FEWEST
from bench.contests import NAMES, contests
from bench.database import Database, seeded
from bench.growth import growth
from bench.plan import FULL, QUICK
from bench.report import FILE, Report
from bench.servers import Servers

_PAGES, _GROWTH, _STDIO, _SIZES = "pages", "growth", "stdio", "sizes"
_NAMES = (*NAMES, _PAGES, _GROWTH, _STDIO, _SIZES)
_QUICK_SECONDS, _QUICK_ALONE_SECONDS = 0.1, 0.05
"""With many connections and with one: enough to see that each contestant serves, and that its answers are right."""


def main(
    *,
    rounds_: Annotated[
        int | None,
        typer.Option(
            "--rounds", min=1, help="How often each is measured. Default: 3, quick 1; against a commit 15, quick 6."
        ),
    ] = None,
    seconds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Seconds of each measurement on many connections. Default: 2, quick 0.1; against a commit 2, quick 0.5.",
        ),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Only this, may be repeated: {', '.join(_NAMES)}.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the seeded database. Default: the cache folder.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small database and short runs, to see that it works.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Write RESULTS.md; a quick or partial run never does.")] = True,
    against: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Compare the working tree, as it is, with this commit instead.")
    ] = None,
    below: Annotated[
        float, typer.Option(min=0, help="With --against: fail where a whole interval of ratios is below this.")
    ] = comparison.BELOW,
    minutes: Annotated[
        float, typer.Option(min=1, help="With --against: how long all of it may take.")
    ] = comparison.MINUTES,
) -> None:
    """Measure todo-mcp against floors and peers, or against another commit of itself, in one run on one machine."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was begun is ended
    if against is not None:
        _known(only, comparison.NAMES)
        if rounds_ is not None and rounds_ < FEWEST:
            raise typer.BadParameter(f"takes at least {FEWEST} with --against", param_hint="--rounds")
        options = comparison.Options(
            only=only or (),
            rounds=rounds_ or (FEWEST if quick else comparison.ROUNDS),
            seconds=seconds or (comparison.QUICK_SECONDS if quick else comparison.SECONDS),
            below=below,
            minutes=minutes,
            quick=quick,
        )
        raise SystemExit(comparison.compare(against, options, console))
    _known(only, _NAMES)
    if load.WRK is None:
        console.print(f"[bold red]Load comes from {load.FALLBACK}.[/]")
    wanted = set(only or _NAMES)
    folder = data or Path(platformdirs.user_cache_dir("todo-mcp-bench"))
    with seeded(folder, QUICK if quick else FULL) as database:
        measured = seconds or (_QUICK_SECONDS if quick else 2)
        report = Report(database.size, database.version, rounds_ or (1 if quick else 3), measured)
        with servers.running(database.url, folder) as ports:
            _measure(report, wanted, database, ports, quick=quick)
    if _STDIO in wanted:
        report.targets += targets.of_starts(extras.starts(1 if quick else 5))
    report.show(console)
    if write and not quick and not only:
        report.write()
        console.print(f"Written to {FILE.name}.")
        console.print(picture.draw(report))
    if report.results.failures():
        raise SystemExit(1)


def _known(only: Sequence[str] | None, names: Sequence[str]) -> None:
    if unknown := set(only or ()) - set(names):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: takes {', '.join(names)}", param_hint="--only")


def _measure(report: Report, wanted: set[str], database: Database, ports: Servers, *, quick: bool) -> None:
    report.contests = [contest for contest in contests(ports, database) if contest.case in wanted]
    alone = _QUICK_ALONE_SECONDS if quick else 1
    report.results = rounds.play(report.contests, report.rounds, report.seconds, alone, database.restore)
    report.targets += targets.of_contests(report.contests, report.results)
    if _PAGES in wanted:
        report.targets += targets.of_pages(extras.pages(ports.ours, database, 20 if quick else 100))
    if _GROWTH in wanted:
        report.growth = growth(ports.ours, database, 5 if quick else 100)
        report.targets += targets.of_growth(report.growth)
    if _SIZES in wanted:
        _, actor, *_ = database.actors()
        report.targets += targets.of_sizes(extras.sizes(ports.ours, actor))
    database.restore()


if __name__ == "__main__":
    typer.run(main)
