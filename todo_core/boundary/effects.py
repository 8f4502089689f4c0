"""Say what a write does to each row, without what differs from run to run, to compare two runs.

Nothing needs to be known of what an operation depends on: it shows in what the operation would do. A subtask that came
since is one row more, a tag that was renamed is one to be made anew, a row that somebody changed has another version.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import orjson

from todo_core.boundary.results import Touched
from todo_core.boundary.turns import in_turns
from todo_core.queries import proposals as queries
from todo_core.storage.transactions import Executor

_COUNTED: Final = frozenset(
    {
        "version",
        "created_at",
        "updated_at",
        "all_subtasks",
        "open_subtasks",
        "done_subtasks",
        "open_todos",
        "note_count",
    }
)
"""Fields that follow from other rows, or that every write sets."""
_PLACES: Final = frozenset({"place", "position"})
"""Fields that say where a row comes among others: numbers that the others choose, too."""
_MOMENTS: Final = frozenset({"completed_at", "deleted_at", "archived_at", "revoked_at"})
"""Fields with the moment of the write: what counts is whether there is one."""
_DATES: Final = frozenset({"due", "start"})
"""Dates of a todo. Those of a next occurrence follow from when the one before is done or skipped."""


class Effect(NamedTuple):
    """What a write does to a row."""

    entity: str
    id: int | None
    """None for a new row: it gets another number at each run."""
    version: int | None
    """That of the row before; None for a new one, and for what has none."""
    becomes: str
    """A digest of what the row is after; behind a dot one of the todos that it concerns without changing them."""


class Difference(NamedTuple):
    """A row to which a write does something else than it did in another run."""

    entity: str
    id: int | None
    """None for a new row."""
    title: str | None
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Return the object that callers get."""
        return self._asdict()


def differences(
    then: Sequence[Effect], now: Sequence[Effect], titles: Mapping[tuple[str, int | None], str]
) -> list[Difference]:
    """Return the rows to which a write does something else now than it did then.

    Args:
        then: What it did.
        now: What it does.
        titles: What rows are called, by kind and id; a new one by its kind and the negative of its place.
    """
    found: list[Difference] = []
    was: dict[tuple[str, int | None], Effect] = {(one.entity, one.id): one for one in then if one.id is not None}
    new_then = Counter((one.entity, one.becomes) for one in then if one.id is None)
    for place, effect in enumerate(now, 1):
        key = (effect.entity, effect.id)
        if effect.id is None:
            if new_then[effect.entity, effect.becomes]:
                new_then[effect.entity, effect.becomes] -= 1
            else:
                title = titles.get((effect.entity, -place))
                found.append(Difference(effect.entity, None, title, "would be made now, and was not shown so"))
        elif (before := was.pop(key, None)) is None:
            found.append(Difference(*key, titles.get(key), "would be changed, too"))
        elif before.version != effect.version:
            found.append(Difference(*key, titles.get(key), "was changed since"))
        elif before.becomes != effect.becomes and _row_of(before) == _row_of(effect):
            found.append(Difference(*key, titles.get(key), "would be taken from other todos than was shown"))
        elif before.becomes != effect.becomes:
            found.append(Difference(*key, titles.get(key), "would become something else"))
    found += [Difference(*key, titles.get(key), "would not be changed any more") for key in was]
    found += [Difference(kind, None, None, "would not be made any more") for kind, _ in new_then.elements()]
    return found


def _row_of(effect: Effect) -> str:
    return effect.becomes.partition(".")[0]


