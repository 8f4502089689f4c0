"""Todos."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

from fastapi import Body, Query, Response
from pydantic import BeforeValidator, Field

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from rest_api.filters import require_single_tags
from rest_api.responses import BatchRead, PageRead
from todo_core.boundary.batches import condition
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.fields import MAX_BATCH, Input, Offset
from todo_core.models.mixed import CompletedAt, MixedItem
from todo_core.models.todos import (
    IfSimilar,
    TodoCreate,
    TodoDetail,
    TodoFilter,
    TodoId,
    TodoIds,
    TodoPatch,
    TodoRead,
    TodoUpdate,
    TodoWritten,
    if_similar_too,
)
from todo_core.operations import todos
from todo_core.validation import Tried

routes = Routes("/todos", "todos")

PathId = Annotated[TodoId, BeforeValidator(digits)]


class TodoListing(TodoFilter):
    """The filters of a list, and how many rows to skip."""

    offset: Offset = 0


class Completion(Input):
    """Whether a todo is to be done."""

    is_completed: Annotated[bool, Field(description="False opens it again.")] = True
    completed_at: CompletedAt | None = None

    def moment(self) -> dict[str, Any]:
        """Return the moment as an argument of `complete`: none where it is now.

        Raises:
            InvalidInput: The todos are not to be done.
        """
        if self.completed_at is not None and not self.is_completed:
            raise InvalidInput(
                errors=[FieldError("completed_at", "cannot be given where is_completed is false", code="conflicting")]
            )
        return {} if self.completed_at is None else {"completed_at": self.completed_at}


class NewTodo(TodoCreate):
    """A new todo, and what to do if one looks the same."""

    if_similar: Annotated[IfSimilar, Field(exclude=True)] = "add"  # no part of the todo, nor of its fingerprint


class AddBatch(Input):
    """Add todos."""

    action: Literal["add"]
    todos: Annotated[list[Tried[TodoCreate]], Field(min_length=1, max_length=MAX_BATCH)]
    if_similar: IfSimilar = "add"


class UpdateBatch(Input):
    """Change todos."""

    action: Literal["update"]
    todos: Annotated[list[Tried[TodoUpdate]], Field(min_length=1, max_length=MAX_BATCH)]


class CompleteBatch(Completion):
    """Set todos done or open."""

    action: Literal["complete"]
    ids: TodoIds


class IdsBatch(Input):
    """Move todos to the trash, restore them, or skip an occurrence of those that repeat."""

    action: Literal["delete", "restore", "skip"]
    ids: TodoIds


_BY_IDS: Final = {"delete": todos.delete, "restore": todos.restore, "skip": todos.skip}


class MixedBatch(Input):
    """Do different things, in this order, as one change."""

    action: Literal["mix"]
    items: Annotated[list[Tried[MixedItem]], Field(min_length=1, max_length=MAX_BATCH)]
    if_similar: IfSimilar = "add"


Batch = Annotated[AddBatch | UpdateBatch | CompleteBatch | IdsBatch | MixedBatch, Field(discriminator="action")]


class TodoPage(PageRead[TodoRead]):
    """A page of todos."""


@routes.expose(
    todos.add,
    "POST",
    "",
    shape=TodoWritten,
    status=201,
    summary="Add a todo",
    also=(200,),
    words="Add a todo. The server sets id, times and version.\n\nA `due` is resolved where the user is, and the answer "
    "says to what. A `key` that a todo has already makes nothing: the answer is 200 with that todo. So it is with "
    '`if_similar` "return" where an open todo looks the same; `similar` names up to three of these.',
)
async def add_todo(me: MeOnce, todo: NewTodo) -> Response:
    added = await me.perform(todos.add, [todo], **if_similar_too(todo.if_similar))
    done = added.one()
    status = 200 if done.beside.get("existing") else 201
    return responses.written(added, status, {"Location": f"/api/v1/todos/{responses.row_id(done.row)}"})


@routes.expose(todos.list_, "GET", "", shape=TodoPage, summary="List todos")
async def list_todos(me: Me, query: Annotated[TodoListing, Query()]) -> Response:
    await require_single_tags(me, query.tags or ())
    return responses.page(await me.perform(todos.list_, query, query.offset))


@routes.expose(todos.get, "GET", "/{todo_id:member}", shape=TodoDetail, summary="Read a todo")
async def get_todo(me: Me, todo_id: PathId) -> Response:
    return responses.row(await me.perform(todos.get, todo_id))


@routes.expose(
    todos.update,
    "PATCH",
    "/{todo_id:member}",
    shape=TodoWritten,
    summary="Change a todo",
    words="Change fields of a todo; a field left out stays as it is. Subtasks go along to another list.\n\nWith "
    "`If-Match`, a todo that somebody changed since is left alone, and `current` shows it.",
)
async def update_todo(
    me: MeOnce,
    todo_id: PathId,
    patch: Annotated[
        TodoPatch,
        Body(description="A JSON Merge Patch (RFC 7396): null clears a field.", media_type="application/json"),
    ],
    if_match: IfMatch = None,
) -> Response:
    update = cast("TodoUpdate", {**patch, "id": todo_id, **condition(versions(if_match))})
    return responses.written(await me.perform(todos.update, [update]))


@routes.expose(
    todos.delete,
    "DELETE",
    "/{todo_id:member}",
    shape=None,
    status=204,
    summary="Move a todo to the trash",
    words="Move a todo to the trash with its subtasks. The trash is emptied after the retention time.",
)
async def delete_todo(me: MeOnce, todo_id: PathId, if_match: IfMatch = None) -> Response:
    return responses.gone(await me.perform(todos.delete, [todo_id], if_version=versions(if_match)))


@routes.expose(
    (todos.complete, todos.reopen),
    "PATCH",
    "/{todo_id}/complete",
    shape=TodoWritten,
    summary="Set a todo done or open",
    words="Set a todo done, or open again with `is_completed` false. It sets and never toggles: a repeat changes "
    "nothing.\n\nOpen subtasks are completed, too; opening a todo opens the done ones above it. One that repeats comes "
    "back as a new todo, `next`.",
)
async def complete_todo(
    me: MeOnce, todo_id: PathId, body: Completion = Completion(), if_match: IfMatch = None
) -> Response:
    moment = body.moment()
    if not body.is_completed:
        return responses.written(await me.perform(todos.reopen, [todo_id], versions(if_match)))
    return responses.written(await me.perform(todos.complete, [todo_id], versions(if_match), **moment))


@routes.expose(
    todos.skip,
    "POST",
    "/{todo_id}/skip",
    shape=TodoWritten,
    summary="Skip an occurrence of a repeating todo",
    words="Skip an occurrence of a repeating todo: it goes on to its next date and stays open.\n\nIts done subtasks "
    "are opened again, but for those that repeat.",
)
async def skip_todo(me: MeOnce, todo_id: PathId, if_match: IfMatch = None) -> Response:
    return responses.written(await me.perform(todos.skip, [todo_id], versions(if_match)))


@routes.expose(
    todos.restore,
    "POST",
    "/{todo_id}/restore",
    shape=TodoWritten,
    summary="Take a todo out of the trash",
    words="Restore a todo from the trash, with the subtasks that went there with it and the todos above it.\n\nIf its "
    "list was deleted, it comes back to the inbox.",
)
async def restore_todo(me: MeOnce, todo_id: PathId, if_match: IfMatch = None) -> Response:
    return responses.written(await me.perform(todos.restore, [todo_id], versions(if_match)))


@routes.expose(
    (todos.add, todos.update, todos.complete, todos.reopen, todos.delete, todos.restore, todos.skip, todos.mix),
    "POST",
    "/batch",
    shape=BatchRead,
    summary="Add, change, complete, skip or trash up to 50 todos",
    words="One result for each item, in order: the row, or the problem that a request for this item alone would have.",
    by_item=True,
)
async def batch_todos(me: MeOnce, batch: Annotated[Batch, Body()]) -> Response:
    match batch:
        case AddBatch():
            changed = await me.perform(todos.add, batch.todos, **if_similar_too(batch.if_similar))
        case UpdateBatch():
            changed = await me.perform(todos.update, batch.todos)
        case CompleteBatch():
            moment = batch.moment()
            if batch.is_completed:
                changed = await me.perform(todos.complete, batch.ids, **moment)
            else:
                changed = await me.perform(todos.reopen, batch.ids)
        case IdsBatch():
            changed = await me.perform(_BY_IDS[batch.action], batch.ids)
        case MixedBatch():
            changed = await me.perform(todos.mix, batch.items, **if_similar_too(batch.if_similar))
    return responses.batch(changed)
