"""The user's own profile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from todo_core.boundary import agents
from todo_core.boundary.authentication import LAST_MOMENT
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Found
from todo_core.errors import NotFound, NotOwner, VersionConflict
from todo_core.identity.scopes import ALL_SCOPES
from todo_core.models.fields import MAX_BATCH, MAX_PAGE
from todo_core.models.users import Capabilities, ProfilePatch, ProfileRead, ProfileWritten
from todo_core.queries import tokens
from todo_core.queries import users as queries
from todo_core.queries.idempotency import LIFETIME
from todo_core.rules.completing import LOOK_BACK
from todo_core.rules.profiles import revise_profile
from todo_core.text import json_text


@operation(
    effect="reads",
    scope="profile",
    verbs=("read",),
)
async def get(tx: Tx) -> Found[ProfileRead]:
    """Read your profile: name, e-mail, time zone, locale, first day of the week, default list."""
    return Found((await tx.one(queries.ONE))["row"])


@operation(
    effect="reads",
    scope=None,
    verbs=(),
)
async def capabilities(tx: Tx) -> Found[Capabilities]:
    """Read what your token may do: its scopes, when it expires, and what this server takes and keeps. Any token may."""
    principal, settings, rate = tx.caller.principal, tx.core.settings, tx.core.limits.rate
    row = await tx.one(tokens.EXPIRY, id=principal.token_id)  # it also tells whether the token is still good
    expires_at = row["expires_at"]
    if principal.expires_at is not None:
        expires_at = datetime.fromtimestamp(min(principal.expires_at, LAST_MOMENT), UTC)
    kind = "app" if principal.is_delegated else "session"
    bounds = {
        "rate": None if rate is None else {"requests": rate[0], "seconds": rate[1]},
        "batch_items": MAX_BATCH,
        "page_rows": MAX_PAGE,
        "retry_hours": LIFETIME // timedelta(hours=1),
        "offline_days": LOOK_BACK.days,
        "trash_days": settings.trash_days,
        "history_days": settings.history_days,
    }
    told = {
        "kind": kind if principal.token_id is None else "api_token",
        "scopes": [scope for scope in ALL_SCOPES if scope in principal.scopes],
        "expires_at": None if expires_at is None else f"{expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "mandate": agents.told(principal.agent),
        "limits": bounds,
    }
    return Found(json_text(told))


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(NotFound, NotOwner, VersionConflict),
    verbs=("change",),
)
async def update(tx: Tx, patch: ProfilePatch, if_version: Sequence[int] | None = None) -> Changed[ProfileWritten]:
    """Change your profile: display name, time zone, locale, first day of the week, default list.

    What is left out stays. Dates are read and shown in the time zone, weeks begin on the first day chosen here.
    """
    if if_version is not None:
        present = orjson.loads((await tx.one(queries.ONE))["row"])
        if present["version"] not in if_version:
            raise VersionConflict(extra={"current": present})
    return await revise_profile(tx, patch)
