"""Todos are found by arrows, shapes and all other signs that stand for themselves: before the deploy.

Texts get the words of their signs beside those that they had. Questions ask for them after the backfill: until then
both versions find in old and new texts what they found before.
"""

from types import ModuleType

from alembic import context, op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SIGNS = (
    r"\u00a9\u00ae\u203c\u2049\u2104\u2108\u2114\u2117-\u2118\u211e-\u211f\u2122-\u2123\u2125\u2127\u2129\u212e"
    r"\u2139-\u213a\u2141-\u2144\u214a-\u214d\u214f\u218a-\u218b\u2190-\u2211\u2213-\u2214\u2218\u221a-\u2222"
    r"\u2224-\u222b\u222e\u2231-\u2235\u2237-\u223b\u223d-\u22c4\u22c6-\u2307\u230c-\u2319\u231c-\u2327\u232b-\u23ce"
    r"\u23d0-\u23e8\u23fb-\u2426\u2440-\u244a\u24c2\u2500-\u25ff\u27c0-\u27c4\u27c7-\u27e5\u27f0-\u2982\u2999-\u29d7"
    r"\u29dc-\u29fb\u29fe-\u2a0b\u2a0d-\u2a73\u2a77-\u2adb\u2add-\u2b04\u2b08-\u2b1a\u2b1d-\u2b4f\u2b51-\u2b54"
    r"\u2b56-\u2bff\u2e50-\u2e51\u2ff0-\u2ffb\u3004\u3012-\u3013\u3020\u3030\u3037\u303d-\u303f\u3190-\u3191"
    r"\u31c0-\u31e3\u327f\u3297\u3299\u4dc0-\u4dff\ua836-\ua837\ua839\U00010137-\U0001013f\U0001cf50-\U0001cfc3"
    r"\U0001d000-\U0001d0f5\U0001d100-\U0001d15d\U0001d16a-\U0001d16c\U0001d183-\U0001d184\U0001d18c-\U0001d1a9"
    r"\U0001d1ae-\U0001d1ba\U0001d1c1-\U0001d1ea\U0001d300-\U0001d356\U0001fb00-\U0001fbca"
)
"""What is a word by itself beside the pictures of schema 0008: everything with the property Emoji, and symbols from
U+2100 on (Unicode 14, So and Sm) that belong to no one script, or to Braille, and that NFKC leaves as they are.

Not what is typed between words or with numbers, as the marks of ASCII are: currency, the degree, the times
sign, and the operators that look like such a mark: U+2212, U+2215 to 2217, U+2219, U+2223, U+2236, U+223C, U+22C5.
"""
LETTERS = r"\u24b6-\u24e9\U0001f130-\U0001f149"
"""Letters in circles and squares that NFKC makes plain letters of. Schema 0008 makes a word of each."""
LONGEST, LONGEST_WORD = 5_000, 255
"""Characters of a text that are read, and of a word that count; the same as in schema 0008."""

SIGNS_OF = rf"""
CREATE OR REPLACE FUNCTION signs_of(t text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    t := left(t, {LONGEST});
    IF t !~ '[{SIGNS}{LETTERS}\u20e3\u0338]' THEN
        RETURN '{{}}';
    END IF;
    RETURN ARRAY(
        SELECT CASE WHEN length(sign[1]) = 1 THEN sign[1]
            ELSE left(lower(normalize(sign[1], NFKC) COLLATE "C"), {LONGEST_WORD}) END AS word
        FROM regexp_matches(
            translate(normalize(t, NFC), E'\ufe0e\ufe0f', ''), '[{SIGNS}]|[0-9#*]\u20e3|[{LETTERS}]{{2,}}', 'g'
        ) WITH ORDINALITY AS found (sign, n)
        GROUP BY word ORDER BY min(n)
    );
END
$$
"""
"""The words that a text has of its signs, each once, in their order: a sign, a key (`#` and U+20E3), several letters in
circles as one plain word. Beside them stand the words that `word_forms` makes of the same text.

NFC may make a sign of what is none, by the stroke U+0338.
"""

SEARCH_LEXEMES = r"""
CREATE OR REPLACE FUNCTION search_lexemes(t text, language text, exact text, alike text) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    normal text := public.split_words(t);
    signs text[] := CASE WHEN octet_length(t) > length(t) THEN public.signs_of(t) ELSE '{}' END;
    forms record;
    words text[];
    stems text[];
    spellings text[];
    written text := '';
    others text := '';
    place integer := 0;
BEGIN
    IF octet_length(normal) = length(normal) AND normal !~ '[0-9]e[0-9]' AND signs = '{}' THEN
        -- The same as below, in a tenth of the time: of words of ASCII, the parser takes 1e5x alone for two.
        RETURN setweight(to_tsvector('pg_catalog.simple', normal), exact::"char")
            || setweight(to_tsvector(language::regconfig, normal), alike::"char");
    END IF;
    FOR i IN 1 .. cardinality(signs) LOOP
        place := place + 1;
        written := written || ' ''' || signs[i] || ''':' || place;
    END LOOP;
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
"""The same lexemes as before, after those of the signs."""


def upgrade() -> None:
    op.execute(SIGNS_OF)
    op.execute("REVOKE ALL ON FUNCTION signs_of(text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION signs_of(text) TO todo_app, todo_search")
    first = words()
    # The sign of information is no letter of the word beside it, and a key no digit.
    op.execute(first.NORMAL_FORM.replace(f"'[{first.IN_ONE}]'", rf"'[\u2139{first.IN_ONE}]'"))
    op.execute(first.SPLIT_WORDS.replace(f"'{first.FLAGS}|", rf"'(?:[0-9]\u20e3)+|{first.FLAGS}|"))
    op.execute(note_words()._filled(SEARCH_LEXEMES, first))
    # That of `todos_with_words`, after which it is called: under another one, PostgreSQL plans anew what both call.
    op.execute("ALTER FUNCTION search_terms(text, text) SET search_path = pg_catalog, pg_temp")


def downgrade() -> None:
    op.execute("ALTER FUNCTION search_terms(text, text) RESET search_path")
    op.execute(note_words()._filled(note_words().SEARCH_LEXEMES, words()))
    op.execute(words().SPLIT_WORDS)
    op.execute(words().NORMAL_FORM)
    op.execute("DROP FUNCTION IF EXISTS signs_of(text)")


def words() -> ModuleType:
    """Return the step that made the words of todos."""
    return context.script.get_revision("0008").module


def note_words() -> ModuleType:
    """Return the step that wrote what this schema amends."""
    return context.script.get_revision("0012").module
