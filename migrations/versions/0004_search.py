"""Full-text search under row-level security.

`@@` is not leakproof, so under row-level security the planner keeps it out of index conditions. A function of a role
that sees the words, and nothing else of a todo, finds the ids; it takes the user from the transaction.
"""

from alembic import op

from todo_core.schema import steps

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LANGUAGES = {
    "ar": "arabic",
    "ca": "catalan",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "eu": "basque",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "nb": "norwegian",
    "ne": "nepali",
    "nl": "dutch",
    "nn": "norwegian",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""PostgreSQL 15's text search configurations, by language."""

SEARCH = """
setweight(to_tsvector('simple', title) || stems(language, title), 'A')
|| setweight(to_tsvector('simple', coalesce(description, '')) || stems(language, coalesce(description, '')), 'B')
|| array_to_tsvector(ARRAY['user:' || user_id::text])
"""


def upgrade() -> None:
    cases = " ".join(f"WHEN '{tag}' THEN '{name}'" for tag, name in LANGUAGES.items())
    op.execute(
        f"""
        CREATE FUNCTION language_of(locale text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
        RETURN CASE split_part(locale, '-', 1) {cases} ELSE 'simple' END
        """
    )
    # A column of type regconfig would keep pg_upgrade from running; PostgreSQL's own configurations do not change.
    op.execute(
        """
        CREATE FUNCTION stems(language text, words text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
        AS $$ BEGIN RETURN to_tsvector(language::regconfig, words); END $$
        """
    )
    for function in ("language_of(text)", "stems(text, text)"):
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO todo_app")
    op.execute("ALTER TABLE todos ADD COLUMN language text NOT NULL DEFAULT 'simple'")
    op.execute(f"ALTER TABLE todos ADD COLUMN search tsvector GENERATED ALWAYS AS ({SEARCH}) STORED")
    # Pending entries would be searched one by one at each search.
    op.execute("CREATE INDEX ix_todos_search ON todos USING gin (search) WITH (fastupdate = off)")
    steps.make_role("todo_search")
    op.execute("GRANT USAGE ON SCHEMA public TO todo_search")
    op.execute("GRANT SELECT (id, user_id, search) ON todos TO todo_search")
    op.execute("CREATE POLICY search ON todos FOR SELECT TO todo_search USING (true)")
    op.execute(
        """
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
    )
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")
    op.execute("ALTER FUNCTION search_todos(text, text) OWNER TO todo_search")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")
    op.execute("REVOKE ALL ON FUNCTION search_todos(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION search_todos(text, text) TO todo_app")


def downgrade() -> None:
    op.execute("DROP FUNCTION search_todos(text, text)")
    op.execute("DROP POLICY search ON todos")
    op.execute("REVOKE SELECT (id, user_id, search) ON todos FROM todo_search")
    op.execute("REVOKE USAGE ON SCHEMA public FROM todo_search")
    op.drop_index("ix_todos_search", "todos")
    for column in ("search", "language"):
        op.drop_column("todos", column)
    op.execute("DROP FUNCTION stems(text, text)")
    op.execute("DROP FUNCTION language_of(text)")
