"""Add, read, change, complete and trash todos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from todo_core.boundary.batches import condition, once_each, same_for_each
from todo_core.boundary.confirmation import confirm, is_needed
from todo_core.boundary.operation import ByItem, Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Found, Page
from todo_core.errors import (
    ConfirmationRequired,
    InvalidInput,
    NotFound,
    NotOwner,
    SimilarExists,
    VersionConflict,
)
from todo_core.models.mixed import MixedItem
from todo_core.models.todos import (
    IfSimilar,
    TodoCreate,
    TodoDetail,
    TodoFilter,
    TodoRead,
    TodoUpdate,
    TodoWritten,
)
from todo_core.queries import todos as queries
from todo_core.rules import remembering
from todo_core.rules.adding import add_todos
from todo_core.rules.completing import completion
from todo_core.rules.finding import find_todos
from todo_core.rules.mandates import verbs_of_mixed, verbs_of_updates
from todo_core.rules.mixing import mix as mix_todos
from todo_core.rules.naming import in_known_list, in_known_lists, with_known_lists
from todo_core.rules.notes import revise_and_note
from todo_core.rules.revising import revise
from todo_core.validation import Tried


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput,),
    verbs=("read",),
    within_lists=True,
)
async def list_(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """List todos: filtered, ordered, a page at a time, with the true total.

    The trash shows only with status `trashed`; what is in archived lists, or has not started, only where it is asked
    for. `next_cursor` leads to the next page; the last has none.
    """
    return await find_todos(tx, await in_known_list(tx, wanted), offset)


@operation(
    effect="reads",
    scope="todos:read",
    raises=(NotFound, NotOwner),
    verbs=("read",),
    within_lists=True,
)
async def get(tx: Tx, todo_id: int) -> Found[TodoDetail]:
    """Read one todo, with all its fields and its newest notes.

    A todo in the trash is not found: list the trash or restore it.
    """
    key = remembering.key_of(tx, "todo", todo_id)
    known: Found[TodoDetail] | None = await remembering.unchanged(tx, key)
    if known is not None:
        return known
    statement = queries.ONE_AND_LATEST if remembering.is_asked_again(tx, key) else queries.ONE
    row = await tx.row(statement, id=todo_id)
    if row is None:
        raise (await missing(tx, "todo", [todo_id]))[todo_id]
    found: Found[TodoDetail] = Found(row["row"])
    remembering.remember(tx, key, found, row.get("newest_change"))
    return found


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, SimilarExists),
    idempotent=False,
    batch=True,
    verbs=("add",),
    within_lists=True,
    at_once=True,
)
async def add(tx: Tx, todos: Sequence[Tried[TodoCreate]], if_similar: IfSimilar = "add") -> Changed[TodoWritten]:
    """Add todos, in order. The server sets id, times and version.

    A `due` is resolved where the user is, and the answer says to what. A subtask names its parent by id, or by its
    place in this request. Where open todos look the same, the answer names them; `if_similar` says what else to do.
    """
    return await add_todos(tx, await in_known_lists(tx, todos), alone=True, if_similar=if_similar)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    batch=True,
    verbs=ByItem(verbs_of_updates, ("complete", "change")),
    within_lists=True,
    at_once=True,
)
async def update(tx: Tx, todos: Sequence[Tried[TodoUpdate]]) -> Changed[TodoWritten]:
    """Change fields of todos; a field left out stays as it is. Subtasks go along to another list.

    With the version you saw, a todo that somebody changed since is left alone and shown.
    """
    patches = once_each(await with_known_lists(tx, "list_id", todos))
    return await revise_and_note(tx, patches, alone=True)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.complete", True),
    batch=True,
    verbs=("complete",),
    within_lists=True,
    at_once=True,
)
async def complete(
    tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None, completed_at: str | None = None
) -> Changed[TodoWritten]:
    """Set todos done. It sets and never toggles: a repeat changes nothing.

    Open subtasks are completed, too. One that repeats comes back as a new todo, `next`, with its subtasks; of a subtask
    that repeats, the occurrence still to come goes along there, or to the trash if there is no next.
    """
    done: dict[str, Any] = {"is_completed": True} | condition(if_version)
    if completed_at is not None:
        done["completed_at"] = completion(completed_at, tx.said_at)
    return await revise(tx, same_for_each(ids, done), alone=True)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.complete", False),
    batch=True,
    verbs=("complete",),
    within_lists=True,
    at_once=True,
)
async def reopen(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Set todos open again. It sets and never toggles: a repeat changes nothing.

    The done todos above them are opened, too; their subtasks stay as they are.
    """
    return await revise(tx, same_for_each(ids, {"is_completed": False} | condition(if_version)), alone=True)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    idempotent=False,
    batch=True,
    verbs=("complete",),
    within_lists=True,
)
async def skip(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Skip an occurrence of repeating todos: each goes on to its next date and stays open.

    Its done subtasks are opened again, but for those that repeat.
    """
    return await revise(tx, same_for_each(ids, {"skip": True} | condition(if_version)))


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict, ConfirmationRequired),
    destructive=True,
    formerly=("todos.delete", True),
    batch=True,
    verbs=("delete",),
    within_lists=True,
    at_once=True,
)
async def delete(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Move todos to the trash with their subtasks. The trash is emptied after the retention time."""
    # Not recorded with the move where earlier moves are counted: `confirm` would count this one among them.
    patches = same_for_each(ids, {"is_deleted": True} | condition(if_version))
    changed = await revise(tx, patches, alone=not is_needed(tx))
    await confirm(tx, len(changed.touched))
    return changed


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    formerly=("todos.delete", False),
    batch=True,
    verbs=("change",),
    within_lists=True,
    at_once=True,
)
async def restore(tx: Tx, ids: Sequence[Tried[int]], if_version: int | list[int] | None = None) -> Changed[TodoWritten]:
    """Restore todos from the trash, with the subtasks that went there with them and the todos above them.

    One whose list was deleted comes back to the inbox.
    """
    return await revise(tx, same_for_each(ids, {"is_deleted": False} | condition(if_version)), alone=True)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict, SimilarExists),
    destructive=True,
    idempotent=False,
    batch=True,
    verbs=ByItem(verbs_of_mixed, ("add", "complete", "change", "delete")),
    within_lists=True,
)
async def mix(tx: Tx, items: Sequence[Tried[MixedItem]], if_similar: IfSimilar = "add") -> Changed[TodoWritten]:
    """Add, change, complete, open, trash, restore and skip todos in one request, in its order: one change.

    Each item finds what those before it have left, and may name a todo by the `key` that one of them gives it. A
    refused item leaves the others alone. `if_similar` holds for what is added, as in an addition.
    """
    return await mix_todos(tx, items, if_similar)
