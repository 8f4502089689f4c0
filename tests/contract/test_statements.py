"""`specs/database/statements/` shows every statement as it is sent, with its parameters and columns."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import pytest
from sqlalchemy import BigInteger, select

from tests.contract.project import ROOT, SPECS, Compare, product_files, tree
from tests.contract.sql_layout import lay_out
from tests.contract.statements import SHAPES, STATEMENTS, Named, makers, modules
from tests.tables import each
from todo_core.storage.statements import Statement, parameter

pytestmark = pytest.mark.requirement("WR1", "DB5")

FOLDER: Final = SPECS / "database" / "statements"
_AUTOCOMMIT: Final = """\
A read of a request is sent inside of this, in the place of `asked`, and needs no transaction around it.

`me` sets the user for row-level security until the statement ends, and refuses whoever may not act: $2 is the id of the
API token, if the caller has one. `OFFSET 0` keeps PostgreSQL from reading a row before."""


@pytest.fixture
async def connection(database_url: str) -> Any:
    """A connection to a migrated database, as its owner."""
    opened = await asyncpg.connect(database_url)
    yield opened
    await opened.close()


def _comment(text: str) -> str:
    return "".join(f"-- {line}".rstrip() + "\n" for line in text.splitlines())


async def _shown(named: Named, connection: asyncpg.Connection[Any]) -> str:
    """The file of a statement: what it does, what goes in and comes out as PostgreSQL sees it, and the SQL."""
    prepared = await connection.prepare(named.statement.sql)
    places = [f"${n} {name}" for n, name in enumerate(named.statement.parameters, 1)]
    columns = prepared.get_attributes()
    types = await _types(connection, [kind.oid for kind in (*prepared.get_parameters(), *(c.type for c in columns))])
    names = [*places, *(column.name for column in columns)]
    lines = [f"  {name} {kind}" for name, kind in zip(names, types, strict=True)]
    parts = {"Parameters": lines[: len(places)], "Columns": lines[len(places) :]}
    table = [line for title, rows in parts.items() if rows for line in ("", f"{title}:", *rows)]
    return _comment("\n".join([named.documentation, *table])) + "\n" + lay_out(named.statement.sql) + "\n"


async def _types(connection: asyncpg.Connection[Any], oids: Sequence[int]) -> list[str]:
    asked = "SELECT format_type(oid, NULL) FROM unnest($1::oid[]) WITH ORDINALITY AS wanted(oid, n) ORDER BY n"
    return [row[0] for row in await connection.fetch(asked, oids)]


@each("name", STATEMENTS)
async def test_a_statement_is_written_down_as_it_is_sent(
    name: str, compare: Compare, connection: asyncpg.Connection[Any]
) -> None:
    compare(FOLDER / f"{name}.sql", await _shown(STATEMENTS[name], connection))


def test_what_a_read_without_a_transaction_is_sent_in_is_written_down(compare: Compare) -> None:
    sql = Statement(select(parameter("user_id", BigInteger()).label("user_id"))).autocommit_sql
    assert sql is not None

    compare(FOLDER / "autocommit.sql", _comment(_AUTOCOMMIT) + "\n" + lay_out(sql) + "\n")


def test_no_file_is_left_of_a_statement_that_is_gone() -> None:
    files = {path.relative_to(FOLDER).as_posix().removesuffix(".sql") for path in FOLDER.rglob("*.sql")}

    assert files - STATEMENTS.keys() == {"autocommit"}, "delete the files of statements that are gone"


@each("name", STATEMENTS)
def test_what_is_shown_differs_from_what_is_sent_in_white_space_only(name: str) -> None:
    sql = STATEMENTS[name].statement.sql

    assert re.sub(r"\s", "", lay_out(sql)) == re.sub(r"\s", "", sql)
    assert max(map(len, lay_out(sql).splitlines())) <= 120


@each("name", STATEMENTS)
def test_the_docstring_explains_every_parameter(name: str) -> None:
    named = STATEMENTS[name]
    assert named.documentation, "say what it does, what its parameters and columns mean, and which index it reads"

    explained = {*re.findall(r"`(\w+)`", named.documentation), "user_id"}
    assert {*named.statement.parameters} - explained == set()


async def test_every_index_that_a_docstring_names_is_there(connection: asyncpg.Connection[Any]) -> None:
    named = {index for one in STATEMENTS.values() for index in one.indexes}
    there = {row[0] for row in await connection.fetch("SELECT indexname FROM pg_indexes")}

    assert named
    assert named - there == set()


def test_functions_that_make_statements_have_shapes_to_show() -> None:
    assert {make for module in modules() for make in makers(module)} == SHAPES.keys()


def _makes_a_statement(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Statement"


def test_statements_are_made_in_queries_and_nowhere_else() -> None:
    """So none is missing here, and none is built from what a caller sent."""
    made_in = {path for path in product_files() for node in ast.walk(tree(path)) if _makes_a_statement(node)}
    assert {path.parent for path in made_in} == {ROOT / "todo_core" / "queries"}

    unnamed = [
        ast.unparse(node)
        for path in made_in
        for node in tree(path).body
        if any(map(_makes_a_statement, ast.walk(node)))
        and not isinstance(node, ast.FunctionDef)
        and not (isinstance(node, ast.Assign) and _makes_a_statement(node.value))
    ]
    assert unnamed == [], "give each a name of its own"


def test_a_layout_breaks_at_clauses_commas_conditions_and_brackets() -> None:
    sql = """
WITH old AS (SELECT a.id AS id, (SELECT max(b.n) AS n FROM b WHERE b.a_id = a.id AND b.kind = 'x AND (y' AND b.n > 0
OR b.a_id = a.id AND b.kind = 'z') AS n FROM a JOIN b ON b.a_id = a.id WHERE a.at BETWEEN $1::DATE AND $2::DATE
AND (a.done IS NULL OR a.id = ANY ($3::BIGINT[])) AND a.kind != '' FOR UPDATE) UPDATE a SET n=CASE WHEN (old.n IS
DISTINCT FROM $4::BIGINT) THEN coalesce(old.n, a.n, $4::BIGINT, 1) ELSE 0 END
FROM old WHERE a.id = old.id RETURNING a.id"""
    shown = """\
WITH old AS (
    SELECT
        a.id AS id,
        (
            SELECT max(b.n) AS n
            FROM b
            WHERE
                b.a_id = a.id AND b.kind = 'x AND (y' AND b.n > 0
                OR b.a_id = a.id AND b.kind = 'z'
        ) AS n
    FROM a
    JOIN b ON b.a_id = a.id
    WHERE
        a.at BETWEEN $1::DATE AND $2::DATE
        AND (a.done IS NULL OR a.id = ANY ($3::BIGINT[]))
        AND a.kind != ''
    FOR UPDATE
)
UPDATE a
SET n=CASE
    WHEN (old.n IS DISTINCT FROM $4::BIGINT) THEN coalesce(old.n, a.n, $4::BIGINT, 1) ELSE 0
END
FROM old
WHERE a.id = old.id
RETURNING a.id"""

    assert lay_out(sql) == shown
