"""Changes of todos, in SQL: a batch is one statement, whatever each patch changes.

Its steps see the tables as they were before it, so what it has written is read from the steps themselves.
PostgreSQL cannot know how many rows a step gives, and joins steps as if they were few: the time grows with the square.
So `REVISE`, which joins steps, is for a few hundred todos at most. `WRITE` joins none, and others read for it.
`small_revisions.py` has the statements for patches that concern no other row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Select,
    SmallInteger,
    Text,
    Time,
    Update,
    any_,
    case,
    column,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import Todo
from todo_core.queries.found import LANGUAGE
from todo_core.queries.shapes import Subtasks, read, tag_names
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger()).label("user_id")
_INSTANT = DateTime(timezone=True)
_NOW = parameter("now", _INSTANT)

KINDS: Final[dict[str, Any]] = {
    "title": Text,
    "description": Text,
    "priority": SmallInteger,
    "list_id": BigInteger,
    "parent_id": BigInteger,
    "start": Date,
    "due_date": Date,
    "due_time": Time,
    "due_at": _INSTANT,
    "repeat": JSONB,
    "place": BigInteger,
    "chosen_place": BigInteger,
    "key": Text,
    "source": Text,
}
"""Columns that a patch sets by their names."""

FLAGS: Final = {"completed_at": "is_completed", "deleted_at": "is_deleted"}
"""Columns that a patch sets to now or to null by a flag, or by their names, as an undo does."""

_PATCHABLE: Final = (*KINDS, *FLAGS)


def patches_in_order() -> CTE:
    """Step 1: number the patches, in the order of the request."""
    item = (
        func.jsonb_array_elements(parameter("items", JSONB()))
        .table_valued(column("patch", JSONB), with_ordinality="n")
        .render_derived(name="item")
    )
    return select(
        item.c.n,
        item.c.patch,
        item.c.patch["id"].astext.cast(BigInteger).label("id"),
        item.c.patch["if_version"].label("if_version"),
    ).cte("patches")


def _lock(patches: CTE) -> CTE:
    """Step 2: read the todos as they are, with their live tags, and lock them in the order of ids."""
    tag_ids = (
        select(_link.c.tag_id)
        .join(_tag, _tag.c.id == _link.c.tag_id)
        .where(mine(TodoTag), mine(Tag), _link.c.todo_id == _table.c.id, _tag.c.deleted_at.is_(None))
        .order_by(_link.c.tag_id)
        .correlate(_table)
    )
    return (
        select(
            _table,
            func.array(tag_ids.scalar_subquery(), type_=ARRAY(BigInteger)).label("tag_ids"),
            patches.c.n,
            patches.c.patch,
            patches.c.if_version,
        )
        .join(patches, patches.c.id == _table.c.id)
        .where(
            mine(Todo),
            _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),  # the index finds them, however many there are
            or_(_table.c.deleted_at.is_(None), parameter("trash_too", Boolean())),
        )
        .order_by(_table.c.id)
        .with_for_update(of=_table)
        .cte("stored")
    )


def _patch(stored: CTE, now: ColumnElement[Any]) -> CTE:
    """Step 3: apply each patch to its todo's columns, unless it names versions and none is the todo's."""
    patch = stored.c.patch
    columns = {name: set_by_name(patch, stored, name) for name in KINDS}
    columns |= {name: set_by_flag(patch, stored, name, now) for name in FLAGS}
    tag_ids = func.translate(patch["tag_ids"].astext, "[]", "{}").cast(ARRAY(BigInteger))
    columns |= {
        "tag_ids": case((patch.has_key("tag_ids"), tag_ids), else_=stored.c.tag_ids),
        "stored_tag_ids": stored.c.tag_ids,
    }
    return (
        select(stored.c.id, *(value.label(name) for name, value in columns.items()))
        .where(is_meant(stored, stored.c.version))
        .cte("patched")
    )


def is_meant(patches: FromClause, version: ColumnElement[int]) -> ColumnElement[bool]:
    """Return whether a patch names no versions, or that of its todo among them."""
    return or_(patches.c.if_version.is_(None), patches.c.if_version.contains(func.to_jsonb(version)))


def set_by_name(patch: ColumnElement[Any], present: FromClause, name: str) -> ColumnElement[Any]:
    """Return the patch's value of a column, where the patch names it; else the present value."""
    kind, text = KINDS[name], patch[name].astext
    if kind is JSONB:
        value: ColumnElement[Any] = func.nullif(patch[name], literal_column("'null'::jsonb"))
    else:
        value = text if kind is Text else text.cast(kind)
    return case((patch.has_key(name), value), else_=present.c[name])


def set_by_flag(
    patch: ColumnElement[Any], present: FromClause, name: str, now: ColumnElement[Any]
) -> ColumnElement[Any]:
    """Return the moment that a patch names; else now, where the flag is set for the first time; null, where cleared."""
    flag = FLAGS[name]
    return case(
        (patch.has_key(name), patch[name].astext.cast(_INSTANT)),
        (patch[flag].astext.cast(Boolean), func.coalesce(present.c[name], now)),
        (patch.has_key(flag), None),
        else_=present.c[name],
    )


