"""API tokens in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, DateTime, LargeBinary, Text, case, func, insert, literal_column, select, update
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.tokens import ApiToken, TokenRead
from todo_core.storage.statements import Statement, json_object, mine, parameter

_table = ApiToken.__table__  # type: ignore[attr-defined]
_READ = json_object(TokenRead, _table.c)

ALL = Statement(
    select(
        func.coalesce(func.json_agg(_READ.op("ORDER BY")(_table.c.id)), literal_column("'[]'::json")).label("rows"),
        func.count().label("total"),
    ).where(mine(ApiToken))
)
"""Read every API token of the user, oldest first: `rows`, a JSON array of `TokenRead`, and `total`."""

_created = (
    insert(_table)
    .values(
        user_id=parameter("user_id", BigInteger()),
        name=parameter("name", Text()),
        hint=parameter("hint", Text()),
        hash=parameter("hash", LargeBinary()),
        scopes=parameter("scopes", ARRAY(Text)),
        expires_at=parameter("expires_at", DateTime(timezone=True)),
    )
    .returning(_table)
    .cte("created")
)
CREATE = Statement(select(_created.c.id, json_object(TokenRead, _created.c).label("row")))
"""Make an API token with a `name` and `scopes`, which ends at `expires_at` or never; `row` is its `TokenRead`.

`hash`: SHA-256 of the token, which is itself not stored. `hint`: the part of it that a person may recognize.
"""

_stored = (
    select(_table).where(mine(ApiToken), _table.c.id == parameter("id", BigInteger())).with_for_update().cte("stored")
)
_revoked = (
    update(_table)
    .values(revoked_at=func.statement_timestamp())
    .where(mine(ApiToken), _table.c.id == _stored.c.id, _stored.c.revoked_at.is_(None))
    .returning(_table)
    .cte("revoked")
)
REVOKE = Statement(
    select(
        json_object(TokenRead, _stored.c).label("before"),
        case((_revoked.c.id.is_not(None), json_object(TokenRead, _revoked.c))).label("after"),
    ).select_from(_stored.outerjoin(_revoked, _revoked.c.id == _stored.c.id))
)
"""Revoke the API token with an `id`: its `TokenRead` before, and after or null if it was revoked already."""
