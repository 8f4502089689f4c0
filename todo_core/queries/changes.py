"""The record of changes in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Insert,
    Integer,
    Select,
    Text,
    and_,
    any_,
    case,
    column,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, aggregate_order_by

from todo_core.models.changes import OWN_ACCOUNT, Change, ChangedRow, ChangeRead
from todo_core.models.entries import Entry
from todo_core.models.users import User
from todo_core.queries.records import as_read
from todo_core.queries.roles import is_admin
from todo_core.storage import locks
from todo_core.storage.statements import Statement, json_object, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_undo = _change.alias("undo")
_me = parameter("user_id", BigInteger())
_id = parameter("id", BigInteger())

FULL: Final = 500
"""Rows that the changes of a page have touched together when no further change gets onto it."""
ON_PAGE: Final = 100
"""Rows of one change that a page of changes shows, and counts."""
AT_ONCE: Final = 500
"""Rows of a change that are read at once where it is read alone."""
HIDDEN: Final = 100
"""Changes in a row of which a follower may see nothing when it is told to go on behind them, so that it does not read
them again and again. Fewer are not told of."""
LOOK_BACK: Final = 100
"""How many later changes of a row are looked at for the one that keeps an undo from it."""


def _operation(change: FromClause) -> ColumnElement[str]:
    """Return what happened, by its own verb: older versions recorded these pairs under one name each (decision 21)."""
    return case(
        _opposite(change, "todos.complete", "completed_at", "todos.reopen"),
        _opposite(change, "todos.delete", "deleted_at", "todos.restore"),
        _opposite(change, "accounts.suspend", "suspended_at", "accounts.reactivate"),
        else_=change.c.operation,
    )


def _opposite(
    change: FromClause, recorded: str, field: str, verb: str
) -> tuple[ColumnElement[bool], ColumnElement[str]]:
    """Return the condition that `recorded` was the opposite, since it cleared a moment of some row; and that verb."""
    touched = _row.alias()
    before, after = (moment.op("->>")(literal_column(f"'{field}'")) for moment in (touched.c.before, touched.c.after))
    cleared: Select[Any] = select(literal_column("1")).where(
        *_of(change, touched), before.is_not(None), after.is_(None)
    )
    return (
        and_(change.c.operation == literal_column(f"'{recorded}'"), cleared.correlate(change).exists()),
        literal_column(f"'{verb}'"),
    )


def _of(change: FromClause, touched: Any) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a row was touched by a change of the enclosing query."""
    return touched.c.user_id == change.c.user_id, touched.c.change_id == change.c.id


_admin = _user.alias("admin")
_shown = parameter("shown", ARRAY(Text()))
_i_am_admin = select(is_admin(_admin.c)).where(_admin.c.id == _me).scalar_subquery()


def _is_shown(touched: Any) -> ColumnElement[bool]:
    """Return the condition that the caller may see a row that a change touched; `shown` says which kinds.

    Accounts of others are for admins, and for them only as long as they are.
    """
    is_mine = and_(touched.c.entity == literal_column("'account'"), touched.c.entity_id == _me)
    return or_(
        and_(
            touched.c.entity == any_(_shown),
            or_(touched.c.entity != literal_column("'account'"), touched.c.entity_id == _me, _i_am_admin),
        ),
        and_(is_mine, literal_column(f"'{OWN_ACCOUNT}'") == any_(_shown)),
    )


def _shows_something(change: Any) -> ColumnElement[bool]:
    """Return the condition that the caller may see a row of a change.

    By OFFSET it is asked for each change, by `pk_change_entries`: a join would read the entries of all changes.
    """
    touched = _row.alias("touched")
    seen: Select[Any] = select(literal_column("1")).where(*_of(change, touched), _is_shown(touched))
    return seen.offset(literal_column("0")).correlate(change).exists()


_FIRST: ColumnElement[int] = literal_column("0")
_rows = parameter("rows", Boolean())
_ENTRY = json_object(
    Entry,
    _row.c,
    id=_row.c.entity_id,
    title=func.coalesce(*(_row.c.after.op("->>")(literal_column(f"'{name}'")) for name in ("title", "name"))),
    is_new=_row.c.before.is_(None),
    before=case((_rows, as_read(_row.c.before, _row.c.entity))),
    after=case((_rows, as_read(_row.c.after, _row.c.entity))),
)


def _read(
    change: FromClause, last: ColumnElement[int], most: int, after: ColumnElement[int] = _FIRST
) -> ColumnElement[Any]:
    """Return the JSON of a change of the enclosing query, as `ChangeRead`.

    Args:
        change: The change.
        last: The number of its last entry.
        most: How many of its entries are looked at.
        after: The number of the entry before them.
    """
    until = after + literal_column(str(most))
    entries = (
        select(func.coalesce(func.json_agg(aggregate_order_by(_ENTRY, _row.c.number)), literal_column("'[]'::json")))
        .where(*_of(change, _row), _row.c.number > after, _row.c.number <= until, _is_shown(_row))
        .correlate(change)
        .scalar_subquery()
    )
    undone_by = (
        select(_undo.c.id)
        .where(_undo.c.user_id == change.c.user_id, _undo.c.undoes == change.c.id)
        .correlate(change)
        .scalar_subquery()
    )
    return json_object(
        ChangeRead,
        change.c,
        undone_by=undone_by,
        operation=_operation(change),
        entries=entries,
        more_entries=func.greatest(last - until, literal_column("0")),
        next_entry=case((last > until, until)),
    )