async def effects_of(transaction: Executor, rows: Sequence[Touched]) -> list[Effect]:
    """Return what a write does to each of its rows, in its order.

    Args:
        transaction: Tells which todos are concerned that no row is of: those of a tag that is deleted, and of a list
            that is archived.
        rows: The rows.
    """
    states = [(row, orjson.loads(row.after)) async for row in in_turns(rows)]
    concerned = await _concerned(transaction, states)
    made = (row for row in rows if row.before is None)
    new: dict[tuple[str, int], str] = {(row.entity, row.id): f"new {n}" for n, row in enumerate(made)}
    later = _later(states)
    effects: list[Effect] = []
    async for row, after in in_turns(states):
        before = None if row.before is None else orjson.loads(row.before)
        is_later = row.id in later if before is None else _goes_on(row.entity, before, after)
        shown = _plain(after, new, is_new=before is None, is_later=is_later)
        digest = hashlib.sha256(orjson.dumps(shown, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
        digest += concerned.get((row.entity, row.id), "")
        version = None if before is None else _shown(before).get("version", before.get("version"))
        effects.append(Effect(row.entity, None if before is None else row.id, version, digest))
    return effects


async def _concerned(
    transaction: Executor, states: Sequence[tuple[Touched, dict[str, Any]]]
) -> dict[tuple[str, int], str]:
    """Return for each tag that is deleted and each list that is archived what tells its todos, by kind and id."""
    going = {row.id: row.entity for row, after in states if _takes_todos_along(row, after)}
    if not going:
        return {}
    tags, lists = ([row_id for row_id, kind in going.items() if kind == wanted] for wanted in ("tag", "list"))
    found = await transaction.rows(queries.CONCERNED, tags=tags, lists=lists)
    return {(row["entity"], row["id"]): f".{row['todos']}" for row in found}


def _takes_todos_along(row: Touched, after: Mapping[str, Any]) -> bool:
    """Return whether a write takes a row from sight that todos are under, and none of these is a row of the write."""
    if row.before is None or row.entity not in ("tag", "list"):
        return False
    name = "deleted" if row.entity == "tag" else "is_archived"
    return bool(after.get(name)) and not orjson.loads(row.before).get(name)


def _later(states: Sequence[tuple[Touched, dict[str, Any]]]) -> set[int]:
    """Return the ids of new todos that come after others, and of those that are made below them."""
    new = {row.id: after for row, after in states if row.entity == "todo" and row.before is None}
    later = {todo_id for todo_id, after in new.items() if after.get("follows_id") is not None}
    completed = any(
        row.entity == "todo" and row.before is not None and after.get("repeat") and after.get("completed_at")
        for row, after in states
    )
    if completed:  # what a completion makes are next occurrences, and what is below them
        later |= {todo_id for todo_id, after in new.items() if after.get("repeat") is not None}
        while below := {one for one, after in new.items() if after.get("parent_id") in later and one not in later}:
            later |= below
    return later


def _goes_on(entity: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Return whether a todo goes on to another occurrence: it was skipped."""
    was, is_now = before.get("repeat"), after.get("repeat")
    if entity != "todo" or was is None or is_now is None:
        return False
    return bool(was["scheduled"] != is_now["scheduled"])


def _shown(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row in a state: of lists and tags the record has more than that."""
    row = state.get("row")
    return row if isinstance(row, dict) else state


def _plain(
    after: Mapping[str, Any],
    new: Mapping[tuple[str, int], str],
    *,
    is_new: bool,
    is_later: bool,
) -> dict[str, Any]:
    """Return what a row becomes, without what differs from run to run.

    Args:
        after: The row after, as the record has it.
        new: Names of the new rows by kind and id: their ids are others at each run.
        is_new: Whether it is one of them.
        is_later: Whether its dates follow from the moment of the write.
    """
    without: Collection[str] = _COUNTED | _PLACES | (_DATES if is_later else frozenset())
    plain = {name: value for name, value in _shown(after).items() if name not in without}
    plain |= {"linked": after["linked"]} if after.get("linked") else {}
    plain |= {name: plain[name] is not None for name in _MOMENTS & plain.keys()}
    for name, kind in (("parent_id", "todo"), ("todo_id", "todo"), ("follows_id", "todo"), ("list_id", "list")):
        if name in plain:
            plain[name] = new.get((kind, plain[name]), plain[name])
    if is_new:
        plain.pop("id", None)
    if is_later and plain.get("repeat"):
        plain["repeat"] = {name: value for name, value in plain["repeat"].items() if name in ("rule", "counts_from")}
    return plain
