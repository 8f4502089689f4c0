"""Todos have a place among their siblings: all of them. No version moves lists that does not know what was chosen."""

from alembic import context, op

revision = "0009_finish"
down_revision = "0009_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("LOCK TABLE lists, todos IN ACCESS EXCLUSIVE MODE")
    context.script.get_revision("0009").module.follow_no_moves()
    # Without a scan: the constraint is valid.
    op.execute("ALTER TABLE todos ALTER COLUMN place SET NOT NULL")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_place_known")


def downgrade() -> None:
    op.execute("LOCK TABLE lists, todos IN ACCESS EXCLUSIVE MODE")
    context.script.get_revision("0009").module.follow_old_moves()
    context.script.get_revision("0009_backfill").module.know_places()
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_place_known")
    op.execute("ALTER TABLE todos ALTER COLUMN place DROP NOT NULL")
