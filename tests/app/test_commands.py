"""The other commands: their answers on standard output, their mistakes in one line, their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from tests.app.program import Program, Serving, free_port, healthy, sentence
from tests.core.support import connected
from tests.exhaustive import first_by_default
from todo_app.migrating import bring_up
from todo_core.identity.api_tokens import is_well_formed
from todo_core.schema import OF_OTHERS, SCHEMA_REVISION, SCHEMA_STEPS
from todo_core.schema.versions import goal, place
from todo_core.settings import Settings

NEWEST = SCHEMA_STEPS[-1]
COMMANDS = [
    (),
    ("serve",),
    ("stdio",),
    ("demo",),
    ("migrate",),
    ("purge",),
    ("doctor",),
    ("backup",),
    ("restore",),
    ("export",),
    ("import",),
    ("review",),
    ("watch",),
    ("token",),
    ("token", "create"),
    ("calendar",),
    ("calendar", "create"),
    ("calendar", "list"),
    ("calendar", "revoke"),
    ("token", "list"),
    ("token", "rotate"),
    ("token", "revoke"),
    ("agent",),
    ("agent", "list"),
    ("agent", "show"),
    ("agent", "block"),
    ("agent", "unblock"),
    ("agent", "mandate"),
    ("user",),
    ("user", "list"),
    ("user", "suspend"),
    ("user", "reactivate"),
    ("user", "delete"),
]
SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"


def words(text: str) -> str:
    """A text without the frame around it."""
    return " ".join(re.sub("[─│╭╮╰╯]", " ", text).split())


@pytest.fixture
def offline(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """`todo-mcp` where no database is needed: what it is asked for it refuses before."""
    unused = f"postgresql://somebody:{SECRET}@127.0.0.1:{free_port()}/todo"
    return Program(tmp_path_factory.mktemp("offline"), {"TODO_DATABASE_URL": unused})


@pytest.mark.requirement("OP1")
@pytest.mark.parametrize(
    "command",
    first_by_default(((command,) for command in COMMANDS), 3),
    ids=lambda command: " ".join(command) or "todo-mcp",
)
def test_every_command_explains_itself(offline: Program, command: tuple[str, ...]) -> None:
    flag = "--help" if len(command) != 1 else "-h"
    done = offline.configured(TODO_TIME_ZONE="Mars/Phobos").run(*command, flag)  # needs no configuration

    assert done.returncode == 0
    assert done.stderr == ""
    assert words(done.stdout).startswith(f"Usage: {' '.join(('todo-mcp', *command))}")


@pytest.mark.requirement("OP1")
def test_help_names_every_command_there_is(offline: Program) -> None:
    listed = "".join(offline.run(*group, "--help").stdout for group in [(), ("token",), ("agent",), ("user",)])

    found = re.findall(r"^│ ([a-z]+)  ", listed, re.MULTILINE)
    assert {" ".join(command[-1:]) for command in COMMANDS if command} == set(found)


@pytest.mark.requirement("OP1")
@pytest.mark.parametrize(
    ("command", "said"),
    first_by_default(
        [
            (
                ("token", "create", "--scope", "todos:destroy"),
                "--scope: takes todos:read, todos:write, todos:propose, profile, admin",
            ),
            (("token", "create", "--expires", "soon"), "--expires: takes days such as 90d, at most 3650d, or never"),
            (("token", "create", "--expires", "90"), "--expires: takes days such as 90d, at most 3650d, or never"),
            (("token", "create", "--expires", "0d"), "--expires: takes days such as 90d, at most 3650d, or never"),
            (("token", "create", "--expires", "3651d"), "--expires: takes days such as 90d, at most 3650d, or never"),
            (("token", "create", "--expires", "٩d"), "--expires: takes days such as 90d, at most 3650d, or never"),
            (("serve", "--only", "soap"), "--only: takes rest or mcp"),
            (("serve", "--port", "0"), "--port"),
            (("serve", "--port", "65536"), "--port"),
            (("serve", "--workers", "0"), "--workers"),
            (("token", "revoke", "first"), "token_id"),
            (("token", "revoke"), "token_id"),
            (("token", "rotate"), "token_id"),
            (("user", "suspend", "ann"), "user_id"),
            (("user", "list", "--status", "gone"), "--status"),
            (("tokens",), "No such command 'tokens'"),
            (("serve", "--colour", "red"), "No such option: --colour"),
            (("migrate", "--finish", "--to", "0001"), "--finish: goes with no --to"),
            (("backup", "/dev/full"), "FILE: is there already; name a new file"),
            (("restore", "/dev"), "is a directory"),
            (("export", "/dev/full"), "FILE: is there already; name a new file"),
            (("export", "--format", "xml"), "--format"),
            (("import", "missing"), "does not exist"),
            (("review",), "review asks a person, on a terminal"),
            (("restore", "missing"), "does not exist"),
        ],
        6,
    ),
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_command_line_is_refused_with_what_would_be_right(
    offline: Program, command: tuple[str, ...], said: str
) -> None:
    done = offline.run(*command)

    assert done.returncode == 2
    assert done.stdout == ""
    assert said in words(done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.requirement("OP1", "OP2")
@pytest.mark.parametrize(
    ("command", "said"),
    first_by_default(
        [
            (("token", "create", "--name", ""), "name"),
            (("token", "create", "--name", "n" * 101), "name"),
            (("token", "create", "--user", "u" * 300), "user"),
            (("token", "create", "--user", "\udcff"), "user"),
            (("token", "revoke", "9" * 20), "token_id"),
            (("migrate", "--to", "nowhere"), "--to"),
        ],
        3,
    ),
    ids=["empty name", "long name", "long user", "user that is no text", "id beyond bigint", "unknown revision"],
)
@pytest.mark.usefixtures("serving")
def test_a_value_that_cannot_be_is_refused_without_a_traceback(
    served_program: Program, command: tuple[str, ...], said: str
) -> None:
    done = served_program.run(*command)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert said in done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.requirement("OP2", "ID7")
@pytest.mark.parametrize(
    ("settings", "said"),
    first_by_default(
        [
            ({"TODO_JWT_SECRET": "hunter2"}, "TODO_JWT_SECRET must be at least 32 bytes"),
            ({"TODO_DATABASE_URL": "mysql://u:hunter2@h/todo"}, "TODO_DATABASE_URL must start with postgresql://"),
            ({"TODO_TIME_ZONE": "hunter2/x"}, "TODO_TIME_ZONE is not an IANA time zone, such as Europe/Berlin"),
            ({"TODO_JWT_SECRET": SECRET}, "TODO_JWT_ISSUER is required when TODO_JWT_SECRET is set"),
            (
                {"TODO_JWT_SECRET": SECRET, "TODO_JWT_ISSUER": "https://auth.example.test"},
                "TODO_JWT_AUDIENCE is required when TODO_JWT_SECRET is set",
            ),
            ({"TODO_CORS_ORIGINS": "*"}, "TODO_CORS_ORIGINS takes origins such as https://app.example.com"),
            ({"TODO_CORS_ORIGINS": "https://*"}, "TODO_CORS_ORIGINS takes origins such as https://app.example.com"),
            (
                {"TODO_CORS_ORIGINS": "https://app.example.com,hunter2"},
                "TODO_CORS_ORIGINS takes origins such as https://app.example.com",
            ),
            ({"TODO_LOG_LEVEL": "hunter2"}, "TODO_LOG_LEVEL must be 'debug', 'info', 'warning' or 'error'"),
            ({"TODO_DATABASE_POOL_SIZE": "hunter2"}, "TODO_DATABASE_POOL_SIZE must be a whole number"),
            ({"TODO_DATABASE_TIMEOUT": "-1"}, "TODO_DATABASE_TIMEOUT must be greater than 0"),
            ({"TODO_DELETION_IS_FINAL": "hunter2"}, "TODO_DELETION_IS_FINAL must be true or false"),
            ({"TODO_ISSUERS": '[{"issuer": "https://hunter2.test"}]'}, "TODO_ISSUERS[0].audience is required"),
            ({"TODO_DATABASE_URL": f"postgresql://u:{SECRET}@[::1/todo"}, "TODO_DATABASE_URL"),
            ({"TODO_DATABASE_URL": f"postgresql://u:{SECRET}@h:port/todo"}, "TODO_DATABASE_URL"),
        ],
        5,
    ),
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_a_wrong_setting_is_one_line_that_does_not_show_the_value(
    offline: Program, settings: dict[str, str], said: str
) -> None:
    done = offline.configured(**settings).run("doctor")

    assert sentence(done, 2).startswith(said)
    assert "hunter2" not in done.stderr


@pytest.mark.requirement("OP2")
def test_each_wrong_setting_has_its_line(offline: Program) -> None:
    done = offline.configured(TODO_TIME_ZONE="Mars/Phobos", TODO_TRASH_DAYS="-1", TODO_USER="u" * 101).run("purge")

    assert done.returncode == 2
    assert {line.split()[1] for line in done.stderr.splitlines()} == {"TODO_TIME_ZONE", "TODO_TRASH_DAYS", "TODO_USER"}


@pytest.mark.requirement("OP2")
@pytest.mark.parametrize("only", [[], ["--only", "rest"], ["--only", "mcp"]], ids=["both", "rest", "mcp"])
def test_a_public_address_needs_the_url_that_clients_use(offline: Program, only: list[str]) -> None:
    done = offline.run("serve", "--host", "0.0.0.0", *only)  # noqa: S104  # it is refused

    assert sentence(done, 2).startswith("TODO_PUBLIC_URL is required to serve on 0.0.0.0")


@pytest.mark.requirement("OP2")
@pytest.mark.parametrize(
    "command", [("--env-file", "todo.env", "token", "list"), ("token", "list", "--env-file", "todo.env")], ids=" ".join
)
def test_settings_are_read_from_a_named_file_and_the_environment_wins(
    offline: Program, command: tuple[str, ...]
) -> None:
    (offline.folder / "todo.env").write_text("TODO_TIME_ZONE=Mars/Phobos\nTODO_LOG_LEVEL=loud\n")

    done = offline.configured(TODO_LOG_LEVEL="info").run(*command)

    assert sentence(done, 2).startswith("TODO_TIME_ZONE ")


@pytest.mark.requirement("OP2")
def test_a_named_file_that_is_not_there_is_told(offline: Program) -> None:
    done = offline.run("doctor", "--env-file", "nowhere.env")

    assert done.returncode == 2
    assert "Invalid value for '--env-file'" in words(done.stderr)


@pytest.mark.exhaustive
@pytest.mark.requirement("OP2")
def test_workers_read_the_named_file_too(program: Program) -> None:
    url = program.settings.pop("TODO_DATABASE_URL")
    (program.folder / "todo.env").write_text(f"TODO_DATABASE_URL='{url}'\nTODO_LOGIN_LIMIT=off\n")

    with program.serve("--workers", "2", "--env-file", "todo.env") as serving, serving.http("todo_wrong") as http:
        assert {http.get("/api/v1/todos").status_code for _ in range(100)} == {401}


@pytest.mark.requirement("OP2", "DB3")
@pytest.mark.parametrize("command", [("serve",), ("stdio",), ("token", "list"), ("migrate",)], ids=" ".join)
def test_no_tables_are_made_beside_those_of_another_program(unmigrated: Program, command: tuple[str, ...]) -> None:
    asyncio.run(execute(unmigrated, "CREATE TABLE orders (id bigint)"))

    assert sentence(unmigrated.run(*command), 1) == OF_OTHERS

    assert asyncio.run(tables_of(unmigrated)) == {"orders"}


@pytest.mark.requirement("OP2", "DB3")
def test_they_are_made_there_when_that_is_asked_for(unmigrated: Program) -> None:
    asyncio.run(execute(unmigrated, "CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint)"))
    assert sentence(unmigrated.run("migrate"), 1) == OF_OTHERS
    assert f"FAIL  migrations: {OF_OTHERS}" in unmigrated.run("doctor").stdout

    assert unmigrated.answer("migrate", "--adopt") == f"{NEWEST} (up to date)\n"

    assert unmigrated.answer("token", "create").startswith("todo_")
    assert unmigrated.answer("migrate") == f"{NEWEST} (up to date)\n"


@pytest.mark.requirement("OP2", "DB3")
@pytest.mark.parametrize("revision", ["3f2a", "0003", SCHEMA_REVISION])
def test_the_revision_of_another_program_is_not_taken_for_ours(unmigrated: Program, revision: str) -> None:
    record = f"CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('{revision}')"  # noqa: S608
    asyncio.run(execute(unmigrated, record, "CREATE TABLE orders (id bigint)"))

    assert sentence(unmigrated.run("migrate"), 1) == OF_OTHERS
    assert sentence(unmigrated.run("migrate", "--adopt"), 1).startswith("Another program migrates this database")

    assert asyncio.run(tables_of(unmigrated)) == {"alembic_version", "orders"}


async def execute(program: Program, *statements: str) -> None:
    async with connected(program.settings["TODO_DATABASE_URL"]) as owner:
        for statement in statements:
            await owner.execute(statement)


async def tables_of(program: Program) -> set[str]:
    """The names of all tables that are no part of PostgreSQL."""
    async with connected(program.settings["TODO_DATABASE_URL"]) as owner:
        rows = await owner.fetch("SELECT relname FROM pg_stat_user_tables")
        return {row["relname"] for row in rows}


@pytest.mark.requirement("OP1", "ID8")
def test_an_agent_is_listed_shown_and_blocked(program: Program) -> None:
    with program.serve() as serving, serving.http() as http:
        assert http.get("/api/v1/todos").status_code == 200
        (row,) = json.loads(program.answer("agent", "list", "--json"))
        agent = str(row["id"])
        assert f"{agent}  first start  token  last used" in program.answer("agent", "list")
        assert "blocked_at  -" in program.answer("agent", "show", agent)
        assert [program.answer("agent", "block", agent).strip() for _ in "ab"] == ["blocked", "was blocked already"]
        assert http.get("/api/v1/todos").json()["error_code"] == "agent_blocked"
        assert [program.answer("agent", "unblock", agent).strip() for _ in "ab"] == ["unblocked", "was not blocked"]
        assert http.get("/api/v1/todos").status_code == 200
        narrowed = ("agent", "mandate", agent, "--verb", "read", "--verb", "add", "--rows-per-day", "1")
        assert program.answer(*narrowed).strip() == "changed"
        assert "read, add; 1 rows a day" in program.answer("agent", "list")
        assert http.delete("/api/v1/todos/1").json()["mandate"] == "verbs"
        assert program.answer("agent", "mandate", agent, "--verb", "all", "--rows-per-day", "any").strip() == "changed"
        assert program.run("agent", "mandate", agent, "--verb", "destroy").returncode == 2
        assert program.answer("agent", "mandate", agent, "--list", "inbox", "--no-own-lists").strip() == "changed"
        inbox = http.get("/api/v1/lists").json()["items"][0]["id"]
        assert f"lists {inbox}" in program.answer("agent", "list")
        assert http.post("/api/v1/lists", json={"name": "More"}).json()["mandate"] == "lists"
        assert program.answer("agent", "mandate", agent, "--list", "all").strip() == "changed"
        unknown = program.run("agent", "mandate", agent, "--list", "inbocks")
        assert sentence(unknown, 2).endswith("the nearest comes first in `allowed`. `allowed`: Inbox.")
        own = program.answer("token", "create", "--list", "own").strip()
        assert http.get("/api/v1/lists", headers={"Authorization": f"Bearer {own}"}).json()["total"] == 0
        bounded = program.answer("token", "create", "--verb", "add", "--propose").strip()
        kept = http.post("/api/v1/todos", json={"title": "a"}, headers={"Authorization": f"Bearer {bounded}"})
        assert (kept.status_code, kept.json()["title"]) == (202, "a")


@pytest.mark.requirement("OW2", "OP1", "OP8")
def test_it_serves_as_a_login_that_owns_nothing(program: Program) -> None:
    login = f"login_{uuid4().hex[:12]}"
    asyncio.run(
        execute(
            program,
            f"CREATE ROLE {login} LOGIN NOINHERIT PASSWORD '{login}'",
            "GRANT todo_app, todo_agent, todo_janitor, todo_admin, todo_sign_in, todo_calendar, todo_leaving"
            f" TO {login}",
        )
    )
    parts = urlsplit(program.settings["TODO_DATABASE_URL"])
    url = urlunsplit(parts._replace(netloc=f"{login}:{login}@{parts.netloc.rpartition('@')[2]}"))
    less = program.configured(TODO_DATABASE_URL=url)
    try:
        with less.serve() as serving, serving.http() as http:
            assert http.post("/api/v1/todos", json={"title": "Mine"}).status_code == 201
            assert "1 open" in less.answer("user", "list")
            assert json.loads(less.answer("purge"))["todos"] == 0
        advice = f"login: {login} owns nothing, and has no rights but to take on the roles of requests"
        examined = less.run("doctor")
        assert healthy(examined)
        assert advice in examined.stdout
        assert "owns the tables, which requests do not need" in program.run("doctor").stdout
    finally:
        asyncio.run(execute(program, f"DROP ROLE {login}"))


@pytest.mark.requirement("OP2", "OP4", "ID7")
@pytest.mark.parametrize(
    "command",
    [("serve",), ("stdio",), ("purge",), ("migrate",), ("token", "create")],
    ids=" ".join,
)
def test_a_database_that_cannot_be_reached_is_one_line_without_the_password(
    offline: Program, command: tuple[str, ...]
) -> None:
    done = offline.configured(TODO_DATABASE_WAIT="0").run(*command)

    assert "TODO_DATABASE_URL" in sentence(done, 1)
    assert SECRET not in done.stderr


@pytest.mark.requirement("OP2")
@pytest.mark.parametrize("command", [("serve",), ("migrate",)], ids=" ".join)
def test_a_database_that_does_not_exist_is_one_line(
    program: Program, command: tuple[str, ...], postgres_url: str
) -> None:
    missing = program.settings["TODO_DATABASE_URL"].replace("/todo_", "/missing_")
    assert missing != postgres_url

    done = program.configured(TODO_DATABASE_URL=missing).run(*command)

    assert "TODO_DATABASE_URL" in sentence(done, 1)


@pytest.mark.requirement("OP1", "DB3")
def test_migrations_go_up_and_down_and_the_check_tells_where_they_are(unmigrated: Program) -> None:
    behind = unmigrated.run("migrate", "--check")
    assert (behind.returncode, behind.stdout) == (1, f"empty (behind {goal()})\n")

    assert unmigrated.answer("migrate") == f"{NEWEST} (up to date)\n"
    assert unmigrated.answer("migrate", "--check") == f"{NEWEST} (up to date)\n"
    assert unmigrated.answer("migrate", "--finish") == f"{NEWEST} (up to date)\n"

    assert unmigrated.answer("migrate", "--to", "0001", "--yes") == f"0001 (behind {goal()})\n"
    assert unmigrated.answer("migrate", "--to", "0002") == f"0002 (behind {goal()})\n"
    assert unmigrated.answer("migrate", "--to", "base", "--yes") == f"empty (behind {goal()})\n"
    assert unmigrated.run("migrate", "--check").returncode == 1
    assert unmigrated.answer("migrate", "--to", "base") == f"empty (behind {goal()})\n"


@pytest.mark.requirement("OP1", "DB3")
def test_a_downgrade_says_what_it_deletes_and_asks(program: Program) -> None:
    program.answer("token", "create", "--user", "ann")

    lost = f"From {NEWEST} down to base deletes for good: accounts (1), API tokens (1), recorded changes (1)"
    refusal = sentence(program.run("migrate", "--to", "base"), 1)
    assert refusal.startswith(lost)
    assert refusal.endswith(" Say --yes to go down without being asked.")
    assert answered(program, "n", "migrate", "--to", "base") == 1
    assert program.answer("migrate", "--check") == f"{NEWEST} (up to date)\n"

    assert answered(program, "y", "migrate", "--to", "0003") == 0
    assert program.run("migrate", "--check").stdout == f"0003 (behind {goal()})\n"
    said = program.run("migrate", "--to", "base", "--yes").stderr
    assert "deletes for good: accounts (1), API tokens (1), recorded changes (1)" in said


def answered(program: Program, answer: str, *command: str) -> int:
    """The exit code of a command that asks on a terminal, where somebody answers."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        program.words(*command),
        env=program.environment,
        cwd=program.folder,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    try:
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        os.close(ours)
    assert b"Go down? [y/N]" in said
    return process.returncode


