"""What an undo puts back, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, any_, func, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from todo_core.models.changes import ChangedRow, UndoneChange
from todo_core.storage.statements import Statement, mine, parameter

_row = ChangedRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_undo = UndoneChange.__table__  # type: ignore[attr-defined]
_id = parameter("id", BigInteger())
_undone_by = select(_undo.c.undone_by).where(mine(_undo), _undo.c.change_id == _id).scalar_subquery()

ENTRIES = Statement(
    select(
        _undone_by.label("undone_by"),
        _row.c.change_id,
        _row.c.entity,
        _row.c.entity_id.label("id"),
        _row.c.before,
        _row.c.after,
    )
    .where(mine(_row), _row.c.change_id == _id)
    .order_by(_row.c.number)
)
"""Read the rows that the change `id` touched, in its order; no row where there is no such change.

Columns: `change_id`, `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made; and
in each row `undone_by`, the change that reverted it. Reads `pk_change_entries` and `pk_undone_changes`.
"""

_before, _after = (state.op("->>")(literal_column("'deleted_at'")) for state in (_row.c.before, _row.c.after))
_oldest, _newest = _row.c.change_id, _row.c.change_id.desc()
_moved = (
    select(
        func.array_agg(aggregate_order_by(or_(_row.c.before.is_(None), _before.is_not(None)), _oldest)).label("away"),
        func.array_agg(aggregate_order_by(_after.is_(None), _newest)).label("there"),
    )
    .where(
        mine(_row),
        _row.c.change_id == any_(parameter("ids", ARRAY(BigInteger()))),
        _row.c.entity == literal_column("'todo'"),
        or_(_row.c.before.is_(None), _before.is_distinct_from(_after)),
    )
    .group_by(_row.c.entity_id)
    .subquery("moved")
)
TO_TRASH = Statement(
    select(func.count()).where(_moved.c.away[literal_column("1")], _moved.c.there[literal_column("1")])
)
"""Count the todos that the undo of the changes `ids` moves to the trash: what they made, and what they took out of
there; not what a later one of them has put back into it.

Reads `pk_change_entries`.
"""
