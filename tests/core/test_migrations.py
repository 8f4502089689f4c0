"""The schema, step by step: up, down, many at once, and under an owner who is no superuser."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import asyncpg
import orjson
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from anyio import to_thread
from sqlalchemy import Connection, column, literal_column, select, table
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.app.program import Program
from tests.core.support import (
    CoreOpener,
    acting_as,
    add,
    codes,
    connected,
    everything_of,
    proposing,
    row_of,
    titles_of,
)
from tests.databases import with_database
from tests.migrations import NEXT, change, copy_with_example
from todo_core.boundary.caller import Caller
from todo_core.errors import Suspended
from todo_core.models import METADATA
from todo_core.models.calendars import CalendarCreate
from todo_core.models.lists import ListQuery
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import accounts, calendars, changes, lists, notes, todos, tokens, users
from todo_core.schema import SCHEMA_STEPS, SchemaError
from todo_core.schema.migrate import BASE, MIGRATIONS, migrate, revisions
from todo_core.schema.state import current
from todo_core.schema.versions import Kind, place
from todo_core.storage.dsn import connection_options
from todo_core.storage.statements import Statement

pytestmark = [pytest.mark.requirement("DB3"), pytest.mark.slow]

REVISIONS = revisions()
"""Oldest first."""
NEWEST = REVISIONS[-1]
_CATALOGUE = """
    SELECT 'column', c.relname, a.attname, format_type(atttypid, atttypmod) || ' ' || attnotnull::text
           || ' ' || attidentity::text || ' ' || coalesce(pg_get_expr(adbin, adrelid), '')
    FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
"""
_WALLS = """
    SELECT 'policy', polrelid::regclass::text, polname, polcmd::text || polroles::regrole[]::text
           || coalesce(pg_get_expr(polqual, polrelid), '') || coalesce(pg_get_expr(polwithcheck, polrelid), '')
    FROM pg_policy
    UNION ALL
    SELECT 'grant', relname, grantee::regrole::text, privilege_type
    FROM pg_class,
         aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)))
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
    UNION ALL
    SELECT 'grant', relname || '.' || attname, grantee::regrole::text, privilege_type
    FROM pg_attribute JOIN pg_class c ON attrelid = c.oid, aclexplode(attacl)
    WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped
    UNION ALL
    SELECT 'grant', nspname, grantee::regrole::text, privilege_type
    FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'public'
    UNION ALL
    SELECT 'grant', proname, grantee::regrole::text, privilege_type
    FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE pronamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'function', proname, proowner::regrole::text, regexp_replace(pg_get_functiondef(oid), '\\s+', ' ', 'g')
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace
"""
_POPULATE_0001 = """
    WITH people AS (
        INSERT INTO users (issuer, subject, time_zone, created_at)
        VALUES ('urn:todo-mcp:local', 'ann', 'Europe/Vienna', '2026-01-02T03:04:05Z'),
               ('https://auth.example.test', 'ann', 'UTC', '2026-01-02T03:04:06Z')
        RETURNING id, issuer
    ), todos AS (
        INSERT INTO todos (user_id, title, description, priority, completed_at, deleted_at, updated_at, version)
        SELECT id, 'title ' || issuer, 'words', 1 + n, CASE n WHEN 1 THEN now() END, CASE n WHEN 2 THEN now() END,
               '2026-02-02T03:04:05Z', 1 + n
        FROM people, generate_series(0, 2) AS n
    ), tokens AS (
        INSERT INTO api_tokens (user_id, name, hint, hash, scopes, expires_at)
        SELECT id, 'laptop', 'todo_AAAA', sha256((issuer || name)::bytea), '{todos:read,todos:write}', ends
        FROM people, (VALUES ('lives', NULL::timestamptz), ('ended', now() - interval '1 day')) AS ends (name, ends)
    ), changed AS (
        INSERT INTO changes (user_id, operation, via, client, entries)
        SELECT id, 'todos.add', 'rest', 'a client',
               '[{"entity":"todo","id":1,"before":null,"after":{"title":"kept"}}]'
        FROM people
    )
    INSERT INTO idempotency_keys (user_id, key, fingerprint, reply)
    SELECT id, 'a key', 'abc', '{"change_id":1,"results":[]}' FROM people
