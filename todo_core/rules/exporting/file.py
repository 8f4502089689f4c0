"""A file that is being exported: nobody else sees it, and it is gone when it is closed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Final

from todo_core.errors import Unavailable
from todo_core.log import structlog
from todo_core.models.exports import ExportFormat

MEDIA_TYPES: Final[dict[ExportFormat, str]] = {
    "json": "application/json",
    "csv": "text/csv",
    "ics": "text/calendar",
}
_BLOCK: Final = 64 * 1024
_NO_ROOM: Final = "There is no room to make the file right now."
_log = structlog.get_logger()


@contextmanager
def _making_room() -> Iterator[None]:
    """Tell the fault of a disk from those of the database.

    Raises:
        Unavailable: The temporary folder is full, or cannot be written.
    """
    try:
        yield
    except OSError as error:
        _log.error("export_not_written", reason=error.strerror)
        raise Unavailable(_NO_ROOM) from None


@dataclass(slots=True)
class ExportFile:
    """A file that has been exported. Close it: only then may the person begin another one."""

    format: ExportFormat
    leave: Callable[[], None]
    """Lets the person begin another export."""
    name: str = ""
    """What to call it, with the day where the person is."""
    size: int = 0
    """Bytes."""
    todos: int = 0
    """How many are in it."""
    _content: IO[bytes] | None = field(default=None, repr=False)
    """Where it is; nowhere before the first write, and once it is closed."""
    _digest: hashlib.blake2b = field(default_factory=lambda: hashlib.blake2b(digest_size=8), repr=False)
    _is_closed: bool = False

    @property
    def media_type(self) -> str:
        """Its media type."""
        return MEDIA_TYPES[self.format]

    @property
    def digest(self) -> str:
        """A digest of what is in it, but not of when it was made."""
        return self._digest.hexdigest()

    def write(self, data: bytes, *, is_content: bool = True) -> None:
        """Add bytes.

        Args:
            data: The bytes.
            is_content: Whether they count for the digest; the moment of the export does not.

        Raises:
            Unavailable: There is no room for them.
        """
        with _making_room():
            if self._content is None:
                self._content = tempfile.TemporaryFile()  # noqa: SIM115  # `close` closes it
            self.size += self._content.write(data)
        if is_content:
            self._digest.update(data)

    def rewind(self) -> None:
        """Go back to the beginning, to read.

        Raises:
            Unavailable: There was no room for the last bytes.
        """
        assert self._content is not None  # every format has a head
        with _making_room():
            self._content.seek(0)

    def read(self) -> bytes:
        """Return the next bytes; none at the end."""
        return b"" if self._content is None else self._content.read(_BLOCK)

    def close(self) -> None:
        """Delete it, and let the person begin another."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._content is not None:
            with suppress(OSError):  # bytes that there was no room for
                self._content.close()
        self._content = None
        self.leave()

    def __del__(self) -> None:
        """Close it where nobody has it any more: where its transaction ended badly, once it was made."""
        self.close()
