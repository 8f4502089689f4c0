"""Privileges end with what gave them: the tokens that are there."""

from alembic import context, op

revision = "0006_backfill"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE api_tokens VALIDATE CONSTRAINT fk_api_tokens_made_by")


def downgrade() -> None:
    context.script.get_revision("0006").module.point_at_makers()
