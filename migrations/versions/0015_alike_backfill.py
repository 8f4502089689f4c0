"""Adding a todo tells which open ones look the same: keys of those that were there before."""

from alembic import op

from todo_core.schema import steps

revision = "0015_backfill"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    steps.backfill(
        "todos",
        lacking="alike_key IS NULL",
        change="UPDATE todos SET (alike_key, same_key) = (SELECT alike, same FROM likeness_keys(title))"
        " WHERE id = ANY ($1::bigint[]) AND alike_key IS NULL",
    )
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_has_likeness")
    # Of open ones alone: of a todo that repeats there are ever more that are done, all of them alike.
    steps.create_index(
        "ix_todos_open_alike",
        "todos (user_id, alike_key, same_key) WHERE deleted_at IS NULL AND completed_at IS NULL",
    )


def downgrade() -> None:
    steps.drop_index("ix_todos_open_alike")
