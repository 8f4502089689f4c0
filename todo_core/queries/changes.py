"""The record of changes in SQL: what is written, and what keeps a change from being undone."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    DateTime,
    FromClause,
    Insert,
    Select,
    Text,
    all_,
    and_,
    any_,
    case,
    column,
    exists,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON

from todo_core.models.changes import Change, ChangedRow, Entity, UndoneChange
from todo_core.models.tags import TodoTag
from todo_core.storage import locks
from todo_core.storage.statements import Statement, mine, parameter

_change = Change.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_row = ChangedRow.__table__  # type: ignore[attr-defined]
_undone = UndoneChange.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_id = parameter("id", BigInteger())

_STATES: Final = ("list_before", "list_after", "before", "after")
"""The columns of an entry that say what a row was and is."""

LOOK_BACK: Final = 100
"""How many later changes of a row are looked at for the one that keeps an undo from it."""

_given = (
    func.unnest(parameter("entities", ARRAY(Text())), parameter("entity_ids", ARRAY(BigInteger())))
    .table_valued(column("entity", Text), column("id", BigInteger))
    .render_derived("given")
)
_tags_of = select(literal_column("'tag'", Text), _link.c.tag_id).where(
    mine(_link), _link.c.todo_id == any_(parameter("tagged", ARRAY(BigInteger())))
)
_in_question = union_all(select(_given.c.entity, _given.c.id), _tags_of).subquery("in_question")
_touching = (
    select(_row.c.change_id.label("id"))
    .where(
        mine(_row),
        _row.c.entity == _in_question.c.entity,
        _row.c.entity_id == _in_question.c.id,
        _row.c.change_id > _id,
        _row.c.change_id != all_(parameter("reverted", ARRAY(BigInteger()))),
    )
    .order_by(_row.c.change_id.desc())
    .limit(literal_column(str(LOOK_BACK)))
    .correlate(_in_question)
    .lateral("touching")
)
_reverts = select(_undone.c.change_id).where(mine(_undone), _undone.c.undone_by == _touching.c.id)
_stands = and_(
    or_(~_reverts.where(_undone.c.change_id >= _id).exists(), _reverts.where(_undone.c.change_id < _id).exists()),
    ~select(_undone.c.change_id).where(mine(_undone), _undone.c.change_id == _touching.c.id).exists(),
)
BLOCKING = Statement(
    select(func.coalesce(func.max(_touching.c.id).filter(_stands), func.max(_touching.c.id))).select_from(
        _in_question.join(_touching, true())
    )
)
"""Find the change that keeps the change `id` from being undone: the latest one after it to one of the rows in question.

