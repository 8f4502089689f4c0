"""A write of one statement is one round trip: before the deploy.

Only new code calls the function; a server of the version before goes on as it did.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

WRITE_AT_ONCE = """
CREATE OR REPLACE FUNCTION write_at_once(
    acting bigint, token bigint, agent bigint, mandate integer, statement text, texts text[]
) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.require_active(set_config('app.user_id', acting::text, true)::bigint, token, agent, mandate),
        set_config('app.agent', agent::text, true),
        set_config('plan_cache_mode', 'force_generic_plan', true),
        set_config('app.text_1', texts[1], true), set_config('app.text_2', texts[2], true),
        set_config('app.text_3', texts[3], true), set_config('app.text_4', texts[4], true),
        set_config('app.text_5', texts[5], true), set_config('app.text_6', texts[6], true),
        pg_advisory_xact_lock(acting);
    RETURN QUERY EXECUTE statement;
END
$$
"""
"""Each statement of a volatile function sees what was committed before it began: what is written after the lock sees
whatever the lock was waited for."""


def upgrade() -> None:
    op.execute(WRITE_AT_ONCE)
    op.execute("REVOKE ALL ON FUNCTION write_at_once(bigint, bigint, bigint, integer, text, text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION write_at_once(bigint, bigint, bigint, integer, text, text[]) TO todo_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION IF EXISTS write_at_once(bigint, bigint, bigint, integer, text, text[])")
