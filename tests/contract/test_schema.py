"""`specs/database/schema.md` says what a migrated database has, and nothing else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import asyncpg
import pytest

from tests.contract import markdown
from tests.contract.project import SPECS, name_of, product_files
from tests.tables import each
from todo_core.models import METADATA
from todo_core.storage import locks

pytestmark = pytest.mark.requirement("WR1", "DB3")

TEXT: Final = (SPECS / "database" / "schema.md").read_text(encoding="utf-8")
SECTIONS: Final = markdown.sections(TEXT, 2)
TABLES: Final = {
    markdown.code(markdown.value(body, "Table")): body for body in SECTIONS.values() if "**Table**" in body
}
EVERY_TABLE: Final = each("table", TABLES)
PARTS: Final = ["Fields", "Relationships", "Indexes", "Constraints", "Policies", "Grants", "Migration Notes"]

_COMMANDS: Final = {b"*": "all", b"r": "SELECT", b"a": "INSERT", b"w": "UPDATE", b"d": "DELETE"}


@pytest.fixture
async def catalogue(database_url: str) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A connection to a migrated database, as its owner."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


def part(table: str, title: str) -> str:
    return markdown.sections(TABLES[table], 3)[title]


def items(table: str, title: str) -> dict[str, str]:
    """The items of a list that begin with a name in backticks."""
    found = re.findall(r"^- `([^`]+)`(.*)$", part(table, title), re.MULTILINE)
    names = [name for name, _ in found]
    assert len(names) == len(set(names))
    return dict(found)


async def test_every_table_is_written_down_and_no_other(catalogue: asyncpg.Connection[Any]) -> None:
    rows = await catalogue.fetch(
        "SELECT relname FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    )

    assert sorted(TABLES) == sorted(row["relname"] for row in rows)
    assert METADATA.tables.keys() == TABLES.keys() - {"alembic_version"}


@EVERY_TABLE
def test_every_part_of_the_format_is_there(table: str) -> None:
    assert markdown.value(TABLES[table], "Ownership")
    assert list(markdown.sections(TABLES[table], 3)) == PARTS


@EVERY_TABLE
async def test_every_field_is_written_down_as_it_is(catalogue: asyncpg.Connection[Any], table: str) -> None:
    rows = await catalogue.fetch(
        """
        SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull, attidentity <> ''::"char" AS identity,
               attgenerated <> ''::"char" AS generated,
               CASE attgenerated WHEN ''::"char" THEN pg_get_expr(adbin, adrelid) END AS standard
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
        """,
        table,
    )
    found = [
        (
            row["attname"],
            row["type"].replace("timestamp with time zone", "timestamptz"),
            row["attnotnull"],
            row["identity"],
            row["generated"],
            row["standard"] and re.sub(r"(?<=')::[a-z ]+$", "", row["standard"]),
        )
        for row in rows
    ]

    written = []
    for field in markdown.table(part(table, "Fields")):
        words = [word.strip() for word in re.split(r", (?=(?:[^`]*`[^`]*`)*[^`]*$)", field["Constraints"])]
        standard = next((markdown.code(word) for word in words if word.startswith("default ")), None)
        written.append(
            (
                markdown.code(field["Field"]),
                field["Type"],
                "NOT NULL" in words,
                "identity" in words,
                "generated" in words,
                standard,
            )
        )
        assert field["Description"]
    assert written == found


@EVERY_TABLE
async def test_every_constraint_is_written_down_and_no_other(catalogue: asyncpg.Connection[Any], table: str) -> None:
    rows = await catalogue.fetch(
        "SELECT conname, contype, pg_get_constraintdef(oid) AS definition FROM pg_constraint"
        " WHERE conrelid = $1::text::regclass AND contype <> 'n'",
        table,
    )
    written = items(table, "Constraints") | {
        name: words for name, words in items(table, "Relationships").items() if name.startswith("fk_")
    }

    assert written.keys() == {row["conname"] for row in rows}
    for row in rows:
        if row["contype"] in (b"p", b"u", b"f"):
            words = row["definition"].replace("REFERENCES ", "→ ")
            assert words in written[row["conname"]], f"{row['conname']} is {words}"
        else:
            assert "CHECK" in written[row["conname"]]


@EVERY_TABLE
async def test_every_index_is_written_down_with_its_columns_and_what_it_serves(
    catalogue: asyncpg.Connection[Any], table: str
) -> None:
    rows = await catalogue.fetch(
        """
        SELECT c.relname AS name, pg_get_expr(indpred, indrelid) AS partial,
               array_to_string(
                   array(SELECT pg_get_indexdef(indexrelid, n, true) FROM generate_series(1, indnkeyatts) n), ', '
               ) AS columns
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = $1::text::regclass
        """,
        table,
    )
    written = items(table, "Indexes")

    assert written.keys() == {row["name"] for row in rows}
    for row in rows:
        words, _, serves = written[row["name"]].partition(" – ")
        where = "" if row["partial"] is None else f" where {re.sub('[()]', '', row['partial'])}"
        columns = re.sub(r"\s+", " ", row["columns"]).replace("( ", "(")
        assert words == f" on ({columns}){where}", row["name"]
        assert serves, f"{row['name']} serves no query"


@pytest.mark.requirement("OW2")
@EVERY_TABLE
async def test_every_policy_is_written_down_with_role_and_command(
    catalogue: asyncpg.Connection[Any], table: str
) -> None:
    rows = await catalogue.fetch(
        "SELECT polname, polcmd, polroles::regrole[]::text[] AS roles FROM pg_policy"
        " WHERE polrelid = $1::text::regclass",
        table,
    )

    found = {row["polname"]: ({*row["roles"]}, _COMMANDS[row["polcmd"]]) for row in rows}
    written = {}
    for name, words in items(table, "Policies").items():
        matched = re.match(r" for `(\w+(?:, \w+)*)` \((\w+)\): .", words)
        assert matched, f"{name}: who, which command, which rows?"
        written[name] = ({*matched[1].split(", ")}, matched[2])
    assert written == found


@pytest.mark.requirement("OW2", "SA2")
@EVERY_TABLE
async def test_every_grant_is_written_down(catalogue: asyncpg.Connection[Any], table: str) -> None:
    rows = await catalogue.fetch(
        """
        SELECT grantee::regrole::text AS role, privilege_type AS privilege, NULL AS field
        FROM pg_class, aclexplode(relacl) WHERE oid = $1::text::regclass AND grantee <> relowner
        UNION ALL
        SELECT grantee::regrole::text, privilege_type, attname::text
        FROM pg_attribute, aclexplode(attacl)
        WHERE attrelid = $1::text::regclass AND NOT attisdropped
        """,
        table,
    )
    found: dict[str, set[tuple[str, str | None]]] = {}
    for row in rows:
        found.setdefault(row["role"], set()).add((row["privilege"], row["field"]))

    written: dict[str, set[tuple[str, str | None]]] = {}
    for role, words in items(table, "Grants").items():
        for privilege, fields in re.findall(r"([A-Z]+)(?: \(([^)]+)\))?", words):
            named = [None] if not fields else [field.strip() for field in fields.split(",")]
            written.setdefault(role, set()).update((privilege, field) for field in named)
    assert written == found


@pytest.mark.requirement("OW2")
@EVERY_TABLE
async def test_row_level_security_is_forced_as_it_is_written(catalogue: asyncpg.Connection[Any], table: str) -> None:
    forced = await catalogue.fetchval(
        "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass", table
    )

    assert forced == ("FORCE" in markdown.value(TABLES[table], "Ownership"))


@pytest.mark.requirement("OW2", "OW4")
async def test_every_function_is_written_down_as_it_is(catalogue: asyncpg.Connection[Any]) -> None:
    rows = await catalogue.fetch(
        """
        SELECT format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) AS signature,
               pg_get_function_result(oid) AS result, prosecdef AS definer,
               CASE WHEN proowner::regrole::text LIKE 'todo\\_%' THEN proowner::regrole::text ELSE 'owner' END AS owner,
               array_to_string(proconfig, '; ') AS settings,
               (SELECT string_agg(grantee::regrole::text, ', ') FROM aclexplode(proacl)
                WHERE grantee <> proowner) AS used
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        """
    )
    found = {
        row["signature"]: (
            row["result"],
            row["owner"] if row["definer"] else "caller",
            row["settings"].removeprefix("search_path=") if row["settings"] else "the caller's",
            row["used"],
        )
        for row in rows
    }

    columns = ("Returns", "Runs as", "search_path, and other settings", "Used by")
    written = {
        markdown.code(row["Function"]): tuple(row[name] for name in columns)
        for row in markdown.tables(SECTIONS["Functions"])[0]
    }
    assert written == found


@pytest.mark.requirement("OW2")
async def test_every_function_that_runs_as_another_role_is_accounted_for(catalogue: asyncpg.Connection[Any]) -> None:
    rows = await catalogue.fetch(
        "SELECT format('%s(%s)', proname, pg_get_function_identity_arguments(oid)) AS signature FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef"
    )

    told = markdown.table(markdown.sections(SECTIONS["Functions"], 3)["As another role"])
    assert sorted(markdown.code(row["Function"]) for row in told) == sorted(row["signature"] for row in rows)
    assert all(all(row.values()) for row in told)


@pytest.mark.requirement("OW2")
async def test_every_role_is_written_down_and_powerless(catalogue: asyncpg.Connection[Any]) -> None:
    rows = await catalogue.fetch(
        "SELECT rolname, rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb"
        " OR rolreplication AS powerful"
        " FROM pg_roles WHERE rolname LIKE 'todo\\_%'"
    )

    assert {markdown.code(row["Role"]) for row in markdown.table(SECTIONS["Roles"])} == {row["rolname"] for row in rows}
    assert not any(row["powerful"] for row in rows)


# --- locks -------------------------------------------------------------------------------------


def test_every_advisory_lock_is_named_in_one_module_and_written_down() -> None:
    rows = {row["Lock"]: row for row in markdown.table(SECTIONS["Locks"])}
    takers = {name_of(path): text for path in product_files() if "advisory_xact_lock" in (text := path.read_text())}
    del takers["migrations/versions/0022_trips_and_plans.py"]  # a step stays as it is; test_at_once.py compares its key

    assert {name for name, text in takers.items() if "from todo_core.storage import locks" not in text} == {
        "todo_core/storage/locks.py"
    }
    assert [rows[name]["Key"] for name in ("Migrations", "Purges")] == [
        ", ".join(map(str, key)) for key in (locks.MIGRATIONS, locks.PURGES)
    ]
    assert sorted(takers) == [
        "todo_core/queries/idempotency.py",
        "todo_core/queries/purges.py",
        "todo_core/schema/all_steps.py",
        "todo_core/schema/turns.py",
        "todo_core/storage/beginning.py",
        "todo_core/storage/locks.py",
    ]