One that still stands comes before one that was itself undone; only the latest `LOOK_BACK` of a row are looked at.
`entities` and `entity_ids`: these rows, by kind and id; with them the tags of todos with the ids `tagged`, deleted
ones, too. `reverted`: later changes that the same request has reverted. Reads `ix_change_entries_entity`,
`pk_todo_tags`, `pk_undone_changes` and `ix_undone_changes_by`.
"""


_named = func.unnest(parameter("ids", ARRAY(BigInteger))).table_valued(column("id", BigInteger)).render_derived("named")
_seen = (
    select(func.count())
    .where(
        mine(_row),
        _row.c.change_id == _named.c.id,
        *(func.in_mandate(_row.c[name]) for name in ("list_before", "list_after")),
    )
    .correlate_except(_row)
    .scalar_subquery()
)
BEYOND = Statement(select(_named.c.id).where(func.rows_of_change(_named.c.id, false()) > _seen))
"""Tell an agent that sees some lists only which of the changes `ids` touched something else, too, but for tags that it
made. Reads `pk_change_entries`."""


def _entries(
    user_id: ColumnElement[int],
    change_id: ColumnElement[int],
    already: ColumnElement[int],
    source: FromClause | None = None,
) -> Insert:
    """Insert entries of a change, from one text for each column of the rows that it touched.

    The values in a text have the record separator U+001E between them, as in RFC 7464: JSON never contains it. asyncpg
    encodes an array value by value, which costs a batch of 50 more than PostgreSQL takes to split the text. An empty
    value is null.

    Args:
        user_id: Whose change.
        change_id: The change.
        already: How many entries it has.
        source: Where `change_id` comes from, if it is a column.
    """
    texts = (parameter(name, Text()) for name in ("entities", "entity_ids", "befores", "afters"))
    arrays = (func.string_to_array(text, literal_column("chr(30)"), literal_column("''")) for text in texts)
    columns = (column(name, Text()) for name in ("entity", "entity_id", "before", "after"))
    touched = func.unnest(*arrays).table_valued(*columns, with_ordinality="n").render_derived("touched")
    entity_id = touched.c.entity_id.cast(BigInteger)
    before, after = touched.c.before.cast(JSON), touched.c.after.cast(JSON)
    values = {
        "user_id": user_id,
        "change_id": change_id,
        "number": already + touched.c.n,
        "entity": touched.c.entity,
        "entity_id": entity_id,
        "list_before": _list_of(touched.c.entity, entity_id, before),
        "list_after": _list_of(touched.c.entity, entity_id, after),
        "before": before,
        "after": after,
    }
    rows = select(*(value.label(name) for name, value in values.items()))
    rows = rows.select_from(touched if source is None else touched.join(source, literal_column("true")))
    return insert(_row).from_select(list(values), rows)


def _list_of(entity: ColumnElement[str], entity_id: ColumnElement[int], state: Any) -> ColumnElement[int]:
    """Return the list that a row belonged to in a state: a todo's, a list itself, null for others and for no state."""
    return case(
        (entity == literal_column("'todo'"), state.op("->>")(literal_column("'list_id'")).cast(BigInteger)),
        (and_(entity == literal_column("'list'"), state.is_not(None)), entity_id),
    )


def moment() -> ColumnElement[Any]:
    """Return the moment to set: the parameter `now`, or that of the statement where it is null."""
    return func.coalesce(parameter("now", DateTime(timezone=True)), func.statement_timestamp())


def change_of(
    user_id: ColumnElement[int],
    *,
    undoes: bool = False,
    approved: bool = False,
    of: FromClause | None = None,
    at: ColumnElement[Any] | None = None,
) -> CTE:
    """Return the step that inserts a change of a user, without its entries; see `RECORD`.

    Args:
        user_id: Whose change.
        undoes: Whether it reverts others, as in `RECORD_UNDO`.
        approved: Whether it was proposed, as in `RECORD_APPROVED`.
        of: The rows that were written, where there may be none: then there is no change.
        at: When; None for the moment of the statement.
    """
    of_proposal = {
        "proposal_id": parameter("proposal_id", BigInteger()),
        "approved_by": parameter("approved_by", Text()),
    }
    values = {
        "user_id": user_id,
        "operation": parameter("operation", Text()),
        "via": parameter("via", Text()),
        "client": parameter("client", Text()),
        "token_id": parameter("token_id", BigInteger()),
        "agent_id": parameter("agent_id", BigInteger()),
        "request_id": parameter("request_id", Text()),
        **({"undoes": parameter("undoes", BigInteger())} if undoes else {}),
        **(of_proposal if approved else {}),
        "at": func.statement_timestamp() if at is None else at,
    }
    inserted = insert(_change)
    if of is None:
        inserted = inserted.values(values)
    else:
        row = select(*(value.label(name) for name, value in values.items()))
        inserted = inserted.from_select([*values], row.where(exists().select_from(of)))
    return inserted.returning(_change.c.id).cte("recorded")


