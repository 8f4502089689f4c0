"""The history in SQL: pages of changes, and one change, as they are read."""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    case,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from todo_core.models.changes import Change, ChangedRow
from todo_core.models.fields import MAX_ID
from todo_core.models.users import User
from todo_core.queries.shapes import NO_JSON_ITEMS
from todo_core.queries.shown import change_row, entries_of, is_shown, of_change, shows_something
from todo_core.storage.statements import Statement, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
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

Of = Literal["all", "agent", "kind", "row"]
"""What a page is of: all changes, those of one agent, those that touched a kind of rows other than todos, or those that
touched one row."""


_FIRST: ColumnElement[int] = literal_column("0")


def _part(change: FromClause, last: ColumnElement[int], most: int, after: ColumnElement[int] = _FIRST) -> Any:
    """Return the JSON of a change with its entries after a number, so many of them at most."""
    until = after + literal_column(str(most))
    return change_row(change, entries_of(change, _row.c.number > after, _row.c.number <= until), last - until, until)


def _last_entry(change: FromClause) -> ColumnElement[int]:
    """Return how many entries a change has. They are numbered from 1 on, so nobody looks at the others."""
    last = select(func.max(_row.c.number)).where(*of_change(change, _row)).correlate(change).scalar_subquery()
    return func.coalesce(last, literal_column("0"))


_since, _before = parameter("since", BigInteger()), parameter("before", BigInteger())
_made_from, _made_until = (parameter(name, DateTime(timezone=True)) for name in ("made_from", "made_until"))
_client = parameter("client", Text())
_agent = parameter("agent", BigInteger())
_entity, _entity_id = parameter("entity", Text()), parameter("entity_id", BigInteger())


def first_at(moment: ColumnElement[Any], otherwise: int) -> ColumnElement[int]:
    """Return the id of the first change from a moment on, above all if there is none; `otherwise` for no moment."""
    made = _change.alias("made")
    first = select(made.c.id).where(mine(made), made.c.at >= moment).order_by(made.c.at, made.c.id)
    first_id = first.limit(literal_column("1")).scalar_subquery()
    # A query of its own, for row-level security asks no index for what COALESCE returns.
    found = select(func.coalesce(first_id, literal_column(str(MAX_ID)))).scalar_subquery()
    return case((moment.is_(None), literal_column(str(otherwise))), else_=found)


def _is_between(change_id: Any, newest_first: bool) -> ColumnElement[bool]:
    """Return the condition that a change is on this side of the cursor, and was made in the time that is asked for."""
    is_on = change_id < _before if newest_first else change_id > _since
    return and_(is_on, change_id >= first_at(_made_from, 0), change_id < first_at(_made_until, MAX_ID))


def _is_wanted(change: Any) -> ColumnElement[bool]:
    """Return the conditions that only the change itself can tell. A clock that was set back may tell other times."""
    name = func.lower(func.coalesce(change.c.client, literal_column("''")))
    return and_(
        or_(_agent.is_(None), change.c.agent_id == _agent),
        or_(_client.is_(None), func.strpos(name, func.lower(_client)) > literal_column("0")),
        or_(_made_from.is_(None), change.c.at >= _made_from),
        or_(_made_until.is_(None), change.c.at < _made_until),
    )


def _all(newest_first: bool, *which: ColumnElement[bool]) -> Select[Any]:
    """Return the query of the changes of a page: all that meet conditions, one after the other."""
    changes = select(_change, _last_entry(_change).label("entries"))
    changes = changes.where(mine(Change), *which, _is_between(_change.c.id, newest_first), _is_wanted(_change))
    changes = changes.where(shows_something(_change))
    return changes.order_by(_change.c.id.desc() if newest_first else _change.c.id)


def _touching(newest_first: bool, *which: ColumnElement[bool]) -> Select[Any]:
    """Return the query of the changes of a page: those that touched some rows, found by an index of the rows.

    OFFSET keeps the planner from going through all changes instead.
    """
    ids = select(_row.c.change_id).where(
        mine(_row), *which, is_shown(_row), _is_between(_row.c.change_id, newest_first)
    )
    order = _row.c.change_id.desc() if newest_first else _row.c.change_id
    touching = ids.distinct().order_by(order).offset(literal_column("0")).subquery("touching")
    change = (
        select(_change)
        .where(mine(Change), _change.c.id == touching.c.change_id)
        .offset(literal_column("0"))
        .lateral("touched")
    )
    changes = select(change, _last_entry(change).label("entries"))
    changes = changes.select_from(touching.join(change, true())).where(_is_wanted(change))
    return changes.order_by(touching.c.change_id.desc() if newest_first else touching.c.change_id)


