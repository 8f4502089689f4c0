"""Say what a downgrade would delete, before anything is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic.script import ScriptDirectory

from todo_core.schema import SchemaError
from todo_core.schema.migrate import BASE, MIGRATIONS, PATIENCE_SECONDS, patiently, revisions
from todo_core.schema.runs import Run
from todo_core.schema.seeing import seeing_all_rows
from todo_core.schema.state import current
from todo_core.schema.turns import connect, turn

Losses = dict[str, tuple[str, str]]
"""What a step down deletes, by its name for people: the table, and the condition of the rows that have it."""

_ENOUGH: Final = 100_000
"""Rows after which nobody counts on."""
_STATEMENT_TIMEOUT: Final = "15s"
"""How long one count may take."""

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


async def losses(
    url: str,
    to: str,
    present: str,
    folder: Path = MIGRATIONS,
    *,
    tell: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE_SECONDS,
) -> list[str]:
    """Return what a downgrade to `to` would delete, such as `due dates (12)`, as far as there is any.

    Nobody else migrates meanwhile, and nobody waits for the counts.

    Args:
        url: The database.
        to: Revision to go to.
        present: The revision at which the database is.
        folder: Where the steps are.
        tell: Takes a line for people: who is waited for.
        patience: Seconds to try again while a table is locked.

    Raises:
        SchemaError: The rows cannot be counted, or the database is no longer at `present`.
        OSError: PostgreSQL cannot be reached.
    """
    run = Run(tell)
    declared = _declared(folder, to, present)

    async def is_needed() -> bool:
        return True

    async def work() -> list[str]:
        connection = await connect(url)
        try:
            return await _counted(connection, declared, run)
        finally:
            await connection.close()

    async with turn(url, is_needed=is_needed, tell=tell) as mine:
        assert mine is not None  # it is needed always
        if await current(url) != present:
            raise SchemaError("Another process has migrated this database meanwhile. Nothing was changed.")
        try:
            return await patiently("The count of what is deleted", work, run, mine, patience)
        except asyncpg.PostgresError as error:
            raise SchemaError(
                f"What a downgrade deletes cannot be counted ({type(error).__name__}). Nothing was changed."
            ) from error


def _declared(folder: Path, to: str, present: str) -> list[tuple[str, str, str]]:
    """Return what the steps from `present` down to `to` delete: the name, the table and the condition of each."""
    steps = revisions(folder)
    first = 0 if to == BASE else steps.index(to) + 1
    scripts = ScriptDirectory(str(folder))
    declared: list[tuple[str, str, str]] = []
    for step in steps[first : steps.index(present) + 1]:
        of_step: Losses = getattr(scripts.get_revision(step).module, "LOSES", _FIRST_STEPS.get(step, {}))
        declared += [(name, table, condition) for name, (table, condition) in of_step.items()]
    return declared


async def _counted(connection: asyncpg.Connection[Any], declared: list[tuple[str, str, str]], run: Run) -> list[str]:
    """Count the rows of everybody, each up to one more than `_ENOUGH`, and return those of which there are any."""
    told: list[str] = []
    async with seeing_all_rows(connection, sorted({table for _, table, _ in declared}), run, only_read=True):
        for name, table, condition in declared:
            rows = f"SELECT FROM {table} WHERE {condition} LIMIT {_ENOUGH + 1}"  # our own names
            async with connection.transaction(readonly=True):
                await connection.execute(run.bounds(_STATEMENT_TIMEOUT))
                number: int = await connection.fetchval(f"SELECT count(*) FROM ({rows}) AS rows")  # noqa: S608
            if number:
                told.append(f"{name} ({'more than ' if number > _ENOUGH else ''}{min(number, _ENOUGH):,})")
    return told