def recorded_for(user_id: ColumnElement[int], *, undoes: bool = False, approved: bool = False) -> Select[Any]:
    """Return what records a change of a user, with the rows that it touched; see `RECORD`.

    Args:
        user_id: Whose change.
        undoes: Whether it reverts others, as in `RECORD_UNDO`.
        approved: Whether it was proposed, as in `RECORD_APPROVED`.
    """
    recorded = change_of(user_id, undoes=undoes, approved=approved)
    ctes = [_entries(user_id, recorded.c.id, literal_column("0"), recorded).cte("entries")]
    if undoes:
        reverted = func.unnest(parameter("all_undone", ARRAY(BigInteger()))).label("change_id")
        undone = select(user_id.label("user_id"), reverted, recorded.c.id.label("undone_by"))
        ctes.append(insert(_undone).from_select(["user_id", "change_id", "undone_by"], undone).cte("undone"))
    return select(recorded.c.id, locks.is_followed().label("is_followed")).add_cte(*ctes)


def asked_once() -> ColumnElement[bool]:
    """Return whether some process listens for changes, for a statement that returns several rows."""
    return select(locks.is_followed()).scalar_subquery().label("is_followed")


def entries_of(entity: Entity, written: CTE, user_id: ColumnElement[int], change: CTE) -> CTE:
    """Return the step that inserts the entries of a change, where one statement writes the rows and records it.

    Args:
        entity: What kind of rows.
        written: The rows: `id`, `number` from 1, `list_after`, and `after`, as JSON. Of rows that were there also
            `list_before` and `before`; those that stay the same have no `after`, and no entry.
        user_id: Whose they are.
        change: What `change_of` returned.
    """
    values = {
        "user_id": user_id,
        "change_id": change.c.id,
        "number": written.c.number,
        "entity": literal_column(f"'{entity}'"),
        "entity_id": written.c.id,
    }
    values |= {name: written.c[name] for name in _STATES if name in written.c}
    rows = select(*(value.label(name) for name, value in values.items()))
    rows = rows.select_from(written.join(change, literal_column("true")))
    if "before" in written.c:
        rows = rows.where(written.c.after.is_not(None))
    return insert(_row).from_select(list(values), rows).cte("entries")


RECORD = Statement(recorded_for(_me))
"""Record a change that is about to be committed with the rows that it touched, and return its id, and whether some
process listens for changes (`is_followed`).

`operation`: its name. `via`: the transport, and the tool if there is one. `client`: the client's name for itself.
`token_id`: the API token, if there is one. `agent_id`: the agent, if it was one. `request_id`: the id of the request,
if there is one. `entities`, `entity_ids`, `befores` and `afters`: the rows, in order, with their state before (empty
for a new one) and after, as JSON; in each, the values have U+001E between them.
"""

RECORD_UNDO = Statement(recorded_for(_me, undoes=True))
"""Record a change as `RECORD` does, and the changes that it undoes: `all_undone`, among them the latest, `undoes`.

`operation`, `via`, `client`, `token_id`, `agent_id`, `request_id`, `entities`, `entity_ids`, `befores` and `afters`: as
there. `pk_undone_changes` is in the way of undoing one twice.
"""

RECORD_APPROVED = Statement(recorded_for(_me, approved=True))
"""Record a change as `RECORD` does, which was proposed: `proposal_id`, and how the person approved it, `approved_by`.

`operation`, `via`, `client`, `token_id`, `agent_id`, `request_id`, `entities`, `entity_ids`, `befores` and `afters`: as
there.
"""

RECORD_APPROVED_UNDO = Statement(recorded_for(_me, undoes=True, approved=True))
"""Record a change as `RECORD_UNDO` does, which was proposed: `proposal_id` and `approved_by`, as in `RECORD_APPROVED`.

`undoes`, `all_undone`, `operation`, `via`, `client`, `token_id`, `agent_id`, `request_id`, `entities`, `entity_ids`,
`befores` and `afters`: as there.
"""

RECORD_MORE = Statement(_entries(_me, _id, parameter("already", BigInteger())))
"""Record further rows that the change `id` touched, which has so many entries `already`.

`entities`, `entity_ids`, `befores` and `afters`: the rows, as in `RECORD`.
"""