def _update(patched: CTE, now: ColumnElement[Any]) -> Update:
    """Step 4: write the todos that become different, each with one version more."""
    values = {name: patched.c[name] for name in _PATCHABLE}
    differs = or_(differs_from(values), patched.c.tag_ids != patched.c.stored_tag_ids)
    return update_with(values, now).where(_table.c.id == patched.c.id, differs)


def differs_from(values: Mapping[str, ColumnElement[Any]]) -> ColumnElement[bool]:
    """Return whether a todo has other values in some columns."""
    return tuple_(*(_table.c[name] for name in values)).is_distinct_from(tuple_(*values.values()))


def update_with(values: Mapping[str, ColumnElement[Any]], now: ColumnElement[Any]) -> Update:
    """Return the update of the user's todos to these values, in the user's language and with one version more."""
    beside = {"language": LANGUAGE, "version": _table.c.version + 1, "updated_at": now}
    return update(_table).values({**values, **beside}).where(mine(Todo))


def _unlink_tags(patched: CTE) -> CTE:
    """Step 5: take away the tags that a patch leaves out. A link to a deleted tag stays: the tag may come back."""
    left_out = delete(_link).where(
        mine(TodoTag),
        _link.c.todo_id == patched.c.id,
        # No index is to lead from a tag to its links: in tables that were never analyzed all of them were read.
        _link.c.tag_id + literal_column("0") == any_(patched.c.stored_tag_ids),
        _link.c.tag_id != func.all(patched.c.tag_ids),
    )
    return left_out.cte("unlinked")


def _link_tags(patched: CTE) -> CTE:
    """Step 6: give the tags that a todo did not have."""
    tag_id = func.unnest(patched.c.tag_ids).column_valued("tag_id")
    rows = select(_me, patched.c.id, tag_id, patched.c.list_id).where(tag_id != func.all(patched.c.stored_tag_ids))
    return insert(_link).from_select(["user_id", "todo_id", "tag_id", "list_id"], rows).cte("linked")


def _subtasks(revised: CTE, patched: CTE) -> Subtasks:
    """Count the todos right below a revised one: of those in this batch as patched, of others as stored."""
    child, sibling = _table.alias("child"), patched.alias("sibling")
    stored = _counts(child).where(
        mine(child), child.c.parent_id == revised.c.id, child.c.id.not_in(select(sibling.c.id))
    )
    in_batch = _counts(sibling).where(sibling.c.parent_id == revised.c.id)
    others, own = stored.correlate(revised).subquery("others"), in_batch.correlate(revised).subquery("own")
    return Subtasks(others.c.open + own.c.open, others.c.live + own.c.live)


def _counts(rows: FromClause) -> Select[int, int]:
    counts = Subtasks.counted(rows)
    return select(counts.open.label("open"), counts.live.label("live"))


def _revise() -> Select[Any]:
    """Step 7: read each todo before and after, in the order of the patches."""
    now = func.statement_timestamp()
    stored = _lock(patches_in_order())
    patched = _patch(stored, now)
    revised = _update(patched, now).returning(_table).cte("revised")
    after = read(revised, tags=tag_names(patched.c.tag_ids), subtasks=_subtasks(revised, patched))
    rows = (
        select(
            stored.c.id,
            stored.c.version,
            read(stored, tags=tag_names(stored.c.tag_ids)).label("before"),
            case((revised.c.id.is_not(None), after)).label("after"),
        )
        .select_from(
            stored.outerjoin(patched, patched.c.id == stored.c.id).outerjoin(revised, revised.c.id == stored.c.id)
        )
        .order_by(stored.c.n)
    )
    return rows.add_cte(_unlink_tags(patched), _link_tags(patched))


REVISE = Statement(_revise())
"""Apply each patch to its todo, and to no other. A todo that stays the same keeps its version.

`items`: a JSON array of patches, at most one for each todo. A patch has the `id` of its todo, may have `if_version`,
the versions that it is meant for (a number or an array), and has the columns to set: by their names, by `is_completed`
and `is_deleted`, and `tag_ids`. `ids`: the ids of all patches, for the index `uq_todos_user_id_id`. `trash_too`:
whether todos in the trash can be meant.
Columns: a row for each patch whose todo there is, in order: `id`, `version` and `before` (`TodoRead`); `after`
(`TodoRead`) is null if the todo stays the same, or has none of the versions in `if_version`.
"""


def _write() -> Select[Any]:
    """Step 7, in place of reading the todos: return the ids of those that are there, and of those that differ now."""
    stored = _lock(patches_in_order())
    patched = _patch(stored, _NOW)
    revised = _update(patched, _NOW).returning(_table.c.id).cte("revised")
    ids = (_ids_of(stored).label("found"), _ids_of(revised).label("changed"))
    return select(*ids).add_cte(_unlink_tags(patched), _link_tags(patched))


def _ids_of(step: CTE) -> ColumnElement[Any]:
    return func.array(select(step.c.id).scalar_subquery(), type_=ARRAY(BigInteger))


WRITE = Statement(_write())
"""Apply each patch to its todo, as `REVISE` does, without a look at what the todos show.

`items`, `ids`, `trash_too`: as there. `now`: the moment to set, which all statements of a request share.
Columns: the ids of the todos that are there (`found`), and of those that differ now (`changed`), as arrays.
"""

NOW = Statement(select(func.statement_timestamp()))
"""Read the moment that the statements of one request share: it is after all earlier writes of the user."""