@pytest.mark.requirement("OP2", "DB3")
@pytest.mark.parametrize(
    "command",
    [
        ("serve",),
        ("migrate", "--to", "0001"),
        *(pytest.param(words, marks=pytest.mark.exhaustive) for words in (("stdio",), ("migrate",), ("token", "list"))),
    ],
)
def test_a_database_of_a_later_version_is_one_line(program: Program, command: tuple[str, ...]) -> None:
    later = f"{place(SCHEMA_REVISION).schema + 2:04}"
    set_revision(program, later)

    assert f"schema {later}, ahead of what this version serves on" in sentence(program.run(*command), 1)
    checked = program.run("migrate", "--check")
    assert (checked.returncode, checked.stdout.partition(":")[0]) == (
        1,
        f"{later} (ahead of what this version serves on ({SCHEMA_REVISION})",
    )


@pytest.mark.requirement("OP2", "DB3")
def test_on_the_next_schema_there_is_nothing_to_do(program: Program) -> None:
    following = f"{place(SCHEMA_REVISION).schema + 1:04}"
    set_revision(program, following)

    for command in (("migrate",), ("migrate", "--check")):
        assert program.answer(*command) == f"{following} (ahead of {SCHEMA_REVISION}; this version serves on it)\n"
    assert healthy(program.run("doctor"))
    with program.serve():
        assert program.answer("token", "list")


