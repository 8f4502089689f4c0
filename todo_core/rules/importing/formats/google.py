"""Google Tasks, as Takeout has them: one JSON with all lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from todo_core.rules.importing.formats.texts import day, each, key_of, members, moment, text_of
from todo_core.rules.importing.items import Item, LeftOut, ListItem, Part, UnreadableError


def parse(content: Any) -> Iterator[Part]:
    """Yield the parts of a file.

    Raises:
        UnreadableError: It is no such file.
    """
    if not isinstance(content, dict) or not str(content.get("kind", "")).startswith("tasks#"):
        raise UnreadableError("has not the form of Google Takeout's Tasks.json")
    if content["kind"] == "tasks#tasks":  # one list, as the API has it
        content = {"items": [content]}
    for at, row in members(content.get("items"), "items"):
        if not isinstance(row, dict):
            yield LeftOut.of(at, "item", "cannot be read")
            continue
        name = text_of(row, "title") or None
        if name is not None:
            yield ListItem(name, name)

        def task(at: str, row: Any, name: str | None = name) -> Iterable[Part]:
            return _task(at, row, name)

        yield from each(members(row.get("items"), f"{at}.items"), task)


def _task(at: str, row: Any, list_name: str | None) -> Iterable[Part]:
    item = Item(at, text_of(row, "id") or None, key_of("google", row.get("id")), list_ref=list_name)
    item.title, item.description = text_of(row, "title").strip(), text_of(row, "notes") or None
    if not item.title and not item.description:
        yield LeftOut.of(at, "title", "It has neither a title nor notes.")
        return
    item.parent = text_of(row, "parent") or None
    if text_of(row, "due"):
        item.due = {"day": day(row["due"])}
        if item.due["day"] is None:
            item.due = None
            item.lost("due", "It is no date.")
    item.is_done = row.get("status") == "completed"
    item.completed_at = moment(row.get("completed"))
    item.created_at = moment(row.get("created"))
    if row.get("deleted") is True:
        item.is_trashed = True
        item.changed("deleted", "It was deleted, and goes to the trash.")
    if row.get("hidden") is True and not item.is_done:
        item.changed("hidden", "It was hidden, and is not any more.")
    if row.get("links"):
        item.lost("links", "Links are not kept.")
    if row.get("recurrence"):
        item.lost("recurrence", "How it repeats is not kept.")
    yield item
