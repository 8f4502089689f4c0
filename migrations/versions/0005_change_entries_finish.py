"""The array of a change goes: no version that reads it serves any more."""

from types import ModuleType

from alembic import context, op

from todo_core.schema import steps

revision = "0005_finish"
down_revision = "0005_backfill"
branch_labels = None
depends_on = None

AS_ARRAY = """
UPDATE changes c SET entries = coalesce((
    SELECT json_agg(
        json_build_object('entity', e.entity, 'id', e.entity_id, 'before', e.before, 'after', e.after) ORDER BY e.number
    )
    FROM change_entries e WHERE e.user_id = c.user_id AND e.change_id = c.id
), '[]')
WHERE c.id = ANY ($1::bigint[])
"""


def upgrade() -> None:
    op.execute("LOCK TABLE changes, change_entries IN ACCESS EXCLUSIVE MODE")
    _first_step().keep_one_form()
    op.execute("ALTER TABLE changes DROP COLUMN IF EXISTS entries")


def downgrade() -> None:
    op.execute("LOCK TABLE changes, change_entries IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE changes ADD COLUMN IF NOT EXISTS entries json")
    _first_step().keep_both_forms()
    steps.backfill("changes", lacking="entries IS NULL", change=AS_ARRAY, also=["change_entries"])


def _first_step() -> ModuleType:
    """Return the step that began to keep both forms."""
    return context.script.get_revision("0005").module