"""
_LEFT_BEHIND = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT nspname || ' ' || grantee::regrole FROM pg_namespace, aclexplode(nspacl)
        WHERE grantee IN (SELECT oid FROM pg_roles WHERE rolname ~ '^todo_')
    UNION ALL SELECT relname || ' ' || grantee::regrole FROM pg_class, aclexplode(relacl)
        WHERE grantee IN (SELECT oid FROM pg_roles WHERE rolname ~ '^todo_')
"""


def engine_of(url: str) -> AsyncEngine:
    return create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(**connection_options(url))
    )


async def catalogue(url: str) -> set[tuple[str, ...]]:
    """Every column, constraint and index, with its definition."""
    async with connected(url) as connection:
        return {tuple(row) for row in await connection.fetch(_CATALOGUE) if row["relname"] != "alembic_version"}


async def walls(url: str) -> set[tuple[str, ...]]:
    """Every policy, grant and function: what keeps users apart."""
    async with connected(url) as connection:
        return {tuple(row) for row in await connection.fetch(_WALLS)}


Columns = dict[str, list[str]]


async def columns_of(url: str) -> Columns:
    """The columns of each table, as they are now."""
    found: Columns = {}
    for kind, owner, name, _ in await catalogue(url):
        if kind == "column":
            found.setdefault(owner, []).append(name)
    return found


_ENTRIES_IN_ARRAYS = """
    SELECT c.id, e.* FROM changes c CROSS JOIN LATERAL ROWS FROM (
        json_to_recordset(c.entries) AS (entity text, id bigint, before json, after json)
    ) WITH ORDINALITY AS e (entity, id, before, after, number) ORDER BY c.id, e.number
"""
_ENTRIES_IN_ROWS = """
    SELECT change_id, entity, entity_id, before, after, number::bigint FROM change_entries ORDER BY change_id, number
"""


_WHOLE_DAY = "CASE WHEN due_time IS NULL THEN due_date END"

FORMS = {("changes", "entries"), ("todos", "search")}
"""Columns that a later schema has in another form."""


