"""Todos are found by the normal forms of their words: before the deploy.

`word_forms` makes the words of texts and of questions; a trigger stores those of a todo in `words`, whoever writes it,
and its place in the alphabet in `title_key`. The version before goes on with `search`, which `0008_finish` drops.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007_finish"
branch_labels = None
depends_on = None

# Ranges of characters inside of a regular expression's brackets, as they are in NFKC (Unicode 14). PostgreSQL's own
# classes, its lower() and its text parser depend on the locale of a database, and the embedded one has no ICU.
UNSEEN = (
    r"\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200d-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U0001f3fb-\U0001f3ff\U000e0000-\U000e01ef"
)
"""What shows nothing by itself (Default_Ignorable_Code_Point), and colours of skin. Not U+200B and U+200C, which are
between words; but the latter belongs to its word after a virama of India."""
VIRAMAS = r"\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d"
MARKS = (
    r"\u0001-\u001f\u0021-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u00d7\u00f7\u02b9-\u02c5\u02d2-\u02eb\u02ed\u02ef-\u02ff\u0375"
    r"\u03f6\u0482\u055a-\u055f\u0589-\u058f\u05be\u05c0\u05c3\u05c6\u05f3-\u060f\u061b-\u061f\u066a-\u066d\u06d4\u06de\u06e9"
    r"\u06fd-\u06fe\u0700-\u070d\u07f6-\u07f9\u07fe-\u07ff\u0830-\u083e\u085e\u0888\u0964-\u0965\u0970\u09f2-\u09f3"
    r"\u09fa-\u09fb\u09fd\u0a76\u0af0-\u0af1\u0b70\u0bf3-\u0bfa\u0c77\u0c7f\u0c84\u0d4f\u0d79\u0df4\u0e3f\u0e4f\u0e5a-\u0e5b"
    r"\u0f01-\u0f17\u0f1a-\u0f1f\u0f34\u0f36\u0f38\u0f3a-\u0f3d\u0f85\u0fbe-\u0fc5\u0fc7-\u0fda\u104a-\u104f\u109e-\u109f"
    r"\u10fb\u1360-\u1368\u1390-\u1399\u1400\u166d-\u166e\u1680\u169b-\u169c\u16eb-\u16ed\u1735-\u1736\u17d4-\u17d6"
    r"\u17d8-\u17db\u1800-\u180a\u1940-\u1945\u19de-\u19ff\u1a1e-\u1a1f\u1aa0-\u1aa6\u1aa8-\u1aad\u1b5a-\u1b6a\u1b74-\u1b7e"
    r"\u1bfc-\u1bff\u1c3b-\u1c3f\u1c7e-\u1c7f\u1cc0-\u1cc7\u1cd3\u2000-\u20c0\u2104-\u212e\u213a-\u214d\u214f\u218a-\u2319"
    r"\u231c-\u2327\u2329-\u23ce\u23d0-\u23e8\u23fb-\u245f\u2500-\u25ff\u27c0-\u2b04\u2b08-\u2b1a\u2b1d-\u2b4f\u2b51-\u2b54"
    r"\u2b56-\u2bff\u2ce5-\u2cea\u2cf9-\u2cfc\u2cfe-\u2cff\u2d70\u2e00-\u2e2e\u2e30-\u2e7f\u2ff0-\u3004\u3008-\u3020\u3030"
    r"\u3037\u303d-\u303f\u30a0\u30fb\u3190-\u3191\u31c0-\u31e3\u327f\u4dc0-\u4dff\ua490-\ua4c6\ua4fe-\ua4ff\ua60d-\ua60f"
    r"\ua673\ua67e\ua6f2-\ua716\ua720-\ua721\ua789-\ua78a\ua828-\ua82b\ua836-\ua839\ua874-\ua877\ua8ce-\ua8cf\ua8f8-\ua8fa"
    r"\ua8fc\ua92e-\ua92f\ua95f\ua9c1-\ua9cd\ua9de-\ua9df\uaa5c-\uaa5f\uaa77-\uaa79\uaade-\uaadf\uaaf0-\uaaf1\uab5b"
    r"\uab6a-\uab6b\uabeb\ufbb2-\ufbc2\ufd3e-\ufd4f\ufdcf\ufdfd-\ufdff\ufe45-\ufe46\ufffc-\ufffd\U00010100-\U00010102"
    r"\U00010137-\U0001013f\U00011047-\U0001104d\U00011140-\U00011143\U0001cf50-\U0001d15d\U0001d16a-\U0001d16c"
    r"\U0001d183-\U0001d184\U0001d18c-\U0001d1a9\U0001d1ae-\U0001d241\U0001d245-\U0001d356\U0001d800-\U0001d9ff"
    r"\U0001da37-\U0001da3a\U0001da6d-\U0001da74\U0001da76-\U0001da83\U0001da85-\U0001da8b\U0001e14f\U0001e2ff"
    r"\U0001e95e-\U0001e95f\U0001eef0-\U0001eef1\U0001fb00-\U0001fbca"
)
"""What is between words beside the space: controls, punctuation, symbols that are no pictures, all apostrophes."""
PICTURES = (
    r"\u231a-\u231b\u2328\u23cf\u23e9-\u23fa\u2600-\u27bf\u2b05-\u2b07\u2b1b-\u2b1c\u2b50\u2b55"
    r"\U0001f000-\U0001faff"
)
"""Emoji, and symbols like them: each is a word."""
FLAGS = r"[\U0001f1e6-\U0001f1ff]{2}"
"""Two letters that are a flag, and a word."""
IN_ONE = r"\u2116\u2120-\u2122\u2460-\u24ff\U0001f100-\U0001f16f"
"""Signs of letters or digits that belong to no word beside them: of a number, of a trade mark, in circles."""
UNSPACED = (
    r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u109d\u1100-\u11ff\u1780-\u17d3\u17d7"
    r"\u17dc-\u17dd\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3036\u3038-\u303c\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    r"\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua48c\ua960-\ua97c\uac00-\ud7fb\uf900-\ufaff"
    r"\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
"""Scripts that write no spaces, or few: Han, kana, bopomofo, Yi, Hangul, Thai, Lao, Myanmar, Khmer."""
ACCENTS = (
    r"\u0300-\u0305\u0307-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u0640"
    r"\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed\u08d3-\u08e1\u08e3-\u08ff\u093c\u1ab0-\u1aff"
    r"\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Combining marks without which a word is written, too: accents, points and vowels of Hebrew and Arabic, the nukta of
Devanagari. Not the breve, which makes a letter of its own of a Cyrillic one; nor what are vowels or other letters."""

