"""Behind PgBouncer in transaction mode: many users, two connections, and nobody meets anybody else (DB1).

A `SET` that is not `SET LOCAL`, or a named prepared statement, makes the first test fail: PgBouncer
1.18 hands a connection to the next client as the last one left it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import httpx2
import pytest

from tests.app.postgres import OwnPostgres, own_postgres
from tests.app.program import Program, free_port, logs, sentence, until
from tests.core import support
from tests.core.support import connected
from tests.exhaustive import crossed
from tests.faces import call
from tests.interop.pooler import LOGIN, PGBOUNCER, copy_template, keep_as_template, make_database, pgbouncer
from tests.migrations import FINISH, copy_with_example
from todo_core.schema.migrate import migrate
from todo_core.schema.state import current

pytestmark = pytest.mark.slow

USERS = 12
ROUNDS = 8


class Migrated(NamedTuple):
    """A server, and the URL of its database `todo` past the pooler."""

    server: OwnPostgres
    direct: str


@pytest.fixture
def ignored() -> str:
    """Startup parameters that the pooler drops without a word."""
    return ""


@pytest.fixture
def limits() -> dict[str, int]:
    """What the pooler has, where that is not the usual."""
    return {}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    """A PostgreSQL with a migrated database of an ordinary login role, which each test has a copy of."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    with own_postgres() as server:
        direct = asyncio.run(make_database(server))
        Program(tmp_path_factory.mktemp("migrating"), {"TODO_DATABASE_URL": direct}).answer("migrate")
        asyncio.run(keep_as_template(server))
        yield Migrated(server, direct)


@pytest.fixture
def pooled(migrated: Migrated, tmp_path: Path, ignored: str, limits: dict[str, int]) -> Iterator[Program]:
    """The program on a database of an ordinary login role, behind the pooler."""
    server, direct = migrated
    asyncio.run(copy_template(server))
    folder = Path(server.url.rpartition("host=")[2]).parent
    with pgbouncer(folder, server.url, ignored=ignored, **limits) as through:
        settings = {"TODO_DATABASE_URL": through, "TODO_DATABASE_POOLER": "on", "TODO_DATABASE_LISTEN_URL": direct}
        yield Program(tmp_path, settings)


@pytest.mark.requirement("DB1", "OP2", "OP8", "OW2")
@crossed(
    ignored={
        "strict": "",
        "lenient": "extra_float_digits, role, timezone, statement_timeout, idle_in_transaction_session_timeout",
    },
    setting=["auto", "off"],
)
def test_a_pooler_that_was_not_announced_is_noticed_before_anything_is_served(pooled: Program, setting: str) -> None:
    done = pooled.configured(TODO_DATABASE_POOLER=setting).run("serve", "--port", str(free_port()))

    assert sentence(done, 2).startswith("TODO_DATABASE_POOLER must be on")
    examined = pooled.configured(TODO_DATABASE_POOLER=setting).run("doctor")
    assert examined.returncode == 1
    assert "FAIL  pooler: TODO_DATABASE_POOLER must be on" in examined.stdout


@pytest.mark.requirement("DB1", "OW1", "OW2")
async def test_behind_a_transaction_pooler_nobody_ever_sees_anothers_rows(pooled: Program) -> None:
    told: Counter[str] = Counter()
    with pooled.serve() as serving:
        tokens = [
            pooled.answer("token", "create", "--user", f"user-{number}", "--name", f"t{number}").strip()
            for number in range(USERS)
        ]

        async def work(number: int, token: str) -> None:
            async with httpx2.AsyncClient(
                base_url=serving.url, headers={"Authorization": f"Bearer {token}"}, timeout=60
            ) as http:
                for round_ in range(ROUNDS):
                    mine = f"of-{number}-"
                    made = await http.post("/api/v1/todos", json={"title": f"{mine}{round_}"})
                    told[f"add {made.status_code}"] += 1
                    added = await call(http, "mcp-2026", "add_todos", {"todos": [{"title": f"{mine}{round_}-mcp"}]})
                    told[f"tool {added.json()['result']['isError']}"] += 1
                    await http.patch(f"/api/v1/todos/{made.json()['id']}/complete")
                    listed = await http.get("/api/v1/todos?status=all&limit=200")
                    told[f"list {listed.status_code}"] += 1
                    titles = [row["title"] for row in listed.json()["items"]]
                    assert len(titles) == 2 * (round_ + 1)
                    assert all(title.startswith(mine) for title in titles)
                    changes = (await http.get("/api/v1/changes?limit=200")).json()["items"]
                    assert all(
                        entry["after"]["title"].startswith(mine)
                        for change in changes
                        for entry in change["entries"]
                        if entry["entity"] == "todo"
                    )

        async with asyncio.TaskGroup() as group:
            for number, token in enumerate(tokens):
                group.create_task(work(number, token))
        url = pooled.settings["TODO_DATABASE_URL"]
        await _nothing_is_left_on_a_connection(url)
        text = serving.stderr

    assert told == {"add 201": USERS * ROUNDS, "tool False": USERS * ROUNDS, "list 200": USERS * ROUNDS}
    assert "prepared statement" not in text
    assert [line for line in logs(text) if line["level"] not in ("info", "warning")] == []
    assert pooled.run("doctor").returncode == 0


