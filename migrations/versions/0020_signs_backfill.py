"""Todos are found by arrows, shapes and all other signs that stand for themselves: those that were there before.

And signs are looked for.
"""

from alembic import context, op

from todo_core.schema import steps

revision = "0020_backfill"
down_revision = "0020"
branch_labels = None
depends_on = None

LACKING = "octet_length({text}) > length({text}) AND NOT signs_of({text}) <@ tsvector_to_array(words)"
"""Condition of a row whose words lack a sign of a text."""

SIGNS = """
    setweight((
        SELECT string_agg(quote_literal(sign) || ':' || n, ' ')
        FROM unnest(signs_of(text)) WITH ORDINALITY AS _ (sign, n)
    )::tsvector, 'B')
"""
"""What a note has of its signs, as `search_lexemes` begins."""

ASKED = """
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
"""The end of `question_terms`: what is looked for of signs, each as a beginning, which letters in circles may be."""


def upgrade() -> None:
    steps.backfill(
        "todos",
        lacking=f"({LACKING.format(text='title')}) OR ({LACKING.format(text='description')})",
        change="UPDATE todos SET words = NULL WHERE id = ANY ($1::bigint[])",  # the trigger makes them
        rows=200,
    )
    steps.backfill(
        "notes",
        lacking=LACKING.format(text="text"),
        # A note keeps the stems of the locale in which it was added, so the trigger does not make its words anew.
        change=f"UPDATE notes SET words = {SIGNS} || words"
        f" WHERE id = ANY ($1::bigint[]) AND {LACKING.format(text='text')}",
    )
    op.execute(asking_for_signs())


def downgrade() -> None:
    op.execute(question_terms())


def asking_for_signs() -> str:
    """Return the function with what is looked for of signs."""
    return question_terms().replace("\n    END LOOP;\nEND\n$$\n", ASKED)


def question_terms() -> str:
    """Return the function that makes of a question what is looked for, as it was before."""
    signs = context.script.get_revision("0020").module
    before = signs.note_words()
    function: str = before._filled(before.QUESTION_TERMS, signs.words())
    return function
