"""Say what a downgrade would delete, before anything is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic.script import ScriptDirectory

from todo_core.schema.migrate import BASE, MIGRATIONS, revisions
from todo_core.schema.turns import connect

Losses = dict[str, tuple[str, str]]
"""What a step down deletes, by its name for people: the table, and the condition of the rows that have it."""

_ENOUGH: Final = 100_000
"""Rows after which nobody counts on."""

_FIRST_STEPS: Final[dict[str, Losses]] = {
    "0001": {
        "accounts": ("users", "true"),
        "todos": ("todos", "true"),
        "API tokens": ("api_tokens", "true"),
        "recorded changes": ("changes", "true"),
    },
    "0002": {
        "profiles": ("users", "display_name IS NOT NULL OR email IS NOT NULL OR role <> 'user' OR locale <> 'en'"),
        "suspensions": ("users", "suspended_at IS NOT NULL"),
    },
    "0003": {
        "lists": ("lists", "NOT is_inbox"),
        "tags": ("tags", "true"),
        "due dates": ("todos", "due_at IS NOT NULL"),
        "repeats": ("todos", "repeat IS NOT NULL"),
        "places of subtasks": ("todos", "parent_id IS NOT NULL"),
        "days of activity": ("activity_days", "true"),
    },
}
"""By revision, of the steps that are older than the constant `LOSES` in which a step says so itself."""


def goes_down(present: str | None, to: str, folder: Path = MIGRATIONS) -> bool:
    """Return whether the way from `present` to `to`, both of which are known, leads down."""
    steps = (BASE, *revisions(folder))
    return steps.index(to) < steps.index(present or BASE)


async def losses(url: str, to: str, present: str, folder: Path = MIGRATIONS) -> list[str]:
    """Return what a downgrade to `to` would delete, such as `due dates (12)`, as far as there is any.

    Raises:
        OSError: PostgreSQL cannot be reached.
        asyncpg.PostgresError: The rows cannot be counted, for example because a table is locked.
    """
    steps = revisions(folder)
    first = 0 if to == BASE else steps.index(to) + 1
    scripts = ScriptDirectory(str(folder))
    found: list[str] = []
    connection = await connect(url)
    try:
        for step in steps[first : steps.index(present) + 1]:
            declared: Losses = getattr(scripts.get_revision(step).module, "LOSES", _FIRST_STEPS.get(step, {}))
            for name, (table, condition) in declared.items():
                number = await _count(connection, table, condition)
                if number:
                    found.append(f"{name} ({'more than ' if number > _ENOUGH else ''}{min(number, _ENOUGH):,})")
    finally:
        await connection.close()
    return found


async def _count(connection: asyncpg.Connection[Any], table: str, condition: str) -> int:
    """Count rows of everybody, up to one more than `_ENOUGH`."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute("SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '15s'")
        if await connection.fetchval("SELECT row_security_active($1::text)", table):
            # Under FORCE the owner, too, sees no row of some tables; it does until this transaction is rolled back.
            await connection.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        rows = f"SELECT FROM {table} WHERE {condition} LIMIT {_ENOUGH + 1}"  # our own names
        number: int = await connection.fetchval(f"SELECT count(*) FROM ({rows}) AS rows")  # noqa: S608
        return number
    finally:
        await transaction.rollback()
