"""Safe retries: the first answer to a request is kept, and a repetition gets it again.

Follows draft-ietf-httpapi-idempotency-key-header: the same key and request replays, another
request under the key is refused with 422, one that is still running with 409. Keys belong to a
user and live for 24 hours. Only answers of committed transactions are kept: a request that was
refused as a whole changed nothing and may be tried again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import orjson
from pydantic_core import to_json
from sqlalchemy import BigInteger, LargeBinary, Text, func, select
from sqlalchemy.dialects.postgresql import JSON, insert
from sqlmodel import col

from todo_core.boundary.results import Changed, Done
from todo_core.errors import FieldProblem, IdempotencyKeyReused, RequestInProgress, TodoError
from todo_core.models.changes import IdempotencyKey
from todo_core.storage.database import Transaction
from todo_core.storage.statements import Statement, mine, parameter
from todo_core.text import json_text

LIFETIME: Final = timedelta(hours=24)
_BESIDE_TODOS: Final = ("subtasks_changed", "next")
"""What answers that were stored before they named `beside` said besides a row. They are gone a day after the update."""

_TRY_LOCK = Statement(
    select(
        func.pg_try_advisory_xact_lock(
            func.hashtextextended(parameter("key", Text()), parameter("user_id", BigInteger()))
        )
    )
)
_FIND = Statement(
    select(
        func.pg_advisory_xact_lock(parameter("user_id", BigInteger())),
        select(col(IdempotencyKey.reply))
        .where(
            mine(IdempotencyKey),
            col(IdempotencyKey.key) == parameter("key", Text()),
            col(IdempotencyKey.created_at) > func.now() - LIFETIME,
        )
        .scalar_subquery()
        .label("reply"),
        select(col(IdempotencyKey.fingerprint))
        .where(
            mine(IdempotencyKey),
            col(IdempotencyKey.key) == parameter("key", Text()),
        )
        .scalar_subquery()
        .label("fingerprint"),
    )
)
_new = insert(IdempotencyKey).values(
    user_id=parameter("user_id", BigInteger()),
    key=parameter("key", Text()),
    fingerprint=parameter("fingerprint", LargeBinary()),
    reply=parameter("reply", JSON()),
)
_KEEP = Statement(
    _new.on_conflict_do_update(
        index_elements=["user_id", "key"],
        set_={
            "fingerprint": _new.excluded.fingerprint,
            "reply": _new.excluded.reply,
            "created_at": func.now(),
        },
    )
)


def fingerprint(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """What makes two requests the same: the operation and all it was given."""
    return hashlib.sha256(operation.encode() + b"\x00" + to_json([args, kwargs], fallback=_describe)).digest()


def _describe(value: object) -> object:
    if isinstance(value, TodoError):
        return value.as_dict()
    raise TypeError(f"{type(value).__name__} cannot be part of a request")


async def claim(transaction: Transaction, key: str, fingerprint: bytes) -> Changed[Any] | None:
    """Take the key and then the user's write lock; the first answer, if there is one.

    Raises:
        RequestInProgress: Another request holds the key.
        IdempotencyKeyReused: The key belongs to a different request.
    """
    if not await transaction.value(_TRY_LOCK, key=key):
        raise RequestInProgress
    found = await transaction.row(_FIND, key=key)
    if found is None or found["reply"] is None:
        return None
    if found["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    return _decode(orjson.loads(found["reply"]))


async def keep(transaction: Transaction, key: str, fingerprint: bytes, result: Changed[Any]) -> None:
    """Store the answer, in the transaction that made it true."""
    await transaction.rows(_KEEP, key=key, fingerprint=fingerprint, reply=_encode(result))


def _encode(result: Changed[Any]) -> str:
    results = [
        {
            "error": {
                "code": item.code,
                "detail": item.detail,
                "problems": [p.as_dict() for p in item.problems],
                "extra": item.extra,
            }
        }
        if isinstance(item, TodoError)
        else {"row": orjson.Fragment(item.json), "beside": list(item.beside), "changed": item.changed}
        for item in result.results
    ]
    return json_text({"change_id": result.change_id, "results": results})


def _decode(reply: dict[str, Any]) -> Changed[Any]:
    results: list[Done | TodoError] = [
        _refusal(item["error"]) if "error" in item else _done(item) for item in reply["results"]
    ]
    return Changed(results, change_id=reply["change_id"], replayed=True)


def _done(stored: dict[str, Any]) -> Done:
    """Return a stored result. `row` is stored with what was said besides, which `beside` names."""
    row = stored["row"]
    beside = {name: row.pop(name) for name in stored.get("beside", _BESIDE_TODOS) if name in row}
    return Done(json_text(row), stored["changed"], beside)


def _refusal(stored: dict[str, Any]) -> TodoError:
    kinds = {kind.code: kind for kind in _family(TodoError)}
    found = [FieldProblem(p["field"], p["message"], p.get("allowed", ())) for p in stored["problems"]]
    return kinds[stored["code"]](stored["detail"], problems=found, extra=stored["extra"])


def _family(kind: type[TodoError]) -> list[type[TodoError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in _family(child))]
