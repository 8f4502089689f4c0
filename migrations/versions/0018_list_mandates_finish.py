"""PostgreSQL holds agents to the lists of their mandates: every link of a tag has its list."""

from alembic import context, op

revision = "0018_finish"
down_revision = "0018_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Without a scan: the constraint is valid. What fills a link stays: not every statement says the list.
    op.execute("ALTER TABLE todo_tags ALTER COLUMN list_id SET NOT NULL")
    op.execute("ALTER TABLE todo_tags DROP CONSTRAINT IF EXISTS ck_todo_tags_has_list")


def downgrade() -> None:
    context.script.get_revision("0018").module.ask_for_lists()
    op.execute("ALTER TABLE todo_tags VALIDATE CONSTRAINT ck_todo_tags_has_list")
    op.execute("ALTER TABLE todo_tags ALTER COLUMN list_id DROP NOT NULL")
