"""PostgreSQL holds agents to the lists of their mandates: links of tags that were there before know their list."""

from alembic import op

from todo_core.schema import steps

revision = "0018_backfill"
down_revision = "0018"
branch_labels = None
depends_on = None

LACKS_LIST = "k.user_id = todos.user_id AND k.todo_id = todos.id AND k.list_id IS NULL"


def upgrade() -> None:
    steps.backfill(
        "todos",
        lacking=f"EXISTS (SELECT FROM todo_tags k WHERE {LACKS_LIST})",
        # A todo that moves in this moment takes its links along: `move_links`.
        change="UPDATE todo_tags k SET list_id = todos.list_id FROM todos"
        f" WHERE {LACKS_LIST} AND todos.id = ANY ($1::bigint[])",
        also=("todo_tags",),
    )
    op.execute("ALTER TABLE todo_tags VALIDATE CONSTRAINT ck_todo_tags_has_list")
    # Which of a person's tags are in a list: without it each link of a tag is looked at until one is in it. The list
    # comes first: by user and tag, in tables that were never analyzed, it would be taken for the way to a single link.
    steps.create_index("ix_todo_tags_list_tag", "todo_tags (user_id, list_id, tag_id)")


def downgrade() -> None:
    steps.drop_index("ix_todo_tags_list_tag")
