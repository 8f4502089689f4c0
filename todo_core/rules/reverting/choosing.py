"""Choose the changes that an undo of several takes back: by id, by agent, by time, or by several of these."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.errors import FieldError, InvalidInput, NotFound, TodoError
from todo_core.models.changes import UndoChoice
from todo_core.queries import agents
from todo_core.queries import undoing as queries
from todo_core.rules.history import Time, time_of
from todo_core.rules.reverting.steps import ENTITIES
from todo_core.rules.showing import shown_to
from todo_core.storage.transactions import Row

MOST: Final = 1_000
"""Most changes that one undo takes back."""
MOST_ROWS: Final = 50_000
"""Most rows that one undo takes back of several changes together. A single change may have touched more."""
MOST_AMONG: Final = 5_000
"""Most changes that a choice by agent or time may match, those that were undone included."""
NOT_UNDONE: Final = "A change to an API token, an agent, an account or a proposal cannot be undone."
_MIXED: Final = "It undid some of these changes, and others, too; undo it by itself first."
_AGAIN: Final = "It was undone and stands again; undo the change that brought it back."
_CHANGES: Final = "List the changes to find the one you mean; each write returned its own as `change_id`."


@dataclass(frozen=True, slots=True)
class Past:
    """A change, without its rows."""

    id: int
    agent_id: int | None
    undone_by: int | None
    brought_back_by: int | None
    """The change that undid its undo, unless that was undone, too: then this change is in effect again."""
    undid: tuple[int, ...]
    """The changes that it reverted."""
    entities: frozenset[str]
    """The kinds of its rows."""
    is_seen: bool
    """Whether the caller may see one of its rows."""
    rows: int = 1
    """How many rows it touched."""

    @classmethod
    def of(cls, row: Row) -> Past:
        """Return the change of a row of `queries.NAMED` or `queries.AMONG`."""
        undid, entities = tuple(row["undid"]), frozenset(row["entities"])
        undone, again = row["undone_by"], row["brought_back_by"]
        return cls(row["id"], row["agent_id"], undone, again, undid, entities, row["is_seen"], row["rows"])

    @property
    def can_be_reverted(self) -> bool:
        """Whether there is a step for each of its rows."""
        return self.entities <= ENTITIES


@dataclass(frozen=True, slots=True)
class Chosen:
    """The changes that an undo of several found, by what becomes of them."""

    changes: list[Past]
    """The changes to revert, the latest first."""
    conflicts: list[dict[str, Any]]
    """Those that can never be reverted, in the form of `UndoRefused.extra["conflicts"]`."""
    left: list[dict[str, Any]]
    """Those that stand, and that no undo is for, where nobody named them: they are in nobody's way."""
    among: list[Past]
    """The changes of a time, or of an agent, among which these were chosen; none where somebody named them."""

    @property
    def made_tags(self) -> list[int]:
        """The ids of those of `among` of which nothing is left but, perhaps, tags that others of these have used."""
        undone = [one for one in self.among if one.undone_by is not None and one.brought_back_by is None]
        return [change.id for change in undone if "tag" in change.entities]


async def choose(tx: Tx, change_ids: Sequence[int], choice: UndoChoice | None) -> Chosen:
    """Return the changes to revert.

    Args:
        tx: The transaction.
        change_ids: The ids; none for all.
        choice: The agent and the time; None for any.

    Raises:
        NotFound, NotOwner: The caller does not have some of the ids, each of which is named, or the agent.
        InvalidInput: They are too many, an agent names changes of others, or it is not clear when they are.
    """
    chosen = await _choose(tx, change_ids, choice)
    rows = sum(change.rows for change in chosen.changes)
    if len(chosen.changes) > 1 and rows > MOST_ROWS:
        message = f"means changes of {rows:,} rows, and one undo takes back {MOST_ROWS:,} of several; narrow it down"
        raise _too_many(choice, message)
    return chosen


