"""Compile SQLAlchemy expressions once, for asyncpg.

Tables are SQLModel classes and queries are SQLAlchemy expressions. An expression is compiled when its
`Statement` is made, and runs on asyncpg: the expression language without the cost of a session
(`docs/decisions/0002-statements-on-asyncpg.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import BaseModel
from sqlalchemy import BigInteger, BindParameter, ClauseElement, ColumnElement, bindparam, func, select
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Columns = ReadOnlyColumnCollection[str, Any]

_DIALECT = asyncpg_dialect()  # type: ignore[no-untyped-call]

_ALONE: Final = """
WITH me AS MATERIALIZED (
    SELECT require_active(set_config('app.user_id', ({user})::text, true)::bigint, ${token}) AS user_id
)
SELECT found.* FROM me CROSS JOIN LATERAL (SELECT * FROM ({sql}) AS asked OFFSET 0) AS found
"""


class Statement:
    """A SQLAlchemy expression, compiled once.

    Parameters are the expression's `bindparam`s, by name; literals in it keep their values.
    """

    __slots__ = ("_defaults", "_names", "alone", "sql")

    def __init__(self, expression: ClauseElement) -> None:
        compiled = cast("SQLCompiler", expression.compile(dialect=_DIALECT))
        self.sql = str(compiled)
        self._names: tuple[str, ...] = tuple(compiled.positiontup or ())
        defaults = compiled.construct_params(_check=False) or {}
        self._defaults: dict[str, Any] = {name: value for name, value in defaults.items() if value is not None}
        self.alone = self._alone()
        """The same statement, naming its user by itself, or None where it has no user."""

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the placeholders.

        Raises:
            KeyError: A parameter has no value.
        """
        return [given[name] if name in given else self._defaults[name] for name in self._names]

    def _alone(self) -> str | None:
        """A read that needs no transaction around it: one round trip.

        `me` names the user for row-level security, for this one statement, and refuses whoever may not act. The
        statement takes its user from `me`, and `OFFSET 0` keeps the planner from turning the two around:
        so the name is set before the first row is looked at. Set later, it would show no row.
        """
        if "user_id" not in self._names:
            return None
        user = f"${self._names.index('user_id') + 1}::BIGINT"
        return _ALONE.format(user=user, token=len(self._names) + 1, sql=self.sql.replace(user, "me.user_id"))


def json_object(shape: type[BaseModel], source: Columns, **computed: Any) -> ColumnElement[Any]:
    """JSON that PostgreSQL builds from a read shape's own fields.

    A field is the source's column of the same name, unless `computed` gives an expression for it.
    """
    fields = [(computed[name] if name in computed else source[name]).label(name) for name in shape.model_fields]
    row = select(*fields).correlate_except(None).subquery("shaped")
    shaped: ColumnElement[Any] = select(func.row_to_json(row.table_valued())).scalar_subquery()
    return shaped


def parameter(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """A named, typed parameter of a statement."""
    return bindparam(name, type_=kind)


def mine(source: Any) -> ColumnElement[bool]:
    """The rows of the user this transaction acts for: the operation's own check (OW2)."""
    columns = source.c if hasattr(source, "c") else source.__table__.c
    owned: ColumnElement[bool] = columns.user_id == parameter("user_id", BigInteger())
    return owned
