"""Agents are known by name, each with what it may do: before the deploy.

The version before knows none: what it does is the person's. Of an API token it asks `require_active` as ever, which
refuses one whose agent is blocked, or may not do everything: that version would not hold it to less.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from todo_core.schema import steps

revision = "0014"
down_revision = "0013_finish"
branch_labels = None
depends_on = None

LOSES = {
    "agents, and what each may do": ("agents", "true"),
    "which agent made changes, and in which request": ("changes", "agent_id IS NOT NULL OR request_id IS NOT NULL"),
}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

OF_OLD_CODE = """
CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found record;
BEGIN
    SELECT suspended_at IS NOT NULL AS suspended,
           CASE WHEN (role_until > now() OR issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator'))
                THEN role ELSE 'user' END AS role,
           token IS NULL OR EXISTS (
               SELECT FROM public.api_tokens
               WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
           ){agent} AS live
    INTO found FROM public.users WHERE id = acting;
    IF found.live IS NOT TRUE THEN
        RAISE EXCEPTION 'the user is gone, or the token was revoked or has expired' USING ERRCODE = 'TD401';
    ELSIF found.suspended THEN
        RAISE EXCEPTION 'the user is suspended' USING ERRCODE = 'TD403';
    ELSIF current_user = 'todo_admin' AND found.role <> 'admin' THEN
        RAISE EXCEPTION 'the user is no admin' USING ERRCODE = 'TD4AD';
    END IF;
    RETURN acting;
END
$$
"""
MAY_DO_EVERYTHING = """ AND NOT EXISTS (
               SELECT FROM public.agents
               WHERE user_id = acting AND kind = 'token' AND known_as = token::text
                 AND (blocked_at IS NOT NULL OR verbs IS NOT NULL OR mode <> 'act' OR rows_per_day IS NOT NULL
                      OR until IS NOT NULL)
           )"""

REQUIRE_ACTIVE = """
CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint, agent bigint, mandate integer) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found record;
BEGIN
    SELECT u.suspended_at IS NOT NULL AS suspended,
           CASE WHEN (u.role_until > now() OR u.issuer IN ('urn:todo-mcp:local', 'urn:todo-mcp:operator'))
                THEN u.role ELSE 'user' END AS role,
           token IS NULL OR EXISTS (
               SELECT FROM public.api_tokens
               WHERE id = token AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
           ) AS live,
           a.blocked_at IS NOT NULL OR a.until <= now() AS blocked,
           a.version
    INTO found FROM public.users u LEFT JOIN public.agents a ON a.user_id = acting AND a.id = agent WHERE u.id = acting;
    IF found.live IS NOT TRUE THEN
        RAISE EXCEPTION 'the user is gone, or the token was revoked or has expired' USING ERRCODE = 'TD401';
    ELSIF found.suspended THEN
        RAISE EXCEPTION 'the user is suspended' USING ERRCODE = 'TD403';
    ELSIF found.blocked THEN
        RAISE EXCEPTION 'the agent is blocked, or its time is over' USING ERRCODE = 'TD4AG';
    ELSIF found.version IS DISTINCT FROM mandate THEN
        RAISE EXCEPTION 'the agent is known by an earlier mandate' USING ERRCODE = 'TD4MA';
    ELSIF agent IS NULL AND token IS NOT NULL AND EXISTS (
        SELECT FROM public.agents WHERE user_id = acting AND kind = 'token' AND known_as = token::text
    ) THEN
        RAISE EXCEPTION 'an API token is an agent''s' USING ERRCODE = 'TD4MA';
    ELSIF current_user = 'todo_admin' AND found.role <> 'admin' THEN
        RAISE EXCEPTION 'the user is no admin' USING ERRCODE = 'TD4AD';
    END IF;
    RETURN acting;
END
$$
"""
ITS_ARGUMENTS = "(bigint, bigint, bigint, integer)"

LATEST_CHANGE = """
CREATE OR REPLACE FUNCTION latest_change(acting bigint, token bigint, agent bigint, mandate integer) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.user_id', acting::text, true);
    PERFORM public.require_active(acting, token, agent, mandate);
    -- Begun anew at each call: a statement asks its row policies but once whose rows they are.
    RETURN (SELECT max(id) FROM public.changes WHERE user_id = acting);
