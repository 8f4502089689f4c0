"""Who may log in to the embedded PostgreSQL: whoever runs todo-mcp, or knows a password that is in a file of theirs."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from todo_app.embedded import LOGIN
from todo_app.embedded.account import Account, name_of_caller
from todo_app.embedded.files import replacing

OWNER: Final = "postgres"
"""The superuser, who owns the tables."""


class Access:
    """The files of a server's data that say who may log in."""

    def __init__(self, data: Path, account: Account | None, *, by_password: bool) -> None:
        """Change nothing yet.

        Args:
            data: The folder of the data.
            account: As whom PostgreSQL runs; None on Windows, where files have no such owner.
            by_password: Ask for a password, on the loopback interface, instead of who is at the other end of a socket.
        """
        self.by_password = by_password
        self._data, self._account = data, account
        self._password_file = data.with_name("postgres.password")

    def is_closed(self, socket_folder: Path | None) -> bool:
        """Return whether others cannot reach a server that runs, or at least need its password."""
        if self.by_password:
            return self._password_file.exists()
        assert self._account is not None  # there are sockets
        return socket_folder is not None and self._account.owns_alone(socket_folder)

    def write(self) -> bool:
        """Write who may log in, and return whether that is new."""
        if self.by_password:
            return self._write("pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n")
        name = name_of_caller().replace('"', '""')
        users = "".join(f'todo-mcp "{name}" {role}\n' for role in (OWNER, LOGIN))
        is_new = self._write("pg_ident.conf", users)
        return self._write("pg_hba.conf", "local all all peer map=todo-mcp\n") or is_new

    def _write(self, name: str, text: str) -> bool:
        """Write a file of PostgreSQL's, in the place of what is there, and return whether that was another."""
        path = self._data / name
        text = f"# Written by todo-mcp at each start.\n{text}"
        with suppress(OSError):
            if path.read_text(encoding="utf-8") == text:
                return False
        with replacing(path) as file:
            if self._account is not None:
                self._account.give(file)
            os.write(file, text.encode())
        return True

    def password_of(self, role: str) -> str:
        """Return a role's password: the owner's is in the file, others follow from it."""
        password = self._password_file.read_text(encoding="ascii")
        return password if role == OWNER else hashlib.sha256(f"{role} {password}".encode()).hexdigest()

    def lacks_password(self) -> bool:
        """Return whether a password is asked for, and none is set."""
        return self.by_password and not self._password_file.exists()

    def set_password(self, postgres: Path, running: Mapping[str, Any]) -> None:
        """Draw the owner's password, and set it while nobody can log in, in PostgreSQL's single-user mode.

        Args:
            postgres: PostgreSQL's own program.
            running: How `subprocess` runs it.
        """
        password = secrets.token_urlsafe(32)
        subprocess.run(  # noqa: S603  # PostgreSQL's own program
            [postgres, "--single", "-D", self._data, "postgres"],
            input=f"ALTER ROLE {OWNER} PASSWORD '{password}'\n",
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._data,
            **running,
        )
        with replacing(self._password_file) as file:
            os.write(file, password.encode())
