"""Compile SQLAlchemy expressions once, for asyncpg.

Tables are SQLModel classes and queries are SQLAlchemy expressions. An expression is compiled when its
`Statement` is made, and runs on asyncpg: the expression language without the cost of a session
(`docs/decisions/0002-statements-on-asyncpg.md`). Every statement is written out in
`specs/database/statements/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ClauseElement,
    ColumnElement,
    DateTime,
    bindparam,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects.postgresql.asyncpg import PGCompiler_asyncpg, PGDialect_asyncpg
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Columns = ReadOnlyColumnCollection[str, Any]

_AUTOCOMMIT: Final = """
WITH me AS MATERIALIZED (
    SELECT require_active(set_config('app.user_id', ({user})::text, true)::bigint, ${token}) AS user_id
)
SELECT found.* FROM me CROSS JOIN LATERAL (SELECT * FROM ({sql}) AS asked OFFSET 0) AS found
"""


class _Compiler(PGCompiler_asyncpg):
    """Writes constants into the text; only what `parameter` names is sent beside it."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:
        if not bindparam.required:
            options["literal_binds"] = True
        text: str = super().visit_bindparam(bindparam, *args, **options)  # type: ignore[no-untyped-call]
        return text


class _Dialect(PGDialect_asyncpg):
    statement_compiler = _Compiler
    supports_statement_cache = True


_DIALECT: Final = _Dialect()  # type: ignore[no-untyped-call]


class Statement:
    """A SQLAlchemy expression, compiled once.

    What callers send goes into a `parameter`, by name. Any other value in an expression is a constant of this
    package and becomes part of the text: never build a statement from what a caller sent.
    """

    __slots__ = ("autocommit_sql", "parameters", "sql")

    def __init__(self, expression: ClauseElement) -> None:
        compiled = cast("SQLCompiler", expression.compile(dialect=_DIALECT))
        self.sql = str(compiled)
        """The text, for use in a transaction."""
        self.parameters: tuple[str, ...] = tuple(compiled.positiontup or ())
        """The names of `$1`, `$2` and so on."""
        self.autocommit_sql = self._autocommit_sql()
        """The text of a read that needs no transaction, with the API token's id as one more parameter at the end.

        None where no parameter is `user_id`.
        """

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        """Return the values in the order of the placeholders; further names are ignored.

        Raises:
            KeyError: A parameter has no value.
        """
        return [given[name] for name in self.parameters]

    def _autocommit_sql(self) -> str | None:
        """Wrap the statement so that one round trip sets the user, checks the token and reads.

        The CTE `me` sets `app.user_id` for row-level security until the statement ends, and refuses whoever may not
        act. The statement takes its user from `me`, and `OFFSET 0` keeps the planner from reordering the two: the
        setting is there before the first row is read. Were it set later, the policies would show no row.
        """
        if "user_id" not in self.parameters:
            return None
        user = f"${self.parameters.index('user_id') + 1}::BIGINT"
        return _AUTOCOMMIT.format(user=user, token=len(self.parameters) + 1, sql=self.sql.replace(user, "me.user_id"))


def json_object(shape: type[BaseModel], source: Columns, **computed: Any) -> ColumnElement[Any]:
    """Return a row of `source` as JSON that PostgreSQL builds, with the fields of a read shape.

    Args:
        shape: Names the fields and their order.
        source: Columns of the enclosing query (the subquery correlates to all of it). Each field without an
            expression of its own is the column of that name.
        computed: Expressions, by field.
    """
    columns = {name: computed[name] if name in computed else source[name] for name in shape.model_fields}
    fields = [spelled(value).label(name) for name, value in columns.items()]
    row = select(*fields).correlate_except(None).subquery("shaped")
    shaped: ColumnElement[Any] = select(func.row_to_json(row.table_valued())).scalar_subquery()
    return shaped


def spelled(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a value as JSON has it: a moment in UTC with `Z` (RFC 3339), where PostgreSQL would write `+00:00`."""
    if not (isinstance(value.type, DateTime) and value.type.timezone):
        return value
    local = func.to_json(func.timezone(literal_column("'UTC'"), value))
    return local.op("#>>")(literal_column("'{}'")).op("||")(literal_column("'Z'"))


def parameter(name: str, kind: TypeEngine[Any]) -> BindParameter[Any]:
    """Return a placeholder for a value that each execution gives."""
    return bindparam(name, type_=kind)


def mine(source: Any) -> ColumnElement[bool]:
    """Return the condition that rows belong to the user of the transaction: the operation's own check (OW2)."""
    columns = source.c if hasattr(source, "c") else source.__table__.c
    owned: ColumnElement[bool] = columns.user_id == parameter("user_id", BigInteger())
    return owned
