"""List changes, and undo some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

import orjson
from mcp_types import CallToolResult
from pydantic import Field, WithJsonSchema

from mcp_server import bounds, history, told, tool_results
from mcp_server.caller import Me
from mcp_server.told import Items
from mcp_server.tool_results import CHANGES_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.boundary.results import Changed
from todo_core.errors import MOST_LISTED, FieldError, InvalidInput, UndoRefused
from todo_core.models.changes import ChangeFilter, ChangeId, ChangesSince, ClientPart, UndoChoice
from todo_core.models.fields import Id, Input, Limit, Line
from todo_core.models.todos import Bound
from todo_core.operations import changes as operations

tools = Toolbox()

MOST_AT_ONCE: Final = 20
"""Changes that a call undoes: as many as a model was shown, and can tell a person of."""


_Kind = Literal["todo", "list", "tag", "note", "user"]
"""Kinds of rows that agents change; `user` is the profile."""
_Plain: Final = WithJsonSchema({"type": "string"})
"""Advertises a text without its bounds, which nobody meets."""


class History(Input):
    """Which changes, and how much of each."""

    when: Annotated[Annotated[Bound, _Plain] | None, Field(description="In words or ISO 8601.")] = None
    client: Annotated[Annotated[ClientPart, _Plain] | None, Field(description="Its name, or part.")] = None
    agent: Annotated[Id | None, Field(description="Id.")] = None
    entity: Annotated[_Kind | None, Field(description="Only this kind.")] = None
    id: Annotated[Id | None, Field(description="Only this todo or entity.")] = None
    since: Annotated[ChangesSince | None, Field(description="After this change, oldest first.")] = None
    before: Annotated[ChangeId | None, Field(description="Before this.")] = None
    rows_cursor: Annotated[
        Annotated[str, Line(min_length=1, max_length=40), _Plain] | None,
        Field(description="Further rows."),
    ] = None
    limit: Annotated[Limit, Field(description="Changes.")] = 50
    detail: Annotated[Detail, Field(description="full: long texts whole.")] = "concise"


@tools.expose(
    (operations.list_, operations.get),
    title="List changes",
    answer=CHANGES_SCHEMA,
    words="""
    History of edits, latest first: "What did you do while I was away? Who moved it, who deleted or changed it, and
    when? What happened since yesterday? Show latest changes, recent activity. Did anybody touch it before?"
    """,
)
async def list_changes(me: Me, filters: History) -> CallToolResult:
    if filters.rows_cursor is not None:
        return await _further_rows(me, filters)
    wanted = ChangeFilter(
        since=filters.since,
        before=filters.before,
        limit=filters.limit,
        when=filters.when,
        client=filters.client,
        agent=filters.agent,
        entity=filters.entity,
        entity_id=filters.id,
    )
    page = await me.perform(operations.list_, wanted)
    changes = [history.told_of_change(change, filters.detail) for change in orjson.loads(page.json)]
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
    if filters.client is not None and not changes and filters.since is None and filters.before is None:
        content |= await _other_clients(me, wanted)
    return tool_results.payload(content)


async def _other_clients(me: Me, wanted: ChangeFilter) -> dict[str, Any]:
    """Return which clients there are in the latest changes: a person may call one by another name than it does."""
    page = await me.perform(operations.list_, wanted.model_copy(update={"client": None}))
    names = dict.fromkeys(change["client"] for change in orjson.loads(page.json) if change["client"] is not None)
    return {"clients": [*names][:MOST_LISTED]} if names else {}


async def _further_rows(me: Me, filters: History) -> CallToolResult:
    """Return rows of one change, those after the ones that were shown."""
    others = filters.model_fields_set - {"rows_cursor", "detail", "limit"}
    if given := [name for name in sorted(others) if getattr(filters, name) is not None]:
        message = "cannot be given together with rows_cursor; leave one of them out"
        raise InvalidInput(errors=[FieldError(given[0], message, code="conflicting")])
    change_id, after = history.place_of(filters.rows_cursor or "")
    change = orjson.loads((await me.perform(operations.get, change_id, after)).json)
    shown = history.told_of_change(change, filters.detail, len(change["entries"]), bounds.MOST_BYTES)
    return tool_results.payload({"changes": [shown]})


@tools.expose(
    (operations.undo, operations.undo_several),
    title="Undo changes",
    answer=WRITE_SCHEMA,
    words="""
    Undo your last change, an earlier one, or several as one: "Undo that. No, go back. Take it back, that was a
    mistake. It was wrong, not how I meant it, reverse it. Revert everything you just did." A later change in its way
    refuses it. Whatever it made is trashed. It can be undone, too.
    """,
)
async def undo(
    me: Me,
    change_id: Annotated[Id | None, Field(description="As told.")] = None,
    change_ids: Annotated[
        list[Id] | None, Field(min_length=1, max_length=MOST_AT_ONCE, description="Or several.")
    ] = None,
    when: Annotated[Annotated[Bound, _Plain] | None, Field(description="Or a period.")] = None,
    skip_conflicts: Annotated[bool, Field(description="Undo all others.")] = False,
) -> CallToolResult:
    others = {"change_ids": change_ids, "when": when, "skip_conflicts": skip_conflicts or None}
    if change_id is not None:
        if given := [name for name, value in others.items() if value is not None]:
            message = "cannot be given together with change_id; leave one of them out"
            raise InvalidInput(errors=[FieldError(given[0], message, code="conflicting")])
        return _told(await me.perform(operations.undo, change_id))
    if change_ids is None and when is None:
        raise InvalidInput(errors=[FieldError("change_id", "is required, or change_ids, or when", code="required")])
    said = {name: value for name, value in others.items() if name != "change_ids" and value is not None}
    choice = (UndoChoice(**said),) if said else ()  # left out, as by versions before: their keys are found
    try:
        return _told(await me.perform(operations.undo_several, change_ids or [], *choice))
    except UndoRefused as refused:
        refused.extra |= _first("conflicts", refused.extra.get("conflicts", ()))
        raise


def _told(undone: Changed[Any]) -> CallToolResult:
    """Return what an undo did, as much of it as a model can tell a person of."""
    shown = replace(undone, results=undone.results[: history.ROWS])
    more = len(undone.results) + undone.more_results - len(shown.results)
    answer = written(shown, told.of_undone, Items.of("results", [None] * len(shown.results)))
    facts = ({"more_results": more} if more else {}) | _first("skipped", undone.skipped)
    if answer.structured_content is not None and facts:
        return tool_results.payload(answer.structured_content | facts)
    return answer


def _first(name: str, changes: Sequence[Any]) -> dict[str, Any]:
    """Return the first of the changes that were not undone, and how many more there are; nothing for none."""
    facts: dict[str, Any] = {name: [*changes[:MOST_AT_ONCE]]} if changes else {}
    more = len(changes) - MOST_AT_ONCE
    return facts | ({f"more_{name}": more} if more > 0 else {})
