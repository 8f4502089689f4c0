"""Calendar addresses, and people who leave: before the deploy. The version before knows neither.

Each has a role of its own. `todo_calendar` sees what one address shows, which it must know by the hash of its secret,
and writes when it was used; `todo_leaving` deletes the account that it acts for.
"""

import sqlalchemy as sa
from alembic import op

from todo_core.schema import steps

revision = "0016"
down_revision = "0015_finish"
branch_labels = None
depends_on = None

LOSES = {"calendar addresses": ("calendars", "true")}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"
PRESENTED = "(SELECT decode(nullif(current_setting('app.calendar_hash', true), ''), 'hex'))"
"""The hash of the secret that somebody presents."""
OWNER = "(SELECT id FROM users)"
"""Whose address it is, to the role that sees no other user, and none that is suspended."""

SEEN = {
    "users": ("id, time_zone, suspended_at", "suspended_at IS NULL AND id = (SELECT user_id FROM calendars)"),
    "lists": (
        "id, user_id, name, deleted_at, archived_at",
        f"user_id = {OWNER} AND id = coalesce((SELECT list_id FROM calendars), id)",
    ),
    "todos": (
        "id, user_id, title, description, priority, list_id, start, due_date, due_time, due_at, repeat, follows_id,"
        " completed_at, deleted_at, created_at, updated_at",
        f"user_id = {OWNER} AND list_id = coalesce((SELECT list_id FROM calendars), list_id)",
    ),
}
"""What `todo_calendar` may read: by table, the columns and the condition of the rows."""


def upgrade() -> None:
    # In the order in which requests take them.
    op.execute("LOCK TABLE users, lists, todos, installation, deleted_accounts IN ACCESS EXCLUSIVE MODE")
    _calendars()
    _reading()
    _leaving()


def _calendars() -> None:
    op.create_table(
        "calendars",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("shows", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_calendars"),
        sa.UniqueConstraint("user_id", "id", name="uq_calendars_user_id_id"),
        sa.UniqueConstraint("hash", name="uq_calendars_hash"),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_calendars_name_length")),
        sa.CheckConstraint("shows IN ('events', 'todos')", name=op.f("ck_calendars_shows_known")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_calendars_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id", "list_id"], ["lists.user_id", "lists.id"], name="fk_calendars_list_id", ondelete="CASCADE"
        ),
        if_not_exists=True,
    )
    op.create_index(
        "ix_calendars_list",
        "calendars",
        ["user_id", "list_id"],
        postgresql_where=sa.text("list_id IS NOT NULL"),
        if_not_exists=True,
    )
    op.execute("ALTER TABLE calendars ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE calendars FORCE ROW LEVEL SECURITY")
    for policy in ("own_rows", "probe", "presented"):
        op.execute(f"DROP POLICY IF EXISTS {policy} ON calendars")
    op.execute(f"CREATE POLICY own_rows ON calendars TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute("GRANT SELECT, INSERT, UPDATE ON calendars TO todo_app")
    op.execute("GRANT SELECT (id, user_id) ON calendars TO todo_probe")
    op.execute("CREATE POLICY probe ON calendars FOR SELECT TO todo_probe USING (true)")
    op.execute("GRANT CREATE ON SCHEMA public TO todo_probe")  # CREATE OR REPLACE of what it owns asks for it
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION calendars_of_others(row_ids bigint[]) RETURNS bigint[]
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        RETURN coalesce(
            (SELECT array_agg(c.id) FROM public.calendars c WHERE c.id = ANY (row_ids) AND c.user_id <> {ME}), '{{}}'
        )
        """
    )
    op.execute("ALTER FUNCTION calendars_of_others(bigint[]) OWNER TO todo_probe")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_probe")
    op.execute("REVOKE ALL ON FUNCTION calendars_of_others(bigint[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION calendars_of_others(bigint[]) TO todo_app")


def _reading() -> None:
    """Make the role that reads what an address shows."""
    steps.make_role("todo_calendar")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_calendar")
    op.execute(
        "GRANT SELECT (id, user_id, hash, list_id, shows, last_used_at, revoked_at), UPDATE (last_used_at) ON calendars"
        " TO todo_calendar"
    )
    op.execute(
        f"CREATE POLICY presented ON calendars TO todo_calendar USING (hash = {PRESENTED} AND revoked_at IS NULL)"
    )
    for table, (columns, condition) in SEEN.items():
        op.execute(f"GRANT SELECT ({columns}) ON {table} TO todo_calendar")
        op.execute(f"DROP POLICY IF EXISTS in_calendar ON {table}")
        op.execute(f"CREATE POLICY in_calendar ON {table} FOR SELECT TO todo_calendar USING ({condition})")


def _leaving() -> None:
    """Make the role that deletes the account it acts for."""
    steps.make_role("todo_leaving")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_leaving")
    op.execute("GRANT SELECT (id, issuer, subject), DELETE ON users TO todo_leaving")
    op.execute("DROP POLICY IF EXISTS leaving ON users")
    op.execute(f"CREATE POLICY leaving ON users TO todo_leaving USING (id = {ME})")
    op.execute("GRANT INSERT (hash) ON deleted_accounts TO todo_leaving")
    op.execute("ALTER POLICY added ON deleted_accounts TO todo_admin, todo_leaving")
    # The key of the hash.
    op.execute("GRANT SELECT (cursor_key) ON installation TO todo_leaving")
    op.execute("ALTER POLICY everyone ON installation TO todo_app, todo_admin, todo_sign_in, todo_leaving")


def downgrade() -> None:
    op.execute("LOCK TABLE users, lists, todos, installation, deleted_accounts IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER POLICY everyone ON installation TO todo_app, todo_admin, todo_sign_in")
    op.execute("ALTER POLICY added ON deleted_accounts TO todo_admin")
    op.execute("DROP POLICY IF EXISTS leaving ON users")
    op.execute("REVOKE ALL ON users, deleted_accounts, installation FROM todo_leaving")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_leaving")
    for table in SEEN:
        op.execute(f"DROP POLICY IF EXISTS in_calendar ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM todo_calendar")
    op.execute("DROP FUNCTION IF EXISTS calendars_of_others(bigint[])")
    op.execute("DROP TABLE IF EXISTS calendars")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_calendar")
