"""Todos have a place among their siblings, before the deploy; and lists make room without a change of theirs.

A todo's place is its id with a gap behind it until it is moved, so what the version before adds comes last: the default
of the column draws the next number of the ids for it.
"""

from alembic import op

revision = "0009"
down_revision = "0008_finish"
branch_labels = None
depends_on = None

BEHIND = "nextval('todos_id_seq'::regclass) << 20"

FORGET_CHOSEN = """
CREATE OR REPLACE FUNCTION forget_chosen_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.chosen_position := NULL;
    RETURN NEW;
END
$$
"""

LOSES = {
    "the order of todos by hand": ("todos", "place <> id << 20 AND place % (1 << 20) <> 0"),
    "where people want new todos": ("users", "new_todos <> 'last'"),
}


def upgrade() -> None:
    # In the order in which requests take them: who holds one of two locks must not wait for the other's holder.
    op.execute("LOCK TABLE users, lists, todos IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS new_todos text NOT NULL DEFAULT 'last'")
    know_ends()
    op.execute("GRANT UPDATE (new_todos) ON users TO todo_app")
    op.execute("ALTER TABLE lists ADD COLUMN IF NOT EXISTS chosen_position numeric")
    follow_old_moves()
    op.execute("ALTER TABLE todos ADD COLUMN IF NOT EXISTS place bigint, ADD COLUMN IF NOT EXISTS chosen_place bigint")
    # For new rows alone: given with the column, it would be computed for each row that there is.
    op.execute(f"ALTER TABLE todos ALTER COLUMN place SET DEFAULT {BEHIND}")


def know_ends() -> None:
    """Let the end of an order be one of two, without a look at the rows that there are. It can be repeated."""
    op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS ck_users_new_todos_known")
    op.execute(
        "ALTER TABLE users ADD CONSTRAINT ck_users_new_todos_known CHECK (new_todos IN ('first', 'last')) NOT VALID"
    )


def follow_old_moves() -> None:
    """Have a list that the version before moves have no other position that was chosen. It can be repeated."""
    op.execute(FORGET_CHOSEN)
    op.execute("REVOKE ALL ON FUNCTION forget_chosen_position() FROM PUBLIC")
    # What makes room raises no version, and keeps what was chosen.
    op.execute(
        "CREATE OR REPLACE TRIGGER forget_chosen BEFORE UPDATE ON lists FOR EACH ROW"
        " WHEN (NEW.version <> OLD.version AND NEW.position <> OLD.position"
        " AND NEW.chosen_position = OLD.chosen_position)"
        " EXECUTE FUNCTION forget_chosen_position()"
    )


def follow_no_moves() -> None:
    """Drop what `follow_old_moves` made. It can be repeated."""
    op.execute("DROP TRIGGER IF EXISTS forget_chosen ON lists")
    op.execute("DROP FUNCTION IF EXISTS forget_chosen_position()")


def downgrade() -> None:
    op.execute("LOCK TABLE users, lists, todos IN ACCESS EXCLUSIVE MODE")
    follow_no_moves()
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS place, DROP COLUMN IF EXISTS chosen_place")
    op.execute("ALTER TABLE lists DROP COLUMN IF EXISTS chosen_position")
    op.execute("ALTER TABLE users DROP COLUMN IF EXISTS new_todos")
