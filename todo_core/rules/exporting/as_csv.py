"""A table of todos for spreadsheets: CSV (RFC 4180). No cell of it is a formula, wherever its reader sees a cell begin.

Spreadsheets take a cell for a formula that begins with one of `= + - @`, after white space too, and full-width forms
(OWASP, CSV Injection). Where another separator is the usual one, as the semicolon is in German Excel, they see cells
begin inside of ours, quoted or not. So an apostrophe stands before each of these characters that follows a separator, a
quote or a line break.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any, Final

from anyio import to_thread

from todo_core.boundary.operation import Tx
from todo_core.rules.exporting.file import ExportFile
from todo_core.rules.exporting.reading import Owner, list_names, todos_of

COLUMNS: Final = (
    *("id", "parent_id", "list", "title", "description", "priority", "tags", "status", "start", "due_date", "due_time"),
    *(
        "due_at",
        "repeat",
        "repeat_counts_from",
        "completed_at",
        "deleted_at",
        "created_at",
        "updated_at",
        "key",
        "source",
    ),
)
_BYTE_ORDER_MARK: Final = "\ufeff"
"""Without it Excel takes UTF-8 for the code page of the machine."""
_UNSEEN: Final = r"[\s\u00ad\u200b-\u200f\u2060\ufeff]*"
"""White space, and what shows nothing: some programs trim it."""
_FORMULA: Final = re.compile(rf"""(^|[,;|\t\r\n"'])({_UNSEEN})(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")


async def write(tx: Tx, file: ExportFile, owner: Owner) -> None:
    """Write a row for each todo, those in the trash too.

    Args:
        tx: A snapshot.
        file: Where to.
        owner: Who has them.
    """
    names = await list_names(tx)
    file.write((_BYTE_ORDER_MARK + _lines([COLUMNS])).encode())
    async for todos in todos_of(tx, owner):
        file.write(await to_thread.run_sync(_rows, todos, names, limiter=tx.core.formatting))
        file.todos += len(todos)


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs, whichever separator it takes."""
    return _FORMULA.sub(r"\1\2'", text)


def _rows(todos: list[dict[str, Any]], names: Mapping[int, str]) -> bytes:
    return _lines([_row(todo, names) for todo in todos]).encode()


def _row(todo: Mapping[str, Any], names: Mapping[int, str]) -> list[str]:
    due, repeat = todo["due"] or {}, todo["repeat"] or {}
    computed = {
        "list": names[todo["list_id"]],
        "tags": ", ".join(todo["tags"]),
        "status": "trashed" if todo["deleted_at"] else "done" if todo["completed_at"] else "open",
        "due_date": due.get("date"),
        "due_time": due.get("time"),
        "due_at": due.get("at") if due.get("kind") == "moment" else None,
        "repeat": repeat.get("rule"),
        "repeat_counts_from": repeat.get("counts_from"),
    }
    cells = ((computed if name in computed else todo)[name] for name in COLUMNS)
    return ["" if cell is None else harmless(str(cell)) for cell in cells]


def _lines(rows: list[Any]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
