"""The rows that a change touched become rows of `change_entries`, and the record's keys begin with the user.

Beside it, what `TODO_HISTORY_DAYS` and `/readyz` need.

Until `0005_finish` both forms are kept, by two triggers on `changes`: `carry_over` makes rows of the array that the
version before writes, and `tell` makes the array that it reads from the rows that this version writes.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from todo_core.schema import steps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

VACUUM = ("autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor")

LOSES = {"the memory of where the record begins": ("users", "changes_deleted_through > 0")}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

CARRY_OVER = """
CREATE OR REPLACE FUNCTION carry_over_entries() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO public.change_entries
        (user_id, change_id, number, entity, entity_id, list_before, list_after, before, after)
    SELECT NEW.user_id, NEW.id, e.number, e.entity, e.id,
           CASE e.entity WHEN 'todo' THEN (e.before ->> 'list_id')::bigint
                         WHEN 'list' THEN CASE WHEN e.before IS NOT NULL THEN e.id END END,
           CASE e.entity WHEN 'todo' THEN (e.after ->> 'list_id')::bigint WHEN 'list' THEN e.id END,
           e.before, e.after
    FROM ROWS FROM (
        json_to_recordset(NEW.entries) AS (entity text, id bigint, before json, after json)
    ) WITH ORDINALITY AS e (entity, id, before, after, number);
    RETURN NULL;
END
$$
"""
TELL = """
CREATE OR REPLACE FUNCTION tell_entries() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE public.changes SET entries = (
        SELECT json_agg(
            json_build_object('entity', e.entity, 'id', e.entity_id, 'before', e.before, 'after', e.after)
            ORDER BY e.number
        )
        FROM public.change_entries e WHERE e.user_id = NEW.user_id AND e.change_id = NEW.id
    )
    WHERE user_id = NEW.user_id AND id = NEW.id;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    # At PostgreSQL's own 20 % a large table, and the search index with it, keeps dead rows for too long. A vacuum may
    # be in the way: so first, while no lock is held that requests wait for.
    op.execute(f"ALTER TABLE todos SET ({', '.join(f'{name} = 0.05' for name in VACUUM)})")
    op.execute(f"ALTER TABLE idempotency_keys SET ({', '.join(f'{name} = 0.05' for name in VACUUM)})")
    steps.create_index("changes_key", "changes (user_id, id)", unique=True)
    steps.create_index("uq_changes_undoes", "changes (user_id, undoes) WHERE undoes IS NOT NULL", unique=True)
    steps.create_index("ix_changes_id", "changes (id)")
    # In the order in which requests take them: who holds one of two locks must not wait for the other's holder.
    op.execute("LOCK TABLE users, changes IN ACCESS EXCLUSIVE MODE")
    op.execute(
        "ALTER TABLE changes DROP CONSTRAINT pk_changes, DROP CONSTRAINT uq_changes_user_id_id,"
        " DROP CONSTRAINT uq_changes_user_id_undoes, ADD CONSTRAINT pk_changes PRIMARY KEY USING INDEX changes_key,"
        " ALTER entries DROP NOT NULL"
    )
    _entries()
    keep_both_forms()
    _history()
    _write_probe()