CASED = ((0x0410, 0x042F, 1, 32), (0x0391, 0x03A1, 1, 32), (0x03A3, 0x03A9, 1, 32), (0x03C2, 0x03C2, 1, 1))
"""Capitals that are seen often, after NFKD: first and last, the step, how far from each its small letter is."""
RARELY_CASED = (
    *((0x00C6, 0x00D0, 10, 32), (0x00D8, 0x00DE, 6, 32), (0x0110, 0x0110, 1, 1), (0x0126, 0x0126, 1, 1)),
    *((0x0141, 0x014A, 9, 1), (0x0152, 0x0152, 1, 1), (0x0166, 0x0166, 1, 1), (0x0181, 0x0181, 1, 210)),
    *((0x0182, 0x0184, 2, 1), (0x0186, 0x0186, 1, 206), (0x0187, 0x0187, 1, 1), (0x0189, 0x018A, 1, 205)),
    *((0x018B, 0x018B, 1, 1), (0x018E, 0x018E, 1, 79), (0x018F, 0x018F, 1, 202), (0x0190, 0x0190, 1, 203)),
    *((0x0191, 0x0191, 1, 1), (0x0193, 0x0193, 1, 205), (0x0194, 0x0194, 1, 207), (0x0196, 0x0196, 1, 211)),
    *((0x0197, 0x0197, 1, 209), (0x0198, 0x0198, 1, 1), (0x019C, 0x019C, 1, 211), (0x019D, 0x019D, 1, 213)),
    *((0x019F, 0x019F, 1, 214), (0x01A2, 0x01A4, 2, 1), (0x01A6, 0x01A6, 1, 218), (0x01A7, 0x01A7, 1, 1)),
    *((0x01A9, 0x01A9, 1, 218), (0x01AC, 0x01AC, 1, 1), (0x01AE, 0x01AE, 1, 218), (0x01B1, 0x01B2, 1, 217)),
    *((0x01B3, 0x01B5, 2, 1), (0x01B7, 0x01B7, 1, 219), (0x01B8, 0x01BC, 4, 1), (0x01E4, 0x01E4, 1, 1)),
    *((0x01F6, 0x01F6, 1, -97), (0x01F7, 0x01F7, 1, -56), (0x021C, 0x021C, 1, 1), (0x0220, 0x0220, 1, -130)),
    *((0x0222, 0x0224, 2, 1), (0x023A, 0x023A, 1, 10795), (0x023B, 0x023B, 1, 1), (0x023D, 0x023D, 1, -163)),
    *((0x023E, 0x023E, 1, 10792), (0x0241, 0x0241, 1, 1), (0x0243, 0x0243, 1, -195), (0x0244, 0x0244, 1, 69)),
    *((0x0245, 0x0245, 1, 71), (0x0246, 0x024E, 2, 1), (0x03CF, 0x03CF, 1, 8), (0x0402, 0x0404, 2, 80)),
    *((0x0405, 0x0406, 1, 80), (0x0408, 0x040B, 1, 80), (0x040F, 0x040F, 1, 80), (0x048A, 0x04BE, 2, 1)),
    *((0x04C0, 0x04C0, 1, 15), (0x04C3, 0x04CD, 2, 1), (0x04D4, 0x04D8, 4, 1), (0x04E0, 0x04E8, 8, 1)),
    *((0x04F6, 0x04FA, 4, 1), (0x04FC, 0x052E, 2, 1), (0x0531, 0x0556, 1, 48), (0x10A0, 0x10C5, 1, 7264)),
    *((0x10C7, 0x10CD, 6, 7264), (0x13F8, 0x13FD, 1, -8), (0x1C90, 0x1CBA, 1, -3008), (0x1CBD, 0x1CBF, 1, -3008)),
    *((0x1E9E, 0x1E9E, 1, -7615), (0x2C60, 0x2C60, 1, 1), (0x2C62, 0x2C62, 1, -10743), (0x2C63, 0x2C63, 1, -3814)),
    *((0x2C64, 0x2C64, 1, -10727), (0x2C67, 0x2C6B, 2, 1), (0xA78B, 0xA78B, 1, 1), (0xA78D, 0xA78D, 1, -42280)),
    *(
        (0xA7AA, 0xA7AA, 1, -42308),
        (0xA7AB, 0xA7AB, 1, -42319),
        (0xA7AC, 0xA7AC, 1, -42315),
        (0xA7AD, 0xA7AD, 1, -42305),
    ),
    *((0xA7AE, 0xA7AE, 1, -42308), (0xAB70, 0xABBF, 1, -38864), (0x10400, 0x10427, 1, 40), (0x104B0, 0x104D3, 1, 40)),
    *((0x1E900, 0x1E921, 1, 34),),
)
"""Other capitals of scripts in use, in the same form."""
DIGITS = (
    *(0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50),
    *(0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810),
)
"""Zeros of scripts in use; the other nine digits follow each."""
LETTERS = {
    "\u00f0\u0111\u0257": "d",
    "\u0127": "h",
    "\u0131\u0268": "i",
    "\u0138\u0199": "k",
    "\u0142": "l",
    "\u014b\u0272": "n",
    "\u00f8\u0254": "o",
    "\u0167": "t",
    "\u0180\u0253": "b",
    "\u0259\u025b": "e",
    "\u01e5": "g",
    "\u01b4": "y",
    "\u01b6": "z",
    "\u0491": "\u0433",
    "\u0671": "\u0627",
    "\u0629\u06be\u06c1\u06c3\u06d5": "\u0647",
    "\u0649\u06cc": "\u064a",
    "\u06a9": "\u0643",
}
"""Letters that Unicode does not take apart, and the one that people write who do not have the key."""
TWO_LETTERS = {"\u00df": "ss", "\u00e6": "ae", "\u0153": "oe", "\u00fe": "th"}
SPELLED = {"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00f8": "oe", "\u00e5": "aa"}
"""How else German and the languages of the North spell these."""