@pytest.mark.requirement("OP2", "DB3")
async def test_who_can_serve_does_so_whatever_keeps_it_from_migrating_further(
    tmp_path: Path, fresh_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if len(SCHEMA_STEPS) == 1:
        pytest.skip("the newest schema has one step, so nothing is left to do for who can serve")
    login = f"crowded_{uuid4().hex[:12]}"
    parts = urlsplit(fresh_database_url)
    url = urlunsplit(parts._replace(netloc=f"{login}:{login}@{parts.netloc.rpartition('@')[2]}"))
    embedded = Settings.load(
        data_dir=tmp_path
    )  # of which this process is the only one, so that there is a finish to do
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / ".handle_pids.json").write_text("[]")
    async with connected(fresh_database_url) as admin:
        await admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{login}' CONNECTION LIMIT 1")
        await admin.execute(f"GRANT SELECT ON alembic_version TO {login}")
        try:
            await admin.execute("UPDATE alembic_version SET version_num = $1", SCHEMA_REVISION)
            await bring_up(embedded, url)
            assert capsys.readouterr().err == (
                "todo-mcp: A later step of the schema failed (TooManyConnectionsError) and is not needed to serve."
                " Run `todo-mcp migrate`.\n"
            )

            await admin.execute("UPDATE alembic_version SET version_num = '0004'")
            with pytest.raises(asyncpg.TooManyConnectionsError):
                await bring_up(embedded, url)
        finally:
            await admin.execute(f"DROP OWNED BY {login}; DROP ROLE {login}")