def _entries() -> None:
    op.create_table(
        "change_entries",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("list_before", sa.BigInteger(), nullable=True),
        sa.Column("list_after", sa.BigInteger(), nullable=True),
        sa.Column("before", postgresql.JSON(), nullable=True),
        sa.Column("after", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "change_id", "number", name="pk_change_entries"),
        sa.ForeignKeyConstraint(
            ["user_id", "change_id"],
            ["changes.user_id", "changes.id"],
            name="fk_change_entries_user_id_change_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_change_entries_entity", "change_entries", ["user_id", "entity", "entity_id", "change_id"])
    op.execute("ALTER TABLE change_entries ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE change_entries FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON change_entries TO todo_app, todo_admin"
        f" USING (user_id = {ME}) WITH CHECK (user_id = {ME})"
    )
    op.execute("GRANT SELECT, INSERT ON change_entries TO todo_app, todo_admin")


def keep_both_forms() -> None:
    """Make the triggers that keep `changes.entries` and `change_entries` the same. It can be repeated."""
    for function in (CARRY_OVER, TELL):
        op.execute(function)
    for function in ("carry_over_entries", "tell_entries"):
        op.execute(f"REVOKE ALL ON FUNCTION {function}() FROM PUBLIC")
    # `tell_entries` runs as the owner of the tables, whom forced row-level security would show nothing.
    for table in ("changes", "change_entries"):
        op.execute(f"DROP POLICY IF EXISTS both_forms ON {table}")
    op.execute("CREATE POLICY both_forms ON changes TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute("CREATE POLICY both_forms ON change_entries FOR SELECT TO CURRENT_USER USING (true)")
    for trigger in ("tell", "carry_over"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON changes")
    op.execute(
        "CREATE TRIGGER carry_over AFTER INSERT ON changes FOR EACH ROW WHEN (NEW.entries IS NOT NULL)"
        " EXECUTE FUNCTION carry_over_entries()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER tell AFTER INSERT ON changes DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW WHEN (NEW.entries IS NULL) EXECUTE FUNCTION tell_entries()"
    )


def keep_one_form() -> None:
    """Drop what `keep_both_forms` made. It can be repeated."""
    for trigger in ("tell", "carry_over"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON changes")
    for table in ("changes", "change_entries"):
        op.execute(f"DROP POLICY IF EXISTS both_forms ON {table}")
    for function in ("tell_entries", "carry_over_entries"):
        op.execute(f"DROP FUNCTION IF EXISTS {function}()")


def _history() -> None:
    """Let the purge end the record, and remember where it begins."""
    op.execute("ALTER TABLE users ADD COLUMN changes_deleted_through bigint NOT NULL DEFAULT 0")
    op.execute("GRANT SELECT (id, changes_deleted_through), UPDATE (changes_deleted_through) ON users TO todo_janitor")
    op.execute("CREATE POLICY purged ON users TO todo_janitor USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT (user_id, id, at), DELETE ON changes TO todo_janitor")
    op.execute("CREATE POLICY past ON changes TO todo_janitor USING (at < now() - interval '1 day')")


def _write_probe() -> None:
    """Make a row that readiness may write, to see whether the database takes writes again."""
    op.create_table(
        "write_probe",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("id", name="pk_write_probe"),
        sa.CheckConstraint("id = 1", name=op.f("ck_write_probe_single_row")),
    )
    op.execute("INSERT INTO write_probe (id) VALUES (1)")
    op.execute("ALTER TABLE write_probe ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE write_probe FORCE ROW LEVEL SECURITY")
    op.execute("CREATE POLICY everyone ON write_probe TO todo_app USING (true)")
    op.execute("GRANT SELECT, UPDATE (written_at) ON write_probe TO todo_app")


def downgrade() -> None:
    op.execute("LOCK TABLE users, changes, change_entries IN ACCESS EXCLUSIVE MODE")
    op.execute(f"ALTER TABLE idempotency_keys RESET ({', '.join(VACUUM)})")
    op.execute(f"ALTER TABLE todos RESET ({', '.join(VACUUM)})")
    op.drop_table("write_probe")
    op.execute("DROP POLICY past ON changes")
    op.execute("REVOKE ALL ON changes FROM todo_janitor")
    op.execute("DROP POLICY purged ON users")
    op.execute("REVOKE ALL ON users FROM todo_janitor")
    op.drop_column("users", "changes_deleted_through")
    keep_one_form()
    op.drop_table("change_entries")
    op.alter_column("changes", "entries", nullable=False)
    op.drop_constraint("pk_changes", "changes")
    for index in ("ix_changes_id", "uq_changes_undoes"):
        op.drop_index(index)
    op.create_primary_key("pk_changes", "changes", ["id"])
    op.create_unique_constraint("uq_changes_user_id_id", "changes", ["user_id", "id"])
    op.create_unique_constraint("uq_changes_user_id_undoes", "changes", ["user_id", "undoes"])
