"""The profile: what a user chose, and what changes with it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import orjson

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.dates import end_of_day
from todo_core.models.users import PATCHABLE, ProfilePatch, ProfileRead
from todo_core.queries import users as queries
from todo_core.rules.lists import Lists
from todo_core.text import json_text


async def revise_profile(tx: Tx, patch: ProfilePatch) -> Changed[ProfileRead]:
    """Change the user's profile. With the time zone, the deadlines of todos that are due on a day move.

    Args:
        tx: The transaction.
        patch: What changes; what is left out stays.

    Raises:
        NotFound, NotOwner: There is no such default list.
    """
    if (list_id := patch.get("default_list_id")) is not None:
        (await Lists.of(tx, [list_id])).require(list_id, "default_list_id")
    values = {name: patch.get(name) for name in PATCHABLE}
    row = await tx.one(queries.REVISE, given=list(patch), **values)
    if row["after"] is None:
        return Changed([Done(row["before"], changed=False)])
    if orjson.loads(row["before"])["time_zone"] != (zone := orjson.loads(row["after"])["time_zone"]):
        tx.core.activity.moved(row["id"])
        await _move_days(tx, ZoneInfo(zone))
    touched = Touched("user", row["id"], _recorded(row["before"]), _recorded(row["after"]))
    return Changed([Done(row["after"])], [touched])


async def _move_days(tx: Tx, zone: ZoneInfo) -> None:
    """Move the deadlines of todos that are due on a day to the end of that day in the new time zone."""
    days = [row["due_on"] for row in await tx.rows(queries.DAYS)]
    if days:
        await tx.rows(queries.MOVE_DAYS, days=days, ends=[end_of_day(day, zone) for day in days])


def _recorded(profile: str) -> str:
    """Return what the change record keeps of a profile: what the user chose.

    The e-mail is not in it: who may read changes need not learn it.
    """
    row = orjson.loads(profile)
    return json_text({name: row[name] for name in (*PATCHABLE, "version")})