def set_revision(program: Program, revision: str) -> None:
    """Make the database one of another version, as far as can be told."""

    async def run() -> None:
        connection = await asyncpg.connect(program.settings["TODO_DATABASE_URL"])
        await connection.execute("UPDATE alembic_version SET version_num = $1", revision)
        await connection.close()

    asyncio.run(run())


@pytest.mark.requirement("OP1", "OP2")
@pytest.mark.exhaustive
def test_every_command_finds_what_it_needs_in_a_new_process(unmigrated: Program) -> None:
    """Most tests fork one that has imported everything."""
    started = unmigrated.anew()
    assert started.answer("migrate").startswith(NEWEST)
    token = started.answer("token", "create", "--user", "ann").strip()
    assert "ann" in started.answer("user", "list")
    assert healthy(started.run("doctor"))
    with started.serve() as serving, serving.http(token) as http:
        assert http.get("/api/v1/todos").json()["total"] == 0


@pytest.mark.requirement("ID3")
def test_a_token_is_rotated_in_one_step_and_the_old_one_ends(served_program: Program, serving: Serving) -> None:
    made = json.loads(served_program.answer("token", "create", "--name", "worn", "--scope", "admin", "--json"))

    rotated = json.loads(served_program.answer("token", "rotate", str(made["id"]), "--json"))

    kept = ("name", "scopes", "expires_at", "made_by")
    assert {name: rotated[name] for name in kept} == {name: made[name] for name in kept}
    with serving.http(made["token"]) as old, serving.http(rotated["token"]) as new:
        assert old.get("/api/v1/admin/users").status_code == 401
        assert new.get("/api/v1/admin/users").status_code == 200
    again = served_program.run("token", "rotate", str(made["id"]))
    assert "revoked or has expired" in sentence(again, 1)
    assert is_well_formed(served_program.answer("token", "rotate", str(rotated["id"])).removesuffix("\n"))


