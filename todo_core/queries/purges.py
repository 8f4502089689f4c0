"""What nobody can reach any more, deleted for good, in SQL, as `todo_janitor`.

Its row-level security shows only what is in the trash, deleted lists and tags, expired answers, proposals that do not
wait any more, and changes older than a day.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Interval,
    Select,
    Table,
    any_,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.models.changes import Change, IdempotencyKey
from todo_core.models.lists import TodoList
from todo_core.models.proposals import Proposal
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.idempotency import LIFETIME
from todo_core.storage import locks
from todo_core.storage.statements import Statement, parameter

_todo = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_list = TodoList.__table__  # type: ignore[attr-defined]
_tag = Tag.__table__  # type: ignore[attr-defined]
_answer = IdempotencyKey.__table__  # type: ignore[attr-defined]
_change = Change.__table__  # type: ignore[attr-defined]
_proposal = Proposal.__table__  # type: ignore[attr-defined]
_user = User.__table__  # type: ignore[attr-defined]
_INSTANT = DateTime(timezone=True)
_LOCK: Final = tuple(literal_column(str(number), Integer) for number in locks.PURGES)

TRY_LOCK = Statement(select(func.pg_try_advisory_xact_lock(*_LOCK)))
"""Lock purges until the transaction ends; false if another process has the lock."""

LOCK = Statement(select(func.pg_advisory_xact_lock(*_LOCK)))
"""Wait for the lock of purges, and keep it until the transaction ends."""

BEFORE = Statement(select(func.now() - parameter("age", Interval())))
"""Read the moment that was `age` ago."""

_before = parameter("before", _INSTANT)
_ids = parameter("ids", ARRAY(BigInteger))


def _old(table: Table) -> Select[Any]:
    """Return the ids of rows that were deleted before a moment, as an array, at most `limit` of them."""
    rows = select(table.c.id).where(table.c.deleted_at < _before).limit(parameter("limit", Integer()))
    return select(func.array(rows.scalar_subquery(), type_=ARRAY(BigInteger)).label("ids"))


def _purge(table: Table) -> Select[Any]:
    """Delete the rows with `ids` for good, unless they were restored since, and count them."""
    old = delete(table).where(table.c.id == any_(_ids), table.c.deleted_at < _before)
    return select(func.count()).select_from(old.returning(table.c.id).cte("purged"))


OLD_TODOS = Statement(_old(_todo))
"""Find todos that were moved to the trash before the moment `before`, at most `limit`; return an array of ids.

Reads `ix_todos_trashed`.
"""

OLD_LISTS = Statement(_old(_list))
"""Find lists that were deleted before the moment `before`, at most `limit`; return an array of ids."""

OLD_TAGS = Statement(_old(_tag))
"""Find tags that were deleted before the moment `before`, at most `limit`; return an array of ids."""

TODOS = Statement(_purge(_todo))
"""Delete those of the todos with `ids` that have been in the trash since before `before`, and count them.

Reads `pk_todos`.
"""

LISTS = Statement(_purge(_list))
"""Delete those of the lists with `ids` that were deleted before `before`, and count them; they are empty by now."""

TAGS = Statement(_purge(_tag))
"""Delete those of the tags with `ids` that were deleted before `before`, with their links, and count them."""

# Bounds without COALESCE: PostgreSQL does not know it to be leakproof, so row-level security would keep it out of index
# conditions.
_since = _answer.c.created_at > parameter("since", _INSTANT)
_oldest = (
    select(_answer.c.created_at)
    .where(_since, _answer.c.created_at < func.now() - LIFETIME)
    .order_by(_answer.c.created_at)
    .limit(parameter("chunk", Integer()))
    .subquery("oldest")
)
_until = _answer.c.created_at <= select(func.max(_oldest.c.created_at)).scalar_subquery()
_expired = delete(_answer).where(_since, _until).returning(_answer.c.created_at).cte("expired")
ANSWERS = Statement(
    select(func.count().label("count"), func.max(_expired.c.created_at).label("last")).select_from(_expired)
)
"""Delete the oldest `chunk` of the answers that have expired, and all of the same moment as the last of them.

`since`: where the chunk before ended, so that none passes by what the others have deleted.
Columns: how many (`count`), and the moment of the `last`. Reads `ix_idempotency_keys_created_at`.
"""

_over = (
    select(_proposal.c.user_id, _proposal.c.id)
    .where(func.least(_proposal.c.decided_at, _proposal.c.expires_at) < _before)
    .limit(parameter("chunk", Integer()))
    .cte("over")
)
_decided = (
    delete(_proposal)
    .where(_proposal.c.user_id == _over.c.user_id, _proposal.c.id == _over.c.id)
    .returning(_proposal.c.id)
    .cte("decided")
)
PROPOSALS = Statement(select(func.count().label("count")).select_from(_decided))
"""Delete proposals that were decided, or expired, before the moment `before`, at most `chunk`, and count them."""

_first = (
    select(_change.c.user_id, _change.c.id, _change.c.at)
    .where(_change.c.id > parameter("after", BigInteger()))
    .order_by(_change.c.id)
    .limit(parameter("chunk", Integer()))
    .cte("oldest")
)
_owners = (
    # Before their changes, as the deletion of an account locks them.
    select(_user.c.id)
    .where(_user.c.id.in_(select(_first.c.user_id)))
    .order_by(_user.c.id)
    .with_for_update(key_share=True)
    .cte("owners")
)
_past = (
    delete(_change)
    .where(
        _change.c.user_id == _first.c.user_id,
        _change.c.id == _first.c.id,
        _change.c.at < _before,
        _first.c.user_id.in_(select(_owners.c.id)),
    )
    .returning(_change.c.user_id, _change.c.id)
    .cte("past")
)
_latest = select(_past.c.user_id, func.max(_past.c.id).label("id")).group_by(_past.c.user_id).subquery("latest")
_remembered = (
    update(_user)
    .where(_user.c.id == _latest.c.user_id)
    .values(changes_deleted_through=func.greatest(_user.c.changes_deleted_through, _latest.c.id))
    .cte("remembered")
)
CHANGES = Statement(
    select(
        select(func.count()).select_from(_past).scalar_subquery().label("count"),
        func.max(_first.c.id).label("last"),
        or_(func.count() < parameter("chunk", Integer()), func.bool_or(_first.c.at >= _before)).label("is_last"),
    )
    .select_from(_first)
    .add_cte(_remembered)
)
"""Delete the changes that were made before the moment `before`, of the `chunk` ones that follow the id `after`.

Their users remember the latest. Reads `ix_changes_id`.
Columns: how many were deleted (`count`), the id of the `last` one looked at, and whether the chunk `is_last`: it has a
younger change. Ids follow the time but for those of the same seconds, which are left to the next purge.
"""
