"""A write of one statement is one round trip, and a search in notes is planned once: before the deploy.

Only new code calls the function that writes. Both versions call the one that searches, which answers what it answered
before.
"""

from alembic import context, op

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

TODOS_WITH_WORDS = """
CREATE OR REPLACE FUNCTION todos_with_words(question text, language text) RETURNS TABLE (id bigint, rank real)
LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me bigint := nullif(current_setting('app.user_id', true), '')::bigint;
    asked record := public.question_terms(question, language);
    wanted tsquery := nullif(array_to_string(asked.parts, ' & '), '')::tsquery;
    mine tsquery := quote_literal('@' || me)::tsquery;
    has_many_todos boolean;
    has_many_notes boolean;
    lead tsquery;
    others tsquery[];
BEGIN
    IF me IS NULL OR wanted IS NULL THEN
        RETURN;
    END IF;
    -- EXECUTE: a plan for any words would be a bad one for most. `+ 0` leaves other indexes alone; the user is among
    -- the words. The beginning of a word is in very many rows of others: it is faster to look at all of one's own rows
    -- where they are few, by `ts_match_vq`, which is what `@@` calls, and no index is for.
    has_many_todos := EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000);
    -- In an order that an index has: of a user with many, the planner expects one soon, wherever it begins to look.
    IF (SELECT n.todo_id FROM public.notes AS n WHERE n.user_id = me ORDER BY n.todo_id LIMIT 1) IS NULL THEN
        IF has_many_todos THEN
            RETURN QUERY EXECUTE format(
                'SELECT id, ts_rank(%L, words, %L) FROM public.todos'
                ' WHERE user_id + 0 = %s AND words @@ %L AND public.in_mandate(list_id)',
                '{0.3,0.8,0.4,1}', wanted, me, mine && wanted
            );
        ELSE
            RETURN QUERY
            SELECT t.id, ts_rank('{0.3,0.8,0.4,1}', t.words, wanted) FROM public.todos AS t
            WHERE t.user_id = me AND ts_match_vq(t.words, wanted) AND public.in_mandate(t.list_id);
        END IF;
        RETURN;
    END IF;
    -- A todo that has all parts has the longest one, by itself or in a note: these todos alone are looked at.
    has_many_notes := EXISTS (
        SELECT FROM public.notes AS n WHERE n.user_id = me ORDER BY n.todo_id OFFSET 2000
    );
    lead := (SELECT part FROM unnest(asked.parts) AS part ORDER BY length(part) DESC LIMIT 1);
    others := array_remove(asked.parts::tsquery[], lead);
    IF NOT has_many_todos AND NOT has_many_notes THEN
        -- As below, planned once for everybody. IN is a set that is looked up, and no join: where there are no
        -- statistics, a join would compare each todo with each note.
        RETURN QUERY
        SELECT t.id, ts_rank('{0.3,0.8,0.4,1}', t.words, wanted) + CASE WHEN t.note_count > 0 THEN coalesce((
            SELECT max(ts_rank('{0.3,0.8,0.4,1}', n.words, wanted)) FROM public.notes AS n
            WHERE n.user_id = me AND n.todo_id = t.id
        ), 0) ELSE 0 END
        FROM public.todos AS t
        WHERE t.user_id = me AND public.in_mandate(t.list_id) AND (ts_match_vq(t.words, wanted) OR (
            (t.note_count > 0 AND ts_match_vq(t.words, lead) OR t.id IN (
                SELECT n.todo_id FROM public.notes AS n WHERE n.user_id = me AND ts_match_vq(n.words, lead)
            )) AND NOT EXISTS (
                SELECT FROM unnest(others) AS part
                WHERE NOT ts_match_vq(t.words, part) AND NOT EXISTS (
                    SELECT FROM public.notes AS n
                    WHERE n.user_id = me AND n.todo_id = t.id AND ts_match_vq(n.words, part)
                )
            )
        ));
        RETURN;
    END IF;
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
        WHERE t.user_id = %4$s AND public.in_mandate(t.list_id) AND (t.words @@ %3$L OR NOT EXISTS (
            SELECT FROM unnest(%5$L::tsquery[]) AS part
            WHERE NOT t.words @@ part AND NOT EXISTS (
                SELECT FROM public.notes AS n
                WHERE n.user_id = %4$s AND n.todo_id = t.id AND ts_match_vq(n.words, part)
            )
        ))
        $sql$,
        CASE
            WHEN has_many_todos THEN format('user_id + 0 = %s AND words @@ %L', me, mine && lead)
            ELSE format('user_id = %s AND ts_match_vq(words, %L)', me, lead)
        END,
        CASE
            WHEN has_many_notes THEN format('user_id + 0 = %s AND words @@ %L', me, mine && lead)
            ELSE format('user_id = %s AND ts_match_vq(words, %L)', me, lead)
        END,
        wanted, me, others, '{0.3,0.8,0.4,1}'
    );
END
$$
"""
"""What it finds, as before. Of a person with few todos and some notes it costs less to run than to plan, which EXECUTE
does each time."""


def upgrade() -> None:
    op.execute(WRITE_AT_ONCE)
    op.execute("REVOKE ALL ON FUNCTION write_at_once(bigint, bigint, bigint, integer, text, text[]) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION write_at_once(bigint, bigint, bigint, integer, text, text[]) TO todo_app")
    _search(TODOS_WITH_WORDS)


def downgrade() -> None:
    _search(context.script.get_revision("0019").module.TODOS_WITH_WORDS)
    op.execute(context.script.get_revision("0021").module.PLANNED_ONCE.format("SET") + " = force_generic_plan")
    op.execute("DROP FUNCTION IF EXISTS write_at_once(bigint, bigint, bigint, integer, text, text[])")


def _search(function: str) -> None:
    """Replace a function of `todo_search`: who replaces what it owns, needs its right to make one."""
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")
    op.execute(function)
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")
