"""Todos have a key and a source from elsewhere, and notes: no version serves any more that hands no key over.

The version before knows no keys, so the next occurrence that it makes has none. There is nothing to do here but to end
its time.
"""

revision = "0010_finish"
down_revision = "0010_backfill"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
