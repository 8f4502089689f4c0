"""What a change to one todo does to its relatives, event by event.

These hold in every family, before and after a request: an open todo has no completed parent, a live one has none in
the trash, and a subtask is in its parent's list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from todo_core.boundary.turns import in_turns
from todo_core.rules.families import Family, Member
from todo_core.rules.series import occurrences_ahead

Patches = list[tuple[int, dict[str, Any]]]
"""Patches of columns, each with the id of its todo, in the order in which they are applied."""


async def cascade(family: Family, todo_id: int, patch: Mapping[str, Any], today: date | None = None) -> Patches:
    """Return the patches of relatives that follow from the patch of a todo.

    Args:
        family: The todo's family before the patch, but for its parent: that is set already.
        todo_id: The todo.
        patch: Its patch, as columns.
        today: The day of a completion where the user is; None only where nothing repeats.
    """
    patches: Patches = []
    if "is_completed" in patch:
        if patch["is_completed"]:
            patches += await _complete(family, todo_id, patch, today)
        else:
            patches += _reopen(family, todo_id)
    if "is_deleted" in patch:
        patches += await (_trash(family, todo_id) if patch["is_deleted"] else _restore(family, todo_id))
    if "list_id" in patch:
        patches += await _move(family, todo_id, patch["list_id"], with_parents=patch.get("is_deleted") is False)
    return patches


def open_checklist(family: Family, todo_id: int) -> Patches:
    """Reopen the subtasks of a todo that goes on to its next date, but for those that repeat: these have their own."""
    patches: Patches = []
    for subtask in family.children(todo_id):
        if subtask.deleted_at is None and not subtask.repeats:
            if subtask.completed_at is not None:
                patches.append((subtask.id, {"is_completed": False}))
            patches += open_checklist(family, subtask.id)
    return patches


async def _complete(family: Family, todo_id: int, patch: Mapping[str, Any], today: date | None) -> Patches:
    """Complete the open subtasks, but for occurrences that are still to come: these stay as they are for now."""
    ahead = frozenset[int]() if today is None else occurrences_ahead(family, todo_id, today)
    done = {name: patch[name] for name in ("is_completed", "completed_at") if name in patch}
    subtasks = in_turns(family.below(todo_id, ahead))
    return [(subtask.id, dict(done)) async for subtask in subtasks if subtask.is_open]


def _reopen(family: Family, todo_id: int) -> Patches:
    """Reopen the completed parents."""
    return [(parent.id, {"is_completed": False}) for parent in family.above(todo_id) if parent.completed_at]


async def _trash(family: Family, todo_id: int) -> Patches:
    """Move the subtasks to the trash that are not there yet."""
    subtasks = in_turns(family.below(todo_id))
    return [(subtask.id, {"is_deleted": True}) async for subtask in subtasks if subtask.deleted_at is None]


async def _restore(family: Family, todo_id: int) -> Patches:
    """Restore the subtasks that went to the trash at the same moment, and the parents.

    A completed parent is reopened if anything below it that comes back is open: the todo, a subtask, or a parent.
    """
    moment = family.deleted_before(todo_id)
    if moment is None:
        return []
    subtasks = [subtask async for subtask in in_turns(family.below(todo_id)) if subtask.deleted_at == moment]
    patches: Patches = [(subtask.id, {"is_deleted": False}) for subtask in subtasks]
    is_open = any(todo.completed_at is None for todo in (family.member(todo_id), *subtasks))
    for parent in family.above(todo_id):
        if patch := _make_room(parent, is_open=is_open):
            patches.append((parent.id, patch))
        is_open = is_open or parent.completed_at is None
    return patches


def _make_room(parent: Member, *, is_open: bool) -> dict[str, Any]:
    """Return what must become of a parent, so that a live todo can be below it, or even an open one."""
    patch = {"is_deleted": False} if parent.deleted_at else {}
    if is_open and parent.completed_at:
        patch["is_completed"] = False
    return patch


async def _move(family: Family, todo_id: int, list_id: int, *, with_parents: bool) -> Patches:
    """Move the subtasks to the todo's new list, and with a todo that is restored its parents."""
    top = family.root(todo_id) if with_parents else todo_id
    moved = [top, *[subtask.id async for subtask in in_turns(family.below(top))]]
    return [(moved_id, {"list_id": list_id}) for moved_id in moved if moved_id != todo_id]
