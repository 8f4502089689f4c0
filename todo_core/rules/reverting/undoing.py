"""Undo changes: find out whether one can be undone, name what is in its way, and revert several as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from todo_core.boundary import confirmation
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done
from todo_core.boundary.turns import in_turns
from todo_core.errors import OutsideMandate, UndoRefused
from todo_core.models.changes import UndoChoice
from todo_core.models.fields import MAX_PAGE
from todo_core.queries import changes as queries
from todo_core.queries import history, reverting, undoing
from todo_core.rules.reverting.choosing import NOT_UNDONE, absence, choose
from todo_core.rules.reverting.entries import Entries, Entry
from todo_core.rules.reverting.names import names_beside, settle
from todo_core.rules.reverting.runs import runs_of
from todo_core.rules.reverting.steps import ENTITIES, require_scopes, revert
from todo_core.rules.reverting.todos import changed_since
from todo_core.rules.showing import shown_to
from todo_core.rules.touching import once_each

_BEYOND: Final = "The change touched more than what is in the lists of this agent."
_ALL_OR_OTHERS: Final = "Undo what is in their way with them, or send `skip_conflicts: true` to undo the others alone."


async def undo_one(tx: Tx, change_id: int) -> Changed[Any]:
    """Revert a change; a part of the results where they are very many.

    Raises:
        NotFound, NotOwner: The caller has no such change, or may see nothing of it.
        UndoRefused: It cannot be undone, or a later change is in the way.
        InsufficientScope: The token does not allow a step.
        ConfirmationRequired: It moves many todos to the trash, and nobody agreed.
    """
    return await _checked(tx, await _reverted(tx, change_id), [change_id])


async def undo_all(tx: Tx, change_ids: Sequence[int], choice: UndoChoice | None = None) -> Changed[Any]:
    """Revert changes, the latest first, so that each finds what the later ones have left.

    Each is tried, and leaves nothing behind if it cannot be undone: so the refusal names all that cannot.

    Args:
        tx: The transaction.
        change_ids: The changes, each once; none for all that are chosen.
        choice: Of whom and when they are, and whether those that cannot be undone are left out.

    Raises:
        NotFound, NotOwner: With each that the caller does not have.
        InvalidInput: They are too many, or an agent names changes of others.
        UndoRefused: With each that cannot be undone, and what is in its way (`conflicts`).
        OutsideMandate: One touched what the agent that acts does not see, and is not to be left out.
        InsufficientScope, ConfirmationRequired: As for `undo_one`.
    """
    chosen = await choose(tx, change_ids, choice)
    skips = choice is not None and choice.skip_conflicts
    beyond = await _beyond_lists(tx, [change.id for change in chosen.changes])
    if beyond and not skips:
        raise OutsideMandate("lists", _BEYOND)
    within = [change for change in chosen.changes if change.id not in beyond]
    within_ids, entities = [change.id for change in within], {kind for change in within for kind in change.entities}
    require_scopes(tx, entities)
    names = await names_beside(tx, within_ids, entities)
    progress = _Reverting(tx, conflicts=[{"change_id": change_id, "message": _BEYOND} for change_id in beyond])
    for run in await runs_of(tx, within):
        await progress.revert(run)
    conflicts = _latest_first([*chosen.conflicts, *progress.conflicts])
    if conflicts and not skips:
        number = len(chosen.changes) + len(chosen.conflicts)
        detail = f"{len(conflicts)} of these {number} changes cannot be undone; nothing was changed."
        raise UndoRefused(detail, extra={"conflicts": conflicts}, next_step=_ALL_OR_OTHERS)
    touched = once_each(row for part in progress.parts for row in part.touched)
    whole = await settle(tx, progress.parts, Changed(await _once_each(progress.parts), touched), names)
    undone = await _checked(tx, whole, sorted(progress.done, reverse=True))
    return replace(undone, skipped=_latest_first([*conflicts, *chosen.left]))


def _latest_first(changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(changes, key=lambda change: -change["change_id"])


@dataclass(slots=True)
class _Reverting:
    """An undo of several, as far as it has come."""

    tx: Tx
    done: list[int] = field(default_factory=list)
    """The changes that were reverted."""
    parts: list[Changed[Any]] = field(default_factory=list)
    """What that did, in its order."""
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    """The changes that cannot be reverted, and what is in the way of each."""

    async def revert(self, run: Sequence[int]) -> None:
        """Revert a run of changes. Where that is refused, those whose todos changed since are left out, or else its
        halves are reverted, the later one first."""
        try:
            async with self.tx.part():
                part = await revert(self.tx, Entries(await self.tx.rows(undoing.ENTRIES, ids=[*run])))
        except UndoRefused as refused:
            if len(run) == 1:
                await self._name(run[0], refused)
            elif not await self._revert_as_left(run):
                await self.revert(run[: len(run) // 2])
                await self.revert(run[len(run) // 2 :])
        else:
            self.parts.append(part)
            self.done += run

    async def _revert_as_left(self, run: Sequence[int]) -> bool:
        """Revert those changes of a run whose todos are as they left them; nothing, where that are all of them."""
        changes: dict[int, list[Entry]] = {change_id: [] for change_id in run}
        async for row in in_turns(await self.tx.rows(undoing.ENTRIES, ids=[*run])):
            if row["entity"] == "todo":
                changes[row["change_id"]].append(Entry.of(row))
        refusals = await changed_since(self.tx, changes)
        if refusals and (others := [change_id for change_id in run if change_id not in refusals]):
            await self.revert(others)
        for change_id, refused in refusals.items():
            await self._name(change_id, refused)
        return bool(refusals)

    async def _name(self, change_id: int, refused: UndoRefused) -> None:
        """Add a change to those that cannot be reverted."""
        known = await _with_cause(self.tx, change_id, refused, self.done)
        self.conflicts.append({"change_id": change_id, "message": known.detail, **known.extra})


async def _beyond_lists(tx: Tx, change_ids: Sequence[int]) -> set[int]:
    """Return which changes touched more than an agent sees that sees some lists only: a part of each would go back."""
    if not tx.caller.has_lists or not change_ids:
        return set()
    return {row["id"] for row in await tx.rows(queries.BEYOND, ids=[*change_ids])}


async def _checked(tx: Tx, reverted: Changed[Any], change_ids: Sequence[int]) -> Changed[Any]:
    """Return what an undo did, as it is answered, if somebody agreed to what goes to the trash by it."""
    if confirmation.is_needed(tx):
        await confirmation.confirm(tx, await tx.value(reverting.TO_TRASH, ids=[*change_ids]))
    more = max(len(reverted.results) - MAX_PAGE, 0)
    return replace(reverted, results=reverted.results[:MAX_PAGE], more_results=more, undoes=change_ids)


async def _reverted(tx: Tx, change_id: int) -> Changed[Any]:
    """Revert a change."""
    entries = Entries(await tx.rows(reverting.ENTRIES, id=change_id))
    if not entries:
        raise (await absence(tx, [change_id]))[change_id]
    is_possible, shown = entries.entities <= ENTITIES, shown_to(tx.caller)
    if not is_possible and not await tx.rows(history.ONE, id=change_id, after=0, shown=shown, rows=False):
        raise (await absence(tx, [change_id]))[change_id]
    if await _beyond_lists(tx, [change_id]):
        raise OutsideMandate("lists", _BEYOND)
    require_scopes(tx, entries.entities)
    if (undone_by := entries.undone_by) is not None:
        raise UndoRefused("It is undone already.", extra={"undone_by": undone_by})
    if not is_possible:
        raise UndoRefused(NOT_UNDONE, next_step="Make the change you want directly.")
    names = await names_beside(tx, [change_id], entries.entities)
    try:
        reverted = await revert(tx, entries)
    except UndoRefused as refused:
        raise await _with_cause(tx, change_id, refused, ()) from None
    return await settle(tx, [reverted], reverted, names)


async def _with_cause(tx: Tx, change_id: int, refused: UndoRefused, done: Sequence[int]) -> UndoRefused:
    """Return the refusal of a change with the later one that is in its way, which is none of those reverted with it."""
    rows = refused.others or [(refused.extra["entity"], refused.extra["id"])]
    question = {"entities": [entity for entity, _ in rows], "entity_ids": [row_id for _, row_id in rows]}
    question |= {"id": change_id, "tagged": [*refused.tagged]}
    blocked_by = await tx.value(queries.BLOCKING, **question, reverted=[*done])
    if blocked_by is None and done:  # what is in the way came back by one of these
        blocked_by = await tx.value(queries.BLOCKING, **question, reverted=[])
    return UndoRefused(refused.detail, extra=refused.extra | {"blocked_by": blocked_by})


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
