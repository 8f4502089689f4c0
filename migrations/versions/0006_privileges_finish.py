"""Privileges end with what gave them: no version that signs people in as `todo_app` serves any more."""

from alembic import op

revision = "0006_finish"
down_revision = "0006_backfill"
branch_labels = None
depends_on = None

INSERTED = (
    "issuer, subject, role, email, display_name, is_name_chosen, time_zone, locale, week_start, default_list_id,"
    " updated_at, version"
)


def upgrade() -> None:
    op.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE users ALTER COLUMN role_until DROP DEFAULT")
    op.execute("ALTER POLICY named_by_token ON users TO todo_sign_in")
    op.execute(f"REVOKE INSERT ({INSERTED}), UPDATE (role, email) ON users FROM todo_app")


def downgrade() -> None:
    op.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
    op.execute(f"GRANT INSERT ({INSERTED}), UPDATE (role, email) ON users TO todo_app")
    op.execute("ALTER POLICY named_by_token ON users TO todo_app, todo_sign_in")
    op.execute("ALTER TABLE users ALTER COLUMN role_until SET DEFAULT now() + interval '1 day'")
