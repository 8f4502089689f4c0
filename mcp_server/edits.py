"""Changes to todos, as `update_todos` takes them: one change may name several todos, and clears by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import Field

from mcp_server.names import ListRef
from mcp_server.spelling import Nulls
from mcp_server.told import Items
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.dues import DUE_CHANGE_WORDS, REPEAT_WORDS, DueText, RepeatText
from todo_core.models.fields import MAX_BATCH, STRICT, Id, Version
from todo_core.models.todos import TodoId, TodoPatch, TodoUpdate

Clearable = Literal["description", "parent_id", "start", "due", "repeat", "source", "tags"]
_SET_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "description": ("description", "append_description"),
    "tags": ("tags", "add_tags"),
}
"""Which fields set what can be cleared, where it is not the one of the same name."""


class TodoEdit(TodoPatch, total=False):
    """A change; what is left out stays. Dates are in words or ISO 8601."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: TodoId
    ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_BATCH, description="Or several: the same for each.")]
    list_id: Annotated[ListRef, Field(description="Where it goes (name or id), with subtasks.")]  # type: ignore[misc]
    due: Annotated[DueText | None, Field(description=DUE_CHANGE_WORDS)]  # type: ignore[misc]  # narrower
    repeat: Annotated[RepeatText | None, Field(description=REPEAT_WORDS)]  # type: ignore[misc]
    if_version: Version
    clear: Annotated[
        list[Clearable], Field(max_length=7, description="Fields to empty; clearing repeat ends the series.")
    ]


def updates_of(edits: Sequence[TodoEdit | InvalidInput], nulls: Nulls) -> tuple[list[TodoUpdate | InvalidInput], Items]:
    """Return one update for each todo that the edits name, and the items for its answer.

    Args:
        edits: The changes, or why they are refused.
        nulls: Which of their fields were null.

    Raises:
        InvalidInput: They name too many todos.
    """
    updates, paths, left = [], [], []
    for number, edit in enumerate(edits):
        path, names = f"todos[{number}]", nulls.get(("todos", number), frozenset())
        for suffix, update in _spread(edit):
            updates.append(update)
            paths.append(path + suffix)
            left.append([name for name in get_args(Clearable) if name in names])
    if len(updates) > MAX_BATCH:
        message = f"name {len(updates)} todos; one call changes at most {MAX_BATCH}"
        raise InvalidInput(errors=[FieldError("todos", message, code="too_long")])
    ids = [None if isinstance(update, InvalidInput) else update["id"] for update in updates]
    return updates, Items(paths, ids, left if any(left) else ())


def _spread(edit: TodoEdit | InvalidInput) -> Iterator[tuple[str, TodoUpdate | InvalidInput]]:
    """Yield an update for each todo that an edit names, with what its path has behind that of the edit."""
    if isinstance(edit, InvalidInput):
        yield "", edit
        return
    problems = [*_problems(edit)]
    if problems:
        yield "", InvalidInput(errors=problems)
        return
    cleared: dict[str, Any] = {name: [] if name == "tags" else None for name in edit.get("clear", ())}
    change = {name: value for name, value in edit.items() if name not in ("ids", "clear")} | cleared
    if "id" in edit:
        yield "", cast("TodoUpdate", change)
        return
    for number, todo_id in enumerate(edit["ids"]):
        yield f".ids[{number}]", cast("TodoUpdate", {**change, "id": todo_id})


def _problems(edit: TodoEdit) -> Iterator[FieldError]:
    """Yield what contradicts itself in an edit."""
    if "id" not in edit and "ids" not in edit:
        yield FieldError("id", "is required, or ids", code="required")
    elif "id" in edit and "ids" in edit:
        yield FieldError("ids", "cannot be given together with id", code="conflicting")
    elif "ids" in edit and "if_version" in edit:
        yield FieldError("if_version", "goes with one id", code="conflicting")
    for name in dict.fromkeys(edit.get("clear", ())):
        if any(one in edit for one in _SET_BY.get(name, (name,))):
            yield FieldError("clear", f"names {name}, which is set, too; do one of the two", code="conflicting")
