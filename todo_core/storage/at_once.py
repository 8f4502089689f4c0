"""Say how a statement that a connection has prepared runs in one round trip, with the transaction around it.

`write_at_once` (`specs/database/schema.md`, Functions) begins for a caller, takes the lock of the person's writes, and
runs SQL: an EXECUTE of the statement. Its parameters cannot be parameters there. Numbers are part of the SQL; a text
goes beside it and is read from a setting, for PostgreSQL writes SQL that failed into its log
(`docs/decisions/0084-a-write-in-one-round-trip.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncpg.prepared_stmt import PreparedStatement

TEXTS: Final = 6
"""Most texts among the parameters of a statement: `write_at_once` has settings for so many."""

_ASKED: Final = "SELECT * FROM write_at_once($1, $2, $3, $4, $5, $6) AS ({columns})"


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement that a connection keeps prepared under a name."""

    statement: PreparedStatement[Any]
    """Closed when nobody holds it."""
    sql: str
    """What returns its rows. Its parameters: the ids of the user, of the API token and of the agent, the version of
    what that may do, and what `call` returns."""
    types: Sequence[str]
    """Those of the parameters, by PostgreSQL's names."""

    @classmethod
    def of(cls, statement: PreparedStatement[Any]) -> Kept:
        """Describe a statement that was prepared under a name."""
        columns = ", ".join(f'"{column.name}" {column.type.name}' for column in statement.get_attributes())
        types = [kind.name for kind in statement.get_parameters()]
        return cls(statement, _ASKED.format(columns=columns), types)

    def call(self, names: Iterable[str], arguments: Iterable[object]) -> tuple[str, list[str]]:
        """Return the SQL that executes the statement, and the texts that it reads from settings.

        Args:
            names: Those of the parameters. Where `now` is none, it is the moment after the lock: the statement's own is
                before it, and who waits for another write would be told of as the earlier one.
            arguments: Their values: none, truth values, numbers and texts, or lists of numbers or texts.
        """
        texts: list[str] = []
        values = [
            "clock_timestamp()" if name == "now" and argument is None else _value(argument, kind, texts)
            for name, kind, argument in zip(names, self.types, arguments, strict=True)
        ]
        assert len(texts) <= TEXTS
        return f"EXECUTE {self.statement.get_name()} ({', '.join(values)})", texts


def _value(argument: object, kind: str, texts: list[str]) -> str:
    """Return the SQL of an argument; add it to `texts` if it is one."""
    if argument is None:
        return "NULL"
    if isinstance(argument, bool):
        return str(argument)
    if isinstance(argument, int):
        return str(int(argument))
    if isinstance(argument, list):
        argument = _array(argument)
    assert isinstance(argument, str)
    texts.append(argument)
    return f"current_setting('app.text_{len(texts)}')::{kind}"


def _array(items: Iterable[int | str]) -> str:
    """Return a list as PostgreSQL writes arrays (its manual, "Array Input and Output Syntax")."""
    escaped = (str(item).replace("\\", "\\\\").replace('"', '\\"') for item in items)
    return "{" + ",".join(f'"{item}"' for item in escaped) + "}"
