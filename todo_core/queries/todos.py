"""Todos as they are read, in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Integer,
    Select,
    SmallInteger,
    Text,
    UnaryExpression,
    all_,
    and_,
    any_,
    case,
    cast,
    func,
    literal_column,
    not_,
    select,
    true,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import Sort, Todo
from todo_core.models.users import User
from todo_core.queries.found import FOUND, KNOWN_OR_FOUND, best_to_keep, hits, is_hit
from todo_core.queries.shapes import read, subtasks_by_lookup
from todo_core.queries.standing import IS_UNCHANGED, LATEST_CHANGE, NEWEST_CHANGE
from todo_core.queries.starts import not_started, started
from todo_core.queries.wanted import HAVING, PRESSING
from todo_core.storage import statements
from todo_core.storage.statements import Condition, Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_INSTANT = DateTime(timezone=True)
_is_me = _user.c.id == parameter("user_id", BigInteger())


_one = select(read(_table, notes=True).label("row")).where(
    mine(Todo), _table.c.id == parameter("id", BigInteger()), _table.c.deleted_at.is_(None)
)
ONE = Statement(_one)
"""Read the live todo with an `id`, as `TodoDetail`. Reads `uq_todos_user_id_id` and `ix_notes_todo`."""

ONE_AND_LATEST = Statement(_one.add_columns(LATEST_CHANGE.label("newest_change")))
"""Read the live todo with an `id`, and the user's `newest_change`, in one snapshot; null where none is left.

That one (`standing.LATEST_CHANGE`) is read from `pk_changes`, and the rest as by `ONE`. To look for the last that was
deleted, too, would take PostgreSQL as long again.
"""

_ids = parameter("ids", ARRAY(BigInteger))
ROWS = Statement(
    select(
        _table.c.id,
        _table.c.version,
        func.coalesce(_table.c.chosen_place, _table.c.place).label("place"),
        read(_table, subtasks=subtasks_by_lookup(_table, _ids)).label("row"),
    ).where(mine(Todo), _table.c.id == any_(_ids))
)
"""Read the todos with `ids`, those in the trash too: `row`, a `TodoRead`; `place`, the place that was chosen last.

Reads `uq_todos_user_id_id` and `ix_todos_parent`.
"""

KEYED = Statement(
    select(_table.c.id, _table.c.key, read(_table).label("row")).where(
        mine(Todo), _table.c.key == any_(parameter("keys", ARRAY(Text)))
    )
)
"""Read the todos that have one of `keys`, done ones and those in the trash too: `row`, a `TodoRead`.

Reads `uq_todos_key`.
"""

DUE_KEY: Final = case(
    (_table.c.due_at.is_(None), literal_column("'infinity'::timestamptz", _INSTANT)), else_=_table.c.due_at
)
"""The due, with what is not due after everything that is. It is the expression of `ix_todos_open_due`.

Not COALESCE: PostgreSQL does not know it to be leakproof, so that row-level security would keep it out of index
conditions.
"""
_archived = select(_list.c.id).where(mine(TodoList), _list.c.archived_at.is_not(None)).scalar_subquery()
# An array: PostgreSQL looks for these few once, from their own index, and hashes nothing.
UNARCHIVED: Final = _table.c.list_id != all_(func.array(_archived, type_=ARRAY(BigInteger)))
"""Whether a todo is outside archived lists."""
_names = parameter("tags", ARRAY(Text))
_TAG_IDS = select(_tag.c.id).where(mine(Tag), _tag.c.name_key == any_(_names), _tag.c.deleted_at.is_(None))
_TAGGED = select(_link.c.todo_id).where(mine(TodoTag))
_has_a_tag = _table.c.id.in_(_TAGGED.where(_link.c.tag_id.in_(_TAG_IDS)))
_with_all = (
    _TAGGED.where(_link.c.tag_id.in_(_TAG_IDS))
    .group_by(_link.c.todo_id)
    .having(func.count() == func.cardinality(_names))
    .subquery("with_all")
)
# One value to look ids up in, not a join: of what is grouped PostgreSQL expects a row, and groups all for each todo.
_their_ids = select(func.jsonb_object_agg(_with_all.c.todo_id, true())).scalar_subquery()
_has_all_tags = type_coerce(_their_ids, JSONB).has_key(cast(_table.c.id, Text))
CONDITIONS: Final[dict[str, ColumnElement[bool]]] = (
    {
        "priority": _table.c.priority == any_(parameter("priority", ARRAY(SmallInteger))),
        "list_id": _table.c.list_id == parameter("list_id", BigInteger()),
        "archived": not_(UNARCHIVED),
        "unarchived": UNARCHIVED,
        "tags_any": _has_a_tag,
        "tags_all": and_(_has_a_tag, _has_all_tags),
        "parent_id": _table.c.parent_id == parameter("parent_id", BigInteger()),
        "top_level": _table.c.parent_id.is_(None),
        "ids": _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),
        "key": _table.c.key == parameter("key", Text()),
        "overdue": and_(parameter("now", _INSTANT) > DUE_KEY, _table.c.completed_at.is_(None)),
        "due_after": and_(parameter("due_after", _INSTANT) <= DUE_KEY, _table.c.due_at.is_not(None)),
        "due_before": parameter("due_before", _INSTANT) > DUE_KEY,
    }
    | {
        f"{name}_{side}": column >= parameter(f"{name}_after", _INSTANT)
        if side == "after"
        else column < parameter(f"{name}_before", _INSTANT)
        for name, column in (
            ("created", _table.c.created_at),
            ("updated", _table.c.updated_at),
            ("completed", _table.c.completed_at),
        )
        for side in ("after", "before")
    }
    | {
        name: condition
        for has, is_so in HAVING.items()
        for name, condition in ((has, is_so), (f"no_{has}", not_(is_so)))
    }
)
"""Filters of a page, by name. `page` tells the parameters that they take."""
STARTS: Final = {"started": started, "not_started": not_started}
"""The same, of those that begin with a step of their own: they are part of what is compiled."""
_OTHERS: Final = {"text", "shows_notes", "knows_total"}
"""What else a page may be made for: a search, rows with their newest notes, and a total that may be known."""
_STATUS: Final[dict[str, ColumnElement[bool]]] = {
    "open": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_(None)),
    "done": and_(_table.c.deleted_at.is_(None), _table.c.completed_at.is_not(None)),
    "all": _table.c.deleted_at.is_(None),
    "trashed": _table.c.deleted_at.is_not(None),
}


NEXT_DUE: Final = (
    select(_table.c.due_at)
    .where(mine(Todo), _STATUS["open"], parameter("now", _INSTANT) <= DUE_KEY)
    .order_by(DUE_KEY)
    .limit(literal_column("1"))
    .scalar_subquery()
)
"""The moment until which nothing else is overdue; null if nothing is due. Reads `ix_todos_open_due`."""

_customs = select(_user.c.time_zone, _user.c.week_start, _user.c.locale).where(_is_me)
_here = _customs.cte("here").prefix_with("MATERIALIZED", dialect="postgresql")
"""The user's time zone, and what dates are read by: looked up once, however many rows have a due."""


