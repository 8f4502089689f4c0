"""New todos, in SQL: a batch is one statement.

Its steps see the tables as they were before it, so what it has written is read from the steps themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    any_,
    case,
    column,
    func,
    insert,
    literal_column,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as insert_unless_there

from todo_core.models.fields import GAP_BITS
from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.changes import asked_once, change_of, entries_of, moment
from todo_core.queries.likeness import alike_to
from todo_core.queries.shapes import NO_JSON_ITEMS, Subtasks, read, tag_names
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
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
    column("tag_keys", ARRAY(Text)),
    column("subtasks", BigInteger),
)

PLAIN: Final = ("n", "title", "description", "priority", "list_id", "key", "source")
"""Fields of a todo that has nothing to do with other todos, tags and dates."""

_TAGGED: Final = (*PLAIN, "tag_keys")
_FULL: Final = tuple(field.name for field in _FIELDS if field.name != "tag_keys")
_tag_keys = parameter("tag_keys", ARRAY(Text()))


def _defaults() -> CTE:
    """Read what the user's row says of new todos: the language of their words, their end of the order, and their list.

    Where none was named, that is the list chosen in the profile, or the inbox.
    """
    chosen: Select[Any] = select(_list.c.id).where(
        mine(TodoList),
        _list.c.id == _user.c.default_list_id,
        _list.c.deleted_at.is_(None),
        _list.c.archived_at.is_(None),
    )
    inbox: Select[Any] = select(_list.c.id).where(mine(TodoList), _list.c.is_inbox)
    columns = select(
        func.language_of(_user.c.locale).label("language"),
        (_user.c.new_todos == literal_column("'first'")).label("comes_first"),
        func.coalesce(chosen.correlate(_user).scalar_subquery(), inbox.scalar_subquery()).label("list_id"),
    )
    return columns.where(_user.c.id == _me).cte("defaults").prefix_with("MATERIALIZED", dialect="postgresql")


def _place(item: CTE, defaults: CTE, *, plain: bool) -> ColumnElement[Any]:
    """Return where a todo stands among its siblings: as said, else beyond all others that were there before.

    No other has to be looked at for it: ids, and what `queries.order.FRESH` draws, only grow. Those that come first by
    one request keep their order: the first of them has the number of the last.
    """
    other = item.alias("other")
    opposite = select(func.min(other.c.id) + func.max(other.c.id)).scalar_subquery() - item.c.id
    comes_first = defaults.c.comes_first if plain else func.coalesce(item.c.comes_first, defaults.c.comes_first)
    beyond = case(
        (comes_first, -opposite.bitwise_lshift(GAP_BITS)),
        else_=item.c.id.bitwise_lshift(GAP_BITS),
    )
    return beyond if plain else func.coalesce(item.c.place, beyond)


def _known_tags() -> CTE:
    """Read the live tags with `tag_keys`."""
    columns = select(_tag.c.id, _tag.c.name, _tag.c.name_key)
    known = columns.where(mine(Tag), _tag.c.deleted_at.is_(None), _tag.c.name_key == any_(_tag_keys))
    return known.cte("known").prefix_with("MATERIALIZED", dialect="postgresql")


def _items(fields: Sequence[str], known: CTE | None) -> CTE:
    """Step 1: give each new todo its id, in the order of the request; if some tag is not known, to none.

    A subtask can so name its parent before either is stored. Materialized, or each use would draw other ids.
    """
    given = (
        func.jsonb_to_recordset(parameter("items", JSONB()))
        .table_valued(*(field for field in _FIELDS if field.name in fields))
        .render_derived(name="given", with_types=True)
    )
    ordered = select(given).order_by(given.c.n).subquery("ordered")
    items = select(func.nextval("todos_id_seq", type_=BigInteger()).label("id"), ordered)
    if known is not None:
        ids = select(known.c.id).where(known.c.name_key == any_(ordered.c.tag_keys)).correlate(ordered)
        items = items.add_columns(func.array(ids.scalar_subquery(), type_=ARRAY(BigInteger)).label("tag_ids"))
        number = select(func.count()).select_from(known).scalar_subquery()
        items = items.where(number == func.cardinality(_tag_keys))
    return items.cte("item").prefix_with("MATERIALIZED", dialect="postgresql")


def _insert(item: CTE, defaults: CTE, *, plain: bool) -> CTE:
    """Step 2: insert the todos. A subtask's parent is one that is there, or an earlier item."""
    parent = item.alias("parent")
    now = moment()
    columns: dict[str, ColumnElement[Any]] = {
        "id": item.c.id,
        "user_id": _me,
        "title": item.c.title,
        "description": item.c.description,
        "priority": item.c.priority,
        "list_id": func.coalesce(item.c.list_id, defaults.c.list_id),
        "place": _place(item, defaults, plain=plain),
        "key": item.c.key,
        "source": item.c.source,
        "language": defaults.c.language,
        "created_at": now,
        "updated_at": now,
    }
    if not plain:
        columns["parent_id"] = func.coalesce(item.c.parent_id, parent.c.id)
        columns |= {name: item.c[name] for name in ("start", "due_date", "due_time", "due_at", "repeat", "follows_id")}
    rows = select(*(value.label(name) for name, value in columns.items()))
    source = item.join(defaults, literal_column("true"))
    rows = rows.select_from(source if plain else source.outerjoin(parent, parent.c.n == item.c.parent_n))
    return insert(_table).from_select(list(columns), rows).returning(_table).cte("added")


