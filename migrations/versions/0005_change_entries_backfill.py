"""What changes have in their array becomes rows of `change_entries`."""

from todo_core.schema import steps

revision = "0005_backfill"
down_revision = "0005"
branch_labels = None
depends_on = None

HAS_ROWS = "EXISTS (SELECT FROM change_entries e WHERE e.user_id = changes.user_id AND e.change_id = changes.id)"

AS_ROWS = """
INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, list_before, list_after, before, after)
SELECT c.user_id, c.id, e.number, e.entity, e.id,
       CASE e.entity WHEN 'todo' THEN (e.before ->> 'list_id')::bigint
                     WHEN 'list' THEN CASE WHEN e.before IS NOT NULL THEN e.id END END,
       CASE e.entity WHEN 'todo' THEN (e.after ->> 'list_id')::bigint WHEN 'list' THEN e.id END,
       e.before, e.after
FROM changes c CROSS JOIN LATERAL ROWS FROM (
    json_to_recordset(c.entries) AS (entity text, id bigint, before json, after json)
) WITH ORDINALITY AS e (entity, id, before, after, number)
WHERE c.id = ANY ($1::bigint[])
ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    steps.backfill(
        "changes", lacking=f"entries IS NOT NULL AND NOT {HAS_ROWS}", change=AS_ROWS, also=["change_entries"]
    )


def downgrade() -> None:
    """Leave the rows: the step before drops their table, and every change has its array."""
