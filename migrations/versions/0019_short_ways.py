"""Who may act is found by one look, and a search reads words as they are: before the deploy.

Both versions call the same functions, which answer what they answered before.
"""

from types import ModuleType

from alembic import context, op

revision = "0019"
down_revision = "0018_finish"
branch_labels = None
depends_on = None

MAY_ACT = """
    -- Most may act: one look tells so, and who may not is told below why. Each kind of caller has a look of its own: of
    -- one for all, PostgreSQL would make a plan at each call, for with NULL in its place a part of it is left out.
    IF current_user = 'todo_app' THEN
        IF agent IS NULL THEN
            may_act := token IS NULL AND mandate IS NULL
                AND EXISTS (SELECT FROM public.users WHERE id = acting AND suspended_at IS NULL);
        ELSIF token IS NULL THEN
            may_act := EXISTS (
                SELECT FROM public.users u JOIN public.agents a ON a.user_id = u.id
                WHERE u.id = acting AND u.suspended_at IS NULL AND a.id = agent AND a.version = mandate
                    AND a.lists IS NULL AND a.blocked_at IS NULL AND (a.until IS NULL OR a.until > now())
            );
        ELSE
            may_act := EXISTS (
                SELECT FROM public.users u JOIN public.agents a ON a.user_id = u.id
                    JOIN public.api_tokens t ON t.user_id = u.id
                WHERE u.id = acting AND u.suspended_at IS NULL AND a.id = agent AND a.version = mandate
                    AND a.lists IS NULL AND a.blocked_at IS NULL AND (a.until IS NULL OR a.until > now())
                    AND t.id = token AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now())
            );
        END IF;
        IF may_act THEN
            RETURN acting;
        END IF;
    END IF;
"""

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
        wanted, me, array_remove(asked.parts::tsquery[], lead), '{0.3,0.8,0.4,1}'
    );
END
$$
"""


def upgrade() -> None:
    told_why: str = _before().REQUIRE_ACTIVE
    op.execute(told_why.replace("BEGIN\n", f"    may_act boolean;\nBEGIN{MAY_ACT}", 1))
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")  # CREATE OR REPLACE of what it owns asks for it
    op.execute(TODOS_WITH_WORDS)
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")


def downgrade() -> None:
    op.execute(_before().REQUIRE_ACTIVE)
    _before().search_within_mandates()


def _before() -> ModuleType:
    """Return the step that wrote both before."""
    return context.script.get_revision("0018").module
