"""What an undo puts back, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, and_, func, literal_column, or_, select

from todo_core.models.changes import Change, ChangedRow
from todo_core.storage.statements import Statement, mine, parameter

_row = ChangedRow.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_undo = Change.__table__.alias("undo")  # type: ignore[attr-defined]
_id = parameter("id", BigInteger())
# A CTE, for statements take the lock of `changes` before that of `change_entries`.
_undone = select(_undo.c.id).where(mine(_undo), _undo.c.undoes == _id).cte("undone")

ENTRIES = Statement(
    select(
        select(_undone.c.id).scalar_subquery().label("undone_by"),
        _row.c.entity,
        _row.c.entity_id.label("id"),
        _row.c.before,
        _row.c.after,
    )
    .where(mine(_row), _row.c.change_id == _id)
    .order_by(_row.c.number)
)
"""Read the rows that the change `id` touched, in its order; no row where there is no such change.

Columns: `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made; and in each row
`undone_by`, the change that reverted it. Reads `pk_change_entries` and `uq_changes_undoes`.
"""

_before, _after = (state.op("->>")(literal_column("'deleted_at'")) for state in (_row.c.before, _row.c.after))
TO_TRASH = Statement(
    select(func.count()).where(
        mine(_row),
        _row.c.change_id == _id,
        _row.c.entity == literal_column("'todo'"),
        or_(_row.c.before.is_(None), and_(_before.is_not(None), _after.is_(None))),
    )
)
"""Count the todos that the undo of the change `id` moves to the trash: what it made, and what it took out of there.

Reads `pk_change_entries`.
"""
