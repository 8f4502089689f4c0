"""Todos have a place among their siblings: those that were there before, the oldest first."""

from alembic import context, op

from todo_core.schema import steps

revision = "0009_backfill"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.backfill(
        "todos",
        lacking="place IS NULL",
        change="UPDATE todos SET place = id << 20 WHERE id = ANY ($1::bigint[]) AND place IS NULL",
    )
    # After the rows: an index of the place would have to be written for each of them.
    steps.create_index("ix_todos_place", "todos (user_id, list_id, place) WHERE parent_id IS NULL")
    op.execute("ALTER TABLE users VALIDATE CONSTRAINT ck_users_new_todos_known")
    know_places()
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_place_known")


def know_places() -> None:
    """Refuse todos without a place from here on, without a look at those that there are. It can be repeated."""
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_place_known")
    op.execute("ALTER TABLE todos ADD CONSTRAINT ck_todos_place_known CHECK (place IS NOT NULL) NOT VALID")


def downgrade() -> None:
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_place_known")
    context.script.get_revision("0009").module.know_ends()
    steps.drop_index("ix_todos_place")
