"""One change can undo several: what was undone before. Code of this schema reads it here alone."""

from todo_core.schema import steps

revision = "0013_backfill"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.backfill(
        "changes",
        lacking="undoes IS NOT NULL AND NOT EXISTS (SELECT FROM undone_changes AS undone"
        " WHERE undone.user_id = changes.user_id AND undone.change_id = changes.undoes)",
        change="INSERT INTO undone_changes (user_id, change_id, undone_by) SELECT user_id, undoes, id FROM changes"
        " WHERE id = ANY ($1::bigint[]) AND undoes IS NOT NULL ON CONFLICT DO NOTHING",
        also=("undone_changes",),
    )


def downgrade() -> None:
    pass
