"""Agents can propose what they would do: before the deploy.

A change that was made of a proposal names it, and how the person approved it. And people have a mark, up to which they
have reviewed what agents did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LOSES = {
    "proposals": ("proposals", "true"),
    "up to where people have reviewed what agents did": ("users", "reviewed_through > 0"),
}

ME = "(SELECT nullif(current_setting('app.user_id', true), '')::bigint)"

KNOWN = {
    "todo": ("todos", "t"),
    "token": ("api_tokens", "t"),
    "change": ("changes", "c"),
    "list": ("lists", "l"),
    "tag": ("tags", "g"),
    "agent": ("agents", "a"),
}
"""What `belong_to_another` could tell of before: the table, and its name in the function."""


def upgrade() -> None:
    # In the order in which requests take them.
    op.execute("LOCK TABLE users, changes IN ACCESS EXCLUSIVE MODE")
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "proposals",
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("agent_id", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("call", sa.JSON(), nullable=False),
        sa.Column("said_at", moment, nullable=False),
        sa.Column("said_in", sa.Text(), nullable=False),
        sa.Column("shown", sa.JSON(), nullable=False),
        sa.Column("effects", sa.JSON(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("client", sa.Text()),
        sa.Column("token_id", sa.BigInteger()),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("decision", sa.Text()),
        sa.Column("decided_at", moment),
        sa.Column("decided_by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("change_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("user_id", "id", name="pk_proposals"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_proposals_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["user_id", "agent_id"], ["agents.user_id", "agents.id"], name="fk_proposals_agent_id", ondelete="CASCADE"
        ),
        sa.CheckConstraint("char_length(reason) <= 500", name=op.f("ck_proposals_reason_length")),
        sa.CheckConstraint("char_length(note) <= 500", name=op.f("ck_proposals_note_length")),
        if_not_exists=True,
    )
    op.create_index("ix_proposals_agent", "proposals", ["user_id", "agent_id", "id"], if_not_exists=True)
    op.execute("ALTER TABLE proposals ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE proposals FORCE ROW LEVEL SECURITY")
    op.execute("DROP POLICY IF EXISTS own_rows ON proposals")
    op.execute(f"CREATE POLICY own_rows ON proposals TO todo_app USING (user_id = {ME}) WITH CHECK (user_id = {ME})")
    op.execute("DROP POLICY IF EXISTS decided_by_the_person ON proposals")
    op.execute(
        "CREATE POLICY decided_by_the_person ON proposals AS RESTRICTIVE FOR UPDATE TO todo_app"
        " USING ((SELECT nullif(current_setting('app.agent', true), '')) IS NULL)"
    )
    # What was proposed stays as it is: a decision is all that is written later.
    op.execute("GRANT SELECT, INSERT ON proposals TO todo_app")
    op.execute("GRANT UPDATE (decision, decided_at, decided_by, note, change_id) ON proposals TO todo_app")
    op.execute("DROP POLICY IF EXISTS over ON proposals")
    op.execute("CREATE POLICY over ON proposals TO todo_janitor USING (least(decided_at, expires_at) < now())")
    op.execute("GRANT SELECT (user_id, id, decided_at, expires_at), DELETE ON proposals TO todo_janitor")
    op.execute("GRANT SELECT (id, user_id) ON proposals TO todo_probe")
    op.execute("DROP POLICY IF EXISTS probe ON proposals")
    op.execute("CREATE POLICY probe ON proposals FOR SELECT TO todo_probe USING (true)")
    _belong_to_another(KNOWN | {"proposal": ("proposals", "p")})
    op.execute("ALTER TABLE users ADD COLUMN IF NOT EXISTS reviewed_through bigint NOT NULL DEFAULT 0")
    op.execute("GRANT UPDATE (reviewed_through) ON users TO todo_app")
    op.execute("ALTER TABLE changes ADD COLUMN IF NOT EXISTS proposal_id bigint")
    op.execute("ALTER TABLE changes ADD COLUMN IF NOT EXISTS approved_by text")


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
    _belong_to_another(KNOWN)
    op.execute("LOCK TABLE users, changes IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE changes DROP COLUMN IF EXISTS approved_by")
    op.execute("ALTER TABLE changes DROP COLUMN IF EXISTS proposal_id")
    op.execute("ALTER TABLE users DROP COLUMN IF EXISTS reviewed_through")
    op.execute("DROP TABLE IF EXISTS proposals")