def _small_letters(cases: tuple[tuple[int, int, int, int], ...]) -> dict[str, str]:
    return {
        chr(code): chr(code + distance)
        for first, last, step, distance in cases
        for code in range(first, last + 1, step)
    }


def _replaced(text: str, letters: dict[str, str]) -> str:
    """Return SQL that replaces each of some letters in the value of `text`."""
    for letter, spelling in letters.items():
        text = f"replace({text}, '{letter}', '{spelling}')"
    return text


def _translated(text: str, letters: dict[str, str]) -> str:
    """Return SQL that puts other single letters in the place of some."""
    return f"translate({text}, '{''.join(letters)}', '{''.join(letters.values())}')"


OFTEN, RARE = _small_letters(CASED), _small_letters(RARELY_CASED)
RARE |= {chr(zero + digit): str(digit) for zero in DIGITS for digit in range(10)}
ALIKE = {letter: plain for letters, plain in LETTERS.items() for letter in letters}
LONGEST = 5_000
"""Characters of a text that are read, after NFKC: it makes up to 18 of one."""
LONGEST_WORD = 255
"""Characters of a word that count. PostgreSQL takes none of more than 2,046 bytes."""

NORMAL_FORM = rf"""
CREATE OR REPLACE FUNCTION normal_form(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    t := left(t, {LONGEST});
    IF octet_length(t) = length(t) THEN
        RETURN lower(t COLLATE "C");
    END IF;
    t := regexp_replace(regexp_replace(t, '[{UNSEEN}]|(?<=[{VIRAMAS}])\u200c', '', 'g'), '[{IN_ONE}]', ' \& ', 'g');
    t := {_translated('lower(normalize(t, NFKD) COLLATE "C")', OFTEN)};
    IF t ~ '[{"".join(RARE)}]' THEN
        t := {_translated("t", RARE)};
    END IF;
    RETURN left(normalize(t, NFC), {LONGEST});
END
$$
"""
"""NFKC in small letters, without what shows nothing. `lower` in "C" is about ASCII alone, whatever the locale."""

