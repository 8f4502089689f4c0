"""Agents in SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by, insert
from sqlalchemy.types import TypeEngine

from todo_core.models.agents import PATCHABLE, Agent, AgentRead
from todo_core.models.changes import Change, ChangedRow
from todo_core.models.fields import MAX_ID
from todo_core.storage.statements import Statement, json_object, mine, parameter

MOST_PROGRAMS: Final = 200
"""Programs of a person that are told apart. They choose their names, and could choose a new one each time: what comes
then
is one more, with no name of its own."""

_table = Agent.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_change = Change.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_id = parameter("id", BigInteger())
_kind, _known_as, _name = (parameter(name, Text()) for name in ("kind", "known_as", "name"))
_last_use_is_old = _table.c.last_used_at <= func.now() - timedelta(minutes=1)
_KNOWN: Final = (
    *(_table.c[name] for name in ("id", "version", "verbs", "mode", "rows_per_day", "until", "own_lists")),
    # As JSON: of an array of `bigint` asyncpg asks PostgreSQL what it is, once for each connection.
    func.to_json(_table.c.lists).label("lists"),
)
"""What a process keeps of an agent."""


def _since_counted(agent: Any) -> ColumnElement[int]:
    """Count the changes of an agent of the enclosing query that are not counted yet.

    A person's changes are committed in the order of their ids, so that none comes later below one that was seen.
    """
    made = _change.alias("made")
    counted = select(func.count()).where(
        made.c.user_id == agent.user_id, made.c.agent_id == agent.id, made.c.id > agent.counted_through
    )
    return counted.correlate_except(made).scalar_subquery()


def _newest(agent: Any) -> ColumnElement[int]:
    made = _change.alias("newest")
    newest = select(func.max(made.c.id)).where(made.c.user_id == agent.user_id, made.c.agent_id == agent.id)
    return func.greatest(agent.counted_through, newest.correlate_except(made).scalar_subquery())


def _read(source: FromClause) -> ColumnElement[Any]:
    return json_object(AgentRead, source.c, changes=source.c.changes + _since_counted(source.c))


_OTHERS: Final[ColumnElement[str]] = literal_column("'others'")
"""What the programs are known as that are not told apart. No single one is known by a word without a space."""
_is_itself = _table.c.known_as == _known_as
FIND = Statement(
    select(*_KNOWN, _last_use_is_old.label("last_use_is_old"))
    .where(
        mine(Agent),
        _table.c.kind == _kind,
        or_(_is_itself, and_(_kind == literal_column("'program'"), _table.c.known_as == _OTHERS)),
    )
    .order_by(_is_itself.desc())
    .limit(literal_column("1"))
)
"""Find the agent of a `kind` that is `known_as` something, by `uq_agents_user_id_kind_known_as`; of a program that has
none the one of all others, if there are so many that it is there.

`last_use_is_old` tells whether its last use was stored more than a minute ago.
"""

_program = _table.alias("program")
_programs = select(func.count()).where(mine(_program), _program.c.kind == literal_column("'program'"))
_is_one_too_many = and_(
    _kind == literal_column("'program'"), _programs.scalar_subquery() >= literal_column(str(MOST_PROGRAMS))
)
_new = select(
    _me.label("user_id"),
    _kind.label("kind"),
    case((_is_one_too_many, _OTHERS), else_=_known_as).label("known_as"),
    case((_is_one_too_many, literal_column("'other programs'")), else_=_name).label("name"),
)
MAKE = Statement(
    insert(_table)
    .from_select(["user_id", "kind", "known_as", "name"], _new)
    .on_conflict_do_update(
        index_elements=["user_id", "kind", "known_as"],
        set_={"last_used_at": func.now()},
    )
    .returning(*_KNOWN)
)
"""Make the agent of a `kind` that is `known_as` something, with a `name`; another transaction may have been faster.

