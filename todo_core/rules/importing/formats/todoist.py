"""Todoist, as it exports a project as a template: CSV."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from todo_core.rules.importing.formats.texts import Digests, each, rows
from todo_core.rules.importing.items import Item, LeftOut, Part

_PRIORITIES: Final = {"1": "urgent", "2": "high", "3": "medium", "4": "medium", "": "medium"}
"""Here 1 is the most urgent; in Todoist's API it is 4."""
_LABEL: Final = re.compile(r"(?:^|(?<=\s))@(\S+)\s*")
_FILE: Final = re.compile(r"\s*\[\[file \{.*?\}\]\]", re.DOTALL)
_REPEATS: Final = re.compile(r"(?:every|ev|after|each|daily|weekly|monthly|yearly|quarterly)\b", re.IGNORECASE)
_LOST: Final = {
    "RESPONSIBLE": "Nobody else is responsible for todos here.",
    "DURATION": "How long it takes is not kept.",
}


def parse(text: str) -> Iterator[Part]:
    """Yield the parts of a template."""
    reader = _Reader()
    last: list[Item] = []
    for part in each(rows(text, "TYPE", "CONTENT"), reader.row):
        if isinstance(part, Item):  # it is kept until its notes are read
            yield from last
            last = [part]
        else:
            yield part
    yield from last


class _Reader:
    """What the rows so far say of those that come."""

    def __init__(self) -> None:
        self._digests = Digests("todoist")
        self._section: str | None = None
        self._above: list[Item] = []
        """The last task, and those above it."""
        self._paths: dict[str, tuple[str, ...]] = {}

    def row(self, at: str, row: dict[str, Any]) -> Iterable[Part]:
        cells = {name: cell.strip() for name, cell in row.items()}
        kind, content = cells["TYPE"].lower(), cells["CONTENT"]
        if kind == "task":
            yield self._task(at, cells)
        elif kind == "note":
            yield from self._note(at, content)
        elif kind == "section":
            self._section, self._above = content or None, []
        elif kind not in ("meta", "view_style"):
            yield LeftOut.of(at, "type", "It is neither a task, a note nor a section.")

    def _note(self, at: str, content: str) -> Iterable[Part]:
        if not self._above:
            yield LeftOut.of(at, "note", "There is no task before it.")
            return
        task = self._above[-1]
        text = _FILE.sub("", content).strip()
        if text != content:
            task.lost("file", "Files are not kept.")
        if text:
            task.notes.append({"text": text, "author": None, "created_at": None})

    def _task(self, at: str, cells: dict[str, str]) -> Item:
        item = Item(at, at, description=cells.get("DESCRIPTION") or None)
        title = cells["CONTENT"]
        if title.startswith("* "):
            title = title[2:]
            item.changed("heading", "A heading that cannot be completed is a todo here.")
        item.tags = _LABEL.findall(title)
        item.title = _LABEL.sub("", title).strip() if item.tags else title
        item.priority = _PRIORITIES.get(cells.get("PRIORITY", ""), "")
        if not item.priority:
            item.priority = "medium"
            item.changed("priority", "It is no priority of Todoist.")
        if self._section:
            item.tags.append(self._section)
            item.changed("section", "A section is a tag here.")
        self._place(item, cells.get("INDENT", ""))
        _take_dates(item, cells)
        for name, message in _LOST.items():
            if cells.get(name):
                item.lost(name.lower(), message)
        return item

    def _place(self, item: Item, indent: str) -> None:
        """Put a task below the one before it with a smaller indent."""
        depth = int(indent) if indent.isdecimal() and len(indent) < 4 else 1
        del self._above[max(depth, 1) - 1 :]
        parent = self._above[-1] if self._above else None
        path = () if parent is None else self._paths[str(parent.id)]
        if parent is not None:
            item.parent = parent.id
        self._above.append(item)
        self._paths[str(item.id)] = (*path, item.title)
        item.key = self._digests.key(self._section or "", *path, item.title)


def _take_dates(item: Item, cells: dict[str, str]) -> None:
    date, deadline = cells.get("DATE", ""), cells.get("DEADLINE", "")
    language = (cells.get("DATE_LANG") or "en").lower()
    if deadline and not date:
        date, deadline = deadline, ""
        language = (cells.get("DEADLINE_LANG") or "en").lower()
        item.changed("deadline", "A deadline is the due here.")
    if deadline:
        item.lost("deadline", "A todo has one due here, which is its date.")
    if not date:
        return
    if language != "en" and not date[:4].isdecimal():
        item.description = f"{item.description or ''}\n\nDue: {date}".strip()
        item.changed("due", "Dates in words are read in English alone; it is in the description.")
    elif _REPEATS.match(date):
        item.repeat = {"words": date}
    else:
        item.due = {"words": date}
