"""Tell the database's faults from the request's.

A fault of the database is answered with 503 and `Retry-After`: the same request succeeds once the database is well.
Everything else that PostgreSQL refuses is the request's own, or a mistake of ours.
SQLSTATEs are those of PostgreSQL's manual, appendix A.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from todo_core.log import structlog


class MisuseError(Exception):
    """asyncpg refuses to send a statement over a connection that is open: a mistake of ours.

    It has the same class for a wrong number of arguments as for a connection that is closed.
    """


RAISED: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError, asyncpg.PostgresError)
"""All that asyncpg raises; `is_fault` says which of it is a fault of the database."""

_CLASSES: Final = frozenset(
    {
        "08",  # the connection broke
        "28",  # the login is rejected: password rotated, role locked out, pg_hba
        "3D",  # no such database
        "3F",  # no such schema
        "53",  # out of disk, memory or connections
        "57",  # shut down, crashed, starting, or the statement was cancelled at its time limit
        "58",  # an error of the operating system
        "F0",  # the configuration file
        "XX",  # an internal error, or corrupted data
    }
)
"""First two characters of the SQLSTATEs that are faults."""

_STATES: Final = frozenset(
    {
        "25006",  # read-only, or failed over to a standby
        "25P03",  # idle in a transaction for too long
        "25P04",  # a transaction for too long
        "42P05",  # one that a pooler's other client has left on the connection
        "2200H",  # a sequence is at its end
        "55000",  # not accepting connections, or in recovery
        "55P03",  # a lock could not be had within lock_timeout
        "42501",  # a grant is missing (but see `is_fault`)
        "42703",  # no such column: the schema is of another version
        "42704",  # no such role or setting
        "42883",  # no such function
        "42P01",  # no such table
    }
)

DISK_FULL: Final = "53100"
READ_ONLY: Final = "25006"
NO_WRITES: Final = frozenset({READ_ONLY, DISK_FULL})
"""SQLSTATEs of a database that takes no writes: read-only or a standby, and a full disk."""

MISSING: Final = frozenset({"3F000", "42501", "42703", "42704", "42883", "42P01"})
"""SQLSTATEs of a database that lacks something of ours: a schema, a grant, a column, a role, a function, a table."""

_ROW_POLICY: Final = "ExecWithCheckOptions"
"""The function of PostgreSQL that refuses a row by a policy, with the SQLSTATE of missing grants."""

_OUTSIDE: Final = "TD4LI"
"""SQLSTATE of our triggers that refuse what an agent writes outside of its lists."""

_SETTING: Final = "call_string_check_hook"
"""The function of PostgreSQL that refuses a value of a setting. All settings are ours: the role is gone."""

_NO_FURTHER: Final = "no further connection is accepted"
_UNKNOWN_SETTING: Final = "a pooler does not know a setting that a connection begins with"
_FIRST_WORDS: Final = {
    "no more connections allowed": _NO_FURTHER,
    "max client": _NO_FURTHER,  # Supavisor
    "(emaxconn": _NO_FURTHER,
    "query_wait_timeout": "a pooler had no connection to the server in time",
    "server login has been failing": "the server refuses the pooler's login",
    "unsupported startup parameter": _UNKNOWN_SETTING,
    "no such database": "a pooler does not know the database",
    "no such user": "a pooler does not know the user",
}
"""Causes in words, by how a pooler's message begins. PgBouncer has one SQLSTATE, 08P01, for nearly all that it says."""

_log = structlog.get_logger()


def is_fault(error: BaseException, *, read_only: bool = False) -> bool:
    """Return whether the database is at fault.

    Some errors are mistakes of ours, which no retry mends: a row that a policy refuses, an argument that asyncpg
    refuses, and a write in a transaction that we began as `read_only`.
    """
    if not isinstance(error, asyncpg.PostgresError):
        is_ours = isinstance(error, ValueError | TypeError) and not isinstance(error, OSError)  # certificates' are both
        return isinstance(error, RAISED) and not is_ours
    state = error.sqlstate or ""
    if is_outside_lists(error):
        return False
    if state == READ_ONLY and read_only:
        return False
    if state == "23505":
        return _is_generated(error)
    if state == "22023":  # from any other function: an argument that a statement cannot use
        return error.server_source_function == _SETTING
    return state in _STATES or state[:2] in _CLASSES


def is_outside_lists(error: asyncpg.PostgresError) -> bool:
    """Return whether a row was refused by a policy, or by a trigger that does what a policy cannot."""
    return error.sqlstate == _OUTSIDE or (error.sqlstate == "42501" and error.server_source_function == _ROW_POLICY)


def is_taken(error: asyncpg.PostgresError) -> bool:
    """Return whether a row has a name or a key that another one has."""
    return error.sqlstate == "23505" and not _is_generated(error)


def _is_generated(error: asyncpg.PostgresError) -> bool:
    """Return whether a unique violation is of a primary key.

    Ours are made by sequences, or written where a row may be there. After a restore, or on a server that was a replica
    of rows alone, a sequence may stand behind its table.
    """
    return str(getattr(error, "constraint_name", None)).startswith("pk_")


def cause(error: BaseException) -> str:
    """Return what an error of the database is, without what it quotes: its class, or what a pooler says, in words."""
    if isinstance(error, asyncpg.TooManyConnectionsError):
        return _NO_FURTHER
    if isinstance(error, asyncpg.UniqueViolationError) and _is_generated(error):
        return "a sequence is behind its table"
    said = str(error).lower() if isinstance(error, asyncpg.PostgresError) else ""
    return next((words for first, words in _FIRST_WORDS.items() if said.startswith(first)), type(error).__name__)


def refuses_connections(error: BaseException | None) -> bool:
    """Return whether the server, or a pooler before it, accepts no further connection; it serves those that it has."""
    return error is not None and cause(error) == _NO_FURTHER


def is_undeclared_pooler(error: BaseException | None) -> bool:
    """Return whether a pooler refuses the settings with which our connections begin where none was declared."""
    return error is not None and cause(error) == _UNKNOWN_SETTING


def log_fault(error: BaseException) -> None:
    """Log the cause of a fault in one line."""
    _log.warning(
        "database_unavailable",
        error=type(error).__name__,
        sqlstate=getattr(error, "sqlstate", None),
        cause=cause(error),
    )
