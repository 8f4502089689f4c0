"""Record todos with the names that their tags had before an undo and have after it.

An undo may rename, delete or restore tags on the way, and a todo is recorded with the names of its tags. So todos are
compared by the names before the whole undo, and recorded with those before and after it: the names in between would
not lead back to the tags. A tag that was only needed in between is deleted again, and not recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.queries import tags as queries
from todo_core.queries import undoing
from todo_core.rules.reverting.entries import Entries
from todo_core.rules.tagging import TagRevision, revise_tags
from todo_core.text.json_text import json_text

Names = Mapping[int, Sequence[str]]
"""The names of the tags of todos, by the ids of these."""


async def names_of(tx: Tx, todo_ids: Iterable[int], gone: Iterable[int] = ()) -> Names:
    """Return the names that the tags of todos have now, of deleted tags only those with the ids `gone`."""
    rows = [
        row
        for chunk in chunks([*dict.fromkeys(todo_ids)])
        for row in await tx.rows(queries.NAMES, ids=list(chunk), gone=[*gone])
    ]
    return {row["id"]: row["names"] for row in rows}


async def names_beside(tx: Tx, change_ids: Sequence[int], entities: Iterable[str]) -> Names:
    """Return the names of the tags of the todos that changes touched, if these changed tags that were there, too.

    Args:
        tx: The transaction.
        change_ids: The changes.
        entities: The kinds of their rows.
    """
    if not {"tag", "todo"} <= {*entities}:
        return {}
    rows = await tx.rows(undoing.TAGGED, ids=[*change_ids])
    if not any(row["entity"] == "tag" and row["was_there"] for row in rows):
        return {}
    return await names_of(tx, (row["id"] for row in rows if row["entity"] == "todo"))


async def name_tags(tx: Tx, entries: Entries) -> None:
    """Keep with the entries of one change the names of the tags of its todos, if it changed tags that were there, too.

    Tags that the change deleted are among them, as in its record (`settle`): the undo brings them back.
    """
    changed = [row for row in entries.of("tag") if row["before"] is not None]
    if changed:
        gone = [row["id"] for row in changed if _is_gone(row["before"], row["after"])]
        entries.names = await names_of(tx, (row["id"] for row in entries.of("todo")), gone)


@dataclass(frozen=True, slots=True)
class _Moments:
    """The names of the tags of todos before an undo, and after it."""

    before: Names
    after: Names
    retagged: frozenset[int]
    """Todos that the undo gave other tags, whatever their names."""

    def told(self, todo_id: int, before: str | None, after: str) -> tuple[str | None, str]:
        """Return the JSON of a todo before and after the undo, each with the names of its tags at that moment."""
        if before is not None and todo_id in self.before:
            before = _tagged(before, self.before[todo_id])
        return before, _tagged(after, self.after[todo_id])

    def recorded(self, todo_id: int, before: str | None, after: str) -> tuple[str | None, str]:
        """Return both states for the change record: without tags, if the undo only renamed the todo's tags."""
        if todo_id not in self.before or todo_id in self.retagged:
            return self.told(todo_id, before, after)
        return None if before is None else _tagged(before, None), _tagged(after, None)


async def settle(tx: Tx, parts: Sequence[Changed[Any]], whole: Changed[Any], before: Names) -> Changed[Any]:
    """Return the result of an undo with the names of tags before and after it, and without tags that no todo uses.

    Args:
        tx: The transaction.
        parts: The results of its steps, in order.
        whole: Their combined result.
        before: The names of tags before it, by todo, if it touched tags; see `names_beside`.
    """
    of_tags = [one for one in whole.touched if one.entity == "tag"]
    idle = await _unused(tx, [one.id for one in of_tags if one.before is None])
    if not idle and not before:
        return whole
    todo_ids = [one.id for one in whole.touched if one.entity == "todo"]
    written = (one for part in parts for one in part.touched if one.entity == "todo")
    after = await names_of(tx, todo_ids, (one.id for one in of_tags if _is_gone(one.before, one.after)))
    moments = _Moments(before, after, frozenset(one.id for one in written if _is_retagged(one)))
    touched = [
        Touched("todo", one.id, *moments.recorded(one.id, one.before, one.after)) if one.entity == "todo" else one
        async for one in in_turns(whole.touched)
        if one.entity != "tag" or one.id not in idle
    ]
    return replace(whole, results=[_result(one, moments) async for one in in_turns(whole.results)], touched=touched)


async def _unused(tx: Tx, made: Sequence[int]) -> set[int]:
    """Delete those tags that were made which no todo outside the trash has; return their ids.

    An agent that sees some lists only deletes no tags.
    """
    if not made or tx.caller.has_lists:
        return set()
    idle = {*made} - {row["id"] for row in await tx.rows(queries.USED, ids=[*made])}
    names = {row["id"]: row["name"] for row in await tx.rows(queries.STATE, ids=[*idle])} if idle else {}
    await revise_tags(tx, [TagRevision(tag_id, name, deleted=True) for tag_id, name in names.items()])
    return idle


def _is_gone(before: str | None, after: str) -> bool:
    """Return whether a tag that was there was deleted, by its recorded states."""
    then, now = (orjson.loads(row or "{}").get("deleted") for row in (before, after))
    return then is False and now is True


def _is_retagged(written: Touched) -> bool:
    """Return whether a write gave a todo other tags: both states are of one moment."""
    then, now = (orjson.loads(row or "{}").get("tags") for row in (written.before, written.after))
    return then is not None and then != now


def _result(result: Any, moments: _Moments) -> Any:
    """Return the result of a todo with the names of both moments, and any other as it is."""
    if not isinstance(result, Done) or result.entity != "todo":
        return result
    todo_id: int = orjson.loads(result.row)["id"]
    if todo_id not in moments.after:  # it is as it was
        return result
    before, after = moments.told(todo_id, result.before, result.row)
    return replace(result, row=after, before=before)


def _tagged(row: str, names: Sequence[str] | None) -> str:
    """Return the JSON of a todo with tags of these names; without the field for None."""
    fields = orjson.loads(row)
    fields.pop("tags", None)
    return json_text(fields if names is None else fields | {"tags": names})