async def _choose(tx: Tx, change_ids: Sequence[int], choice: UndoChoice | None) -> Chosen:
    """Return the changes to revert, however many rows they touched; see `choose`."""
    if change_ids:
        named = await _named(tx, change_ids)
        if choice is None or not choice.selects:
            return _as_named(named)
    assert choice is not None  # else there are ids
    among = [Past.of(row) for row in await _among(tx, change_ids, choice)]
    if change_ids:
        return _as_named(among)
    chosen = _standing(among)
    if len(chosen.changes) > MOST:
        message = f"means {len(chosen.changes):,} changes, and one undo takes back {MOST:,}; narrow it down"
        raise _too_many(choice, message)
    return chosen


async def _named(tx: Tx, change_ids: Sequence[int]) -> list[Past]:
    """Return changes by id; see `choose` for what is raised."""
    rows = await tx.rows(queries.NAMED, ids=[*change_ids], shown=shown_to(tx.caller))
    found = {row["id"]: Past.of(row) for row in rows}
    hidden = [one.id for one in found.values() if not one.can_be_reverted and not one.is_seen]
    absent = [change_id for change_id in change_ids if change_id not in found or change_id in hidden]
    if absent:
        raise await _all_absent(tx, change_ids, absent)
    me = tx.caller.agent_id
    others = [n for n, change_id in enumerate(change_ids) if me is not None and found[change_id].agent_id != me]
    if others:
        message = "is another's change; an agent undoes sets of its own, and others one by one with change_id"
        raise InvalidInput(errors=[FieldError(f"change_ids.{n}", message, code="not_possible") for n in others])
    return [found[change_id] for change_id in sorted(found, reverse=True)]


async def _among(tx: Tx, change_ids: Sequence[int], choice: UndoChoice) -> list[Row]:
    """Read the changes that a choice matches; for an agent, only its own.

    Raises:
        NotFound, NotOwner: The user has no such agent.
        InvalidInput: An agent names another one, it is not clear when that is, or they are more than `MOST_AMONG`.
    """
    me = tx.caller.agent_id
    if me is not None and choice.agent not in (None, me):
        message = "is another agent; an agent undoes sets of its own changes, and others one by one with change_id"
        raise InvalidInput(errors=[FieldError("agent", message, code="not_possible")])
    agent = choice.agent if me is None else me
    time: Time = await time_of(tx, choice)
    rows = await tx.rows(
        queries.AMONG if agent is None else queries.AMONG_OF_AGENT,
        ids=[*change_ids] or None,
        shown=shown_to(tx.caller),
        agent=agent,
        made_from=time.begin,
        made_until=time.end,
        most=MOST_AMONG + 1,
    )
    if len(rows) > MOST_AMONG:
        raise _too_many(choice, f"means more than {MOST_AMONG:,} changes; narrow it down")
    if not rows and me is None and agent is not None and await tx.row(agents.ONE, id=agent) is None:
        absent = (await missing(tx, "agent", [agent]))[agent]
        errors = [FieldError("agent", "is no agent of yours", code="not_found")]
        raise type(absent)(errors=errors, next_step=absent.next_step)
    return rows


def _as_named(changes: Sequence[Past]) -> Chosen:
    """Return changes that somebody named: of each that cannot be reverted it is told why."""
    chosen = Chosen([], [], [], [])
    for change in changes:
        if change.undone_by is not None:
            chosen.conflicts.append(_conflict(change, "It is undone already.", undone_by=change.undone_by))
        elif not change.can_be_reverted:
            chosen.conflicts.append(_conflict(change, NOT_UNDONE))
        else:
            chosen.changes.append(change)
    return chosen


def _standing(changes: Sequence[Past]) -> Chosen:
    """Divide the changes of an agent or a time, so that reverting `changes` restores the state before all of them.

    A change and its undo cancel each other: neither is reverted. Proposals changed nothing else.

    Args:
        changes: All changes that the choice matches, the latest first.
    """
    net = _net(changes)
    chosen = Chosen([], [], [], [*changes])
    for change in changes:
        if change.undone_by is not None or net[change.id] is False:
            if change.brought_back_by is not None and change.brought_back_by not in net:
                chosen.left.append(_conflict(change, _AGAIN, brought_back_by=change.brought_back_by))
            continue
        if not change.can_be_reverted:
            if change.is_seen and change.entities != {"proposal"}:
                chosen.left.append(_conflict(change, NOT_UNDONE))
        elif net[change.id] is None:
            chosen.conflicts.append(_conflict(change, _MIXED))
        else:
            chosen.changes.append(change)
    return chosen


