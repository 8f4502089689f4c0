"""Add, list, update, complete and delete todos."""

from __future__ import annotations

from typing import Annotated

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import bounds, told, tool_results
from mcp_server.caller import Me
from mcp_server.edits import TodoEdit, updates_of
from mcp_server.names import ListRef
from mcp_server.spelling import Nulls
from mcp_server.told import Items
from mcp_server.tool_results import PAGE_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.boundary.results import Done
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.dues import DUE_WORDS, REPEAT_WORDS, DueText, RepeatText
from todo_core.models.fields import MAX_BATCH, Limit
from todo_core.models.todos import IfSimilar, TodoCreate, TodoFilter, TodoIds, if_similar_too
from todo_core.operations import search
from todo_core.operations import todos as operations
from todo_core.validation import Tried

tools = Toolbox()


class TodoListing(TodoFilter):
    """Which todos to list, and how much of each."""

    list_id: Annotated[ListRef | None, Field(description="Only this list, by name or id.")] = None  # type: ignore[assignment]
    limit: Annotated[Limit, Field(description="Rows on a page, 1–200.")] = 25
    detail: Annotated[Detail, Field(description="full adds description, times, version, the newest notes.")] = "concise"

    @property
    def shows_notes(self) -> bool:
        """Whether each row has its newest notes."""
        return self.detail == "full"


class NewTodo(TodoCreate):
    """A new todo, its dates in words or ISO 8601."""

    list_id: Annotated[ListRef | None, Field(description="Its list, by name or id.")] = None  # type: ignore[assignment]  # or by name
    due: Annotated[DueText | None, Field(description=DUE_WORDS)] = None
    repeat: Annotated[RepeatText | None, Field(description=REPEAT_WORDS)] = None


@tools.expose(
    operations.add,
    title="Add todos",
    answer=WRITE_SCHEMA,
    words="Add a todo, or create several: put a new task on my list, make, write, note or put one down, that I "
    "need, want or have to do, buy, call or pick up, that has to happen by a day, should remember and must "
    'not forget ("remind me to", "don\'t let me forget"); schedule it, set a reminder, or split one into '
    "steps. Subtasks name their parent by id or place, and are in its list.",
)
async def add_todos(
    me: Me,
    todos: Annotated[list[Tried[NewTodo]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 new todos.")],
    if_similar: IfSimilar = "add",
) -> CallToolResult:
    changed = await me.perform(operations.add, todos, **if_similar_too(if_similar))
    return written(changed, told.of_todo, Items.of("todos", todos), makes=True)


@tools.expose(
    operations.list_,
    title="List todos",
    answer=PAGE_SCHEMA,
    words="List my todos: show, read or give me what is on my list, what I have to do on or for a day, what is due "
    "today or this week, any deadlines, which tasks are open, late, important or left, how many; what I did "
    "or get done, have finished or not yet; everything that is urgent, tagged, overdue or repeats, which have "
    "no date or did not change since. What I deleted (in the trash or bin), archived, or has not started only "
    "when asked for. Rows leave out what is empty, and priority medium. `showing` has the true total, "
    "`next_cursor` the next page.",
)
async def list_todos(me: Me, listing: TodoListing) -> CallToolResult:
    operation = operations.list_ if listing.text is None else search.find
    page = await me.perform(operation, listing)
    rows = orjson.loads(page.json)
    fit = bounds.fitting([tool_results.todo(row, listing.detail) for row in rows])
    if fit < len(rows):  # once more, for the cursor of the place where it is cut
        page = await me.perform(operation, listing.model_copy(update={"limit": fit}))
        rows = orjson.loads(page.json)
    content = tool_results.todos(rows, listing.detail) | {"showing": f"{len(rows)} of {page.total}"}
    if fit == 1:  # and that may be too long by itself
        content["todos"] = [bounds.within(content["todos"][0])]
    if page.next_cursor is not None:
        content["next_cursor"] = page.next_cursor
    if page.near is not None:
        nearest = [tool_results.todo(row, "concise") for row in orjson.loads(page.near.json)]
        content |= {"did_you_mean": page.near.words, "near": nearest[: bounds.fitting(nearest)]}
    return tool_results.payload(content)


@tools.expose(
    operations.update,
    title="Update todos",
    answer=WRITE_SCHEMA,
    words="Change a todo: move, push or reschedule it to another day, postpone or delay it by days or a week, as it "
    "was moved or is at another time, not that; move it over or put it into another list, or into another "
    "todo as a step, rename it when it or its title should be called something else, set a higher or lower "
    "priority, make it urgent, more important or not so any more, tag it, write or add a note on it, change "
    "its deadline or take the date off, remove a tag, make it repeat or stop repeating. The rest stays.",
)
async def update_todos(
    me: Me,
    todos: Annotated[list[Tried[TodoEdit]], Field(min_length=1, max_length=MAX_BATCH, description="1–50 changes.")],
    nulls: Nulls,
) -> CallToolResult:
    updates, items = updates_of(todos, nulls)
    return written(await me.perform(operations.update, updates), _with_version, items)


def _with_version(item: Done) -> told.Json:
    """Return what became of a todo, and its version for the next change."""
    return told.of_todo(item) | ({"version": item.as_dict()["version"]} if item.changed else {})


@tools.expose(
    (operations.complete, operations.reopen, operations.skip),
    title="Complete todos",
    answer=WRITE_SCHEMA,
    words="Complete a todo, tick, check or cross it off, mark it as done: I did it, I have finished, bought or paid "
    "it, I'm done with it. Or uncheck or reopen it: open again, not done after all; or skip it this time. "
    "Open subtasks, too. One that repeats comes back as a new todo, `next`.",
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
        return written(await me.perform(operations.skip, ids), told.of_todo, Items.of("ids", ids))
    operation = operations.complete if completed else operations.reopen
    return written(await me.perform(operation, ids), told.of_todo, Items.of("ids", ids))


@tools.expose(
    (operations.delete, operations.restore),
    title="Delete todos",
    answer=WRITE_SCHEMA,
    words="Delete a todo, or all todos that are done or old: erase, throw away, put in the bin, scrap, drop, "
    "cancel, delete, remove or take off my list what I don't need any more, get rid of it, forget it. They go "
    "to the trash with their subtasks. Or restore, undelete: get or bring back out of the trash, emptied "
    "after some weeks.",
)
async def delete_todos(
    me: Me,
    ids: TodoIds,
    deleted: Annotated[bool, Field(description="false restores them from the trash.")] = True,
) -> CallToolResult:
    operation = operations.delete if deleted else operations.restore
    return written(await me.perform(operation, ids), told.of_todo, Items.of("ids", ids))
