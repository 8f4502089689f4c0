"""The read shape of a todo (`TodoRead`), built as JSON by PostgreSQL from the columns of any source that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Select,
    Text,
    any_,
    case,
    cast,
    func,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from todo_core.models.dues import Due
from todo_core.models.exports import ExportedTodo
from todo_core.models.notes import SHOWN, Note, NoteRead
from todo_core.models.tags import Tag, TodoTag
from todo_core.models.todos import PRIORITIES, Todo, TodoDetail, TodoRead
from todo_core.models.users import User
from todo_core.storage.statements import json_object, mine, parameter, spelled

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_tag = Tag.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_note = Note.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_PRIORITY_WORDS = literal_column("(ARRAY[" + ",".join(f"'{word}'" for word in PRIORITIES) + "])", ARRAY(Text))
NO_JSON_ITEMS: ColumnElement[Any] = literal_column("'[]'::json")
_is_me = _user.c.id == parameter("user_id", BigInteger())


def tag_names(tag_ids: Any) -> ColumnElement[Any]:
    """Return the names of live tags as a JSON array, in alphabetical order.

    Args:
        tag_ids: Their ids: a select of them, or an array.
    """
    is_selected = isinstance(tag_ids, Select)
    is_it = _tag.c.id.in_(tag_ids) if is_selected else _tag.c.id == any_(tag_ids)
    names = select(_tag.c.name).where(mine(Tag), is_it, _tag.c.deleted_at.is_(None)).order_by(_tag.c.name_key)
    found = func.to_json(func.array(names.correlate_except(_tag, _link).scalar_subquery(), type_=ARRAY(Text)))
    # Without ids nothing is looked up: in a batch of 50 that is a tenth of the statement.
    return found if is_selected else case((func.cardinality(tag_ids) > 0, found), else_=NO_JSON_ITEMS)


def links_of(source: FromClause) -> Any:
    """Select the ids of the tags that a todo of `source` has."""
    linked = select(_link.c.tag_id).where(mine(TodoTag), _link.c.todo_id == source.c.id)
    return linked.correlate(source)


@dataclass(frozen=True, slots=True)
class Subtasks:
    """How many todos are right below one, outside the trash."""

    open: ColumnElement[int]
    live: ColumnElement[int]
    """Open and done."""

    @classmethod
    def counted(cls, child: FromClause) -> Subtasks:
        """Return the aggregates that count rows of `child`.

        FILTER, not WHERE: an index of open todos would do for that, and PostgreSQL would read all of them for each todo
        where its statistics know of few, as they do after many were completed or deleted.
        """
        is_live = child.c.deleted_at.is_(None)
        return cls(func.count().filter(is_live, child.c.completed_at.is_(None)), func.count().filter(is_live))


def _subtasks_of(source: FromClause) -> Subtasks:
    """Return how many todos are right below a todo of `source`: columns of one subquery, which counts both at once."""
    child = _table.alias("child")
    counts = Subtasks.counted(child)
    counted = (
        select(counts.open.label("open"), counts.live.label("live"))
        .where(mine(child), child.c.parent_id == source.c.id)
        .correlate(source)
        .subquery("subtasks")
    )
    return Subtasks(counted.c.open, counted.c.live)


def subtasks_by_lookup(source: FromClause, ids: ColumnElement[Any]) -> Subtasks:
    """Return how many todos are right below a todo of `source`, where there are many todos.

    All are counted first, into one value to look them up in. PostgreSQL may go through all todos for each of them where
    its statistics mislead it, as they do after many were completed or deleted.

    Args:
        source: Columns of the todo.
        ids: An array of the ids of all.
    """
    child = _table.alias("child")
    counts = Subtasks.counted(child)
    counted = (
        select(child.c.parent_id, counts.open.label("open"), counts.live.label("live"))
        .where(mine(child), child.c.parent_id == any_(ids))
        .group_by(child.c.parent_id)
        .subquery("counted")
    )

    def looked_up(count: ColumnElement[int]) -> ColumnElement[int]:
        by_parent = select(func.jsonb_object_agg(counted.c.parent_id, count)).scalar_subquery()
        found = type_coerce(by_parent, JSONB)[cast(source.c.id, Text)].astext
        return func.coalesce(cast(found, BigInteger), 0)

    return Subtasks(looked_up(counted.c.open), looked_up(counted.c.live))


def priority_word(source: FromClause) -> ColumnElement[Any]:
    """Return the word for the priority of a todo."""
    return _PRIORITY_WORDS[source.c.priority]


def due_read(source: FromClause, zone: ColumnElement[Any] | None) -> ColumnElement[Any]:
    """Return the due where the user is, or null. Without a `zone`, the user's row is looked up if there is a due."""
    day, at = source.c.due_date, source.c.due_at
    time = cast(source.c.due_time, Text)
    time_zone = _user.c.time_zone if zone is None else zone
    there = func.timezone(time_zone, at)
    date = func.coalesce(cast(day, DateTime), there)
    fields: dict[str, ColumnElement[Any]] = {
        "date": cast(date, Date),
        "time": case(
            (day.is_(None), func.to_char(there, "HH24:MI")), (time.like("__:__:00"), func.left(time, 5)), else_=time
        ),
        "weekday": func.to_char(date, "FMDay"),
        "time_zone": time_zone,
        "at": at,
        "kind": case((day.is_(None), "moment"), (time.is_(None), "day"), else_="time"),
    }
    if zone is not None:
        return case((source.c.due_at.is_not(None), json_object(Due, source.c, **fields)))
    here = select(*(spelled(fields[name]).label(name) for name in Due.model_fields)).where(
        _is_me, source.c.due_at.is_not(None)
    )
    shaped = here.correlate_except(_user).subquery("due")
    due: ColumnElement[Any] = select(func.row_to_json(shaped.table_valued())).scalar_subquery()
    return due


