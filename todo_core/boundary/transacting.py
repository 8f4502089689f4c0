"""Run an operation in its transaction: a read, a change with its record and its answer, a proposal, a rehearsal."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from todo_core.boundary import acting, idempotency, proposing
from todo_core.boundary.operation import Operation, Tx
from todo_core.boundary.recording import Origin, record, recorded_by
from todo_core.boundary.results import Changed, Recorded
from todo_core.errors import NotForAgents, TodoError, Unavailable
from todo_core.storage.transactions import Transaction

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller

P = ParamSpec("P")
R = TypeVar("R")


class _RehearsedError(Exception):
    """Leaves a transaction that is not to be committed."""


def run(caller: Caller, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
    """Run an operation in its transaction. A caller who may not read gets no row in a refusal (`current`).

    Raises:
        NotForAgents: It is for the person alone.
        Unavailable: The agent is new and could not be stored, so no write would succeed either.
        TodoError: Whatever else the operation declares.
        asyncpg.PostgresError: PostgreSQL refuses the caller, or what the operation does.
    """
    return (_run if caller.may_read else _run_unseen)(caller, operation, *args, **kwargs)


async def _run_unseen(caller: Caller, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do what `run` does for a caller who may not read."""
    try:
        answer = await _run(caller, operation, *args, **kwargs)
    except TodoError as error:
        error.extra.pop("current", None)
        raise
    for result in answer.results if isinstance(answer, Changed) else ():
        if isinstance(result, TodoError):
            result.extra.pop("current", None)
    return answer


async def _run(caller: Caller, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    principal, role, agent = caller.principal, operation.role, caller.acting
    user_id, token_id = principal.user_id, principal.token_id
    if not operation.for_agents and not caller.is_person:
        await acting.begin(caller)  # first, so that a blocked agent learns that it is blocked
        raise NotForAgents
    if operation.snapshot:
        begin = caller.core.database.begin(
            user_id=user_id, token_id=token_id, agent=agent, role=role, read_only=True, snapshot=True
        )
        async with begin as transaction:
            return await operation.run(Tx(caller, transaction), *args, **kwargs)
    if operation.effect == "reads":
        reader = caller.core.database.read(user_id=user_id, token_id=token_id, agent=agent, role=role)
        return await operation.run(Tx(caller, reader), *args, **kwargs)
    if agent is None and not caller.is_person:
        raise Unavailable
    if caller.dry_run:
        return await _rehearse(caller, operation, *args, **kwargs)
    return await _change(caller, operation, *args, **kwargs)


async def _change(caller: Caller, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation that changes something, or propose it, in one transaction, with its record and answer."""
    core, user_id = caller.core, caller.principal.user_id
    key = None
    if caller.idempotency_key is not None:
        key = idempotency.Key(caller.idempotency_key, caller.agent_id or idempotency.NOBODY)
    begin = core.database.begin(
        user_id=user_id,
        token_id=caller.principal.token_id,
        agent=caller.acting,
        role=operation.role,
        lock=key is None,
        at_once=operation.at_once and key is None and not caller.proposes,
    )
    transaction: Transaction | None = None
    try:
        async with core.writing.one_of(user_id), begin as transaction:
            result, recorded = await _once(caller, transaction, operation, key, *args, **kwargs)
    except BaseException:
        # What is committed is told of, whatever becomes of the answer.
        _tell(caller, operation.name, None if transaction is None else recorded_by(transaction.committed))
        raise
    _tell(caller, operation.name if result.proposal_id is None else proposing.PROPOSED, recorded)
    return result  # type: ignore[return-value]  # what an operation that changes returns


def _tell(caller: Caller, kind: str, recorded: Recorded | None) -> None:
    """Tell followers, the transport and whoever counts of a change that was committed; nobody of None."""
    if recorded is None:
        return
    core = caller.core
    core.live.changed(caller.principal.user_id, recorded)
    if caller.told is not None:
        caller.told.changed(recorded.id)
    if core.hooks.changed is not None:
        core.hooks.changed(kind, caller.via)


async def _once(
    caller: Caller,
    transaction: Transaction,
    operation: Operation[P, R],
    key: idempotency.Key | None,
    *args: P.args,
    **kwargs: P.kwargs,
) -> tuple[Changed[Any], Recorded | None]:
    """Run an operation that changes something, or propose it; return its answer, and the change.

    Under a key that was used before nothing is run: the answer is that of then.
    """
    fingerprint = b""
    if key is not None:
        fingerprint = operation.fingerprint(args, kwargs)
        kept = await idempotency.claim(transaction, caller.core.secret, key, fingerprint)
        if kept is not None:
            return kept, None
    if caller.proposes:
        result, recorded = await proposing.propose(transaction, caller, operation, args, kwargs)
    else:
        result, recorded = await _write(caller, transaction, operation, *args, **kwargs)
    if key is not None:
        await idempotency.keep(transaction, key, fingerprint, result)
    return result, recorded


async def _write(
    caller: Caller, transaction: Transaction, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs
) -> tuple[Changed[Any], Recorded | None]:
    """Run an operation and record what it changed; return its answer, and the change."""
    via = caller.via if caller.confirmed_by is None else f"{caller.via} (confirmed {caller.confirmed_by})"
    token_id = caller.principal.token_id
    origin = Origin(operation.name, via, caller.client, token_id, caller.agent_id, caller.request_id)
    result = await _held_to_rows(caller, transaction, origin, operation, *args, **kwargs)
    recorded = await record(transaction, result, origin)
    result.change_id = None if recorded is None else recorded.id
    return result, recorded


async def _rehearse(caller: Caller, operation: Operation[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run an operation for its answer alone: the transaction is rolled back."""
    user_id = caller.principal.user_id
    begin = caller.core.database.begin(
        user_id=user_id, token_id=caller.principal.token_id, agent=caller.acting, role=operation.role, lock=True
    )
    result: Changed[Any] | None = None
    with suppress(_RehearsedError):
        async with caller.core.writing.one_of(user_id), begin as transaction:
            result = await _held_to_rows(caller, transaction, None, operation, *args, **kwargs)
            raise _RehearsedError
    assert result is not None
    return cast("R", replace(result, secret=None, dry_run=True))


async def _held_to_rows(
    caller: Caller,
    transaction: Transaction,
    origin: Origin | None,
    operation: Operation[P, R],
    *args: P.args,
    **kwargs: P.kwargs,
) -> Changed[Any]:
    """Run an operation that changes something, and refuse it if it changes too many rows.

    Raises:
        OutsideMandate: With these rows, the agent would have changed more than it may in 24 hours.
    """
    used = await caller.rows_of_day(transaction)
    result = await operation.run(Tx(caller, transaction, origin), *args, **kwargs)
    assert isinstance(result, Changed)  # what an operation that changes returns
    agent = caller.agent
    if agent is not None:
        agent.require_rows(used, len(result.touched))
    return result
