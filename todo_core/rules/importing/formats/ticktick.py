"""TickTick, as its backup has it: CSV, with lines before its header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from todo_core.rules.importing.formats.texts import Digests, each, known_zone, moment, rows
from todo_core.rules.importing.items import Item, Part

_PRIORITIES: Final = {"": "medium", "0": "medium", "1": "low", "3": "medium", "5": "high"}
_DONE: Final = ("1", "2")
"""Completed, and archived."""
_LOST: Final = {"FOLDER NAME": "There are no folders of lists here.", "REMINDER": "There are no reminders here."}


def parse(text: str) -> Iterator[Part]:
    """Yield the parts of a table."""
    digests = Digests("ticktick")

    def task(at: str, row: dict[str, str]) -> Iterable[Part]:
        yield _task(at, {name: cell.strip() for name, cell in row.items()}, digests)

    yield from each(rows(text, "LIST NAME", "TITLE"), task)


def _task(at: str, row: dict[str, str], digests: Digests) -> Item:
    item = Item(at, row.get("TASKID") or None, parent=row.get("PARENTID") or None, list_ref=row["LIST NAME"] or None)
    item.title, item.description = row["TITLE"], row.get("CONTENT") or None
    # Its number is counted anew in each backup.
    item.key = digests.key(row.get("CREATED TIME", ""), item.title)
    item.priority = _PRIORITIES.get(row.get("PRIORITY", ""), "")
    if not item.priority:
        item.priority = "medium"
        item.changed("priority", "It is no priority of TickTick.")
    item.tags = [tag.strip() for tag in row.get("TAGS", "").split(",") if tag.strip()]
    if row.get("COLUMN NAME"):
        item.tags.append(row["COLUMN NAME"])
        item.changed("section", "A section is a tag here.")
    _take_dates(item, row)
    item.is_done = row.get("STATUS") in _DONE
    item.completed_at = moment(row.get("COMPLETED TIME"))
    if item.completed_at is not None and not item.is_done:
        item.completed_at = None
        item.lost("completed time", "It is open.")
    item.created_at = moment(row.get("CREATED TIME"))
    try:
        item.order = float(row.get("ORDER") or 0)
    except ValueError:
        item.lost("order", "It is no number.")
    for name, message in _LOST.items():
        if row.get(name):
            item.lost(name.lower(), message)
    if row.get("IS CHECK LIST") == "Y":
        item.changed("checklist", "A checklist is text in the description.")
    return item


def _take_dates(item: Item, row: dict[str, str]) -> None:
    item.due, start = _due(item, row, "DUE DATE"), _due(item, row, "START DATE")
    if start is not None and start != item.due:
        item.start = str(start.get("day") or start.get("local") or start["at"])[:10]
    if row.get("REPEAT"):
        item.repeat = {"rule": row["REPEAT"].removeprefix("RRULE:")}
        item.due = item.due or start


def _due(item: Item, row: dict[str, str], name: str) -> dict[str, str | None] | None:
    """Return a date of a row: of all day, the day that a midnight begins in the zone of the row."""
    text = row.get(name)
    if not text:
        return None
    zone = known_zone(row.get("TIMEZONE"))
    when = moment(text, zone or "UTC")
    if when is None:
        item.lost(name.lower(), "It is no date.")
        return None
    local = datetime.fromisoformat(when).astimezone(ZoneInfo(zone or "UTC")).replace(tzinfo=None)
    if row.get("IS ALL DAY", "").lower() == "true":
        if zone is not None:
            return {"day": local.date().isoformat()}
        return {"midnight": when, "day": local.date().isoformat()}
    if row.get("IS FLOATING", "").lower() == "true":
        return {"local": local.isoformat(), "zone": None}
    return {"at": when} if zone is None else {"local": local.isoformat(), "zone": zone}
