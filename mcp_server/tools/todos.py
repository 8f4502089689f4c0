"""Add, list, update, complete and delete todos."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import answers
from mcp_server.answers import PAGE_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.arguments import IdempotencyKey
from mcp_server.caller import Me
from mcp_server.toolbox import Toolbox
from todo_core.errors import InvalidInput
from todo_core.models.fields import MAX_BATCH, STRICT, Limit
from todo_core.models.todos import TodoCreate, TodoFilter, TodoIds, TodoUpdate
from todo_core.operations import todos as operations
from todo_core.validation import Tried

tools = Toolbox()


class TodoListing(TodoFilter):
    """Which todos to list, and how much of each."""

    limit: Annotated[Limit, Field(description="Rows on a page, 1–200.")] = 25
    detail: Annotated[Detail, Field(description="full adds description, times and version.")] = "concise"


class TodoEdit(TodoUpdate, total=False):
    """A change to one todo; what is left out stays."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    clear: Annotated[list[Literal["description"]], Field(max_length=1, description="Fields to empty.")]


@tools.expose(operations.add, title="Add todos", answer=WRITE_SCHEMA)
async def add_todos(
    me: Me,
    todos: Annotated[list[Tried[TodoCreate]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 new todos.")],
    idempotency_key: IdempotencyKey = None,
) -> CallToolResult:
    return answers.written(await me.once(idempotency_key).perform(operations.add, todos))


@tools.expose(operations.find, title="List todos", answer=PAGE_SCHEMA)
async def list_todos(me: Me, wanted: TodoListing) -> CallToolResult:
    page = await me.perform(operations.find, wanted)
    rows = [answers.todo(row, wanted.detail) for row in orjson.loads(page.json)]
    content: dict[str, Any] = {"todos": rows, "showing": f"{len(rows)} of {page.total}"}
    if page.next_cursor is not None:
        content["next_cursor"] = page.next_cursor
    return answers.payload(content)


@tools.expose(operations.update, title="Update todos", answer=WRITE_SCHEMA)
async def update_todos(
    me: Me,
    todos: Annotated[list[Tried[TodoEdit]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 changes.")],
    idempotency_key: IdempotencyKey = None,
) -> CallToolResult:
    updates = [todo if isinstance(todo, InvalidInput) else _cleared(todo) for todo in todos]
    changed = await me.once(idempotency_key).perform(operations.update, updates)
    return answers.written(changed, lambda row: {"version": row["version"]})


def _cleared(edit: TodoEdit) -> TodoUpdate:
    update = {name: value for name, value in edit.items() if name != "clear"}
    return cast("TodoUpdate", {**update, **dict.fromkeys(edit.get("clear", ()))})


@tools.expose(operations.complete, title="Complete todos", answer=WRITE_SCHEMA)
async def complete_todos(
    me: Me,
    ids: TodoIds,
    completed: Annotated[bool, Field(description="false opens them again.")] = True,
    idempotency_key: IdempotencyKey = None,
) -> CallToolResult:
    return answers.written(await me.once(idempotency_key).perform(operations.complete, ids, completed))


@tools.expose(operations.delete, title="Delete todos", answer=WRITE_SCHEMA)
async def delete_todos(
    me: Me,
    ids: TodoIds,
    deleted: Annotated[bool, Field(description="false restores them from the trash.")] = True,
    idempotency_key: IdempotencyKey = None,
) -> CallToolResult:
    return answers.written(await me.once(idempotency_key).perform(operations.delete, ids, deleted))