async def rows_in(url: str, columns: Columns) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in these columns; of the changes their entries, of a due its day, in whichever form."""
    present = await columns_of(url)
    is_array = "entries" in present["changes"]
    whole_day = column("due_on") if "due_on" in present["todos"] else literal_column(_WHOLE_DAY)
    found = {}
    async with connected(url) as connection:
        for name, names in columns.items():
            kept = [whole_day if one == "due_on" else column(one) for one in names if (name, one) not in FORMS]
            asked = Statement(select(*kept).select_from(table(name)))
            found[name] = sorted((tuple(row) for row in await connection.fetch(asked.sql)), key=repr)
        entries = await connection.fetch(_ENTRIES_IN_ARRAYS if is_array else _ENTRIES_IN_ROWS)
    return found | {"entries": [tuple(row) for row in entries]}


async def left_behind(url: str) -> set[str]:
    async with connected(url) as connection:
        return {row["relname"] for row in await connection.fetch(_LEFT_BEHIND)}


async def fill(url: str, another_core: CoreOpener, ann: Caller) -> Caller:
    """Some rows of each kind."""
    async with another_core(url) as core:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        added = await me.once("key").perform(
            todos.add, [TodoCreate(title="kept", tags=["kept"], due="2026-12-24T17:00")]
        )
        await me.perform(notes.add, row_of(added)["id"], "kept")
        await me.perform(tokens.create, TokenCreate(name="kept"))
        await me.perform(calendars.create, CalendarCreate(name="kept"))
        undone = await me.perform(todos.add, [TodoCreate(title="not kept")])
        assert undone.change_id is not None
        await me.perform(changes.undo, undone.change_id)
        await (await proposing(me, "kept")).perform(todos.add, [TodoCreate(title="kept, too")])
    return me


# --- up and down -------------------------------------------------------------------------------


def test_the_code_is_written_for_the_newest_schema() -> None:
    places = [place(revision) for revision in REVISIONS]

    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [NEWEST]
    assert tuple(found for found in REVISIONS if place(found).schema == place(NEWEST).schema) == SCHEMA_STEPS
    assert places == sorted(places)
    assert sorted(found.schema for found in places if found.kind is Kind.BEFORE) == [*range(1, places[-1].schema + 1)]


async def test_a_database_goes_up_from_empty_down_and_up_again(empty_database_url: str) -> None:
    assert await current(empty_database_url) is None
    await migrate(empty_database_url)
    first = await catalogue(empty_database_url)
    assert await current(empty_database_url) == NEWEST

    await migrate(empty_database_url, BASE)
    assert await current(empty_database_url) is None
    assert await left_behind(empty_database_url) == {"alembic_version", "alembic_version_pkc"}

    await migrate(empty_database_url)
    assert await catalogue(empty_database_url) == first
    assert await current(empty_database_url) == NEWEST


async def test_a_populated_database_goes_down_and_up_again(
    fresh_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    await fill(fresh_database_url, another_core, ann)

    await migrate(fresh_database_url, REVISIONS[-2])
    assert await current(fresh_database_url) == REVISIONS[-2]

    await migrate(fresh_database_url, finish=True)
    await fill(fresh_database_url, another_core, ann)


@pytest.mark.requirement("LT3")
async def test_0002_keeps_every_row_of_a_populated_0001_and_its_users_go_on(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    await migrate(url, "0001")
    async with connected(url) as admin:
        await admin.execute(_POPULATE_0001)
    columns = await columns_of(url)
    before = await rows_in(url, columns)
    assert {name: len(rows) for name, rows in before.items()} == {
        "users": 2,
        "todos": 6,
        "api_tokens": 4,
        "changes": 2,
        "idempotency_keys": 2,
        "installation": 1,
        "entries": 2,
    }

    await migrate(url, finish=True)

    assert await rows_in(url, columns) == before
    async with connected(url) as admin:
        added = await admin.fetch(
            "SELECT role, email, display_name, is_name_chosen, locale, week_start, suspended_at, version FROM users"
        )
        assert [tuple(row) for row in added] == [("user", None, None, False, "en", "monday", None, 1)] * 2
    async with another_core(url) as core:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        profile = orjson.loads((await me.perform(users.get)).json)
        assert (profile["time_zone"], profile["version"]) == ("Europe/Vienna", 1)
        assert await titles_of(me) == ["title urn:todo-mcp:local"]
        assert row_of(await me.perform(users.update, {"display_name": "Ann"}))["display_name"] == "Ann"


@pytest.mark.requirement("LT1")
async def test_0003_gives_everybody_an_inbox_with_all_they_have_in_it(
    empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    await migrate(url, "0001")
    async with connected(url) as admin:
        await admin.execute(_POPULATE_0001)
        await migrate(url, "0002")
        people = [row["id"] for row in await admin.fetch("SELECT id FROM users ORDER BY id")]
    columns = await columns_of(url)
    before = await rows_in(url, columns)

    await migrate(url, finish=True)

    assert await rows_in(url, columns) == before
    async with connected(url) as admin:
        lists_of = await admin.fetch("SELECT user_id, name, name_key, is_inbox, version FROM lists ORDER BY user_id")
        assert [tuple(row) for row in lists_of] == [(one, "Inbox", "inbox", True, 1) for one in people]
        kept = "SELECT todos.user_id, lists.user_id AS keeper FROM todos LEFT JOIN lists ON lists.id = list_id"
        assert [tuple(row) for row in await admin.fetch(f"{kept} ORDER BY 1")] == [
            (one, one) for one in people for _ in range(3)
        ]
        forced = "SELECT relname FROM pg_class WHERE relname IN ('users', 'todos') AND relforcerowsecurity ORDER BY 1"
        assert [row["relname"] for row in await admin.fetch(forced)] == ["todos", "users"]
    async with another_core(url) as core:
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        (inbox,) = orjson.loads((await me.perform(lists.list_, ListQuery())).json)
        (row,) = orjson.loads((await me.perform(todos.list_, TodoFilter())).json)
        assert (inbox["is_inbox"], inbox["open_todos"], row["list_id"]) == (True, 1, inbox["id"])


@pytest.mark.parametrize(
    "older",
    [
        pytest.param(older, marks=() if older in (REVISIONS[0], *REVISIONS[-2:]) else pytest.mark.exhaustive)
        for older in REVISIONS[:-1]
    ],
)
async def test_a_populated_database_goes_down_to_an_older_one_with_every_row_and_up_again(
    older: str, empty_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    url = empty_database_url
    await migrate(url, older)
    first = await catalogue(url) | await walls(url)
    columns = await columns_of(url)
    await migrate(url, finish=True)
    newest = await catalogue(url) | await walls(url)
    async with another_core(url) as core:
        admin = replace(ann, core=core, principal=await core.identity.local("ada", "admin"))
        me = await fill(url, another_core, ann)
        await replace(me, core=core).perform(users.update, {"display_name": "Ann", "locale": "de"})
        await admin.once("a key").perform(accounts.suspend, me.principal.user_id)
    before = await rows_in(url, columns)

    await migrate(url, older)

    assert await current(url) == older
    assert await catalogue(url) | await walls(url) == first
    assert await rows_in(url, columns) == before
    async with connected(url) as connection, acting_as(connection, "todo_app", me.principal.user_id):
        if older == "0001":
            assert await connection.fetchval("SELECT require_live_token(NULL)")
        assert await connection.fetchval("SELECT title FROM todos") == "kept"

    await migrate(url, finish=True)

    assert await catalogue(url) | await walls(url) == newest
    assert await rows_in(url, columns) == before
    async with another_core(url) as core:
        me = replace(me, core=core)
        if older != "0001":  # which cannot remember that she is suspended
            with pytest.raises(Suspended):
                await titles_of(me)
            await replace(admin, core=core).perform(accounts.reactivate, me.principal.user_id)
        assert await titles_of(me) == ["kept"]


async def test_migrating_a_current_database_changes_nothing(
    fresh_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    me = await fill(fresh_database_url, another_core, ann)
    async with connected(fresh_database_url) as admin:
        before = await everything_of(admin, me.principal.user_id)

        await migrate(fresh_database_url, finish=True)

        assert await everything_of(admin, me.principal.user_id) == before


# --- models and migrations ---------------------------------------------------------------------


async def test_alembic_finds_no_difference_between_models_and_migrations(database_url: str) -> None:
    def differences(connection: Connection) -> Any:
        options = {"compare_type": True, "compare_server_default": True}
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    engine = engine_of(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_tables_made_from_the_models_equal_the_migrated_ones_in_every_name_and_definition(
    empty_database_url: str, database_url: str
) -> None:
    engine = engine_of(empty_database_url)
    async with engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    await engine.dispose()

    modelled, migrated = await catalogue(empty_database_url), await catalogue(database_url)

    assert modelled - migrated == set()
    assert migrated - modelled == set()


# --- several at once, and beside readers -------------------------------------------------------


async def test_four_processes_may_migrate_an_empty_database_at_once(empty_database_url: str, tmp_path: Path) -> None:
    program = Program(tmp_path, {"TODO_DATABASE_URL": empty_database_url})

    async def migrating() -> None:
        ended = await to_thread.run_sync(program.run, "migrate")
        codes.append((ended.returncode, ended.stderr[-300:]))

    codes: list[tuple[int, str]] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(migrating)

    assert [code for code, _ in codes] == [0] * 4, codes
    assert await current(empty_database_url) == NEWEST


async def test_a_step_that_fails_leaves_the_database_as_the_steps_before_it_left_it(fresh_database_url: str) -> None:
    async with connected(fresh_database_url) as admin:
        await admin.execute("CREATE VIEW in_the_way AS SELECT id FROM users")  # keeps `users` from being dropped

        with pytest.raises(
            SchemaError, match=r"The step to base failed \(DependentObjectsStillExistError\)"
        ) as refusal:
            await migrate(fresh_database_url, BASE)

        assert await current(fresh_database_url) == "0001"
        assert "in_the_way" not in str(refusal.value)
        await admin.execute("DROP VIEW in_the_way")

    await migrate(fresh_database_url, BASE)
    assert await left_behind(fresh_database_url) == {"alembic_version", "alembic_version_pkc"}


async def test_a_database_at_several_revisions_is_left_as_it_is(fresh_database_url: str) -> None:
    async with connected(fresh_database_url) as admin:
        await admin.execute("INSERT INTO alembic_version VALUES ('0004')")

    with pytest.raises(SchemaError, match="The table alembic_version has 2 rows"):
        await migrate(fresh_database_url)


async def test_what_alembic_refuses_is_told_in_a_line(fresh_database_url: str, tmp_path: Path) -> None:
    folder = copy_with_example(tmp_path / "migrations")
    meddle = "    op.execute(\"UPDATE alembic_version SET version_num = '0001'\")\n"
    change(folder, NEXT, "def upgrade() -> None:\n", f"def upgrade() -> None:\n{meddle}")

    with pytest.raises(
        SchemaError, match=f"The step to {NEXT} was not taken: Alembic says 'Online migration"
    ) as refusal:
        await migrate(fresh_database_url, folder=folder)

    assert "\n" not in str(refusal.value)


async def test_a_package_without_migrations_is_told_in_a_line(fresh_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="The steps of the schema cannot be read"):
        await migrate(fresh_database_url, folder=tmp_path / "nothing")


async def test_a_server_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"Connect call failed|refused"):
        await migrate("postgresql://nobody@127.0.0.1:1/nothing")


# --- as on Neon: the owner is no superuser -----------------------------------------------------


@pytest.mark.requirement("DB1", "OW2")
async def test_an_owner_without_superuser_rights_migrates_and_serves(
    owners_database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    await migrate(owners_database_url)

    async with another_core(owners_database_url) as core, connected(owners_database_url) as owner:
        await core.readiness.require()
        mine, theirs = [replace(ann, core=core, principal=await core.identity.local(name)) for name in ("ann", "bob")]
        assert not await owner.fetchval("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        (one,) = await add(mine, "hers")

        assert codes(await theirs.perform(todos.update, [{"id": one, "title": "his"}])) == ["not_owner"]
        assert await titles_of(theirs, status="all") == []
        assert await titles_of(mine) == ["hers"]

    await migrate(owners_database_url, BASE)
    assert await left_behind(owners_database_url) == {"alembic_version", "alembic_version_pkc"}


@pytest.mark.requirement("DB1", "OW5")
async def test_an_owner_without_superuser_rights_goes_up_from_0001_and_its_admins_can_do_what_admins_do(
    owners_database_url: str, postgres_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    """Row-level security binds this owner, too, in whose name PostgreSQL deletes what goes with a user."""
    url = owners_database_url
    everybody = with_database(postgres_url, urlsplit(url).path.removeprefix("/"))
    await migrate(url, "0001")
    async with connected(everybody) as superuser:
        await superuser.execute(_POPULATE_0001)

    await migrate(url, finish=True)

    async with another_core(url) as core, connected(everybody) as superuser:
        admin = replace(ann, core=core, principal=await core.identity.local("ada", "admin"))
        me = await fill(url, another_core, ann)
        assert all((await everything_of(superuser, me.principal.user_id)).values())
        await admin.perform(accounts.suspend, me.principal.user_id)
        with pytest.raises(Suspended):
            await titles_of(replace(me, core=core))
        await admin.perform(accounts.delete, me.principal.user_id)

        assert not any((await everything_of(superuser, me.principal.user_id)).values())
        assert await superuser.fetchval("SELECT count(*) FROM todos") == 3  # the namesake's

    await migrate(url, BASE)
    assert await left_behind(url) == {"alembic_version", "alembic_version_pkc"}
