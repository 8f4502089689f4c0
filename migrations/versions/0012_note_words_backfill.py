"""Todos are found by the words of their notes, too: those of notes that were there before. And all are looked for."""

from alembic import context, op

from todo_core.schema import steps

revision = "0012_backfill"
down_revision = "0012"
branch_labels = None
depends_on = None

TODOS_WITH_WORDS = """
CREATE OR REPLACE FUNCTION todos_with_words(question text, language text) RETURNS TABLE (id bigint, rank real)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := nullif(current_setting('app.user_id', true), '')::bigint;
    asked record := public.question_terms(question, language);
    wanted tsquery := nullif(array_to_string(asked.parts, ' & '), '')::tsquery;
    mine tsquery := quote_literal('@' || me)::tsquery;
    telling tsquery;
    any_telling tsquery;
    in_todos text;
    in_notes text;
BEGIN
    IF me IS NULL OR wanted IS NULL THEN
        RETURN;
    END IF;
    -- EXECUTE: a plan for any words would be a bad one for most. `+ 0` leaves other indexes alone; the user is among
    -- the words. The beginning of a word is in very many rows of others: it is faster to look at all of one's own rows
    -- where they are few.
    IF NOT EXISTS (SELECT FROM public.notes AS n WHERE n.user_id = me) THEN
        IF EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000) THEN
            RETURN QUERY EXECUTE format(
                'SELECT id, ts_rank(%L, words, %L) FROM public.todos WHERE user_id + 0 = %s AND words @@ %L',
                '{0.3,0.8,0.4,1}', wanted, me, mine && wanted
            );
        ELSE
            RETURN QUERY
            SELECT t.id, ts_rank('{0.3,0.8,0.4,1}', t.words, wanted) FROM public.todos AS t
            WHERE t.user_id = me AND (t.words || '') @@ wanted;
        END IF;
        RETURN;
    END IF;
    telling := array_to_string(asked.telling, ' & ');
    any_telling := array_to_string(asked.telling, ' | ');
    in_todos := CASE
        WHEN EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000)
        THEN format('user_id + 0 = %s AND words @@ %L', me, mine && telling)
        ELSE format('user_id = %s AND (words || '''') @@ %L', me, telling)
    END;
    IF telling <> wanted THEN
        in_todos := in_todos || format(' AND (note_count > 0 OR words @@ %L)', wanted);
    END IF;
    in_notes := CASE
        WHEN EXISTS (SELECT FROM public.notes AS n WHERE n.user_id = me OFFSET 2000)
        THEN format('user_id + 0 = %s AND words @@ %L', me, mine && any_telling)
        ELSE format('user_id = %s AND (words || '''') @@ %L', me, any_telling)
    END;
    -- A todo that has all words has all that tell something by itself, or one of them in a note. What it lacks by
    -- itself is looked for in its notes, one word after the other.
    RETURN QUERY EXECUTE format(
        $sql$
        WITH noted AS MATERIALIZED (
            SELECT todo_id, max(ts_rank(%1$L, words, %2$L)) AS rank FROM public.notes WHERE %3$s GROUP BY todo_id
        ), candidate AS (
            SELECT id FROM public.todos WHERE %4$s UNION SELECT todo_id FROM noted
        )
        SELECT t.id, ts_rank(%1$L, t.words, %2$L) + coalesce(noted.rank, 0)
        FROM candidate JOIN public.todos AS t ON t.id = candidate.id LEFT JOIN noted ON noted.todo_id = t.id
        WHERE t.user_id = %5$s AND (t.words @@ %2$L OR NOT EXISTS (
            SELECT FROM unnest(%6$L::tsquery[]) AS part
            WHERE NOT t.words @@ part AND NOT EXISTS (
                SELECT FROM public.notes AS n WHERE n.user_id = %5$s AND n.todo_id = t.id AND (n.words || '') @@ part
            )
        ))
        $sql$,
        '{0.3,0.8,0.4,1}', wanted, in_notes, in_todos, me, asked.parts
    );
END
$$
"""


def upgrade() -> None:
    # The primary key begins with the user.
    steps.create_index("ix_notes_without_words", "notes (id) WHERE words IS NULL")
    steps.backfill(
        "notes",
        lacking="words IS NULL",
        # The trigger makes them.
        change="UPDATE notes SET words = NULL WHERE id = ANY ($1::bigint[]) AND words IS NULL",
        also=("users",),
    )
    op.execute("ALTER TABLE notes VALIDATE CONSTRAINT ck_notes_has_words")
    steps.create_index("ix_notes_words", "notes USING gin (words) WITH (fastupdate = off)")
    steps.drop_index("ix_notes_without_words")
    op.execute(TODOS_WITH_WORDS)


def downgrade() -> None:
    before = context.script.get_revision("0008").module.TODOS_WITH_WORDS
    op.execute(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    context.script.get_revision("0012").module.ask_for_words()
    steps.drop_index("ix_notes_words")