def _link_tags(item: CTE, defaults: CTE) -> CTE:
    """Step 3: give the todos their tags."""
    rows = select(
        _me.label("user_id"),
        item.c.id,
        func.unnest(item.c.tag_ids).label("tag_id"),
        func.coalesce(item.c.list_id, defaults.c.list_id).label("list_id"),
    ).select_from(item.join(defaults, literal_column("true")))
    return insert(_link).from_select(["user_id", "todo_id", "tag_id", "list_id"], rows).cte("linked")


def _read(item: CTE, added: CTE, known: CTE | None, *, plain: bool) -> Select[Any]:
    """Step 4: read the new todos. Their tags and subtasks are those of the request."""
    none: ColumnElement[int] = literal_column("0")
    if plain:
        tags = NO_JSON_ITEMS
        if known is not None:
            names = select(known.c.name).where(known.c.id == any_(item.c.tag_ids)).order_by(known.c.name_key)
            tags = func.to_json(func.array(names.correlate(item).scalar_subquery(), type_=ARRAY(Text)))
        after = read(added, tags=tags, due=null(), subtasks=Subtasks(open=none, live=none))
    else:
        subtasks = Subtasks(open=item.c.subtasks, live=item.c.subtasks)
        after = read(added, tags=tag_names(item.c.tag_ids), subtasks=subtasks)
    alike = case((parameter("compared", Boolean()), alike_to(added.c))).label("alike")
    rows = select(added.c.id, after.label("after"), added.c.alike_key, alike)
    return rows.select_from(added.join(item, item.c.id == added.c.id))


def _add(fields: Sequence[str] = _FULL, *, recorded: bool = False) -> Select[Any]:
    """Return the statement that adds todos.

    Args:
        fields: What it takes of a todo. PostgreSQL sets up each part of a statement anew each time, which costs a
            single todo more than it does to insert it.
        recorded: Whether it records the change, too.
    """
    plain = fields is not _FULL
    known = _known_tags() if "tag_keys" in fields else None
    item, defaults = _items(fields, known), _defaults()
    added = _insert(item, defaults, plain=plain)
    rows = _read(item, added, known, plain=plain)
    if fields is not PLAIN:
        rows = rows.add_cte(_link_tags(item, defaults))
    if not recorded:
        return rows.order_by(item.c.n)
    number = func.row_number().over(order_by=item.c.n)
    written = rows.add_columns(added.c.list_id.label("list_after"), number.label("number")).cte("written")
    change = change_of(_me, of=None if known is None else added, at=moment())
    entries = entries_of("todo", written, _me, change)
    told = (written.c[name] for name in ("id", "after", "alike_key", "alike"))
    answer = select(*told, change.c.id.label("change_id"), asked_once())
    both = written.join(change, literal_column("true"))
    return answer.select_from(both).order_by(written.c.number).add_cte(entries)


