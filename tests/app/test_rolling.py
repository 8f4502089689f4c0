"""Old and new code serve one database while it is migrated, under load, and no request fails.

The old code is that of a commit, which docs/releases.toml names, from the project's history. The new one is the working
tree: as it is, if its schema follows the old one's; else with the example of docs/changing-the-schema.md for its next
schema. Both run on the libraries of this environment.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.abc
import asyncpg
import httpx2
import pytest
from anyio import to_thread

from tests.app.postgres import own_postgres, short_folder
from tests.app.program import Program, Serving, sentence, until
from tests.contract.project import PACKAGES, ROOT
from tests.migrations import BACKFILL, FINISH, NEXT, copy_with_example
from tests.pauses import moment
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS
from todo_core.schema.versions import goal, place

pytestmark = [pytest.mark.slow, pytest.mark.requirement("DB3", "OP9")]

RELEASES: Final = tomllib.loads((ROOT / "docs" / "releases.toml").read_text(encoding="utf-8"))["release"]
IS_NEW: Final = place(SCHEMA_REVISION).schema > place(RELEASES[-1]["schema"]).schema
"""Whether the working tree's own schema follows that of the last commit named."""
_CONTRACT: Final = "specs/api"
"""Where the contract is that a server serves as its file has it."""
ROLLED, FINISHED = (goal(), goal(finish=True)) if IS_NEW else (BACKFILL, FINISH)
TODOS: Final = 2_000
"""Todos that are there before."""
DUE: Final = "2030-01-15T17:00"
"""What both versions make todos due, as they read it."""
REPEATED: Final = 40
"""Requests that are sent to both versions at once."""
ANSWERS: Final = 60
"""Of each version, before anything happens to it."""
SLOWEST: Final = 5.0
"""Seconds that an answer may take on a busy machine; a migration keeps it waiting for one of them at most."""


# --- two versions ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def old_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version before."""
    folder = tmp_path_factory.mktemp("old")
    commit = RELEASES[-1]["commit"] or "HEAD"
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("the code of the version before is in the project's history, and here is none")
    found = subprocess.run(
        [git, "archive", "--format=tar", commit, *PACKAGES, "migrations", _CONTRACT],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if found.returncode != 0:
        pytest.skip(
            f"the project's history has no commit {commit}, which docs/releases.toml names; is the clone shallow?"
        )
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def new_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version after."""
    if IS_NEW:
        return ROOT
    folder = tmp_path_factory.mktemp("new")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    copy_with_example(folder / "migrations")
    shutil.copytree(ROOT / _CONTRACT, folder / _CONTRACT)
    schema = folder / "todo_core" / "schema" / "__init__.py"
    text = schema.read_text(encoding="utf-8")
    changed = text.replace(repr(SCHEMA_STEPS).replace("'", '"'), repr((NEXT, BACKFILL, FINISH)))
    assert changed != text
    schema.write_text(changed, encoding="utf-8")
    return folder


def programs(folder: Path, settings: dict[str, str], *codes: Path) -> Iterator[Program]:
    """The program of each folder, with the same settings."""
    for number, code in enumerate(codes):
        yield Program(folder / str(number), settings | {"PYTHONPATH": str(code)}, (sys.executable, "-m", "todo_app"))


@pytest.fixture
def versions(tmp_path: Path, empty_database_url: str, old_code: Path, new_code: Path) -> list[Program]:
    """The old and the new program on one database, which the old one has made."""
    settings = {"TODO_DATABASE_URL": empty_database_url, "TODO_RATE_LIMIT": "off", "TODO_USER": "ann"}
    old, new = programs(tmp_path, settings, old_code, new_code)
    old.answer("migrate")
    return [old, new]


_TODOS: Final = """
    INSERT INTO todos (user_id, list_id, title)
    SELECT user_id, id, 'title ' || n FROM lists, generate_series(1, {}) AS n WHERE is_inbox
"""
_OFTEN: Final = "ALTER SYSTEM SET autovacuum_naptime = '1s'"
_SLOWLY: Final = """
    ALTER TABLE todos SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
                           autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0);
    UPDATE todos SET title = title || '!';
"""


async def execute(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own; `url` is of a superuser."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def is_vacuumed(url: str) -> bool:
    """Whether autovacuum is at work on todos."""
    connection = await asyncpg.connect(url)
    try:
        found: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'todos'::regclass"
            " AND mode = 'ShareUpdateExclusiveLock' AND granted)"
        )
        return found
    finally:
        await connection.close()


async def fill(url: str, todos: int) -> None:
    """Make todos in the inbox of everybody; `url` is of a superuser."""
    await execute(url, _TODOS.format(todos), "ANALYZE")


async def titles_in(url: str) -> set[tuple[int, str]]:
    """Every todo's id and title; `url` is of a superuser."""
    connection = await asyncpg.connect(url)
    try:
        return {(row["id"], row["title"]) for row in await connection.fetch("SELECT id, title FROM todos")}
    finally:
        await connection.close()


