"""Todos are found by the normal forms of their words: those that were there before."""

from alembic import op

from todo_core.schema import steps

revision = "0008_backfill"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.backfill(
        "todos",
        lacking="words IS NULL",
        change="UPDATE todos SET words = NULL WHERE id = ANY ($1::bigint[])",  # the trigger makes them
        rows=200,  # of which each takes up to a millisecond
    )
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_has_words")
    # Of words that are there: to make it by and by takes far longer. Each search would walk a pending list.
    steps.create_index("ix_todos_words", "todos USING gin (words) WITH (fastupdate = off)")


def downgrade() -> None:
    steps.drop_index("ix_todos_words")