def _last_entry(change: FromClause) -> ColumnElement[int]:
    """Return how many entries a change has. They are numbered from 1 on, so nobody looks at the others."""
    last = select(func.max(_row.c.number)).where(*_of(change, _row)).correlate(change).scalar_subquery()
    return func.coalesce(last, literal_column("0"))


def _page(newest_first: bool) -> Statement:
    wanted = select(_change, _last_entry(_change).label("entries"))
    wanted = wanted.where(mine(Change), _shows_something(_change))
    if newest_first:
        wanted = wanted.where(_change.c.id < parameter("before", BigInteger())).order_by(_change.c.id.desc())
    else:
        wanted = wanted.where(_change.c.id > parameter("since", BigInteger())).order_by(_change.c.id)
    wanted_page = wanted.limit(parameter("limit", Integer())).subquery("wanted")
    order = wanted_page.c.id.desc() if newest_first else wanted_page.c.id
    # Before its entries are read, a change is left out whose place on the page others have taken.
    shown = func.least(wanted_page.c.entries, literal_column(str(ON_PAGE)))
    already = func.sum(shown).over(order_by=order) - shown
    counted = select(wanted_page, already.label("already")).subquery("counted")
    rows = select(_read(counted, counted.c.entries, ON_PAGE).label("row"), counted.c.id.label("id"))
    page = rows.where(counted.c.already < literal_column(str(FULL))).subquery("page")
    beyond = _change.alias("beyond")
    is_beyond = beyond.c.id < func.min(page.c.id) if newest_first else beyond.c.id > func.max(page.c.id)
    more: Select[Any] = select(literal_column("1")).where(mine(beyond), is_beyond, _shows_something(beyond))
    told = [] if newest_first else [_behind_hidden(page).label("behind_hidden")]
    return Statement(
        select(
            *told,
            func.coalesce(
                func.json_agg(aggregate_order_by(page.c.row, page.c.id.desc() if newest_first else page.c.id)),
                literal_column("'[]'::json"),
            ).label("rows"),
            func.min(page.c.id).label("lowest"),
            func.max(page.c.id).label("highest"),
            more.correlate(page).exists().label("more"),
            select(_user.c.changes_deleted_through).where(_user.c.id == _me).scalar_subquery().label("deleted_through"),
        ).select_from(page)
    )


def _behind_hidden(page: Any) -> ColumnElement[int]:
    """Return the user's newest change if `HIDDEN` changes follow a page, or `since` where it is empty; else null."""
    hidden = _change.alias("hidden")
    start = func.coalesce(func.max(page.c.id), parameter("since", BigInteger()))
    following = select(hidden.c.id).where(mine(hidden), hidden.c.id > start).order_by(hidden.c.id)
    nth = following.offset(literal_column(str(HIDDEN - 1))).limit(literal_column("1")).correlate(page)
    newest = select(func.max(hidden.c.id)).where(mine(hidden))
    return case((nth.exists(), newest.scalar_subquery()))


LATEST = _page(newest_first=True)
"""Read the latest changes before the change `before`, newest first, at most `limit` of them, and fewer where they
touched `FULL` rows, of each change `ON_PAGE` at most.

Reads `pk_changes`, `pk_change_entries` and `uq_changes_undoes`. `shown`: the kinds of rows that the caller may see,
among them perhaps the caller's own account alone; a change of other rows is left out. `rows`: whether the entries have
the rows before and after. Columns: `rows`, a JSON array of `ChangeRead`; `lowest` and `highest`, the least and the
greatest id on the page; `more`, whether there are older ones; `deleted_through`, the latest change that the purge
deleted, 0 if none.
"""

SINCE = _page(newest_first=False)
"""Read the changes after the change `since` in the order of commits, at most `limit`, as in `LATEST`. `shown`, `rows`
and the columns are as there; `more` tells whether there are later ones. `behind_hidden`: the user's newest change, if
many follow the page; where there is no `more`, these are changes of which the caller may see nothing."""


def newest_shown() -> Select[Any]:
    """Return what reads the id of the latest change of which the caller may see something; see `NEWEST`."""
    newest = select(_change.c.id).where(mine(Change), _shows_something(_change)).order_by(_change.c.id.desc())
    return newest.limit(literal_column("1"))


NEWEST = Statement(newest_shown())
"""Read the id of the latest change of which the caller may see something; no row if there is none. `shown`: as in
`LATEST`. Reads `pk_changes` and `pk_change_entries`."""

