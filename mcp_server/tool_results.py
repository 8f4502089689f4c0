"""Make the answers of tools: one compact payload, whose text is the same JSON as the structured content.

Values that a model takes for granted are left out: nulls, an open status, the default priority. Characters that a model
reads and a person does not see are escaped: texts that are older than the rules of `todo_core.text` may have some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final, Literal, TypeVar

import orjson
from mcp_types import CallToolResult, TextContent

from todo_core.boundary.results import Changed
from todo_core.errors import TodoError
from todo_core.text import escaped

Detail = Literal["concise", "full"]
Shown = TypeVar("Shown", dict[str, Any], list[Any])
"""JSON, as it is sent."""

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
    "properties": {
        "results": _OBJECTS,
        "all": {"type": "object"},
        "time_zone": _STRING,
        "change_id": _INTEGER,
    },
    "required": ["results"],
}
LISTS_SCHEMA: Final = {
    "type": "object",
    "properties": {"results": _OBJECTS, "all": {"type": "object"}, "change_id": _INTEGER},
    "required": ["results"],
}
ROW_SCHEMA: Final = {
    "type": "object",
    "properties": {"results": _OBJECTS, "change_id": _INTEGER},
    "required": ["results"],
}
CHANGES_SCHEMA: Final = {
    "type": "object",
    "properties": {"changes": _OBJECTS, "since": _INTEGER, "before": _INTEGER, "has_more": {"type": "boolean"}},
    "required": ["changes"],
}
_IMPLIED: Final = ("is_completed", "subtasks_changed", "next", "existing", "similar")
"""Fields of a todo that follow from others, or that only the results of writes have (`mcp_server.told`)."""
_WHERE_ANY: Final = ("tags", "all_subtasks", "open_subtasks", "done_subtasks", "note_count", "parent_id")
"""Fields that the concise form of a todo has only if they are not empty or 0."""
ALL_REFUSED: Final = {
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
WAITS: Final = (
    "This waits for the person's approval; nothing has changed. Go on with something else; list_changes tells."
)
"""The `next_step` of a write that was stored as a proposal."""
OBJECT_SCHEMA: Final = {"type": "object"}
_INDEX: Final = re.compile(r"\.([0-9]+)(?=\.|$)", re.ASCII)
"""An index in the path of a field."""
_SEVERAL_LINES: Final = ("description", "text")
"""Fields of texts that may have several lines."""


def payload(content: dict[str, Any]) -> CallToolResult:
    """Return a payload as structured content, and as the same JSON in text."""
    shown, text = as_shown(content)
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=shown)


def on_the_wire(result: CallToolResult) -> dict[str, Any]:
    """Return a result as the protocol has it. The SDK checks it as it does a model, which it would copy first."""
    content = [part.model_dump(mode="json", by_alias=True, exclude_none=True) for part in result.content]
    wire: dict[str, Any] = {"content": content, "isError": result.is_error, "resultType": result.result_type}
    return wire if result.structured_content is None else wire | {"structuredContent": result.structured_content}


def refusal(error: TodoError) -> CallToolResult:
    """Return an error that a model can act on (MC4), as text alone: the output schema is that of a success."""
    return refused(describe(error))


def describe(error: TodoError) -> dict[str, Any]:
    """Return an error's code, message, next step and facts, with the current row as a model reads rows.

    A path has its indices in brackets: `todos[0].title`.
    """
    content = error.as_dict()
    for refused in content.get("errors", ()):
        refused["field"] = _INDEX.sub(r"[\1]", refused["field"])
    if "current" in content:
        content["current"] = _current(content["current"])
    if "similar" in content:
        content["similar"] = similar(content["similar"])
    return content


def similar(todos: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return todos that look the same as a new one, each in fewer than 20 tokens besides its title."""
    return [{name: one[name] for name in ("id", "title", "list")} for one in todos]


def _current(row: dict[str, Any]) -> dict[str, Any]:
    """Return the present state of a row after a conflict: a todo in full, any other row without nulls."""
    return todo(row, "full") if "title" in row else {name: value for name, value in row.items() if value is not None}


def crash() -> CallToolResult:
    """Return the error for a fault of the server, which says nothing of its cause: that is in the log."""
    return refused(CRASH)


def declined() -> CallToolResult:
    """Return the error for a write to which the person, when asked, did not agree."""
    return refused(_DECLINED)


def refused(content: dict[str, Any]) -> CallToolResult:
    """Return content as an error: as text alone."""
    return CallToolResult(content=[TextContent(type="text", text=as_shown(content)[1])], is_error=True)


