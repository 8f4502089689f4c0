"""`todo-mcp doctor`: a line for each check, and 1 where something is wrong.

Roles and settings belong to a whole server, so this one breaks a server of its own.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from anyio import to_thread

from tests.app.postgres import own_postgres
from tests.app.program import Program
from tests.databases import new_database, with_database
from tests.keys import KeyServer, ed_pair, key_set, page
from todo_app.doctor import examine
from todo_core.core import utc_now
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS, SchemaError, catalogue
from todo_core.schema.migrate import migrate
from todo_core.schema.state import PARTLY_UNDONE
from todo_core.schema.versions import place
from todo_core.settings import Settings

NEXT, AFTER_NEXT = (f"{place(SCHEMA_REVISION).schema + ahead:04}" for ahead in (1, 2))
INDEX: Final = (
    "CREATE INDEX ix_todos_parent ON public.todos USING btree (user_id, parent_id) WHERE (parent_id IS NOT NULL)"
)
OWN_ROWS: Final = (
    "AS PERMISSIVE FOR ALL TO todo_app USING ((user_id = ( SELECT (NULLIF(current_setting('app.user_id'::text, true),"
    " ''::text))::bigint AS \"nullif\"))) WITH CHECK ((user_id = ( SELECT (NULLIF(current_setting('app.user_id'::text,"
    " true), ''::text))::bigint AS \"nullif\")))"
)
PRIORITY: Final = "ck_todos_priority_known CHECK (((priority >= 1) AND (priority <= 4)))"


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


@pytest.fixture
async def admin(patient: Program) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The server's superuser."""
    connection = await asyncpg.connect(patient.settings["TODO_DATABASE_URL"])
    yield connection
    await connection.close()


@dataclass
class Doctor:
    """Examines a database in this process."""

    url: str
    capture: pytest.CaptureFixture[str]

    async def says(self, **more: Any) -> list[str]:
        """The lines that it prints; the exit code is 1 if one of them is a failure."""
        code = await examine(Settings.load(database_url=self.url), self.url, **more)
        lines = self.capture.readouterr().out.splitlines()
        assert code == any(line.startswith("FAIL") for line in lines)
        return lines

    async def failures(self, **more: Any) -> list[str]:
        """The lines of what is wrong, without the words that each of the schema has."""
        failed = (line.removeprefix("FAIL  ") for line in await self.says(**more) if line.startswith("FAIL"))
        return [line.replace("; as the owner of the tables: ", "; ") for line in failed]


