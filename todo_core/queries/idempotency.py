"""Answers kept for retries, in SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    LargeBinary,
    Text,
    and_,
    case,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSON, insert

from todo_core.models.changes import IdempotencyKey
from todo_core.storage import locks
from todo_core.storage.statements import Statement, mine, parameter

LIFETIME: Final = timedelta(hours=24)
"""How long an answer is kept."""

_kept = IdempotencyKey.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_me, _key = parameter("user_id", BigInteger()), parameter("key", Text())

_is_free = func.pg_try_advisory_xact_lock(parameter("lock", BigInteger())).column_valued("free")
_formerly: ColumnElement[int] = func.hashtextextended(_key, _me)
_unused_by_older_versions = case(
    (not_(_is_free), false()),
    (_formerly.between(0, locks.LARGEST_PERSON), true()),
    else_=func.pg_advisory_xact_lock_shared(_formerly).is_not(None),
)
LOCK = Statement(select(locks.wait_for_writes(_me)).where(_unused_by_older_versions))
"""Lock a `key` by its `lock`, then wait for the person's other writes; no row if another transaction has the key.

Servers of the version before know a key by the hash of its text, and answer 409 while somebody has that lock. So it
is taken too, for one release: shared, for servers of this version are not to meet in it, and never where it is the lock
of a person's writes, for who sends a key can choose its hash.
"""

_agent, _substitute = parameter("agent_id", BigInteger()), parameter("substitute", Text())
_is_its = or_(
    and_(_kept.c.key == _key, or_(_kept.c.agent_id.is_(None), _kept.c.agent_id == _agent)), _kept.c.key == _substitute
)
FIND = Statement(
    select(_kept.c.reply, _kept.c.fingerprint).where(
        mine(IdempotencyKey),
        _kept.c.key.in_([_key, _substitute]),
        _is_its,
        _kept.c.created_at > func.now() - LIFETIME,
    )
)
"""Find the answer that is kept under a `key` of the agent `agent_id`, 0 for the person, unless it has expired, and the
fingerprint of its request.

Where another of the person's had the same key before, it is kept under its `substitute`. Under the key itself versions
before 0014 look for it, and keep theirs, which may be anybody's.

To be run after `LOCK`: a statement that waits for a lock does not see what was committed meanwhile.
"""

_other = _kept.alias("other")
_is_anothers = (
    select(literal_column("1"))
    .where(mine(_other), _other.c.key == _key, _other.c.agent_id != _agent, _other.c.created_at > func.now() - LIFETIME)
    .exists()
)
_new = insert(IdempotencyKey).values(
    user_id=_me,
    key=case((_is_anothers, _substitute), else_=_key),
    agent_id=_agent,
    fingerprint=parameter("fingerprint", LargeBinary()),
    reply=parameter("reply", JSON()),
)
KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={
            "fingerprint": _new.excluded.fingerprint,
            "reply": _new.excluded.reply,
            "agent_id": _new.excluded.agent_id,
            "created_at": func.now(),
        },
    )
)
"""Keep a `reply` under a `key`, for the request with this `fingerprint`; what had expired there is replaced. `agent_id`
and `substitute`: as in `FIND`."""