@pytest.mark.requirement("DB1", "SA5")
@pytest.mark.parametrize(
    ("by", "logged"),
    [
        pytest.param("PostgreSQL's own address", [], id="direct"),
        pytest.param("the pooler", ["listening_hears_nothing"], id="pooler"),
        pytest.param("nothing", [], id="none"),
    ],
)
async def test_behind_a_transaction_pooler_changes_of_other_processes_are_heard_or_looked_for(
    pooled: Program, by: str, logged: list[str]
) -> None:
    """Where nothing is heard, somebody looks every 2 s; where PostgreSQL knows of one who hears, every 15 s.

    There the first change may be found by a look that comes with hearing, the second is heard.
    """
    through = pooled.settings["TODO_DATABASE_URL"]
    changed = {"the pooler": {"TODO_DATABASE_LISTEN_URL": through}, "nothing": {"TODO_DATABASE_LISTEN_URL": ""}}
    program = pooled.configured(**changed.get(by, {}))
    with program.serve() as serving:
        headers = {"Authorization": f"Bearer {serving.token}"}
        async with (
            httpx2.AsyncClient(base_url=serving.url, headers=headers, timeout=60) as http,
            http.stream("GET", "/api/v1/events") as stream,
        ):
            lines = stream.aiter_lines()
            assert (await anext(lines)).startswith("retry: ")
            until(lambda: _of_listening(serving.stderr) == logged, 30, "it knows whether it hears")
            if by == "PostgreSQL's own address":
                async with connected(pooled.settings["TODO_DATABASE_LISTEN_URL"]) as admin:
                    await support.until(admin, _SOMEBODY_HEARS)
            for name in ("elsewhere", "there, too"):
                await asyncio.to_thread(program.answer, "token", "create", "--name", name)
                async with asyncio.timeout(8):
                    while (await anext(lines)) != "event: change":
                        pass
        assert _of_listening(serving.stderr) == logged
        await _nothing_is_left_on_a_connection(through)


_SOMEBODY_HEARS: Final = (
    "SELECT EXISTS (SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE datname = current_database() AND application_name ~ 'listening$'"
    " AND locktype = 'advisory' AND mode = 'ShareLock' AND granted)"
)


def _of_listening(log: Path) -> list[str]:
    return [line["event"] for line in logs(log) if line["event"].startswith("listening_")]


async def _nothing_is_left_on_a_connection(url: str) -> None:
    """Both connections of the pooler, held at once by a transaction each."""
    backends = set()
    first, second = [await asyncpg.connect(url, statement_cache_size=0) for _ in range(2)]
    try:
        for connection in (first, second):
            await connection.execute("BEGIN")
            backends.add(await connection.fetchval("SELECT pg_backend_pid()"))
            row = await connection.fetchrow(
                "SELECT current_user AS role, session_user AS login, current_setting('statement_timeout') AS timeout,"
                " coalesce(current_setting('app.user_id', true), '') AS user_id,"
                " coalesce(current_setting('app.token_hash', true), '') AS hash"
            )
            assert row is not None
            assert dict(row) == {"role": LOGIN, "login": LOGIN, "timeout": "0", "user_id": "", "hash": ""}
        assert len(backends) == 2
    finally:
        for connection in (first, second):
            await connection.execute("ROLLBACK")
            await connection.close()