@pytest.fixture
def doctor(patient: Program, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(patient.settings["TODO_DATABASE_URL"], capsys)


@asynccontextmanager
async def broken(admin: asyncpg.Connection[Any], break_it: str, mend_it: str) -> AsyncIterator[None]:
    await admin.execute(break_it)
    try:
        yield
    finally:
        await admin.execute(mend_it)


@pytest.mark.requirement("OP1", "OP8", "DB2")
def test_the_doctor_finds_nothing_wrong_with_a_sound_server(patient: Program) -> None:
    done = patient.run("doctor")

    assert done.returncode == 0, done.stdout
    assert {line[:6] for line in done.stdout.splitlines()} == {"ok    "}
    subjects = [line[6:].split(":")[0] for line in done.stdout.splitlines()]
    assert len(subjects) == len(set(subjects))
    assert {"configuration", "database", "pooler", "settings", "clock", "migrations", "role todo_app"} <= set(subjects)
    assert {"row-level security", "policies", "grants", "functions", "constraints", "indexes"} <= set(subjects)


FAULTS: Final = {
    "behind": (
        "UPDATE alembic_version SET version_num = '0000'",
        f"UPDATE alembic_version SET version_num = '{SCHEMA_STEPS[-1]}'",  # noqa: S608  # our own number
        f"migrations: 0000, not {SCHEMA_REVISION}; run `todo-mcp migrate`",
    ),
    "too far ahead": (
        f"UPDATE alembic_version SET version_num = '{AFTER_NEXT}'",  # noqa: S608
        f"UPDATE alembic_version SET version_num = '{SCHEMA_STEPS[-1]}'",  # noqa: S608
        f"migrations: {AFTER_NEXT}, not {SCHEMA_REVISION}; use a newer todo-mcp",
    ),
    "role missing": (
        "ALTER ROLE todo_janitor RENAME TO somebody",
        "ALTER ROLE somebody RENAME TO todo_janitor",
        "role todo_janitor: is missing; CREATE ROLE todo_janitor",
    ),
    "role of functions missing": (
        "ALTER ROLE todo_probe RENAME TO somebody",
        "ALTER ROLE somebody RENAME TO todo_probe",
        "role todo_probe: is missing",
    ),
    **{
        power: (f"ALTER ROLE todo_app {power}", f"ALTER ROLE todo_app NO{power}", "role todo_app: has powers")
        for power in ("BYPASSRLS", "SUPERUSER", "CREATEROLE", "CREATEDB", "REPLICATION", "LOGIN")
    },
    "role owns a table": (
        "CREATE TABLE its_own (); ALTER TABLE its_own OWNER TO todo_app",
        "DROP TABLE its_own",
        "role todo_app: has powers or tables of its own",
    ),
    "role is a member of another": (
        "GRANT pg_read_all_data TO todo_app",
        "REVOKE pg_read_all_data FROM todo_app",
        "role todo_app: has the rights of others; REVOKE pg_read_all_data FROM todo_app",
    ),
    "row-level security off": (
        "ALTER TABLE todos DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE todos ENABLE ROW LEVEL SECURITY",
        "row-level security: changed; ALTER TABLE todos ENABLE ROW LEVEL SECURITY, FORCE",
    ),
    "row-level security not forced": (
        "ALTER TABLE changes NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE changes FORCE ROW LEVEL SECURITY",
        "row-level security: changed; ALTER TABLE changes ENABLE ROW LEVEL SECURITY, FORCE",
    ),
    "grant on a table gone": (
        "REVOKE INSERT ON todos FROM todo_app",
        "GRANT INSERT ON todos TO todo_app",
        "grants: missing; GRANT INSERT ON todos TO todo_app",
    ),
    "grant on a column gone": (
        "REVOKE UPDATE (suspended_at) ON users FROM todo_admin",
        "GRANT UPDATE (suspended_at) ON users TO todo_admin",
        "grants: missing; GRANT UPDATE (suspended_at) ON users TO todo_admin",
    ),
    "grant on a function gone": (
        "REVOKE EXECUTE ON FUNCTION require_active(bigint, bigint, bigint, integer) FROM todo_app",
        "GRANT EXECUTE ON FUNCTION require_active(bigint, bigint, bigint, integer) TO todo_app",
        "grants: missing; GRANT EXECUTE ON FUNCTION require_active(bigint,bigint,bigint,integer) TO todo_app",
    ),
    "grant on a sequence gone": (
        "REVOKE USAGE ON SEQUENCE todos_id_seq FROM todo_app",
        "GRANT USAGE ON SEQUENCE todos_id_seq TO todo_app",
        "grants: missing; GRANT USAGE ON SEQUENCE todos_id_seq TO todo_app",
    ),
    "grant on the schema gone": (
        "REVOKE USAGE ON SCHEMA public FROM todo_app, PUBLIC",
        "GRANT USAGE ON SCHEMA public TO todo_app, PUBLIC",
        "grants: missing; GRANT USAGE ON SCHEMA public TO todo_app",
    ),
    "a grant too much": (
        "GRANT DELETE ON todos TO todo_app",
        "REVOKE DELETE ON todos FROM todo_app",
        "grants: too much; REVOKE DELETE ON todos FROM todo_app",
    ),
    "a grant to everybody": (
        "GRANT SELECT (email) ON users TO PUBLIC",
        "REVOKE SELECT (email) ON users FROM PUBLIC",
        "grants: too much; REVOKE SELECT (email) ON users FROM PUBLIC",
    ),
    "everybody may make things": (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "grants: too much; REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ),
    "a grant that may be handed on": (
        "GRANT SELECT ON todos TO todo_app WITH GRANT OPTION",
        "REVOKE GRANT OPTION FOR SELECT ON todos FROM todo_app",
        "grants: changed; REVOKE GRANT OPTION FOR SELECT ON todos FROM todo_app",
    ),
    "policy gone": (
        "DROP POLICY own_rows ON tags",
        f"CREATE POLICY own_rows ON tags {OWN_ROWS}",
        f"policies: missing; CREATE POLICY own_rows ON tags {OWN_ROWS}",
    ),
    "a policy that shows everything": (
        "CREATE POLICY everything ON todos TO todo_app USING (true)",
        "DROP POLICY everything ON todos",
        "policies: too much; DROP POLICY everything ON todos",
    ),
    "a policy for everybody": (
        "CREATE POLICY everything ON todos USING (true)",
        "DROP POLICY everything ON todos",
        "policies: too much; DROP POLICY everything ON todos",
    ),
    "another expression of a policy": (
        "ALTER POLICY own_rows ON tags USING (true)",
        f"DROP POLICY own_rows ON tags; CREATE POLICY own_rows ON tags {OWN_ROWS}",
        "policies: changed; DROP POLICY own_rows ON tags; CREATE POLICY own_rows ON tags",
    ),
    "a function as its caller": (
        "ALTER FUNCTION todos_with_words(text, text) SECURITY INVOKER",
        "ALTER FUNCTION todos_with_words(text, text) SECURITY DEFINER",
        "functions: changed; restore todos_with_words(text,text) to security definer",
    ),
    "a function with the caller's search path": (
        "ALTER FUNCTION todos_with_words(text, text) RESET search_path",
        "ALTER FUNCTION todos_with_words(text, text) SET search_path = pg_catalog, pg_temp",
        "functions: changed; restore todos_with_words(text,text) to search_path=pg_catalog",
    ),
    "another volatility": (
        "ALTER FUNCTION belong_to_another(text, bigint[]) VOLATILE",
        "ALTER FUNCTION belong_to_another(text, bigint[]) STABLE",
        "functions: changed; restore belong_to_another(text,bigint[]) to stable",
    ),
    "another owner of a function": (
        "ALTER FUNCTION todos_with_words(text, text) OWNER TO postgres",
        "ALTER FUNCTION todos_with_words(text, text) OWNER TO todo_search",
        "functions: changed; restore todos_with_words(text,text) to owner todo_search",
    ),
    "function gone": (
        "ALTER FUNCTION language_of(text) RENAME TO gone",
        "ALTER FUNCTION gone(text) RENAME TO language_of",
        "functions: missing; restore language_of(text) as migrations/versions/ has it",
    ),
    "index gone": (
        "DROP INDEX ix_todos_parent",
        INDEX,
        f"indexes: missing; {INDEX}",
    ),
    "index not valid": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_todos_parent'::regclass",
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'ix_todos_parent'::regclass",
        f"indexes: changed; DROP INDEX ix_todos_parent; {INDEX}",
    ),
    "another index of that name": (
        "DROP INDEX ix_todos_parent; CREATE INDEX ix_todos_parent ON todos (user_id)",
        f"DROP INDEX ix_todos_parent; {INDEX}",
        f"indexes: changed; DROP INDEX ix_todos_parent; {INDEX}",
    ),
    "constraint gone": (
        "ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known",
        f"ALTER TABLE todos ADD CONSTRAINT {PRIORITY}",
        f"constraints: missing; ALTER TABLE todos ADD CONSTRAINT {PRIORITY}",
    ),
    "constraint not valid": (
        f"ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known, ADD CONSTRAINT {PRIORITY} NOT VALID",
        "ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_priority_known",
        "constraints: changed; ALTER TABLE todos VALIDATE CONSTRAINT ck_todos_priority_known",
    ),
    "another constraint of that name": (
        "ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known,"
        " ADD CONSTRAINT ck_todos_priority_known CHECK (priority > 0)",
        f"ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known, ADD CONSTRAINT {PRIORITY}",
        "constraints: changed; ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known;"
        f" ALTER TABLE todos ADD CONSTRAINT {PRIORITY}",
    ),
    "a trigger too much": (
        "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER theirs BEFORE INSERT ON todos FOR EACH ROW WHEN (NEW.title <> '(') EXECUTE FUNCTION theirs()",
        "DROP FUNCTION theirs() CASCADE",
        "triggers: too much; DROP TRIGGER theirs ON todos",
    ),
    "a function with the rights of a role": (
        "CREATE FUNCTION theirs() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1;"
        " ALTER FUNCTION theirs() OWNER TO todo_search",
        "DROP FUNCTION theirs()",
        "functions: too much; DROP FUNCTION theirs()",
    ),
    "a policy of the owner": (
        "CREATE POLICY its_own ON todos TO CURRENT_USER USING (true)",
        "DROP POLICY its_own ON todos",
        "owner's policies: too much; DROP POLICY its_own ON todos",
    ),
    "a policy that a killed run left": (
        "CREATE POLICY backfill ON todos TO CURRENT_USER USING (true)",
        "DROP POLICY backfill ON todos",
        "owner's policies: too much; `todo-mcp migrate`, which drops backfill ON todos",
    ),
    "trigger off": (
        "ALTER TABLE users DISABLE TRIGGER make_inbox",
        "ALTER TABLE users ENABLE TRIGGER make_inbox",
        "triggers: changed; DROP TRIGGER make_inbox ON users; CREATE TRIGGER make_inbox",
    ),
    "column gone": (
        "ALTER TABLE users RENAME COLUMN locale TO gone",
        "ALTER TABLE users RENAME COLUMN gone TO locale",
        "columns: missing; restore users.locale as migrations/versions/ has it",
    ),
    "a table that a crash empties": (
        "ALTER TABLE activity_days SET UNLOGGED",
        "ALTER TABLE activity_days SET LOGGED",
        "tables: changed; restore activity_days to logged",
    ),
    "another owner of a table": (
        "CREATE ROLE stranger; ALTER TABLE activity_days OWNER TO stranger",
        "ALTER TABLE activity_days OWNER TO postgres; DROP ROLE stranger",
        "tables: changed; restore activity_days to owner the migrations'",
    ),
    "changes lost by a crash": (
        "ALTER DATABASE postgres SET synchronous_commit = off",
        "ALTER DATABASE postgres RESET synchronous_commit",
        "setting synchronous_commit: is off, not on, so a crash loses changes that were acknowledged",
    ),
    "read-only": (
        "ALTER DATABASE postgres SET default_transaction_read_only = on",
        "SET default_transaction_read_only = off; ALTER DATABASE postgres RESET default_transaction_read_only",
        "setting default_transaction_read_only: is on, not off, so every change is refused",
    ),
    "triggers and foreign keys off": (
        "ALTER DATABASE postgres SET session_replication_role = replica",
        "ALTER DATABASE postgres RESET session_replication_role",
        "setting session_replication_role: is replica, not origin",
    ),
}
"""What breaks the database, what mends it, and how the line begins that says so."""


@pytest.mark.requirement("OP1", "OP8", "OW2", "DB3")
@pytest.mark.parametrize(("break_it", "mend_it", "said"), FAULTS.values(), ids=FAULTS)
async def test_what_is_wrong_is_named_with_what_to_do(
    doctor: Doctor, admin: asyncpg.Connection[Any], break_it: str, mend_it: str, said: str
) -> None:
    async with broken(admin, break_it, mend_it):
        failures = await doctor.failures()
    after = await doctor.failures()

    assert any(failure.startswith(said) for failure in failures), failures
    assert len(failures) == 1 or {failure.partition(":")[0] for failure in failures} <= FOLLOWING.get(said[:7], set())
    assert after == []


FOLLOWING: Final = {
    "columns": {"columns", "constraints", "functions", "grants"},
    "functio": {"functions", "grants"},
    "trigger": {"triggers", "functions"},
}
"""What else fails with a column or a function that is gone, an owner who had no grant because he is the owner, or a
trigger with a function of its own."""


@pytest.mark.requirement("OP8")
async def test_the_statements_it_says_mend_what_was_broken(doctor: Doctor, admin: asyncpg.Connection[Any]) -> None:
    await admin.execute(
        "REVOKE INSERT, UPDATE ON todos FROM todo_app; GRANT DELETE ON todos TO todo_app;"
        " GRANT SELECT ON tags TO todo_app WITH GRANT OPTION; DROP POLICY own_rows ON tags; DROP POLICY trash ON lists;"
        " CREATE POLICY everything ON todos USING (true); ALTER POLICY trash ON todos USING (true);"
        " DROP INDEX ix_todos_parent; ALTER TABLE users DISABLE TRIGGER make_inbox;"
        " CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER theirs BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION theirs();"
        " ALTER TABLE todos DROP CONSTRAINT ck_todos_priority_known; ALTER TABLE lists NO FORCE ROW LEVEL SECURITY"
    )
    failures = await doctor.failures()
    for failure in failures:
        _, _, statements = failure.partition("; ")
        await admin.execute(statements)

    assert len(failures) == 12
    assert await doctor.failures() == []


@pytest.mark.requirement("OP8")
async def test_many_faults_of_a_kind_are_one_line_that_counts_them(
    doctor: Doctor, admin: asyncpg.Connection[Any]
) -> None:
    granted = json.loads(catalogue.FILE.read_text())[SCHEMA_STEPS[-1]]["grants"]
    mend = "; ".join(f"GRANT {name}" for name in granted if name.endswith(" TO todo_app"))
    async with broken(admin, "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM todo_app", mend):
        (failure,) = await doctor.failures()

    assert failure.startswith("grants: missing (and ")
    assert failure.count("GRANT ") == 5


SHOWS_EVERYTHING: Final = (
    "CREATE POLICY x ON todos TO todo_app USING (true)",
    "DROP POLICY x ON todos",
    "policies: too much; DROP POLICY x ON todos",
)
ON_THE_WAY: Final = {
    name: FAULTS[name] for name in ("row-level security off", "a function as its caller", "index gone")
}
ON_THE_WAY["a policy that shows everything"] = SHOWS_EVERYTHING


@pytest.fixture(scope="module", params=SCHEMA_STEPS[SCHEMA_STEPS.index(SCHEMA_REVISION) : -1])
def on_the_way(request: pytest.FixtureRequest, patient: Program) -> Iterator[str]:
    """A database of the same server where `todo-mcp migrate` leaves those that were there before."""
    with new_database(patient.settings["TODO_DATABASE_URL"]) as url:
        asyncio.run(migrate(url, to=request.param))
        yield url


@pytest.mark.requirement("OP8", "OW2", "DB3")
@pytest.mark.parametrize(("break_it", "mend_it", "said"), ON_THE_WAY.values(), ids=ON_THE_WAY)
async def test_a_database_before_the_last_step_is_compared_as_fully(
    on_the_way: str, doctor: Doctor, break_it: str, mend_it: str, said: str
) -> None:
    doctor.url = on_the_way
    admin = await asyncpg.connect(on_the_way)
    async with broken(admin, break_it, mend_it):
        failures = await doctor.failures()
    after = await doctor.failures()
    await admin.close()

    (failure,) = failures
    assert failure.startswith(said)
    assert after == []


@pytest.mark.requirement("OP8", "DB3", "OW2")
@pytest.mark.parametrize(
    ("break_it", "mend_it", "said"),
    [
        FAULTS["row-level security off"],
        FAULTS["row-level security not forced"],
        FAULTS["another expression of a policy"],
        SHOWS_EVERYTHING,
    ],
)
async def test_what_keeps_users_apart_is_compared_one_version_ahead_too(
    doctor: Doctor, admin: asyncpg.Connection[Any], break_it: str, mend_it: str, said: str
) -> None:
    ahead = f"UPDATE alembic_version SET version_num = '{NEXT}'"  # noqa: S608  # our own number
    back = f"UPDATE alembic_version SET version_num = '{SCHEMA_STEPS[-1]}'"  # noqa: S608
    async with broken(admin, ahead, back), broken(admin, break_it, mend_it):
        (failure,) = await doctor.failures()

    assert failure.startswith(said)


@pytest.mark.requirement("OP8", "DB3")
async def test_a_database_one_version_ahead_is_fine_as_long_as_nothing_is_missing(
    doctor: Doctor, admin: asyncpg.Connection[Any]
) -> None:
    ahead = f"UPDATE alembic_version SET version_num = '{NEXT}'; GRANT DELETE ON todos TO todo_app"  # noqa: S608
    back = f"UPDATE alembic_version SET version_num = '{SCHEMA_STEPS[-1]}'; REVOKE DELETE ON todos FROM todo_app"  # noqa: S608
    async with broken(admin, ahead, back):
        lines = await doctor.says()
        async with broken(admin, "REVOKE INSERT ON todos FROM todo_app", "GRANT INSERT ON todos TO todo_app"):
            failures = await doctor.failures()

    assert f"ok    migrations: {NEXT}, ahead of {SCHEMA_REVISION}; this version serves on it" in lines
    assert {line[:6] for line in lines} == {"ok    "}
    assert failures == ["grants: missing; GRANT INSERT ON todos TO todo_app"]


@pytest.fixture
def another_database(patient: Program) -> Iterator[str]:
    """An empty database of the same server."""
    with new_database(patient.settings["TODO_DATABASE_URL"]) as url:
        yield url


WALL: Final = (
    "CREATE FUNCTION wall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;"
    " CREATE TRIGGER wall BEFORE UPDATE ON changes FOR EACH ROW EXECUTE FUNCTION wall()"
)
"""Keeps a downgrade from giving changes back the form that they had."""


@pytest.mark.requirement("OP8", "DB3")
async def test_what_a_downgrade_left_that_was_given_up_is_taken_away_by_migrate(
    another_database: str, patient: Program, doctor: Doctor
) -> None:
    doctor.url = another_database
    await migrate(doctor.url)
    admin = await asyncpg.connect(doctor.url)
    await admin.execute("INSERT INTO users (issuer, subject) VALUES ('a', 'b')")
    await admin.execute("INSERT INTO changes (user_id, operation, via) SELECT id, 'todos.add', 'rest' FROM users")
    await admin.execute(WALL)
    with pytest.raises(SchemaError, match="cannot change these rows of changes"):
        await migrate(doctor.url, "0004")
    await admin.execute("DROP FUNCTION wall() CASCADE")
    await admin.close()

    failures = await doctor.failures()
    program = patient.configured(TODO_DATABASE_URL=doctor.url)
    checked = await to_thread.run_sync(program.run, "migrate", "--check")
    await migrate(doctor.url)
    after = await doctor.failures()

    assert failures == [f"migrations: 0005_finish, not {SCHEMA_REVISION}; run `todo-mcp migrate`"]
    assert (checked.returncode, checked.stdout) == (
        1,
        "0005_finish (partly undone: `todo-mcp migrate` does it again)\n",
    )
    assert after == []


@pytest.mark.requirement("OP8", "DB3")
async def test_a_step_that_is_partly_undone_is_named_with_what_it_left(
    doctor: Doctor, admin: asyncpg.Connection[Any]
) -> None:
    async with broken(
        admin,
        f"COMMENT ON TABLE alembic_version IS '{PARTLY_UNDONE}';"
        " CREATE POLICY left_over ON changes TO CURRENT_USER USING (true)",
        "COMMENT ON TABLE alembic_version IS NULL; DROP POLICY left_over ON changes",
    ):
        failures = await doctor.failures()

    assert failures == [
        f"migrations: {SCHEMA_STEPS[-1]}, which a downgrade has partly undone; unless one runs, `todo-mcp migrate` does"
        " it again, and `todo-mcp migrate --to` goes on down",
        "owner's policies: too much; `todo-mcp migrate`, which drops left_over ON changes",
    ]


@pytest.mark.requirement("OP8")
async def test_what_others_have_beside_ours_is_no_fault(doctor: Doctor, admin: asyncpg.Connection[Any]) -> None:
    async with broken(
        admin,
        "CREATE ROLE analyst; GRANT SELECT ON todos TO analyst; REVOKE USAGE ON SCHEMA public FROM PUBLIC;"
        " CREATE POLICY analysis ON todos TO analyst USING (true); CREATE INDEX ix_theirs ON todos (updated_at);"
        " CREATE TABLE theirs (id int); GRANT ALL ON theirs TO PUBLIC; ALTER TABLE theirs ENABLE ROW LEVEL SECURITY;"
        " CREATE POLICY everybody ON theirs USING (true); ALTER TABLE todos ADD COLUMN theirs int;"
        " CREATE FUNCTION theirs() RETURNS int LANGUAGE sql RETURN 1",
        "GRANT USAGE ON SCHEMA public TO PUBLIC; ALTER TABLE todos DROP COLUMN theirs; DROP FUNCTION theirs();"
        " DROP TABLE theirs; DROP INDEX ix_theirs; DROP POLICY analysis ON todos;"
        " REVOKE ALL ON todos FROM analyst; DROP ROLE analyst",
    ):
        assert await doctor.failures() == []


@pytest.mark.requirement("OP8", "OP4")
@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "autovacuum", "track_counts"])
async def test_a_setting_that_loses_data_or_lets_tables_grow_is_named(
    doctor: Doctor, admin: asyncpg.Connection[Any], setting: str
) -> None:
    async with switched_off(admin, doctor.url, setting):
        failures = await doctor.failures()

    (failure,) = failures
    assert failure.startswith(f"setting {setting}: is off, not on, so ")


