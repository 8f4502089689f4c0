"""What a search that found nothing may have meant, in SQL.

Which words a text or a question has, and which forms of a word count, say functions of PostgreSQL alone
(`docs/decisions/0037-words.md`): `search_terms` makes them of a question.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

from sqlalchemy import (
    CTE,
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
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, REAL, TSQUERY, aggregate_order_by

from todo_core.models.notes import Note
from todo_core.models.todos import Todo
from todo_core.queries.found import LANGUAGE
from todo_core.queries.shapes import read
from todo_core.queries.todos import CONDITIONS, filters, matches
from todo_core.storage.statements import Statement, mine, parameter

LOOKED_AT: Final = 2_000
"""How many of a user's newest todos are looked at, and how many of the newest notes."""
WORDS_READ: Final = 20_000
"""How many words of these todos are read, of the newest first: what a person writes in some 1,000 of them."""
NOTED_READ: Final = 10_000
"""How many words are read of notes on them."""
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
_note = Note.__table__  # type: ignore[attr-defined]
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


def _looked_at(condition: ColumnElement[bool]) -> tuple[CTE, CTE]:
    """Select the `id` and the `words` of the newest todos that meet a condition, and the same of notes on them.

    A note has the id of its todo. Todos are looked up as one value: PostgreSQL has no statistics of the newest ones.
    """
    newest = select(_table.c.id, _table.c.words).where(condition)
    newest = newest.order_by(_table.c.created_at.desc(), _table.c.id.desc()).limit(LOOKED_AT)
    todos = newest.cte("newest").prefix_with("MATERIALIZED", dialect="postgresql")
    added = select(_note.c.todo_id, _note.c.words).where(mine(Note)).order_by(_note.c.id.desc()).limit(LOOKED_AT)
    last = added.subquery("last")
    their_ids = select(func.jsonb_object_agg(todos.c.id, true())).scalar_subquery()
    is_theirs = type_coerce(their_ids, JSONB).has_key(cast(last.c.todo_id, Text))
    notes = select(last.c.todo_id.label("id"), last.c.words).where(is_theirs).cte("noted")
    return todos, notes.prefix_with("MATERIALIZED", dialect="postgresql")


def _written(source: CTE, most: int) -> Select[Any]:
    """Select up to so many words that somebody wrote, of the newest rows first."""
    written = func.ts_filter(source.c.words, literal_column("""'{a,b}'::"char"[]"""))
    word = func.unnest(func.tsvector_to_array(written), type_=Text()).label("word")
    some = select(word).select_from(source).limit(most).subquery()
    return select(some.c.word)


