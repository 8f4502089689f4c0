"""Answers for a model: one compact payload, the text the same JSON as the structured content.

What a model can take for granted is left out: nulls, an open status, the default priority.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import orjson
from mcp_types import CallToolResult, TextContent

from todo_core.boundary.results import Changed
from todo_core.errors import TodoError

Detail = Literal["concise", "full"]

_INTEGER: Final = {"type": "integer"}
_STRING: Final = {"type": "string"}
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}

PAGE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "todos": _OBJECTS,
        "list_id": _INTEGER,
        "time_zone": _STRING,
        "showing": _STRING,
        "next_cursor": _STRING,
        "did_you_mean": _STRING,
        "near": _OBJECTS,
    },
    "required": ["todos", "showing"],
}
WRITE_SCHEMA: Final = {
    "type": "object",
    "properties": {"results": _OBJECTS, "change_id": _INTEGER},
    "required": ["results"],
}
CHANGES_SCHEMA: Final = {
    "type": "object",
    "properties": {"changes": _OBJECTS, "since": _INTEGER},
    "required": ["changes"],
}
_IMPLIED: Final = ("is_completed", "subtasks_changed", "next")
"""Of a todo, what other fields say, and what is told of a write elsewhere."""
_ALL_REFUSED: Final = {
    "code": "all_refused",
    "message": "No item was accepted.",
    "retryable": False,
    "next_step": "Correct each item as its error says and send them again.",
}
CRASH: Final = {
    "code": "internal_error",
    "message": "Something went wrong on our side.",
    "retryable": False,
    "next_step": "Tell the person; the fault is logged.",
}
_DECLINED: Final = {
    "code": "declined",
    "message": "The person did not agree; nothing was changed.",
    "retryable": False,
    "next_step": "Ask the person what to do instead.",
}
OBJECT_SCHEMA: Final = {"type": "object"}


def payload(content: dict[str, Any]) -> CallToolResult:
    """One payload, as structured content and as the same JSON in text."""
    return CallToolResult(content=[TextContent(type="text", text=_compact(content))], structured_content=content)


def refusal(error: TodoError) -> CallToolResult:
    """An error that a model can act on (MC4). No structured content: that is promised to be an answer."""
    return _refused(describe(error))


def describe(error: TodoError) -> dict[str, Any]:
    """An error's code, message, next step and facts; a todo among them in its short form."""
    told = error.as_dict()
    if "current" in told:
        told["current"] = _current(told["current"])
    return told


def _current(row: dict[str, Any]) -> dict[str, Any]:
    """A row that somebody changed: a todo in its usual form, anything else without its nulls."""
    return todo(row, "full") if "title" in row else {name: value for name, value in row.items() if value is not None}


def crash() -> CallToolResult:
    """An error that is our fault; the log has it, the answer does not."""
    return _refused(CRASH)


def declined() -> CallToolResult:
    """A person was asked and did not agree."""
    return _refused(_DECLINED)


def _refused(told: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=_compact(told))], is_error=True)


def _compact(content: dict[str, Any]) -> str:
    return orjson.dumps(content).decode()


def todo(row: dict[str, Any], detail: Detail) -> dict[str, Any]:
    """A todo for a model: about 20 tokens, or everything that is not null or empty."""
    if detail == "full":
        full = {name: value for name, value in row.items() if value is not None and name not in _IMPLIED}
        return {name: value for name, value in full.items() if value not in ([], 0)} | _dates(row)
    short: dict[str, Any] = {"id": row["id"], "title": row["title"]}
    if row["priority"] != "medium":
        short["priority"] = row["priority"]
    short |= _dates(row)
    short |= {name: row[name] for name in ("tags", "open_subtasks", "parent_id") if row[name]}
    if row["description"]:
        short["has_description"] = True
    if row["completed_at"]:
        short["completed_at"] = row["completed_at"][:10]
    if row["deleted_at"]:
        short["deleted_at"] = row["deleted_at"][:10]
    return short


def todos(rows: list[dict[str, Any]], detail: Detail) -> dict[str, Any]:
    """Todos for a model; what they have in common is told once."""
    told = [todo(row, detail) for row in rows]
    common: dict[str, Any] = {}
    if detail == "concise" and len({row["list_id"] for row in rows}) == 1:
        common["list_id"] = rows[0]["list_id"]
    elif detail == "concise":
        told = [one | {"list_id": row["list_id"]} for one, row in zip(told, rows, strict=True)]
    if zone := next((row["due"]["time_zone"] for row in rows if row["due"]), None):
        common["time_zone"] = zone
    return {"todos": told} | common


def _dates(row: dict[str, Any]) -> dict[str, Any]:
    """`2026-11-27 Fri 17:00`, and how it repeats in words; the time zone is told once for all rows."""
    told: dict[str, Any] = {}
    if row["due"] is not None:
        due = row["due"]
        told["due"] = " ".join(filter(None, (due["date"], due["weekday"][:3], due["time"])))
    if row["repeat"] is not None:
        told["repeat"] = row["repeat"]["words"]
    return told


def resolved(row: dict[str, Any]) -> dict[str, Any]:
    """What became of dates that were given in words."""
    return _dates(row) | ({"time_zone": row["due"]["time_zone"]} if row["due"] else {})


def went_along(row: dict[str, Any]) -> dict[str, Any]:
    """Subtasks that went along, and the next occurrence."""
    told = {"subtasks": row["subtasks_changed"]} if row["subtasks_changed"] else {}
    following = row["next"]
    return told if following is None else told | {"next": {"id": following["id"]} | resolved(following)}


def tracks(changed: Changed[Any]) -> dict[str, Any]:
    """What every write tells: the change to undo, and whether this is a first answer again."""
    told: dict[str, Any] = {} if changed.change_id is None else {"change_id": changed.change_id}
    if changed.replayed:
        told["replayed"] = True
    if changed.dry_run:
        told["dry_run"] = True
    return told


def written(changed: Changed[Any], tell: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> CallToolResult:
    """What a write did, one result for each item; an error when nothing at all was accepted.

    Args:
        changed: The result of the operation.
        tell: What to say of a row besides its id.
    """
    results: list[dict[str, Any]] = []
    refused = [item for item in changed.results if isinstance(item, TodoError)]
    for item in changed.results:
        if isinstance(item, TodoError):
            results.append({"error": describe(item)})
            continue
        row = item.as_dict()
        told = {"id": row["id"]} | (tell(row) if tell else {})
        results.append(told if item.changed else told | {"unchanged": True})
    if len(refused) == len(results) == 1:
        return refusal(refused[0])
    content: dict[str, Any] = {"results": results} | tracks(changed)
    if refused and len(refused) == len(results):
        return _refused(_ALL_REFUSED | content)
    return payload(content)
