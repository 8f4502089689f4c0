"""Lists in SQL."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    any_,
    case,
    cast,
    column,
    func,
    insert,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as insert_unless_there

from todo_core.models.lists import ListRead, ListRecorded, TodoList
from todo_core.models.todos import Todo
from todo_core.storage.statements import Statement, json_object, mine, parameter, spelled

_table = TodoList.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_todo = Todo.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger()).label("user_id")
_ids = parameter("ids", ARRAY(BigInteger))
_live = and_(mine(TodoList), _table.c.deleted_at.is_(None))


def open_todos(source: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the open todos in a list of `source`, of those that meet conditions."""
    is_open = and_(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None))
    counted = select(func.count()).where(mine(Todo), _todo.c.list_id == source.c.id, is_open, *conditions)
    return counted.correlate(source).scalar_subquery()


_ranked = (
    select(_table, func.row_number().over(order_by=(_table.c.position, _table.c.id)).label("place"))
    .where(_live)
    .subquery("ranked")
)
_READ = json_object(
    ListRead, _ranked.c, color=_ranked.c.colour, position=_ranked.c.place, open_todos=open_todos(_ranked)
)
_wanted = parameter("archived", Text())
ALL = Statement(
    select(
        func.coalesce(func.json_agg(_READ.op("ORDER BY")(_ranked.c.place)), literal_column("'[]'::json")).label("rows"),
        func.count().label("total"),
    )
    .select_from(_ranked)
    .where((_wanted == "include") | ((_wanted == "only") == _ranked.c.archived_at.is_not(None)))
)
"""Read every live list in order: `rows`, a JSON array of `ListRead`, and `total`.

`archived`: `include` reads archived lists, too, `only` nothing else, `exclude` none of them.
"""

ROWS = Statement(select(_ranked.c.id, _READ.label("row")).select_from(_ranked).where(_ranked.c.id == any_(_ids)))
"""Read the live lists with `ids`, as `ListRead`."""

_before = _table.alias("before")
_place = (
    select(func.count() + 1)
    .where(
        mine(_before),
        _before.c.deleted_at.is_(None),
        tuple_(_before.c.position, _before.c.id) < tuple_(_table.c.position, _table.c.id),
    )
    .correlate(_table)
    .scalar_subquery()
)
RECORDED = Statement(
    select(
        _table.c.id,
        json_object(
            ListRecorded,
            _table.c,
            color=_table.c.colour,
            position=_place,
            open_todos=open_todos(_table),
            is_deleted=_table.c.deleted_at.is_not(None),
        ).label("row"),
    ).where(mine(TodoList), _table.c.id == any_(_ids))
)
"""Read the lists with `ids`, deleted ones too, as `ListRecorded`."""

STATE = Statement(
    select(
        _table.c.id,
        _table.c.name,
        _table.c.name_key,
        _table.c.colour,
        _table.c.position,
        _table.c.chosen_position,
        _table.c.is_inbox,
        _table.c.archived_at.is_not(None).label("is_archived"),
        _table.c.archived_at,
        _table.c.deleted_at.is_not(None).label("is_deleted"),
        _table.c.version,
    )
    .where(mine(TodoList))
    .order_by(_table.c.position, _table.c.id)
)
"""Read the columns of every list of the user that a write compares, deleted lists too, in order."""

_item = (
    func.jsonb_to_recordset(parameter("items", JSONB()))
    .table_valued(
        column("n", Integer),
        column("id", BigInteger),
        column("name", Text),
        column("name_key", Text),
        column("colour", Text),
        column("position", Numeric),
        column("chosen_position", Numeric),
        column("is_archived", Boolean),
        column("archived_at", DateTime(timezone=True)),
        column("is_deleted", Boolean),
    )
    .render_derived(name="item", with_types=True)
)
_added = (
    insert(_table)
    .from_select(
        ["user_id", "name", "name_key", "colour", "position"],
        select(_me, _item.c.name, _item.c.name_key, _item.c.colour, _item.c.position).order_by(_item.c.n),
    )
    .returning(_table.c.id)
    .cte("added")
)
ADD = Statement(select(_added.c.id).order_by(_added.c.id))
"""Make lists, in the order of `n`, and return their ids in the same order.

`items`: a JSON array of objects with `n`, `name`, `name_key`, `colour` and `position`.
"""

_wanted_key = func.unnest(parameter("keys", ARRAY(Text))).column_valued("wanted")
_tried = (
    insert_unless_there(_table)
    .from_select(
        ["user_id", "name", "name_key", "position"],
        select(_me, literal_column("'-'"), _wanted_key, literal_column("0")),
    )
    .on_conflict_do_nothing()
    .returning(_table.c.name_key)
    .cte("tried")
)
FREE = Statement(select(_tried.c.name_key))
"""Make lists with `keys` as their name keys, and return those that no other list has, seen or not. To be
rolled back."""

