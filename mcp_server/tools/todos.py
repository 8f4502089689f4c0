"""Add, list, update, complete and delete todos."""

from __future__ import annotations

from typing import Annotated, Literal, cast

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.tool_results import PAGE_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.toolbox import Toolbox
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.dues import DUE_CHANGE_WORDS, DUE_WORDS, REPEAT_WORDS, DueText, RepeatText
from todo_core.models.fields import MAX_BATCH, STRICT, Limit
from todo_core.models.todos import TodoCreate, TodoFilter, TodoIds, TodoUpdate
from todo_core.operations import search
from todo_core.operations import todos as operations
from todo_core.validation import Tried

tools = Toolbox()


class TodoListing(TodoFilter):
    """Which todos to list, and how much of each."""

    limit: Annotated[Limit, Field(description="Rows on a page, 1–200.")] = 25
    detail: Annotated[Detail, Field(description="full adds description, times, version, the newest notes.")] = "concise"

    @property
    def shows_notes(self) -> bool:
        """Whether each row has its newest notes."""
        return self.detail == "full"


class NewTodo(TodoCreate):
    """A new todo, its dates in words or ISO 8601."""

    due: Annotated[DueText | None, Field(description=DUE_WORDS)] = None
    repeat: Annotated[RepeatText | None, Field(description=REPEAT_WORDS)] = None


class TodoEdit(TodoUpdate, total=False):
    """A change to one todo; what is left out stays. Its dates are in words or ISO 8601."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    due: Annotated[DueText | None, Field(description=DUE_CHANGE_WORDS)]  # type: ignore[misc]  # narrower
    repeat: Annotated[RepeatText | None, Field(description=REPEAT_WORDS)]  # type: ignore[misc]
    clear: Annotated[
        list[Literal["description", "parent_id", "start", "due", "repeat", "source"]],
        Field(max_length=6, description="Fields to empty; clearing repeat ends the series."),
    ]


@tools.expose(operations.add, title="Add todos", answer=WRITE_SCHEMA)
async def add_todos(
    me: Me,
    todos: Annotated[list[Tried[NewTodo]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 new todos.")],
) -> CallToolResult:
    return tool_results.written(await me.perform(operations.add, todos), tool_results.added)


@tools.expose(operations.list_, title="List todos", answer=PAGE_SCHEMA)
async def list_todos(me: Me, listing: TodoListing) -> CallToolResult:
    page = await me.perform(operations.list_ if listing.text is None else search.find, listing)
    rows = orjson.loads(page.json)
    content = tool_results.todos(rows, listing.detail) | {"showing": f"{len(rows)} of {page.total}"}
    if page.next_cursor is not None:
        content["next_cursor"] = page.next_cursor
    if page.near is not None:
        nearest = [tool_results.todo(row, "concise") for row in orjson.loads(page.near.json)]
        content |= {"did_you_mean": page.near.words, "near": nearest}
    return tool_results.payload(content)


@tools.expose(operations.update, title="Update todos", answer=WRITE_SCHEMA)
async def update_todos(
    me: Me,
    todos: Annotated[list[Tried[TodoEdit]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 changes.")],
) -> CallToolResult:
    updates = [todo if isinstance(todo, InvalidInput) else _cleared(todo) for todo in todos]
    changed = await me.perform(operations.update, updates)
    return tool_results.written(changed, lambda row: {"version": row["version"]} | tool_results.resolved(row))


def _cleared(edit: TodoEdit) -> TodoUpdate:
    """Return the update with null for each field that `clear` names."""
    update = {name: value for name, value in edit.items() if name != "clear"}
    return cast("TodoUpdate", {**update, **dict.fromkeys(edit.get("clear", ()))})


@tools.expose(
    (operations.complete, operations.reopen, operations.skip),
    title="Complete todos",
    answer=WRITE_SCHEMA,
    words="Set todos done, or open again with `completed` false. It sets and never toggles: a repeat changes nothing. "
    "Open subtasks are completed, too. One that repeats comes back as a new todo, `next`.",
)
async def complete_todos(
    me: Me,
    ids: TodoIds,
    completed: Annotated[bool, Field(description="false opens them again.")] = True,
    skip: Annotated[
        bool, Field(description="Instead, skip this occurrence of repeating todos: on to the next date.")
    ] = False,
) -> CallToolResult:
    if skip and not completed:
        raise InvalidInput(
            errors=[FieldError("skip", "cannot be given together with completed: false", code="conflicting")]
        )
    if skip:
        return tool_results.written(await me.perform(operations.skip, ids), tool_results.skipped)
    operation = operations.complete if completed else operations.reopen
    return tool_results.written(await me.perform(operation, ids), tool_results.cascaded)


@tools.expose(
    (operations.delete, operations.restore),
    title="Delete todos",
    answer=WRITE_SCHEMA,
    words="Move todos to the trash with their subtasks, or restore them with `deleted` false. "
    "The trash is emptied after the retention time.",
)
async def delete_todos(
    me: Me,
    ids: TodoIds,
    deleted: Annotated[bool, Field(description="false restores them from the trash.")] = True,
) -> CallToolResult:
    operation = operations.delete if deleted else operations.restore
    return tool_results.written(await me.perform(operation, ids), tool_results.cascaded)
