"""Microsoft To Do, as its API (Graph) answers: an array of `todoTask`, or of lists that have one each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, Final

from todo_core.rules.importing.formats.texts import day, each, key_of, known_zone, members, moment, nearest_day, text_of
from todo_core.rules.importing.items import Item, ListItem, Part, UnreadableError

_PRIORITIES: Final = {"high": "high", "normal": "medium", "low": "low"}
_DAYS: Final = {
    name: name[:2].upper() for name in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
}
_INDEXES: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_OPEN: Final = {"inProgress", "waitingOnOthers", "deferred"}


def parse(content: Any) -> Iterator[Part]:
    """Yield the parts of an answer, or of several lists.

    Raises:
        UnreadableError: It has no array of tasks.
    """
    rows = content.get("value", content.get("lists")) if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise UnreadableError("has not the form of Microsoft Graph: an object with the tasks in `value`")
    yield from each(members(rows, "value"), _list_or_task)


def _list_or_task(at: str, row: Any) -> Iterable[Part]:
    if "tasks" not in row:
        yield from _task(at, row, None)
        return
    name = text_of(row, "displayName") or None
    if name is not None:
        yield ListItem(name, name)
    yield from each(members(row["tasks"], f"{at}.tasks"), lambda place, task: _task(place, task, name))


def _task(at: str, row: Any, list_name: str | None) -> Iterable[Part]:
    item = Item(at, text_of(row, "id") or None, key_of("microsoft", row.get("id")), list_ref=list_name)
    item.title = text_of(row, "title")
    item.priority = _PRIORITIES.get(text_of(row, "importance"), "medium")
    item.tags = [tag for _, tag in members(row.get("categories"), "categories") if isinstance(tag, str)]
    _take_body(item, row.get("body"))
    item.due = _due(item, row.get("dueDateTime"))
    item.start = _day_of(row.get("startDateTime"))
    if isinstance(row.get("recurrence"), dict):
        item.repeat = {"rule": _rule(row["recurrence"])}
    status = text_of(row, "status")
    item.is_done = status == "completed"
    if status in _OPEN:
        item.changed("status", "It is open here.")
    finished = row.get("completedDateTime")
    if isinstance(finished, dict):
        item.completed_at = moment(finished.get("dateTime"), known_zone(finished.get("timeZone")) or "UTC")
    item.created_at = moment(row.get("createdDateTime"))
    if row.get("reminderDateTime") is not None:
        item.lost("reminder", "There are no reminders here.")
    _take_links(item, row)
    yield item
    if item.id is None:
        item.id = at
    yield from each(
        members(row.get("checklistItems"), f"{at}.checklistItems"), lambda place, step: _step(place, step, item)
    )


def _step(at: str, row: Any, task: Item) -> Iterable[Part]:
    """Return an item of a checklist, which is a subtask here."""
    step = Item(
        at, text_of(row, "id") or None, key_of("microsoft", row.get("id")), parent=task.id, list_ref=task.list_ref
    )
    step.title, step.is_done = text_of(row, "displayName"), row.get("isChecked") is True
    step.completed_at, step.created_at = moment(row.get("checkedDateTime")), moment(row.get("createdDateTime"))
    yield step


def _take_body(item: Item, body: Any) -> None:
    content = text_of(body, "content") if isinstance(body, dict) else ""
    if content and body.get("contentType") == "html":
        content = _Text.of(content)
        item.changed("body", "Of HTML the text is kept.")
    item.description = content.strip() or None


def _take_links(item: Item, row: dict[str, Any]) -> None:
    links = [text_of(link, "webUrl") for _, link in members(row.get("linkedResources"), "") if isinstance(link, dict)]
    if links:
        item.source = links[0]
    if len(links) > 1:
        item.lost("linkedResources", "Of several links the first is kept.")
    if row.get("hasAttachments") is True:
        item.lost("attachments", "Files are not kept.")


def _due(item: Item, due: Any) -> dict[str, Any] | None:
    if not isinstance(due, dict):
        return None
    text, zone = text_of(due, "dateTime"), known_zone(text_of(due, "timeZone"))
    if text[11:16] == "00:00" or zone not in (None, "UTC", "Etc/UTC"):
        return None if (on := day(text)) is None else {"day": on}
    on = nearest_day(text)
    if on is None:
        item.lost("due", "It is no date.")
        return None
    # A day is sent as its midnight somewhere: where the person is, if it is one there.
    return {"midnight": moment(text), "day": on}


def _day_of(value: Any) -> str | None:
    return nearest_day(text_of(value, "dateTime")) if isinstance(value, dict) else None


def _rule(recurrence: dict[str, Any]) -> str:
    """Return a pattern of Graph as a rule of RFC 5545."""
    pattern, bounds = recurrence["pattern"], recurrence.get("range") or {}
    kind = pattern["type"]
    parts = [f"INTERVAL={int(pattern.get('interval') or 1)}"]
    days = ",".join(_DAYS[name.lower()] for name in pattern.get("daysOfWeek") or [])
    if kind.startswith("relative"):
        parts += [f"BYDAY={days}", f"BYSETPOS={_INDEXES[pattern.get('index', 'first')]}"]
    elif kind == "weekly" and days:
        parts.append(f"BYDAY={days}")
    elif kind.startswith("absolute"):
        parts.append(f"BYMONTHDAY={int(pattern['dayOfMonth'])}")
    if kind.endswith("Yearly"):
        parts.append(f"BYMONTH={int(pattern['month'])}")
    frequency = {"daily": "DAILY", "weekly": "WEEKLY"}.get(kind) or ("YEARLY" if kind.endswith("Yearly") else "MONTHLY")
    if bounds.get("type") == "numbered":
        parts.append(f"COUNT={int(bounds['numberOfOccurrences'])}")
    elif bounds.get("type") == "endDate":
        parts.append(f"UNTIL={str(bounds['endDate']).replace('-', '')}")
    return ";".join([f"FREQ={frequency}", *parts])


class _Text(HTMLParser):
    """Takes the text out of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    @classmethod
    def of(cls, html: str) -> str:
        """Return the text of HTML."""
        reader = cls()
        reader.feed(html)
        reader.close()
        return "".join(reader.parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin lines where blocks begin, and pass over what is no text."""
        del attrs
        self._hidden += tag in ("script", "style")
        if tag in ("br", "p", "div", "li", "tr"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        """End what is no text."""
        if tag in ("script", "style") and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self._hidden:
            self.parts.append(data)
