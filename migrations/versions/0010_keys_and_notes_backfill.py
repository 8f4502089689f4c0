"""Todos have a key and a source from elsewhere, and notes: those that were there have none, which fits the checks."""

from types import ModuleType

from alembic import context, op

revision = "0010_backfill"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in _first_step().CHECKS:
        op.execute(f"ALTER TABLE todos VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    _first_step().check_lengths()


def _first_step() -> ModuleType:
    """Return the step that made the checks."""
    return context.script.get_revision("0010").module
