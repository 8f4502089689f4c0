"""The complete form of an export: JSON (`todo_core.models.exports.Export`). PostgreSQL writes the rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from todo_core.boundary.operation import Tx
from todo_core.models.exports import FORMAT, VERSION
from todo_core.queries import exports as queries
from todo_core.rules.exporting.file import ExportFile
from todo_core.rules.exporting.reading import Owner, installation, rows_of
from todo_core.rules.showing import shown_to

_SMALL: Final = 20
"""Rows of a chunk that may be very long: those of the record of changes."""


async def write(tx: Tx, file: ExportFile, owner: Owner, *, history: bool) -> None:
    """Write everything.

    Args:
        tx: A snapshot.
        file: Where to.
        owner: Who has it.
        history: Whether the record of changes is in it.
    """
    file.write(f'{{"format":"{FORMAT}","version":{VERSION},"exported_at":'.encode())
    file.write(f'"{owner.now:%Y-%m-%dT%H:%M:%S.%fZ}"'.encode(), is_content=False)
    file.write(f',"origin":"{installation(tx.core.secret)}"'.encode())
    file.write(f',"profile":{owner.profile if tx.caller.may("profile") else "null"}'.encode())
    await _array(file, "lists", rows_of(tx, queries.LISTS))
    await _array(file, "tags", rows_of(tx, queries.TAGS))
    file.todos = await _array(file, "todos", rows_of(tx, queries.TODOS, zone=owner.time_zone))
    await _array(file, "notes", rows_of(tx, queries.NOTES))
    if not history:
        file.write(b',"history":null}')
        return
    file.write(b',"history":{"changes":')
    shown = shown_to(tx.caller)
    await _rows(file, rows_of(tx, queries.CHANGES, shown=shown))
    await _array(file, "entries", rows_of(tx, queries.ENTRIES, size=_SMALL, shown=shown, rows=True))
    await _array(file, "active_days", rows_of(tx, queries.ACTIVE_DAYS))
    file.write(b"}}")


async def _array(file: ExportFile, name: str, chunks: AsyncIterator[list[str]]) -> int:
    """Write a member with an array of rows, and return how many they are."""
    file.write(f',"{name}":'.encode())
    return await _rows(file, chunks)


async def _rows(file: ExportFile, chunks: AsyncIterator[list[str]]) -> int:
    """Write an array of rows, and return how many they are."""
    count = 0
    file.write(b"[")
    async for rows in chunks:
        if rows:
            file.write((("," if count else "") + ",\n".join(rows)).encode())
        count += len(rows)
    file.write(b"]")
    return count
