"""Undo changes: find out whether one can be undone, name what is in its way, and revert several as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
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
from todo_core.rules.reverting.choosing import NOT_UNDONE, Chosen, Past, absence, choose, undone_between
from todo_core.rules.reverting.entries import Entries, Entry
from todo_core.rules.reverting.names import Names, names_beside, settle
from todo_core.rules.reverting.runs import runs_of
from todo_core.rules.reverting.steps import ENTITIES, may_take, require_scopes, revert
from todo_core.rules.reverting.todos import changed_since
from todo_core.rules.showing import shown_to
from todo_core.rules.touching import comes_to_nothing, once_each
from todo_core.storage.transactions import GoneError

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
    require_scopes(tx, {kind for change in within for kind in change.entities})
    try:
        async with tx.part():
            progress = await _revert_all(tx, chosen, within, skips=skips)
            progress.parts += await _unused_tags(tx, chosen) if progress.parts else []
            progress.conflicts += [*chosen.conflicts, *({"change_id": one, "message": _BEYOND} for one in beyond)]
            progress.require_no_conflicts(len(chosen.changes) + len(chosen.conflicts), skips=skips)
            touched = once_each(row for part in progress.parts for row in part.touched)
            reverted: Changed[Any] = Changed(await _once_each(progress.parts), touched)
            whole = await settle(tx, progress.parts, reverted, progress.names)
            await _require_something(whole)
    except _NothingError:
        whole = Changed([_as_it_was(done) async for done in in_turns(whole.results) if isinstance(done, Done)])
    undone = await _checked(tx, whole, sorted(progress.done, reverse=True))
    return replace(undone, skipped=_latest_first([*progress.conflicts, *chosen.left]))


class _OtherwiseError(GoneError):
    """Another attempt is to be made."""


class _NothingError(GoneError):
    """All rows are what they were."""


async def _revert_all(tx: Tx, chosen: Chosen, within: Sequence[Past], *, skips: bool) -> _Reverting:
    """Revert what was chosen and is `within` the caller's lists. Where some of it cannot be, it is tried by way of
    changes that were undone meanwhile, which leaves nothing of those, and more of it may find its rows as it left them.
    """
    with suppress(_OtherwiseError):
        async with tx.part():
            first = await _Reverting.of(tx, within)
            first.require_better(await _passable(tx, chosen) if first.conflicts else ())
            return first
    with suppress(_OtherwiseError):
        async with tx.part():
            second = await _Reverting.of(tx, within, first.passing)
            second.require_as_good(first)
            return second
    return await _Reverting.of(tx, within) if skips else first


async def _unused_tags(tx: Tx, chosen: Chosen) -> list[Changed[Any]]:
    """Delete tags which changes made that were undone before, if nothing has them any more: a change that is undone now
    may have kept them. Return that as a part of the undo."""
    if not chosen.made_tags or not may_take(tx, {"tag"}):
        return []
    made = await tx.rows(undoing.NEW_TAGS, ids=chosen.made_tags)
    return [await revert(tx, Entries(made))] if made else []


async def _passable(tx: Tx, chosen: Chosen) -> Sequence[Past]:
    """Return the changes by way of which others can be reverted, if the caller may touch all of their rows."""
    found = await undone_between(tx, chosen)
    may = may_take(tx, {kind for change in found for kind in change.entities})
    return found if may and not await _beyond_lists(tx, [change.id for change in found]) else ()


async def _require_something(whole: Changed[Any]) -> None:
    """Refuse an undo after which all is what it was: what it wrote on the way is to be gone, too.

    Raises:
        _NothingError: It is.
    """
    if await comes_to_nothing(whole.touched):
        raise _NothingError


def _as_it_was(done: Done) -> Done:
    """Return the result of a row whose writes are gone again."""
    return replace(done, row=done.row if done.before is None else done.before, changed=False)


def _latest_first(changes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(changes, key=lambda change: -change["change_id"])


@dataclass(slots=True)
class _Reverting:
    """An undo of several, as far as it has come."""

    tx: Tx
    names: Names
    """The names of tags before it; see `names_beside`."""
    passed: Mapping[int, Past] = field(default_factory=dict)
    """The changes that were reverted on the way, and not for good."""
    passing: Sequence[Past] = ()
    """Those by way of which more can be reverted."""
    done: list[int] = field(default_factory=list)
    """The changes that were reverted for good."""
    parts: list[Changed[Any]] = field(default_factory=list)
    """What that did, in its order."""
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    """The changes that cannot be reverted, and what is in the way of each."""

    @classmethod
    async def of(cls, tx: Tx, changes: Sequence[Past], passed: Sequence[Past] = ()) -> _Reverting:
        """Revert changes, and others on the way, as far as that is possible."""
        both = sorted([*changes, *passed], key=lambda change: -change.id)
        names = await names_beside(tx, [change.id for change in both], {kind for one in both for kind in one.entities})
        progress = cls(tx, names, {change.id: change for change in passed})
        for run in await runs_of(tx, both):
            await progress.revert(run)
        return progress

    def require_better(self, passing: Sequence[Past]) -> None:
        """Ask for another attempt if there is something to pass.

        Raises:
            _OtherwiseError: There is.
        """
        self.passing = passing
        if passing:
            raise _OtherwiseError

    def require_as_good(self, first: _Reverting) -> None:
        """Refuse an attempt that passed changes of which something is left, or that was of no use.

        Raises:
            _OtherwiseError: It is so.
        """
        ends = {*self.passed} | {change.undone_by for change in self.passed.values()}
        of_passed = any(conflict["change_id"] in ends for conflict in self.conflicts)
        if of_passed or len(self.conflicts) >= len(first.conflicts):
            raise _OtherwiseError

    def require_no_conflicts(self, number: int, *, skips: bool) -> None:
        """Refuse an undo of a number of changes of which some cannot be undone, unless these are left out.

        Raises:
            UndoRefused: With each of them.
        """
        if self.conflicts and not skips:
            detail = f"{len(self.conflicts)} of these {number} changes cannot be undone; nothing was changed."
            raise UndoRefused(detail, extra={"conflicts": _latest_first(self.conflicts)}, next_step=_ALL_OR_OTHERS)

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
            self.done += [change_id for change_id in run if change_id not in self.passed]

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
        # A name that an agent does not see ends the statement that would write it.
        async with tx.part() if tx.caller.has_lists else nullcontext():
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
