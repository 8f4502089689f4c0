"""What nobody can reach any more is deleted for good: old trash, and answers kept for retries.

It runs as `todo_janitor`, whose row-level security shows it what is in the trash, deleted lists and tags, and expired
answers and nothing else: a mistake here cannot delete a living todo. The record of changes stays.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import anyio
import structlog
from sqlalchemy import Integer, Interval, delete, func, select
from sqlmodel import col

from todo_core.boundary.idempotency import LIFETIME
from todo_core.core import Core
from todo_core.models.changes import IdempotencyKey
from todo_core.models.lists import TodoList
from todo_core.models.tags import Tag
from todo_core.models.todos import Todo
from todo_core.storage.database import JANITOR_ROLE
from todo_core.storage.statements import Statement, parameter

CHUNK: Final = 5_000
"""Rows in one transaction, so that locks are short."""
INTERVAL_SECONDS: Final = 3600

_log = structlog.get_logger()
_old_trash = (
    select(col(Todo.id))
    .where(col(Todo.deleted_at) < func.now() - parameter("age", Interval()))
    .limit(parameter("chunk", Integer()))
)
_TRASH = Statement(delete(Todo).where(col(Todo.id).in_(_old_trash)).returning(col(Todo.id)))
_NAMES = [
    Statement(
        delete(kind).where(col(kind.deleted_at) < func.now() - parameter("age", Interval())).returning(col(kind.id))
    )
    for kind in (TodoList, Tag)
]
"""Deleted lists, empty by now, and deleted tags."""
_ANSWERS = Statement(
    delete(IdempotencyKey)
    .where(col(IdempotencyKey.created_at) < func.now() - LIFETIME)
    .returning(col(IdempotencyKey.created_at))
)


async def purge(core: Core) -> dict[str, int]:
    """Delete what is past its time; how many of each that were.

    Raises:
        Unavailable: The database cannot be reached; what was purged so far stays purged.
    """
    age = timedelta(days=core.settings.trash_days)
    todos = 0
    while True:
        async with core.database.begin(role=JANITOR_ROLE) as transaction:
            gone = len(await transaction.rows(_TRASH, age=age, chunk=CHUNK))
        todos += gone
        if gone < CHUNK:
            break
    async with core.database.begin(role=JANITOR_ROLE) as transaction:
        lists, tags = [len(await transaction.rows(statement, age=age)) for statement in _NAMES]
    async with core.database.begin(role=JANITOR_ROLE) as transaction:
        answers = len(await transaction.rows(_ANSWERS))
    return {"todos": todos, "lists": lists, "tags": tags, "answers": answers}


async def keep_purging(core: Core) -> None:
    """Purge once an hour, for as long as a server runs."""
    while True:
        try:
            purged = await purge(core)
        except Exception as error:  # a server does not stop for it; the next hour tries again
            _log.warning("purge_postponed", error=type(error).__name__)
        else:
            _log.info("purged", **purged)
        await anyio.sleep(INTERVAL_SECONDS)
