"""Adding a todo tells which open ones look the same: before the deploy.

Each todo has two keys, made of the words of its title: titles that may look the same share the one, titles with the
same words the other. The trigger that makes the words of a todo makes its keys, too, whoever writes it.
"""

from types import ModuleType

import sqlalchemy as sa
from alembic import context, op

revision = "0015"
down_revision = "0014_finish"
branch_labels = None
depends_on = None

NEUTRAL = (
    *("a", "an", "the", "my", "our", "your", "some", "please", "and", "to", "for", "of", "at", "on", "in", "with"),
    *("about", "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "mein", "meine"),
    *("meinen", "meinem", "meiner", "unser", "unsere", "bitte", "und", "zu", "zum", "zur", "fur", "mit", "am", "im"),
    *("bei", "beim", "le", "la", "les", "un", "une", "et", "du", "de", "au", "aux", "pour", "avec", "chez", "mon"),
    *("ma", "mes", "el", "los", "las", "una", "unos", "unas", "del", "para", "con", "mis", "por", "favor", "os"),
    *("as", "um", "uma", "do", "da", "dos", "com", "meu", "minha", "il", "lo", "gli", "uno", "di", "della", "dei"),
    *("alla", "per", "het", "een", "mijn", "voor", "met", "op", "en", "ett", "och", "og", "til", "med", "dla"),
    *("\u043d\u0430", "\u0434\u043b\u044f"),
)
"""Words that change nothing about what there is to do, without accents; but the last word of a title counts: "Plan A",
"switch it on". Of two opposites one at most: not `off`, `out`, `from`, `without`, `ohne`; and nothing that says no."""
SOON = (
    *("today", "tonight", "tomorrow", "now", "soon", "asap", "urgent", "urgently", "heute", "morgen", "jetzt", "bald"),
    *("dringend", "demain", "maintenant", "hoy", "manana", "ahora", "urgente", "oggi", "domani", "subito", "hoje"),
    *("amanha", "agora", "vandaag", "nu", "idag", "imorgon", "dzisiaj", "jutro"),
    *("\u0441\u0435\u0433\u043e\u0434\u043d\u044f", "\u0437\u0430\u0432\u0442\u0440\u0430"),
)
"""Words that say how soon."""

TELLING_WORDS = r"""
CREATE OR REPLACE FUNCTION telling_words(title text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    words text := public.split_words(title);
    parts text[];
    telling text[] := '{}';
BEGIN
    IF octet_length(words) > length(words) THEN
        words := public.without_accents(regexp_replace(words, '[{UNSPACED}]', ' \& ', 'g'));
    END IF;
    parts := array_remove(string_to_array(coalesce(nullif(words, ''), public.normal_form(title)), ' '), '');
    FOR n IN 1 .. cardinality(parts) LOOP
        IF n = cardinality(parts) OR strpos(' {NEUTRAL} ', ' ' || parts[n] || ' ') = 0 THEN
            telling := telling || parts[n];
        END IF;
    END LOOP;
    RETURN telling;
END
$$
"""
"""The words of a title that say what there is to do, in their order and normal form; each character of a script without
spaces by itself. Of a title without any, all that it has."""

LIKENESS_KEYS = """
CREATE OR REPLACE FUNCTION likeness_keys(title text, OUT alike bigint, OUT same bigint)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    word text;
BEGIN
    alike := 0;
    same := 0;
    FOREACH word IN ARRAY public.telling_words(title) LOOP
        same := same + (hashtextextended(word, 0) >> 9);
        CONTINUE WHEN strpos(' {SOON} ', ' ' || word || ' ') > 0;
        IF length(word) >= 5 AND word !~ '[0-9]' THEN
            word := left(word, 3);
        END IF;
        alike := alike + (hashtextextended(word, 0) >> 9);
    END LOOP;
END
$$
"""
"""Sums of the hashes of a title's telling words, whatever their order: `same` of all; `alike` of all but those that say
how soon, of a longer word of its first three letters alone. A word with a digit means itself.

So titles that differ in how soon, or in a typing error or an ending of longer words, have one `alike`. Few others have
it, too: it leads to a handful of a person's todos. The hash is that of PostgreSQL's hash indexes, which its versions
share; 9 bits are left for the sum.
"""

INDEX_TODO = """
CREATE OR REPLACE FUNCTION index_todo() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    keys record;
BEGIN
    NEW.words := public.search_document(NEW.user_id, NEW.language, NEW.title, NEW.description);
    NEW.title_key := left(public.without_accents(public.normal_form(NEW.title)), 80);
    keys := public.likeness_keys(NEW.title);
    NEW.alike_key := keys.alike;
    NEW.same_key := keys.same;
    RETURN NEW;
END
$$
"""

FUNCTIONS = (
    ("telling_words(text)", TELLING_WORDS),
    ("likeness_keys(text)", LIKENESS_KEYS),
)
"""In the order in which they need each other."""


def upgrade() -> None:
    op.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
    first = _words()
    for signature, definition in FUNCTIONS:
        op.execute(_filled(definition, first))
        op.execute(f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {signature} TO todo_app")
    for name in ("alike_key", "same_key"):
        op.add_column("todos", sa.Column(name, sa.BigInteger(), nullable=True), if_not_exists=True)
    op.execute(INDEX_TODO)
    index_again("NEW.words IS NULL OR NEW.alike_key IS NULL")
    ask_for_keys()


def index_again(lacking: str) -> None:
    """Have the trigger write anew what is made of a todo's title and description, where that differs or lacks."""
    op.execute(
        f"CREATE OR REPLACE TRIGGER index_again BEFORE UPDATE ON todos FOR EACH ROW WHEN ({lacking} OR"
        " (OLD.title, OLD.description, OLD.language) IS DISTINCT FROM (NEW.title, NEW.description, NEW.language))"
        " EXECUTE FUNCTION index_todo()"
    )


def ask_for_keys() -> None:
    """Refuse todos without these keys from here on, without a look at those that there are. It can be repeated."""
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_likeness")
    op.execute(
        "ALTER TABLE todos ADD CONSTRAINT ck_todos_has_likeness"
        " CHECK (alike_key IS NOT NULL AND same_key IS NOT NULL) NOT VALID"
    )


def downgrade() -> None:
    op.execute("LOCK TABLE todos IN ACCESS EXCLUSIVE MODE")
    index_again("NEW.words IS NULL")
    op.execute(_words().INDEX_TODO)
    op.execute("ALTER TABLE todos DROP CONSTRAINT IF EXISTS ck_todos_has_likeness")
    op.execute("ALTER TABLE todos DROP COLUMN IF EXISTS alike_key, DROP COLUMN IF EXISTS same_key")
    for signature, _ in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION IF EXISTS {signature}")


def _words() -> ModuleType:
    """Return the step that made the words of todos."""
    return context.script.get_revision("0008").module


def _filled(function: str, first: ModuleType) -> str:
    """Return a function with the characters that the first step wrote down, and with what is written down here."""
    function = function.replace("{UNSPACED}", first.UNSPACED).replace("{SOON}", " ".join(SOON))
    return function.replace("{NEUTRAL}", " ".join(NEUTRAL))