def _newest_notes(source: FromClause) -> ColumnElement[Any]:
    """Return the newest notes on a todo as a JSON array, the newest first; nothing is looked for where it has none."""
    newest = (
        select(json_object(NoteRead, _note.c).label("row"))
        .where(mine(Note), _note.c.todo_id == source.c.id)
        .order_by(_note.c.id.desc())
        .limit(literal_column(str(SHOWN)))
        .correlate(source)
        .subquery("newest")
    )
    shown = select(func.json_agg(newest.c.row)).scalar_subquery()
    return case((source.c.note_count > literal_column("0"), shown), else_=NO_JSON_ITEMS)


def read(
    source: FromClause,
    *,
    zone: ColumnElement[Any] | None = None,
    subtasks: Subtasks | None = None,
    notes: bool = False,
    **computed: Any,
) -> ColumnElement[Any]:
    """Return a todo's read shape (`TodoRead`), as JSON built by PostgreSQL.

    Args:
        source: Columns of the todo.
        zone: The user's time zone, where a statement has it.
        subtasks: How many subtasks it has, where the tables do not have them yet, or there is a cheaper way.
        notes: Whether its newest notes are shown (`TodoDetail`).
        computed: Expressions for other fields, where the tables do not have the values yet.
    """
    below = _subtasks_of(source) if subtasks is None else subtasks
    fields = {
        "priority": priority_word(source),
        "is_completed": source.c.completed_at.is_not(None),
        "all_subtasks": below.live,
        "open_subtasks": below.open,
        "done_subtasks": below.live - below.open,
    }
    if "tags" not in computed:
        fields["tags"] = tag_names(links_of(source))
    if "due" not in computed:
        fields["due"] = due_read(source, zone)
    if notes:
        return json_object(TodoDetail, source.c, notes=_newest_notes(source), **(fields | computed))
    return json_object(TodoRead, source.c, **(fields | computed))


def exported(source: FromClause, zone: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a todo as an export has it (`ExportedTodo`), as JSON built by PostgreSQL.

    Args:
        source: Columns of the todo.
        zone: The user's time zone.
    """
    fields = {"priority": priority_word(source), "due": due_read(source, zone)}
    return json_object(ExportedTodo, source.c, tags=tag_names(links_of(source)), **fields)
