"""`python -m bench`: measure, print the table, write RESULTS.md."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import platformdirs
import typer
from rich.console import Console

from bench import extras, load, rounds, servers, targets
from bench.contests import NAMES, contests
from bench.database import Database, seeded
from bench.plan import FULL, QUICK
from bench.report import FILE, Report
from bench.servers import Servers

_PAGES, _STDIO, _SIZES = "pages", "stdio", "sizes"
_NAMES = (*NAMES, _PAGES, _STDIO, _SIZES)
_QUICK_ALONE_SECONDS = 0.1


def main(
    *,
    rounds_: Annotated[
        int | None, typer.Option("--rounds", min=1, help="How often each is measured. Default: 5, quick 1.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="How long each measurement takes. Default: 3, quick 1.")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help=f"Only this, may be repeated: {', '.join(_NAMES)}.")] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the seeded database. Default: the cache folder.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small database and short runs, to see that it works.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Write RESULTS.md; a quick or partial run never does.")] = True,
) -> None:
    """Measure todo-mcp against floors and peers, in one run on one machine."""
    if unknown := set(only or ()) - set(_NAMES):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: takes {', '.join(_NAMES)}", param_hint="--only")
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    if load.WRK is None:
        console.print(f"[bold red]Load comes from {load.NAME}.[/]")
    wanted = set(only or _NAMES)
    folder = data or Path(platformdirs.user_cache_dir("todo-mcp-bench"))
    with seeded(folder, QUICK if quick else FULL) as database:
        report = Report(database.size, database.version, rounds_ or (1 if quick else 5), seconds or (1 if quick else 3))
        with servers.running(database.url, folder) as ports:
            _measure(report, wanted, database, ports, quick=quick)
    if _STDIO in wanted:
        report.targets += targets.of_starts(extras.starts(1 if quick else 5))
    report.show(console)
    if write and not quick and not only:
        report.write()
        console.print(f"Written to {FILE.name}.")
    if report.results.failures():
        raise SystemExit(1)


def _measure(report: Report, wanted: set[str], database: Database, ports: Servers, *, quick: bool) -> None:
    report.contests = [contest for contest in contests(ports, database) if contest.case in wanted]
    alone = _QUICK_ALONE_SECONDS if quick else report.seconds
    report.results = rounds.play(report.contests, report.rounds, report.seconds, alone, database.restore)
    report.targets += targets.of_contests(report.contests, report.results)
    if _PAGES in wanted:
        report.targets += targets.of_pages(extras.pages(ports.ours, database, 20 if quick else 100))
    if _SIZES in wanted:
        _, actor, *_ = database.actors()
        report.targets += targets.of_sizes(extras.sizes(ports.ours, actor))
    database.restore()


if __name__ == "__main__":
    typer.run(main)
