"""Tags in SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Text,
    and_,
    any_,
    case,
    cast,
    column,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import insert as upsert

from todo_core.models.tags import Tag, TagRead, TodoTag
from todo_core.models.todos import Todo
from todo_core.storage.statements import Statement, json_object, mine, parameter

_table = Tag.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_link = TodoTag.__table__  # type: ignore[attr-defined]
_todo = Todo.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger()).label("user_id")
_id = parameter("id", BigInteger())


def _todo_of_link(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return whether the todo of a link meets conditions.

    It is a subquery for one value, not a join: PostgreSQL looks each todo up, however few links it expects. In a
    database that was never analyzed it compares each link with each todo otherwise.
    """
    met = select(and_(*conditions).label("met")).where(mine(Todo), _todo.c.id == _link.c.todo_id).correlate(_link)
    return met.scalar_subquery()


def open_todos(source: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Count the open todos that have a tag of `source`, of those that meet conditions."""
    is_open = _todo_of_link(_todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None), *conditions)
    counted = select(func.count()).where(mine(TodoTag), _link.c.tag_id == source.c.id, is_open)
    return counted.correlate(source).scalar_subquery()


def open_todos_of_all(source: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[int]:
    """Count as `open_todos` does, where the tags of `source` are all that there are.

    What is open is found once, and each link is compared with it, by a hashed set and never by a join: IS TRUE sees to
    that, as in `queries.found.is_hit`. To look up what 60,000 links lead to, one by one, took 20 times as long.
    """
    is_open = (mine(Todo), _todo.c.deleted_at.is_(None), _todo.c.completed_at.is_(None))
    open_ids = func.array(select(_todo.c.id).where(*is_open, *conditions).scalar_subquery(), type_=ARRAY(BigInteger))
    leads_to_one = _link.c.todo_id.in_(select(func.unnest(open_ids, type_=BigInteger()))).is_(true())
    counted = select(func.count()).where(mine(TodoTag), _link.c.tag_id == source.c.id, leads_to_one)
    return counted.correlate(source).scalar_subquery()


def _read(source: FromClause, **known: Any) -> ColumnElement[Any]:
    return json_object(TagRead, source.c, **({"open_todos": open_todos(source)} | known))


ALL = Statement(
    select(
        func.coalesce(
            func.json_agg(_read(_table, open_todos=open_todos_of_all(_table)).op("ORDER BY")(_table.c.name_key)),
            literal_column("'[]'::json"),
        ).label("rows"),
        func.count().label("total"),
    ).where(mine(Tag), _table.c.deleted_at.is_(None))
)
"""Read every live tag in alphabetical order: `rows`, a JSON array of `TagRead`, and `total`."""

ONE = Statement(
    select(_table.c.name, _read(_table).label("row")).where(
        mine(Tag), _table.c.id == _id, _table.c.deleted_at.is_(None)
    )
)
"""Read the live tag with an `id`, as `TagRead`."""

_named = (
    func.jsonb_to_recordset(parameter("names", JSONB()))
    .table_valued(column("name", Text), column("name_key", Text))
    .render_derived(name="named", with_types=True)
)
_made = (
    upsert(_table)
    .from_select(["user_id", "name", "name_key"], select(_me, _named.c.name, _named.c.name_key))
    .on_conflict_do_nothing()
    .returning(_table)
    .cte("made")
)
# A value for each name, as in `_todo_of_link`: of somebody who is thought to have one tag, all were read for each chunk
# of names, and each of them compared with all names.
_same = (
    select(_table.c.id)
    .where(mine(Tag), _table.c.deleted_at.is_(None), _table.c.name_key == _named.c.name_key)
    .correlate(_named)
    .scalar_subquery()
)
_known = select(_named.c.name_key, _same.label("id")).offset(literal_column("0")).subquery("known")
ENSURE = Statement(
    select(_made.c.name_key, _made.c.id, _read(_made, open_todos=literal(0)).label("made")).union_all(
        select(_known.c.name_key, _known.c.id, literal_column("NULL::json")).where(_known.c.id.is_not(None))
    )
)
"""Find live tags by their names, and make those that are not there. Reads `uq_tags_name`.

`names`: a JSON array of objects with `name` and `name_key`. Columns: `made`, `TagRead` of a tag that was not there.
"""

_within = (
    func.ensure_tags(parameter("names", JSONB()))
    .table_valued(
        column("name_key", Text), column("id", BigInteger), column("is_known", Boolean), column("is_new", Boolean)
    )
    .render_derived(name="known")
)
ENSURE_WITHIN = Statement(select(*_within.c))
"""Find live tags by their names, and make those that are not there, for an agent that sees some lists only.

`names`: as in `ENSURE`. Columns: `is_known`, whether the tag is in one of the agent's lists: any other is told like a
new one; `is_new`, whether it was made, for the record of changes.
"""

_ids = parameter("ids", ARRAY(BigInteger))
ROWS = Statement(select(_table.c.id, _read(_table).label("row")).where(mine(Tag), _table.c.id == any_(_ids)))
"""Read the tags with `ids`, as `TagRead`."""
_item = (
    func.jsonb_to_recordset(parameter("items", JSONB()))
    .table_valued(
        column("id", BigInteger),
        column("name", Text),
        column("name_key", Text),
        column("deleted", Boolean),
    )
    .render_derived(name="item", with_types=True)
)
_stored = (
    select(_table).where(mine(Tag), _table.c.id == any_(_ids)).order_by(_table.c.id).with_for_update().cte("stored")
)
_revised = (
    update(_table)
    .values(
        name=_item.c.name,
        name_key=_item.c.name_key,
        deleted_at=case((_item.c.deleted, func.coalesce(_stored.c.deleted_at, func.statement_timestamp()))),
        updated_at=func.statement_timestamp(),
        version=_stored.c.version + 1,
    )
    .where(
        mine(Tag),
        _table.c.id == _stored.c.id,
        _item.c.id == _stored.c.id,
        or_(_stored.c.name != _item.c.name, _stored.c.deleted_at.is_not(None) != _item.c.deleted),
    )
    .returning(_table)
    .cte("revised")
)
REVISE = Statement(
    select(
        _stored.c.id,
        _stored.c.name,
        _stored.c.version,
        _stored.c.deleted_at.is_not(None).label("was_deleted"),
        _revised.c.version.label("new_version"),
        _read(_stored).label("before"),
        case((_revised.c.id.is_not(None), _read(_revised))).label("after"),
    )
    .select_from(_stored.outerjoin(_revised, _revised.c.id == _stored.c.id))
    .order_by(_stored.c.id)
)
"""Rename, delete and restore tags, those that are different from now on.

`items`: a JSON array of objects with `id`, `name`, `name_key` and `deleted`. `ids`: the same ids, for the index.
Columns: `name`, `version` and `was_deleted` before; `new_version` and `after` are null where nothing changed.
"""

RELEASE_NAMES = Statement(
    update(_table)
    .values(name_key=_table.c.name_key + "\n" + cast(_table.c.id, Text))
    .where(mine(Tag), _table.c.id == any_(_ids))
)
"""Make the name keys of the tags with `ids` different from every other, until `REVISE` sets them: no name has a line
break.

`uq_tags_name` checks each row on its own, so two tags can exchange names only by way of a third name.
"""

BY_KEYS = Statement(
    select(_table.c.id, _table.c.name_key).where(
        mine(Tag), _table.c.name_key == any_(parameter("keys", ARRAY(Text))), _table.c.deleted_at.is_(None)
    )
)
"""Find live tags by their `keys`, which are `name_key`s. Reads `uq_tags_name`."""

STATE = Statement(
    select(_table.c.id, _table.c.name, _table.c.version, _table.c.deleted_at.is_not(None).label("is_deleted")).where(
        mine(Tag), _table.c.id == any_(_ids)
    )
)
"""Read names and versions of the tags with `ids`, deleted or not."""

_todos = parameter("todos", ARRAY(BigInteger))
_into = parameter("into", BigInteger())
_tagged = select(_link.c.todo_id).where(mine(TodoTag), _link.c.tag_id == _id)
_tagged_already = select(_link.c.todo_id).where(mine(TodoTag), _link.c.tag_id == _into)
TAGGED = Statement(
    select(func.array(_tagged.except_(_tagged_already).scalar_subquery(), type_=ARRAY(BigInteger)).label("todos"))
)
"""Find the todos that have the tag `id` and not the tag `into`; return their ids as an array.

Reads `ix_todo_tags_tag`.
"""

_merging = func.unnest(_todos).table_valued(column("id", BigInteger)).render_derived("merging")
# One value for each todo, as in `_todo_of_link`: PostgreSQL 15 read all links of the tag for each chunk otherwise.
_list_of_link: Select[Any] = (
    select(_link.c.list_id).where(mine(TodoTag), _link.c.todo_id == _merging.c.id, _link.c.tag_id == _id)
).correlate(_merging)
_linked = (
    select(_merging.c.id, _list_of_link.scalar_subquery().label("list_id"))
    .offset(literal_column("0"))
    .subquery("linked")
)
_merged = (
    upsert(_link)
    .from_select(
        ["user_id", "todo_id", "list_id", "tag_id"],
        select(_me, _linked.c.id, _linked.c.list_id, _into.label("tag_id")).where(_linked.c.list_id.is_not(None)),
    )
    .on_conflict_do_nothing()
    .returning(_link.c.todo_id)
    .cte("merged")
)
MERGE = Statement(
    select(func.array(select(_merged.c.todo_id).scalar_subquery(), type_=ARRAY(BigInteger)).label("todos"))
)
"""Give those of `todos`, which are ids, that have the tag `id` the tag `into`, too.

Returns the ids of those that had it not, as an array. Reads `pk_todo_tags`.
"""

UNLINK = Statement(_link.delete().where(mine(TodoTag), _link.c.tag_id == _into, _link.c.todo_id == any_(_todos)))
"""Take the tag `into` from `todos`, which are ids: what a merge gave them."""

_other_link = _link.alias("other")
_given_back = func.unnest(_todos).table_valued(column("id", BigInteger)).render_derived("given_back")
# One value for each todo, as in `_list_of_link`.
_merged_still: Select[Any] = (
    select(true())
    .where(mine(_other_link), _other_link.c.todo_id == _given_back.c.id, _other_link.c.tag_id == _into)
    .correlate(_given_back)
)
_lost = func.array(
    select(_given_back.c.id).where(_merged_still.scalar_subquery().is_(None)).scalar_subquery(), type_=ARRAY(BigInteger)
)
UNLINK_LOST = Statement(_link.delete().where(mine(TodoTag), _link.c.tag_id == _id, _link.c.todo_id == any_(_lost)))
"""Take the tag `id` from those of `todos` that have the tag `into` no more: since a merge gave it, they have lost both.

`todos` are ids. Reads `pk_todo_tags`.
"""

_using = (
    select(_link.c.todo_id)
    .where(mine(TodoTag), _link.c.tag_id == _table.c.id, _todo_of_link(_todo.c.deleted_at.is_(None)))
    .correlate(_table)
)
USED = Statement(select(_table.c.id).where(mine(Tag), _table.c.id == any_(_ids), _using.exists()))
"""Find which of the tags with `ids` are on a todo outside the trash."""

_given = func.unnest(_ids).table_valued(column("id", BigInteger)).render_derived("given")
_tags_of = select(_link.c.tag_id).where(mine(TodoTag), _link.c.todo_id == _given.c.id).correlate(_given)
_shown = or_(_table.c.deleted_at.is_(None), _table.c.id == any_(parameter("gone", ARRAY(BigInteger))))
_names = select(_table.c.name).where(mine(Tag), _table.c.id.in_(_tags_of), _shown).order_by(_table.c.name_key)
NAMES = Statement(
    select(_given.c.id, func.array(_names.correlate(_given).scalar_subquery(), type_=ARRAY(Text)).label("names"))
)
"""Read the names of the tags of the todos with `ids`, in alphabetical order; of deleted ones those with the ids `gone`.

Columns: `id`, of the todo, and `names`. Reads `pk_todo_tags`.
"""