@pytest.mark.requirement("ID3", "ID4", "ID7")
def test_tokens_are_made_listed_and_revoked(served_program: Program, serving: Serving) -> None:
    made = served_program.run("token", "create", "--name", "reader", "--scope", "todos:read", "--expires", "7d")
    assert made.returncode == 0
    token = made.stdout.removesuffix("\n")
    assert is_well_formed(token)
    assert token not in made.stderr

    with serving.http(token) as http:
        assert http.get("/api/v1/todos").status_code == 200
        refused = http.post("/api/v1/todos", json={"title": "no"})
        assert (refused.status_code, refused.json()["required_scope"]) == (403, "todos:write")

        rows = json.loads(served_program.answer("token", "list", "--json"))
        (row,) = (row for row in rows if row["name"] == "reader")
        assert row["scopes"] == ["todos:read"]
        assert token.startswith(row["hint"])
        assert token not in json.dumps(rows)
        left = datetime.fromisoformat(row["expires_at"]) - datetime.now(UTC)
        assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
        (shown,) = (line for line in served_program.answer("token", "list").splitlines() if "reader" in line)
        assert shown.startswith(f"{row['id']}  {row['hint']}…  reader  todos:read  expires {row['expires_at'][:10]}")

        assert served_program.answer("token", "revoke", str(row["id"])) == "revoked\n"
        assert http.get("/api/v1/todos").status_code == 401
    assert served_program.answer("token", "revoke", str(row["id"])) == "was revoked already\n"
    (shown,) = (line for line in served_program.answer("token", "list").splitlines() if "reader" in line)
    assert shown.endswith("  revoked")


