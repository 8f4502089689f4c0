"""Todos for calendar programs: iCalendar (RFC 5545), a VTODO for each that is not in the trash.

A day is a DATE, a wall-clock time is floating (section 3.3.5, form 1), a moment is in UTC: so each is what it was, and
no VTIMEZONE is needed. Escaping, folding and line ends are those of the library `icalendar`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from anyio import to_thread
from icalendar import Calendar, Todo, vRecur, vText

from todo_core import __version__
from todo_core.boundary.operation import Tx
from todo_core.dates import start_of_day
from todo_core.rules.exporting.file import ExportFile
from todo_core.rules.exporting.reading import Owner, installation, list_names, todos_of

PRIORITIES: Final = {"urgent": 1, "high": 3, "medium": 5, "low": 9}
"""RFC 5545 section 3.8.1.9: 1 to 4 are high, 5 is medium, 6 to 9 are low."""
_END: Final = b"END:VCALENDAR\r\n"


async def write(tx: Tx, file: ExportFile, owner: Owner) -> None:
    """Write the todos that are not in the trash.

    Args:
        tx: A snapshot.
        file: Where to.
        owner: Who has them.
    """
    names = await list_names(tx)
    calendar = Calendar()
    calendar.add("prodid", f"-//todo-mcp//{__version__}//EN")
    calendar.add("version", "2.0")
    file.write(calendar.to_ical().removesuffix(_END))
    told = _Told(names, owner.zone, installation(tx.core.secret))
    async for todos in todos_of(tx, owner):
        live = [todo for todo in todos if todo["deleted_at"] is None]
        file.write(await to_thread.run_sync(_components, live, file.todos, told, limiter=tx.core.formatting))
        file.todos += len(live)
    file.write(_END)


@dataclass(frozen=True, slots=True)
class _Told:
    """What components say that their rows do not have."""

    lists: Mapping[int, str]
    """Names by id."""
    zone: ZoneInfo
    """The owner's."""
    installation: str
    """Makes UIDs of one server other than those of another (RFC 7986, section 5.3)."""

    def uid(self, todo_id: int) -> str:
        """Return what names a todo in every export."""
        return f"todo-{todo_id}@{self.installation}"


def _components(todos: Sequence[Mapping[str, Any]], already: int, told: _Told) -> bytes:
    return b"".join(_component(todo, place, told).to_ical() for place, todo in enumerate(todos, already + 1))


def _component(todo: Mapping[str, Any], place: int, told: _Told) -> Todo:
    """Return a todo (`ExportedTodo`) as a component; `place` is its place in the file, in the order by hand."""
    made = Todo()
    made.add("uid", told.uid(todo["id"]))
    made.add("dtstamp", _moment(todo["updated_at"]))
    made.add("created", _moment(todo["created_at"]))
    made.add("last-modified", _moment(todo["updated_at"]))
    made.add("summary", todo["title"])
    made.add("priority", PRIORITIES[todo["priority"]])
    if todo["description"]:
        made.add("description", todo["description"])
    if todo["tags"]:
        made.add("categories", todo["tags"])
    if todo["source"]:
        made.add("url", todo["source"])
    if todo["parent_id"] is not None:
        made.add("related-to", told.uid(todo["parent_id"]))
    made.add("status", "COMPLETED" if todo["completed_at"] else "NEEDS-ACTION")
    if todo["completed_at"]:
        made.add("completed", _moment(todo["completed_at"]))
        made.add("percent-complete", 100)
    for property_name, value in _dates(todo, told.zone).items():
        made.add(property_name, value)
    made.add("x-apple-sort-order", place)
    made["x-todo-mcp-list"] = vText(told.lists[todo["list_id"]])  # `add` would not escape it
    return made


def _dates(todo: Mapping[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """Return DTSTART, DUE and RRULE.

    DTSTART has the kind of DUE and is before it (section 3.8.2.3). A rule counts from DTSTART (section 3.8.5.3): it
    is the due itself there, as Apple's Reminders write it.
    """
    start = None if todo["start"] is None else date.fromisoformat(todo["start"])
    if todo["due"] is None:
        return {} if start is None else {"dtstart": start}
    due = _due(todo["due"])
    if todo["repeat"] is not None:
        return {"dtstart": due, "due": due, "rrule": _rule(todo["repeat"]["rule"], due, zone)}
    begin = None if start is None else _like(start, due, zone)
    return {"due": due} if begin is None or begin >= due else {"dtstart": begin, "due": due}


def _due(due: Mapping[str, Any]) -> Any:
    """Return a due as a date, a local date-time without a zone, or a date-time in UTC."""
    if due["kind"] == "moment":
        return _moment(due["at"])
    day = date.fromisoformat(due["date"])
    return day if due["kind"] == "day" else datetime.combine(day, time.fromisoformat(due["time"]))


def _like(day: date, due: Any, zone: ZoneInfo) -> Any:
    """Return the start of a day as a value of the kind of a due."""
    if not isinstance(due, datetime):
        return day
    return datetime.combine(day, time()) if due.tzinfo is None else start_of_day(day, zone)


def _rule(rule: str, due: Any, zone: ZoneInfo) -> vRecur:
    """Return a rule whose UNTIL is of the kind of DTSTART (section 3.3.10); stored it is a local day or time."""
    parts: vRecur = vRecur.from_ical(rule)
    if "UNTIL" in parts:
        (until,) = parts["UNTIL"]
        if not isinstance(due, datetime):
            parts["UNTIL"] = [until.date() if isinstance(until, datetime) else until]
        else:
            last = until if isinstance(until, datetime) else datetime.combine(until, time(23, 59, 59))
            last = last.replace(tzinfo=None)
            parts["UNTIL"] = [last if due.tzinfo is None else last.replace(tzinfo=zone).astimezone(UTC)]
    return parts


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC).replace(microsecond=0)
