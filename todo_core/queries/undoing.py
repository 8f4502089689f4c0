"""The changes that an undo of several may take back, in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    any_,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.changes import Change, ChangedRow, UndoneChange
from todo_core.models.fields import MAX_ID
from todo_core.queries.history import first_at
from todo_core.queries.shown import shows_something
from todo_core.storage.statements import Statement, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_undone = UndoneChange.__table__  # type: ignore[attr-defined]
_ids = parameter("ids", ARRAY(BigInteger()))
_agent = parameter("agent", BigInteger())
_made_from, _made_until = (parameter(name, DateTime(timezone=True)) for name in ("made_from", "made_until"))


def _brought_back_by() -> Select[Any]:
    """Select the change that reverted the undo of a change, unless it was reverted itself."""
    again, later = _undone.alias("again"), _undone.alias("later")
    is_next = and_(again.c.user_id == _undone.c.user_id, again.c.change_id == _undone.c.undone_by)
    return (
        select(again.c.undone_by)
        .select_from(_undone.join(again, is_next))
        .where(
            _undone.c.user_id == _change.c.user_id,
            _undone.c.change_id == _change.c.id,
            ~select(later.c.change_id)
            .where(later.c.user_id == again.c.user_id, later.c.change_id == again.c.undone_by)
            .exists(),
        )
    )


def _read(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query of changes that meet conditions, the latest first."""
    undid = _undone.alias("undid")
    undone_by = select(_undone.c.undone_by).where(
        _undone.c.user_id == _change.c.user_id, _undone.c.change_id == _change.c.id
    )
    reverted = select(undid.c.change_id).where(undid.c.user_id == _change.c.user_id, undid.c.undone_by == _change.c.id)
    kinds = (
        select(_row.c.entity).distinct().where(_row.c.user_id == _change.c.user_id, _row.c.change_id == _change.c.id)
    )
    touched = (
        select(func.count())
        .select_from(_row)
        .where(_row.c.user_id == _change.c.user_id, _row.c.change_id == _change.c.id)
    )
    return (
        select(
            _change.c.id,
            _change.c.agent_id,
            undone_by.correlate(_change).scalar_subquery().label("undone_by"),
            _brought_back_by().correlate(_change).scalar_subquery().label("brought_back_by"),
            func.array(reverted.correlate(_change).scalar_subquery(), type_=ARRAY(BigInteger())).label("undid"),
            func.array(kinds.correlate(_change).scalar_subquery(), type_=ARRAY(Text())).label("entities"),
            shows_something(_change).label("is_seen"),
            touched.correlate(_change).scalar_subquery().label("rows"),
        )
        .where(mine(Change), *conditions)
        .order_by(_change.c.id.desc())
    )


def _among(*conditions: ColumnElement[bool]) -> Statement:
    """Return the statement that reads the changes of a time that meet conditions.

    The ids of a time are found by an index; a clock that was set back may have given some of them other times.
    """
    in_time = and_(
        _change.c.id >= first_at(_made_from, 0),
        _change.c.id < first_at(_made_until, MAX_ID),
        or_(_made_from.is_(None), _change.c.at >= _made_from),
        or_(_made_until.is_(None), _change.c.at < _made_until),
        or_(_ids.is_(None), _change.c.id == any_(_ids)),
    )
    return Statement(_read(in_time, *conditions).limit(parameter("most", Integer())))


NAMED = Statement(_read(_change.c.id == any_(_ids)))
"""Read the changes with `ids`, the latest first, those that the user has.

Columns: `id`, `agent_id`; `undone_by`, the change that reverted it, or null; `brought_back_by`, the change that
reverted `undone_by`, or null, also where that was reverted itself; `undid`, an array of the changes that it reverted;
`entities`, an array of the kinds of its rows; `is_seen`, whether the caller may see one of these; `rows`, how many they
are. `shown`: the kinds that the caller may see. Reads `pk_changes`, `pk_undone_changes`, `ix_undone_changes_by` and
`pk_change_entries`.
"""

