"""Proposals in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    Integer,
    Text,
    and_,
    any_,
    case,
    cast,
    false,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, aggregate_order_by

from todo_core.models.agents import Agent
from todo_core.models.proposals import Proposal, ProposalRead
from todo_core.models.tags import TodoTag
from todo_core.models.todos import Todo
from todo_core.models.tokens import ApiToken
from todo_core.queries.shapes import NO_JSON_ITEMS
from todo_core.storage.statements import Columns, Statement, json_object, mine, parameter

_proposal = Proposal.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_agent = Agent.__table__  # type: ignore[attr-defined]
_todo = Todo.__table__  # type: ignore[attr-defined]
_link = TodoTag.__table__  # type: ignore[attr-defined]
_token = ApiToken.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_id = parameter("id", BigInteger())
_now = parameter("now", DateTime(timezone=True))
_by = parameter("agent_id", BigInteger())
_NOTHING: Final[ColumnElement[Any]] = literal_column("'[]'::json")


def _waits(of: Columns) -> ColumnElement[bool]:
    """Return the condition that a proposal waits at the moment `now`."""
    return and_(of.decision.is_(None), of.expires_at > _now)


def _status(of: Columns) -> ColumnElement[str]:
    return case(
        (of.decision.is_not(None), of.decision),
        (of.expires_at > _now, literal_column("'waiting'")),
        else_=literal_column("'expired'"),
    )


def _read(of: Columns, *, with_rows: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return a proposal as `ProposalRead`.

    Args:
        of: Its columns.
        with_rows: Whether the preview is shown.
    """
    kept = case((with_rows, of.shown), else_=_NOTHING)
    return json_object(
        ProposalRead,
        of,
        status=_status(of),
        agent_says=of.reason,
        entries=kept,
        more_entries=of.rows - func.json_array_length(kept),
    )


_ROWS = parameter("with_rows", Integer()) == literal_column("1")

WAITING = Statement(
    select(func.count()).select_from(_proposal).where(mine(Proposal), _proposal.c.agent_id == _by, _waits(_proposal.c))
)
"""Count the proposals of the agent `agent_id` that wait at the moment `now`. Reads `ix_proposals_agent`."""

_values = {
    "user_id": _me,
    "agent_id": _by,
    "operation": parameter("operation", Text()),
    "call": parameter("call", JSON()),
    "said_at": _now,
    "said_in": parameter("said_in", Text()),
    "shown": parameter("shown", JSON()),
    "effects": parameter("effects", JSON()),
    "rows": parameter("rows", Integer()),
    "reason": parameter("reason", Text()),
    "via": parameter("via", Text()),
    "client": parameter("client", Text()),
    "token_id": parameter("token_id", BigInteger()),
    "expires_at": parameter("expires_at", DateTime(timezone=True)),
}
_kept = insert(_proposal).values(**_values).returning(_proposal).cte("kept")
KEEP = Statement(select(_kept.c.id))
"""Keep a proposal of the agent `agent_id`, made at the moment `now` in the time zone `said_in`, and return its id.

`operation` and `call`: what is to be done. `shown`, `effects` and `rows`: what the rehearsal did, as the columns of
the table say. `reason`: the agent's words, or null. `via`, `client` and `token_id`: where it comes from.
`expires_at`: until when it waits.
"""

_page = (
    select(_proposal)
    .where(
        mine(Proposal),
        or_(_by.is_(None), _proposal.c.agent_id == _by),
        _proposal.c.id < parameter("before", BigInteger()),
        or_(
            parameter("status", Text()) == literal_column("'any'"), _status(_proposal.c) == parameter("status", Text())
        ),
    )
    .order_by(_proposal.c.id.desc())
    # One more than the page has, to know whether there is one.
    .limit(parameter("limit", Integer()) + literal_column("1"))
    .subquery("page")
)
_numbered = select(_page, func.row_number().over(order_by=_page.c.id.desc()).label("n")).subquery("numbered")
_on_page = _numbered.c.n <= parameter("limit", Integer())
PAGE = Statement(
    select(
        func.coalesce(
            func.json_agg(aggregate_order_by(_read(_numbered.c, with_rows=_ROWS), _numbered.c.id.desc())).filter(
                _on_page
            ),
            NO_JSON_ITEMS,
        ).label("rows"),
        func.min(_numbered.c.id).filter(_on_page).label("last"),
        (func.count() > parameter("limit", Integer())).label("more"),
    ).select_from(_numbered)
)
"""Read proposals, the newest first, at most `limit` of those before the id `before`.

`status`: only those that are so at the moment `now`; `any` for all. `agent_id`: only those of this agent; null for all.
`with_rows`: 1 to show what each would do. Columns: `rows`, a JSON array of `ProposalRead`; the id of the `last`, and
whether there are `more`.
"""

ONE = Statement(
    select(
        _read(_proposal.c, with_rows=_ROWS).label("row"),
        _proposal.c.agent_id,
    ).where(mine(Proposal), _proposal.c.id == _id, or_(_by.is_(None), _proposal.c.agent_id == _by))
)
"""Read the proposal with an `id` as `ProposalRead`, at the moment `now`. `agent_id`, `with_rows`: as in `PAGE`."""

