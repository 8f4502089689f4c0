"""Say what changes did: titles, what was and what is, and no more than a model can read."""

from __future__ import annotations

import re
from typing import Any, Final

from mcp_server import bounds, told, tool_results
from mcp_server.told import Json
from mcp_server.tool_results import Detail
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.fields import MAX_ID

ROWS: Final = 20
"""Rows of a change among others: one that deletes a list may have thousands."""
_BYTES: Final = 15_000
"""Bytes of these rows: a change fits into an answer."""
_MOST_UNDONE: Final = 50
"""Changes that an undo is said to have reverted."""
_BOOKKEEPING: Final = frozenset({"version", "updated_at"})
"""Fields that every change changes."""
_FOLLOWS: Final = frozenset({"is_completed", "all_subtasks", "open_subtasks", "done_subtasks", "open_todos", "place"})
"""Fields that change with others, or say nothing by themselves."""
_CURSOR: Final = re.compile(r"([1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,9})", re.ASCII)


def told_of_change(change: Json, detail: Detail, most_rows: int = ROWS, most_bytes: int = _BYTES) -> Json:
    """Return a change for a model: to the second, without nulls, and of each row only the fields that changed.

    Args:
        change: Its read shape.
        detail: `full` has long texts whole, as far as they fit, and every field.
        most_rows: How many of its rows are told.
        most_bytes: How long these are together. Where there are more, `rows_cursor` leads to them.
    """
    names = ("id", "at", "operation", "via", "client", "proposal_id", "approved_by", "undoes", "undone_by")
    short = {name: change[name] for name in names}
    short["agent"] = change["agent_id"]
    if detail == "full":
        short["request_id"] = change["request_id"]
    short["at"] = change["at"][:19] + "Z"
    if change["undoes_also"]:
        short["undoes"] = [change["undoes"], *change["undoes_also"]][:_MOST_UNDONE]
    entries = change["entries"]
    rows = [bounds.within(_difference(entry, detail), most_bytes) for entry in entries[:most_rows]]
    short["rows"] = rows[: bounds.fitting(rows, most_bytes)]
    more = len(entries) - len(short["rows"]) + change["more_entries"]
    if more:
        short["more_rows"] = more
        short["rows_cursor"] = f"{change['id']}.{_behind(change, len(short['rows']))}"
    return {name: value for name, value in short.items() if value is not None}


def _behind(change: Json, shown: int) -> int:
    """Return the number of the entry after which to read on; 0 where some before the shown ones are left out, too."""
    entries, following = change["entries"], change["next_entry"]
    if following == 0 or (following is not None and shown == len(entries)):
        return int(following)
    return int(entries[shown - 1]["number"])


def place_of(cursor: str) -> tuple[int, int]:
    """Return the change, and the number of the entry, that a `rows_cursor` names.

    Raises:
        InvalidInput: It is none.
    """
    match = _CURSOR.fullmatch(cursor)
    if match is None or int(match[1]) > MAX_ID or int(match[2]) >= 2**31:
        message = "is not a rows_cursor; send it as list_changes gave it"
        raise InvalidInput(errors=[FieldError("rows_cursor", message)])
    return int(match[1]), int(match[2])


def _difference(entry: Json, detail: Detail) -> Json:
    """Return the id and the title of a row that changed, and the changed fields before and after.

    Of a new row it is only the title; `added` says that it is new.
    """
    before, after = entry["before"], entry["after"]
    row: Json = {entry["entity"]: entry["id"]}
    if after is None:  # it went to a list that this agent does not see
        return row | {"title": before["title"] if "title" in before else entry["title"], "left": True}
    if entry["entity"] == "proposal":
        told_of = {name: after[name] for name in ("operation", "status", "note")}
        return row | {name: value for name, value in told_of.items() if value is not None}
    if entry["entity"] == "note":
        row |= {"todo": after["todo_id"], "title": entry["title"], "text": _brief(after["text"], detail)}
        if before is None:
            return row
    elif before is None:
        return row | {"added": entry["title"]}
    elif entry["title"] is not None:
        row["title" if entry["entity"] == "todo" else "name"] = entry["title"]
    followed = _BOOKKEEPING if detail == "full" else _BOOKKEEPING | _FOLLOWS
    names = [name for name in after if name not in followed and after[name] != before.get(name)]
    if detail == "concise" and "place" in after and after["place"] != before.get("place"):
        row["moved"] = True
    before, after = ({name: _brief(state.get(name), detail) for name in names} for state in (before, after))
    return row | {"before": before, "after": after}


def _brief(value: Any, detail: Detail) -> Any:
    """Return a value for a model: a due and a repeat as one text, a long text shortened unless it is wanted in full.

    Of the todos that a merge of tags moved it is only the number.
    """
    if isinstance(value, dict):
        if "date" in value and "time" in value:
            return tool_results.due_text(value)
        if "words" in value:
            return value["words"]
        return value | {"todos": len(value["todos"])} if "todos" in value else value
    return told.shortened(value) if detail == "concise" else value
