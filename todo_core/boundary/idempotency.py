"""Keep the first answer to a request, and give it again to a retry with the same idempotency key.

Source: draft-ietf-httpapi-idempotency-key-header. The same key with the same request gets the first answer; with
another request it is refused with 422, and while the first request is running with 409. Keys belong to a person, or to
one of the person's agents, and last 24 hours. Only answers of committed transactions are kept: a request that was
refused as a whole changed nothing and may be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic_core import to_json

from todo_core.boundary.results import Changed, Done, Proposed
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, IdempotencyKeyReused, RequestInProgress, TodoError
from todo_core.models.imports import ImportFile
from todo_core.queries import idempotency as queries
from todo_core.storage import locks
from todo_core.storage.transactions import Transaction
from todo_core.text.json_text import json_text

NOBODY: Final = 0
"""Stands in the place of an agent's id for the person."""
_BESIDE_TODOS: Final = ("subtasks_changed", "next")
"""Fields beside the row of a todo in stored answers without `beside`, which are older than it and gone after a day."""


class Running:
    """The keys of the requests that run, or wait, in this process. A second one is told so without waiting for a place.

    Of requests in other processes the lock of the key tells (`claim`).
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._keys: set[tuple[int, Hashable, str]] = set()
        """Each with the id of the user whose it is, and who acts for the user."""

    @contextmanager
    def alone(self, user_id: int, agent: Hashable, key: str) -> Iterator[None]:
        """Run the block as the only request under a key of a person, or of one of their agents.

        Raises:
            RequestInProgress: One is running.
        """
        mine = (user_id, agent, key)
        if mine in self._keys:
            raise RequestInProgress
        self._keys.add(mine)
        try:
            yield
        finally:
            self._keys.remove(mine)


def fingerprint(operation: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 of an operation's name and arguments: two requests with the same one are the same."""
    return hashlib.sha256(operation.encode() + b"\x00" + to_json([args, kwargs], fallback=_describe)).digest()


def _describe(value: object) -> object:
    """Return what stands for a refused item of a batch in a fingerprint, or for a file."""
    if isinstance(value, TodoError):
        return value.as_dict()
    if isinstance(value, ImportFile):
        return value.digest
    raise TypeError(f"{type(value).__name__} cannot be part of a request")


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key, and whose it is."""

    sent: str
    """What the client sent."""
    agent_id: int
    """The agent, or `NOBODY` for the person."""

    @property
    def substitute(self) -> str:
        """Return what the key is kept under where another of the person's has the same. No client sends a space."""
        return f"{self.agent_id} {hashlib.sha256(self.sent.encode()).hexdigest()}"

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of `queries.FIND` and `queries.KEEP`."""
        return {"key": self.sent, "agent_id": self.agent_id, "substitute": self.substitute}


async def claim(transaction: Transaction, secret: bytes, key: Key, fingerprint: bytes) -> Changed[Any] | None:
    """Lock the key and then the person's writes; return the answer that is kept for the key, if there is one.

    Args:
        transaction: The person's, in which nothing is locked yet.
        secret: The installation's.
        key: The key, and whose it is.
        fingerprint: Of the request.

    Raises:
        RequestInProgress: A request with this key is running.
        IdempotencyKeyReused: The answer is to a different request.
    """
    whose = key.sent if key.agent_id == NOBODY else key.substitute
    lock = locks.of_key(secret, transaction.user_id, whose)
    if not await transaction.rows(queries.LOCK, lock=lock, key=key.sent):
        raise RequestInProgress
    kept = await transaction.row(queries.FIND, **key.parameters())
    if kept is None:
        return None
    if kept["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused
    return await _decode(orjson.loads(kept["reply"]))


async def keep(transaction: Transaction, key: Key, fingerprint: bytes, result: Changed[Any]) -> None:
    """Store the answer, in the transaction of the changes it tells of."""
    await transaction.rows(queries.KEEP, **key.parameters(), fingerprint=fingerprint, reply=await _encode(result))


async def _encode(result: Changed[Any]) -> str:
    results = [
        {
            "error": {
                "code": item.code,
                "detail": item.detail,
                "problems": [error.as_dict() for error in item.errors],
                "extra": item.extra,
            }
        }
        if isinstance(item, TodoError)
        else {
            "row": orjson.Fragment(item.json),
            "beside": list(item.beside),
            "changed": item.changed,
            "entity": item.entity,
            "before": None if item.before is None or not item.changed else orjson.Fragment(item.before),
            "told": {**item.told},
        }
        async for item in in_turns(result.results)
    ]
    answer: dict[str, Any] = {"change_id": result.change_id, "results": results, "more_results": result.more_results}
    if result.skipped:
        answer["skipped"] = [*result.skipped]
    if result.dry_run:
        answer["dry_run"] = True
    if result.proposal is not None:
        answer["proposal"] = result.proposal._asdict()
    return json_text(answer)


async def _decode(reply: dict[str, Any]) -> Changed[Any]:
    results: list[Done | TodoError] = [
        _refusal(item["error"]) if "error" in item else _done(item) async for item in in_turns(reply["results"])
    ]
    more = reply.get("more_results", 0)  # answers that an older version stored have no such field
    proposal = reply.get("proposal")
    return Changed(
        results,
        more_results=more,
        skipped=reply.get("skipped", ()),
        change_id=reply["change_id"],
        replayed=True,
        # A proposal, and what was called to be proposed and would change nothing; older versions stored no `dry_run`.
        dry_run=reply.get("dry_run", proposal is not None),
        proposal=None if proposal is None else Proposed(proposal["id"], proposal["expires_at"]),
    )


def _done(stored: dict[str, Any]) -> Done:
    """Make a result from what `_encode` stored: `row` has the fields beside the row too, and `beside` names them.

    What a version before stored has neither `before` nor `told`, and of todos no `similar`.
    """
    row, before = stored["row"], stored.get("before")
    beside = {name: row.pop(name) for name in stored.get("beside", _BESIDE_TODOS) if name in row}
    if "existing" in beside:
        beside.setdefault("similar", [])
    return Done(
        json_text(row),
        stored["changed"],
        beside,
        stored.get("entity"),
        before=None if before is None else json_text(before),
        told=stored.get("told", {}),
    )


def _refusal(stored: dict[str, Any]) -> TodoError:
    """Make the error of a refused item from what `_encode` stored."""
    classes = {error.code: error for error in _with_subclasses(TodoError)}
    errors = [
        FieldError(error["field"], error["message"], error.get("allowed", ()), error.get("code", "invalid"))
        for error in stored["problems"]
    ]
    return classes[stored["code"]](stored["detail"], errors=errors, extra=stored["extra"])


def _with_subclasses(error: type[TodoError]) -> list[type[TodoError]]:
    return [error, *(descendant for child in error.__subclasses__() for descendant in _with_subclasses(child))]
