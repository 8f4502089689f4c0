"""The formats: which one a file has, and what reads it.

The next one is a file here with a function `parse`, its name below, and how to tell it apart in `found`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final

from todo_core.rules.importing.formats.texts import json_of
from todo_core.rules.importing.items import Part, UnreadableError

NAMES: Final = ("json", "ics", "todoist", "microsoft", "google", "ticktick")
_MODULES: Final = dict(zip(NAMES, ("ours", "vtodo", "todoist", "microsoft", "google", "ticktick"), strict=True))
_IN_JSON: Final = ("json", "microsoft", "google")
_HEAD: Final = 20
"""Rows of a table among which its header is."""
_UNKNOWN: Final = (
    "is of no format that is known here: an export of this program as JSON, iCalendar with VTODOs, a template of "
    "Todoist, the JSON of Microsoft To Do or of Google Tasks, or a backup of TickTick"
)


def read(text: str, name: str | None) -> tuple[str, Iterator[Part]]:
    """Return the format of a file, and its parts.

    Args:
        text: The file.
        name: The format; None to find it out.

    Raises:
        UnreadableError: It is of no format, or not of this one.
    """
    start = text.lstrip()[:1]
    if start in ("{", "["):
        content = json_of(text)
        form = name or _found_in_json(content)
        if form not in _IN_JSON:
            raise UnreadableError(_UNKNOWN if name is None else "is JSON, and the format that you name is not")
        return form, _parser(form)(content)
    form = name or _found(text)
    if form is None:
        raise UnreadableError(_UNKNOWN)
    if form in _IN_JSON:
        raise UnreadableError("is not JSON, and the format that you name is")
    return form, _parser(form)(text)


def _parser(form: str) -> Callable[[Any], Iterator[Part]]:
    """Return what reads a format; it takes the text, or what the JSON has."""
    parse: Callable[[Any], Iterator[Part]] = import_module(f"{__name__}.{_MODULES[form]}").parse
    return parse


def _found_in_json(content: Any) -> str | None:
    if isinstance(content, dict):
        if content.get("format") == "todo-mcp":
            return "json"
        if str(content.get("kind", "")).startswith("tasks#"):
            return "google"
    rows = content.get("value") if isinstance(content, dict) else content
    if isinstance(rows, list):
        names = {name for row in rows[:_HEAD] if isinstance(row, dict) for name in row}
        if names & {"tasks", "importance", "checklistItems", "dueDateTime", "createdDateTime", "completedDateTime"}:
            return "microsoft"
    return None


def _found(text: str) -> str | None:
    head = text[:100_000]
    if any(line.strip().upper() in ("BEGIN:VCALENDAR", "BEGIN:VTODO") for line in head.splitlines()):
        return "ics"
    try:
        rows = [
            {cell.strip().upper() for cell in row}
            for row, _ in zip(csv.reader(io.StringIO(head)), range(_HEAD), strict=False)
        ]
    except csv.Error:
        return None
    for row in rows:
        if len(row) == 1:  # of a spreadsheet whose separator is the semicolon
            row |= {cell.strip(' "') for cell in next(iter(row)).split(";")}
        if row >= {"TYPE", "CONTENT"}:
            return "todoist"
        if row >= {"LIST NAME", "TITLE"}:
            return "ticktick"
        if row >= {"ID", "PARENT_ID", "REPEAT_COUNTS_FROM"}:
            raise UnreadableError("is a table that this program exported, which has not everything; export as JSON")
    return None
