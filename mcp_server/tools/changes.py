"""List changes, and undo one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from mcp_types import CallToolResult

from mcp_server import told, tool_results
from mcp_server.caller import Me
from mcp_server.told import Items
from mcp_server.tool_results import CHANGES_SCHEMA, WRITE_SCHEMA
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.models.changes import ChangeFilter, ChangeId
from todo_core.operations import changes as operations

tools = Toolbox()

_BOOKKEEPING = {"version", "updated_at"}
"""Fields that every change changes."""
_MOST_ROWS = 20
"""Rows of a change in an answer: a change that deletes a list may have thousands."""


@tools.expose(operations.list_, title="List changes", answer=CHANGES_SCHEMA)
async def list_changes(me: Me, filters: ChangeFilter) -> CallToolResult:
    page = await me.perform(operations.list_, filters)
    content: dict[str, Any] = {"changes": [_short(change) for change in orjson.loads(page.json)]}
    if page.next_cursor is not None:
        content["since"] = int(page.next_cursor)
    if page.has_more:
        content["has_more"] = True
    return tool_results.payload(content)


def _short(change: dict[str, Any]) -> dict[str, Any]:
    """Return a change for a model: to the second, without nulls, and of each row only the fields that changed."""
    short = {name: change[name] for name in ("id", "at", "operation", "via", "client", "undoes", "undone_by")}
    short["at"] = change["at"][:19] + "Z"
    entries = change["entries"]
    short["rows"] = [_difference(entry) for entry in entries[:_MOST_ROWS]]
    more = len(entries[_MOST_ROWS:]) + change["more_entries"]
    if more:
        short["more_rows"] = more
    return {name: value for name, value in short.items() if value is not None}


def _difference(entry: dict[str, Any]) -> dict[str, Any]:
    """Return the id of a row that changed, and the changed fields before and after; of a new row, what it is called."""
    before, after = entry["before"], entry["after"]
    row_id: dict[str, Any] = {entry["entity"]: entry["id"]}
    is_note = entry["entity"] == "note"
    if is_note:
        row_id |= {"todo": after["todo_id"], "text": after["text"]}
    if before is None:
        return row_id if is_note else row_id | {"added": after.get("title") or after.get("name")}
    names = [name for name in after if name not in _BOOKKEEPING and after[name] != before.get(name)]
    before, after = ({name: _brief(row.get(name)) for name in names} for row in (before, after))
    return row_id | {"before": before, "after": after}


def _brief(value: Any) -> Any:
    """Return a value for a model: of the todos that a merge of tags moved, only their number."""
    if isinstance(value, dict) and "todos" in value:
        return value | {"todos": len(value["todos"])}
    return value


@tools.expose(operations.undo, title="Undo a change", answer=WRITE_SCHEMA)
async def undo(me: Me, change_id: ChangeId) -> CallToolResult:
    undone = await me.perform(operations.undo, change_id)
    shown = replace(undone, results=undone.results[:_MOST_ROWS])
    more = len(undone.results) + undone.more_results - len(shown.results)
    answer = written(shown, told.of_undone, Items.of("results", [None] * len(shown.results)))
    if answer.structured_content is not None and more:
        return tool_results.payload(answer.structured_content | {"more_results": more})
    return answer