def _sort_key(sort: Sort, descending: bool) -> ColumnElement[Any]:
    keys: dict[Sort, ColumnElement[Any]] = {
        "match": FOUND.c.rank,
        "created": _table.c.created_at,
        "updated": _table.c.updated_at,
        # What is not due comes last in either direction.
        "due": func.coalesce(_table.c.due_at, literal_column("'-infinity'::timestamptz"), type_=_INSTANT)
        if descending
        else DUE_KEY,
        # And so does what has no start.
        "start": func.coalesce(
            _table.c.start, literal_column("'-infinity'::date" if descending else "'infinity'::date"), type_=Date()
        ),
        "priority": _table.c.priority,
        "title": _table.c.title_key,
        "manual": _table.c.place,
        "pressing": PRESSING,
    }
    return keys[sort]


@lru_cache(maxsize=128)  # a text has 10 KB, and no connection keeps more prepared (`storage.database.PREPARED`)
def page(status: str, conditions: frozenset[str], sort: Sort, descending: bool, after: bool) -> Statement:
    """Make the statement that reads a page of todos and the total, once for each shape of request.

    Args:
        status: One of `Status`.
        conditions: Names of `CONDITIONS` and `STARTS`; `text` for a search; `shows_notes` for rows with their newest
            notes; `knows_total` where the total may be known.
        sort: What to order by; `match` only with `text`.
        descending: In which direction.
        after: Whether the page begins after the last row of another one.

    Parameters of the statement: `limit`, rows of the page; `offset`, rows to leave out before; `after_key` and
    `after_id`, the `key` and the `id` of the row before the page; `text`, the words of a search; `now`, for what is
    overdue, or has started; `tags`, `name_key`s; `priority`, numbers; `list_id`, `parent_id`, `ids`, `key`; and
    moments, from `due_after`, `created_after`, `updated_after`, `completed_after` until before `due_before`,
    `created_before`, `updated_before`, `completed_before`; `tomorrow`, the moment before which is due what is pressing.

    Where the total may be known, `known_change` and `known_total`: if the first is the user's newest change, the second
    is the total, and nothing is counted. In a search by `match` also `known_ids` and `known_ranks`, the best matches
    from the first of the page on, and one more than it has rows, if there is one: they are not looked for then. Null
    where they are not known.

    Its row: `rows`, a JSON array of `TodoRead`, or `TodoDetail`; `total`, of every page; `more`, whether there is a
    next page; `key` and `id` of the last row, for the cursor; `time_zone`, `week_start` and `locale`, the user's; and,
    where the total may be known, `newest_change`, the user's newest change (`standing.NEWEST`), and `best_ids` and
    `best_ranks`, the 500 best matches, if they were looked for.
    """
    return _page(conditions.difference(CONDITIONS), sort, descending, after).under(filters(status, conditions))


