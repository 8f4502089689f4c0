"""Todos are found by the words of their notes, too: before the deploy.

Each note has words of its own, which a trigger writes: those of all notes of a todo would be more than a `tsvector`
holds, and each addition would write all of them anew. Beside that, the words of a question are made in less time.
"""

from types import ModuleType

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011_finish"
branch_labels = None
depends_on = None

WORD_FORMS = r"""
CREATE OR REPLACE FUNCTION word_forms(
    t text, language text, OUT words text[], OUT stems text[], OUT spellings text[], OUT common boolean[]
) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    normal text := public.split_words(t);
    is_ascii boolean := octet_length(normal) = length(normal);
    parts text[] := string_to_array(normal, ' ');
    found text[] := array_fill(''::text, ARRAY[cardinality(parts)]);
    stopped boolean[] := array_fill(false, ARRAY[cardinality(parts)]);
    stem text[];
    dictionary regdictionary;
    latin regdictionary;
BEGIN
    IF language <> 'simple' THEN
        -- As in PostgreSQL's own configurations.
        latin := 'pg_catalog.' || CASE WHEN language IN ('hindi', 'russian') THEN 'english' ELSE language END
            || '_stem';
        dictionary := CASE WHEN is_ascii THEN latin ELSE ('pg_catalog.' || language || '_stem')::regdictionary END;
        FOR i IN 1 .. cardinality(parts) LOOP
            CONTINUE WHEN parts[i] ~ '[0-9]' OR NOT is_ascii AND parts[i] ~ '[{UNSPACED}{PICTURES}]';
            stem := ts_lexize(CASE WHEN parts[i] < '{' COLLATE "C" THEN latin ELSE dictionary END, parts[i]);
            found[i] := coalesce(stem[1], '');
            stopped[i] := stem = '{}';
        END LOOP;
    END IF;
    common := stopped;
    IF is_ascii THEN
        words := parts;
        stems := found;
        RETURN;
    END IF;
    words := string_to_array(public.without_accents(normal), ' ');
    stems := string_to_array(public.without_accents(array_to_string(found, ' ')), ' ');
    IF normal ~ '[{SPELLED}]' THEN
        spellings := string_to_array(public.without_accents({SPELLED_OUT}), ' ');
    END IF;
END
$$
"""
"""The same words as before, of ASCII in less time."""

SEARCH_LEXEMES = r"""
CREATE OR REPLACE FUNCTION search_lexemes(t text, language text, exact text, alike text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    normal text := public.split_words(t);
    forms record;
    words text[];
    stems text[];
    spellings text[];
    written text := '';
    others text := '';
    place integer := 0;
BEGIN
    IF octet_length(normal) = length(normal) AND normal !~ '[0-9]e[0-9]' THEN
        -- The same as below, in a tenth of the time: of words of ASCII, the parser takes 1e5x alone for two.
        RETURN setweight(to_tsvector('pg_catalog.simple', normal), exact::"char")
            || setweight(to_tsvector(language::regconfig, normal), alike::"char");
    END IF;
    forms := public.word_forms(t, language);
    words := forms.words;
    stems := forms.stems;
    spellings := forms.spellings;
    FOR i IN 1 .. cardinality(words) LOOP
        IF words[i] ~ '^[{UNSPACED}]' THEN
            written := written || (
                SELECT string_agg(' ''' || pair || ''':' || place + n, '') FROM (
                    SELECT c || coalesce(lead(c) OVER (ORDER BY n), '') AS pair, n
                    FROM unnest(string_to_array(words[i], NULL)) WITH ORDINALITY AS characters (c, n)
                ) AS pairs
            );
            place := place + length(words[i]);
        ELSIF words[i] <> '' THEN
            place := place + 1;
            written := written || ' ''' || words[i] || ''':' || place;
            IF stems[i] <> '' THEN
                others := others || ' ''' || stems[i] || ''':' || place;
            END IF;
            IF spellings[i] <> words[i] THEN
                others := others || ' ''' || spellings[i] || ''':' || place;
            END IF;
        END IF;
    END LOOP;
    RETURN setweight(written::tsvector, exact::"char") || setweight(others::tsvector, alike::"char");
END
$$
"""
"""The same lexemes as before, of a long run without spaces in less time: of 4,000 characters in 12 ms and not in 80."""

SEARCH_DOCUMENT = """
CREATE OR REPLACE FUNCTION search_document(owner bigint, language text, title text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN public.search_lexemes(title, language, 'A', 'C')
    || coalesce(public.search_lexemes(description, language, 'B', 'D'), '')
    || array_to_tsvector(ARRAY['@' || owner::text])
"""
"""The same as before; where there is no description, none is split into words."""

