"""Add, list, update, complete and delete todos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import orjson
from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import bounds, told, tool_results, ways
from mcp_server.caller import Me
from mcp_server.edits import TodoEdit, updates_of
from mcp_server.names import ListRef
from mcp_server.spelling import Nulls
from mcp_server.told import Items
from mcp_server.tool_results import PAGE_SCHEMA, WRITE_SCHEMA, Detail
from mcp_server.toolbox import Toolbox
from mcp_server.writing import written
from todo_core.boundary.results import Done, Page
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.dues import REPEAT_WORDS, DueText, RepeatText
from todo_core.models.fields import MAX_BATCH, Limit
from todo_core.models.todos import IfSimilar, TodoCreate, TodoFilter, TodoIds, TodoRead, if_similar_too
from todo_core.operations import search
from todo_core.operations import tags as tag_operations
from todo_core.operations import todos as operations
from todo_core.text import name_key
from todo_core.validation import Tried

tools = Toolbox()

_Ids = Annotated[TodoIds, Field(description="Ids of todos.")]


class TodoListing(TodoFilter):
    """Which todos to list, and how much of each."""

    list_id: Annotated[ListRef | None, Field(description="In this list, by name or id.")] = None  # type: ignore[assignment]
    limit: Annotated[Limit, Field(description="Rows.")] = 25
    detail: Annotated[Detail, Field(description="full adds description, times, version, newest notes.")] = "concise"

    @property
    def shows_notes(self) -> bool:
        """Whether each row has its newest notes."""
        return self.detail == "full"


class NewTodo(TodoCreate):
    """A new todo, its dates in words or ISO 8601."""

    list_id: Annotated[ListRef | None, Field(description="Its list, by name or id.")] = None  # type: ignore[assignment]  # or by name
    due: Annotated[DueText | None, Field(description="Such as tomorrow 5pm, friday, in 2 weeks, eom.")] = None
    repeat: Annotated[RepeatText | None, Field(description=REPEAT_WORDS)] = None


@tools.expose(
    operations.add,
    title="Add todos",
    answer=WRITE_SCHEMA,
    words="""
    Add new todos: whatever somebody needs, wants or promised, should remember or must never forget, on a day, by a
    time. "Remind me to call mum at six on thursday evening. I need to buy the milk, please. We're out of bread. I
    have a meeting on friday. Order a present for Emma by monday. Ask Bob about the car. Pay the rent every month.
    Bring the kids to school tomorrow. Pick up the bike. Send the boss a mail. Book the hotel for next week. I want to
    write to the bank on sunday. Don't let me forget the keys. Could you note down that I owe Tom money? Put eggs on
    my list. Set up a reminder. Create a task with three steps, high priority. Add one under the party." A subtask
    names its parent by id or place, and stands in its list.
    """,
)
async def add_todos(
    me: Me,
    todos: Annotated[list[Tried[NewTodo]], Field(min_length=1, max_length=MAX_BATCH, description="New todos.")],
    if_similar: IfSimilar = "add",
) -> CallToolResult:
    changed = await me.perform(operations.add, todos, **if_similar_too(if_similar))
    return written(changed, told.of_todo, Items.of("todos", todos), makes=True)


@tools.expose(
    operations.list_,
    title="List todos",
    answer=PAGE_SCHEMA,
    words="""
    List or show todos, tasks, things to do: "What do I have for friday, for tomorrow? What's on my list? What's next?
    What's due this week? Show me the ones which are overdue, urgent, tagged work, late, or have no date. Give me all
    my tasks. Tell me what I should do first, what's most important. What do I still have to buy today? What's left,
    how much? Is there anything open from last month? What did I do yesterday, what did I get done or finish already?
    What comes after that? Do I have any reminders? Am I free at the weekend? Everything for home, please. Which of
    them repeat? Read my list. What's in the trash?" Trashed, archived, not started ones only when asked for. Rows
    leave out what is empty, and priority medium. `showing` has their true total, `next_cursor` leads on.
    """,
)
async def list_todos(me: Me, listing: TodoListing) -> CallToolResult:
    operation = operations.list_ if listing.text is None else search.find
    page = await me.perform(operation, listing)
    shown = _shown(page, listing.detail)
    # Once more, for the cursor of the place where it is cut; and again while others make what is read longer.
    while shown.fitting < shown.rows:
        page = await me.perform(operation, listing.model_copy(update={"limit": shown.fitting}))
        shown = _shown(page, listing.detail)
    content = shown.content | {"showing": f"{shown.rows} of {page.total}"}
    if shown.rows == 1:  # it may be too long by itself
        content["todos"] = [bounds.within(content["todos"][0])]
    if page.next_cursor is not None:
        content["next_cursor"] = page.next_cursor
    if page.near is not None:
        nearest = [tool_results.todo(row, "concise") for row in orjson.loads(page.near.json)]
        content |= {"did_you_mean": page.near.words, "near": nearest[: bounds.fitting(nearest)]}
    if listing.tags and not page.total:
        content |= await _unknown_tags(me, listing.tags)
    return tool_results.payload(content)


class _Shown(NamedTuple):
    """The rows of a page as a model reads them."""

    content: dict[str, Any]
    """`todos`, and what they have in common (`tool_results.todos`)."""
    rows: int
    """How many there are."""
    fitting: int
    """How many of the first fit into an answer."""


def _shown(page: Page[TodoRead], detail: Detail) -> _Shown:
    """Return the rows of a page as a model reads them; of a page that is remembered this is, too, as JSON."""
    kept: tuple[bytes, int] | None = page.forms.get(detail)
    if kept is not None:
        text, number = kept
        return _Shown(orjson.loads(text), number, number)
    rows = orjson.loads(page.json)
    items = [tool_results.todo(row, detail) for row in rows]
    shown = _Shown(tool_results.todos(rows, items, detail), len(rows), bounds.fitting(items))
    if shown.fitting == shown.rows:
        page.forms[detail] = orjson.dumps(shown.content), shown.rows
    return shown


async def _unknown_tags(me: Me, names: Sequence[str]) -> dict[str, Any]:
    """Return which names are no tag's, and the tags with names like them: nothing found may be a slip of spelling."""
    tags = [tag["name"] for tag in orjson.loads((await me.perform(tag_operations.list_)).json)]
    known = {name_key(tag) for tag in tags}
    unknown = {number: name for number, name in enumerate(names) if name_key(name) not in known}
    if not unknown:
        return {}
    nearest = dict.fromkeys(tag for name in unknown.values() for tag in ways.nearest(name, tags))
    told = {"nearest_tags": [*nearest]} if nearest else {"next_step": "get_overview has your tags."}
    return {"unknown_tags": [f"tags[{number}]" for number in unknown]} | told


