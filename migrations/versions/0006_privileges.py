"""Privileges end with what gave them: before the deploy.

Who signs in is written under a role of its own, with the moment until which the role `admin` counts. API tokens know
which token made them, and the installation may know whom it does not let in again.

Until `0006_finish` the version before, which signs people in as `todo_app` and says nothing of an end, may write that
somebody is an admin: for a day.
"""

import sqlalchemy as sa
from alembic import op

from todo_core.schema import steps

revision = "0006"
down_revision = "0005_finish"
branch_labels = None
depends_on = None

LOSES = {
    "who made API tokens": ("api_tokens", "made_by IS NOT NULL"),
    "accounts that may not come back": ("deleted_accounts", "true"),
}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

REQUIRE_ACTIVE = """
CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found record;
BEGIN
    SELECT suspended_at IS NOT NULL AS suspended,
           {role},
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
COUNTS = "(role_until > now() OR issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator'))"
"""Condition that the role of a user counts. Those of the command line have no end."""

SIGN_IN_READS = (
    "id, issuer, subject, role, role_until, role_issued_at, email, display_name, is_name_chosen, updated_at, version"
)
SIGN_IN_INSERTS = "issuer, subject, time_zone, role, role_until, role_issued_at, email, display_name"
SIGN_IN_UPDATES = "role, role_until, role_issued_at, email, display_name, updated_at, version"


def upgrade() -> None:
    # In the order in which requests take them: who holds one of two locks must not wait for the other's holder.
    op.execute("LOCK TABLE users, lists, api_tokens, installation IN ACCESS EXCLUSIVE MODE")
    # The default is computed once for all rows that there are, and for each that the version before adds.
    op.execute(
        "ALTER TABLE users ADD COLUMN IF NOT EXISTS role_until timestamptz DEFAULT now() + interval '1 day',"
        " ADD COLUMN IF NOT EXISTS role_issued_at timestamptz"
    )
    op.execute(REQUIRE_ACTIVE.format(role=f"CASE WHEN {COUNTS} THEN role ELSE 'user' END AS role"))
    op.execute("ALTER TABLE api_tokens ADD COLUMN IF NOT EXISTS made_by bigint")
    point_at_makers()
    _sign_in()
    _deleted_accounts()
    steps.create_index("ix_api_tokens_made_by", "api_tokens (user_id, made_by) WHERE made_by IS NOT NULL")


def point_at_makers() -> None:
    """Make the foreign key from a token to its maker, without looking at the tokens that there are."""
    op.execute("ALTER TABLE api_tokens DROP CONSTRAINT IF EXISTS fk_api_tokens_made_by")
    op.execute(
        "ALTER TABLE api_tokens ADD CONSTRAINT fk_api_tokens_made_by FOREIGN KEY (user_id, made_by)"
        " REFERENCES api_tokens (user_id, id) ON DELETE CASCADE NOT VALID"
    )


def _sign_in() -> None:
    """Make the role that finds and makes users by their tokens, and writes what the tokens say of them."""
    steps.make_role("todo_sign_in")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_sign_in")
    op.execute(
        f"GRANT SELECT ({SIGN_IN_READS}), INSERT ({SIGN_IN_INSERTS}), UPDATE ({SIGN_IN_UPDATES}) ON users"
        " TO todo_sign_in"
    )
    op.execute("ALTER POLICY named_by_token ON users TO todo_app, todo_sign_in")
    # The trigger `make_inbox` runs as whoever makes a user.
    op.execute("GRANT INSERT (user_id, name, name_key, position, is_inbox) ON lists TO todo_sign_in")
    op.execute("DROP POLICY IF EXISTS first_list ON lists")
    op.execute(f"CREATE POLICY first_list ON lists FOR INSERT TO todo_sign_in WITH CHECK (is_inbox AND user_id = {ME})")


def _deleted_accounts() -> None:
    op.create_table(
        "deleted_accounts",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.PrimaryKeyConstraint("hash", name="pk_deleted_accounts"),
        if_not_exists=True,
    )
    op.execute("ALTER TABLE deleted_accounts ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE deleted_accounts FORCE ROW LEVEL SECURITY")
    for policy in ("added", "asked"):
        op.execute(f"DROP POLICY IF EXISTS {policy} ON deleted_accounts")
    op.execute("CREATE POLICY added ON deleted_accounts FOR INSERT TO todo_admin WITH CHECK (true)")
    op.execute("CREATE POLICY asked ON deleted_accounts FOR SELECT TO todo_sign_in USING (true)")
    op.execute("GRANT INSERT (hash) ON deleted_accounts TO todo_admin")
    op.execute("GRANT SELECT (hash) ON deleted_accounts TO todo_sign_in")
    # The key of the hash.
    op.execute("GRANT SELECT (cursor_key) ON installation TO todo_admin, todo_sign_in")
    op.execute("ALTER POLICY everyone ON installation TO todo_app, todo_admin, todo_sign_in")


def downgrade() -> None:
    # The version before knows no end of a role: whose has ended is no admin any more.
    steps.backfill(
        "users",
        lacking=f"role = 'admin' AND {COUNTS} IS NOT TRUE",
        change="UPDATE users SET role = 'user' WHERE id = ANY ($1::bigint[])",
    )
    steps.drop_index("ix_api_tokens_made_by")
    op.execute("LOCK TABLE users, lists, api_tokens, installation IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER POLICY everyone ON installation TO todo_app")
    op.execute("REVOKE ALL ON installation FROM todo_admin, todo_sign_in")
    op.execute("DROP TABLE IF EXISTS deleted_accounts")
    op.execute("DROP POLICY IF EXISTS first_list ON lists")
    op.execute("REVOKE ALL ON lists FROM todo_sign_in")
    op.execute("ALTER POLICY named_by_token ON users TO todo_app")
    op.execute("REVOKE ALL ON users FROM todo_sign_in")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_sign_in")
    op.execute("ALTER TABLE api_tokens DROP COLUMN IF EXISTS made_by")
    op.execute(REQUIRE_ACTIVE.format(role="role"))
    op.execute("ALTER TABLE users DROP COLUMN IF EXISTS role_until, DROP COLUMN IF EXISTS role_issued_at")