_IS_ROW = (_row.c.entity == _entity, _row.c.entity_id == _entity_id)
_IS_KIND = (_row.c.entity == _entity, _row.c.entity != literal_column("'todo'"))


def _some(change: Any, of: Of) -> Any:
    """Return the JSON of a change with those of its rows that are asked for, `ON_PAGE` of them at most.

    That there are others is told as of a part that begins with the first: reading on from 0 shows all.
    """
    which = _IS_ROW if of == "row" else _IS_KIND
    numbers = select(_row.c.number).where(*of_change(change, _row), *which).order_by(_row.c.number).correlate(change)
    numbers = numbers.limit(literal_column(str(ON_PAGE)))
    asked = select(func.count()).select_from(numbers.subquery("asked")).scalar_subquery()
    return change_row(change, entries_of(change, *which, _row.c.number.in_(numbers)), change.c.entries - asked, _FIRST)


def _page(newest_first: bool, of: Of = "all") -> Statement:
    wanted = {
        "all": lambda: _all(newest_first),
        "agent": lambda: _all(newest_first, _change.c.agent_id == _agent),
        "kind": lambda: _touching(newest_first, *_IS_KIND),
        "row": lambda: _touching(newest_first, *_IS_ROW),
    }[of]()
    # One more than the page has, to know whether there is one.
    wanted_page = wanted.limit(parameter("limit", Integer()) + literal_column("1")).subquery("wanted")
    order = wanted_page.c.id.desc() if newest_first else wanted_page.c.id
    # Before its entries are read, a change is left out whose place on the page others have taken.
    shown = literal_column("1") if of == "row" else func.least(wanted_page.c.entries, literal_column(str(ON_PAGE)))
    already = func.sum(shown).over(order_by=order) - shown
    place, found = func.row_number().over(order_by=order), func.count().over()
    each = select(wanted_page, already.label("already"), place.label("place"), found.label("found"))
    counted = each.subquery("counted")
    row = _part(counted, counted.c.entries, ON_PAGE) if of in ("all", "agent") else _some(counted, of)
    rows = select(row.label("row"), counted.c.id.label("id"), counted.c.found.label("found"))
    page = rows.where(
        counted.c.already < literal_column(str(FULL)), counted.c.place <= parameter("limit", Integer())
    ).subquery("page")
    told = [] if newest_first else [_behind_hidden(page).label("behind_hidden"), _newest_of_all().label("newest")]
    return Statement(
        select(
            *told,
            func.coalesce(
                func.json_agg(aggregate_order_by(page.c.row, page.c.id.desc() if newest_first else page.c.id)),
                NO_JSON_ITEMS,
            ).label("rows"),
            func.min(page.c.id).label("lowest"),
            func.max(page.c.id).label("highest"),
            func.coalesce(func.max(page.c.found) > func.count(), false()).label("more"),
            select(_user.c.changes_deleted_through).where(_user.c.id == _me).scalar_subquery().label("deleted_through"),
        ).select_from(page)
    )


def _newest_of_all() -> ColumnElement[int]:
    """Return the id of the user's newest change, whatever rows it touched; null if there is none."""
    newest = _change.alias("newest")
    return select(func.max(newest.c.id)).where(mine(newest)).scalar_subquery()


def _behind_hidden(page: Any) -> ColumnElement[int]:
    """Return the user's newest change if `HIDDEN` changes follow a page, or `since` where it is empty; else null."""
    hidden = _change.alias("hidden")
    # CASE: under row-level security no index is asked for what COALESCE returns.
    last = func.max(page.c.id)
    start = case((last.is_(None), parameter("since", BigInteger())), else_=last)
    following = select(hidden.c.id).where(mine(hidden), hidden.c.id > start).order_by(hidden.c.id)
    nth = following.offset(literal_column(str(HIDDEN - 1))).limit(literal_column("1")).correlate(page)
    return case((nth.exists(), _newest_of_all()))


