"""Todos are found by the words of their notes, too: all of them. Nobody asks for a question in one any more."""

from alembic import context, op

revision = "0012_finish"
down_revision = "0012_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    # Without a scan: the constraint is valid.
    op.execute("ALTER TABLE notes ALTER COLUMN words SET NOT NULL")
    op.execute("ALTER TABLE notes DROP CONSTRAINT IF EXISTS ck_notes_has_words")
    op.execute("DROP FUNCTION IF EXISTS search_query(text, text)")


def downgrade() -> None:
    op.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    op.execute(context.script.get_revision("0008").module.SEARCH_QUERY)
    op.execute("REVOKE ALL ON FUNCTION search_query(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION search_query(text, text) TO todo_app, todo_search")
    context.script.get_revision("0012").module.ask_for_words()
    op.execute("ALTER TABLE notes VALIDATE CONSTRAINT ck_notes_has_words")
    op.execute("ALTER TABLE notes ALTER COLUMN words DROP NOT NULL")
