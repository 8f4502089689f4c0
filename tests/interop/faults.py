"""What may happen to an installation, kind by kind: each function brings a fault about, and returns once it is over."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import asyncpg
import psutil
import pytest

from tests.app.postgres import OwnPostgres, own_postgres, running_in, short_folder
from tests.app.program import Program, Serving, free_port, until
from tests.app.test_processes import workers_of
from tests.interop.pooler import PGBOUNCER, Pooler, make_database
from tests.interop.wire import Wire

PATIENCE: Final = 120.0
"""Seconds in which a server must have started or stopped."""
TIMEOUT: Final = 1.0
"""Of the servers, TODO_DATABASE_TIMEOUT."""


@dataclass
class Installation:
    """A server and all that it needs, which may be broken."""

    program: Program
    workers: int
    """Processes that serve."""
    port: int = field(default_factory=free_port)
    stack: ExitStack = field(default_factory=ExitStack)
    """Ends the server that runs now."""
    serving: Serving | None = None
    postgres: OwnPostgres | None = None
    """None: the embedded one."""
    admin_url: str = ""
    """Of a superuser, past whatever is between."""
    wire: Wire | None = None
    pooler: Pooler | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def tokens(self, count: int) -> list[str]:
        """Return a token of each of so many people."""
        words = ("token", "create", "--user")
        return [self.program.answer(*words, f"user-{number}").strip() for number in range(count)]

    def start(self) -> None:
        """Start the server, and wait until each of its processes serves."""
        words = () if self.workers == 1 else ("--workers", str(self.workers))
        self.serving = self.stack.enter_context(self.program.serve(*words, port=self.port))
        self.await_workers(self.workers)

    def await_workers(self, count: int) -> None:
        """Wait until so many workers have begun to serve, since the start."""
        if self.workers > 1:
            until(lambda: self.log.count("worker_serves") >= count, PATIENCE, "each worker serves")

    @property
    def log(self) -> str:
        assert self.serving is not None
        return self.serving.stderr

    @property
    def restarts(self) -> int:
        """How often the server has started the embedded PostgreSQL again."""
        return self.log.count("it was started again")

    @property
    def postgres_starts(self) -> int:
        """How often the embedded PostgreSQL has begun to take connections, by its log; 0 of any other."""
        if self.postgres is not None:
            return 0
        logs = Path(self.program.environment["TODO_DATA_DIR"]).glob("postgres/logs/*.log")
        return sum(log.read_text(errors="replace").count("ready to accept connections") for log in logs)

    def kill(self) -> None:
        """End the server and its workers at once."""
        assert self.serving is not None
        os.killpg(self.serving.process.pid, signal.SIGKILL)
        self.stack.close()

    def execute(self, *statements: str) -> None:
        """Run SQL as a superuser, past whatever is between."""

        async def run() -> None:
            connection = await asyncpg.connect(self.admin_url)
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    def postmaster(self) -> psutil.Process:
        """Return PostgreSQL's first process."""
        if self.postgres is not None:
            return self.postgres.postmaster
        (pid,) = running_in(Path(self.program.environment["TODO_DATA_DIR"]))
        return psutil.Process(pid)

    def await_postgres(self) -> None:
        """Wait until PostgreSQL takes connections."""

        def answers() -> bool:
            try:
                self.execute("SELECT")
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                return False
            return True

        until(answers, PATIENCE, "PostgreSQL answers")


# --- of the server -------------------------------------------------------------------------------


def worker_killed(there: Installation) -> None:
    begun = there.log.count("worker_serves")
    assert there.serving is not None
    workers_of(there.serving)[0].kill()
    there.await_workers(begun + 1)


def server_killed(there: Installation) -> None:
    there.kill()
    there.start()


def server_stopped(there: Installation) -> None:
    assert there.serving is not None
    assert there.serving.stop() == 0, there.log
    there.stack.close()
    there.start()


def everything_killed(there: Installation) -> None:
    """As when a machine loses its power, but for what is in the memory of its disk."""
    postmaster = there.postmaster()
    processes = [postmaster, *postmaster.children(recursive=True)]
    there.kill()
    _kill(processes)
    there.start()


# --- of PostgreSQL -------------------------------------------------------------------------------


def postgres_crashed(there: Installation) -> None:
    assert there.postgres is not None
    there.postgres.crash()
    there.postgres.start()


def postgres_restarted(there: Installation) -> None:
    assert there.postgres is not None
    there.postgres.crash(signal.SIGINT)
    there.postgres.start()


def postgres_killed(there: Installation) -> None:
    postmaster, restarts = there.postmaster(), there.restarts
    _kill([postmaster, *postmaster.children(recursive=True)])
    _start_postgres(there, restarts)


def postmaster_killed(there: Installation) -> None:
    """Its other processes notice, and end."""
    postmaster, restarts = there.postmaster(), there.restarts
    others = postmaster.children(recursive=True)
    _kill([postmaster])
    psutil.wait_procs(others, timeout=PATIENCE)
    _start_postgres(there, restarts)


def _start_postgres(there: Installation, restarts: int) -> None:
    """Start it; the embedded one is started by whoever serves with it, which has done so so many times before."""
    if there.postgres is not None:
        there.postgres.start()
    else:
        until(lambda: there.restarts > restarts, PATIENCE, "PostgreSQL was started again")


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=PATIENCE)