WITHOUT_ACCENTS = rf"""
CREATE OR REPLACE FUNCTION without_accents(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    IF octet_length(t) > length(t) THEN
        t := regexp_replace(normalize(t, NFD), '[{ACCENTS}]|(?<!\u0438)\u0306', '', 'g');
        t := {_replaced(_translated("t", ALIKE), TWO_LETTERS)};
        t := normalize(t, NFC);
    END IF;
    RETURN t;
END
$$
"""
"""What is left of a normal form on a keyboard without accents."""

SPLIT_WORDS = rf"""
CREATE OR REPLACE FUNCTION split_words(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
    t := public.normal_form(t);
    IF octet_length(t) = length(t) THEN
        t := regexp_replace(t, '[^a-z0-9 ]+', ' ', 'g');
    ELSE
        t := regexp_replace(t, '[{MARKS}]+', ' ', 'g');
        t := regexp_replace(t, '{FLAGS}|[{PICTURES}]|[{UNSPACED}]+', ' \& ', 'g');
    END IF;
    IF length(t) > {LONGEST_WORD} THEN
        t := regexp_replace(t, '([^ {UNSPACED}]{{{LONGEST_WORD}}})[^ {UNSPACED}]+', '\1', 'g');
    END IF;
    RETURN btrim(t);
END
$$
"""
"""The words of a text in their normal form, with spaces between them. Of a script without spaces, a run is a word."""

