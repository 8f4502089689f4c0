"""Todos are found by the normal forms of their words alone.

The way back writes the table anew, and nobody reads it meanwhile: what the version before searches is computed.
"""

from alembic import context, op

from todo_core.schema import steps

revision = "0008_finish"
down_revision = "0008_backfill"
branch_labels = None
depends_on = None

SEARCH_TODOS = """
CREATE FUNCTION search_todos(words text, language text) RETURNS TABLE (id bigint, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := nullif(current_setting('app.user_id', true), '')::bigint;
    plain text := plainto_tsquery('simple', words)::text;
    last text := regexp_replace(plain, '^.* & ', '');
    stems text := plainto_tsquery(language::regconfig, words)::text;
    wanted tsquery;
BEGIN
    IF me IS NULL OR plain = '' THEN
        RETURN;
    END IF;
    wanted := (plain || ':*')::tsquery;
    IF stems NOT IN ('', plain) THEN
        -- A common word has no stem; as the last one it may be the beginning of another.
        IF plainto_tsquery(language::regconfig, last)::text = '' THEN
            stems := stems || ' & ' || last;
        END IF;
        wanted := wanted || (stems || ':*')::tsquery;
    END IF;
    IF EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000) THEN
        -- EXECUTE: a plan for any words would be a bad one for most. `+ 0` leaves the full-text index alone;
        -- the user is among its words.
        RETURN QUERY EXECUTE format(
            'SELECT id, ts_rank(search, %L) FROM public.todos WHERE user_id + 0 = %s AND search @@ %L',
            wanted, me, quote_literal('user:' || me)::tsquery && wanted
        );
    ELSE
        -- The beginning of a word is in very many todos of others: here it is faster to look at one's own.
        RETURN QUERY
        SELECT t.id, ts_rank(t.search, wanted) FROM public.todos AS t
        WHERE t.user_id = me AND (t.search || '') @@ wanted;
    END IF;
END
$$
"""
STEMS = """
CREATE OR REPLACE FUNCTION stems(language text, words text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$ BEGIN RETURN to_tsvector(language::regconfig, words); END $$
"""


def upgrade() -> None:
    steps.drop_index("ix_todos_search")
    op.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
    # Without a scan: the constraint is valid.
    op.execute("ALTER TABLE todos ALTER COLUMN words SET NOT NULL, ALTER COLUMN title_key SET NOT NULL")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_words")
    op.execute("DROP FUNCTION IF EXISTS search_todos(text, text)")
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS search")
    op.execute("DROP FUNCTION IF EXISTS stems(text, text)")


def downgrade() -> None:
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_words")
    op.execute("DROP FUNCTION IF EXISTS search_todos(text, text)")
    op.execute(STEMS)
    op.execute("REVOKE ALL ON FUNCTION stems(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION stems(text, text) TO todo_app")
    search = context.script.get_revision("0004").module.SEARCH
    op.execute(
        "ALTER TABLE todos ALTER COLUMN words DROP NOT NULL, ALTER COLUMN title_key DROP NOT NULL,"
        " ADD CONSTRAINT ck_todos_has_words CHECK (words IS NOT NULL AND title_key IS NOT NULL),"
        f" ADD COLUMN IF NOT EXISTS search tsvector GENERATED ALWAYS AS ({search}) STORED"
    )
    op.execute("GRANT SELECT (search) ON todos TO todo_search")
    op.execute(SEARCH_TODOS)
    op.execute("REVOKE ALL ON FUNCTION search_todos(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION search_todos(text, text) TO todo_app")
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")
    op.execute("ALTER FUNCTION search_todos(text, text) OWNER TO todo_search")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")
    steps.create_index("ix_todos_search", "todos USING gin (search) WITH (fastupdate = off)")