Of programs only `MOST_PROGRAMS` are made, and one for all others.
"""

USED = Statement(
    update(_table)
    .where(mine(Agent), _table.c.id == _id, _last_use_is_old)
    .values(
        last_used_at=func.now(),
        changes=_table.c.changes + _since_counted(_table.c),
        counted_through=_newest(_table.c),
    )
)
"""Store that the agent with an `id` is used now, and count its changes, unless another process has in the last minute.
Reads `ix_changes_agent_id`."""

ALL = Statement(
    select(
        func.coalesce(
            func.json_agg(aggregate_order_by(_read(_table), _table.c.last_used_at.desc(), _table.c.id.desc())),
            literal_column("'[]'::json"),
        ).label("rows"),
        func.count().label("total"),
    ).where(mine(Agent))
)
"""Read every agent of the user, the one used last first: `rows`, a JSON array of `AgentRead`, and `total`."""

ONE = Statement(select(_read(_table).label("row")).where(mine(Agent), _table.c.id == _id))
"""Read the agent with an `id`, as `AgentRead`."""

LISTS = Statement(
    select(func.to_json(_table.c.lists).label("lists"), _table.c.own_lists).where(mine(Agent), _table.c.id == _id)
)
"""Read what the mandate of the agent with an `id` says of lists: `lists` as JSON, and `own_lists`."""

_stored = select(_table).where(mine(Agent), _table.c.id == _id).with_for_update().cte("stored")


def _revise(**values: Any) -> Statement:
    """Return what sets columns of the agent with an `id`; see `REVISE`.

    Args:
        values: Expressions over `_stored`, by column.
    """
    revised = (
        update(_table)
        .values(**values, updated_at=func.statement_timestamp(), version=_stored.c.version + literal_column("1"))
        .where(
            mine(Agent),
            _table.c.id == _stored.c.id,
            tuple_(*values.values()).is_distinct_from(tuple_(*(_stored.c[name] for name in values))),
        )
        .returning(_table)
        .cte("revised")
    )
    return Statement(
        select(
            _stored.c.version,
            _read(_stored).label("before"),
            case((revised.c.id.is_not(None), _read(revised))).label("after"),
        ).select_from(_stored.outerjoin(revised, revised.c.id == _stored.c.id))
    )


_given = parameter("given", ARRAY(Text))
_types: dict[str, TypeEngine[Any]] = {
    "name": Text(),
    "verbs": ARRAY(Text),
    "mode": Text(),
    "rows_per_day": Integer(),
    "until": DateTime(timezone=True),
    "lists": ARRAY(BigInteger),
    "own_lists": Boolean(),
}
REVISE = _revise(
    **{
        name: case((literal(name) == any_(_given), parameter(name, _types[name])), else_=_stored.c[name])
        for name in PATCHABLE
    }
)
"""Set the fields of the agent with an `id` that are in `given` to their values; the others keep theirs.

Values: `name`, `verbs`, `mode`, `rows_per_day`, `until`, `lists`, `own_lists`. Columns: its `version` before, its
`AgentRead` before, and after or null if nothing changed.
"""

BLOCK = _revise(blocked_at=func.coalesce(_stored.c.blocked_at, func.statement_timestamp()))
"""Block the agent with an `id`. Columns: as in `REVISE`."""

UNBLOCK = _revise(blocked_at=null())
"""Let the agent with an `id` in again. Columns: as in `REVISE`."""

_made_of_token = insert(_table).values(
    user_id=_me,
    kind=literal_column("'token'"),
    known_as=_known_as,
    name=_name,
    **{name: parameter(name, _types[name]) for name in ("verbs", "mode", "rows_per_day", "lists", "own_lists")},
)
MAKE_FOR_TOKEN = Statement(_made_of_token)
"""Make the agent of a new API token, which is `known_as` its id, with a `name` and a mandate: `verbs`, `mode`,
`rows_per_day`, `lists` and `own_lists`."""

_touched = ChangedRow.__table__.alias("touched")  # type: ignore[attr-defined]
_lately = _change.alias("lately")
_is_of_change = and_(_touched.c.user_id == _change.c.user_id, _touched.c.change_id == _change.c.id)
_day_began = (
    select(_lately.c.id)
    .where(mine(_lately), _lately.c.at > func.statement_timestamp() - timedelta(days=1))
    .order_by(_lately.c.at, _lately.c.id)
    .limit(literal_column("1"))
    .scalar_subquery()
)
# A query of its own, for row-level security asks no index for what COALESCE returns.
_first_of_day = select(func.coalesce(_day_began, literal_column(str(MAX_ID)))).scalar_subquery()
ROWS_OF_DAY = Statement(
    select(func.count())
    .select_from(_change.join(_touched, _is_of_change))
    .where(
        mine(Change),
        _change.c.agent_id == _id,
        _touched.c.entity != literal_column("'proposal'"),
        _change.c.id >= _first_of_day,
        _change.c.at > func.statement_timestamp() - timedelta(days=1),
    )
)
"""Count the rows that the agent with an `id` changed in the last 24 hours, without what it proposed. Reads
`ix_changes_at`, `ix_changes_agent_id` and `pk_change_entries`."""

_all_rows = func.coalesce(func.sum(func.rows_of_change(_change.c.id, true())), literal_column("0"))
ROWS_OF_DAY_WITHIN_LISTS = Statement(
    select(cast(_all_rows, BigInteger)).where(
        mine(Change),
        _change.c.agent_id == _id,
        _change.c.operation != literal_column("'proposals.add'"),
        _change.c.id >= _first_of_day,
        _change.c.at > func.statement_timestamp() - timedelta(days=1),
    )
)
"""Count the same of the agent with an `id` that sees some lists only: rows that it does not see count, too, such as
tags that it made, and todos that are in other lists by now. Reads `ix_changes_at`, `ix_changes_agent_id` and
`pk_change_entries`."""

HAND_ON = Statement(
    update(_table)
    .where(mine(Agent), _table.c.kind == literal_column("'token'"), _table.c.known_as == parameter("old", Text()))
    .values(known_as=parameter("new", Text()), updated_at=func.statement_timestamp())
)
"""Give the agent of the API token `old` the token `new`: it stays the same agent."""