_open_lists = select(_list.c.id).where(mine(TodoList), _list.c.deleted_at.is_(None), _list.c.archived_at.is_(None))
_seen = _defaults()
DEFAULT_LIST = Statement(
    select(_seen.c.list_id, func.array(_open_lists.scalar_subquery(), type_=ARRAY(BigInteger)).label("lists"))
)
"""Read the list of todos that name none, null if it is not seen, and all that are seen and not archived (`lists`)."""

_wanted = func.unnest(parameter("keys", ARRAY(Text))).table_valued(column("key", Text)).render_derived(name="wanted")
_any_list = select(func.min(_list.c.id)).where(mine(TodoList)).scalar_subquery()
_tried = (
    insert_unless_there(_table)
    .from_select(
        ["user_id", "list_id", "title", "key"],
        select(_me, _any_list, literal_column("'-'"), _wanted.c.key).where(_any_list.is_not(None)),
    )
    .on_conflict_do_nothing()
    .returning(_table.c.key)
    .cte("tried")
)
FREE = Statement(select(_tried.c.key).union_all(select(_wanted.c.key).where(_any_list.is_(None))))
"""Make todos with `keys` in one of the lists that are seen, and return the keys that no other todo has, seen or not;
all where no list is seen. To be rolled back."""

ADD = Statement(_add())
"""Make todos, in the order of `n`.

`items`: a JSON array of objects. `n` numbers them, with or without gaps; `list_id` may be null, the default list;
`parent_n` is the `n` of an earlier item, in place of `parent_id`; `priority` is a number; `follows_id` is the todo
whose next occurrence this is; `place` is its place among its siblings, or null: at the end that `comes_first` says,
or, if that is null too, the profile; no todo has its `key`; `tag_ids` are ids of live tags; `subtasks` is how many
todos of the request are right below. `now`: the moment to set, which all statements of a request share; null for that
of this one. `compared`: whether to look for what looks the same.
Columns: a row for each item, in order: its `id`, and `after`, its `TodoRead`; `alike_key`, which titles share that may
look the same; `alike`, ids as JSON of open todos with it that were there before, null where none are looked for. For
these it reads `ix_todos_open_alike`.
"""

ADD_RECORDED = Statement(_add(recorded=True))
"""Make todos as `ADD` does, at least one, and record them as a change, for which `RECORD` would be one trip more.

`items`, `now` and `compared`: as in `ADD`. `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as in
`RECORD`.
Columns: as in `ADD`, the id of the change, `change_id`, and whether some process listens, `is_followed`.
"""

ADD_PLAIN = Statement(_add(PLAIN, recorded=True))
"""Make and record todos as `ADD_RECORDED` does that have no parents, subtasks, tags, dates and chosen places.

`items`: a JSON array of objects with `n`, `title`, `description`, `priority`, `list_id`, `key` and `source`.
`now`, `compared`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as in `ADD_RECORDED`.
"""

ADD_TAGGED = Statement(_add(_TAGGED, recorded=True))
"""Make and record todos as `ADD_PLAIN` does that may have tags, and nothing if a tag is not there.

Reads `uq_tags_name`.

`items`: as in `ADD_PLAIN`, each with `tag_keys`, in which the names of its tags are folded. `tag_keys`: all of them,
each once. `now`, `compared`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as there.
Columns: as there; no row if a tag is not there.
"""
