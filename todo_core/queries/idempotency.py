"""Answers kept for retries, in SQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import BigInteger, LargeBinary, Text, func, select
from sqlalchemy.dialects.postgresql import JSON, insert

from todo_core.models.changes import IdempotencyKey
from todo_core.storage.statements import Statement, mine, parameter

LIFETIME: Final = timedelta(hours=24)
"""How long an answer is kept."""

_kept = IdempotencyKey.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_me, _key = parameter("user_id", BigInteger()), parameter("key", Text())
_of_key = select(_kept).where(mine(IdempotencyKey), _kept.c.key == _key)

TRY_LOCK = Statement(select(func.pg_try_advisory_xact_lock(func.hashtextextended(_key, _me))))
"""Lock a user's `key` until the transaction ends; false if another transaction has it."""

FIND = Statement(
    select(
        func.pg_advisory_xact_lock(_me),
        _of_key.with_only_columns(_kept.c.reply)
        .where(_kept.c.created_at > func.now() - LIFETIME)
        .scalar_subquery()
        .label("reply"),
        _of_key.with_only_columns(_kept.c.fingerprint).scalar_subquery().label("fingerprint"),
    )
)
"""Wait for the user's write lock, then find what is kept under a `key`.

`reply`: the first answer, unless it has expired. `fingerprint`: of the request that it answers.
"""

_new = insert(IdempotencyKey).values(
    user_id=_me,
    key=_key,
    fingerprint=parameter("fingerprint", LargeBinary()),
    reply=parameter("reply", JSON()),
)
KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={
            "fingerprint": _new.excluded.fingerprint,
            "reply": _new.excluded.reply,
            "created_at": func.now(),
        },
    )
)
"""Keep a `reply` under a `key`, for the request with this `fingerprint`; what had expired there is replaced."""
