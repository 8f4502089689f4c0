"""What a search that found nothing may have meant, in SQL.

Which words a text or a question has, and which forms of a word count, say functions of PostgreSQL alone
(`docs/decisions/0037-words.md`): `search_terms` makes them of a question.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, REAL, TSQUERY, aggregate_order_by

from todo_core.models.todos import Todo
from todo_core.queries.todos import LANGUAGE, matches, read
from todo_core.storage.statements import Statement, mine, parameter

LOOKED_AT: Final = 2_000
"""How many of a user's newest todos are looked at."""
WORDS_READ: Final = 20_000
"""How many words of these todos are read, of the newest first: what a person writes in some 1,000 of them."""
SHORTEST: Final = 4
"""Characters of a word that may have been meant: of shorter ones too many are alike."""
LONGEST: Final = 40
"""The same of the longest; what is longer was pasted, and no typing error leads to it."""
ASKED: Final = 32
"""How many words of a question are looked for one by one."""
SHOWN: Final = 5
"""How many near matches are offered at most."""
_WEIGHTS: Final[ColumnElement[Any]] = literal_column("'{0.3,0.8,0.4,1}'::real[]")
"""What a word counts for in the order by match: another form in the description and the title, itself in both."""

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_terms = (
    func.search_terms(parameter("text", Text()), LANGUAGE)
    .table_valued(
        column("word", Text), column("term", Text), column("follows", Boolean), column("is_common", Boolean),
        with_ordinality="n",
    )
    .render_derived(name="terms")
)  # fmt: skip
_term = select(_terms).order_by(_terms.c.n).limit(ASKED).cte("term").prefix_with("MATERIALIZED", dialect="postgresql")
"""The words of the question `text`, as `search_terms` gives them, and their number `n`, from 1."""


def _has(words: ColumnElement[Any], term: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return whether a todo with these `words` has a term of a question."""
    return words.op("@@", is_comparison=True)(cast(term, TSQUERY))


def _array_of(values: Select[Any]) -> ColumnElement[Any]:
    """Return JSON values as a JSON array."""
    return func.array_to_json(func.array(values.scalar_subquery(), type_=ARRAY(JSON)))


def _newest(condition: ColumnElement[bool]) -> Select[Any]:
    """Select the newest todos that meet a condition."""
    rows = select(_table.c.id, _table.c.words).where(condition)
    return rows.order_by(_table.c.created_at.desc(), _table.c.id.desc()).limit(LOOKED_AT)


def _words() -> Select[Any]:
    newest = _newest(and_(mine(Todo), _table.c.deleted_at.is_(None))).cte("newest")
    newest = newest.prefix_with("MATERIALIZED", dialect="postgresql")
    written = func.ts_filter(newest.c.words, literal_column("""'{a,b}'::"char"[]"""))
    word = func.unnest(func.tsvector_to_array(written), type_=Text()).label("word")
    some = select(word).select_from(newest).limit(WORDS_READ).subquery("some")
    counted = (
        select(some.c.word, func.count().label("times"))
        .where(func.char_length(some.c.word).between(SHORTEST, LONGEST))
        .group_by(some.c.word)
        .subquery("counted")
    )
    known = func.string_agg(
        counted.c.word, aggregate_order_by(literal_column("' '"), counted.c.times.desc(), counted.c.word)
    )
    is_known = select(newest.c.id).where(_has(newest.c.words, _term.c.term)).exists()
    asked = func.json_build_object(
        literal_column("'word'"), _term.c.word, literal_column("'follows'"), _term.c.follows,
        literal_column("'is_known'"), is_known,
    )  # fmt: skip
    return select(
        select(known).scalar_subquery().label("known"),
        _array_of(select(asked).order_by(_term.c.n)).label("asked"),
    )


WORDS = Statement(_words())
"""Read the words of a question, and those that the user's newest live todos have, to compare them.

`text`: the question. Its row: `asked`, a JSON array of at most 32 words in their order, each with `follows`, whether it
is the next pair of a run without spaces, and `is_known`, whether one of these todos has it; `known`, distinct words of
4 to 40 characters with spaces between them, the most frequent first, null where there are none. At most 2,000 todos and
20,000 of their words are read. Reads `ix_todos_live_created`.
"""


@lru_cache(maxsize=128)
def nearest(status: str, conditions: frozenset[str]) -> Statement:
    """Make the statement that reads the todos with most words of a question, once for each shape of a filter.

    Words that a language has in most sentences count for nothing where there are others.

    Args:
        status: One of `Status`.
        conditions: Names of `CONDITIONS`.

    Parameters of the statement: `text`, the question; and those of the conditions, as `queries.todos.page` tells them:
    `now`, `tags`, `priority`, `list_id`, `parent_id`, `ids`, `key`, and moments, from `due_after`, `created_after`,
    `updated_after`, `completed_after` until before `due_before`, `created_before`, `updated_before`,
    `completed_before`.

    Its row: `rows`, a JSON array of at most 5 `TodoRead`, of the newest 2,000 todos that meet the conditions: those
    with the most words first, then the best match; `had`, the numbers of the words that the first has, from 1.
    """
    other = _term.alias("other")
    only_common = ~select(other.c.n).where(~other.c.is_common).exists()
    telling = select(_term.c.n, _term.c.term).where(or_(~_term.c.is_common, only_common)).cte("telling")
    telling = telling.prefix_with("MATERIALIZED", dialect="postgresql")
    any_of_them = cast(func.string_agg(telling.c.term, literal_column("' | '")), TSQUERY)
    wanted = select(any_of_them.label("wanted")).cte("wanted").prefix_with("MATERIALIZED", dialect="postgresql")
    newest = _newest(matches(status, conditions)).subquery("newest")
    number = select(func.count()).select_from(telling).where(_has(newest.c.words, telling.c.term))
    best = (
        select(
            newest.c.id,
            newest.c.words,
            number.correlate(newest).scalar_subquery().label("number"),
            func.ts_rank(_WEIGHTS, newest.c.words, wanted.c.wanted, type_=REAL).label("rank"),
        )
        .join(wanted, newest.c.words.op("@@", is_comparison=True)(wanted.c.wanted))
        .order_by(literal_column("number DESC, rank DESC"), newest.c.id.desc())
        .limit(SHOWN)
        .cte("best")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    place = func.row_number().over(order_by=(best.c.number.desc(), best.c.rank.desc(), best.c.id.desc()))
    placed = select(best.c.id, best.c.words, place.label("place")).cte("placed")
    shown = (
        select(read(_table).label("row"), placed.c.place)
        .select_from(placed.join(_table, and_(mine(Todo), _table.c.id == placed.c.id)))
        .order_by(placed.c.place)
        .subquery("shown")
    )
    rows = _array_of(select(shown.c.row).order_by(shown.c.place))
    first = select(placed.c.words).where(placed.c.place == literal_column("1")).scalar_subquery()
    had = select(_term.c.n).where(_has(first, _term.c.term))
    return Statement(
        select(
            rows.label("rows"),
            func.array(had.order_by(_term.c.n).scalar_subquery(), type_=ARRAY(BigInteger)).label("had"),
        )
    )