END
$$
"""


KNOWN = {
    "todo": ("todos", "t"),
    "token": ("api_tokens", "t"),
    "change": ("changes", "c"),
    "list": ("lists", "l"),
    "tag": ("tags", "g"),
}
"""What `belong_to_another` could tell of before: the table, and its name in the function."""


def upgrade() -> None:
    # In the order in which requests take them.
    op.execute("LOCK TABLE users, changes, idempotency_keys IN ACCESS EXCLUSIVE MODE")
    _agents()
    op.execute("ALTER TABLE changes ADD COLUMN IF NOT EXISTS agent_id bigint, ADD COLUMN IF NOT EXISTS request_id text")
    op.execute("ALTER TABLE idempotency_keys ADD COLUMN IF NOT EXISTS agent_id bigint")
    _belong_to_another(KNOWN | {"agent": ("agents", "a")})
    op.execute(OF_OLD_CODE.format(agent=MAY_DO_EVERYTHING))
    for function, roles in ((REQUIRE_ACTIVE, "todo_app, todo_admin"), (LATEST_CHANGE, "todo_app")):
        op.execute(function)
        name = function.split("FUNCTION ")[1].split("(")[0]
        op.execute(f"REVOKE ALL ON FUNCTION {name}{ITS_ARGUMENTS} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {name}{ITS_ARGUMENTS} TO {roles}")
    steps.create_index("ix_changes_agent_id", "changes (user_id, agent_id, id) WHERE agent_id IS NOT NULL")


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("known_as", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("changes", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("counted_through", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.Column("blocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verbs", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("mode", sa.Text(), nullable=False, server_default=sa.text("'act'")),
        sa.Column("rows_per_day", sa.Integer(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("version", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        sa.UniqueConstraint("user_id", "id", name="uq_agents_user_id_id"),
        sa.UniqueConstraint("user_id", "kind", "known_as", name="uq_agents_user_id_kind_known_as"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_agents_user_id", ondelete="CASCADE"),
        sa.CheckConstraint("kind IN ('token', 'client', 'program')", name=op.f("ck_agents_kind")),
        sa.CheckConstraint("mode IN ('act', 'propose')", name=op.f("ck_agents_mode")),
        sa.CheckConstraint("char_length(name) BETWEEN 1 AND 200", name=op.f("ck_agents_name_length")),
        sa.CheckConstraint("rows_per_day >= 0", name=op.f("ck_agents_rows_per_day")),
        if_not_exists=True,
    )
    op.execute("ALTER TABLE agents ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE agents FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS own_rows ON agents")
    # `todo_admin` asks `require_active`, too.
    op.execute(
        f"CREATE POLICY own_rows ON agents TO todo_app, todo_admin USING (user_id = {ME}) WITH CHECK (user_id = {ME})"
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON agents TO todo_app")
    op.execute("GRANT SELECT ON agents TO todo_admin")
    op.execute("DROP POLICY IF EXISTS probe ON agents")
    op.execute("CREATE POLICY probe ON agents FOR SELECT TO todo_probe USING (true)")
    op.execute("GRANT SELECT (id, user_id) ON agents TO todo_probe")


def _belong_to_another(tables: dict[str, tuple[str, str]]) -> None:
    cases = " ".join(
        f"WHEN '{entity}' THEN"
        f" (SELECT array_agg({alias}.id) FROM public.{table} {alias}"
        f" WHERE {alias}.id = ANY (row_ids) AND {alias}.user_id <> {ME})"
        for entity, (table, alias) in tables.items()
    )
    op.execute("GRANT CREATE ON SCHEMA public TO todo_probe")  # CREATE OR REPLACE of what it owns asks for it
    op.execute(
        "CREATE OR REPLACE FUNCTION belong_to_another(entity text, row_ids bigint[]) RETURNS bigint[]"
        " LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
        f" RETURN coalesce(CASE entity {cases} END, '{{}}')"
    )
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_probe")


def downgrade() -> None:
    steps.drop_index("ix_changes_agent_id")
    op.execute("LOCK TABLE users, changes, idempotency_keys IN ACCESS EXCLUSIVE MODE")
    op.execute(OF_OLD_CODE.format(agent=""))
    _belong_to_another(KNOWN)
    for name in ("latest_change", "require_active"):
        op.execute(f"DROP FUNCTION IF EXISTS {name}{ITS_ARGUMENTS}")
    op.execute("ALTER TABLE idempotency_keys DROP COLUMN IF EXISTS agent_id")
    op.execute("ALTER TABLE changes DROP COLUMN IF EXISTS agent_id, DROP COLUMN IF EXISTS request_id")
    op.execute("DROP TABLE IF EXISTS agents")
