"""Undo what a change did to the profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import UndoRefused
from todo_core.models.users import PATCHABLE, ProfilePatch, ProfileWritten
from todo_core.queries import users as queries
from todo_core.rules.lists import Lists
from todo_core.rules.profiles import write_profile
from todo_core.rules.reverting.entries import Entries, Entry, require_as_left


async def revert(tx: Tx, entries: Entries) -> Changed[ProfileWritten]:
    """Put back what a change of the profile changed, or several, the latest first.

    Raises:
        UndoRefused: It changed since, or the default list was purged, or is not seen by the agent that acts.
    """
    present = orjson.loads((await tx.one(queries.ONE))["row"])
    back: dict[str, Any] = {}
    for entry in entries:
        require_as_left(entry, present, _is_as_left)
        assert entry.before is not None  # no change makes a profile
        before = {name: entry.before.get(name) for name in PATCHABLE if _is_changed(entry, name)}
        back, present = back | before, present | before
    list_id = back.get("default_list_id")
    # A deleted one is put back, too: it may have been deleted when it was chosen no more.
    if list_id is not None and (await Lists.of(tx)).known(list_id) is None:
        raise UndoRefused.in_the_way("user", entries.ids[0], [("list", list_id)])
    return await write_profile(tx, cast("ProfilePatch", back))


def _is_as_left(present: Mapping[str, Any], entry: Entry) -> bool:
    """Return whether a profile is as a change left it.

    The version does not count, nor a name where there was none: a sign-in may raise the one and bring the other.
    """
    names = [name for name in PATCHABLE if _is_changed(entry, name) or entry.after.get(name) is not None]
    return all(present[name] == entry.after[name] for name in names)


def _is_changed(entry: Entry, name: str) -> bool:
    """Return whether a change set a field to another value; one that the record does not have is null."""
    return entry.before is not None and entry.before.get(name) != entry.after.get(name)