TRY_NAME = Statement(
    update(_table)
    .values(name_key=parameter("key", Text()))
    .where(mine(TodoList), _table.c.id == parameter("id", BigInteger()))
)
"""Give the list `id` a name key, `key`, which fails where another one has it, seen or not. To be rolled back."""


def _since(flag: str, moment: ColumnElement[object]) -> ColumnElement[object]:
    """Return since when a flag is set: the moment if there is one, or now; null where the flag is not set."""
    return case((_item.c[flag], func.coalesce(moment, func.statement_timestamp())))


REVISE = Statement(
    update(_table)
    .values(
        name=_item.c.name,
        name_key=_item.c.name_key,
        colour=_item.c.colour,
        position=_item.c.position,
        chosen_position=_item.c.chosen_position,
        archived_at=_since("is_archived", _item.c.archived_at),
        deleted_at=_since("is_deleted", _table.c.deleted_at),
        updated_at=func.statement_timestamp(),
        version=_table.c.version + 1,
    )
    .where(mine(TodoList), _table.c.id == any_(_ids), _table.c.id == _item.c.id)
    .returning(_table.c.id)
)
"""Write lists as they are to be.

`items`: a JSON array of objects with `id`, `name`, `name_key`, `colour`, `position`, `chosen_position`, `is_archived`,
`archived_at`, which is now where it is null, and `is_deleted`.
`ids`: the same ids, for the index `uq_lists_user_id_id`.
"""

RENUMBER = Statement(
    update(_table)
    .values(position=_item.c.position, chosen_position=_item.c.chosen_position)
    .where(mine(TodoList), _table.c.id == any_(_ids), _table.c.id == _item.c.id)
)
"""Give the lists with `ids` other positions, which leave their order as it is: so neither version nor time changes.

`items`: a JSON array of objects with `id`, `position` and `chosen_position`.
"""

RELEASE_NAMES = Statement(
    update(_table)
    .values(name_key=_table.c.name_key + "\n" + cast(_table.c.id, Text))
    .where(mine(TodoList), _table.c.id == any_(_ids))
)
"""Make the name keys of the lists with `ids` different from every other, until `REVISE` sets them: no name has a line
break.

`uq_lists_name` checks each row on its own, so two lists can trade names only by way of a third name.
"""

_held = select(_todo.c.id).where(mine(Todo), _todo.c.list_id == _table.c.id, _todo.c.deleted_at.is_(None))
_newest = _held.order_by(_todo.c.id.desc()).limit(1).scalar_subquery()
NONEMPTY = Statement(
    select(_table.c.id, _newest.label("todo_id"))
    .where(mine(TodoList), _table.c.id == any_(_ids), _held.exists())
    .order_by(_table.c.id)
    .limit(1)
)
"""Find the first of the lists with `ids` that has todos outside the trash: its `id`, and the newest of these
(`todo_id`)."""

HELD = Statement(
    select(
        _todo.c.id,
        _todo.c.list_id,
        func.coalesce(_todo.c.chosen_place, _todo.c.place).label("place"),
        func.statement_timestamp().label("now"),
    )
    .where(mine(Todo), _todo.c.list_id == any_(_ids), _todo.c.deleted_at.is_(None))
    .order_by(func.array_position(_ids, _todo.c.list_id), _todo.c.place, _todo.c.id)
)
"""Find the live todos of the lists with `ids`, list by list, by their places.

Each row has the place that was chosen last (`place`), and the moment, too, as `now`.
"""

_todo_ids = parameter("todo_ids", ARRAY(BigInteger))
_arrival = (
    func.unnest(_todo_ids, parameter("places", ARRAY(BigInteger)))
    .table_valued(column("id", BigInteger), column("place", BigInteger))
    .render_derived(name="arrival")
)
_move_to, _now = parameter("move_to", BigInteger()), parameter("now", DateTime(timezone=True))
MOVE_OR_TRASH_TODOS = Statement(
    update(_todo)
    .values(
        list_id=func.coalesce(_move_to, _todo.c.list_id),
        deleted_at=case((_move_to.is_(None), _now)),
        place=func.coalesce(_arrival.c.place, _todo.c.place),
        chosen_place=case((_arrival.c.place.is_(None), _todo.c.chosen_place)),
        updated_at=_now,
        version=_todo.c.version + 1,
    )
    .where(mine(Todo), _todo.c.id == any_(_todo_ids), _todo.c.id == _arrival.c.id)
    .returning(
        _todo.c.id,
        _todo.c.version,
        func.json_build_object(
            "list_id", _todo.c.list_id, "deleted_at", spelled(_todo.c.deleted_at), "version", _todo.c.version
        ).label("after"),
    )
)
"""Move the todos with `todo_ids`, which are live, to the list `move_to`, or to the trash if that is null.

`places`: for each its place there, or null: it keeps the one that it has. `now`: the moment to set.
Columns: the new `version`; the fields that changed (`after`), as JSON.
Reads `uq_todos_user_id_id`.
"""
