"""A due is a day, a wall-clock time of a day, or a moment: no version that reads `due_on` serves any more."""

from types import ModuleType

from alembic import context, op

from todo_core.schema import steps

revision = "0007_finish"
down_revision = "0007_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    _first_step().keep_one_form()
    # The check of the old form goes with its column.
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS due_on")


def downgrade() -> None:
    op.execute("LOCK TABLE users, todos IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE todos ADD COLUMN IF NOT EXISTS due_on date")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_due_has_moment")
    check = "CHECK (due_on IS NULL OR due_at IS NOT NULL) NOT VALID"
    op.execute(f"ALTER TABLE todos ADD CONSTRAINT ck_todos_due_has_moment {check}")
    _first_step().keep_both_forms()
    steps.backfill(
        "todos",
        lacking="due_date IS NOT NULL AND due_time IS NULL AND due_on IS NULL",
        change="UPDATE todos SET due_date = due_date WHERE id = ANY ($1::bigint[])",
    )
    op.execute("ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_due_has_moment")


def _first_step() -> ModuleType:
    """Return the step that began to keep both forms."""
    return context.script.get_revision("0007").module
