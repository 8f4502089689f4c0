"""Which todos a search finds, in SQL: those that have its words, or are known to, and match its filters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    UnaryExpression,
    and_,
    any_,
    column,
    func,
    literal_column,
    not_,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL
from sqlalchemy.sql.util import ClauseAdapter

from todo_core.models.todos import Todo
from todo_core.models.users import User
from todo_core.queries.standing import IS_UNCHANGED
from todo_core.storage.statements import mine, parameter

_table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel sets it
_user = User.__table__  # type: ignore[attr-defined]

LANGUAGE: Final = (
    select(func.language_of(_user.c.locale, type_=Text()))
    .where(_user.c.id == parameter("user_id", BigInteger()))
    .scalar_subquery()
)
"""The text search configuration of the user's locale."""
_matches = (
    func.todos_with_words(parameter("text", Text()), LANGUAGE)
    .table_valued(column("id", BigInteger), column("rank", REAL))
    .render_derived(name="matches")
)
_looked_for = select(_matches.c.id, _matches.c.rank)
FOUND: Final = _looked_for.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
"""The todos that have the words of `text`, with how well they match."""

_known_ids, _known_ranks = parameter("known_ids", ARRAY(BigInteger)), parameter("known_ranks", ARRAY(REAL))
_knows_best = and_(IS_UNCHANGED, _known_ids.is_not(None))
_known = (
    func.unnest(_known_ids, _known_ranks)
    .table_valued(column("id", BigInteger), column("rank", REAL))
    .render_derived(name="known")
)
# Of the two, PostgreSQL runs only the one that it is: neither condition is about a row.
KNOWN_OR_FOUND: Final = (
    union_all(
        select(_known.c.id, _known.c.rank).where(_knows_best),
        _looked_for.where(not_(_knows_best)),
    )
    .cte("found")
    .prefix_with("MATERIALIZED", dialect="postgresql")
)
"""The same, but those that are known, if they still are the best."""
KEPT: Final = 500
"""How many of the best matches are told to be remembered: two pages of the longest, ten of the usual."""


def hits(matches: Callable[[FromClause], ColumnElement[bool]], found: CTE, *columns: ColumnElement[Any]) -> CTE:
    """Select the ids of the todos that are found and match, with other columns of theirs.

    What is found is looked up by nothing but its ids, in one walk through their index, and then looked at: among more
    conditions PostgreSQL would choose, and without statistics read all open todos for each that is found.
    """
    ids = func.array(select(found.c.id).scalar_subquery(), type_=ARRAY(BigInteger))
    by_id = select(_table).where(mine(Todo), _table.c.id == any_(ids)).offset(literal_column("0"))
    todos = by_id.subquery("todos")
    here = ClauseAdapter(todos)
    hit = select(todos.c.id, *(here.traverse(each) for each in columns)).where(matches(todos))
    return hit.cte("hit").prefix_with("MATERIALIZED", dialect="postgresql")


def is_hit(found: CTE, hit: CTE) -> ColumnElement[bool]:
    """Return whether a row of what is found is a hit: IS TRUE, so that PostgreSQL hashes the ids and makes no join."""
    return found.c.id.in_(select(hit.c.id)).is_(true())


def best_to_keep(hit: CTE, by: Callable[..., list[UnaryExpression[Any]]]) -> list[ColumnElement[Any]]:
    """Return the ids and the ranks of the `KEPT` best of `KNOWN_OR_FOUND` that are hits; null where they are known.

    Args:
        hit: The hits.
        by: Makes of a rank and an id what to order by.
    """
    found = KNOWN_OR_FOUND.c
    best = select(found.id, found.rank).where(not_(_knows_best), is_hit(KNOWN_OR_FOUND, hit))
    first = best.order_by(*by(found.rank, found.id)).limit(literal_column(str(KEPT))).subquery("first")
    arrays = [func.array_agg(each, type_=ARRAY(each.type)).label(f"best_{each.key}s") for each in first.c]
    kept = select(*arrays).cte("kept").prefix_with("MATERIALIZED", dialect="postgresql")
    return [select(array).scalar_subquery().label(array.key) for array in kept.c]
