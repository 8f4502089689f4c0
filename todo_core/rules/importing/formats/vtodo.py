"""iCalendar (RFC 5545): the VTODOs of a file, each read by itself, so that none spoils another.

Lines, escaping, dates, time zones and durations are read by the library `icalendar`. What it would refuse of a VTODO,
it leaves out and names (`ignore_exceptions`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

import icalendar
from icalendar.cal.component_factory import ComponentFactory
from icalendar.prop import vBroken

from todo_core.rules.importing.formats.texts import Digests, each, key_of, known_zone
from todo_core.rules.importing.items import Item, LeftOut, Part, UnreadableError

_BREAK: Final = re.compile(r"\r\n|\r|\n")
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")
_LARGEST: Final = 256 * 1024
"""Characters of a VTODO; a larger one is left out."""
_MOST_ZONES: Final = 50
"""Time zones of their own that a file may define."""
_OWN_UID: Final = re.compile(r"todo-(\d{1,18})@([0-9a-f]{16}\.todo-mcp)", re.ASCII)
_NOT_KEPT: Final = {
    "EXDATE": "Exceptions of a repeat are not kept.",
    "RDATE": "Further dates of a repeat are not kept.",
    "EXRULE": "Exceptions of a repeat are not kept.",
    "ATTACH": "Files are not kept.",
    "GEO": "Places are not kept.",
    "LOCATION": "Places are not kept.",
    "CLASS": "Everything here is its owner's alone.",
    "ORGANIZER": "Other people are not kept.",
    "ATTENDEE": "Other people are not kept.",
    "CONTACT": "Other people are not kept.",
    "RESOURCES": "There is no such thing here.",
}


_KNOWN: Final = frozenset(
    {
        *("due", "dtstart", "duration", "completed", "created", "priority", "rrule", "categories", "related-to"),
        *("summary", "description", "percent-complete", "status", "uid", "url", "comment", "last-modified", "dtstamp"),
    }
)
"""Properties that a remark names; others may have any name."""
_OTHERS: Final = frozenset({"VEVENT", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"})


class _Lenient(icalendar.Todo):
    """A VTODO of which a property that nobody can read is left out, and named in `errors`."""

    ignore_exceptions = True
    _components_factory: ClassVar[ComponentFactory] = ComponentFactory()


_Lenient._components_factory.add_component_class(_Lenient)


@dataclass(slots=True)
class _Block:
    """A component of a file."""

    name: str
    at: str
    lines: list[str] = field(default_factory=list)
    size: int = 0
    inner: Counter[str] = field(default_factory=Counter)
    """How many components are in it, by name."""
    is_whole: bool = False

    def add(self, line: str, mark: str, depth: int) -> None:
        """Add a line: of a time zone all of it, else nothing of the components that are in it.

        Args:
            line: The line.
            mark: Its beginning, in capitals.
            depth: In how many of these components it is, or the next line.
        """
        if mark.startswith("BEGIN:"):
            self.inner[mark[6:]] += 1
        if self.name != "VTIMEZONE" and (depth > 0 or mark.startswith("END:")):
            return
        self.size += len(line)
        if self.size <= _LARGEST:
            self.lines.append(line)

    def value(self, name: str) -> str:
        """Return the value of a line of it by its name; an empty one where there is none."""
        for line in self.lines:
            head, _, value = line.partition(":")
            if head.upper() == name:
                return value.strip()
        return ""


def parse(text: str) -> Iterator[Part]:
    """Yield the VTODOs of a file.

    Raises:
        UnreadableError: It is no iCalendar.
    """
    zones: list[_Block] = []
    todos: list[_Block] = []
    others: list[_Block] = []
    names: list[str] = []
    for block in _blocks(text, names):
        {"VTODO": todos, "VTIMEZONE": zones}.get(block.name, others).append(block)
    if not (todos or zones or others or "BEGIN:VCALENDAR" in text.upper()):
        raise UnreadableError("is no iCalendar")
    _learn(zones)
    list_name = names[0] if names else None
    yield from each(((block.at, block) for block in todos), _Reader(list_name).parts)
    for block in others:
        yield LeftOut.of(block.at, block.name.lower() if block.name in _OTHERS else "component", "It is no VTODO.")


def _blocks(text: str, names: list[str]) -> Iterator[_Block]:
    """Yield the components right below the calendars of a file, whether their ends are there or not.

    Args:
        text: The file.
        names: Gets the names of the calendars.
    """
    block: _Block | None = None
    depth = 0
    for number, line in enumerate(_lines(text), 1):
        mark = line[:80].strip().upper()
        if mark == "BEGIN:VTODO" or (block is None and mark.startswith("BEGIN:") and mark != "BEGIN:VCALENDAR"):
            if block is not None:
                yield block
            block, depth = _Block(mark[6:], f"line {number}"), 0
        elif block is None:
            _take_name(line, mark, names)
        elif mark in ("BEGIN:VCALENDAR", "END:VCALENDAR") or (mark == f"END:{block.name}" and not depth):
            block.is_whole = mark == f"END:{block.name}"
            yield block
            block = None
        else:
            depth += mark.startswith("BEGIN:") - mark.startswith("END:")
            block.add(line, mark, depth)
    if block is not None:
        yield block


def _lines(text: str) -> Iterator[str]:
    position = 0
    for found in _BREAK.finditer(text):
        yield text[position : found.start()]
        position = found.end()
    yield text[position:]


def _take_name(line: str, mark: str, names: list[str]) -> None:
    """Take the name of a calendar, if a line has it."""
    if mark.startswith(("X-WR-CALNAME", "NAME:", "NAME;")):
        with suppress(ValueError):
            read = _Lenient.from_ical(f"BEGIN:VTODO\r\n{line}\r\nEND:VTODO")
            names += [name for name in (_text(read, "X-WR-CALNAME"), _text(read, "NAME")) if name]


def _learn(zones: Iterable[_Block]) -> None:
    """Have the library know the time zones that a file defines, and nobody else does. It keeps them by their names."""
    unknown = [zone for zone in zones if zone.size <= _LARGEST and known_zone(zone.value("TZID")) is None]
    for zone in unknown[:_MOST_ZONES]:
        with suppress(Exception):  # whatever is wrong with it, its times are read by the clock then
            icalendar.Timezone.from_ical("\r\n".join(["BEGIN:VTIMEZONE", *zone.lines, "END:VTIMEZONE"]))


class _Reader:
    """Reads the VTODOs of a file."""

    def __init__(self, list_name: str | None) -> None:
        """Take the name of the calendar, if the file has one."""
        self._list_name = list_name
        self._digests = Digests("ics")

    def parts(self, at: str, block: _Block) -> Iterable[Part]:
        """Return the parts of a VTODO."""
        if block.size > _LARGEST:
            yield LeftOut.of(at, "vtodo", "It is too large.")
            return
        text = "\r\n".join(["BEGIN:VTODO", *block.lines, "END:VTODO"])
        todo = _Lenient.from_ical(text)
        if not isinstance(todo, _Lenient):
            raise TypeError
        if "RECURRENCE-ID" in todo:
            yield LeftOut.of(at, "recurrence-id", "A single occurrence of a repeat that differs is not kept.")
            return
        item = Item(at)
        uid = _text(todo, "UID")
        item.id = uid or None
        item.key = key_of("", uid) or self._digests.key(*(line for line in block.lines if "DTSTAMP" not in line))
        if own := _OWN_UID.fullmatch(uid or ""):
            item.own_id, item.origin = int(own[1]), own[2]
        for name, _ in todo.errors:
            field_name = (name or "").lower()
            item.lost(field_name if field_name in _KNOWN else "property", "It is not understood.")
        _take_texts(item, todo)
        item.list_ref = _text(todo, "X-TODO-MCP-LIST") or self._list_name
        item.priority = _priority(todo)
        _take_dates(item, todo)
        _take_state(item, todo)
        _take_relations(item, todo)
        if not block.is_whole:
            item.changed("vtodo", "Its end is missing.")
        if block.inner["VALARM"]:
            item.lost("valarm", "There are no reminders here.")
        for name, message in _NOT_KEPT.items():
            if name in todo:
                item.lost(name.lower(), message)
        yield item


def _values(todo: icalendar.Component, name: str) -> list[Any]:
    """Return the values of a property that can be read, however often it is there."""
    value = todo.get(name)
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [one for one in values if not isinstance(one, vBroken)]


def _text(todo: icalendar.Component, name: str) -> str:
    """Return a text; the library leaves the escapes of properties that it does not know."""
    values = _values(todo, name)
    text = str(values[0]).strip() if values else ""
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text) if name.startswith("X-") else text


def _take_texts(item: Item, todo: icalendar.Todo) -> None:
    item.title, item.description = _text(todo, "SUMMARY"), _text(todo, "DESCRIPTION") or None
    for categories in _values(todo, "CATEGORIES"):
        item.tags += [str(name).strip() for name in getattr(categories, "cats", [categories]) if str(name).strip()]
    for comment in _values(todo, "COMMENT"):
        if str(comment).strip():
            item.notes.append({"text": str(comment), "author": None, "created_at": None})
    item.source = _text(todo, "URL") or None


def _priority(todo: icalendar.Todo) -> str:
    """Return a priority: 1 to 4 are high, 5 is medium, 6 to 9 are low, 0 is none (section 3.8.1.9)."""
    values = _values(todo, "PRIORITY")
    number = int(values[0]) if values else 0
    if number in (1, 2):
        return "urgent"
    if number in (3, 4):
        return "high"
    return "low" if 6 <= number <= 9 else "medium"


def _take_dates(item: Item, todo: icalendar.Todo) -> None:
    due, start = _date(item, todo, "DUE"), _date(item, todo, "DTSTART")
    rules = _values(todo, "RRULE")
    if due is None and start is not None:
        durations = _values(todo, "DURATION")
        if durations:
            begin = _values(todo, "DTSTART")[0].dt
            due = _as_due(begin + durations[0].dt, start)
        elif rules:
            due = start
    item.due = due
    if start is not None and start != due:
        item.start = next(iter(start.values()))[:10]
    if rules:
        item.repeat = {"rule": rules[0].to_ical().decode()}
    if len(rules) > 1:
        item.lost("rrule", "Of several rules the first is kept.")


def _date(item: Item, todo: icalendar.Todo, name: str) -> dict[str, Any] | None:
    values = _values(todo, name)
    if not values:
        return None
    value = values[0].dt
    if not isinstance(value, date):
        item.lost(name.lower(), "It is no date.")
        return None
    zone = str(values[0].params.get("TZID", "")) or None
    known = known_zone(zone)
    if known is not None and isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=ZoneInfo(known))  # of a zone that the library knows by another spelling alone
    elif zone is not None and isinstance(value, datetime) and value.tzinfo is None:
        item.changed(name.lower(), "Its time zone is not known; the time is that of your clock.")
    return _as_due(value, {"zone": known})


def _as_due(value: Any, like: dict[str, Any]) -> dict[str, Any]:
    """Return a date as an item has it.

    Args:
        value: A date or a date-time.
        like: Has the time zone of one with a time, in `zone`.
    """
    if not isinstance(value, datetime):
        return {"day": value.isoformat()}
    zone = like.get("zone") or getattr(value.tzinfo, "key", None)
    if value.tzinfo is None or (zone is not None and zone != "UTC"):
        return {"local": value.replace(tzinfo=None).isoformat(), "zone": zone if value.tzinfo is not None else None}
    return {"at": value.astimezone(UTC).isoformat()}


def _moment(todo: icalendar.Todo, name: str) -> str | None:
    """Return a moment; one without a zone is in UTC, as Nextcloud writes it."""
    values = _values(todo, name)
    value = values[0].dt if values else None
    if not isinstance(value, date):
        return None
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, 12, tzinfo=UTC).isoformat()
    return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)).isoformat()


def _take_state(item: Item, todo: icalendar.Todo) -> None:
    status = _text(todo, "STATUS").upper()
    percent = _text(todo, "PERCENT-COMPLETE")
    item.completed_at = _moment(todo, "COMPLETED")
    item.is_done = status == "COMPLETED" or item.completed_at is not None or (not status and percent == "100")
    item.created_at = _moment(todo, "CREATED")
    if status == "CANCELLED":
        item.is_trashed = True
        item.changed("status", "It was cancelled, and goes to the trash.")
    elif status == "IN-PROCESS" and not item.is_done:
        item.changed("status", "It is open here.")
    if percent not in ("", "0", "100") and not item.is_done:
        item.lost("percent-complete", "A todo is open or done here.")


def _take_relations(item: Item, todo: icalendar.Todo) -> None:
    for relation in _values(todo, "RELATED-TO"):
        kind = str(getattr(relation, "params", {}).get("RELTYPE", "PARENT")).upper()
        if kind == "PARENT" and item.parent is None:
            item.parent = str(relation).strip() or None
        else:
            item.lost("related-to", "Of related todos the first parent is kept.")
    order = _text(todo, "X-APPLE-SORT-ORDER")
    if order:
        try:
            item.order = float(order)
        except ValueError:
            item.lost("x-apple-sort-order", "It is no number.")