WORD_FORMS = rf"""
CREATE OR REPLACE FUNCTION word_forms(
    t text, language text, OUT words text[], OUT stems text[], OUT spellings text[], OUT common boolean[]
) LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    normal text := public.split_words(t);
    parts text[] := string_to_array(normal, ' ');
    found text[] := array_fill(''::text, ARRAY[cardinality(parts)]);
    stopped boolean[] := array_fill(false, ARRAY[cardinality(parts)]);
    stem text[];
    dictionary regdictionary;
    latin regdictionary;
BEGIN
    IF language <> 'simple' THEN
        dictionary := 'pg_catalog.' || language || '_stem';
        -- As in PostgreSQL's own configurations.
        latin := CASE WHEN language IN ('hindi', 'russian') THEN 'pg_catalog.english_stem' ELSE dictionary::text END;
        FOR i IN 1 .. cardinality(parts) LOOP
            CONTINUE WHEN parts[i] ~ '[0-9{UNSPACED}{PICTURES}]';
            stem := ts_lexize(CASE WHEN parts[i] < '{{' COLLATE "C" THEN latin ELSE dictionary END, parts[i]);
            found[i] := coalesce(stem[1], '');
            stopped[i] := stem = '{{}}';
        END LOOP;
    END IF;
    words := string_to_array(public.without_accents(normal), ' ');
    stems := string_to_array(public.without_accents(array_to_string(found, ' ')), ' ');
    common := stopped;
    IF normal ~ '[{"".join(SPELLED)}]' THEN
        spellings := string_to_array(public.without_accents({_replaced("normal", SPELLED)}), ' ');
    END IF;
END
$$
"""
"""The words of a text, a place in each array for each: as it is found; its stem in a language, if it has one; how else
it is spelled, if any is; whether the language has it in most sentences. What is empty is no word.

`words` of a script without spaces are runs, of which `search_lexemes` and `search_terms` make overlapping pairs.
"""

SEARCH_LEXEMES = rf"""
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
            FOR n IN 1 .. length(words[i]) LOOP
                place := place + 1;
                written := written || ' ''' || substr(words[i], n, 2) || ''':' || place;
            END LOOP;
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
"""What is stored of a text: its words with the weight `exact`, and other forms of them with `alike`.

Of a run without spaces, overlapping pairs and the last character: so every character begins one of them.
"""

SEARCH_DOCUMENT = """
CREATE OR REPLACE FUNCTION search_document(owner bigint, language text, title text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN public.search_lexemes(title, language, 'A', 'C')
    || public.search_lexemes(coalesce(description, ''), language, 'B', 'D')
    || array_to_tsvector(ARRAY['@' || owner::text])
"""
"""What is stored of a todo. Another text that is searched like the description is another line here.

Its owner is a lexeme, so that one index finds a word among one person's todos. `@` is in no word and no question.
"""

SEARCH_TERMS = rf"""
CREATE OR REPLACE FUNCTION search_terms(question text, language text)
RETURNS TABLE (word text, term text, follows boolean, is_common boolean)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS $$
DECLARE
    forms record := public.word_forms(question, language);
    run text;
    form text;
    ending text := '';
BEGIN
    FOR i IN 1 .. cardinality(forms.words) LOOP
        run := forms.words[i];
        is_common := forms.common[i];
        IF run ~ '^[{UNSPACED}]' THEN
            FOR n IN 1 .. greatest(length(run) - 1, 1) LOOP
                word := substr(run, n, 2);
                term := quote_literal(word) || CASE WHEN length(word) = 1 THEN ':*' ELSE '' END;
                follows := n > 1;
                RETURN NEXT;
            END LOOP;
        ELSIF run <> '' THEN
            word := run;
            follows := false;
            ending := CASE WHEN i = cardinality(forms.words) THEN ':*' ELSE '' END;
            term := quote_literal(word) || ending;
            IF forms.spellings[i] <> run THEN
                term := term || ' | ' || quote_literal(forms.spellings[i]) || ending;
            END IF;
            IF forms.stems[i] NOT IN ('', run) THEN
                term := term || ' | ' || quote_literal(forms.stems[i]);
            END IF;
            term := '(' || term || ')';
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$
"""
"""What is looked for, in order: a word, or a pair of a run without spaces; its forms, as text of a `tsquery`; whether
it has to follow the pair before; whether the language has it in most sentences. The last word may be a beginning.
"""

SEARCH_QUERY = """
CREATE OR REPLACE FUNCTION search_query(question text, language text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT string_agg(CASE WHEN n = 1 THEN '' WHEN follows THEN ' <-> ' ELSE ' & ' END || term, '' ORDER BY n)::tsquery
    FROM public.search_terms(question, language) WITH ORDINALITY AS terms (word, term, follows, is_common, n)
)
"""
"""What has all words of a question; null if there are none."""

TODOS_WITH_WORDS = """
CREATE FUNCTION todos_with_words(question text, language text) RETURNS TABLE (id bigint, rank real)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me bigint := nullif(current_setting('app.user_id', true), '')::bigint;
    wanted tsquery := public.search_query(question, language);
BEGIN
    IF me IS NULL OR wanted IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM public.todos AS t WHERE t.user_id = me OFFSET 2000) THEN
        -- EXECUTE: a plan for any words would be a bad one for most. `+ 0` leaves the full-text index alone;
        -- the user is among its words.
        RETURN QUERY EXECUTE format(
            'SELECT id, ts_rank(%L, words, %L) FROM public.todos WHERE user_id + 0 = %s AND words @@ %L',
            '{0.3,0.8,0.4,1}', wanted, me, quote_literal('@' || me)::tsquery && wanted
        );
    ELSE
        -- The beginning of a word is in very many todos of others: here it is faster to look at one's own.
        RETURN QUERY
        SELECT t.id, ts_rank('{0.3,0.8,0.4,1}', t.words, wanted) FROM public.todos AS t
        WHERE t.user_id = me AND (t.words || '') @@ wanted;
    END IF;
