"""Read a backup: an archive of `pg_dump` in its custom format, of which only rows and sequences are believed.

`pg_restore` takes an archive apart and writes SQL. Run by PostgreSQL, that could do anything: it is whatever the file
says. So it is read here instead, and whatever is not the COPY of a table or the value of a sequence is refused.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
from anyio.abc import ByteReceiveStream

from todo_app.backups import BackupError
from todo_app.backups.programs import environment

_FIRST: Final = re.compile(rb"PGDMP.{5}\x01", re.DOTALL)
"""How an archive begins: its mark, the version of its format in three bytes, two sizes, and 1 for the custom format."""
_END: Final = b"\n\\.\n"
"""What ends the rows of a table; in a value, a line break and a backslash are written otherwise."""
_PIECE: Final = 1 << 18
"""Bytes that are read at once."""
_LONGEST_LINE: Final = 1 << 16
"""Bytes of a line that is not a row."""
QUIET_SECONDS: Final = 30.0
"""For which `pg_restore` may write nothing while it is waited for. It goes round in circles, without an end, where the
compressed rows of a table end before the block that they stand in."""

_NAME: Final = rb'(?:"(?:[^"]|"")+"|\w+)'
_COPY: Final = re.compile(rb"COPY public\.(%b) \((%b(?:, %b)*)\) FROM stdin;" % (_NAME, _NAME, _NAME))
_SEQUENCE: Final = re.compile(rb"SELECT pg_catalog\.setval\('public\.(\w+)', ([0-9]{1,19}), (true|false)\);")
_NOTHING: Final = re.compile(
    rb"|--.*"
    rb"|\\(?:un)?restrict \w+"
    rb"|SELECT pg_catalog\.set_config\('search_path', '', false\);"
    rb"|SET client_encoding = 'UTF8';"
    rb"|SET (?!client_encoding)\w+ = [\w']+;"
)
"""Lines that mean nothing to us, and nothing that is not so already."""

_OTHERWISE: Final = re.compile(rb"unsupported version|does not support compression")
"""How `pg_restore` says that a file is whole, and not for it."""

_FOREIGN: Final = (
    "FILE is no backup of todo-mcp: it is not what `todo-mcp backup`, or `pg_dump --format=custom`, writes."
)
_NO_FILE: Final = "FILE must be a file on a disk: it is read twice. Write what comes through a pipe to one first."
_DAMAGED: Final = "FILE is cut or damaged. Take another backup."
_UNKNOWN: Final = (
    "pg_restore cannot read FILE, of a newer pg_dump or in another compression. Put the programs of the PostgreSQL that"
    " wrote it on the PATH."
)
_PARTIAL: Final = (
    "FILE lacks rows: whoever wrote it did not see them all, because of row-level security. Take another backup."
)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a table."""

    table: str
    columns: tuple[str, ...]
    pieces: AsyncIterator[bytes]
    """The rows as COPY has them, in pieces of any length."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """Where a sequence stands."""

    name: str
    next: int
    """The next value."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a backup has."""

    revision: str
    """The revision of the schema."""
    rows: dict[str, int]
    """The number of rows, by table of the schema `public`."""
    sequences: frozenset[str]


async def inspect(program: Path, file: Path) -> Content:
    """Read a backup to its end, and return what it has.

    Args:
        program: The `pg_restore`.
        file: The backup, by its whole path.

    Raises:
        BackupError: It is none, or is not whole.
    """
    rows: dict[str, int] = {}
    sequences: set[str] = set()
    revision = b""
    async with read(program, file) as parts:
        async for part in parts:
            if isinstance(part, Sequence):
                sequences.add(part.name)
                continue
            if part.table in rows:
                raise BackupError(_FOREIGN)
            rows[part.table] = 0
            async for piece in part.pieces:
                rows[part.table] += piece.count(b"\n")
                if part.table == "alembic_version":
                    revision = (revision + piece)[:_LONGEST_LINE]
    if rows.get("alembic_version") != 1 or "installation" not in rows:
        raise BackupError(_FOREIGN)
    # Every database has an installation, and every change an entry, which nobody sees who does not see all rows.
    if rows["installation"] != 1 or (rows.get("changes") and rows.get("change_entries") == 0):
        raise BackupError(_PARTIAL)
    return Content(revision.decode(errors="replace").strip(), rows, frozenset(sequences))