ONE = Statement(
    select(_read(_change, _last_entry(_change), AT_ONCE, parameter("after", BigInteger())).label("row")).where(
        mine(Change), _change.c.id == _id, _shows_something(_change)
    )
)
"""Read the change with an `id`, as `ChangeRead`, if the caller may see something of it, with the first `AT_ONCE` of its
entries whose number is above `after`. `shown` and `rows`: as in `LATEST`. Reads `pk_changes`, `pk_change_entries` and
`uq_changes_undoes`."""

_touching = (
    select(_change.c.id, _change.c.undoes)
    .join(_row, and_(*_of(_change, _row)))
    .where(
        mine(_row),
        _row.c.entity == parameter("entity", Text()),
        _row.c.entity_id == parameter("entity_id", BigInteger()),
        _row.c.change_id > _id,
    )
    .order_by(_row.c.change_id.desc())
    .limit(literal_column(str(LOOK_BACK)))
    .subquery("touching")
)
_reverted = _change.alias("reverted")
_stands = and_(
    or_(_touching.c.undoes.is_(None), _touching.c.undoes < _id),
    ~select(_reverted.c.id).where(mine(_reverted), _reverted.c.undoes == _touching.c.id).exists(),
)
BLOCKING = Statement(select(func.coalesce(func.max(_touching.c.id).filter(_stands), func.max(_touching.c.id))))
"""Find the change that keeps the change `id` from being undone: the latest one after it to the same row.

One that still stands comes before one that was itself undone; only the latest `LOOK_BACK` are looked at. `entity` and
`entity_id`: the row. Reads `ix_change_entries_entity`.
"""


def _entries(
    user_id: ColumnElement[int],
    change_id: ColumnElement[int],
    already: ColumnElement[int],
    source: FromClause | None = None,
) -> Insert:
    """Insert entries of a change, from one text for each column of the rows that it touched.

    The values in a text have the record separator U+001E between them, as in RFC 7464: JSON never contains it. asyncpg
    encodes an array value by value, which costs a batch of 50 more than PostgreSQL takes to split the text. An empty
    value is null.

    Args:
        user_id: Whose change.
        change_id: The change.
        already: How many entries it has.
        source: Where `change_id` comes from, if it is a column.
    """
    texts = (parameter(name, Text()) for name in ("entities", "entity_ids", "befores", "afters"))
    arrays = (func.string_to_array(text, literal_column("chr(30)"), literal_column("''")) for text in texts)
    columns = (column(name, Text()) for name in ("entity", "entity_id", "before", "after"))
    touched = func.unnest(*arrays).table_valued(*columns, with_ordinality="n").render_derived("touched")
    entity_id = touched.c.entity_id.cast(BigInteger)
    before, after = touched.c.before.cast(JSON), touched.c.after.cast(JSON)
    values = {
        "user_id": user_id,
        "change_id": change_id,
        "number": already + touched.c.n,
        "entity": touched.c.entity,
        "entity_id": entity_id,
        "list_before": _list_of(touched.c.entity, entity_id, before),
        "list_after": _list_of(touched.c.entity, entity_id, after),
        "before": before,
        "after": after,
    }
    rows = select(*(value.label(name) for name, value in values.items()))
    rows = rows.select_from(touched if source is None else touched.join(source, literal_column("true")))
    return insert(_row).from_select(list(values), rows)


def _list_of(entity: ColumnElement[str], entity_id: ColumnElement[int], state: Any) -> ColumnElement[int]:
    """Return the list that a row belonged to in a state: a todo's, a list itself, null for others and for no state."""
    return case(
        (entity == literal_column("'todo'"), state.op("->>")(literal_column("'list_id'")).cast(BigInteger)),
        (and_(entity == literal_column("'list'"), state.is_not(None)), entity_id),
    )


def recorded_for(user_id: ColumnElement[int]) -> Select[Any]:
    """Return what records a change of a user, with the rows that it touched; see `RECORD`."""
    recorded = (
        insert(_change)
        .values(
            user_id=user_id,
            operation=parameter("operation", Text()),
            via=parameter("via", Text()),
            client=parameter("client", Text()),
            token_id=parameter("token_id", BigInteger()),
            undoes=parameter("undoes", BigInteger()),
            at=func.statement_timestamp(),
        )
        .returning(_change.c.id)
        .cte("recorded")
    )
    entries = _entries(user_id, recorded.c.id, literal_column("0"), recorded)
    is_followed = locks.is_followed().label("is_followed")
    return select(recorded.c.id, is_followed).add_cte(entries.cte("entries"))


RECORD = Statement(recorded_for(_me))
"""Record a change that is about to be committed with the rows that it touched, and return its id, and whether some
process listens for changes (`is_followed`).

`operation`: its name. `via`: the transport, and the tool if there is one. `client`: the client's name for itself.
`token_id`: the API token, if there is one. `undoes`: the change that this one undoes. `entities`, `entity_ids`,
`befores` and `afters`: the rows, in order, with their state before (empty for a new one) and after, as JSON; in each,
the values have U+001E between them.
"""

RECORD_MORE = Statement(_entries(_me, _id, parameter("already", BigInteger())))
"""Record further rows that the change `id` touched, which has so many entries `already`.

`entities`, `entity_ids`, `befores` and `afters`: the rows, as in `RECORD`.
"""
