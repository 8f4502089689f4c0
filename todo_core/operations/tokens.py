"""API tokens: make, list, revoke."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Final

from sqlalchemy import BigInteger, DateTime, LargeBinary, Text, case, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core import tokens as secrets
from todo_core.database import Statement, json_object, mine, parameter
from todo_core.errors import InsufficientScope, NotFound, NotOwner
from todo_core.models.tokens import ApiToken, TokenCreate, TokenCreated, TokenRead
from todo_core.operation import Tx, operation
from todo_core.ownership import missing
from todo_core.results import Changed, Done, Page, Touched

ENTITY: Final = "token"
_table = ApiToken.__table__  # type: ignore[attr-defined]
_READ = json_object(TokenRead, _table.c)

_ALL = Statement(
    select(
        func.coalesce(func.json_agg(_READ.op("ORDER BY")(_table.c.id)), literal_column("'[]'::json")).label("rows"),
        func.count().label("total"),
    ).where(mine(ApiToken))
)
_CREATE = Statement(
    insert(_table)
    .values(
        user_id=parameter("user_id", BigInteger()),
        name=parameter("name", Text()),
        hint=parameter("hint", Text()),
        hash=parameter("hash", LargeBinary()),
        scopes=parameter("scopes", ARRAY(Text)),
        expires_at=parameter("expires_at", DateTime(timezone=True)),
    )
    .returning(_table.c.id, _READ.label("row"))
)
_old = select(_table).where(mine(ApiToken), _table.c.id == parameter("id", BigInteger())).with_for_update().cte("old")
_revoked = (
    update(_table)
    .values(revoked_at=func.statement_timestamp())
    .where(mine(ApiToken), _table.c.id == _old.c.id, _old.c.revoked_at.is_(None))
    .returning(_table)
    .cte("revoked")
)
_REVOKE = Statement(
    select(
        json_object(TokenRead, _old.c).label("before"),
        case((_revoked.c.id.is_not(None), json_object(TokenRead, _revoked.c))).label("after"),
    ).select_from(_old.outerjoin(_revoked, _revoked.c.id == _old.c.id))
)


@operation(effect="changes", scope="profile", raises=(InsufficientScope,), idempotent=False)
async def create(tx: Tx, wanted: TokenCreate) -> Changed[TokenCreated]:
    """Make an API token. The token is in this answer and never shown again."""
    for scope in wanted.scopes:
        if not tx.caller.may(scope):
            raise InsufficientScope(scope)
    token = secrets.generate()
    expires = None
    if wanted.expires_in_days is not None:
        expires = tx.core.clock().astimezone(UTC) + timedelta(days=wanted.expires_in_days)
    row = await tx.one(
        _CREATE,
        name=wanted.name,
        hint=secrets.hint(token),
        hash=secrets.digest(token),
        scopes=list(dict.fromkeys(wanted.scopes)),
        expires_at=expires,
    )
    return Changed([Done(row["row"])], [Touched(ENTITY, row["id"], None, row["row"])], secret=token)


@operation(effect="reads", scope="profile")
async def find(tx: Tx) -> Page[TokenRead]:
    """List API tokens, revoked and expired ones too, oldest first."""
    row = await tx.one(_ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(effect="changes", scope="profile", raises=(NotFound, NotOwner), destructive=True)
async def revoke(tx: Tx, token_id: int) -> Changed[TokenRead]:
    """Revoke an API token. It stops working at once, everywhere, for good; a repeat changes nothing."""
    row = await tx.row(_REVOKE, id=token_id)
    if row is None:
        raise await missing(tx, ENTITY, token_id)
    if row["after"] is None:
        return Changed([Done(row["before"], changed=False)])
    return Changed([Done(row["after"])], [Touched(ENTITY, token_id, row["before"], row["after"])])