_by_agent = _agent.c.user_id == _proposal.c.user_id, _agent.c.id == _proposal.c.agent_id
_agents_own = select(_agent).where(mine(_agent), *_by_agent).correlate(_proposal)
_agents_kind = _agents_own.with_only_columns(_agent.c.kind).scalar_subquery()
_known_as = _agents_own.with_only_columns(_agent.c.known_as).scalar_subquery()
_agents_token = select(_token.c.id).where(
    mine(_token),
    cast(_token.c.id, Text()) == _known_as,
    _token.c.revoked_at.is_(None),
    func.coalesce(_token.c.expires_at > _now, true()),
)
TO_DECIDE = Statement(
    select(
        _agents_own.with_only_columns(_agent.c.version).scalar_subquery().label("agent_version"),
        _agents_own.with_only_columns(_agent.c.mode).scalar_subquery().label("agent_mode"),
        _agents_own.with_only_columns(_agent.c.verbs).scalar_subquery().label("agent_verbs"),
        _agents_own.with_only_columns(_agent.c.rows_per_day).scalar_subquery().label("agent_rows_per_day"),
        _agents_own.with_only_columns(func.to_json(_agent.c.lists)).scalar_subquery().label("agent_lists"),
        _agents_own.with_only_columns(_agent.c.own_lists).scalar_subquery().label("agent_own_lists"),
        _agents_own.with_only_columns(
            or_(_agent.c.blocked_at.is_not(None), func.coalesce(_agent.c.until <= _now, false()))
        )
        .scalar_subquery()
        .label("is_agent_out"),
        and_(_agents_kind == literal_column("'token'"), ~_agents_token.exists()).label("is_token_gone"),
        _proposal.c.id,
        _proposal.c.agent_id,
        _proposal.c.operation,
        _proposal.c.call,
        _proposal.c.said_at,
        _proposal.c.said_in,
        _proposal.c.effects,
        _proposal.c.via,
        _proposal.c.client,
        _proposal.c.token_id,
        _status(_proposal.c).label("status"),
        _read(_proposal.c, with_rows=literal_column("true")).label("row"),
    )
    .where(mine(Proposal), _proposal.c.id == _id)
    .with_for_update()
)
"""Lock the proposal with an `id` and read it: its columns, its `status` at the moment `now`, and `row`, its
`ProposalRead`; of its agent the version, the mode and the rest of its mandate, whether it is blocked or its time over
(`is_agent_out`), and whether it is of an API token that was revoked or has expired (`is_token_gone`)."""

_decided = (
    update(_proposal)
    .where(mine(Proposal), _proposal.c.id == _id, _waits(_proposal.c))
    .values(
        decision=parameter("decision", Text()),
        decided_at=_now,
        decided_by=parameter("decided_by", Text()),
        note=parameter("note", Text()),
        change_id=parameter("change_id", BigInteger()),
    )
    .returning(_proposal)
    .cte("decided")
)
DECIDE = Statement(select(_read(_decided.c, with_rows=literal_column("true")).label("row")).select_from(_decided))
"""Write a `decision` on the proposal with an `id`, if it waits at the moment `now`, and return its `ProposalRead`.

`decided_by`: how the person decided. `note`: what the person says. `change_id`: the change that was made of it, or
null.
"""

TITLES = Statement(
    select(_todo.c.id, _todo.c.title).where(mine(Todo), _todo.c.id == any_(parameter("ids", ARRAY(BigInteger()))))
)
"""Read the titles of the todos with `ids`. Reads `uq_todos_user_id_id`."""


def _digest(todo_id: ColumnElement[int]) -> ColumnElement[str]:
    """Return a digest of the ids of todos in a group."""
    text = cast(todo_id, Text())
    return func.md5(func.string_agg(text, aggregate_order_by(literal_column("','"), todo_id)))


_tags, _lists = (parameter(name, ARRAY(BigInteger())) for name in ("tags", "lists"))
CONCERNED = Statement(
    select(literal_column("'tag'").label("entity"), _link.c.tag_id.label("id"), _digest(_link.c.todo_id).label("todos"))
    .select_from(_link.join(_todo, and_(mine(Todo), _todo.c.id == _link.c.todo_id, _todo.c.deleted_at.is_(None))))
    .where(mine(TodoTag), _link.c.tag_id == any_(_tags))
    .group_by(_link.c.tag_id)
    .union_all(
        select(literal_column("'list'"), _todo.c.list_id, _digest(_todo.c.id))
        .where(mine(Todo), _todo.c.deleted_at.is_(None), _todo.c.list_id == any_(_lists))
        .group_by(_todo.c.list_id)
    )
)
"""Read a digest of the ids of the todos outside the trash that have one of the `tags`, or are in one of the `lists`.

Columns: `entity` and `id` of the tag or list, and `todos`; no row for one without todos. Reads `ix_todo_tags_tag`.
"""