@asynccontextmanager
async def taken(url: str) -> AsyncIterator[list[asyncpg.Connection]]:
    """All connections that a pooler accepts, of somebody else."""
    others: list[asyncpg.Connection] = []
    try:
        while True:
            others.append(await asyncpg.connect(url, statement_cache_size=0))
    except asyncpg.ProtocolViolationError:
        pass
    try:
        yield others
    finally:
        for other in others:
            other.terminate()


def _causes(text: str, event: str = "database_unavailable") -> set[str]:
    return {line["cause"] for line in logs(text) if line["event"] == event}


@pytest.mark.requirement("OP8", "OP4", "DB1")
@pytest.mark.parametrize("limits", [{"clients": 6}], ids=["six clients"])
async def test_a_pooler_that_accepts_no_further_client_is_the_cause_that_is_told(pooled: Program) -> None:
    url = pooled.settings["TODO_DATABASE_URL"]
    full = "no further connection is accepted"
    with pooled.serve() as serving:
        headers = {"Authorization": f"Bearer {serving.token}"}
        async with httpx2.AsyncClient(base_url=serving.url, headers=headers, timeout=60) as http:
            assert (await http.get("/api/v1/todos")).status_code == 200  # on a connection that the server keeps
            async with taken(url):
                alone = [(await http.get(path)).status_code for path in ("/readyz", "/api/v1/todos")]
                posts = (http.post("/api/v1/todos", json={"title": f"{number}"}) for number in range(12))
                crowd = await asyncio.gather(*posts)
                second = pooled.configured(TODO_DATABASE_POOLER="auto", TODO_DATABASE_WAIT="0").run(
                    "serve", "--port", str(free_port())
                )
                examined = pooled.run("doctor")
            assert [(await http.get(path)).status_code for path in ("/readyz", "/api/v1/todos")] == [200, 200]
        assert _causes(serving.stderr, "connections_refused") == {full}
        assert _causes(serving.stderr) == set()

    assert alone == [200, 200]
    assert [answer.status_code for answer in crowd] == [201] * 12
    assert sentence(second, 1) == f"The database cannot be used ({full}); check TODO_DATABASE_URL."
    assert f"FAIL  database: cannot be used ({full})" in examined.stdout


@pytest.mark.requirement("OP8", "OP4", "DB1")
@pytest.mark.parametrize("limits", [{"size": 1, "patience": 1}], ids=["one connection, one second"])
async def test_a_pooler_whose_connections_are_all_in_use_is_no_fault_of_the_request(pooled: Program) -> None:
    with pooled.serve() as serving:
        headers = {"Authorization": f"Bearer {serving.token}"}
        other = await asyncpg.connect(pooled.settings["TODO_DATABASE_URL"], statement_cache_size=0)
        async with httpx2.AsyncClient(base_url=serving.url, headers=headers, timeout=60) as http:
            async with other.transaction():
                await other.execute("SELECT")
                refused = [await http.get("/api/v1/todos"), await http.post("/api/v1/todos", json={"title": "a"})]
                until(lambda: not serving.is_ready(), 30, "it knows")
            until(serving.is_ready, 30, "it is ready")
            after = (await http.post("/api/v1/todos", json={"title": "a"})).status_code
        await other.close()
        text = serving.stderr

    assert {(answer.status_code, answer.headers["retry-after"]) for answer in refused} == {(503, "1")}
    assert after == 201
    assert {line["level"] for line in logs(text)} <= {"info", "warning"}


@pytest.mark.requirement("DB1", "DB3", "OP9")
@pytest.mark.exhaustive
async def test_several_migrate_at_once_through_the_pooler_one_after_another(pooled: Program, tmp_path: Path) -> None:
    """Without a lock that holds there, one fails; waiting for it in PostgreSQL would take both connections."""
    folder = copy_with_example(tmp_path / "migrations")
    url = pooled.settings["TODO_DATABASE_URL"]

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(migrate(url, finish=True, folder=folder))

    assert await current(url) == FINISH
    await _nothing_is_left_on_a_connection(url)
