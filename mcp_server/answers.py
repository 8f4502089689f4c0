"""Answers for a model: one compact payload, the text the same JSON as the structured content.

What a model can take for granted is left out: nulls, an open status, the default priority.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import orjson
from mcp_types import CallToolResult, TextContent

from todo_core.errors import TodoError
from todo_core.results import Changed

Detail = Literal["concise", "full"]

_INTEGER: Final = {"type": "integer"}
_STRING: Final = {"type": "string"}
_OBJECTS: Final = {"type": "array", "items": {"type": "object"}}

PAGE_SCHEMA: Final = {
    "type": "object",
    "properties": {"todos": _OBJECTS, "showing": _STRING, "next_cursor": _STRING},
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
_ALL_REFUSED: Final = {
    "code": "all_refused",
    "message": "No item was accepted.",
    "retryable": False,
    "next_step": "Correct each item as its error says and send them again.",
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
        told["current"] = todo(told["current"], "full")
    return told


def crash() -> CallToolResult:
    """An error that is our fault; the log has it, the answer does not."""
    return _refused(
        {
            "code": "internal_error",
            "message": "Something went wrong on our side.",
            "retryable": False,
            "next_step": "Tell the person; the fault is logged.",
        }
    )


def _refused(told: dict[str, Any]) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=_compact(told))], is_error=True)


def _compact(content: dict[str, Any]) -> str:
    return orjson.dumps(content).decode()


def todo(row: dict[str, Any], detail: Detail) -> dict[str, Any]:
    """A todo for a model: about 20 tokens, or everything that is not null."""
    if detail == "full":
        return {name: value for name, value in row.items() if value is not None and name != "is_completed"}
    short: dict[str, Any] = {"id": row["id"], "title": row["title"]}
    if row["priority"] != "medium":
        short["priority"] = row["priority"]
    if row["description"]:
        short["has_description"] = True
    if row["completed_at"]:
        short["completed_at"] = row["completed_at"][:10]
    if row["deleted_at"]:
        short["deleted_at"] = row["deleted_at"][:10]
    return short


def tracks(changed: Changed[Any]) -> dict[str, Any]:
    """What every write tells: the change to undo, and whether this is a first answer again."""
    told: dict[str, Any] = {} if changed.change_id is None else {"change_id": changed.change_id}
    return told | {"replayed": True} if changed.replayed else told


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
        row = orjson.loads(item.json)
        told = {"id": row["id"]} | (tell(row) if tell else {})
        results.append(told if item.changed else told | {"unchanged": True})
    if len(refused) == len(results) == 1:
        return refusal(refused[0])
    content: dict[str, Any] = {"results": results} | tracks(changed)
    if refused and len(refused) == len(results):
        return _refused(_ALL_REFUSED | content)
    return payload(content)
