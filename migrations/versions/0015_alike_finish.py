"""Adding a todo tells which open ones look the same: all have their keys."""

from alembic import context, op

revision = "0015_finish"
down_revision = "0015_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a scan: the constraint is valid.
    op.execute("ALTER TABLE todos ALTER COLUMN alike_key SET NOT NULL, ALTER COLUMN same_key SET NOT NULL")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_likeness")


def downgrade() -> None:
    context.script.get_revision("0015").module.ask_for_keys()
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_has_likeness")
    op.execute("ALTER TABLE todos ALTER COLUMN alike_key DROP NOT NULL, ALTER COLUMN same_key DROP NOT NULL")
