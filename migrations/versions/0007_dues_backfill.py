"""A due is a day, a wall-clock time of a day, or a moment: those that are there.

A due with a time becomes the wall-clock time that it is where its owner is now.
"""

from alembic import context, op

from todo_core.schema import steps

revision = "0007_backfill"
down_revision = "0007"
branch_labels = None
depends_on = None

LOSES = {"which dues are fixed at a moment": ("todos", "due_at IS NOT NULL AND due_date IS NULL")}

# FOR SHARE: who goes to another zone meanwhile does so before, and this zone is the new one, or afterwards, and the
# trigger finds these todos in the new form.
AS_SAID = """
UPDATE todos t
SET due_date = coalesce(t.due_on, (t.due_at AT TIME ZONE u.time_zone)::date),
    due_time = CASE WHEN t.due_on IS NULL THEN (t.due_at AT TIME ZONE u.time_zone)::time END,
    repeat = CASE WHEN t.repeat IS NOT NULL THEN series_hour(
        t.repeat,
        coalesce(t.due_on, (t.due_at AT TIME ZONE u.time_zone)::date),
        CASE WHEN t.due_on IS NULL THEN (t.due_at AT TIME ZONE u.time_zone)::time END,
        u.time_zone
    ) END
FROM (
    SELECT id, time_zone FROM users WHERE id IN (SELECT user_id FROM todos WHERE id = ANY ($1::bigint[]))
    ORDER BY id FOR SHARE
) AS u
WHERE u.id = t.user_id AND t.id = ANY ($1::bigint[]) AND t.due_at IS NOT NULL AND t.due_date IS NULL
"""


def upgrade() -> None:
    steps.backfill("todos", lacking="due_at IS NOT NULL AND due_date IS NULL", change=AS_SAID, also=["users"])
    for name in ("ck_todos_due_date_has_moment", "ck_todos_due_time_has_date"):
        op.execute(f"ALTER TABLE todos VALIDATE CONSTRAINT {name}")


def downgrade() -> None:
    """Leave the todos: the step before drops the columns of the new form."""
    context.script.get_revision("0007").module.checks()