@pytest.mark.requirement("ID3", "OW1", "OW4")
@pytest.mark.usefixtures("serving")
def test_another_users_tokens_are_neither_listed_nor_revoked(served_program: Program) -> None:
    made = json.loads(
        served_program.answer("token", "create", "--user", "carol", "--expires", "never", "--json", "--name", "hers")
    )
    assert is_well_formed(made["token"])
    assert made["expires_at"] is None

    assert "hers" not in served_program.answer("token", "list")
    assert "expires never" in served_program.answer("token", "list", "--user", "carol")
    assert "somebody else" in sentence(served_program.run("token", "revoke", str(made["id"])), 1)
    assert "no such item" in sentence(served_program.run("token", "revoke", str(2**62)), 1)


@pytest.fixture
def account(served_program: Program, serving: Serving) -> Iterator[tuple[str, httpx2.Client]]:
    """The id of an account with a todo, and its client."""
    name = f"dora-{uuid4().hex[:8]}"
    token = served_program.answer("token", "create", "--user", name).strip()
    with serving.http(token) as http:
        http.post("/api/v1/todos", json={"title": "Hers alone"})
        rows = json.loads(served_program.answer("user", "list", "--json"))
        yield next(str(row["id"]) for row in rows if row["subject"] == name), http


@pytest.mark.requirement("OW5", "OP1")
def test_accounts_are_listed_with_how_much_they_hold_and_not_what(
    served_program: Program, account: tuple[str, httpx2.Client]
) -> None:
    account_id, _ = account
    rows = json.loads(served_program.answer("user", "list", "--json"))
    listed = served_program.answer("user", "list")

    (dora,) = (row for row in rows if str(row["id"]) == account_id)
    assert (dora["open_todos"], dora["live_tokens"], dora["suspended_at"]) == (1, 1, None)
    assert f"{account_id}  {dora['subject']}  urn:todo-mcp:local  user  1 open, 0 done\n" in listed
    assert "Hers alone" not in listed
    assert "operator" not in listed


