"""Changes of todos, in SQL, that set nothing but texts, or nothing but flags: most changes do.

PostgreSQL sets up each part of a statement whenever it runs, which costs a single todo more than to write it. Here no
tags, dates, lists and parents change. So both states of a todo share one look at its tags, its due and its subtasks.
What is all that a request does is recorded by the same statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    and_,
    any_,
    case,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.todos import Todo
from todo_core.queries.changes import asked_once, change_of, entries_of, moment
from todo_core.queries.revising import (
    FLAGS,
    differs_from,
    is_meant,
    patches_in_order,
    set_by_flag,
    set_by_name,
    update_with,
)
from todo_core.queries.shapes import Subtasks, due_read, links_of, read, tag_names
from todo_core.storage.statements import Statement, mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_me = parameter("user_id", BigInteger())
_true: ColumnElement[bool] = literal_column("true", Boolean())

_TEXTS: Final = ("title", "description", "priority", "source")
"""Columns of a todo that concern no other row."""

_NONE: Final = Subtasks(open=literal_column("0"), live=literal_column("0"))


def _new(name: str) -> str:
    """Return how a step calls what a patch makes of a column."""
    return f"new_{name}"


def _is_lone() -> ColumnElement[bool]:
    """Return whether a todo has no parent and no subtasks, those in the trash too, and does not repeat.

    Subtasks are counted: for the first one alone PostgreSQL may read any todos where its statistics mislead it.
    """
    child = _table.alias("child")
    count = select(func.count()).where(mine(child), child.c.parent_id == _table.c.id).correlate(_table)
    has_none = count.scalar_subquery() == literal_column("0")
    return and_(_table.c.parent_id.is_(None), _table.c.repeat.is_(None), has_none)


def _lock(names: Sequence[str], now: ColumnElement[Any], *, lone: bool) -> CTE:
    """Read the todos as they are, and what the patches make of them; lock them in the order of ids.

    Args:
        names: The columns that patches may set.
        now: The moment of the change.
        lone: Whether todos with relatives, and those that repeat, are left out.
    """
    patches = patches_in_order()
    values = {
        name: set_by_flag(patches.c.patch, _table, name, now)
        if name in FLAGS
        else set_by_name(patches.c.patch, _table, name)
        for name in names
    }
    return (
        select(
            _table,
            tag_names(links_of(_table)).label("tags"),
            due_read(_table, None).label("due"),
            *(value.label(_new(name)) for name, value in values.items()),
            is_meant(patches, _table.c.version).label("is_meant"),
            patches.c.n,
        )
        .join(patches, patches.c.id == _table.c.id)
        .where(
            mine(Todo),
            _table.c.id == any_(parameter("ids", ARRAY(BigInteger))),  # the index finds them, however many there are
            or_(_table.c.deleted_at.is_(None), parameter("trash_too", Boolean())),
            *([_is_lone()] if lone else []),
        )
        .order_by(_table.c.id)
        .with_for_update(of=_table)
        .cte("stored")
    )


def _subtasks(stored: CTE, names: Sequence[str]) -> tuple[FromClause, Subtasks, Subtasks]:
    """Count the subtasks of a todo once for both states: return the counts, those before, and those after."""
    child, sibling = _table.alias("child"), stored.alias("sibling")
    before = Subtasks.counted(child)
    counts = {"open": before.open, "live": before.live}
    source: Any = child
    if set(FLAGS) <= set(names):
        is_revised = sibling.c.is_meant.is_(_true)  # null where it is none of the batch
        new = {name: case((is_revised, sibling.c[_new(name)]), else_=child.c[name]) for name in FLAGS}
        is_live = new["deleted_at"].is_(None)
        counts |= {
            "new_open": func.count().filter(is_live, new["completed_at"].is_(None)),
            "new_live": func.count().filter(is_live),
        }
        source = child.outerjoin(sibling, sibling.c.id == child.c.id)
    counted = (
        select(*(count.label(name) for name, count in counts.items()))
        .select_from(source)
        .where(mine(child), child.c.parent_id == stored.c.id)
        .correlate(stored)
        .lateral("subtasks")
    )
    after = [counted.c[_new(name) if _new(name) in counts else name] for name in ("open", "live")]
    return counted, Subtasks(counted.c.open, counted.c.live), Subtasks(*after)


def _revise(names: Sequence[str], *, recorded: bool, lone: bool = False) -> Select[Any]:
    """Return the statement that applies patches to these columns.

    Args:
        names: The columns that patches may set.
        recorded: Whether it records the change, too.
        lone: Whether todos with relatives, and those that repeat, are left out. Of others no subtasks are counted.
    """
    now = moment() if recorded else func.statement_timestamp()
    stored = _lock(names, now, lone=lone)
    values = {name: stored.c[_new(name)] for name in names}
    updated = update_with(values, now).where(_table.c.id == stored.c.id, stored.c.is_meant, differs_from(values))
    revised = updated.returning(_table).cte("revised")
    source: FromClause = stored.outerjoin(revised, revised.c.id == stored.c.id)
    below = below_now = _NONE
    if not lone:
        subtasks, below, below_now = _subtasks(stored, names)
        source = source.join(subtasks, _true)
    after = read(revised, subtasks=below_now, tags=stored.c.tags, due=stored.c.due)
    rows = select(
        stored.c.id,
        stored.c.version,
        read(stored, subtasks=below, tags=stored.c.tags, due=stored.c.due).label("before"),
        case((revised.c.id.is_not(None), after)).label("after"),
    ).select_from(source)
    if not recorded:
        return rows.order_by(stored.c.n)
    lists = (stored.c.list_id.label(name) for name in ("list_before", "list_after"))
    number = func.count(revised.c.id).over(order_by=stored.c.n)  # of those that differ
    written = rows.add_columns(*lists, number.label("number"), stored.c.n).cte("written")
    change = change_of(_me, of=revised, at=now)
    told = (written.c[name] for name in ("id", "version", "before", "after"))
    return (
        select(*told, change.c.id.label("change_id"), asked_once())
        .select_from(written.outerjoin(change, _true))
        .order_by(written.c.n)
        .add_cte(entries_of("todo", written, _me, change))
    )


TEXTS = Statement(_revise(_TEXTS, recorded=False))
"""Apply patches as `revising.REVISE` does, that set nothing but `title`, `description`, `priority` and `source`.