END
$$
"""

INDEX_TODO = """
CREATE OR REPLACE FUNCTION index_todo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.words := public.search_document(NEW.user_id, NEW.language, NEW.title, NEW.description);
    NEW.title_key := left(public.without_accents(public.normal_form(NEW.title)), 80);
    RETURN NEW;
END
$$
"""
"""80 characters: a cursor has room for no more."""

FUNCTIONS = (
    ("normal_form(text)", NORMAL_FORM),
    ("without_accents(text)", WITHOUT_ACCENTS),
    ("split_words(text)", SPLIT_WORDS),
    ("word_forms(text, text)", WORD_FORMS),
    ("search_lexemes(text, text, text, text)", SEARCH_LEXEMES),
    ("search_document(bigint, text, text, text)", SEARCH_DOCUMENT),
    ("search_terms(text, text)", SEARCH_TERMS),
    ("search_query(text, text)", SEARCH_QUERY),
)
"""In the order in which they need each other."""


def upgrade() -> None:
    for signature, definition in FUNCTIONS:
        op.execute(definition)
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO todo_app, todo_search")
    op.add_column("todos", sa.Column("words", postgresql.TSVECTOR(), nullable=True), if_not_exists=True)
    op.add_column("todos", sa.Column("title_key", sa.Text(collation="C"), nullable=True), if_not_exists=True)
    op.execute("GRANT SELECT (words) ON todos TO todo_search")
    op.execute(INDEX_TODO)
    op.execute("REVOKE ALL ON FUNCTION index_todo() FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION index_todo() TO todo_app")
    op.execute("CREATE OR REPLACE TRIGGER index_new BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION index_todo()")
    # Not by the columns that a statement names: ours name all of them, most often with the values that were there.
    op.execute(
        "CREATE OR REPLACE TRIGGER index_again BEFORE UPDATE ON todos FOR EACH ROW WHEN (NEW.words IS NULL OR"
        " (OLD.title, OLD.description, OLD.language) IS DISTINCT FROM (NEW.title, NEW.description, NEW.language))"
        " EXECUTE FUNCTION index_todo()"
    )
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_words")
    op.execute(
        "ALTER TABLE todos ADD CONSTRAINT ck_todos_has_words"
        " CHECK (words IS NOT NULL AND title_key IS NOT NULL) NOT VALID"
    )
    op.execute("DROP FUNCTION IF EXISTS todos_with_words(text, text)")
    op.execute(TODOS_WITH_WORDS)
    op.execute("REVOKE ALL ON FUNCTION todos_with_words(text, text) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION todos_with_words(text, text) TO todo_app")
    op.execute("GRANT CREATE ON SCHEMA public TO todo_search")
    op.execute("ALTER FUNCTION todos_with_words(text, text) OWNER TO todo_search")
    op.execute("REVOKE CREATE ON SCHEMA public FROM todo_search")


def downgrade() -> None:
    op.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
    op.execute("DROP FUNCTION IF EXISTS todos_with_words(text, text)")
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_words")
    for trigger in ("index_new", "index_again"):
        op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON todos")
    op.execute("DROP FUNCTION IF EXISTS index_todo()")
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS words, DROP COLUMN IF EXISTS title_key")
    for signature, _ in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION IF EXISTS {signature}")
