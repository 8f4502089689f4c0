"""Run the embedded PostgreSQL where no database is configured."""

from __future__ import annotations

import json
import os
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from typing import TYPE_CHECKING, Final

from todo_app.embedded.files import open_file
from todo_core.settings import ConfigurationError, Settings
from todo_core.storage.dsn import described

if TYPE_CHECKING:
    from todo_app.embedded.server import EmbeddedServer

_FOLDER: Final = "postgres"
"""The embedded server's folder in `TODO_DATA_DIR`."""

LOGIN: Final = "todo_login"
"""The role as which requests log in there: it owns nothing, and can do nothing but take on the roles of requests."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that can be used."""

    url: str
    """Connection string for whoever migrates: the configured one, or that of the embedded server's owner."""
    place: str
    """Where it is, in words."""
    _server: EmbeddedServer | None = None

    async def url_of_requests(self) -> str:
        """Return the connection string for everything else, of a migrated database.

        The embedded server's is of a role that owns nothing, and is made if it is not there.
        """
        return self.url if self._server is None else await self._server.make_login()

    def kept(self, tell: Callable[[str], None], lost: Callable[[], None]) -> AbstractContextManager[None]:
        """Start the embedded server again that ends while the block lasts; see `keeping.kept`."""
        if self._server is None:
            return nullcontext()
        from todo_app.embedded.keeping import kept

        return kept(self._server, tell, lost)


def opened(settings: Settings) -> AbstractContextManager[Opened]:
    """Return the configured database, or an embedded one that runs while a block with it lasts.

    Several processes may share the embedded server; the last one that leaves the block stops it.

    Raises:
        ConfigurationError: The programs of an embedded server are not installed, or, when the block is entered,
            `TODO_DATA_DIR` cannot hold one.
    """
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return nullcontext(Opened(url, described(url)))
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR the library warns. We use no folder of its choice.
        warnings.simplefilter("ignore")
        try:
            from todo_app.embedded.server import EmbeddedServer
        except ModuleNotFoundError:
            raise ConfigurationError("TODO_DATABASE_URL is required: no PostgreSQL is embedded here") from None
    return _running(EmbeddedServer, settings)


@contextmanager
def _running(make: Callable[[Path], EmbeddedServer], settings: Settings) -> Iterator[Opened]:
    """Yield the database of an embedded server, which runs while the block lasts.

    Raises:
        ConfigurationError: `TODO_DATA_DIR` cannot hold it.
    """
    with _server(make, settings.data_dir.expanduser().resolve() / _FOLDER) as server:
        yield Opened(server.url(), f"the PostgreSQL embedded in {str(settings.data_dir)!r}", server)


def is_shared(settings: Settings) -> bool:
    """Return whether another process, too, uses the embedded server that runs.

    The server's library lists its processes in a file. A connection would not tell: one that is idle has none. One that
    was killed may still be listed, and another may have got its number: then the server counts as shared.
    """
    try:
        descriptor = open_file(settings.data_dir / _FOLDER / ".handle_pids.json", os.O_RDONLY)
        with os.fdopen(descriptor, encoding="utf-8") as file:
            listed = json.load(file)
    except (OSError, ValueError):
        return True
    return any(pid != os.getpid() and lives(pid) for pid in listed)


def lives(pid: int) -> bool:
    """Return whether there is a process; one that has ended, and that nobody has asked for its exit code, is none."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


@contextmanager
def _server(make: Callable[[Path], EmbeddedServer], folder: Path) -> Iterator[EmbeddedServer]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigurationError(f"TODO_DATA_DIR cannot be made ({error.strerror})") from None
    try:
        server = make(folder)
        server.start()
    except (OSError, SubprocessError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or type(error).__name__
        raise ConfigurationError(f"TODO_DATA_DIR cannot hold PostgreSQL ({reason})") from None
    try:
        yield server
    finally:
        server.cleanup()


def free_port() -> int:
    """Return a port of the loopback interface on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