@tools.expose(
    operations.update,
    title="Update todos",
    answer=WRITE_SCHEMA,
    words="""
    Change todos: move, shift, postpone, delay, reschedule, rename or tag them. "Move 41 to monday. Push the dentist
    back by a week, to next friday. It's at four, not at three. It is due on tuesday, change the date. Let's do that
    next month, or on saturday instead. Can it be two days earlier? Make 9 urgent, give it a high priority, it isn't
    that important any more, lower it. The title should be X. Put it into Work, under 10. First this and then the
    other one, to the top. Take the tag off, no deadline. Add a note or comment to 8: he called. Tag these with home.
    From now on every second tuesday. Stop repeating it. Hide it until april."
    """,
)
async def update_todos(
    me: Me,
    todos: Annotated[list[Tried[TodoEdit]], Field(min_length=1, max_length=MAX_BATCH, description="Changes.")],
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
    words="""
    Complete todos, tick, check or cross them off, when it has been done: "I've bought the milk. I called him, paid
    and sent it to him. We have packed all the boxes. The bins are out. The report is finished, the car is fixed, the
    hotel booked. I was at the dentist. He got his present. I took the pills this morning. That's done. Mark 5 as
    done. Taken care of." Or reopen them: "Not done after all, uncheck it." Or skip: "Leave out yoga this week." Open
    subtasks, too. One that repeats comes back as another, `next`.
    """,
)
async def complete_todos(
    me: Me,
    ids: _Ids,
    completed: Annotated[bool, Field(description="false opens them again.")] = True,
    skip: Annotated[bool, Field(description="Skips this occurrence: a repeating todo gets its next date.")] = False,
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
    words="""
    Delete, remove, erase or cancel todos nobody needs any more: "Throw away 7 and 8. Get rid of the last three.
    Remove it from my to-do list, delete them all. Cancel the trip. I no longer need or want the one about the bike.
    Forget the idea, drop it. Take it off. Can you bin or clean up the old ones? Clear everything that's completed."
    They go in the trash with subtasks, emptied after some weeks. Or restore, undelete them: "Bring it back out of the
    trash. Get back the one I deleted."
    """,
)
async def delete_todos(
    me: Me,
    ids: _Ids,
    deleted: Annotated[bool, Field(description="false restores them from the trash.")] = True,
) -> CallToolResult:
    operation = operations.delete if deleted else operations.restore
    return written(await me.perform(operation, ids), told.of_todo, Items.of("ids", ids))