AMONG = _among()
"""Read the changes of a time, the latest first, at most `most`: made from `made_from` on and before `made_until`, null
for no bound; with `ids` only those of these, if it is not null. `shown` and the columns: as in `NAMED`. Reads
`ix_changes_at`, too."""

AMONG_OF_AGENT = _among(_change.c.agent_id == _agent)
"""Read of the changes that `AMONG` reads those of the `agent`. `most`, `made_from`, `made_until`, `ids`, `shown` and
the columns: as there. Reads `ix_changes_agent_id`, too."""

_place_before, _place_after = (state.op("->>")(literal_column("'place'")) for state in (_row.c.before, _row.c.after))
_parent_before = _row.c.before.op("->")(literal_column("'parent_id'"))
_neighbour_before = _row.c.before.op("->")(literal_column("'place'")).op("->")(literal_column("'after'"))
_links_before, _links_after = (state.op("->")(literal_column("'linked'")) for state in (_row.c.before, _row.c.after))
_list_before, _list_after = (state.op("->>")(literal_column("'is_deleted'")) for state in (_row.c.before, _row.c.after))
_is_list = _row.c.entity == literal_column("'list'")
_is_moved = and_(_place_before.is_not(None), _place_before.is_distinct_from(_place_after))

OUTLINE = Statement(
    select(
        _row.c.change_id,
        _row.c.entity,
        _row.c.entity_id.label("id"),
        _row.c.before.is_(None).label("is_new"),
        _is_moved.label("is_moved"),
        and_(_is_moved, or_(_parent_before.is_(None), _neighbour_before.is_(None))).label("is_swept"),
        or_(_links_before.is_not(None), _links_after.is_not(None)).label("is_merged"),
        and_(_is_list, _row.c.before.is_not(None), _list_before.is_distinct_from(_list_after)).label("is_gone"),
    )
    .where(mine(_row), _row.c.change_id == any_(_ids))
    .order_by(_row.c.change_id.desc(), _row.c.number)
)
"""Read which rows the changes `ids` touched, the latest change first.

Columns: `change_id`, `entity` and `id`; `is_new`, whether the change made the row; `is_moved`, whether it gave it
another place among its siblings, and `is_swept`, whether together with its whole list; `is_merged`, whether it joined a
tag with another one, or took them apart; `is_gone`, whether it deleted a list, or brought one back. Reads
`pk_change_entries`.
"""

_is_tagged = or_(_row.c.entity == literal_column("'todo'"), _row.c.entity == literal_column("'tag'"))
TAGGED = Statement(
    select(
        _row.c.entity,
        _row.c.entity_id.label("id"),
        func.bool_or(_row.c.before.is_not(None)).label("was_there"),
    )
    .where(
        mine(_row),
        _row.c.change_id == any_(_ids),
        _is_tagged,
    )
    .group_by(_row.c.entity, _row.c.entity_id)
)
"""Read which todos and tags the changes `ids` touched.

Columns: `entity` and `id`; `was_there`, whether one of these changes found it there. Reads `pk_change_entries`.
"""

_entries = (
    select(_row.c.change_id, _row.c.entity, _row.c.entity_id.label("id"), _row.c.before, _row.c.after)
    .where(mine(_row), _row.c.change_id == any_(_ids))
    .order_by(_row.c.change_id.desc(), _row.c.number)
)
ENTRIES = Statement(_entries)
"""Read the rows that the changes `ids` touched, the latest change first, each in its order.

Columns: `change_id`, `entity` and `id`; `before` and `after`, JSON, `before` null for a row that the change made. Reads
`pk_change_entries`.
"""

NEW_TAGS = Statement(_entries.where(_row.c.entity == literal_column("'tag'"), _row.c.before.is_(None)))
"""Read of the rows that `ENTRIES` reads the tags that the changes made. `ids` and the columns: as there."""