def listed_ids(program: Program, status: str) -> list[str]:
    return [line.split()[0] for line in program.answer("user", "list", "--status", status).splitlines()]


@pytest.mark.requirement("OW5", "OP1")
def test_an_account_is_suspended_and_reactivated(served_program: Program, account: tuple[str, httpx2.Client]) -> None:
    account_id, http = account

    assert served_program.answer("user", "suspend", account_id) == "suspended\n"
    assert served_program.answer("user", "suspend", account_id) == "was suspended already\n"
    refused = http.get("/api/v1/todos")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "suspended")
    assert account_id in listed_ids(served_program, "suspended")
    assert account_id not in listed_ids(served_program, "active")

    assert served_program.answer("user", "reactivate", account_id) == "reactivated\n"
    assert served_program.answer("user", "reactivate", account_id) == "was active already\n"
    assert http.get("/api/v1/todos").status_code == 200


@pytest.mark.requirement("OW5", "OP1")
def test_an_account_is_deleted_by_whoever_means_it(served_program: Program, account: tuple[str, httpx2.Client]) -> None:
    account_id, http = account

    unasked = served_program.run("user", "delete", account_id)  # nobody answers the question
    assert unasked.returncode == 1
    assert http.get("/api/v1/todos").status_code == 200

    assert served_program.answer("user", "delete", account_id, "--yes") == "deleted\n"
    assert http.get("/api/v1/todos").status_code == 401
    for command in ("suspend", "reactivate"):
        assert "no such account" in sentence(served_program.run("user", command, account_id), 1)