LATEST = _page(newest_first=True)
"""Read the latest changes before the change `before`, newest first, at most `limit` of them, and fewer where they
touched `FULL` rows, of each change `ON_PAGE` at most.

Reads `pk_changes`, `ix_changes_at`, `pk_change_entries`, `pk_undone_changes` and `ix_undone_changes_by`. `shown`: the
kinds of rows that the caller may see, among them perhaps the caller's own account alone; a change of other rows is left
out. `made_from` and `made_until`: only changes that were made from then on, or before then; `client`: only those of
clients in whose name it is, whatever the case; `agent`: only those of the agent with this id; null for all. `rows`:
whether the entries have the rows before and after. Columns: `rows`, a JSON array of `ChangeRead`; `lowest` and
`highest`, the least and the greatest id on the page; `more`, whether there are older ones; `deleted_through`, the
latest change that the purge deleted, 0 if none.
"""

SINCE = _page(newest_first=False)
"""Read the changes after the change `since` in the order of commits, at most `limit`, as in `LATEST`. `shown`, `rows`,
`made_from`, `made_until`, `client`, `agent` and the columns: as there; `more` tells whether there are later ones.
`behind_hidden`: the user's newest change, if many follow the page; where there is no `more`, these are changes that are
not asked for, or of which the caller may see nothing. `newest`: the user's newest change, whatever it is; null if there
is none."""

LATEST_OF_AGENT = _page(newest_first=True, of="agent")
"""Read of the latest changes before the change `before` those of the `agent`. `limit`, `shown`, `rows`, `made_from`,
`made_until`, `client` and the columns: as in `LATEST`. Reads `ix_changes_agent_id`, and for each change what `LATEST`
reads."""

SINCE_OF_AGENT = _page(newest_first=False, of="agent")
"""Read the same as `LATEST_OF_AGENT` of the changes after the change `since`, and the columns of `SINCE`. `agent`,
`limit`,
`shown`, `rows`, `made_from`, `made_until` and `client`: as there."""

LATEST_OF_KIND = _page(newest_first=True, of="kind")
"""Read of the latest changes before the change `before` those that touched rows of the kind `entity`, which is not
`todo`; of each change these rows. `limit`, `shown`, `rows`, `made_from`, `made_until`, `client`, `agent` and the
columns: as in `LATEST`. Reads `ix_change_entries_kind`, and for each change what `LATEST` reads."""

SINCE_OF_KIND = _page(newest_first=False, of="kind")
"""Read the same as `LATEST_OF_KIND` of the changes after the change `since`, and the columns of `SINCE`. `entity`,
`limit`, `shown`, `rows`, `made_from`, `made_until`, `client` and `agent`: as there."""

LATEST_OF_ROW = _page(newest_first=True, of="row")
"""Read of the latest changes before the change `before` those that touched the row `entity` and `entity_id`; of each
change this row. `limit`, `shown`, `rows`, `made_from`, `made_until`, `client`, `agent` and the columns: as in `LATEST`.
Reads `ix_change_entries_entity`, and for each change what `LATEST` reads."""

SINCE_OF_ROW = _page(newest_first=False, of="row")
"""Read the same as `LATEST_OF_ROW` of the changes after the change `since`, and the columns of `SINCE`. `entity`,
`entity_id`, `limit`, `shown`, `rows`, `made_from`, `made_until`, `client` and `agent`: as there."""


def newest_shown() -> Select[Any]:
    """Return what reads the id of the latest change of which the caller may see something; see `NEWEST`."""
    newest = select(_change.c.id).where(mine(Change), shows_something(_change)).order_by(_change.c.id.desc())
    return newest.limit(literal_column("1"))


NEWEST = Statement(newest_shown())
"""Read the id of the latest change of which the caller may see something; no row if there is none. `shown`: as in
`LATEST`. Reads `pk_changes` and `pk_change_entries`."""

ONE = Statement(
    select(_part(_change, _last_entry(_change), AT_ONCE, parameter("after", BigInteger())).label("row")).where(
        mine(Change), _change.c.id == _id, shows_something(_change)
    )
)
"""Read the change with an `id`, as `ChangeRead`, if the caller may see something of it, with the first `AT_ONCE` of its
entries whose number is above `after`. `shown` and `rows`: as in `LATEST`. Reads `pk_changes`, `pk_change_entries` and
`pk_undone_changes`."""