`items`, `ids` and `trash_too`: as there. Columns: as there.
"""

TEXTS_RECORDED = Statement(_revise(_TEXTS, recorded=True))
"""Apply patches as `TEXTS` does, and record the change, if any todo differs.

`items`, `ids` and `trash_too`: as there. `now`: the moment to set, null for that of the statement. `operation`, `via`,
`client`, `token_id`, `agent_id` and `request_id`: as in `changes.RECORD`.
Columns: as there, the id of the change, `change_id`, null if there is none, and whether some process listens,
`is_followed`.
"""

FLAGS_ONLY = Statement(_revise([*FLAGS], recorded=False))
"""Apply patches as `revising.REVISE` does, that set nothing but `is_completed`, `completed_at`, `is_deleted` and
`deleted_at`.

`items`, `ids` and `trash_too`: as there. Columns: as there.
"""

FLAGS_RECORDED = Statement(_revise([*FLAGS], recorded=True))
"""Apply patches as `FLAGS_ONLY` does, and record the change, if any todo differs.

`items`, `ids` and `trash_too`: as there. `now`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`:
as in `TEXTS_RECORDED`.
Columns: as there.
"""

LONE_FLAGS_RECORDED = Statement(_revise([*FLAGS], recorded=True, lone=True))
"""Apply patches as `FLAGS_RECORDED` does to todos without a parent and subtasks that do not repeat: nothing follows
for others, so nobody has to look for them before. Reads `ix_todos_parent`.

`items`, `ids`, `trash_too`, `now`, `operation`, `via`, `client`, `token_id`, `agent_id` and `request_id`: as there.
Columns: as there; no row for any other todo.
"""


class Form(NamedTuple):
    """The statements for patches that set some fields alone."""

    fields: frozenset[str]
    """What they may set, besides their `id` and `if_version`."""
    statement: Statement
    recorded: Statement
    """The same, where the patches are all that a request does."""


FORMS: Final = (
    Form(frozenset(_TEXTS), TEXTS, TEXTS_RECORDED),
    Form(frozenset({*FLAGS, *FLAGS.values()}), FLAGS_ONLY, FLAGS_RECORDED),
)