async def undone_between(tx: Tx, chosen: Chosen) -> list[Past]:
    """Return changes of which nothing is left because of their undo, with that; none where there is no room for them.

    A change between the two found the rows as the first of them had left it, so it can be taken back where both are, on
    the way. The undo may be of somebody else, and later than the time that was asked for.

    Args:
        tx: The transaction.
        chosen: What is reverted, of a time or of an agent.
    """
    among = {change.id: change for change in chosen.among}
    taken = {change.id for change in chosen.changes}
    ends = {change.undone_by for change in among.values()} - among.keys() - {None}
    rows = await tx.rows(queries.NAMED, ids=sorted(ends), shown=shown_to(tx.caller)) if ends else []
    undos = [undo for undo in map(Past.of, rows) if undo.undone_by is None and among.keys() >= {*undo.undid}]
    known = among | {undo.id: undo for undo in undos}
    passed = {one.id for one in known.values() if one.id not in taken and (one.undone_by or one.undid)}
    while odd := {one for one in passed if not _is_whole(known[one], passed, taken, known.keys())}:
        passed -= odd
    found = [known[one] for one in sorted(passed, reverse=True)]
    size = len(taken) + len(found), sum(change.rows for change in (*chosen.changes, *found))
    return found if size <= (MOST, MOST_ROWS) else []


def _is_whole(change: Past, passed: Collection[int], taken: Collection[int], known: Set[int]) -> bool:
    """Return whether nothing is left of a change by what is passed or taken back with it.

    Args:
        change: The change: one that was undone, or an undo.
        passed: All that are passed.
        taken: All that are taken back for good.
        known: All that are looked at.
    """
    if not change.can_be_reverted or any(one in known and one not in passed for one in change.undid):
        return False
    if change.undone_by is None:
        return known >= {*change.undid}
    return change.undone_by in passed or change.undone_by in taken


def _net(changes: Sequence[Past]) -> Mapping[int, bool | None]:
    """Return for each change, by its id, whether it has an effect that is to be reverted; None if only a part has.

    The undo of a change among these restores the state before them: it has none. The undo of an older change has one,
    like any change, and the undo of an undo has the effect of the change itself.

    Args:
        changes: All changes that the choice matches, the latest first.
    """
    net: dict[int, bool | None] = {}
    for change in reversed(changes):
        if not change.undid:
            net[change.id] = True
            continue
        left = {_opposite(net[one]) if one in net else True for one in change.undid}
        net[change.id] = left.pop() if len(left) == 1 else None
    return net


def _opposite(net: bool | None) -> bool | None:
    return None if net is None else not net


def _conflict(change: Past, message: str, **facts: Any) -> dict[str, Any]:
    return {"change_id": change.id, "message": message, **facts}


def _too_many(choice: UndoChoice | None, message: str) -> InvalidInput:
    """Return the refusal of a choice that matches too much; it names the first field that was given, or the ids."""
    parts = ("when", "made_after", "made_before", "agent")
    field = next((name for name in parts if getattr(choice, name, None) is not None), "change_ids")
    return InvalidInput(errors=[FieldError(field, message, code="too_large")])


async def absence(tx: Tx, change_ids: Sequence[int]) -> dict[int, TodoError]:
    """Return the error for each change that the user does not have."""
    errors = await missing(tx, "change", change_ids)
    days = tx.core.settings.history_days
    gone = None if days is None else f"There is no such change, or not any more: changes are kept for {days} days."
    return {
        change_id: type(error)(gone if isinstance(error, NotFound) else None, next_step=_CHANGES)
        for change_id, error in errors.items()
    }


async def _all_absent(tx: Tx, change_ids: Sequence[int], absent: Sequence[int]) -> TodoError:
    """Return the error for several changes that the user does not have, with the place of each in the request."""
    first = (await absence(tx, absent))[max(absent)]
    errors = [
        FieldError(f"change_ids.{n}", "is no change of yours", code="not_found")
        for n, change_id in enumerate(change_ids)
        if change_id in absent
    ]
    return type(first)(first.detail, errors=errors, next_step=first.next_step)
