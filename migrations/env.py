"""Run the migrations: on asyncpg, in one process at a time, with a bound on every wait.

The advisory lock is taken inside the migrations' own transaction. If it is taken before, Alembic reports success and
commits nothing.
"""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, text

from todo_core.models import METADATA

_LOCK = -7_302_619
"""Key of the advisory lock that one migrating process holds. Negative, because positive keys are users' write locks."""


def _run(connection: Connection) -> None:
    """Run all migrations in one transaction, so that a step that fails leaves the database as it was."""
    context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=False)
    with context.begin_transaction():
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text("SET LOCAL statement_timeout = '15min'"))
        context.run_migrations()


_run(context.config.attributes["connection"])