@pytest.mark.requirement("OW5", "ID3", "ID4")
def test_a_token_with_the_scope_admin_administers_accounts(served_program: Program, serving: Serving) -> None:
    plain = served_program.answer("token", "create", "--user", "eve", "--scope", "profile").strip()
    admin = served_program.answer("token", "create", "--user", "ada", "--scope", "admin").strip()

    with serving.http(plain) as http:
        assert http.get("/api/v1/admin/users").status_code == 403
    with serving.http(admin) as http:
        assert {"ada", "eve"} <= {row["subject"] for row in http.get("/api/v1/admin/users").json()["items"]}


@pytest.mark.requirement("TD7", "OP1")
def test_purge_deletes_what_was_in_the_trash_too_long_and_nothing_else(
    served_program: Program, serving: Serving
) -> None:
    with serving.http() as http:
        kept, trashed = (
            http.post("/api/v1/todos", json={"title": title}).json()["id"] for title in ("Kept", "Trashed")
        )
        assert http.delete(f"/api/v1/todos/{trashed}").status_code == 204

        nothing = {"todos": 0, "lists": 0, "tags": 0, "answers": 0, "proposals": 0, "changes": 0}
        assert json.loads(served_program.answer("purge")) == nothing
        assert json.loads(served_program.configured(TODO_TRASH_DAYS="0").answer("purge"))["todos"] == 1

        assert http.get(f"/api/v1/todos/{kept}").status_code == 200
        gone = http.get(f"/api/v1/todos/{trashed}")
    assert gone.status_code == httpx2.codes.NOT_FOUND
