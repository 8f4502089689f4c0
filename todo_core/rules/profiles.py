"""The profile: what a user chose, and what changes with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.dates import When, in_zone
from todo_core.models.users import PATCHABLE, ProfilePatch, ProfileWritten
from todo_core.queries import users as queries
from todo_core.rules.lists import Lists
from todo_core.rules.naming import list_ids
from todo_core.text.json_text import json_text


async def revise_profile(tx: Tx, patch: ProfilePatch) -> Changed[ProfileWritten]:
    """Change the user's profile. With the time zone, the moments move of todos due on a day or at a wall-clock time.

    Args:
        tx: The transaction.
        patch: What changes; what is left out stays.

    Raises:
        NotFound, NotOwner: There is no such default list.
    """
    if (named := patch.get("default_list_id")) is not None:
        (list_id,) = await list_ids(tx, [("default_list_id", named)])
        patch = {**patch, "default_list_id": list_id}
        (await Lists.of(tx, [list_id])).require(list_id, "default_list_id")
    return await write_profile(tx, patch)


async def write_profile(tx: Tx, patch: ProfilePatch) -> Changed[ProfileWritten]:
    """Write a patch of the profile; its default list is an id, of a list that is there, deleted or not."""
    values = {name: patch.get(name) for name in PATCHABLE}
    row = await tx.one(queries.REVISE, given=list(patch), **values)
    if row["after"] is None:
        return Changed([Done(row["before"], False, _beside(0))])
    before, after = (ZoneInfo(orjson.loads(row[side])["time_zone"]) for side in ("before", "after"))
    shown_otherwise = 0
    if before != after:
        tx.core.activity.moved(row["id"])
        shown_otherwise = await _move_dues(tx, before, after)
    touched = Touched("user", row["id"], _recorded(row["before"]), _recorded(row["after"]))
    return Changed([Done(row["after"], True, _beside(shown_otherwise))], [touched])


def _beside(shown_otherwise: int) -> dict[str, Any]:
    """Return what the answer says beside the profile (`ProfileWritten`)."""
    return {"todos_shown_otherwise": shown_otherwise}


async def _move_dues(tx: Tx, before: ZoneInfo, after: ZoneInfo) -> int:
    """Set the moments of all days and wall-clock times to those in another time zone, a chunk of todos at a time.

    Returns:
        How many open todos are due at a moment that reads otherwise there.
    """
    shown_otherwise = 0
    moved: list[tuple[int, datetime]] = []
    async for row in in_turns(await tx.rows(queries.DUES)):
        due = When(row["due_at"], row["due_date"], row["due_time"])
        if due.on is None:
            shown_otherwise += row["is_open"] and due.local(before) != due.local(after)
        elif (at := in_zone(due, after).at) != due.at:
            moved.append((row["id"], at))
    for chunk in chunks(moved):
        moments = json_text({str(todo_id): at for todo_id, at in chunk})
        await tx.rows(queries.MOVE, ids=[todo_id for todo_id, _ in chunk], moments=moments)
    return shown_otherwise


def _recorded(profile: str) -> str:
    """Return what the change record keeps of a profile: what the user chose.

    The e-mail is not in it: who may read changes need not learn it.
    """
    row = orjson.loads(profile)
    return json_text({name: row[name] for name in (*PATCHABLE, "version")})
