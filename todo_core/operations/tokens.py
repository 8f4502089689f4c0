"""API tokens: make, list, revoke."""

from __future__ import annotations

from datetime import UTC, timedelta

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Page, Touched
from todo_core.errors import InsufficientScope, NotForApps, NotFound, NotOwner
from todo_core.identity import api_tokens
from todo_core.models.tokens import TokenCreate, TokenCreated, TokenRead
from todo_core.queries import tokens as queries


@operation(effect="changes", scope="profile", raises=(InsufficientScope, NotForApps), idempotent=False, for_apps=False)
async def create(tx: Tx, wanted: TokenCreate) -> Changed[TokenCreated]:
    """Make an API token. The token is in this answer and never shown again.

    An app that acts for the user may not: the token would outlive what the app was allowed.
    """
    for scope in wanted.scopes:
        if not tx.caller.may(scope):
            raise InsufficientScope(scope)
    token = api_tokens.generate()
    expires = None
    if wanted.expires_in_days is not None:
        expires = tx.core.clock().astimezone(UTC) + timedelta(days=wanted.expires_in_days)
    row = await tx.one(
        queries.CREATE,
        name=wanted.name,
        hint=api_tokens.hint(token),
        hash=api_tokens.digest(token),
        scopes=list(dict.fromkeys(wanted.scopes)),
        expires_at=expires,
    )
    return Changed([Done(row["row"])], [Touched("token", row["id"], None, row["row"])], secret=token)


@operation(effect="reads", scope="profile", raises=(NotForApps,), for_apps=False)
async def list_(tx: Tx) -> Page[TokenRead]:
    """List API tokens, revoked and expired ones too, oldest first."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(effect="changes", scope="profile", raises=(NotForApps, NotFound, NotOwner), destructive=True, for_apps=False)
async def revoke(tx: Tx, token_id: int) -> Changed[TokenRead]:
    """Revoke an API token. It stops working at once, everywhere, for good; a repeat changes nothing."""
    row = await tx.row(queries.REVOKE, id=token_id)
    if row is None:
        raise (await missing(tx, "token", [token_id]))[token_id]
    done = Done.of(row["before"], row["after"])
    return Changed([done], [Touched("token", token_id, row["before"], row["after"])] if done.changed else [])
