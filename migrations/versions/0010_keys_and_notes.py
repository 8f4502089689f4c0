"""Todos have a key and a source from elsewhere, and notes: before the deploy."""

import sqlalchemy as sa
from alembic import op

from todo_core.schema import steps

revision = "0010"
down_revision = "0009_finish"
branch_labels = None
depends_on = None

LOSES = {
    "keys of todos": ("todos", "key IS NOT NULL"),
    "sources of todos": ("todos", "source IS NOT NULL"),
    "notes on todos": ("notes", "true"),
}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

CHECKS = {
    "ck_todos_key_length": "char_length(key) BETWEEN 1 AND 200",
    "ck_todos_source_length": "char_length(source) <= 2000",
}


def upgrade() -> None:
    # In the order in which requests take them: the keys of `notes` need a lock of both.
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    op.execute(
        "ALTER TABLE todos ADD COLUMN IF NOT EXISTS key text, ADD COLUMN IF NOT EXISTS source text,"
        " ADD COLUMN IF NOT EXISTS note_count integer NOT NULL DEFAULT 0"
    )
    check_lengths()
    _notes()
    steps.create_index("uq_todos_key", "todos (user_id, key) WHERE key IS NOT NULL", unique=True)


def check_lengths() -> None:
    """Check keys and sources that are written from now on."""
    for name, condition in CHECKS.items():
        op.execute(f"ALTER TABLE todos DROP CONSTRAINT IF EXISTS {name}")
        op.execute(f"ALTER TABLE todos ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID")


def _notes() -> None:
    op.create_table(
        "notes",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("todo_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_notes"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_notes_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id", "todo_id"], ["todos.user_id", "todos.id"], name="fk_notes_todo_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("char_length(text) BETWEEN 1 AND 4000", name=op.f("ck_notes_text_length")),
        if_not_exists=True,
    )
    op.create_index("ix_notes_todo", "notes", ["user_id", "todo_id", "id"], if_not_exists=True)
    op.execute("ALTER TABLE notes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE notes FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS own_rows ON notes")
    op.execute(f"CREATE POLICY own_rows ON notes TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    # Nobody edits a note.
    op.execute("GRANT SELECT, INSERT, DELETE ON notes TO todo_app")


def downgrade() -> None:
    steps.drop_index("uq_todos_key")
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP TABLE IF EXISTS notes")
    op.execute(
        "ALTER TABLE todos DROP COLUMN IF EXISTS key, DROP COLUMN IF EXISTS source, DROP COLUMN IF EXISTS note_count"
    )
