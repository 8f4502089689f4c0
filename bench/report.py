"""The tables: on the screen, and in RESULTS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench import limit, load
from bench.cases import FLOOR, TUTORIAL
from bench.contests import ECHO, Contest
from bench.extras import BYTES_PER_TOKEN
from bench.growth import Growth
from bench.plan import CONNECTIONS, POOL_SIZE, Size
from bench.rounds import Results
from bench.targets import Target

FILE: Final = Path(__file__).with_name("RESULTS.md")
PICTURE: Final = FILE.with_suffix(".svg")
RATIOS_ONLY: Final = (
    "The figures are ratios within one run on one machine: contestants took turns, and a ratio is the median of the"
    " rounds' own ratios. Absolute numbers are shown small; they say more about the machine than about the software."
)
_PACKAGES: Final = ("asyncpg", "fastapi", "mcp", "orjson", "pydantic", "sqlalchemy", "sqlmodel", "starlette", "uvicorn")


@dataclass(slots=True)
class Report:
    """All that a run found."""

    size: Size
    postgres: str
    rounds: int
    seconds: float
    contests: Sequence[Contest] = ()
    results: Results = field(default_factory=Results)
    targets: list[Target] = field(default_factory=list)
    growth: Growth | None = None

    def show(self, console: Console) -> None:
        """Print the tables."""
        console.print()
        for title, head, rows in self._tables():
            table = Table(title=title, title_justify="left", title_style="bold")
            for index, name in enumerate(head):
                table.add_column(name, justify="left" if index < 2 else "right")
            for row in rows:
                table.add_row(*row, style="dim" if title.startswith("Absolute") else None)
            console.print(table)
        console.print(RATIOS_ONLY, style="dim")
        for (case, name), number in self.results.failures().items():
            console.print(f"[bold red]{number} requests failed: {case}, {name}. Its figures mean nothing.[/]")
        if limit.binary() is None:
            console.print("pgbench: not measured: no pgbench")

    def write(self) -> None:
        """Write RESULTS.md."""
        parts = [
            "# Results of `python -m bench`",
            RATIOS_ONLY,
            f"![Ratios, cost against size, and what each trick saves]({PICTURE.name})",
            "\n".join(f"- {name}: {what}" for name, what in self._circumstances()),
        ]
        for title, head, rows in self._tables():
            parts += [f"## {title}", _markdown(head, rows)]
        failed = [f"- {case}, {name}: {number}" for (case, name), number in self.results.failures().items()]
        if failed:
            parts += ["## Failed requests: these figures mean nothing", "\n".join(failed)]
        cases = "\n".join(f"- {contest.case}: {contest.what}." for contest in self.contests)
        parts += ["## What the cases are", cases, "## What the contestants are", _CONTESTANTS]
        FILE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")

    def _circumstances(self) -> Iterable[tuple[str, str]]:
        packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
        yield "Date", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        yield "Machine", f"{_cpu()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
        yield "Software", f"Python {platform.python_version()}, PostgreSQL {self.postgres} (embedded), {packages}"
        yield (
            "Data",
            f"{self.size.users:,} users, {self.size.todos:,} todos, {self.size.big_todos:,} of them one user's",
        )
        yield (
            "Load",
            (
                f"{load.name(self.seconds)}, {CONNECTIONS} connections, then 1 for a second (in the first round, and in"
                f" each where a target is about it); requests of {self.size.actors} users in turn;"
                f" {self.rounds} rounds of {self.seconds:g} s each, in rotating order"
            ),
        )
        yield "Servers", f"uvicorn, uvloop, httptools, 1 worker, no access log, {POOL_SIZE} database connections each"

    def _tables(self) -> Iterable[tuple[str, Sequence[str], list[Sequence[str]]]]:
        if self.targets:
            rows = [
                (t.promise, t.bound_text, t.value_text, "reached" if t.reached else "NOT reached") for t in self.targets
            ]
            yield "Targets", ("What", "Target", "Measured", ""), list(rows)
        if self.growth is not None:
            head = ("Read", "", *(f"{size:,} todos" for size in self.growth.sizes), "most / fewest")
            yield "Cost against size: ms on 1 connection, the median", head, [*self._growth_rows(self.growth)]
        if not self.results.busy:
            return
        yield "Ratios of requests per second", _RATIO_HEAD, [*self._ratio_rows()]
        yield "Absolute numbers", _ABSOLUTE_HEAD, [*self._absolute_rows()]

    def _ratio_rows(self) -> Iterable[Sequence[str]]:
        for contest in self.contests:
            case, base = contest.case, contest.entries[0].name
            has_tutorial = any(entry.name == TUTORIAL for entry in contest.entries)
            for entry in contest.entries:
                least, most = self.results.spread(case, entry.name, base)
                ratios = f"{self.results.ratio(case, entry.name, base):.2f}"
                tutorial = f"{self.results.ratio(case, entry.name, TUTORIAL):.2f}" if has_tutorial else ""
                yield case, entry.name, ratios, f"{least:.2f}–{most:.2f}", tutorial

    def _growth_rows(self, growth: Growth) -> Iterable[Sequence[str]]:
        for read, seconds in growth.seconds.items():
            yield read, "", *(f"{one * 1e3:.2f}" for one in seconds), f"{growth.ratio(read):.2f}"

    def _absolute_rows(self) -> Iterable[Sequence[str]]:
        for contest in self.contests:
            for entry in contest.entries:
                key = contest.case, entry.name
                times = (self.results.p50(*key), self.results.p99(*key), self.results.busy_p99(*key))
                yield *key, f"{self.results.rate(*key):,.0f}", *(f"{time * 1e3:.2f}" for time in times)


_RATIO_HEAD: Final = ("Case", "Contestant", f"of {FLOOR} or {ECHO}", "rounds", f"of {TUTORIAL}")
_ABSOLUTE_HEAD: Final = (
    "Case",
    "Contestant",
    f"per s, {CONNECTIONS} conn.",
    "p50 ms, 1 conn.",
    "p99 ms, 1 conn.",
    f"p99 ms, {CONNECTIONS} conn.",
)
_CONTESTANTS: Final = f"""\
- floor: Starlette, a raw asyncpg pool, orjson; the same SQL shapes and the same answers, but for what a write tells
  besides its todo (`tests/bench/test_floor.py`); no login, no row-level security, no checks.
