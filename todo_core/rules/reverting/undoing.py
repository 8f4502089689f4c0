"""Undo changes: find out whether one can be undone, name what is in its way, and revert several as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from todo_core.boundary import confirmation
from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, NotFound, NotOwner, TodoError, UndoRefused
from todo_core.models.fields import MAX_PAGE
from todo_core.queries import changes as queries
from todo_core.queries import history, reverting
from todo_core.rules.reverting.entries import Entries
from todo_core.rules.reverting.steps import can_revert, require_scopes, revert
from todo_core.rules.showing import shown_to
from todo_core.rules.touching import once_each


async def undo_one(tx: Tx, change_id: int) -> Changed[Any]:
    """Revert a change; a part of the results where they are very many.

    Raises:
        NotFound, NotOwner: The caller has no such change, or may see nothing of it.
        UndoRefused: It cannot be undone, or a later change is in the way.
        InsufficientScope: The token does not allow a step.
        ConfirmationRequired: It moves many todos to the trash, and nobody agreed.
    """
    return await _checked(tx, await _reverted(tx, change_id, ()), [change_id])


async def undo_all(tx: Tx, change_ids: Sequence[int]) -> Changed[Any]:
    """Revert changes one after the other, the latest first, so that each finds what the later ones have left.

    Each is tried, and leaves nothing behind if it cannot be undone: so the refusal names all that cannot.

    Args:
        tx: The transaction.
        change_ids: The changes, each once.

    Raises:
        NotFound, NotOwner: With each that the caller does not have.
        UndoRefused: With each that cannot be undone, and what is in its way (`conflicts`).
        InsufficientScope, ConfirmationRequired: As for `undo_one`.
    """
    done: list[int] = []
    parts: list[Changed[Any]] = []
    absent: dict[int, TodoError] = {}
    conflicts: list[dict[str, Any]] = []
    for change_id in sorted(change_ids, reverse=True):
        try:
            async with tx.part():
                parts.append(await _reverted(tx, change_id, done))
            done.append(change_id)
        except (NotFound, NotOwner) as error:
            absent[change_id] = error
        except UndoRefused as refused:
            conflicts.append({"change_id": change_id, "message": refused.detail, **refused.extra})
    if absent:
        raise _all_absent(change_ids, absent)
    if conflicts:
        detail = f"{len(conflicts)} of these {len(change_ids)} changes cannot be undone; nothing was changed."
        raise UndoRefused(detail, extra={"conflicts": conflicts})
    touched = once_each(row for part in parts for row in part.touched)
    return await _checked(tx, Changed(await _once_each(parts), touched), done)


async def _checked(tx: Tx, reverted: Changed[Any], change_ids: Sequence[int]) -> Changed[Any]:
    """Return what an undo did, as it is answered, if somebody agreed to what goes to the trash by it."""
    if confirmation.is_needed(tx):
        await confirmation.confirm(tx, await tx.value(reverting.TO_TRASH, ids=[*change_ids]))
    more = max(len(reverted.results) - MAX_PAGE, 0)
    return replace(reverted, results=reverted.results[:MAX_PAGE], more_results=more, undoes=change_ids)


async def _reverted(tx: Tx, change_id: int, done: Sequence[int]) -> Changed[Any]:
    """Revert a change, after the later ones that the same request has reverted."""
    entries = Entries(await tx.rows(reverting.ENTRIES, id=change_id))
    if not entries:
        raise await absence(tx, change_id)
    is_possible, shown = can_revert(entries), shown_to(tx.caller)
    if not is_possible and not await tx.rows(history.ONE, id=change_id, after=0, shown=shown, rows=False):
        raise await absence(tx, change_id)
    require_scopes(tx, entries)
    if (undone_by := entries.undone_by) is not None:
        raise UndoRefused("It is undone already.", extra={"undone_by": undone_by})
    if not is_possible:
        raise UndoRefused(
            "A change to an API token, an agent, an account or a proposal cannot be undone; make the change you want."
        )
    try:
        return await revert(tx, entries)
    except UndoRefused as refused:
        entity, entity_id = refused.extra["entity"], refused.extra["id"]
        blocked_by = await tx.value(
            queries.BLOCKING, id=change_id, entity=entity, entity_id=entity_id, reverted=[*done]
        )
        raise UndoRefused(refused.detail, extra=refused.extra | {"blocked_by": blocked_by}) from None


async def absence(tx: Tx, change_id: int) -> TodoError:
    """Return the error for a change that the user does not have."""
    error = (await missing(tx, "change", [change_id]))[change_id]
    days = tx.core.settings.history_days
    if isinstance(error, NotFound) and days is not None:
        return NotFound(f"There is no such change, or not any more: changes are kept for {days} days.")
    return error


def _all_absent(change_ids: Sequence[int], absent: dict[int, TodoError]) -> TodoError:
    """Return the error for several changes that the user does not have, with the place of each in the request."""
    first = next(iter(absent.values()))
    errors = [
        FieldError(f"change_ids.{n}", "is no change of yours", code="not_found")
        for n, change_id in enumerate(change_ids)
        if change_id in absent
    ]
    return type(first)(first.detail, errors=errors)


async def _once_each(parts: Iterable[Changed[Any]]) -> list[Done]:
    """Return the result of each row once: what it was before the first of several, and what it is after the last."""
    rows: dict[tuple[str | None, int], Done] = {}
    async for result in in_turns(result for part in parts for result in part.results):
        assert isinstance(result, Done)  # an undo is refused as a whole
        name = (result.entity, result.as_dict()["id"])
        first = rows.get(name)
        is_changed = result.changed or (first is not None and first.changed)
        rows[name] = result if first is None else replace(result, before=first.before, changed=is_changed)
    return [*rows.values()]
