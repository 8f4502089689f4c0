"""Lists, tags, dates, repeat, subtasks, and the days on which somebody was here."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"
OPEN = "deleted_at IS NULL AND completed_at IS NULL"
NEW_TABLES = ("lists", "tags", "todo_tags", "activity_days")

KNOWN = {"todo": ("todos", "t"), "token": ("api_tokens", "t"), "change": ("changes", "c")}
"""What `belong_to_another` could tell of before: the table, and its name in the function."""

COLOURS = ("grey", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown")


def upgrade() -> None:
    _lists()
    _tags()
    _todos()
    _activity()
    _row_level_security()
    _probe()


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False)


def _owner(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE"),
    ]


def _instant(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    default = None if nullable else sa.func.now()
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, server_default=default)


def _named(table: str, longest: int) -> list[sa.schema.SchemaItem]:
    """What lists and tags have in common: a name that is unique per user without regard to case."""
    return [
        _id(),
        *_owner(table),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(), nullable=False),
        _instant("deleted_at", nullable=True),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("user_id", "id", name=f"uq_{table}_user_id_id"),
        sa.CheckConstraint(f"char_length(name) BETWEEN 1 AND {longest}", name=op.f(f"ck_{table}_name_length")),
    ]


def _unique_name(table: str) -> None:
    where = sa.text("deleted_at IS NULL")
    op.create_index(f"uq_{table}_name", table, ["user_id", "name_key"], unique=True, postgresql_where=where)


def _lists() -> None:
    op.create_table(
        "lists",
        *_named("lists", 100),
        sa.Column("colour", sa.Text(), nullable=False, server_default="grey"),
        sa.Column("position", sa.Numeric(), nullable=False),
        sa.Column("is_inbox", sa.Boolean(), nullable=False, server_default=sa.false()),
        _instant("archived_at", nullable=True),
        sa.CheckConstraint(f"colour IN {COLOURS}", name=op.f("ck_lists_colour_known")),
        sa.CheckConstraint(
            "NOT is_inbox OR (archived_at IS NULL AND deleted_at IS NULL)", name=op.f("ck_lists_inbox_stays")
        ),
    )
    _unique_name("lists")
    op.create_index("uq_lists_inbox", "lists", ["user_id"], unique=True, postgresql_where=sa.text("is_inbox"))
    archived = sa.text("archived_at IS NOT NULL")
    op.create_index("ix_lists_archived", "lists", ["user_id", "id"], postgresql_where=archived)
    # Whoever makes a user makes the inbox with it, under the same row-level security.
    op.execute(
        """
        CREATE FUNCTION make_inbox() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            acting text := coalesce(current_setting('app.user_id', true), '');
        BEGIN
            PERFORM set_config('app.user_id', NEW.id::text, true);
            INSERT INTO public.lists (user_id, name, name_key, position, is_inbox)
            VALUES (NEW.id, 'Inbox', 'inbox', 0, true);
            PERFORM set_config('app.user_id', acting, true);
            RETURN NULL;
        END
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION make_inbox() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION make_inbox() TO todo_app")
    op.execute("CREATE TRIGGER make_inbox AFTER INSERT ON users FOR EACH ROW EXECUTE FUNCTION make_inbox()")
    op.add_column("users", sa.Column("default_list_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        "fk_users_default_list_id",
        "users",
        "lists",
        ["id", "default_list_id"],
        ["user_id", "id"],
        ondelete="SET NULL (default_list_id)",
    )
    op.execute("GRANT INSERT (default_list_id), UPDATE (default_list_id) ON users TO todo_app")


def _tags() -> None:
    op.create_table("tags", *_named("tags", 50))
    _unique_name("tags")
    op.create_table(
        "todo_tags",
        *_owner("todo_tags"),
        sa.Column("todo_id", sa.BigInteger(), nullable=False),
        sa.Column("tag_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "todo_id", "tag_id", name="pk_todo_tags"),
        *(
            sa.ForeignKeyConstraint(
                ["user_id", f"{one}_id"],
                [f"{one}s.user_id", f"{one}s.id"],
                name=f"fk_todo_tags_{one}_id",
                ondelete="CASCADE",
            )
            for one in ("todo", "tag")
        ),
    )
    op.create_index("ix_todo_tags_tag", "todo_tags", ["user_id", "tag_id", "todo_id"])


def _todos() -> None:
    for column in (
        sa.Column("list_id", sa.BigInteger(), nullable=True),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=True),
        _instant("due_at", nullable=True),
        sa.Column("repeat", postgresql.JSONB(), nullable=True),
        sa.Column("follows_id", sa.BigInteger(), nullable=True),
    ):
        op.add_column("todos", column)
    # The owner of the tables, too, sees no row under FORCE; it does while this transaction runs.
    for table in ("users", "todos"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO lists (user_id, name, name_key, position, is_inbox)"
        " SELECT id, 'Inbox', 'inbox', 0, true FROM users"
    )
    op.execute("UPDATE todos SET list_id = lists.id FROM lists WHERE lists.user_id = todos.user_id")
    for table in ("users", "todos"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.alter_column("todos", "list_id", nullable=False)
    # Deferred: when an account goes, its lists may go before its todos.
    op.create_foreign_key(
        "fk_todos_list_id",
        "todos",
        "lists",
        ["user_id", "list_id"],
        ["user_id", "id"],
        deferrable=True,
        initially="DEFERRED",
    )
    op.create_foreign_key(
        "fk_todos_parent_id", "todos", "todos", ["user_id", "parent_id"], ["user_id", "id"], ondelete="CASCADE"
    )
    op.create_foreign_key(
        "fk_todos_follows_id",
        "todos",
        "todos",
        ["user_id", "follows_id"],
        ["user_id", "id"],
        ondelete="SET NULL (follows_id)",
    )
    op.create_check_constraint(op.f("ck_todos_parent_is_another"), "todos", "parent_id <> id")
    op.create_check_constraint(op.f("ck_todos_due_has_moment"), "todos", "due_on IS NULL OR due_at IS NOT NULL")
    op.create_check_constraint(op.f("ck_todos_repeat_has_due"), "todos", "repeat IS NULL OR due_at IS NOT NULL")
    op.create_index(
        "ix_todos_open_list", "todos", ["user_id", "list_id", "created_at", "id"], postgresql_where=sa.text(OPEN)
    )
    op.create_index(
        "ix_todos_open_due",
        "todos",
        [
            "user_id",
            sa.text("(CASE WHEN due_at IS NULL THEN 'infinity'::timestamp with time zone ELSE due_at END)"),
            "id",
        ],
        postgresql_where=sa.text(OPEN),
    )
    op.create_index(
        "ix_todos_parent", "todos", ["user_id", "parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL")
    )
    op.create_index(
        "ix_todos_follows", "todos", ["user_id", "follows_id"], postgresql_where=sa.text("follows_id IS NOT NULL")
    )
    op.create_index(
        "ix_todos_completed", "todos", ["user_id", "completed_at"], postgresql_where=sa.text("completed_at IS NOT NULL")
    )


def _activity() -> None:
    op.create_table(
        "activity_days",
        *_owner("activity_days"),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "day", name="pk_activity_days"),
    )


def _row_level_security() -> None:
    for table in NEW_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY own_rows ON {table} TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute("GRANT SELECT, INSERT, UPDATE ON lists, tags TO todo_app")
    op.execute("GRANT SELECT, INSERT, DELETE ON todo_tags TO todo_app")
    op.execute("GRANT SELECT, INSERT ON activity_days TO todo_app")
    op.execute("GRANT USAGE ON SEQUENCE todos_id_seq TO todo_app")
    # The janitor sees deleted lists and tags, and can do nothing but delete them.
    for table in ("lists", "tags"):
        op.execute(f"GRANT SELECT (id, deleted_at), DELETE ON {table} TO todo_janitor")
        op.execute(f"CREATE POLICY trash ON {table} TO todo_janitor USING (deleted_at IS NOT NULL)")


def _probe() -> None:
    """Let `belong_to_another` tell of lists and tags, too."""
    for table in ("lists", "tags"):
        op.execute(f"GRANT SELECT (id, user_id) ON {table} TO todo_probe")
        op.execute(f"CREATE POLICY probe ON {table} FOR SELECT TO todo_probe USING (true)")
    _belong_to_another(KNOWN | {"list": ("lists", "l"), "tag": ("tags", "g")})


def _belong_to_another(tables: dict[str, tuple[str, str]]) -> None:
    cases = " ".join(
        f"WHEN '{entity}' THEN"
        f" (SELECT array_agg({alias}.id) FROM public.{table} {alias}"
        f" WHERE {alias}.id = ANY (row_ids) AND {alias}.user_id <> {ME})"
        for entity, (table, alias) in tables.items()
    )
    op.execute("GRANT CREATE ON SCHEMA public TO todo_probe")  # CREATE OR REPLACE of what it owns asks for it
    op.execute(
        f"""
        CREATE OR REPLACE FUNCTION belong_to_another(entity text, row_ids bigint[]) RETURNS bigint[]
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        RETURN coalesce(CASE entity {cases} END, '{{}}')
        """
    )
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_probe")


def downgrade() -> None:
    _belong_to_another(KNOWN)
    for name in ("repeat_has_due", "due_has_moment", "parent_is_another"):
        op.drop_constraint(op.f(f"ck_todos_{name}"), "todos")
    op.drop_constraint("fk_todos_follows_id", "todos")
    op.drop_constraint("fk_todos_parent_id", "todos")
    op.drop_constraint("fk_todos_list_id", "todos")
    for index in (
        "ix_todos_completed",
        "ix_todos_follows",
        "ix_todos_parent",
        "ix_todos_open_due",
        "ix_todos_open_list",
    ):
        op.drop_index(index, "todos")
    for column in ("follows_id", "repeat", "due_at", "due_on", "parent_id", "list_id"):
        op.drop_column("todos", column)
    op.drop_constraint("fk_users_default_list_id", "users")
    op.drop_column("users", "default_list_id")
    op.execute("DROP TRIGGER make_inbox ON users")
    op.execute("DROP FUNCTION make_inbox()")
    for table in reversed(NEW_TABLES):
        op.drop_table(table)
    op.execute("REVOKE USAGE ON SEQUENCE todos_id_seq FROM todo_app")
