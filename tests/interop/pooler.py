"""PgBouncer in transaction mode before a PostgreSQL of a test's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.app.postgres import OwnPostgres
from tests.app.program import free_port, until

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
LOGIN = "todo_login"
_TEMPLATE = "todo_migrated"


async def make_database(server: OwnPostgres) -> str:
    """Make the database `todo` of an ordinary login role that is no superuser, and return the URL past the pooler."""
    connection = await asyncpg.connect(server.url)
    await connection.execute(f"CREATE ROLE {LOGIN} LOGIN CREATEROLE")
    await connection.execute(f"CREATE DATABASE todo OWNER {LOGIN}")
    await connection.close()
    direct = server.url.replace("//postgres:@/postgres", f"//{LOGIN}@/todo")
    assert LOGIN in direct
    return direct


async def keep_as_template(server: OwnPostgres) -> None:
    """Keep the database `todo`, as it is, for copies of it."""
    connection = await asyncpg.connect(server.url)
    await connection.execute(f"ALTER DATABASE todo RENAME TO {_TEMPLATE}")
    await connection.close()


async def copy_template(server: OwnPostgres) -> None:
    """Make the database `todo` anew, as it was when it was kept."""
    connection = await asyncpg.connect(server.url)
    await connection.execute("DROP DATABASE IF EXISTS todo WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE todo OWNER {LOGIN} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
    await connection.close()


class Pooler:
    """A transaction pooler that a test may kill and start again."""

    def __init__(
        self, folder: Path, url: str, *, ignored: str = "", size: int = 2, clients: int = 200, patience: int = 120
    ) -> None:
        """Write its configuration.

        Args:
            folder: Where its files are.
            url: The server.
            ignored: Startup parameters that it drops without a word.
            size: Connections that it has to the server.
            clients: Connections that it accepts.
            patience: Seconds that a client may wait for a connection to the server.
        """
        port = free_port()
        self.url = f"postgresql://{LOGIN}@127.0.0.1:{port}/todo"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "users.txt").write_text(f'"{LOGIN}" ""\n')
        socket_folder = url.rpartition("host=")[2]
        (folder / "pgbouncer.ini").write_text(
            f"""
            [databases]
            todo = host={socket_folder} dbname=todo
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = trust
            auth_file = {folder / "users.txt"}
            ignore_startup_parameters = {ignored}
            pool_mode = transaction
            default_pool_size = {size}
            max_client_conn = {clients}
            query_wait_timeout = {patience}
            server_login_retry = 0.1
            """.replace("            ", "")
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert PGBOUNCER is not None
        as_whom = {}
        if os.geteuid() == 0:  # it refuses to run as root; the embedded PostgreSQL has made this user
            as_whom = {"user": "pgserver", "group": "pgserver"}
            self._folder.chmod(0o755)
        with (self._folder / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(
                [PGBOUNCER, str(self._folder / "pgbouncer.ini")], stdout=log, stderr=subprocess.STDOUT, **as_whom
            )
        until(lambda: _answers(self.url), 15, "PgBouncer answers")

    def send(self, what: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(what)

    def kill(self) -> None:
        """End it at once, with every connection through it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=15)


@contextmanager
def pgbouncer(folder: Path, url: str, **options: Any) -> Iterator[str]:
    """Yield the URL through a pooler (`Pooler`)."""
    pooler = Pooler(folder, url, **options)
    pooler.start()
    try:
        yield pooler.url
    finally:
        pooler.kill()


def _answers(url: str) -> bool:
    async def ask() -> bool:
        try:
            connection = await asyncpg.connect(url, statement_cache_size=0, timeout=5)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    return asyncio.run(ask())