@cache
def _page(conditions: frozenset[str], sort: Sort, descending: bool, after: bool) -> Statement:
    """Compile the statement of a page without the conditions that `filters` adds; there are some hundred of it."""
    order = _Order(_sort_key(sort, descending), descending, after)
    row = read(_table, zone=_here.c.time_zone, notes="shows_notes" in conditions).label("row")
    knows_total = "knows_total" in conditions
    kept: list[ColumnElement[Any]] = []
    if "text" not in conditions:
        total, rows = _list_in_order(matches(conditions), order, row)
    elif sort != "match":
        hit = hits(partial(matches, conditions), FOUND, order.key.label("key"))
        total, rows = _count(hit), _rows_of(order, order.page_of(hit, hit.c.key), row)
    else:
        found = KNOWN_OR_FOUND if knows_total else FOUND
        hit = hits(partial(matches, conditions), found)
        total, rows = _count(hit), _rows_of(order, order.page_of(found, found.c.rank, is_hit(found, hit)), row)
        kept = best_to_keep(hit, order.by) if knows_total else []
    counted = total.scalar_subquery()
    shown, limit = rows.subquery("page"), parameter("limit", Integer())
    page_rows = func.array_to_json(func.array_agg(shown.c.row, type_=ARRAY(JSON))[1:limit])
    return Statement(
        select(
            func.coalesce(page_rows, literal_column("'[]'::json")).label("rows"),
            *(_known_or(counted) if knows_total else [counted.label("total")]),
            *kept,
            (func.count() > limit).label("more"),
            cast(func.array_agg(shown.c.key, type_=ARRAY(shown.c.key.type))[limit], Text).label("key"),
            func.array_agg(shown.c.id, type_=ARRAY(BigInteger))[limit].label("id"),
            *(select(custom).scalar_subquery().label(custom.key) for custom in _here.c),
        ).select_from(shown)
    )


def _known_or(counted: ColumnElement[int]) -> list[ColumnElement[Any]]:
    """Return the total, which is counted unless the user's newest change is the one that is known, and that change."""
    total = case((IS_UNCHANGED, parameter("known_total", BigInteger())), else_=counted)
    return [total.label("total"), NEWEST_CHANGE.label("newest_change")]


def matches(conditions: frozenset[str], source: FromClause = _table) -> ColumnElement[bool]:
    """Return the condition that a todo is the user's, and meets those of `STARTS` and what `filters` adds.

    Args:
        conditions: What the page is for.
        source: Todos; the name is `todos`, as in what `filters` adds.
    """
    starts = (STARTS[name](source.c.id) for name in sorted(conditions & STARTS.keys()))
    return and_(mine(source), statements.CONDITIONS_TO_COME, *starts)


def filters(status: str, conditions: frozenset[str]) -> list[Condition]:
    """Return what a todo has to meet besides: a status, and those of `CONDITIONS`."""
    return [_status(status), *(_condition(name) for name in sorted(conditions & CONDITIONS.keys()))]


@cache
def _status(status: str) -> Condition:
    return Condition.on(_table, _STATUS[status])


@cache
def _condition(name: str) -> Condition:
    return Condition.on(_table, CONDITIONS[name])


@dataclass(frozen=True, slots=True)
class _Order:
    """The order of a list, and whether the page begins after another one."""

    key: ColumnElement[Any]
    descending: bool
    after: bool

    def by(self, key: ColumnElement[Any], row_id: ColumnElement[int]) -> list[UnaryExpression[Any]]:
        """Return what to order by: rows with the same key are in the order of their ids."""
        return [key.desc(), row_id.desc()] if self.descending else [key.asc(), row_id.asc()]

    def page_of(self, source: FromClause, key: ColumnElement[Any], *matching: ColumnElement[bool]) -> Select[Any]:
        """Select ids and keys of a page, with one row more, which tells whether there is a next page."""
        rows = select(source.c.id, key.label("key")).where(*matching)
        if self.after:
            here = tuple_(key, source.c.id)
            there = tuple_(cast(parameter("after_key", Text()), key.type), parameter("after_id", BigInteger()))
            rows = rows.where(here < there if self.descending else here > there)
        rows = rows.order_by(*self.by(key, source.c.id)).limit(parameter("limit", Integer()) + 1)
        return rows.offset(parameter("offset", Integer()))


def _list_in_order(
    matching: ColumnElement[bool], order: _Order, row: ColumnElement[Any]
) -> tuple[Select[Any], Select[Any]]:
    """Return how many todos match, and a page of them with each `row`; an index has their order, or they are sorted."""
    rows = order.page_of(_table, order.key, matching)
    return _count(_table).where(matching), rows.add_columns(row).join(_here, true())


def _count(rows: FromClause) -> Select[Any]:
    """Return how many rows there are."""
    return select(func.count()).select_from(rows)


def _rows_of(order: _Order, page_of: Select[Any], row: ColumnElement[Any]) -> Select[Any]:
    """Add each `row` to a page of ids and keys.

    By a subquery for each: for a join, PostgreSQL may read all todos of a person who has more than it expects.
    """
    chosen = page_of.subquery("chosen")
    row_of = select(row).where(mine(Todo), _table.c.id == chosen.c.id).correlate(chosen, _here)
    rows = select(chosen, row_of.scalar_subquery().label("row")).order_by(*order.by(chosen.c.key, chosen.c.id))
    return rows.join(_here, true())
