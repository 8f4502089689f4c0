"""What an export has, in SQL: statements to be read a chunk at a time, each with one column, `row`, of JSON."""

from __future__ import annotations

from sqlalchemy import Text, func, literal_column, nulls_first, select

from todo_core.models.analytics import ActivityDay
from todo_core.models.changes import Change, ChangedRow
from todo_core.models.exports import ExportedChange, ExportedEntry, ExportedList, ExportedNote, ExportedTag
from todo_core.models.lists import TodoList
from todo_core.models.notes import Note
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.queries.shapes import exported
from todo_core.queries.shown import entry_row, is_shown, operation_of, shows_something, undoes_also
from todo_core.storage.statements import Statement, json_object, mine, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_note = Note.__table__  # type: ignore[attr-defined]
_change = Change.__table__  # type: ignore[attr-defined]
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_activity = ActivityDay.__table__  # type: ignore[attr-defined]

LISTS = Statement(
    select(json_object(ExportedList, _list.c, color=_list.c.colour).label("row"))
    .where(mine(TodoList))
    .order_by(_list.c.deleted_at.is_not(None), _list.c.position, _list.c.id)
)
"""Read every list as `ExportedList`, deleted ones too and last."""

TAGS = Statement(
    select(json_object(ExportedTag, _tag.c).label("row"))
    .where(mine(Tag), _tag.c.deleted_at.is_(None))
    .order_by(_tag.c.name_key)
)
"""Read every live tag as `ExportedTag`."""

# Sorted before the rows are shaped: sorting their JSON would take the disk of all of it.
_sorted = (
    select(_todo)
    .where(mine(Todo))
    .order_by(_todo.c.list_id, nulls_first(_todo.c.parent_id), _todo.c.place, _todo.c.id)
    .offset(literal_column("0"))
    .subquery("sorted")
)
TODOS = Statement(select(exported(_sorted, parameter("zone", Text())).label("row")).select_from(_sorted))
"""Read every todo as `ExportedTodo`: list by list, those without a parent first, siblings in their order by hand.

`zone`: the user's time zone.
"""

NOTES = Statement(
    select(json_object(ExportedNote, _note.c).label("row")).where(mine(Note)).order_by(_note.c.todo_id, _note.c.id)
)
"""Read every note as `ExportedNote`, those of a todo together. Reads `ix_notes_todo`."""

CHANGES = Statement(
    select(
        json_object(ExportedChange, _change.c, operation=operation_of(_change), undoes_also=undoes_also(_change)).label(
            "row"
        )
    )
    .where(mine(Change), shows_something(_change))
    .order_by(_change.c.id)
)
"""Read every change of which the caller may see something as `ExportedChange`, the oldest first.

`shown`: the kinds of rows that the caller may see. Reads `pk_changes`, `pk_change_entries` and
`ix_undone_changes_by`.
"""

ENTRIES = Statement(
    select(json_object(ExportedEntry, _row.c, entry=entry_row).label("row"))
    .where(mine(ChangedRow), is_shown(_row))
    .order_by(_row.c.change_id, _row.c.number)
)
"""Read every row of a change that the caller may see as `ExportedEntry`, in the order of changes.

`shown`: as in `CHANGES`. `rows`: true, for the rows before and after. Reads `pk_change_entries`.
"""

ACTIVE_DAYS = Statement(
    select(func.to_json(_activity.c.day).label("row")).where(mine(ActivityDay)).order_by(_activity.c.day)
)
"""Read the days on which the user was here, the first one first, each as JSON."""
