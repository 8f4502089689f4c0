"""What agents did since their person last looked, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, DateTime, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by

from todo_core.models.agents import Agent
from todo_core.models.changes import Change
from todo_core.models.proposals import Proposal
from todo_core.models.users import User
from todo_core.queries.shapes import NO_JSON_ITEMS
from todo_core.storage.statements import Statement, mine, parameter

_agent = Agent.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_change = Change.__table__  # type: ignore[attr-defined]
_proposal = Proposal.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_me = parameter("user_id", BigInteger())
_mark: Final = select(_user.c.reviewed_through).where(_user.c.id == _me)

MARK = Statement(
    select(
        _user.c.reviewed_through,
        func.coalesce(select(func.max(_change.c.id)).where(mine(Change)).scalar_subquery(), literal_column("0")).label(
            "newest"
        ),
    ).where(_user.c.id == _me)
)
"""Read up to which change the person has reviewed what agents did, and the newest change."""

_since = (_change.c.user_id == _agent.c.user_id, _change.c.agent_id == _agent.c.id)
_counted = (
    select(_change.c.operation, func.count().label("changes"))
    .where(mine(Change), *_since, _change.c.id > _mark.scalar_subquery())
    .group_by(_change.c.operation)
    .correlate(_agent)
    .subquery("counted")
)
_done = select(
    func.coalesce(
        func.json_agg(
            aggregate_order_by(
                func.json_build_object(
                    literal_column("'operation'"),
                    _counted.c.operation,
                    literal_column("'changes'"),
                    _counted.c.changes,
                ),
                _counted.c.changes.desc(),
                _counted.c.operation,
            )
        ),
        NO_JSON_ITEMS,
    ).label("done"),
    func.coalesce(func.sum(_counted.c.changes), literal_column("0")).cast(BigInteger).label("changes"),
).lateral("did")
_waiting = (
    select(func.count())
    .where(
        mine(Proposal),
        _proposal.c.agent_id == _agent.c.id,
        _proposal.c.decision.is_(None),
        _proposal.c.expires_at > parameter("now", DateTime(timezone=True)),
    )
    .correlate(_agent)
    .scalar_subquery()
)
_each = (
    select(_agent.c.id, _agent.c.name, _done.c.done, _done.c.changes, _waiting.label("waiting"))
    .select_from(_agent.join(_done, literal_column("true")))
    .where(mine(Agent))
    .subquery("each_agent")
)
BY_AGENT = Statement(
    select(_each)
    .where(or_(_each.c.changes > literal_column("0"), _each.c.waiting > literal_column("0")))
    .order_by(_each.c.changes.desc(), _each.c.id)
)
"""Read each agent that did something since its person last looked, or whose proposals wait at the moment `now`.

Columns: `id` and `name`; `done`, a JSON array of `DoneCount`; how many `changes` it made; how many proposals are
`waiting`. Reads `ix_changes_agent_id` and `ix_proposals_agent`.
"""

_moved = (
    update(_user)
    .where(_user.c.id == _me)
    .values(reviewed_through=func.greatest(_user.c.reviewed_through, parameter("through", BigInteger())))
    .returning(_user.c.reviewed_through)
    .cte("moved")
)
MOVE = Statement(select(_moved.c.reviewed_through))
"""Note that the person has reviewed what agents did up to the change `through`, and return up to where; never back."""
