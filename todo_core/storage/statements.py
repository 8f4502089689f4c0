"""Compile SQLAlchemy expressions once, for asyncpg.

Tables are SQLModel classes and queries are SQLAlchemy expressions. An expression is compiled when its
`Statement` is made, and runs on asyncpg: the expression language without the cost of a session
(`docs/decisions/0002-statements-on-asyncpg.md`). Every statement is written out in
`specs/database/statements/`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

from pydantic import BaseModel
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
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

from todo_core.storage import compiling

Columns = ReadOnlyColumnCollection[str, Any]

_AUTOCOMMIT: Final = """
WITH me AS MATERIALIZED (
    SELECT require_active(
        set_config('app.user_id', ({user})::text, true)::bigint, ${token}, ${agent}, ${mandate}
    ) AS user_id
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
_PLACEHOLDER: Final = re.compile(r"\$(\d+)")
_HOLE: Final = "conditions_to_come"

CONDITIONS_TO_COME: Final[ColumnElement[bool]] = literal_column(_HOLE, Boolean())
"""Stands in an expression for conditions that `Statement.under` puts there."""


OFTEN: Final = 16
"""Uses after which a statement with conditions of a caller's choice is one that is asked for often: two for each
connection of a pool of usual size. Whoever makes such statements forgets those of which there are too many, and how
often they were used (`queries.todos.page`)."""


class Statement:
    """A SQLAlchemy expression, compiled once.

    What callers send goes into a `parameter`, by name. Any other value in an expression is a constant of this
    package and becomes part of the text: never build a statement from what a caller sent.
    """

    __slots__ = ("_expression", "_uses", "autocommit_sql", "parameters", "sql")

    def __init__(self, expression: ClauseElement) -> None:
        self._uses = OFTEN
        if compiling.is_put_off:
            self._expression = expression
        else:
            self._set(*_compiled(expression))

    def __getattr__(self, name: str) -> Any:
        """Compile the expression, if it is not yet: Python asks here for what has no value."""
        if name not in ("autocommit_sql", "parameters", "sql"):
            raise AttributeError(name)
        self._set(*_compiled(self._expression))
        del self._expression
        return getattr(self, name)

    def _set(self, sql: str, parameters: Sequence[str]) -> None:
        self.sql = sql
        """The text, for use in a transaction."""
        self.parameters = tuple(parameters)
        """The names of `$1`, `$2` and so on."""
        self.autocommit_sql = self._autocommit_sql()
        """The text of a read that needs no transaction, with three more parameters at the end: the ids of the API token
        and of the agent, and the version of what the agent may do.

        None where no parameter is `user_id`.
        """

    def under(self, conditions: Sequence[Condition]) -> Self:
        """Return the statement with conditions in the place of `CONDITIONS_TO_COME`.

        To compile an expression takes some 10 ms, to put texts together a hundredth of it: where callers choose among
        many conditions, nearly each of them is a statement that nobody has asked for yet.
        """
        parameters = {name: n for n, name in enumerate(self.parameters, 1)}
        texts = [f"({condition.renumbered(parameters)})" for condition in conditions]
        filled = object.__new__(type(self))
        filled._uses = 0
        filled._set(self.sql.replace(_HOLE, " AND ".join(texts) or "true"), [*parameters])
        return filled

    def use(self) -> bool:
        """Count a use, and return whether connections keep the statement prepared: of those of `under`, what is asked
        for often. Most of them are asked for once in a while, and each connection would hold a plan of each.
        """
        self._uses += 1
        return self._uses > OFTEN

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
        token, agent, mandate = (len(self.parameters) + n for n in (1, 2, 3))
        sql = self.sql.replace(user, "me.user_id")
        return _AUTOCOMMIT.format(user=user, token=token, agent=agent, mandate=mandate, sql=sql)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the rows of one table, compiled once."""

    sql: str
    parameters: tuple[str, ...]
    """The names of its `$1`, `$2` and so on."""

    @classmethod
    def on(cls, source: Any, condition: ColumnElement[bool]) -> Condition:
        """Compile a condition on the rows of a table, which has its own name in every statement that is under it."""
        sql, parameters = _compiled(select(literal_column("1")).select_from(source).where(condition))
        return cls(sql.partition("WHERE ")[2], tuple(parameters))

    def renumbered(self, numbers: dict[str, int]) -> str:
        """Return the text with the numbers of a statement's parameters; it gets numbers for those that it lacks."""

        def number(placeholder: re.Match[str]) -> str:
            return f"${numbers.setdefault(self.parameters[int(placeholder[1]) - 1], len(numbers) + 1)}"

        return _PLACEHOLDER.sub(number, self.sql)


def _compiled(expression: ClauseElement) -> tuple[str, Sequence[str]]:
    """Return the text of an expression, and the names of its `$1`, `$2` and so on."""
    compiled = cast("SQLCompiler", expression.compile(dialect=_DIALECT))
    return str(compiled), compiled.positiontup or ()


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
