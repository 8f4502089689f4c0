"""What a plain question looks for is found in a few steps, and a search is planned once: before the deploy.

Both versions call the same functions, which answer what they answered before.
"""

from alembic import context, op

revision = "0021"
down_revision = "0020_backfill"
branch_labels = None
depends_on = None

QUESTION_TERMS = r"""
CREATE OR REPLACE FUNCTION question_terms(
    question text, language text,
    OUT words text[], OUT terms text[], OUT follows boolean[], OUT common boolean[],
    OUT parts text[]
) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    plain text := lower(question COLLATE "C");
    dictionary regdictionary;
    stem text[];
    forms record;
    runs text[];
    stems text[];
    spellings text[];
    word text;
    term text;
    part text;
    ending text := '';
BEGIN
    IF length(plain) <= 255 AND plain ~ '^[a-z]+( [a-z]+)*$' THEN
        -- The same as below in few expressions. Most questions are a word or two of such letters.
        words := string_to_array(plain, ' ');
        IF language <> 'simple' THEN
            -- As `word_forms` has it.
            dictionary := 'pg_catalog.' || CASE WHEN language IN ('hindi', 'russian') THEN 'english' ELSE language END
                || '_stem';
        END IF;
        FOR i IN 1 .. cardinality(words) LOOP
            stem := ts_lexize(dictionary, words[i]);
            terms[i] := '(' || quote_literal(words[i]) || CASE WHEN i = cardinality(words) THEN ':*' ELSE '' END
                || CASE WHEN stem[1] <> words[i] THEN ' | ' || quote_literal(stem[1]) ELSE '' END || ')';
            follows[i] := false;
            common[i] := coalesce(stem = '{}', false);
        END LOOP;
        parts := terms;
        RETURN;
    END IF;
    forms := public.word_forms(question, language);
    runs := forms.words;
    stems := forms.stems;
    spellings := forms.spellings;
    words := '{}';
    terms := '{}';
    follows := '{}';
    common := '{}';
    parts := '{}';
    FOR i IN 1 .. cardinality(runs) LOOP
        CONTINUE WHEN runs[i] = '';
        IF runs[i] > '{' COLLATE "C" AND runs[i] ~ '^[{UNSPACED}]' THEN
            part := '';
            FOR n IN 1 .. greatest(length(runs[i]) - 1, 1) LOOP
                word := substr(runs[i], n, 2);
                term := quote_literal(word) || CASE WHEN length(word) = 1 THEN ':*' ELSE '' END;
                part := part || CASE WHEN n > 1 THEN ' <-> ' ELSE '' END || term;
                words := words || word;
                terms := terms || term;
                follows := follows || (n > 1);
                common := common || false;
            END LOOP;
        ELSE
            ending := CASE WHEN i = cardinality(runs) THEN ':*' ELSE '' END;
            part := quote_literal(runs[i]) || ending;
            IF spellings[i] <> runs[i] THEN
                part := part || ' | ' || quote_literal(spellings[i]) || ending;
            END IF;
            IF stems[i] NOT IN ('', runs[i]) THEN
                part := part || ' | ' || quote_literal(stems[i]);
            END IF;
            part := '(' || part || ')';
            words := words || runs[i];
            terms := terms || part;
            follows := follows || false;
            common := common || forms.common[i];
        END IF;
        parts := parts || part;
    END LOOP;
    IF octet_length(question) > length(question) THEN
        FOREACH word IN ARRAY public.signs_of(question) LOOP
            term := quote_literal(word) || ':*';
            words := words || word;
            terms := terms || term;
            follows := follows || false;
            common := common || false;
            parts := parts || term;
        END LOOP;
    END IF;
END
$$
"""
"""What is looked for, as before. A plain question passes a quarter of the expressions, and PostgreSQL sets each up anew
in every transaction."""


PLANNED_ONCE = "ALTER FUNCTION todos_with_words(text, text) {} plan_cache_mode"
"""What it asks of a person with few todos costs less to run than to plan, and PostgreSQL plans it anew each time: a
plan for any person looks dearer to it. What it asks of a person with many is text of its own, and planned as before."""


def upgrade() -> None:
    op.execute(PLANNED_ONCE.format("SET") + " = force_generic_plan")
    signs = context.script.get_revision("0020").module
    op.execute(signs.note_words()._filled(QUESTION_TERMS, signs.words()))


def downgrade() -> None:
    op.execute(PLANNED_ONCE.format("RESET"))
    op.execute(context.script.get_revision("0020_backfill").module.asking_for_signs())
