"""List changes, and undo one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import bounds, told, tool_results
from mcp_server.caller import Me
from mcp_server.told import Items
from mcp_server.tool_results import CHANGES_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.models.changes import ChangeFilter, ChangeId
from todo_core.operations import changes as operations

tools = Toolbox()

_BOOKKEEPING = {"version", "updated_at"}
"""Fields that every change changes."""
_FOLLOWS = {"is_completed", "all_subtasks", "open_subtasks", "done_subtasks"}
"""Fields that change with others."""
_MOST_ROWS = 20
"""Rows of a change in an answer: a change that deletes a list may have thousands."""
_MOST_BYTES = 15_000
"""Bytes of these rows: a change fits into an answer."""


class History(ChangeFilter):
    """Which changes, and how much of each."""

    detail: Annotated[Detail, Field(description="full has long texts whole, and every field.")] = "concise"


@tools.expose(
    operations.list_,
    title="List changes",
    answer=CHANGES_SCHEMA,
    words="The history, what happened: what did the agent or the person do, who moved, changed or deleted it "
    "and when, and what it was before. With `since`, everything after that change in order, nothing "
    "missed; without it, the last changes first, and with `before` what came before that.",
)
async def list_changes(me: Me, filters: History) -> CallToolResult:
    wanted = ChangeFilter(since=filters.since, before=filters.before, limit=filters.limit)
    page = await me.perform(operations.list_, wanted)
    changes = [_short(change, filters.detail) for change in orjson.loads(page.json)]
    fit = bounds.fitting(changes)
    is_cut = fit < len(changes)
    content: dict[str, Any] = {"changes": changes[:fit]}
    if is_cut and filters.since is not None:
        content["since"] = changes[fit - 1]["id"]
    elif page.since is not None:
        content["since"] = page.since
    if page.has_more or is_cut:
        content["has_more"] = True
        if filters.since is None:
            content["before"] = changes[fit - 1]["id"]
    return tool_results.payload(content)


def _short(change: dict[str, Any], detail: Detail) -> dict[str, Any]:
    """Return a change for a model: to the second, without nulls, and of each row only the fields that changed.

    Its rows are as many as fit into one answer.
    """
    short = {name: change[name] for name in ("id", "at", "operation", "via", "client", "undoes", "undone_by")}
    short["at"] = change["at"][:19] + "Z"
    entries = change["entries"]
    rows = [_difference(entry, detail) for entry in entries[:_MOST_ROWS]]
    short["rows"] = rows[: bounds.fitting(rows, _MOST_BYTES)]
    more = len(entries) - len(short["rows"]) + change["more_entries"]
    if more:
        short["more_rows"] = more
    return {name: value for name, value in short.items() if value is not None}


def _difference(entry: dict[str, Any], detail: Detail) -> dict[str, Any]:
    """Return the id and the name of a row that changed, and the changed fields before and after.

    Of a new row it is only the name; `added` says that it is new.
    """
    before, after = entry["before"], entry["after"]
    row: dict[str, Any] = {entry["entity"]: entry["id"]}
    if entry["entity"] == "note":
        row |= {"todo": after["todo_id"], "text": _brief(after["text"], detail)}
        if before is None:
            return row
    elif before is None:
        return row | {"added": after.get("title") or after.get("name")}
    else:
        row |= {name: after[name] for name in ("title", "name") if name in after and after[name] == before.get(name)}
    followed = _BOOKKEEPING if detail == "full" else _BOOKKEEPING | _FOLLOWS
    names = [name for name in after if name not in followed and after[name] != before.get(name)]
    before, after = ({name: _brief(state.get(name), detail) for name in names} for state in (before, after))
    return row | {"before": before, "after": after}


def _brief(value: Any, detail: Detail) -> Any:
    """Return a value for a model: a due and a repeat as one text, a long text shortened unless it is wanted in full.

    Of the todos that a merge of tags moved it is only the number.
    """
    if isinstance(value, dict):
        if "weekday" in value:
            return tool_results.due_text(value)
        if "words" in value:
            return value["words"]
        return value | {"todos": len(value["todos"])} if "todos" in value else value
    return told.shortened(value) if detail == "concise" else value


@tools.expose(
    operations.undo,
    title="Undo a change",
    answer=WRITE_SCHEMA,
    words="Undo a change: revert or take back what was wrong, a batch as one, and put it back as it was before. "
    "What it made goes to the trash. It is refused, with the reason, when a later change is in the way. "
    "An undo can be undone.",
)
async def undo(me: Me, change_id: ChangeId) -> CallToolResult:
    undone = await me.perform(operations.undo, change_id)
    shown = replace(undone, results=undone.results[:_MOST_ROWS])
    more = len(undone.results) + undone.more_results - len(shown.results)
    answer = written(shown, told.of_undone, Items.of("results", [None] * len(shown.results)))
    if answer.structured_content is not None and more:
        return tool_results.payload(answer.structured_content | {"more_results": more})
    return answer
