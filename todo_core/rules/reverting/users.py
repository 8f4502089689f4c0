"""Undo what a change did to the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import TodoError, UndoRefused
from todo_core.models.users import PATCHABLE, ProfilePatch, ProfileRead
from todo_core.queries import users as queries
from todo_core.rules.profiles import revise_profile


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[ProfileRead]:
    """Put back what a change of the profile changed.

    Raises:
        UndoRefused: It changed since.
    """
    (entry,) = entries
    before, after = entry["before"], entry["after"]
    changed = [name for name in PATCHABLE if before.get(name) != after.get(name)]
    present = orjson.loads((await tx.one(queries.ONE))["row"])
    # A sign-in raises the version, too, and may bring a name where there was none: what the user chose counts.
    chosen = [name for name in PATCHABLE if name in changed or after.get(name) is not None]
    if any(present[name] != after[name] for name in chosen):
        raise UndoRefused.in_the_way("user", entry["id"])
    patch: ProfilePatch = {name: before[name] for name in changed}  # type: ignore[assignment]
    try:
        return await revise_profile(tx, patch)
    except TodoError:  # the default list is gone
        raise UndoRefused.in_the_way("user", entry["id"]) from None