def _words() -> Select[Any]:
    newest, noted = _looked_at(and_(mine(Todo), _table.c.deleted_at.is_(None)))
    some = union_all(_written(newest, WORDS_READ), _written(noted, NOTED_READ)).subquery("some")
    counted = (
        select(some.c.word, func.count().label("times"))
        .where(func.char_length(some.c.word).between(SHORTEST, LONGEST))
        .group_by(some.c.word)
        .subquery("counted")
    )
    known = func.string_agg(
        counted.c.word, aggregate_order_by(literal_column("' '"), counted.c.times.desc(), counted.c.word)
    )
    is_known = or_(
        *(select(source.c.id).where(_has(source.c.words, _term.c.term)).exists() for source in (newest, noted))
    )
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
is the next pair of a run without spaces, and `is_known`, whether one of these todos or a note on it has it; `known`,
distinct words of 4 to 40 characters with spaces between them, the most frequent first, null where there are none. At
most 2,000 todos and 20,000 of their words are read, and of the 2,000 newest notes those on them, and 10,000 of their
words. Reads `ix_todos_live_created` and `pk_notes`.
"""


@lru_cache(maxsize=128)
def nearest(status: str, conditions: frozenset[str]) -> Statement:
    """Make the statement that reads the todos with most words of a question, once for each shape of a filter.

    Words that a language has in most sentences count for nothing where there are others.

    Args:
        status: One of `Status`.
        conditions: Names of `queries.todos.CONDITIONS` and `STARTS`.

    Parameters of the statement: `text`, the question; and those of the conditions, as `queries.todos.page` tells them:
    `now`, `tags`, `priority`, `list_id`, `parent_id`, `ids`, `key`, and moments, from `due_after`, `created_after`,
    `updated_after`, `completed_after` until before `due_before`, `created_before`, `updated_before`,
    `completed_before`.

    Its row: `rows`, a JSON array of at most 5 `TodoRead`, of the newest 2,000 todos that meet the conditions: those
    with the most words first, then the best match; `had`, the numbers of the words that the first has, from 1. Words of
    a todo are those of the notes on it, too, of the newest 2,000 notes.
    """
    return _nearest(conditions.difference(CONDITIONS)).under(filters(status, conditions))


def _telling() -> CTE:
    """Select the number `n` and the `term` of the words that count: not the common ones, unless all are."""
    other = _term.alias("other")
    only_common = ~select(other.c.n).where(~other.c.is_common).exists()
    telling = select(_term.c.n, _term.c.term).where(or_(~_term.c.is_common, only_common)).cte("telling")
    return telling.prefix_with("MATERIALIZED", dialect="postgresql")


def _best(telling: CTE, piece: CTE) -> CTE:
    """Select the `id` of the `SHOWN` todos with most words, the `number` of these, and the `rank` of the best match.

    Args:
        telling: The words that count, as `_telling` selects them.
        piece: The `id` and the `words` of todos, and of notes on them.
    """
    any_of_them = cast(func.string_agg(telling.c.term, literal_column("' | '")), TSQUERY)
    wanted = select(any_of_them.label("wanted")).cte("wanted").prefix_with("MATERIALIZED", dialect="postgresql")
    rank = func.ts_rank(_WEIGHTS, piece.c.words, wanted.c.wanted, type_=REAL)
    # Unpacked once by `||`, and not for each of the terms.
    unpacked = piece.c.words.op("||")(literal_column("''"))
    hit = select(piece.c.id, unpacked.label("words"), rank.label("rank"))
    hit = hit.join(wanted, _has(piece.c.words, wanted.c.wanted))
    hits = hit.cte("hit").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        select(
            hits.c.id,
            func.count(telling.c.n.distinct()).label("number"),
            func.max(hits.c.rank).label("rank"),
        )
        .join(telling, _has(hits.c.words, telling.c.term))
        .group_by(hits.c.id)
        .order_by(literal_column("number DESC, rank DESC"), hits.c.id.desc())
        .limit(SHOWN)
        .cte("best")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )


@cache
def _nearest(conditions: frozenset[str]) -> Statement:
    """Compile the statement of `nearest` without the conditions that `filters` adds."""
    telling = _telling()
    newest, noted = _looked_at(matches(conditions))
    piece = union_all(select(newest), select(noted)).cte("piece")
    best = _best(telling, piece)
    place = func.row_number().over(order_by=(best.c.number.desc(), best.c.rank.desc(), best.c.id.desc()))
    placed = select(best.c.id, place.label("place")).cte("placed")
    shown = (
        select(read(_table).label("row"), placed.c.place)
        .select_from(placed.join(_table, and_(mine(Todo), _table.c.id == placed.c.id)))
        .order_by(placed.c.place)
        .subquery("shown")
    )
    rows = _array_of(select(shown.c.row).order_by(shown.c.place))
    first = select(placed.c.id).where(placed.c.place == literal_column("1")).scalar_subquery()
    is_had = select(piece.c.id).where(piece.c.id == first, _has(piece.c.words, _term.c.term)).exists()
    had = select(_term.c.n).where(is_had)
    return Statement(
        select(
            rows.label("rows"),
            func.array(had.order_by(_term.c.n).scalar_subquery(), type_=ARRAY(BigInteger)).label("had"),
        )
    )
