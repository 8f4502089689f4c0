"""`todo-mcp doctor`: a line for each check, and 1 where something is wrong.

Roles belong to a whole server, so this one breaks a server of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
from anyio import to_thread

from tests.app.postgres import own_postgres
from tests.app.program import Program
from tests.keys import KeyServer, ed_pair, key_set, page
from todo_core.schema import SCHEMA_REVISION


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program on a migrated server that tests may break."""
    with own_postgres() as server:
        program = Program(tmp_path_factory.mktemp("doctor"), {"TODO_DATABASE_URL": server.url})
        unmigrated = program.run("doctor")
        assert unmigrated.returncode == 1
        assert "FAIL  migrations: nothing, not " in unmigrated.stdout
        program.answer("migrate")
        yield program


@contextmanager
def broken(program: Program, break_it: str, mend_it: str) -> Iterator[None]:
    async def execute(sql: str) -> None:
        connection = await asyncpg.connect(program.settings["TODO_DATABASE_URL"])
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(execute(break_it))
    try:
        yield
    finally:
        asyncio.run(execute(mend_it))


@pytest.mark.requirement("OP1")
def test_all_is_well(patient: Program) -> None:
    done = patient.run("doctor")

    assert done.returncode == 0, done.stdout
    assert {line[:6] for line in done.stdout.splitlines()} == {"ok    "}
    subjects = [line[6:].split(":")[0] for line in done.stdout.splitlines()]
    assert len(subjects) == len(set(subjects))
    assert {"configuration", "database", "migrations", "role todo_app", "row-level security"} <= set(subjects)


@pytest.mark.requirement("OP1", "OW2", "DB3")
@pytest.mark.parametrize(
    ("break_it", "mend_it", "said"),
    [
        (
            "UPDATE alembic_version SET version_num = '0000'",
            f"UPDATE alembic_version SET version_num = '{SCHEMA_REVISION}'",  # noqa: S608  # our own number
            f"migrations: 0000, not {SCHEMA_REVISION}; run `todo-mcp migrate`",
        ),
        (
            "ALTER ROLE todo_janitor RENAME TO somebody",
            "ALTER ROLE somebody RENAME TO todo_janitor",
            "role todo_janitor: is missing",
        ),
        ("ALTER ROLE todo_app BYPASSRLS", "ALTER ROLE todo_app NOBYPASSRLS", "role todo_app: has powers"),
        ("ALTER ROLE todo_app SUPERUSER", "ALTER ROLE todo_app NOSUPERUSER", "role todo_app: has powers"),
        (
            "CREATE TABLE its_own (); ALTER TABLE its_own OWNER TO todo_app",
            "DROP TABLE its_own",
            "role todo_app: has powers or tables of its own",
        ),
        (
            "ALTER TABLE todos DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE todos ENABLE ROW LEVEL SECURITY",
            "row-level security: not forced on todos",
        ),
        (
            "ALTER TABLE changes NO FORCE ROW LEVEL SECURITY",
            "ALTER TABLE changes FORCE ROW LEVEL SECURITY",
            "row-level security: not forced on changes",
        ),
    ],
    ids=["behind", "role missing", "bypassrls", "superuser", "owner", "rls off", "rls not forced"],
)
def test_what_is_wrong_is_named(patient: Program, break_it: str, mend_it: str, said: str) -> None:
    with broken(patient, break_it, mend_it):
        done = patient.run("doctor")

    assert done.returncode == 1
    (failure,) = (line for line in done.stdout.splitlines() if not line.startswith("ok  "))
    assert failure.startswith(f"FAIL  {said}")


@pytest.mark.requirement("OP1", "OW2")
def test_a_login_that_may_not_take_on_the_role_is_named(patient: Program, tmp_path: Path) -> None:
    stranger = patient.settings["TODO_DATABASE_URL"].replace("//postgres:@", "//stranger:@")
    assert "stranger" in stranger
    make = "CREATE ROLE stranger LOGIN; GRANT SELECT ON alembic_version TO stranger"
    with broken(patient, make, "REVOKE ALL ON alembic_version FROM stranger; DROP ROLE stranger"):
        done = Program(tmp_path, {"TODO_DATABASE_URL": stranger}).run("doctor")

    assert done.returncode == 1
    assert "FAIL  role todo_app: cannot be taken on" in done.stdout


@pytest.mark.requirement("OP1", "ID1", "ID2")
async def test_each_issuer_and_whether_its_keys_can_be_had_is_a_line(patient: Program) -> None:
    async with KeyServer().running() as keys:
        keys.pages["/api/auth/jwks"] = page(key_set(ed_pair("k").jwk))
        origin = keys.url("")
        program = patient.configured(TODO_BETTER_AUTH_URL=origin, TODO_PUBLIC_URL="http://127.0.0.1:8000")
        there = await to_thread.run_sync(program.run, "doctor")
    gone = await to_thread.run_sync(program.run, "doctor")

    issuers = [f"issuer {origin}: ", f"issuer {origin}/api/auth: "]
    said = "ES256, EdDSA, RS256 with the keys it publishes"
    assert [line for line in there.stdout.splitlines() if "issuer" in line] == [f"ok    {one}{said}" for one in issuers]
    assert there.returncode == 0
    assert gone.returncode == 1
    failed = [line for line in gone.stdout.splitlines() if line.startswith("FAIL")]
    assert [line[6:].startswith(one) for line, one in zip(failed, issuers, strict=True)] == [True, True]


@pytest.mark.requirement("OP1", "ID7")
def test_a_database_that_cannot_be_used_is_a_failure_without_the_password(tmp_path: Path) -> None:
    program = Program(tmp_path, {"TODO_DATABASE_URL": "postgresql://u:hunter2@127.0.0.1:1/todo"})

    done = program.run("doctor")

    assert done.returncode == 1
    assert "FAIL  database: cannot be used" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
