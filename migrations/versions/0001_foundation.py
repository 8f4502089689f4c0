"""Users, todos, API tokens, the change record, and the walls between users."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from todo_core.schema import steps

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("users", "todos", "api_tokens", "changes", "idempotency_keys")

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"


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


def upgrade() -> None:
    _tables()
    for role in ("todo_app", "todo_probe", "todo_janitor"):
        steps.make_role(role)
    _functions()
    _row_level_security()


def _tables() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False, server_default="UTC"),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("issuer", "subject", name="uq_users_issuer_subject"),
        sa.CheckConstraint("length(subject) BETWEEN 1 AND 255", name=op.f("ck_users_subject_length")),
    )
    op.create_table(
        "todos",
        _id(),
        *_owner("todos"),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=False, server_default="2"),
        _instant("completed_at", nullable=True),
        _instant("deleted_at", nullable=True),
        _instant("created_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name="pk_todos"),
        sa.UniqueConstraint("user_id", "id", name="uq_todos_user_id_id"),
        sa.CheckConstraint("char_length(title) BETWEEN 1 AND 200", name=op.f("ck_todos_title_length")),
        sa.CheckConstraint("char_length(description) <= 1000", name=op.f("ck_todos_description_length")),
        sa.CheckConstraint("priority BETWEEN 1 AND 4", name=op.f("ck_todos_priority_known")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_todos_version_positive")),
    )
    for name, columns, where in (
        ("ix_todos_open_created", ["user_id", "created_at", "id"], "deleted_at IS NULL AND completed_at IS NULL"),
        ("ix_todos_live_created", ["user_id", "created_at", "id"], "deleted_at IS NULL"),
        ("ix_todos_trashed", ["user_id", "deleted_at"], "deleted_at IS NOT NULL"),
    ):
        op.create_index(name, "todos", columns, postgresql_where=sa.text(where))
    op.create_table(
        "api_tokens",
        _id(),
        *_owner("api_tokens"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        _instant("created_at"),
        _instant("expires_at", nullable=True),
        _instant("last_used_at", nullable=True),
        _instant("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("user_id", "id", name="uq_api_tokens_user_id_id"),
        sa.UniqueConstraint("hash", name="uq_api_tokens_hash"),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 100", name=op.f("ck_api_tokens_name_length")),
    )
    op.create_table(
        "changes",
        _id(),
        *_owner("changes"),
        _instant("at"),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("token_id", sa.BigInteger(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("entries", postgresql.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
        sa.UniqueConstraint("user_id", "id", name="uq_changes_user_id_id"),
        sa.UniqueConstraint("user_id", "undoes", name="uq_changes_user_id_undoes"),
    )
    op.create_table(
        "idempotency_keys",
        *_owner("idempotency_keys"),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("reply", postgresql.JSON(), nullable=False),
        _instant("created_at"),
        sa.PrimaryKeyConstraint("user_id", "key", name="pk_idempotency_keys"),
        sa.CheckConstraint("char_length(key) BETWEEN 1 AND 255", name=op.f("ck_idempotency_keys_key_length")),
    )
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
    op.create_table(
        "installation",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("cursor_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single_row")),
    )
    op.execute(
        "INSERT INTO installation (id, cursor_key)"
        " VALUES (1, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))"
    )


def _functions() -> None:
    op.execute(
        """
        CREATE FUNCTION require_live_token(token bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
        BEGIN
            IF token IS NOT NULL AND NOT EXISTS (
                SELECT FROM public.api_tokens
                WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
            ) THEN
                RAISE EXCEPTION 'the token was revoked or has expired' USING ERRCODE = 'TD401';
            END IF;
            RETURN true;
        END
        $$
        """
    )
    op.execute(
        f"""
        CREATE FUNCTION belong_to_another(entity text, row_ids bigint[]) RETURNS bigint[]
        LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
        RETURN coalesce(
            CASE entity
                WHEN 'todo' THEN
                    (SELECT array_agg(t.id) FROM public.todos t WHERE t.id = ANY (row_ids) AND t.user_id <> {ME})
                WHEN 'token' THEN
                    (SELECT array_agg(t.id) FROM public.api_tokens t WHERE t.id = ANY (row_ids) AND t.user_id <> {ME})
                WHEN 'change' THEN
                    (SELECT array_agg(c.id) FROM public.changes c WHERE c.id = ANY (row_ids) AND c.user_id <> {ME})
            END,
            '{{}}'
        )
        """
    )


def _row_level_security() -> None:
    for table in (*TABLES, "installation"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_app, todo_probe, todo_janitor")

    for table in ("todos", "api_tokens", "changes", "idempotency_keys"):
        op.execute(f"CREATE POLICY own_rows ON {table} TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute(f"CREATE POLICY own_row ON users TO todo_app USING (id = {ME}) WITH CHECK (id = {ME})")
    named = (
        "issuer = (SELECT nullif(current_setting('app.issuer', true), ''))"
        " AND subject = (SELECT nullif(current_setting('app.subject', true), ''))"
    )
    op.execute(f"CREATE POLICY named_by_token ON users TO todo_app USING ({named}) WITH CHECK ({named})")
    presented = "hash = (SELECT decode(nullif(current_setting('app.token_hash', true), ''), 'hex'))"
    op.execute(f"CREATE POLICY presented ON api_tokens TO todo_app USING ({presented}) WITH CHECK ({presented})")
    op.execute("CREATE POLICY everyone ON installation FOR SELECT TO todo_app USING (true)")

    op.execute("GRANT SELECT, INSERT, UPDATE ON users TO todo_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON todos TO todo_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON api_tokens TO todo_app")
    # The record is only ever added to: nobody who serves requests can edit it (SA2).
    op.execute("GRANT SELECT, INSERT ON changes TO todo_app")
    op.execute("GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO todo_app")
    op.execute("GRANT SELECT ON installation TO todo_app")
    op.execute("GRANT SELECT ON alembic_version TO todo_app")

    # The janitor sees what is past its time, and can do nothing but delete it.
    op.execute("GRANT SELECT (id, deleted_at), DELETE ON todos TO todo_janitor")
    op.execute("CREATE POLICY trash ON todos TO todo_janitor USING (deleted_at IS NOT NULL)")
    op.execute("GRANT SELECT (created_at), DELETE ON idempotency_keys TO todo_janitor")
    op.execute(
        "CREATE POLICY expired ON idempotency_keys TO todo_janitor USING (created_at < now() - interval '24 hours')"
    )

    # The probe can tell that a row exists and whose it is, and nothing else about it.
    for table in ("todos", "api_tokens", "changes"):
        op.execute(f"GRANT SELECT (id, user_id) ON {table} TO todo_probe")
        op.execute(f"CREATE POLICY probe ON {table} FOR SELECT TO todo_probe USING (true)")
    op.execute("GRANT CREATE ON SCHEMA public TO todo_probe")  # ALTER FUNCTION ... OWNER asks for it
    op.execute("ALTER FUNCTION belong_to_another(text, bigint[]) OWNER TO todo_probe")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_probe")
    for function in ("require_live_token(bigint)", "belong_to_another(text, bigint[])"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO todo_app")


def downgrade() -> None:
    """Drop everything of ours in this database. The roles stay: another database may use them."""
    op.execute("DROP FUNCTION belong_to_another(text, bigint[])")
    op.execute("DROP FUNCTION require_live_token(bigint)")
    for table in ("installation", *reversed(TABLES)):
        op.drop_table(table)
    op.execute("REVOKE SELECT ON alembic_version FROM todo_app")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_app, todo_probe, todo_janitor")