def as_shown(content: Shown) -> tuple[Shown, str]:
    """Return content with every text in it escaped, and compact JSON of that."""
    text = orjson.dumps(content).decode()
    if text.isascii() and text.isprintable() and "\\" not in text:  # nothing of it can need to be escaped
        return content, text
    shown: Shown = _escaped(content)
    return shown, orjson.dumps(shown).decode()


def _escaped(value: Any, field: str = "") -> Any:
    """Return a value with every text in it escaped.

    Args:
        value: JSON.
        field: The name of the field that it is in.
    """
    if isinstance(value, str):
        return escaped(value, several_lines=field in _SEVERAL_LINES)
    if isinstance(value, dict):
        return {name: _escaped(item, name) for name, item in value.items()}
    return [_escaped(item, field) for item in value] if isinstance(value, list) else value


def todo(row: dict[str, Any], detail: Detail) -> dict[str, Any]:
    """Return a todo for a model.

    Args:
        row: Its read shape.
        detail: `concise` is about 20 tokens, `full` has every field that is not null, empty or zero.
    """
    if detail == "full":
        full = {name: value for name, value in row.items() if value is not None and name not in _IMPLIED}
        return {name: value for name, value in full.items() if value not in ([], 0)} | dates(row) | _notes(row)
    short: dict[str, Any] = {"id": row["id"], "title": row["title"]}
    if row["priority"] != "medium":
        short["priority"] = row["priority"]
    short |= dates(row)
    short |= {name: row[name] for name in _WHERE_ANY if row[name]}
    if row["description"]:
        short["has_description"] = True
    if row["completed_at"]:
        short["completed_at"] = row["completed_at"][:10]
    if row["deleted_at"]:
        short["deleted_at"] = row["deleted_at"][:10]
    return short


def todos(rows: list[dict[str, Any]], items: list[dict[str, Any]], detail: Detail) -> dict[str, Any]:
    """Return todos for a model. The list, if they share one, and the time zone are given once for all.

    Args:
        rows: Their read shapes.
        items: The same as `todo` returns them.
        detail: As in `todo`.
    """
    common: dict[str, Any] = {}
    if detail == "concise" and len({row["list_id"] for row in rows}) == 1:
        common["list_id"] = rows[0]["list_id"]
    elif detail == "concise":
        items = [item | {"list_id": row["list_id"]} for item, row in zip(items, rows, strict=True)]
    if zone := next((row["due"]["time_zone"] for row in rows if row["due"]), None):
        common["time_zone"] = zone
    return {"todos": items} | common


def dates(row: dict[str, Any]) -> dict[str, Any]:
    """Return when a todo starts and is due, as `2026-11-27 Fri 17:00` without a time zone, and its repeat, in words.

    A due that is fixed at a moment has that moment in `due_at`, too.
    """
    facts: dict[str, Any] = {}
    if row.get("start") is not None:  # an answer that the version before has kept has none
        facts["start"] = f"{date.fromisoformat(row['start']):%Y-%m-%d %a}"
    if row["due"] is not None:
        due = row["due"]
        facts["due"] = due_text(due)
        if due["kind"] == "moment":
            facts["due_at"] = due["at"]
    if row["repeat"] is not None:
        facts["repeat"] = row["repeat"]["words"]
    return facts


def due_text(due: dict[str, Any]) -> str:
    """Return a due, as the read shape of a todo has it, as one text: `2026-11-27 Fri 17:00`."""
    return " ".join(filter(None, (due["date"], due["weekday"][:3], due["time"])))


def _notes(row: dict[str, Any]) -> dict[str, Any]:
    """Return the newest notes on a todo, without the author of those by the person; nothing where there are none."""
    shown = [
        {name: note[name] for name in ("text", "author", "created_at") if note[name] is not None}
        for note in row.get("notes", ())
    ]
    return {"notes": shown} if shown else {}


def change_facts(changed: Changed[Any]) -> dict[str, Any]:
    """Return the facts of every write's answer: the change id for undo, and whether it is a replay, a dry run or a
    proposal."""
    facts: dict[str, Any] = {} if changed.change_id is None else {"change_id": changed.change_id}
    if changed.replayed:
        facts["replayed"] = True
    if changed.proposal_id is not None:
        facts |= {"proposal_id": changed.proposal_id, "next_step": WAITS}
    elif changed.dry_run:
        facts["dry_run"] = True
    return facts