async def dues_in(url: str) -> set[str]:
    """When todos are due where people are, of those that are; `url` is of a superuser."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT DISTINCT due_date + due_time AS due FROM todos WHERE due_at IS NOT NULL")
        return {f"{row['due']:%Y-%m-%dT%H:%M}" for row in rows}
    finally:
        await connection.close()


async def revision_of(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        found: str = await connection.fetchval("SELECT version_num FROM alembic_version")
        return found
    finally:
        await connection.close()


# --- load --------------------------------------------------------------------------------------


@dataclass
class Load:
    """Clients that never repeat a request: one that fails is a failure."""

    token: str
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds of the slowest answer."""
    acknowledged: dict[int, str] = field(default_factory=dict)
    """The title that each todo was given last."""
    numbers: count[int] = field(default_factory=count)

    def start(self, tasks: anyio.abc.TaskGroup, serving: Serving, side: str) -> Callable[[], Awaitable[None]]:
        """Begin with two readers and two writers on a server; what is returned lets each end its work, and waits."""
        ends = anyio.Event()
        works = (self._write, self._write, self._read, self._read)
        ended = [anyio.Event() for _ in works]

        async def repeat(number: int) -> None:
            headers = {"Authorization": f"Bearer {self.token}"}
            async with httpx2.AsyncClient(base_url=serving.url, headers=headers, timeout=30) as http:
                while not ends.is_set():
                    await works[number](http, side)
            ended[number].set()

        async def end() -> None:
            ends.set()
            for one in ended:
                await one.wait()

        for number in range(len(works)):
            tasks.start_soon(repeat, number)
        return end

    async def reached(self, side: str, more: int) -> None:
        """Wait for more answers of a version."""
        wanted = self.answers[side] + more
        with anyio.fail_after(60):
            while self.answers[side] < wanted:
                await moment()

    async def _ask(self, http: httpx2.AsyncClient, side: str, method: str, path: str, **more: Any) -> Any:
        began = time.monotonic()
        try:
            answer = await http.request(method, path, **more)
        except httpx2.TransportError as error:
            self.failures.append(f"{side} {method} {path}: {type(error).__name__}")
            return None
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers[side] += 1
        if answer.status_code >= 400:
            self.failures.append(f"{side} {method} {path}: {answer.status_code} {answer.text}")
            return None
        return answer.json() if answer.content else None

    async def _write(self, http: httpx2.AsyncClient, side: str) -> None:
        title = f"{side} {next(self.numbers)}"
        made = await self._ask(http, side, "POST", "/api/v1/todos", json={"title": title, "tags": ["rolling"]})
        if made is None:
            return
        where = f"/api/v1/todos/{made['id']}"
        await self._ask(http, side, "PATCH", where, json={"title": f"{title} renamed", "due": DUE})
        self.acknowledged[made["id"]] = f"{title} renamed"
        await self._ask(http, side, "PATCH", f"{where}/complete")
        await self._ask(http, side, "DELETE", where)
        await self._ask(http, side, "POST", f"{where}/restore")

    async def _read(self, http: httpx2.AsyncClient, side: str) -> None:
        for path in ("/api/v1/todos?limit=20", "/api/v1/overview", "/api/v1/changes?limit=20", "/readyz"):
            await self._ask(http, side, "GET", path)


@asynccontextmanager
async def served(program: Program) -> AsyncIterator[Serving]:
    """Serve, while clients go on in this process."""
    context = program.serve()
    serving = await to_thread.run_sync(context.__enter__)
    try:
        yield serving
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(context.__exit__, None, None, None)


async def run(program: Program, *arguments: str) -> str:
    """What a command that must succeed prints, while clients go on in this process."""
    return await to_thread.run_sync(program.answer, *arguments)


async def test_old_and_new_code_serve_one_database_through_a_migration_without_a_failed_request(
    versions: list[Program],
) -> None:
    old, new = versions
    url = old.settings["TODO_DATABASE_URL"]
    load = Load((await run(old, "token", "create")).strip())
    await fill(url, TODOS)

    async with AsyncExitStack() as stack, anyio.create_task_group() as tasks:
        before = await stack.enter_async_context(served(old))
        end_old = load.start(tasks, before, "old")
        await load.reached("old", ANSWERS)
        then = ")" if ROLLED == FINISHED else "; `todo-mcp migrate --finish`"
        rolled = f"{ROLLED} (up to date{then}"
        assert (await run(new, "migrate")).startswith(rolled)
        after = await stack.enter_async_context(served(new))
        end_new = load.start(tasks, after, "new")
        await load.reached("new", ANSWERS)
        await load.reached("old", ANSWERS)
        await end_old()
        assert await to_thread.run_sync(before.stop) == 0
        assert await run(new, "migrate", "--finish") == f"{FINISHED} (up to date)\n"
        await load.reached("new", ANSWERS)
        await end_new()

    assert load.failures == []
    assert {*load.acknowledged.items()} <= await titles_in(url)
    assert await dues_in(url) == {DUE}
    assert await revision_of(url) == FINISHED
    print(load.answers, f"slowest {load.slowest:.2f} s")
    assert load.slowest < SLOWEST

    if ROLLED == FINISHED:
        return  # without a last step the version before may serve on
    assert "use a newer one" in sentence(await to_thread.run_sync(old.run, "serve"), 1)
    assert (await to_thread.run_sync(old.run, "migrate", "--check")).returncode == 1


