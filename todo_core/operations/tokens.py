"""API tokens: make, list, rotate, revoke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, timedelta
from typing import Any, Final

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Page, Touched
from todo_core.errors import (
    Conflict,
    InsufficientScope,
    InvalidInput,
    NotForApps,
    NotFound,
    NotOwner,
    Unauthenticated,
)
from todo_core.identity import api_tokens
from todo_core.identity.scopes import Scope
from todo_core.models.tokens import TokenCreate, TokenCreated, TokenRead
from todo_core.queries import agents
from todo_core.queries import tokens as queries
from todo_core.rules.mandates import mandated_lists
from todo_core.storage.transactions import Row

_DO_INSTEAD: Final = "do it signed in, or with `todo-mcp token rotate`."


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(InsufficientScope, NotForApps, NotFound, NotOwner, InvalidInput),
    idempotent=False,
    for_apps=False,
)
async def create(tx: Tx, wanted: TokenCreate) -> Changed[TokenCreated]:
    """Make an API token. The token is in this answer and never shown again.

    An API token makes none that outlives it: the new one ends with it at the latest, and is revoked with it.
    An app that acts for the user may not: the token would outlive what the app was allowed.
    """
    bounds = None if wanted.mandate is None else dict(wanted.mandate)
    if bounds is not None:
        bounds |= await mandated_lists(tx, bounds["lists"], bounds["own_lists"], "mandate.")
    expires_at = None
    if wanted.expires_in_days is not None:
        expires_at = tx.core.clock().astimezone(UTC) + timedelta(days=wanted.expires_in_days)
    made = await _make(
        tx,
        {
            "name": wanted.name,
            "scopes": list(dict.fromkeys(wanted.scopes)),
            "expires_at": expires_at,
            "made_by": tx.caller.principal.token_id,
        },
    )
    if bounds is not None:
        await tx.rows(agents.MAKE_FOR_TOKEN, known_as=str(made.touched[0].id), name=wanted.name, **bounds)
    return made


@operation(
    effect="reads",
    scope="profile",
    raises=(NotForApps,),
    for_apps=False,
    verbs=("read",),
)
async def list_(tx: Tx) -> Page[TokenRead]:
    """List API tokens, revoked and expired ones too, oldest first."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(InsufficientScope, NotForApps, NotFound, NotOwner, Conflict),
    destructive=True,
    idempotent=False,
    for_apps=False,
)
async def rotate(tx: Tx, token_id: int) -> Changed[TokenCreated]:
    """Give an API token a new secret: make one with its name, scopes and expiry, and revoke it with what it made.

    The new token is in this answer and never shown again. A token cannot do so to itself: whoever finds it
    could keep its user from ending it.
    Whoever uses it stays the same agent: so an agent rotates no token but those it made.
    """
    me = tx.caller.principal.token_id
    if token_id == me:
        raise Conflict(f"A token cannot rotate itself: {_DO_INSTEAD}")
    old = await tx.row(queries.ONE, id=token_id)
    if old is None:
        raise (await missing(tx, "token", [token_id]))[token_id]
    if not old["is_live"]:
        raise Conflict("This token is revoked or has expired; make a new one.")
    if not tx.caller.is_person and old["made_by"] != me:
        raise Conflict(f"An agent can rotate no token but those it made: {_DO_INSTEAD}")
    heir = {name: old[name] for name in ("name", "scopes", "expires_at")}
    made = await _make(tx, heir | {"made_by": old["made_by"] if me is None else me})
    await tx.rows(agents.HAND_ON, old=str(token_id), new=str(made.touched[0].id))
    revoked = _touched(await tx.rows(queries.REVOKE, id=token_id))
    return Changed(made.results, [*made.touched, *revoked], secret=made.secret)


@operation(
    effect="changes",
    proposable=False,
    scope="profile",
    raises=(NotForApps, NotFound, NotOwner),
    destructive=True,
    for_apps=False,
)
async def revoke(tx: Tx, token_id: int) -> Changed[TokenRead]:
    """Revoke an API token and every token that was made with it. They stop working at once, everywhere, for good.

    A repeat changes nothing.
    """
    rows = await tx.rows(queries.REVOKE, id=token_id)
    if not rows:
        raise (await missing(tx, "token", [token_id]))[token_id]
    return Changed([Done.of(rows[0]["before"], rows[0]["after"])], _touched(rows))


async def _make(tx: Tx, values: Mapping[str, Any]) -> Changed[TokenCreated]:
    """Make an API token.

    Args:
        tx: The transaction.
        values: `name`, `scopes`, `expires_at`, and `made_by`, the token that makes it or None.

    Raises:
        InsufficientScope: The caller may not do what the token could.
        Unauthenticated: The token that makes it does not work any more.
    """
    scopes: list[Scope] = values["scopes"]
    for scope in scopes:
        if not tx.caller.may(scope):
            raise InsufficientScope(scope)
    token = api_tokens.generate()
    row = await tx.row(queries.CREATE, hint=api_tokens.hint(token), hash=api_tokens.digest(token), **values)
    if row is None:
        raise Unauthenticated(presented=True)
    return Changed([Done(row["row"])], [Touched("token", row["id"], None, row["row"])], secret=token)


def _touched(rows: Sequence[Row]) -> list[Touched]:
    """Return the tokens that `queries.REVOKE` revoked."""
    return [Touched("token", row["id"], row["before"], row["after"]) for row in rows if row["after"] is not None]
