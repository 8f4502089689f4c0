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
    has_many_todos boolean;
    has_many_notes boolean;
    lead tsquery;
BEGIN
    IF me IS NULL OR wanted IS NULL THEN
        RETURN;
    END IF;
    -- EXECUTE: a plan for any words would be a bad one for most. `+ 0` leaves other indexes alone; the user is among
    -- the words. The beginning of a word is in very many rows of others: it is faster to look at all of one's own rows
    -- where they are few.
    has_many_todos := EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000);
    -- In an order that an index has: of a user with many, the planner expects one soon, wherever it begins to look.
    IF (SELECT n.todo_id FROM public.notes AS n WHERE n.user_id = me ORDER BY n.todo_id LIMIT 1) IS NULL THEN
        IF has_many_todos THEN
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
    -- A todo that has all parts has the longest one, by itself or in a note: these todos alone are looked at.
    has_many_notes := EXISTS (
        SELECT FROM public.notes AS n WHERE n.user_id = me ORDER BY n.todo_id OFFSET 2000
    );
    lead := (SELECT part FROM unnest(asked.parts) AS part ORDER BY length(part) DESC LIMIT 1);
    RETURN QUERY EXECUTE format(
        $sql$
        WITH candidate AS (
            SELECT id FROM public.todos WHERE %1$s AND (note_count > 0 OR words @@ %3$L)
            UNION SELECT todo_id FROM public.notes WHERE %2$s
        )
        SELECT t.id, ts_rank(%6$L, t.words, %3$L) + CASE WHEN t.note_count > 0 THEN coalesce((
            SELECT max(ts_rank(%6$L, n.words, %3$L)) FROM public.notes AS n WHERE n.user_id = %4$s AND n.todo_id = t.id
        ), 0) ELSE 0 END
        FROM candidate JOIN public.todos AS t ON t.id = candidate.id
        WHERE t.user_id = %4$s AND (t.words @@ %3$L OR NOT EXISTS (
            SELECT FROM unnest(%5$L::tsquery[]) AS part
            WHERE NOT t.words @@ part AND NOT EXISTS (
                SELECT FROM public.notes AS n WHERE n.user_id = %4$s AND n.todo_id = t.id AND (n.words || '') @@ part
            )
        ))
        $sql$,
        CASE
            WHEN has_many_todos THEN format('user_id + 0 = %s AND words @@ %L', me, mine && lead)
            ELSE format('user_id = %s AND (words || '''') @@ %L', me, lead)
        END,
        CASE
            WHEN has_many_notes THEN format('user_id + 0 = %s AND words @@ %L', me, mine && lead)
            ELSE format('user_id = %s AND (words || '''') @@ %L', me, lead)
        END,
        wanted, me, array_remove(asked.parts::tsquery[], lead), '{0.3,0.8,0.4,1}'
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
