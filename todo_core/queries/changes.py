"""The record of changes in SQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSON, JSONB

from todo_core.models.changes import Change, ChangeRead
from todo_core.storage.statements import Statement, json_object, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]
_undo = _change.alias("undo")


def _opposite(recorded: str, field: str, verb: str) -> tuple[ColumnElement[bool], ColumnElement[str]]:
    """Return the condition that `recorded` was the opposite, since it cleared a moment of some row; and that verb."""
    entry = func.json_array_elements(_change.c.entries).column_valued("entry")
    before, after = (entry.op("#>>")(literal_column(f"'{{{when},{field}}}'")) for when in ("before", "after"))
    cleared = select(literal_column("1")).where(before.is_not(None), after.is_(None)).correlate(_change).exists()
    return and_(_change.c.operation == literal_column(f"'{recorded}'"), cleared), literal_column(f"'{verb}'")


_OPERATION = case(
    _opposite("todos.complete", "completed_at", "todos.reopen"),
    _opposite("todos.delete", "deleted_at", "todos.restore"),
    _opposite("accounts.suspend", "suspended_at", "accounts.reactivate"),
    else_=_change.c.operation,
)
"""What happened, by its own verb: older versions recorded these pairs under one name each (decision 21)."""
_READ = json_object(ChangeRead, _change.c, undone_by=_undo.c.id, operation=_OPERATION)
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
"""Read the latest changes, newest first, at most `limit` of them. Reads `uq_changes_user_id_id`.

Columns: `rows`, a JSON array of `ChangeRead`; `last`, the newest change's id; `total`, of all changes.
"""

SINCE = _list(newest_first=False)
"""Read the changes after the change `since` in the order of commits, at most `limit`. Columns as in `LATEST`."""

ONE = Statement(
    select(_READ.label("row"))
    .select_from(_WITH_UNDO)
    .where(mine(Change), _change.c.id == parameter("id", BigInteger()))
)
"""Read the change with an `id`, as `ChangeRead`. Reads `uq_changes_user_id_id` and `uq_changes_user_id_undoes`."""

_later = _change.alias("later")
_reverted = _change.alias("reverted")
_touching = and_(
    mine(_later),
    _later.c.id > parameter("id", BigInteger()),
    cast(_later.c.entries, JSONB).contains(parameter("touching", JSONB())),
)
_stands = and_(
    or_(_later.c.undoes.is_(None), _later.c.undoes < parameter("id", BigInteger())),
    ~select(_reverted.c.id).where(mine(_reverted), _reverted.c.undoes == _later.c.id).exists(),
)
BLOCKING = Statement(
    select(func.coalesce(func.max(_later.c.id).filter(_stands), func.max(_later.c.id))).where(_touching)
)
"""Find the change that keeps the change `id` from being undone: the latest one after it to the same row.

One that still stands comes before one that was itself undone. `touching`: the row, as a JSON array that the change's
entries contain, such as `[{"entity": "todo", "id": 1}]`.
"""


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
"""Record a change that is about to be committed, and return its id.

`operation`: its name. `via`: the transport, and the tool if there is one. `client`: the client's name for itself.
`token_id`: the API token, if there is one. `undoes`: the change that this one undoes. `entries`: a JSON array of rows
with their state before and after.
"""
