"""Answer a write: a result for each item, in order."""

from __future__ import annotations

from typing import Any

from mcp_types import CallToolResult

from mcp_server import told
from mcp_server.told import Items, Json, Tell
from mcp_server.tool_results import ALL_REFUSED, change_facts, describe, payload, refused
from todo_core.boundary.results import Changed, Done
from todo_core.errors import TodoError


def written(changed: Changed[Any], tell: Tell, items: Items, *, makes: bool = False) -> CallToolResult:
    """Return the results of a write, one for each item, or an error if no item was accepted.

    Args:
        changed: The result of the operation.
        tell: Makes the result of a row.
        items: The items by the call's own names.
        makes: Whether the operation makes the rows: in a dry run their ids belong to no row, and are left out.
    """
    results = [
        _refused(item, items.paths[n], items.ids[n])
        if isinstance(item, TodoError)
        else _accepted(item, tell(item)) | (told.kept(item, items.nulls[n]) if items.nulls else {})
        for n, item in enumerate(changed.results)
    ]
    are_refused = [isinstance(item, TodoError) for item in changed.results]
    if changed.dry_run:
        _drop_ids(results, makes=makes)
    if len(results) == 1 and are_refused[0]:
        return refused(results[0]["error"])
    lean, shared = told.results(results, are_refused)
    answer: Json = {"results": lean} | ({"all": shared} if shared else {}) | _zone(changed, results)
    answer |= change_facts(changed)
    return refused(ALL_REFUSED | answer) if results and all(are_refused) else payload(answer)


def _accepted(item: Done, content: Json) -> Json:
    return content if item.changed else content | {"unchanged": True}


def _refused(error: TodoError, path: str, named: int | str | None) -> Json:
    """Return the result of a refused item: the id that it names, or else its place, and why."""
    return {"item": named if isinstance(named, int) else path, "error": told.located(describe(error), path)}


def _drop_ids(results: list[Json], *, makes: bool) -> None:
    """Leave out the ids of rows that a dry run does not make."""
    for result in results:
        if makes and "error" not in result and not result.get("existing"):
            result.pop("id", None)
        if "next" in result:
            result["next"].pop("id", None)


def _zone(changed: Changed[Any], results: list[Json]) -> Json:
    """Return the time zone of the dates in the results, if there are any."""
    if not any("due" in result or "due" in result.get("next", {}) for result in results):
        return {}
    rows = (item.as_dict() for item in changed.results if isinstance(item, Done))
    found = (due["time_zone"] for row in rows for due in (row.get("due"), (row.get("next") or {}).get("due")) if due)
    return {"time_zone": zone} if (zone := next(found, None)) else {}
