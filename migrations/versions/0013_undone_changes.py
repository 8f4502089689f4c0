"""One change can undo several: before the deploy. And the history is found by time, and by kinds of rows.

Each change that was undone has a row that names what undid it. The version before knows one undone change of an undo
alone, its `undoes`: of what it writes a trigger makes the row. A function reads the latest change of many people, for
those who follow theirs.
"""

import sqlalchemy as sa
from alembic import op

from todo_core.schema import steps

revision = "0013"
down_revision = "0012_finish"
branch_labels = None
depends_on = None

LOSES = {
    "changes that were undone together with others": (
        "undone_changes",
        "NOT EXISTS (SELECT FROM changes WHERE changes.user_id = undone_changes.user_id"
        " AND changes.id = undone_changes.undone_by AND changes.undoes = undone_changes.change_id)",
    ),
}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

NOTE_UNDO = """
CREATE OR REPLACE FUNCTION note_undo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The new version has written its row in the same statement. Another change's row is in the way, as it must be.
    INSERT INTO public.undone_changes (user_id, change_id, undone_by)
    SELECT NEW.user_id, NEW.undoes, NEW.id WHERE NOT EXISTS (
        SELECT FROM public.undone_changes AS undone
        WHERE undone.user_id = NEW.user_id AND undone.change_id = NEW.undoes AND undone.undone_by = NEW.id
    );
    RETURN NULL;
END
$$
"""

LATEST_CHANGE = """
CREATE OR REPLACE FUNCTION latest_change(acting bigint, token bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.user_id', acting::text, true);
    PERFORM public.require_active(acting, token);
    -- Begun anew at each call: a statement asks its row policies but once whose rows they are.
    RETURN (SELECT max(id) FROM public.changes WHERE user_id = acting);
END
$$
"""


def upgrade() -> None:
    # In the order in which requests take them.
    op.execute("LOCK TABLE users, changes IN ACCESS EXCLUSIVE MODE")
    op.create_table(
        "undone_changes",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("undone_by", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "change_id", name="pk_undone_changes"),
        sa.ForeignKeyConstraint(
            ["user_id", "undone_by"],
            ["changes.user_id", "changes.id"],
            name="fk_undone_changes_user_id_undone_by",
            ondelete="CASCADE",
        ),
        if_not_exists=True,
    )
    op.create_index("ix_undone_changes_by", "undone_changes", ["user_id", "undone_by"], if_not_exists=True)
    op.execute("ALTER TABLE undone_changes ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE undone_changes FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS own_rows ON undone_changes")
    op.execute(
        f"CREATE POLICY own_rows ON undone_changes TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})"
    )
    # Only added to, as the record of changes is.
    op.execute("GRANT SELECT, INSERT ON undone_changes TO todo_app")
    carry_over()
    op.execute(LATEST_CHANGE)
    op.execute("REVOKE ALL ON FUNCTION latest_change(bigint, bigint) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION latest_change(bigint, bigint) TO todo_app")
    steps.create_index("ix_changes_at", "changes (user_id, at, id)")
    steps.create_index("ix_change_entries_kind", "change_entries (user_id, entity, change_id) WHERE entity <> 'todo'")


def carry_over() -> None:
    """Have a trigger write down what the version before undoes. It can be repeated."""
    op.execute(NOTE_UNDO)
    op.execute("REVOKE ALL ON FUNCTION note_undo() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION note_undo() TO todo_app")
    op.execute(
        "CREATE OR REPLACE TRIGGER note_undo AFTER INSERT ON changes FOR EACH ROW WHEN (NEW.undoes IS NOT NULL)"
        " EXECUTE FUNCTION note_undo()"
    )


def downgrade() -> None:
    steps.drop_index("ix_change_entries_kind")
    steps.drop_index("ix_changes_at")
    op.execute("LOCK TABLE users, changes IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP TRIGGER IF EXISTS note_undo ON changes")
    op.execute("DROP FUNCTION IF EXISTS note_undo()")
    op.execute("DROP FUNCTION IF EXISTS latest_change(bigint, bigint)")
    op.execute("DROP TABLE IF EXISTS undone_changes")