@pytest.mark.exhaustive
@pytest.mark.requirement("SA1", "SA4")
async def test_a_request_that_is_sent_to_both_versions_at_once_happens_once(versions: list[Program]) -> None:
    old, new = versions
    headers = {"Authorization": f"Bearer {(await run(old, 'token', 'create')).strip()}"}
    await run(new, "migrate")
    answers: dict[str, list[httpx2.Response]] = {f"key-{number}": [] for number in range(REPEATED)}

    async def send(http: httpx2.AsyncClient, key: str) -> None:
        answers[key].append(await http.post("/api/v1/todos", json={"title": key}, headers={"Idempotency-Key": key}))

    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(served(program)) for program in versions]
        clients = [httpx2.AsyncClient(base_url=server.url, headers=headers, timeout=30) for server in servers]
        for client in clients:
            await stack.enter_async_context(client)
        for key in answers:
            async with anyio.create_task_group() as tasks:
                for client in clients:
                    tasks.start_soon(send, client, key)
        changes = (await clients[1].get(f"/api/v1/changes?limit={REPEATED}")).json()["items"]

    for pair in answers.values():
        assert {answer.status_code for answer in pair} in ({201}, {201, 409})
        assert len({answer.json()["id"] for answer in pair if answer.status_code == 201}) == 1
    titles = sorted(title for _, title in await titles_in(old.settings["TODO_DATABASE_URL"]))
    assert titles == sorted(answers)
    assert len({change["id"] for change in changes}) == REPEATED


@pytest.mark.exhaustive
def test_a_migration_that_is_killed_in_its_backfill_goes_on_where_it_was(versions: list[Program]) -> None:
    old, new = versions
    url = old.settings["TODO_DATABASE_URL"]
    old.answer("token", "create")
    asyncio.run(fill(url, 4 * TODOS))
    process, _, _ = new._start("migrate")
    until(lambda: asyncio.run(revision_of(url)) == ROLLED.removesuffix("_backfill"), 30, "the backfill has begun")
    process.kill()
    process.wait()
    assert asyncio.run(revision_of(url)) == ROLLED.removesuffix("_backfill")

    assert new.answer("migrate").startswith(ROLLED)
    assert new.answer("migrate", "--finish") == f"{FINISHED} (up to date)\n"


@pytest.mark.exhaustive
def test_the_embedded_database_is_finished_once_nobody_else_uses_it(old_code: Path, new_code: Path) -> None:
    if ROLLED == FINISHED:
        pytest.skip("the newest schema has one step, so nothing is left to finish")
    with short_folder() as folder:
        old, new = programs(folder, {"TODO_DATA_DIR": str(folder / "data")}, old_code, new_code)
        with old.serve() as serving:
            new.answer("token", "list")
            assert "todo-mcp migrate --finish" in new.answer("migrate", "--check")
            assert serving.is_ready()

        new.answer("token", "list")

        assert new.answer("migrate", "--check") == f"{FINISHED} (up to date)\n"


@pytest.mark.exhaustive
@pytest.mark.parametrize("login", ["owner", "postgres"])
def test_autovacuum_gives_way_to_a_migration(tmp_path: Path, old_code: Path, new_code: Path, login: str) -> None:
    """It holds its lock for minutes on a large table, and steps aside for who waits long enough to ask it to."""
    with own_postgres() as server:
        make = ("CREATE ROLE owner LOGIN CREATEROLE", "CREATE DATABASE todo OWNER owner")
        asyncio.run(execute(server.url, *make, _OFTEN, "SELECT pg_reload_conf()"))
        url = server.url.replace("//postgres:@/postgres", f"//{login}:@/todo")
        everybody = server.url.replace("//postgres:@/postgres", "//postgres:@/todo")
        assert url.endswith(everybody.partition("/todo")[2])
        (old, new) = programs(tmp_path, {"TODO_DATABASE_URL": url, "TODO_USER": "ann"}, old_code, new_code)
        old.answer("token", "create")
        asyncio.run(fill(everybody, TODOS))
        asyncio.run(execute(everybody, _SLOWLY))
        until(lambda: asyncio.run(is_vacuumed(everybody)), 30, "autovacuum works on todos")

        began = time.monotonic()
        assert new.answer("migrate", "--finish") == f"{FINISHED} (up to date)\n"

        assert time.monotonic() - began < 30
