"""Profiles, roles, suspension, and what an admin may see."""

import sqlalchemy as sa
from alembic import op

from todo_core.schema import steps

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

CHECKS = {
    "ck_users_role_known": "role IN ('user', 'admin')",
    "ck_users_week_start_known": "week_start IN ('monday', 'sunday', 'saturday')",
    "ck_users_display_name_length": "char_length(display_name) BETWEEN 1 AND 100",
    "ck_users_email_length": "char_length(email) BETWEEN 1 AND 320",
}

PROFILE = "role, email, display_name, is_name_chosen, time_zone, locale, week_start, updated_at, version"


def upgrade() -> None:
    for column in (
        sa.Column("role", sa.Text(), nullable=False, server_default="user"),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("is_name_chosen", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("locale", sa.Text(), nullable=False, server_default="en"),
        sa.Column("week_start", sa.Text(), nullable=False, server_default="monday"),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
    ):
        op.add_column("users", column)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(name), "users", condition)
    # Only an admin suspends and reactivates: whoever serves requests cannot touch the column.
    op.execute("REVOKE INSERT, UPDATE ON users FROM todo_app")
    op.execute(f"GRANT INSERT (issuer, subject, {PROFILE}), UPDATE ({PROFILE}) ON users TO todo_app")
    _admin()
    _require_active()


def _admin() -> None:
    """What an admin needs for accounts: who they are and how many rows they have, never a title."""
    steps.make_role("todo_admin")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_admin")
    op.execute("GRANT SELECT, UPDATE (suspended_at), DELETE ON users TO todo_admin")
    op.execute("CREATE POLICY accounts ON users TO todo_admin USING (true) WITH CHECK (true)")
    op.execute("GRANT SELECT (user_id, completed_at, deleted_at) ON todos TO todo_admin")
    op.execute("CREATE POLICY counts ON todos FOR SELECT TO todo_admin USING (true)")
    op.execute("GRANT SELECT (id, user_id, expires_at, revoked_at) ON api_tokens TO todo_admin")
    op.execute("CREATE POLICY counts ON api_tokens FOR SELECT TO todo_admin USING (true)")
    # An admin's own record of changes, and answers to retries.
    for table, rights in (("changes", "SELECT, INSERT"), ("idempotency_keys", "SELECT, INSERT, UPDATE")):
        op.execute(f"GRANT {rights} ON {table} TO todo_admin")
        op.execute(f"ALTER POLICY own_rows ON {table} TO todo_app, todo_admin")


def _require_active() -> None:
    op.execute("DROP FUNCTION require_live_token(bigint)")
    op.execute(
        """
        CREATE FUNCTION require_active(acting bigint, token bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
        DECLARE
            found record;
        BEGIN
            SELECT suspended_at IS NOT NULL AS suspended,
                   role,
                   token IS NULL OR EXISTS (
                       SELECT FROM public.api_tokens
                       WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
                   ) AS live
            INTO found FROM public.users WHERE id = acting;
            IF found.live IS NOT TRUE THEN
                RAISE EXCEPTION 'the user is gone, or the token was revoked or has expired' USING ERRCODE = 'TD401';
            ELSIF found.suspended THEN
                RAISE EXCEPTION 'the user is suspended' USING ERRCODE = 'TD403';
            ELSIF current_user = 'todo_admin' AND found.role <> 'admin' THEN
                RAISE EXCEPTION 'the user is no admin' USING ERRCODE = 'TD4AD';
            END IF;
            RETURN acting;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION require_active(bigint, bigint) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION require_active(bigint, bigint) TO todo_app, todo_admin")


def downgrade() -> None:
    op.execute("DROP FUNCTION require_active(bigint, bigint)")
    op.execute(
        """
        CREATE FUNCTION require_live_token(token bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
        BEGIN
            IF token IS NOT NULL AND NOT EXISTS (
                SELECT FROM public.api_tokens
                WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
            ) THEN
                RAISE EXCEPTION 'the token was revoked or has expired' USING ERRCODE = 'TD401';
            END IF;
            RETURN true;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION require_live_token(bigint) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION require_live_token(bigint) TO todo_app")
    for table in ("changes", "idempotency_keys"):
        op.execute(f"ALTER POLICY own_rows ON {table} TO todo_app")
        op.execute(f"REVOKE ALL ON {table} FROM todo_admin")
    for table, policy in (("users", "accounts"), ("todos", "counts"), ("api_tokens", "counts")):
        op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"REVOKE ALL ON {table} FROM todo_admin")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_admin")
    op.execute(f"REVOKE INSERT (issuer, subject, {PROFILE}), UPDATE ({PROFILE}) ON users FROM todo_app")
    for name in CHECKS:
        op.drop_constraint(op.f(name), "users")
    added = ("version", "updated_at", "suspended_at", "week_start", "locale", "is_name_chosen", "display_name", "email")
    for column in (*added, "role"):
        op.drop_column("users", column)
    op.execute("GRANT INSERT, UPDATE ON users TO todo_app")
