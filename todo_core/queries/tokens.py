"""API tokens in SQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    DateTime,
    LargeBinary,
    Text,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.tokens import ApiToken, TokenRead
from todo_core.queries.revoking import is_live, revoke
from todo_core.storage.statements import Statement, json_object, mine, parameter

_table = ApiToken.__table__  # type: ignore[attr-defined]
_id = parameter("id", BigInteger())
_READ = json_object(TokenRead, _table.c)

ALL = Statement(
    select(
        func.coalesce(func.json_agg(_READ.op("ORDER BY")(_table.c.id)), literal_column("'[]'::json")).label("rows"),
        func.count().label("total"),
    ).where(mine(ApiToken))
)
"""Read every API token of the user, oldest first: `rows`, a JSON array of `TokenRead`, and `total`."""

_made_by = parameter("made_by", BigInteger())
# Locked, so that whoever revokes it comes before or after, and then finds the new one.
_maker = (
    select(_table.c.id, _table.c.expires_at)
    .where(mine(ApiToken), _table.c.id == _made_by, is_live(_table.c))
    .with_for_update(read=True)
    .cte("maker")
)
_wanted = select(parameter("expires_at", DateTime(timezone=True)).label("expires_at")).subquery("wanted")
_values = {
    "user_id": parameter("user_id", BigInteger()),
    "name": parameter("name", Text()),
    "hint": parameter("hint", Text()),
    "hash": parameter("hash", LargeBinary()),
    "scopes": parameter("scopes", ARRAY(Text)),
    "expires_at": func.least(_wanted.c.expires_at, _maker.c.expires_at),
    "made_by": _made_by,
}
_created = (
    insert(_table)
    .from_select(
        list(_values),
        select(*(value.label(name) for name, value in _values.items()))
        .select_from(_wanted.outerjoin(_maker, true()))
        .where(or_(_made_by.is_(None), _maker.c.id.is_not(None))),
    )
    .returning(_table)
    .cte("created")
)
CREATE = Statement(select(_created.c.id, json_object(TokenRead, _created.c).label("row")))
"""Make an API token with a `name` and `scopes`, which ends at `expires_at` or never; `row` is its `TokenRead`.

`hash`: SHA-256 of the token, which is itself not stored. `hint`: the part of it that a person may recognize. `made_by`:
the API token that makes it, which it does not outlive; no row if that one does not work any more.
"""

_named = select(_table).where(mine(ApiToken), _table.c.id == _id)
ONE = Statement(
    _named.with_only_columns(
        _table.c.name, _table.c.scopes, _table.c.expires_at, _table.c.made_by, is_live(_table.c).label("is_live")
    ).with_for_update()
)
"""Lock the API token with an `id` and read what a token that takes its place has from it, and whether it works."""

_family = select(_table.c.id).where(mine(ApiToken), _table.c.id == _id).cte("family", recursive=True)
_child = _table.alias("child")
_family = _family.union(select(_child.c.id).where(mine(_child), _child.c.made_by == _family.c.id))
_stored = (
    select(_table)
    .where(mine(ApiToken), _table.c.id.in_(select(_family.c.id)))
    .order_by(_table.c.id)
    .with_for_update()
    .cte("stored")
)
REVOKE = Statement(revoke(_table, _stored, TokenRead).order_by(_stored.c.id))
"""Revoke the API token with an `id`, and what it made, and so on: a row each, the token itself first.

Columns: `id`; its `TokenRead` before, and after or null if it was revoked already. Reads `ix_api_tokens_made_by`.
"""

_of_token = select(_table.c.expires_at).where(mine(ApiToken), _table.c.id == _id)
EXPIRY = Statement(select(_of_token.scalar_subquery().label("expires_at")))
"""Read when the API token `id` expires; null if it does not, or there is none."""
