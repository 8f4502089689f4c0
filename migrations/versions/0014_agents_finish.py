"""Agents are known: nobody asks without saying which agent acts any more."""

from alembic import context, op

revision = "0014_finish"
down_revision = "0014"
branch_labels = None
depends_on = None

ITS_ARGUMENTS = "(bigint, bigint)"


def upgrade() -> None:
    for name in ("latest_change", "require_active"):
        op.execute(f"DROP FUNCTION IF EXISTS {name}{ITS_ARGUMENTS}")


def downgrade() -> None:
    of_0014, of_0013 = (context.script.get_revision(revision).module for revision in ("0014", "0013"))
    functions = (
        ("require_active", of_0014.OF_OLD_CODE.format(agent=of_0014.MAY_DO_EVERYTHING), "todo_app, todo_admin"),
        ("latest_change", of_0013.LATEST_CHANGE, "todo_app"),
    )
    for name, function, roles in functions:
        op.execute(function)
        op.execute(f"REVOKE ALL ON FUNCTION {name}{ITS_ARGUMENTS} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}{ITS_ARGUMENTS} TO {roles}")
