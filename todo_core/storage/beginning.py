"""Say in SQL how a transaction begins: its modes, its role, and its caller, whom PostgreSQL judges."""

from __future__ import annotations

from typing import Final

from todo_core.storage import locks
from todo_core.storage.roles import Acting, Role

_SET_FOR_WRITES: Final = "set_config('plan_cache_mode', 'force_generic_plan', true)"
"""A write finds its rows by id: planning it anew each time costs more than running it."""


def beginning(
    settings: str,
    user_id: int,
    token_id: int | None,
    agent: Acting | None,
    *,
    take_on: Role | None,
    read_only: bool,
    snapshot: bool,
    lock: bool,
    is_written: bool,
) -> str:
    """Return the SQL that begins a transaction; see `Database.begin`.

    Args:
        settings: SQL that makes the settings of the transaction, which behind a pooler it has to bring.
        user_id: As there.
        token_id: As there.
        agent: As there.
        take_on: The role to act as; None for that of the connection.
        read_only: As there.
        snapshot: As there.
        lock: As there.
        is_written: Whether all that it writes is committed already, so that it only reads.
    """
    modes = " ISOLATION LEVEL REPEATABLE READ" if snapshot else ""
    if read_only or is_written:
        modes += " READ ONLY"
    role = "" if take_on is None else f"SET LOCAL ROLE {take_on}; "
    if is_written:
        caller = _for_reader(user_id, token_id, agent)
    else:
        caller = _for_caller(user_id, token_id, agent, read_only=read_only, lock=lock)
    return f"BEGIN{modes}; {settings}{role}{caller}"


def _for_caller(user_id: int, token_id: int | None, agent: Acting | None, *, read_only: bool, lock: bool) -> str:
    """Return the statement that makes a transaction one of its caller's; see `Database.begin`.

    PostgreSQL refuses a caller who may not act, by SQLSTATEs of its own. It is one statement, for each of several costs
    as much as all that this one does.
    """
    calls = [f"set_config('app.user_id', '{int(user_id)}', true)"]
    if user_id:
        agent_id, version, _ = agent or (None, None, None)
        values = ("NULL" if value is None else str(int(value)) for value in (token_id, agent_id, version))
        calls = [f"require_active({calls[0]}::bigint, {', '.join(values)})"]
    if not read_only:
        calls += [] if agent is None else [f"set_config('app.agent', '{int(agent.agent_id)}', true)"]
        calls.append(_SET_FOR_WRITES)
    if lock:
        calls.append(f"pg_advisory_xact_lock({locks.of_writes(user_id)})")
    return f"SELECT {', '.join(calls)};"


def _for_reader(user_id: int, token_id: int | None, agent: Acting | None) -> str:
    """Return the statement that makes a transaction one of a caller's who was judged, and who reads and no more.

    Which lists an agent sees, PostgreSQL says where it judges it; others are not judged again.
    """
    if agent is not None and agent.has_lists:
        return _for_caller(user_id, token_id, agent, read_only=True, lock=False)
    return f"SELECT set_config('app.user_id', '{int(user_id)}', true);"
