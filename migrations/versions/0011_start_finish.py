"""Todos have a start: no version serves any more that hands none on.

The version before knows no starts, so the next occurrence that it makes has none, and it takes a due before the start.
There is nothing to do here but to end its time.
"""

revision = "0011_finish"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
