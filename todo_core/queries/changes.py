"""The record of changes in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, Text, cast, func, insert, literal_column, select
from sqlalchemy.dialects.postgresql import JSON, JSONB

from todo_core.database import Statement, json_object, mine, parameter
from todo_core.models.changes import Change, ChangeRead

_change = Change.__table__  # type: ignore[attr-defined]
_undo = _change.alias("undo")
_READ = json_object(ChangeRead, _change.c, undone_by=_undo.c.id)
_WITH_UNDO = _change.outerjoin(_undo, (_undo.c.user_id == _change.c.user_id) & (_undo.c.undoes == _change.c.id))


def _list(newest_first: bool) -> Statement:
    rows = select(_READ.label("row"), _change.c.id.label("id")).select_from(_WITH_UNDO).where(mine(Change))
    if newest_first:
        rows = rows.order_by(_change.c.id.desc())
    else:
        rows = rows.where(_change.c.id > parameter("since", BigInteger())).order_by(_change.c.id)
    page = rows.limit(parameter("limit", Integer())).subquery()
    return Statement(
        select(
            func.coalesce(func.json_agg(page.c.row), literal_column("'[]'::json")).label("rows"),
            func.max(page.c.id).label("last"),
            select(func.count()).select_from(_change).where(mine(Change)).scalar_subquery().label("total"),
        ).select_from(page)
    )


LATEST = _list(newest_first=True)
SINCE = _list(newest_first=False)
ONE = Statement(
    select(_READ.label("row"))
    .select_from(_WITH_UNDO)
    .where(mine(Change), _change.c.id == parameter("id", BigInteger()))
)
LATER = Statement(
    select(func.max(_change.c.id)).where(
        mine(Change),
        _change.c.id > parameter("id", BigInteger()),
        cast(_change.c.entries, JSONB).contains(parameter("touching", JSONB())),
    )
)


RECORD = Statement(
    insert(_change)
    .values(
        user_id=parameter("user_id", BigInteger()),
        operation=parameter("operation", Text()),
        via=parameter("via", Text()),
        client=parameter("client", Text()),
        token_id=parameter("token_id", BigInteger()),
        undoes=parameter("undoes", BigInteger()),
        entries=parameter("entries", JSON()),
        at=func.statement_timestamp(),
    )
    .returning(_change.c.id)
)
