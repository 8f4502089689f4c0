"""Check the server: its version, its settings, its clock, and whether a pooler stands before it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import asyncpg

from todo_app.doctor.findings import Finding
from todo_core.settings import Settings
from todo_core.storage.connection import BEHIND_A_POOLER
from todo_core.storage.dsn import connection_options, is_behind_pooler
from todo_core.storage.faults import is_undeclared_pooler
from todo_core.storage.roles import APP_ROLE

OLDEST: Final = 150_000
"""PostgreSQL 15, as `server_version_num`."""
CLOCKS_APART: Final = 30.0
"""Seconds by which the server's clock may differ from ours: as many as `identity.jwts` allows an issuer's."""


@dataclass(frozen=True, slots=True)
class Need:
    """A setting of the server that we rely on."""

    good: tuple[str, ...]
    """Values that will do."""
    otherwise: str
    """What happens with another value."""
    neon: bool = False
    """Whether Neon sets it otherwise and does without: its storage keeps what a disk would."""


_ON: Final = ("on",)
_KEPT: Final = ("on", "local", "remote_write", "remote_apply")
NEEDS: Final = {
    "fsync": Need(_ON, "a crash of the machine destroys the database", neon=True),
    "full_page_writes": Need(_ON, "a crash of the machine destroys the database", neon=True),
    "synchronous_commit": Need(_KEPT, "a crash loses changes that were acknowledged"),
    "autovacuum": Need(_ON, "tables grow and plans go wrong"),
    "track_counts": Need(_ON, "autovacuum does nothing"),
    "default_transaction_read_only": Need(("off",), "every change is refused"),
    "in_hot_standby": Need(("off",), "every change is refused: this is a standby; connect to the primary"),
    "session_replication_role": Need(("origin",), "triggers and foreign keys are not obeyed"),
    "row_security": Need(_ON, "every request is refused"),
    "server_encoding": Need(("UTF8",), "most of the world's words cannot be stored; make the database anew"),
}


async def version(connection: asyncpg.Connection[Any]) -> Finding:
    """Check that the server is not too old."""
    name = str(await connection.fetchval("SHOW server_version")).partition(" ")[0]
    number = int(await connection.fetchval("SHOW server_version_num"))
    return Finding(number >= OLDEST, "database", f"PostgreSQL {name} (15 or newer)")


async def settings(connection: asyncpg.Connection[Any]) -> AsyncIterator[Finding]:
    """Check every setting that we rely on, as this login has it in this database."""
    rows = await connection.fetch("SELECT name, setting FROM pg_settings WHERE name = ANY ($1::text[])", [*NEEDS])
    is_neon = await connection.fetchval("SELECT current_setting('neon.timeline_id', true) IS NOT NULL")
    wrong = {
        row["name"]: row["setting"]
        for row in rows
        if row["setting"] not in NEEDS[row["name"]].good and not (is_neon and NEEDS[row["name"]].neon)
    }
    for name, value in wrong.items():
        need = NEEDS[name]
        yield Finding(False, f"setting {name}", f"is {value}, not {need.good[0]}, so {need.otherwise}")
    if not wrong:
        yield Finding(True, "settings", "what is acknowledged is on disk, autovacuum runs, changes are taken")


async def time(connection: asyncpg.Connection[Any], clock: Callable[[], datetime]) -> Finding:
    """Check that the server's clock is ours: the one ends API tokens, the other JWTs."""
    before = clock()
    there: datetime = await connection.fetchval("SELECT clock_timestamp()")
    after = clock()
    apart = max((there - after).total_seconds(), (before - there).total_seconds(), 0.0)
    if apart > CLOCKS_APART:
        return Finding(False, "clock", f"{apart:,.0f} s apart from this machine's; set both by NTP")
    return Finding(True, "clock", "as this machine's")


async def pooler(settings: Settings, url: str) -> Finding:
    """Check that a transaction pooler is declared: connect as the server does where there is none."""
    if is_behind_pooler(settings, url):
        return Finding(True, "pooler", "every setting is made per transaction")
    try:
        connection = await asyncpg.connect(
            **connection_options(url), server_settings={"role": APP_ROLE}, statement_cache_size=0
        )
    except asyncpg.PostgresError as error:
        if is_undeclared_pooler(error):  # PgBouncer knows no `role` at the start
            return Finding(False, "pooler", BEHIND_A_POOLER)
        if isinstance(error, asyncpg.ProtocolViolationError):
            raise
        return Finding(True, "pooler", "none")  # the role is wrong, which has a line of its own
    try:
        is_ours = await connection.fetchval("SELECT current_user") == APP_ROLE
    finally:
        await connection.close()
    return Finding(is_ours, "pooler", "none" if is_ours else BEHIND_A_POOLER)
