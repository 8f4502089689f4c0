"""Run one step on the connection that `todo_core/schema/migrate.py` gives, and commit it.

Who else may migrate, what a statement may take and what happens when it gets no lock is settled there.
"""

from __future__ import annotations

from alembic import context

from todo_core.models import METADATA

_GIVEN = context.config.attributes

context.configure(
    connection=_GIVEN["connection"],
    target_metadata=METADATA,
    transaction_per_migration=True,
    run=_GIVEN["run"],  # for `todo_core/schema/steps.py`
)
with context.begin_transaction():
    context.run_migrations()