@asynccontextmanager
async def switched_off(admin: asyncpg.Connection[Any], url: str, setting: str) -> AsyncIterator[None]:
    """A setting of the server is off, for whoever connects in this block, and on again for whoever does after it."""

    async def change(how: str, until: str) -> None:
        await admin.execute(f"ALTER SYSTEM {how}")
        await admin.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 20
        while until != await _setting_of_a_new_connection(url, setting):
            assert time.monotonic() < deadline

    await change(f"SET {setting} = off", "off")
    try:
        yield
    finally:
        await change(f"RESET {setting}", "on")


async def _setting_of_a_new_connection(url: str, setting: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SELECT current_setting($1)", setting))
    finally:
        await connection.close()


@pytest.mark.requirement("OP8", "DB1")
async def test_neon_keeps_what_is_acknowledged_without_a_disk(doctor: Doctor, admin: asyncpg.Connection[Any]) -> None:
    """There `fsync` is off: its storage keeps what a disk would. A setting of Neon's own tells."""
    async with (
        switched_off(admin, doctor.url, "fsync"),
        broken(
            admin,
            "ALTER DATABASE postgres SET neon.timeline_id = '1'",
            "ALTER DATABASE postgres RESET neon.timeline_id",
        ),
    ):
        assert await doctor.failures() == []


@pytest.mark.requirement("OP8", "ID1")
@pytest.mark.parametrize("days", [-3, 3])
async def test_a_clock_that_is_days_off_is_named(doctor: Doctor, days: int) -> None:
    (failure,) = await doctor.failures(clock=lambda: utc_now() + timedelta(days=days))

    assert failure.startswith("clock: 259,")
    assert failure.endswith(" s apart from this machine's; set both by NTP")


@pytest.mark.requirement("OP8", "OW2", "DB3")
async def test_an_owner_who_may_not_take_on_the_role_of_a_function_is_named(
    doctor: Doctor, admin: asyncpg.Connection[Any]
) -> None:
    """He could not migrate: `ALTER FUNCTION ... OWNER TO` asks for it."""
    await admin.execute("CREATE ROLE owner LOGIN CREATEROLE")
    await admin.execute("CREATE DATABASE owned OWNER owner")
    if admin.get_server_version().major >= 16:  # what whoever made the roles would have
        for role in ("app", "admin", "agent", "calendar", "janitor", "leaving", "probe", "search", "sign_in", "tagger"):
            await admin.execute(f"GRANT todo_{role} TO owner WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    url = with_database(doctor.url, "owned")
    parts = urlsplit(url)
    doctor.url = urlunsplit(parts._replace(netloc="owner@" + parts.netloc.rpartition("@")[2]))
    await migrate(doctor.url)
    assert await doctor.failures() == []
    if admin.get_server_version().major >= 16:
        await admin.execute("GRANT todo_agent TO owner WITH INHERIT TRUE")
        bound = "role todo_agent: holds migrations to its policies, for owner inherits it"
        mending = "GRANT todo_agent TO owner WITH INHERIT FALSE, SET TRUE"
        assert await doctor.failures() == [f"{bound}; {mending}"]
        await admin.execute(mending)
        assert await doctor.failures() == []

    owner = await asyncpg.connect(doctor.url)
    await owner.execute("REVOKE todo_search FROM owner")
    await owner.close()

    assert await doctor.failures() == ["role todo_search: cannot be taken on by migrations; GRANT todo_search TO owner"]
    await admin.execute("DROP DATABASE owned WITH (FORCE)")
    await admin.execute("DROP OWNED BY owner; DROP ROLE owner")


@pytest.mark.requirement("OP1", "OW2")
async def test_a_login_that_may_not_take_on_the_role_is_named(doctor: Doctor, admin: asyncpg.Connection[Any]) -> None:
    doctor.url = doctor.url.replace("//postgres:@", "//stranger:@")
    assert "stranger" in doctor.url
    make = "CREATE ROLE stranger LOGIN; GRANT SELECT ON alembic_version TO stranger"
    async with broken(admin, make, "REVOKE ALL ON alembic_version FROM stranger; DROP ROLE stranger"):
        failures = await doctor.failures()

    served = ("todo_app", "todo_agent", "todo_janitor", "todo_admin", "todo_sign_in", "todo_calendar", "todo_leaving")
    assert [failure.split("; ")[0] for failure in failures] == [f"role {role}: cannot be taken on" for role in served]


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
