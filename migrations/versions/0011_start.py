"""Todos have a start, before the deploy. To the version before, one with a start is a todo like any other."""

from alembic import op

from todo_core.schema import steps

revision = "0011"
down_revision = "0010_finish"
branch_labels = None
depends_on = None

LOSES = {"starts of todos": ("todos", "start IS NOT NULL")}


def upgrade() -> None:
    op.execute("ALTER TABLE todos ADD COLUMN IF NOT EXISTS start date")
    steps.create_index(
        "ix_todos_start",
        "todos (user_id, start) WHERE deleted_at IS NULL AND completed_at IS NULL AND start IS NOT NULL",
    )


def downgrade() -> None:
    steps.drop_index("ix_todos_start")
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS start")