@asynccontextmanager
async def read(program: Path, file: Path) -> AsyncIterator[AsyncIterator[Rows | Sequence]]:
    """Yield the parts of a backup, in its order; the rows of one end before the next part comes.

    Raises:
        BackupError: It is none, or is not whole; known for certain at the end of the block.
    """
    _require_archive(file)
    words = ("--data-only", "--schema=public", "--file=-", str(file))
    with tempfile.TemporaryFile() as said:
        async with await anyio.open_process(
            [program, *words], stdin=subprocess.DEVNULL, stderr=said, env=environment()
        ) as process:
            assert process.stdout is not None
            try:
                yield _parts(_Text(process.stdout))
                code = await process.wait()
            except BaseException:  # it is waited for in any case, and may go on for ever
                with suppress(ProcessLookupError):
                    process.kill()
                raise
        if code:
            said.seek(0)
            raise BackupError(_UNKNOWN if _OTHERWISE.search(said.read(_LONGEST_LINE)) else _DAMAGED)


def _require_archive(file: Path) -> None:
    """Refuse what does not begin as a backup does.

    Raises:
        BackupError: It does not, or is no file.
    """
    if not file.is_file():  # to open a pipe waits for whoever writes to it
        raise BackupError(_NO_FILE)
    with file.open("rb") as opened:
        if _FIRST.match(opened.read(11)) is None:
            raise BackupError(_FOREIGN)


class _Text:
    """What `pg_restore` writes, however long: no more than a piece of it is held."""

    def __init__(self, stream: ByteReceiveStream) -> None:
        self._stream = stream
        self._held = b""

    async def _more(self) -> bool:
        """Hold another piece. Return whether there was one.

        Raises:
            BackupError: There is none for `QUIET_SECONDS`.
        """
        try:
            with anyio.fail_after(QUIET_SECONDS):
                self._held += await self._stream.receive(_PIECE)
        except anyio.EndOfStream:
            return False
        except TimeoutError:
            raise BackupError(_DAMAGED) from None
        return True

    async def line(self) -> bytes | None:
        """Return the next line, without its end; None after the last.

        Raises:
            BackupError: It is too long to be one of ours.
        """
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _LONGEST_LINE:
                raise BackupError(_FOREIGN)
            if not await self._more():
                return None
        line, self._held = self._held[:end], self._held[end + 1 :]
        return line

    async def rows(self) -> AsyncIterator[bytes]:
        """Yield the rows of a table in pieces, and pass the line that ends them.

        Raises:
            BackupError: Nothing ends them.
        """
        while len(self._held) < len(_END) and await self._more():
            pass
        if self._held.startswith(_END[1:]):
            self._held = self._held[len(_END) - 1 :]
            return
        while (end := self._held.find(_END)) < 0:
            tail = len(_END) - 1  # the end may have begun in these bytes
            if len(self._held) > tail:
                yield self._held[:-tail]
                self._held = self._held[-tail:]
            if not await self._more():
                raise BackupError(_DAMAGED)
        yield self._held[: end + 1]
        self._held = self._held[end + len(_END) :]


async def _parts(text: _Text) -> AsyncIterator[Rows | Sequence]:
    while (line := await text.line()) is not None:
        if match := _COPY.fullmatch(line):
            table, *columns = (_unquoted(name) for name in (match[1], *re.findall(_NAME, match[2])))
            rows = Rows(table, tuple(columns), text.rows())
            yield rows
            async for _ in rows.pieces:  # those that nobody took
                pass
        elif match := _SEQUENCE.fullmatch(line):
            yield Sequence(match[1].decode(), int(match[2]) + (match[3] == b"true"))
        elif _NOTHING.fullmatch(line) is None:
            raise BackupError(_FOREIGN)


def _unquoted(name: bytes) -> str:
    text = name.decode(errors="replace")
    return text[1:-1].replace('""', '"') if text.startswith('"') else text
