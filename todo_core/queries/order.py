"""The order of todos among their siblings, in SQL."""

from __future__ import annotations

from typing import Any, Final, Literal

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    any_,
    column,
    func,
    literal_column,
    null,
    select,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]
_ids = parameter("ids", ARRAY(BigInteger))
_count = parameter("count", Integer())
_COLUMNS = ("id", "list_id", "parent_id", "place", "chosen_place", "deleted_at")

_next_id = func.nextval("todos_id_seq", type_=BigInteger())
_numbers = select(_next_id).select_from(func.generate_series(1, _count)).scalar_subquery()
FRESH = Statement(
    select(
        func.array(_numbers, type_=ARRAY(BigInteger)).label("numbers"),
        (_user.c.new_todos == literal_column("'first'")).label("comes_first"),
    ).where(_user.c.id == parameter("user_id", BigInteger()))
)
"""Draw `count` numbers that are higher than the id of any todo: `numbers`, an array in their order.

`comes_first`: whether what is added comes first, by the profile.
"""

_WHERE: Final = ("before", "after", "same")
_SPOT = ("list_id", "parent_id", "place", "id")
_named = select(*(_table.c[name] for name in _SPOT)).where(mine(Todo), _table.c.id == any_(_ids))
_given = (
    func.unnest(*(parameter(name, ARRAY(BigInteger)) for name in ("list_ids", "parent_ids", "at")))
    .table_valued(*(column(name, BigInteger) for name in ("list_id", "parent_id", "place")))
    .render_derived(name="given")
)
_spot = union_all(_named, select(*_given.c, null())).cte("spot")


def _beside(spot: CTE, where: Literal["before", "after", "same"], *, is_subtask: bool) -> Select[Any]:
    """Select the siblings that are nearest to each spot, at most `count`, in one direction; or of those that share the
    place of a todo the one with the highest id.

    Subtasks by `ix_todos_parent`, others by `ix_todos_place`: each has a statement of its own, for no index has both.
    """
    name = f"{'subtask' if is_subtask else 'sibling'}_{where}"
    sibling = _table.alias(name)
    in_group: list[ColumnElement[bool]] = (
        [sibling.c.parent_id == spot.c.parent_id]
        if is_subtask
        else [spot.c.parent_id.is_(None), sibling.c.parent_id.is_(None), sibling.c.list_id == spot.c.list_id]
    )
    rows, place = select(*(sibling.c[name] for name in _COLUMNS)).where(mine(sibling), *in_group), sibling.c.place
    match where:
        case "before":
            rows = rows.where(place < spot.c.place).order_by(place.desc()).limit(_count)
        case "after":
            rows = rows.where(place > spot.c.place).order_by(place.asc()).limit(_count)
        case "same":
            rows = rows.where(place == spot.c.place, sibling.c.id != spot.c.id)
            # A sum: by the index of ids PostgreSQL would look at todos with other places first.
            rows = rows.order_by((sibling.c.id + literal_column("0")).desc()).limit(literal_column("1"))
    nearest = rows.lateral(f"nearest_{name}")
    return select(*nearest.c).select_from(spot.join(nearest, true()))


NEAR = Statement(
    union_all(
        select(*(_table.c[name] for name in _COLUMNS)).where(mine(Todo), _table.c.id == any_(_ids)),
        *(_beside(_spot, where, is_subtask=below) for below in (False, True) for where in _WHERE),
    )
)
"""Read the todos with `ids`, those in the trash too, and the siblings that are nearest to them.

Beside them those that are nearest to further spots: `list_ids` and `parent_ids`, one of which is null, and the places
(`at`), each an array. `count`: how many siblings in either direction of each. Of those that share the place of one of
the todos the one with the highest id is among them; of those at a further spot none. A row may come several times.
Reads `uq_todos_user_id_id`, `ix_todos_place` and `ix_todos_parent`.
"""


def _following(parent: ColumnElement[bool], group: ColumnElement[bool]) -> Statement:
    return Statement(
        select(*(_table.c[name] for name in _COLUMNS))
        .where(mine(Todo), parent, group, _table.c.place > parameter("place", BigInteger()))
        .order_by(_table.c.place)
        .limit(_count)
    )


_group = parameter("group", BigInteger())
FOLLOWING_IN_LIST = _following(_table.c.parent_id.is_(None), _table.c.list_id == _group)
"""Read the next `count` todos after a `place` in the list `group`, but subtasks. Reads `ix_todos_place`."""
FOLLOWING_BELOW = _following(true(), _table.c.parent_id == _group)
"""Read the next `count` subtasks after a `place` below the todo `group`. Reads `ix_todos_parent`."""

_new = (
    func.unnest(_ids, parameter("places", ARRAY(BigInteger)))
    .table_valued(column("id", BigInteger), column("place", BigInteger))
    .render_derived(name="new")
)
RENUMBER = Statement(
    update(_table)
    .values(place=_new.c.place, chosen_place=func.coalesce(_table.c.chosen_place, _table.c.place))
    .where(mine(Todo), _table.c.id == any_(_ids), _table.c.id == _new.c.id)
)
"""Give the todos with `ids` other places, `places`, which leave their order as it is; nobody chose them.

So versions and times stay, and the record of changes says nothing; what was chosen is kept, to be compared by an undo.
"""
