"""Where a side serves: its own PostgreSQL, and a database that is as it was written whenever its server starts."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.comparison import content
from bench.comparison.sides import Side
from bench.database import Actor, embedded, execute, named
from bench.plan import Size
from bench.servers import environment, running_process, until_answering
from todo_app.embedded import free_port

_WRITTEN: Final = "todo_written"
_SERVED: Final = "todo_served"


@dataclass(frozen=True, slots=True)
class Server:
    """A side that serves, or will in a moment."""

    port: int
    process: subprocess.Popen[bytes]
    postmaster: int
    """The first process of its PostgreSQL."""
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def until_ready(self) -> None:
        """Wait until it answers.

        Raises:
            SystemExit: It ended, or took too long.
        """
        until_answering(self.process, f"http://127.0.0.1:{self.port}/readyz", self.log)


@dataclass(slots=True)
class Stage:
    """A side with a PostgreSQL that serves nobody else."""

    side: Side
    folder: Path
    postgres: str
    """Its URL."""
    postmaster: int
    key_set: str
    """Where the keys of the users' JWTs are."""
    actors: Sequence[Actor] = ()
    """Who sends requests, once the database is written; the first has a tenth of all todos."""

    def write(self, size: Size, now: datetime) -> None:
        """Make the database that every start begins with, by the side's own migrations and through its API.

        Raises:
            SystemExit: The side cannot migrate, serve, or take what is written.
        """
        execute(self.postgres, f"CREATE DATABASE {_WRITTEN}")
        with self._log.open("ab") as log:
            command = [str(self.side.program), "migrate"]
            migrated = subprocess.run(
                command, env=self._environment(_WRITTEN), cwd=self.folder, stdout=log, stderr=log, check=False
            )
        if migrated.returncode != 0:
            raise SystemExit(f"{self.side.name}: todo-mcp migrate failed:\n{self._log.read_text()}")
        with self._started(_WRITTEN) as server:
            server.until_ready()
            self.actors = content.write(server.port, size, now)
        execute(named(self.postgres, _WRITTEN), "VACUUM (ANALYZE)")

    @contextmanager
    def started(self) -> Iterator[Server]:
        """A server that is starting, on a database as it was written."""
        execute(
            self.postgres,
            f"DROP DATABASE IF EXISTS {_SERVED} WITH (FORCE)",
            f"CREATE DATABASE {_SERVED} TEMPLATE {_WRITTEN} STRATEGY file_copy",
        )
        with self._started(_SERVED) as server:
            yield server

    @contextmanager
    def _started(self, database: str) -> Iterator[Server]:
        port = free_port()
        command = [str(self.side.program), "serve", "--port", str(port)]
        with (
            self._log.open("ab") as log,
            running_process(command, self._environment(database), self.folder, log.fileno()) as process,
        ):
            yield Server(port, process, self.postmaster, self._log)

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    def _environment(self, database: str) -> dict[str, str]:
        return environment(named(self.postgres, database), self.side.code) | {"TODO_JWKS_URL": self.key_set}


@contextmanager
def stage(side: Side, folder: Path, key_set: str) -> Iterator[Stage]:
    """A side with its PostgreSQL in `folder`, for as long as this block lasts."""
    data = folder / "postgres"
    with embedded(data) as url:
        postmaster = int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        yield Stage(side, folder, url, postmaster, key_set)
