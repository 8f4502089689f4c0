"""New todos, in SQL: a batch is one statement.

Its steps see the tables as they were before it, so what it has written is read from the steps themselves.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    Time,
    case,
    column,
    func,
    insert,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from todo_core.models.fields import GAP_BITS
from todo_core.models.lists import TodoList
from todo_core.models.tags import TodoTag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.shapes import Subtasks, read, tag_names
from todo_core.queries.todos import LANGUAGE
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())

_FIELDS: Final[tuple[ColumnElement[Any], ...]] = (
    column("n", Integer),
    column("title", Text),
    column("description", Text),
    column("priority", SmallInteger),
    column("list_id", BigInteger),
    column("parent_id", BigInteger),
    column("parent_n", Integer),
    column("start", Date),
    column("due_date", Date),
    column("due_time", Time),
    column("due_at", DateTime(timezone=True)),
    column("repeat", JSONB),
    column("follows_id", BigInteger),
    column("place", BigInteger),
    column("comes_first", Boolean),
    column("key", Text),
    column("source", Text),
    column("tag_ids", ARRAY(BigInteger)),
    column("subtasks", BigInteger),
)


def _default_list() -> ColumnElement[Any]:
    """Return the list of a todo for which none was named: the one chosen in the profile, or the inbox."""
    chosen = (
        select(_list.c.id)
        .join(_user, _user.c.default_list_id == _list.c.id)
        .where(mine(TodoList), _user.c.id == _me, _list.c.deleted_at.is_(None), _list.c.archived_at.is_(None))
    )
    inbox = select(_list.c.id).where(mine(TodoList), _list.c.is_inbox)
    return func.coalesce(chosen.scalar_subquery(), inbox.scalar_subquery())


def _place(item: CTE) -> ColumnElement[Any]:
    """Return where a todo stands among its siblings: as said, else beyond all others that were there before.

    No other has to be looked at for it: ids, and what `queries.order.FRESH` draws, only grow. Those that come first by
    one request keep their order: the first of them has the number of the last.
    """
    comes_first = select(_user.c.new_todos == literal_column("'first'")).where(_user.c.id == _me).scalar_subquery()
    other = item.alias("other")
    opposite = select(func.min(other.c.id) + func.max(other.c.id)).scalar_subquery() - item.c.id
    return func.coalesce(
        item.c.place,
        case(
            (func.coalesce(item.c.comes_first, comes_first), -opposite.bitwise_lshift(GAP_BITS)),
            else_=item.c.id.bitwise_lshift(GAP_BITS),
        ),
    )


def _items() -> CTE:
    """Step 1: give each new todo its id, in the order of the request.

    A subtask can so name its parent before either is stored. Materialized, or each use would draw other ids.
    """
    given = (
        func.jsonb_to_recordset(parameter("items", JSONB()))
        .table_valued(*_FIELDS)
        .render_derived(name="given", with_types=True)
    )
    ordered = select(given).order_by(given.c.n).subquery("ordered")
    next_id = func.nextval("todos_id_seq", type_=BigInteger())
    return select(next_id.label("id"), ordered).cte("item").prefix_with("MATERIALIZED", dialect="postgresql")


def _insert(item: CTE) -> CTE:
    """Step 2: insert the todos. A subtask's parent is one that is there, or an earlier item."""
    parent = item.alias("parent")
    now = func.coalesce(parameter("now", DateTime(timezone=True)), func.statement_timestamp())
    columns: dict[str, ColumnElement[Any]] = {
        "id": item.c.id,
        "user_id": _me,
        "title": item.c.title,
        "description": item.c.description,
        "priority": item.c.priority,
        "list_id": func.coalesce(item.c.list_id, _default_list()),
        "parent_id": func.coalesce(item.c.parent_id, parent.c.id),
        "start": item.c.start,
        "due_date": item.c.due_date,
        "due_time": item.c.due_time,
        "due_at": item.c.due_at,
        "repeat": item.c.repeat,
        "follows_id": item.c.follows_id,
        "place": _place(item),
        "key": item.c.key,
        "source": item.c.source,
        "language": LANGUAGE,
        "created_at": now,
        "updated_at": now,
    }
    rows = select(*(value.label(name) for name, value in columns.items()))
    rows = rows.select_from(item.outerjoin(parent, parent.c.n == item.c.parent_n))
    return insert(_table).from_select(list(columns), rows).returning(_table).cte("added")


def _link_tags(item: CTE) -> CTE:
    """Step 3: give the todos their tags."""
    rows = select(_me.label("user_id"), item.c.id, func.unnest(item.c.tag_ids).label("tag_id"))
    return insert(_link).from_select(["user_id", "todo_id", "tag_id"], rows).cte("linked")


def _add() -> Select[Any]:
    """Step 4: read the new todos. Their tags and subtasks are those of the request."""
    item = _items()
    added = _insert(item)
    subtasks = Subtasks(open=item.c.subtasks, live=item.c.subtasks)
    after = read(added, tags=tag_names(item.c.tag_ids), subtasks=subtasks)
    rows = select(added.c.id, after.label("after")).join(item, item.c.id == added.c.id).order_by(item.c.n)
    return rows.add_cte(_link_tags(item))


ADD = Statement(_add())
"""Make todos, in the order of `n`.

`items`: a JSON array of objects. `n` numbers them, with or without gaps; `list_id` may be null, the default list;
`parent_n` is the `n` of an earlier item, in place of `parent_id`; `priority` is a number; `follows_id` is the todo
whose next occurrence this is; `place` is its place among its siblings, or null: at the end that `comes_first` says,
or, if that is null too, the profile; no todo has its `key`; `tag_ids` are ids of live tags; `subtasks` is how many
todos of the request are right below. `now`: the moment to set, which all statements of a request share; null for that
of this one.
Columns: a row for each item, in order: its `id`, and `after`, its `TodoRead`.
"""