def backend_killed(there: Installation) -> None:
    """PostgreSQL ends all others then, for what they share may be damaged, and recovers by itself."""
    backends = [one for one in there.postmaster().children() if "[local]" in " ".join(one.cmdline())]
    starts = there.postgres_starts
    _kill(backends[:1])
    if there.postgres is not None:
        there.await_postgres()
    else:
        until(lambda: there.postgres_starts > starts, PATIENCE, "PostgreSQL has recovered")


def backends_terminated(there: Installation) -> None:
    there.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def postgres_hung(there: Installation) -> None:
    assert there.postgres is not None
    there.postgres.freeze()
    time.sleep(2 * TIMEOUT)
    there.postgres.thaw()


def writes_refused(there: Installation) -> None:
    """As by a standby, or one that is failed over from."""
    there.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
    time.sleep(TIMEOUT)
    there.execute(
        "SET default_transaction_read_only = off",
        "ALTER SYSTEM RESET default_transaction_read_only",
        "SELECT pg_reload_conf()",
    )


def table_locked(there: Installation) -> None:
    there.execute(f"BEGIN; LOCK TABLE todos; SELECT pg_sleep({1.5 * TIMEOUT}); COMMIT")


# --- of what is between ----------------------------------------------------------------------------


def connections_reset(there: Installation) -> None:
    assert there.wire is not None
    there.wire.order("reset")


def connections_silent(there: Installation) -> None:
    """Nobody is told that they are gone: a router forgot them. It is over once their answers are late."""
    assert there.wire is not None
    there.wire.order("silence")
    time.sleep(2 * TIMEOUT)


def connections_refused(there: Installation) -> None:
    assert there.wire is not None
    there.wire.order("refuse")
    time.sleep(TIMEOUT)
    there.wire.order("accept")


def cut_after_commit(there: Installation) -> None:
    """Whether it was done, only the key tells."""
    assert there.wire is not None
    there.wire.order("cut")


def pooler_killed(there: Installation) -> None:
    assert there.pooler is not None
    there.pooler.kill()
    there.pooler.start()


def pooler_hung(there: Installation) -> None:
    assert there.pooler is not None
    there.pooler.send(signal.SIGSTOP)
    time.sleep(2 * TIMEOUT)
    there.pooler.send(signal.SIGCONT)


Fault = Callable[[Installation], None]
_SERVERS: Final[tuple[Fault, ...]] = (worker_killed, server_killed, server_stopped)
_POSTGRES: Final[tuple[Fault, ...]] = (
    postgres_crashed,
    postgres_restarted,
    postgres_killed,
    postmaster_killed,
    backend_killed,
    backends_terminated,
    postgres_hung,
)
FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "direct": (
        *_SERVERS,
        *_POSTGRES,
        writes_refused,
        table_locked,
        connections_reset,
        connections_silent,
        connections_refused,
        *[cut_after_commit] * 3,
    ),
    "pooled": (*_SERVERS, *_POSTGRES, pooler_killed, pooler_hung),
    "embedded": (server_killed, server_stopped, everything_killed, postgres_killed, postmaster_killed, backend_killed),
}
"""What happens to each kind of installation."""


# --- installations ---------------------------------------------------------------------------------


@contextmanager
def direct(folder: Path) -> Iterator[Installation]:
    """Two workers on a PostgreSQL, over a wire that can be cut."""
    with own_postgres() as postgres:
        (socket,) = Path(parse_qs(urlsplit(postgres.url).query)["host"][0]).glob(".s.PGSQL.*[0-9]")
        port = free_port()
        wire = Wire(port, str(socket))
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            there = Installation(_program(folder, url), 2, postgres=postgres, admin_url=postgres.url, wire=wire)
            there.program.answer("migrate")
            yield there
        finally:
            wire.close()


@contextmanager
def pooled(folder: Path) -> Iterator[Installation]:
    """Two workers behind a transaction pooler."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    with own_postgres() as postgres:
        direct_url = asyncio.run(make_database(postgres))
        home = Path(postgres.url.rpartition("host=")[2]).parent
        pooler = Pooler(home, postgres.url, size=8, patience=5)
        pooler.start()
        try:
            Program(folder / "migrate", {"TODO_DATABASE_URL": direct_url}).answer("migrate")
            settings = {"TODO_DATABASE_POOLER": "on", "TODO_DATABASE_LISTEN_URL": direct_url}
            admin_url = postgres.url.replace("/postgres?", "/todo?")
            program = _program(folder, pooler.url).configured(**settings)
            yield Installation(program, 2, postgres=postgres, admin_url=admin_url, pooler=pooler)
        finally:
            pooler.kill()


@contextmanager
def embedded(_: Path) -> Iterator[Installation]:
    """One process with the PostgreSQL that it starts itself."""
    with short_folder() as home:
        program = Program(home, {"TODO_RATE_LIMIT": "off", "TODO_DATABASE_TIMEOUT": str(TIMEOUT)})
        yield Installation(program, 1)


def _program(folder: Path, url: str) -> Program:
    limits = {"TODO_RATE_LIMIT": "off", "TODO_DATABASE_TIMEOUT": str(TIMEOUT)}
    return Program(folder / "program", {"TODO_DATABASE_URL": url} | limits)


Opened = Callable[[Path], AbstractContextManager[Installation]]
INSTALLATIONS: Final[Mapping[str, Opened]] = {"direct": direct, "pooled": pooled, "embedded": embedded}
