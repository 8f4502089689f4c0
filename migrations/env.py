"""Run one step on the connection that `todo_core/schema/migrate.py` gives, and commit it.

Who else may migrate, what a statement may take and what happens when it gets no lock is settled there.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from alembic.operations import Operations

from todo_core.models import METADATA
from todo_core.schema import steps

ATTRIBUTES = context.config.attributes
REPEATED = ATTRIBUTES["repeated"]
"""The revision of a step that is partly undone, and is to be done again; None for a step as Alembic knows it."""


def note(*_: Any, **__: Any) -> None:
    """Note that a step down is done, in the transaction that changes the revision."""
    if not ATTRIBUTES["run"].is_up:
        steps.note_whole()


context.configure(
    connection=ATTRIBUTES["connection"],
    target_metadata=METADATA,
    transaction_per_migration=REPEATED is None,
    on_version_apply=note,
    run=ATTRIBUTES["run"],  # for `todo_core/schema/steps.py`
)
with context.begin_transaction():
    if REPEATED is None:
        context.run_migrations()
    else:  # the database has its revision already, so Alembic would find nothing to do
        with Operations.context(context.get_context()):
            context.script.get_revision(REPEATED).module.upgrade()
            steps.note_whole()
