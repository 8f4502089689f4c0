"""The user's own profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Done, Found, Touched
from todo_core.dates import end_of_day
from todo_core.errors import NotFound, NotOwner, TodoError, UndoRefused, VersionConflict
from todo_core.models.users import PATCHABLE, ProfilePatch, ProfileRead
from todo_core.operations.lists import Lists
from todo_core.queries import users as queries
from todo_core.text import json_text

ENTITY: Final = "user"


@operation(effect="reads", scope="profile")
async def get(tx: Tx) -> Found[ProfileRead]:
    """Read your profile: name, e-mail, time zone, locale, first day of the week, default list."""
    return Found((await tx.one(queries.ONE))["row"])


@operation(effect="changes", scope="profile", raises=(NotFound, NotOwner, VersionConflict))
async def update(tx: Tx, patch: ProfilePatch, if_version: Sequence[int] | None = None) -> Changed[ProfileRead]:
    """Change your profile: display name, time zone, locale, first day of the week, default list.

    What is left out stays. Dates are read and shown in the time zone, weeks begin on the first day chosen here.
    """
    if if_version is not None:
        present = orjson.loads((await tx.one(queries.ONE))["row"])
        if present["version"] not in if_version:
            raise VersionConflict(extra={"current": present})
    if (list_id := patch.get("default_list_id")) is not None:
        (await Lists.of(tx, [list_id])).require(list_id, "default_list_id")
    values = {name: patch.get(name) for name in PATCHABLE}
    row = await tx.one(queries.REVISE, given=list(patch), **values)
    if row["after"] is None:
        return Changed([Done(row["before"], changed=False)])
    if orjson.loads(row["before"])["time_zone"] != (zone := orjson.loads(row["after"])["time_zone"]):
        tx.core.activity.moved(row["id"])
        await _move_days(tx, ZoneInfo(zone))
    touched = Touched(ENTITY, row["id"], _recorded(row["before"]), _recorded(row["after"]))
    return Changed([Done(row["after"])], [touched])


async def _move_days(tx: Tx, zone: ZoneInfo) -> None:
    """Have what is due on a day be due by the end of that day in the new time zone."""
    days = [row["due_on"] for row in await tx.rows(queries.DAYS)]
    if days:
        await tx.rows(queries.MOVE_DAYS, days=days, ends=[end_of_day(day, zone) for day in days])


def _recorded(profile: str) -> str:
    """What the record keeps: what the user chose. Whoever may read changes need not learn the e-mail from them."""
    row = orjson.loads(profile)
    return json_text({name: row[name] for name in (*PATCHABLE, "version")})


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
        raise UndoRefused.in_the_way(ENTITY, entry["id"])
    patch: ProfilePatch = {name: before[name] for name in changed}  # type: ignore[assignment]
    try:
        return await update.run(tx, patch)
    except TodoError:  # the default list is gone
        raise UndoRefused.in_the_way(ENTITY, entry["id"]) from None
