"""The user's own profile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import orjson

from todo_core.boundary import agents
from todo_core.boundary.authentication import LAST_MOMENT
from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Done, Found
from todo_core.errors import (
    Conflict,
    InvalidInput,
    NotForAgents,
    NotForApps,
    NotFound,
    NotOwner,
    Unauthenticated,
    VersionConflict,
)
from todo_core.identity.scopes import ALL_SCOPES
from todo_core.models.accounts import Leaving
from todo_core.models.fields import MAX_BATCH, MAX_PAGE
from todo_core.models.users import Capabilities, ProfilePatch, ProfileRead, ProfileWritten
from todo_core.queries import accounts, idempotency, tokens
from todo_core.queries import users as queries
from todo_core.rules.completing import LOOK_BACK
from todo_core.rules.leaving import Codes, delete_account
from todo_core.rules.profiles import revise_profile
from todo_core.storage.transactions import Row
from todo_core.text.json_text import json_text


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
    within_lists=True,
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
        "retry_hours": idempotency.LIFETIME // timedelta(hours=1),
        "offline_days": LOOK_BACK.days,
        "trash_days": settings.trash_days,
        "history_days": settings.history_days,
    }
    told = {
        "kind": kind if principal.token_id is None else "api_token",
        "scopes": [scope for scope in ALL_SCOPES if scope in principal.scopes],
        "expires_at": None if expires_at is None else f"{expires_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "mandate": agents.told(tx.caller.agent),
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


@operation(effect="reads", scope="profile", raises=(NotForApps, NotForAgents), for_apps=False, for_agents=False)
async def prepare_deletion(tx: Tx) -> Found[Leaving]:
    """Tell what would go if you deleted your account, with a code that deletes it, for a minute. Nothing changes."""
    row = await _held(tx)
    code, expires_at = Codes(tx.core.secret, tx.core.clock()).make(row["known_as"])
    told = {"is_deleted": False, "code": code, "expires_at": f"{expires_at:%Y-%m-%dT%H:%M:%SZ}"}
    return Found(json_text(told | {"held": orjson.loads(row["row"])}))


@operation(
    effect="changes",
    scope="profile",
    raises=(NotForApps, NotForAgents, Conflict, InvalidInput),
    destructive=True,
    for_apps=False,
    for_agents=False,
    proposable=False,
)
async def delete(tx: Tx, code: str) -> Changed[Leaving]:
    """Delete your account with everything in it, for good. Nobody can undo it. All that you are signed in with ends.

    With `TODO_DELETION_IS_FINAL` you are not let in again.
    """
    row = await _held(tx)
    Codes(tx.core.secret, tx.core.clock()).require(code, row["known_as"])
    told = {"is_deleted": True, "code": None, "expires_at": None, "held": orjson.loads(row["row"])}
    if not tx.caller.dry_run:
        await tx.rows(accounts.LEAVE)
        if not await delete_account(tx, tx.caller.principal.user_id):
            raise Conflict("This account cannot be deleted.")  # the command line's own
    return Changed([Done(json_text(told))], gone=None if tx.caller.dry_run else tx.caller.principal.user_id)


async def _held(tx: Tx) -> Row:
    """Return what the account has.

    Raises:
        Unauthenticated: It was deleted while this request waited.
    """
    row = await tx.row(accounts.HELD)
    if row is None:
        raise Unauthenticated(presented=True)
    return row