- tutorial: FastAPI, PyJWT on every request, a SQLModel session with relationships, `SET LOCAL ROLE`, `set_config`,
  `response_model`.
- Fastify and pg: by hand in Node, with a JWT on every request, row-level security in a transaction, the floor's SQL
  prepared by name, and schemas for what comes and goes (`bench/apps/fastify`).
- our statements alone: the floor's server with the product's storage and statements, so with row-level security, the
  look whether the caller may act, the shape of rows and the change record; no login, no limits, no contract. What it
  costs beyond the floor is the price of these; what ours costs beyond it, the price of everything above storage.
- ours: `todo-mcp serve`, through REST with an API token and with an EdDSA JWT; rate limits are counted, every write
  has its change record. It remembers pages and todos that are asked for again while their person changes nothing
  (decision 81): before each measurement of lists, todos, searches and reports, over MCP too, every contestant answers
  each request twice, so these are looks at what is known, and ours is the only one that has PostgreSQL say just that
  nothing has changed.
- ours, read anew: the same rows, of get-one other todos, but nothing is asked for that is remembered, so these are
  first looks: what ours costs where everybody looks at something once.
- bare echo: the MCP SDK's server with a tool that returns its argument; of 25 rows: with one that returns the same page
  each time; one INSERT: with one that adds a todo by the floor's statement, without login, checks and record;
  fastmcp's echo: the first with fastmcp; ours with an API token. All over Streamable HTTP, protocol 2026-07-28, JSON
  answers.
- pgbench: the floor's SQL on {POOL_SIZE} connections, with no server in front; on 1 connection for the latencies.
- Tokens of a model are counted as bytes / {BYTES_PER_TOKEN}."""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    marks = ["---" if index < 2 else "---:" for index in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *rows))


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )
