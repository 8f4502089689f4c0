"""Add todos: one statement writes all that the items of a request turned out to be (`new_todos.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from todo_core.boundary.batches import Batch
from todo_core.boundary.chunks import CHUNK
from todo_core.boundary.operation import Tx
from todo_core.boundary.recording import Origin, recorded_by
from todo_core.boundary.results import Changed, Done
from todo_core.errors import FieldError, InvalidInput, TodoError
from todo_core.models.todos import IfSimilar, TodoCreate, TodoWritten
from todo_core.queries import adding
from todo_core.rules.new_todos import ExistingTodo, NewTodo, Request
from todo_core.rules.tagging import NO_TAGS, MadeTags, ensure_tags, told_of_tags
from todo_core.rules.writing import (
    WrittenRow,
    existing,
    insert_and_record,
    insert_tagged,
    insert_todos,
    inserted,
    touched,
)

_SAY_WHERE: Final = ("list_id", "parent_id", "parent_key", "parent_index", "before", "after")


async def add_todos(
    tx: Tx, todos: Sequence[TodoCreate | TodoError], *, alone: bool = False, if_similar: IfSimilar | None = None
) -> Changed[TodoWritten]:
    """Make todos, in order. A refused item leaves the others alone, but for its subtasks in the request.

    An item with the key of a todo, be that done, in the trash or of an earlier item, makes nothing: that is its result.

    Args:
        tx: The transaction.
        todos: The todos.
        alone: Whether this is all that the transaction does. Then one statement does it and records it, unless tags are
            made, too.
        if_similar: What to do where an open todo looks the same, one of an earlier item, too; None does not look.

    Raises:
        InvalidInput: Something else than adding depends on todos that the caller may not read.
    """
    if not tx.caller.may_read and if_similar is not None:
        if if_similar != "add":
            message = "goes by todos that you may not read; leave it out, or get the right to read them"
            raise InvalidInput(errors=[FieldError("if_similar", message, code="conflicting")])
        if_similar = None  # who may only add learns of no other todo
    items = Batch(todos)
    if tx.caller.has_lists:
        items = await _within_lists(tx, items)
    request = await Request.load(tx, items, if_similar)
    batch = await items.numbered().each_in_turns(request.accept)
    await request.read_returned(tx)
    new = [*{todo.number: todo for todo in batch.accepted if isinstance(todo, NewTodo)}.values()]
    compared = if_similar == "add"
    rows, tags_made = await _insert(tx, new, origin=tx.origin if alone else None, compared=compared)
    made = {todo.number: row for todo, row in zip(new, rows, strict=True)}
    similar = await request.similar_to(tx, new, made) if compared else {}
    await request.name_similar(tx, made)
    done: dict[int, Done] = {}
    for todo, row in zip(new, rows, strict=True):
        told = request.told_of(todo) | told_of_tags(todo.tags, tags_made)
        done[todo.number] = inserted(row, told, similar.get(todo.number, ()))
    return Changed(_results(batch, done), [*tags_made.touched, *await touched(rows)], recorded=recorded_by(rows))


async def _insert(
    tx: Tx, new: Sequence[NewTodo], *, origin: Origin | None, compared: bool
) -> tuple[Sequence[WrittenRow], MadeTags]:
    """Insert new todos, and make the tags that are not there.

    Args:
        tx: The transaction.
        new: The todos, in order.
        origin: Where the change comes from, if this is all that the transaction does. Then one statement inserts the
            todos and records the change, unless tags are made, too.
        compared: As `insert_todos` takes it.

    Returns:
        A row for each, as `insert_todos` and `insert_and_record` return it; the tags that were made.
    """
    tags = {todo.number: todo.tags for todo in new if todo.tags}
    if not 0 < len(new) <= CHUNK:  # it takes several statements, or none
        origin = None
    if origin is not None and tags and not tx.caller.has_lists:
        rows = await insert_tagged(tx, [todo.columns for todo in new], tags, origin, compared=compared)
        if rows:
            return rows, NO_TAGS
    tag_ids, tags_made = await ensure_tags(tx, tags)
    items = [todo.as_item(tag_ids.get(todo.number, ())) for todo in new]
    if origin is not None and not tags_made.touched:
        return await insert_and_record(tx, items, origin, compared=compared), tags_made
    return await insert_todos(tx, items, compared=compared), tags_made


async def _within_lists(tx: Tx, items: Batch[TodoCreate]) -> Batch[TodoCreate]:
    """Give todos that name no list the default one, or the only one that the agent sees; refuse them if there are more.

    What says in another way where it belongs is as it was.
    """
    if all(_says_where(todo) for todo in items.accepted):
        return items
    row = await tx.one(adding.DEFAULT_LIST)
    default = row["list_id"] if row["list_id"] is not None or len(row["lists"]) != 1 else row["lists"][0]

    def placed(todo: TodoCreate) -> TodoCreate:
        if _says_where(todo):
            return todo
        if default is None:
            message = "is required: where todos come by default is outside of the lists of this agent"
            raise InvalidInput(errors=[FieldError("list_id", message, [str(one) for one in row["lists"]], "required")])
        return todo.model_copy(update={"list_id": default})

    return items.each(placed)


def _says_where(todo: TodoCreate) -> bool:
    """Return whether a new todo names its list, its parent or a neighbour."""
    return any(getattr(todo, name) is not None for name in _SAY_WHERE)


def _results(batch: Batch[NewTodo | ExistingTodo], made: Mapping[int, Done]) -> list[Done | TodoError]:
    """Return a result for each item.

    Args:
        batch: What became of each: a todo that is new, for every further item with its key or that looks the same once
            more, or one that was there.
        made: The results of new todos, by the numbers of the items.
    """
    told: set[int] = set()
    results: list[Done] = []
    for item in batch.accepted:
        if isinstance(item, ExistingTodo):
            results.append(existing(item.row))
        elif item.number in told:
            results.append(existing(made[item.number].row))
        else:
            told.add(item.number)
            results.append(made[item.number])
    return batch.answer(results)
