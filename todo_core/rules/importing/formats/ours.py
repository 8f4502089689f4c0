"""What this program exports as JSON (`todo_core.models.exports.Export`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from todo_core.models.fields import MAX_ID
from todo_core.rules.importing.formats.texts import Digests, each, members
from todo_core.rules.importing.items import Item, ListItem, Part, ProfileItem, Remark, TagItem, UnreadableError

_VERSION: Final = 1
_AS_THEY_ARE: Final = (
    "title",
    "description",
    "priority",
    "start",
    "completed_at",
    "deleted_at",
    "created_at",
    "source",
)
_PROFILE: Final = ("display_name", "time_zone", "locale", "week_start", "default_list_id", "new_todos")


def parse(content: Any) -> Iterator[Part]:
    """Yield the parts of an export.

    Raises:
        UnreadableError: It is none, or of a later version.
    """
    if not isinstance(content, dict) or content.get("format") != "todo-mcp":
        raise UnreadableError("is no export of this program as JSON")
    if content.get("version") != _VERSION:
        raise UnreadableError("is an export of a later version of this program; import it with that one")
    if isinstance(profile := content.get("profile"), dict):
        yield ProfileItem({name: profile[name] for name in _PROFILE if name in profile})
    lists = [*each(members(content.get("lists"), "lists"), _list)]
    yield from lists
    yield from each(members(content.get("tags"), "tags"), lambda _, tag: [TagItem(str(tag["name"]))])
    notes: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for _, note in members(content.get("notes"), "notes"):
        if isinstance(note, dict) and isinstance(note.get("text"), str):
            notes[str(note.get("todo_id"))].append({name: note.get(name) for name in ("text", "author", "created_at")})
    origin, digests = content.get("origin"), Digests("todo-mcp")
    refs = {part.ref for part in lists if isinstance(part, ListItem)}

    def todo(at: str, row: Any) -> Iterable[Part]:
        item = _todo(at, row, origin if isinstance(origin, str) else None, notes.get(str(row["id"]), []))
        item.key = item.key or digests.key(row["id"], row.get("created_at"), item.title)
        if item.list_ref not in refs:
            item.list_ref = None
            item.changed("list", "Its list is not in the file; it goes to the default list.")
        yield item

    yield from each(members(content.get("todos"), "todos"), todo)
    if content.get("history") is not None:
        yield Remark("history", "lost", "history", "The record of changes stays behind; a new one begins here.")


def _list(at: str, row: Any) -> Iterable[Part]:
    del at
    moments = {name: row.get(name) for name in ("archived_at", "deleted_at", "created_at")}
    yield ListItem(str(row["id"]), row["name"], row.get("color"), row.get("is_inbox") is True, **moments)


def _todo(at: str, row: Any, origin: str | None, notes: list[dict[str, Any]]) -> Item:
    fields = {name: row[name] for name in _AS_THEY_ARE if row.get(name) is not None}
    item = Item(at, str(row["id"]), **fields)
    item.key = row.get("key")
    if origin is not None and type(row["id"]) is int and 0 < row["id"] <= MAX_ID:
        item.own_id, item.origin = row["id"], origin
        item.key = item.key or f"todo-{row['id']}@{origin}"
    item.list_ref = str(row["list_id"])
    item.parent = None if row.get("parent_id") is None else str(row["parent_id"])
    item.follows = None if row.get("follows_id") is None else str(row["follows_id"])
    item.tags = [tag for tag in row.get("tags") or [] if isinstance(tag, str)]
    item.due = None if row.get("due") is None else {"own": row["due"]}
    item.repeat = None if row.get("repeat") is None else {"own": row["repeat"]}
    item.is_done, item.is_trashed = row.get("completed_at") is not None, row.get("deleted_at") is not None
    item.notes = notes
    return item