QUESTION_TERMS = r"""
CREATE OR REPLACE FUNCTION question_terms(
    question text, language text,
    OUT words text[], OUT terms text[], OUT follows boolean[], OUT common boolean[],
    OUT parts text[]
) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    forms record := public.word_forms(question, language);
    runs text[] := forms.words;
    stems text[] := forms.stems;
    spellings text[] := forms.spellings;
    word text;
    term text;
    part text;
    ending text := '';
BEGIN
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
END
$$
"""
"""What is looked for, in order, a place in each array for each: a word, or a pair of a run without spaces; its forms,
as text of a `tsquery`; whether it has to follow the pair before; whether the language has it in most sentences. The
last word may be a beginning.

`parts` are the terms with the pairs of each run in one: a text has what is asked for if it has all of them.
"""

SEARCH_TERMS = """
CREATE OR REPLACE FUNCTION search_terms(question text, language text)
RETURNS TABLE (word text, term text, follows boolean, is_common boolean)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS $$
    SELECT asked.* FROM public.question_terms(question, language) AS q,
        unnest(q.words, q.terms, q.follows, q.common) AS asked
$$
"""
"""The same, a row for each."""

INDEX_NOTE = """
CREATE OR REPLACE FUNCTION index_note() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    language text := public.language_of((SELECT locale FROM public.users WHERE id = NEW.user_id));
BEGIN
    NEW.words := public.search_lexemes(NEW.text, language, 'B', 'D') || array_to_tsvector(ARRAY['@' || NEW.user_id]);
    RETURN NEW;
END
$$
"""
"""Weights as those of a description."""


def upgrade() -> None:
    op.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    first = _words()
    op.execute(_filled(WORD_FORMS, first))
    op.execute(_filled(SEARCH_LEXEMES, first))
    op.execute(SEARCH_DOCUMENT)
    op.execute(_filled(QUESTION_TERMS, first))
    op.execute("REVOKE ALL ON FUNCTION question_terms(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION question_terms(text, text) TO todo_app, todo_search")
    op.execute(SEARCH_TERMS)
    op.add_column("notes", sa.Column("words", postgresql.TSVECTOR(), nullable=True), if_not_exists=True)
    op.execute(INDEX_NOTE)
    op.execute("REVOKE ALL ON FUNCTION index_note() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION index_note() TO todo_app")
    op.execute("CREATE OR REPLACE TRIGGER index_new BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION index_note()")
    op.execute(
        "CREATE OR REPLACE TRIGGER index_again BEFORE UPDATE ON notes FOR EACH ROW WHEN (NEW.words IS NULL)"
        " EXECUTE FUNCTION index_note()"
    )
    ask_for_words()
    op.execute("GRANT SELECT (note_count) ON todos TO todo_search")
    op.execute("GRANT SELECT (user_id, todo_id, words) ON notes TO todo_search")
    op.execute("DROP POLICY IF EXISTS search ON notes")
    op.execute("CREATE POLICY search ON notes FOR SELECT TO todo_search USING (true)")


def ask_for_words() -> None:
    """Refuse notes without words from here on, without a look at those that there are. It can be repeated."""
    op.execute("ALTER TABLE notes DROP CONSTRAINT IF EXISTS ck_notes_has_words")
    op.execute("ALTER TABLE notes ADD CONSTRAINT ck_notes_has_words CHECK (words IS NOT NULL) NOT VALID")


def downgrade() -> None:
    op.execute("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP POLICY IF EXISTS search ON notes")
    op.execute("REVOKE SELECT (note_count) ON todos FROM todo_search")
    op.execute("REVOKE SELECT (user_id, todo_id) ON notes FROM todo_search")
    for trigger in ("index_new", "index_again"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON notes")
    op.execute("DROP FUNCTION IF EXISTS index_note()")
    op.execute("ALTER TABLE notes DROP CONSTRAINT IF EXISTS ck_notes_has_words")
    op.execute("ALTER TABLE notes DROP COLUMN IF EXISTS words")
    op.execute(_words().SEARCH_TERMS)
    op.execute(_words().SEARCH_DOCUMENT)
    op.execute(_words().SEARCH_LEXEMES)
    op.execute(_words().WORD_FORMS)
    op.execute("DROP FUNCTION IF EXISTS question_terms(text, text)")


def _words() -> ModuleType:
    """Return the step that made the words of todos."""
    return context.script.get_revision("0008").module


def _filled(function: str, first: ModuleType) -> str:
    """Return a function with the ranges of characters that the first step wrote down."""
    function = function.replace("{UNSPACED}", first.UNSPACED).replace("{PICTURES}", first.PICTURES)
    spelled_out = first._replaced("normal", first.SPELLED)
    return function.replace("{SPELLED}", "".join(first.SPELLED)).replace("{SPELLED_OUT}", spelled_out)
