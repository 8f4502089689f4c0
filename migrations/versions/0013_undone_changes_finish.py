"""One change can undo several: nobody looks for the one that an undo names any more."""

from alembic import context, op

from todo_core.schema import steps

revision = "0013_finish"
down_revision = "0013_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.drop_index("uq_changes_undoes")
    op.execute("LOCK TABLE changes IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP TRIGGER IF EXISTS note_undo ON changes")
    op.execute("DROP FUNCTION IF EXISTS note_undo()")


def downgrade() -> None:
    op.execute("LOCK TABLE changes IN ACCESS EXCLUSIVE MODE")
    context.script.get_revision("0013").module.carry_over()
    steps.create_index("uq_changes_undoes", "changes (user_id, undoes) WHERE undoes IS NOT NULL", unique=True)
