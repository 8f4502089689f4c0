"""The user's own profile."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Found
from todo_core.errors import NotFound, NotOwner, VersionConflict
from todo_core.models.users import ProfilePatch, ProfileRead, ProfileWritten
from todo_core.queries import users as queries
from todo_core.rules.profiles import revise_profile


@operation(effect="reads", scope="profile")
async def get(tx: Tx) -> Found[ProfileRead]:
    """Read your profile: name, e-mail, time zone, locale, first day of the week, default list."""
    return Found((await tx.one(queries.ONE))["row"])


@operation(effect="changes", scope="profile", raises=(NotFound, NotOwner, VersionConflict))
async def update(tx: Tx, patch: ProfilePatch, if_version: Sequence[int] | None = None) -> Changed[ProfileWritten]:
    """Change your profile: display name, time zone, locale, first day of the week, default list.

    What is left out stays. Dates are read and shown in the time zone, weeks begin on the first day chosen here.
    """
    if if_version is not None:
        present = orjson.loads((await tx.one(queries.ONE))["row"])
        if present["version"] not in if_version:
            raise VersionConflict(extra={"current": present})
    return await revise_profile(tx, patch)
