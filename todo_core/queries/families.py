"""Todos with their parents and subtasks, in SQL."""

from __future__ import annotations

from sqlalchemy import (
    CTE,
    BigInteger,
    Text,
    and_,
    any_,
    case,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    union,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.lists import TodoList
from todo_core.models.todos import MAX_DEPTH, Todo
from todo_core.queries.shapes import read, subtasks_by_lookup
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_child = _table.alias("child")
_parent = _table.alias("parent")
_named = and_(mine(Todo), _table.c.id == any_(parameter("ids", ARRAY(BigInteger))))


def _downwards() -> CTE:
    """Return the ids of the todos with `ids`, and of their subtasks at every level."""
    found: CTE = select(_table.c.id).where(_named).cte("down", recursive=True)
    return found.union(select(_child.c.id).where(mine(_child), _child.c.parent_id == found.c.id))


def _upwards() -> CTE:
    """Return the ids of the todos with `ids`, and of their parents at every level."""
    found: CTE = select(_table.c.id, _table.c.parent_id).where(_named).cte("up", recursive=True)
    return found.union(
        select(_parent.c.id, _parent.c.parent_id).where(mine(_parent), _parent.c.id == found.c.parent_id)
    )


def _climbing(start: CTE) -> CTE:
    """Return one row per level from each todo of `start` up to its root, with the `id` of that todo.

    It stops one level beyond MAX_DEPTH, so that chains that are too deep, and cycles, show and end.
    """
    first = select(_table.c.id, _table.c.parent_id, literal(0).label("depth"))
    climb: CTE = first.where(mine(Todo), _table.c.id.in_(select(start.c.id))).cte("climb", recursive=True)
    step = select(climb.c.id, _parent.c.parent_id, (climb.c.depth + 1).label("depth"))
    return climb.union_all(step.where(mine(_parent), _parent.c.id == climb.c.parent_id, climb.c.depth <= MAX_DEPTH))


_relatives = union(select(_upwards().c.id), select(_downwards().c.id))
_relatives_ids = func.array(_relatives.scalar_subquery(), type_=ARRAY(BigInteger))
_members = (
    select(
        _table.c.id,
        _table.c.parent_id,
        _table.c.list_id,
        _table.c.completed_at,
        _table.c.deleted_at,
        _table.c.version,
        _table.c.place,
        _table.c.repeat.is_not(None).label("repeats"),
        _table.c.follows_id,
    )
    .where(mine(Todo), _table.c.id.in_(_relatives))
    .order_by(_table.c.id)
)
FAMILY = Statement(_members.add_columns(read(_table, subtasks=subtasks_by_lookup(_table, _relatives_ids)).label("row")))
"""Read the todos with `ids`, their parents and their subtasks at every level, those in the trash too.

Columns: `repeats`, whether it repeats; `follows_id`, the occurrence that it came after; `row`, its `TodoRead`. Reads
`uq_todos_user_id_id` and `ix_todos_parent`.
"""

RELATIVES = Statement(_members)
"""Read the same todos as `FAMILY` without `row`, which is half of the cost. `ids`: as there."""


_ids = parameter("ids", ARRAY(BigInteger))
# CASE: where an index has live todos only, a condition on the todo itself would have PostgreSQL read all of these.
_deleted_lists = select(_list.c.id).where(mine(TodoList), _list.c.deleted_at.is_not(None)).scalar_subquery()
_is_in_deleted_list = case(
    (_table.c.deleted_at.is_(None), _table.c.list_id == any_(func.array(_deleted_lists, type_=ARRAY(BigInteger)))),
    else_=false(),
)
# A subquery for one value, not a join: PostgreSQL looks each parent up, however few todos it expects.
_is_no_place = (
    select(
        or_(
            _parent.c.deleted_at.is_not(None),
            _parent.c.list_id != _child.c.list_id,
            and_(_parent.c.completed_at.is_not(None), _child.c.completed_at.is_(None)),
        ).label("is_no_place")
    )
    .where(mine(_parent), _parent.c.id == _child.c.parent_id)
    .correlate(_child)
    .scalar_subquery()
)
_contradicts_parent = case((_child.c.deleted_at.is_(None), _is_no_place), else_=false())
_odd_in_list = select(
    _table.c.id, literal_column("'list'", Text).label("entity"), _table.c.list_id.label("other_id")
).where(_named, _is_in_deleted_list)
_a_todo = literal_column("'todo'", Text).label("entity")
_odd_child = select(_child.c.id, _a_todo, _child.c.parent_id.label("other_id"))
_odd_child = _odd_child.where(mine(_child), _child.c.id == any_(_ids), _contradicts_parent)
_odd_parent = select(_child.c.parent_id.label("id"), _a_todo, _child.c.id.label("other_id"))
_odd_parent = _odd_parent.where(mine(_child), _child.c.parent_id == any_(_ids), _contradicts_parent)
INCONSISTENT = Statement(union_all(_odd_in_list, _odd_child, _odd_parent).limit(1))
"""Find one of the todos with `ids` that contradicts its list, its parent or a subtask.

A live todo is in a live list; it is in its live parent's list and never below a parent in the trash; an open todo is
never below one that is done. Columns: `id`; what it contradicts, in `entity` (`list` or `todo`) and `other_id`. Reads
`uq_todos_user_id_id` and `ix_todos_parent`.
"""

_far = _climbing(_downwards())
TOO_DEEP = Statement(select(func.min(_far.c.id)).where(_far.c.depth > MAX_DEPTH))
"""Find a todo that is too deep or below itself, among those with `ids` and their subtasks; null if none is."""
