"""A change of the schema beside readers and writers: its three steps, killed, refused, kept waiting, several at once.

The steps are those of the example in docs/changing-the-schema.md, after the product's own.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import asyncpg
import pytest

from tests.app.postgres import own_postgres
from tests.core.support import CoreOpener, add, connected, titles_of, until, with_server_settings
from tests.core.test_migrations import catalogue, walls
from tests.databases import with_database
from tests.migrations import BACKFILL, FINISH, NEXT, change, copy_with_example
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.errors import Unavailable
from todo_core.operations import todos
from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS, SchemaError
from todo_core.schema.losses import goes_down, losses
from todo_core.schema.migrate import BASE, migrate, revisions
from todo_core.schema.state import current, position
from todo_core.schema.steps import Pace
from todo_core.schema.turns import APPLICATION, turn
from todo_core.schema.versions import goal, is_newer, is_up_to_date, place, serves, standing

pytestmark = [pytest.mark.requirement("DB3", "OP9"), pytest.mark.slow]

NEWEST = SCHEMA_STEPS[-1]
_PEOPLE = """
    INSERT INTO users (issuer, subject)
    SELECT 'urn:todo-mcp:local', 'rolling ' || n FROM generate_series(1, $1::int) AS n
"""
_TODOS = """
    INSERT INTO todos (user_id, list_id, title)
    SELECT user_id, id, 'title ' || n FROM lists, generate_series(1, $1::int) AS n WHERE is_inbox
"""
_UNLIKE = "SELECT count(*) FROM todos WHERE title_length IS DISTINCT FROM char_length(title)"
_SOMEBODY_SLEEPS = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')"
)
_FILES = """
    SELECT relname, relfilenode FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The product's migrations, and those of the example after them."""
    return copy_with_example(tmp_path / "migrations")


async def fill(url: str, number: int, people: int = 1) -> None:
    """Make people with so many todos each; `url` is of a superuser."""
    async with connected(url) as admin:
        await admin.execute(_PEOPLE, people)
        await admin.execute(_TODOS, number)
        await admin.execute("ANALYZE")  # or plans would be what is measured


async def unlike(url: str) -> int:
    """How many todos do not have the new form."""
    async with connected(url) as admin:
        number: int = await admin.fetchval(_UNLIKE)
        return number


# --- names -------------------------------------------------------------------------------------


@each(
    ("revision", "is_served"),
    [
        (None, False),
        (f"{place(SCHEMA_REVISION).schema - 1:04}_finish", False),
        *((step, place(step) >= place(SCHEMA_REVISION)) for step in SCHEMA_STEPS),
        (NEXT, True),
        (BACKFILL, True),
        (FINISH, False),
        (f"{int(NEXT) + 1:04}", False),
        ("another", False),
    ],
)
@pytest.mark.requirement("OP3")
async def test_this_code_is_ready_on_its_schema_and_on_the_next_until_that_is_finished(
    revision: str | None, is_served: bool, fresh_database_url: str, another_core: CoreOpener
) -> None:
    assert serves(revision) is is_served
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        await admin.execute("UPDATE alembic_version SET version_num = $1", revision or "")
        if is_served:
            await core.readiness.require()
        else:
            with pytest.raises(Unavailable):
                await core.readiness.require()


@pytest.mark.parametrize(
    ("steps", "rolled", "finished"),
    [
        (("0004",), "0004", "0004"),
        (("0004", "0005", "0005_backfill"), "0005_backfill", "0005_backfill"),
        (("0004", "0005", "0005_backfill", "0005_finish"), "0005_backfill", "0005_finish"),
        (("0005_finish", "0006", "0006_finish"), "0006", "0006_finish"),
    ],
)
def test_the_goal_is_the_last_step_on_which_the_version_before_serves(
    steps: tuple[str, ...], rolled: str, finished: str
) -> None:
    assert (goal(steps), goal(steps, finish=True)) == (rolled, finished)


def test_where_a_database_stands_is_told() -> None:
    assert standing(None) == f"behind {goal()}"
    assert standing(NEWEST) == "up to date"
    assert standing(NEXT) == f"ahead of {SCHEMA_REVISION}; this version serves on it"
    assert "use a newer one" in standing(FINISH)
    assert "use a newer one" in standing("another")
    assert [is_newer(one) for one in (None, NEWEST, NEXT, "another")] == [False, False, True, True]
    assert [is_up_to_date(one) for one in (None, "0001", NEWEST, NEXT)] == [False, False, True, True]


# --- the way -----------------------------------------------------------------------------------


async def test_steps_are_taken_as_far_as_the_version_before_serves_and_to_the_end_when_it_is_told_to(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await fill(url, 2_500)
    first = await catalogue(url) | await walls(url)

    with anyio.fail_after(60):  # an index that is created waits for any snapshot of ours
        await migrate(url, NEXT, folder=folder)
    assert (await current(url), await unlike(url)) == (NEXT, 2_500)

    await migrate(url, folder=folder)
    assert (await current(url), await unlike(url)) == (BACKFILL, 0)
    await migrate(url, folder=folder)
    assert await current(url) == BACKFILL

    await migrate(url, finish=True, folder=folder)
    assert (await current(url), await unlike(url)) == (FINISH, 0)
    last = await catalogue(url) | await walls(url)
    await migrate(url, folder=folder)
    assert await current(url) == FINISH  # and not down again

    await migrate(url, NEWEST, folder=folder)
    assert await catalogue(url) | await walls(url) == first
    await migrate(url, FINISH, folder=folder)
    assert await catalogue(url) | await walls(url) == last


async def test_the_files_of_the_steps_are_read_once_however_many_are_taken(
    fresh_database_url: str, folder: Path, tmp_path: Path
) -> None:
    """To read all of them for each, as Alembic's own commands do, takes half of a migration's time."""
    upgrade = "def upgrade() -> None:\n"
    change(folder, NEXT, upgrade, f"__import__('os').mkdir({str(tmp_path / 'read')!r})  # fails again\n\n\n{upgrade}")

    await migrate(fresh_database_url, finish=True, folder=folder)

    assert await current(fresh_database_url) == FINISH
    assert (tmp_path / "read").is_dir()


async def test_an_empty_database_gets_all_steps_at_once(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, folder=folder)

    assert await current(empty_database_url) == FINISH


async def test_a_database_of_a_later_version_is_left_as_it_is(fresh_database_url: str, folder: Path) -> None:
    url = fresh_database_url
    await migrate(url, NEXT, folder=folder)
    await migrate(url)
    assert await current(url) == NEXT
    for to in (BASE, NEWEST):
        with pytest.raises(SchemaError, match=f"is at schema {NEXT}"):
            await migrate(url, to)

    await migrate(url, finish=True, folder=folder)
    with pytest.raises(SchemaError, match="use a newer one"):
        await migrate(url)
    assert await current(url) == FINISH


async def test_there_is_no_way_to_a_step_that_is_not(fresh_database_url: str) -> None:
    with pytest.raises(SchemaError, match="There is no schema nowhere"):
        await migrate(fresh_database_url, "nowhere")


# --- before: nobody is held up -----------------------------------------------------------------


async def rewritten(url: str, folder: Path, revision: str) -> set[str]:
    """The tables that the step to a revision writes anew, of those that were there."""
    async with connected(url) as admin:
        before = {row["relname"]: row["relfilenode"] for row in await admin.fetch(_FILES)}
        await migrate(url, revision, folder=folder)
        after = {row["relname"]: row["relfilenode"] for row in await admin.fetch(_FILES)}
    return {name for name, file in before.items() if after.get(name) not in (None, file)}


ROLLING = [revision for revision in revisions() if place(revision).schema > 4]
"""The product's steps of this kind."""


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(ROLLING, id="ours"),
        pytest.param([NEXT, BACKFILL, FINISH], id="the example's", marks=pytest.mark.exhaustive),
    ],
)
async def test_no_step_rewrites_a_table(steps: list[str], empty_database_url: str, folder: Path) -> None:
    known = revisions(folder)
    await migrate(empty_database_url, known[known.index(steps[0]) - 1], folder=folder)

    found = {revision: await rewritten(empty_database_url, folder, revision) for revision in steps}

    assert found == {revision: set() for revision in steps}


async def test_a_step_that_rewrites_a_table_is_noticed(fresh_database_url: str, folder: Path) -> None:
    await fill(fresh_database_url, 10)
    change(folder, NEXT, "title_length integer", "title_length integer DEFAULT (10 * random())::int")

    assert await rewritten(fresh_database_url, folder, NEXT) == {"todos"}


async def test_what_old_code_writes_is_carried_over(fresh_database_url: str, folder: Path) -> None:
    url = fresh_database_url
    await fill(url, 10)
    await migrate(url, NEXT, folder=folder)

    async with connected(url) as old:
        await old.execute("UPDATE todos SET title = 'longer than it was' WHERE id IN (SELECT id FROM todos LIMIT 5)")
        await old.execute(_TODOS, 5)

    assert await unlike(url) == 5


async def test_an_index_that_a_killed_run_left_invalid_is_made_anew(fresh_database_url: str, folder: Path) -> None:
    url = fresh_database_url
    async with connected(url) as admin:
        await admin.execute("ALTER TABLE todos ADD COLUMN title_length integer")
        await admin.execute("CREATE INDEX ix_todos_title_length ON todos (title_length)")
        spoil = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_todos_title_length'::regclass"
        await admin.execute(spoil)

    await migrate(url, NEXT, folder=folder)

    async with connected(url) as admin:
        (row,) = await admin.fetch(
            "SELECT indexdef, indisvalid FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass"
            " WHERE indexname = 'ix_todos_title_length'"
        )
    assert row["indisvalid"]
    assert "(user_id, title_length)" in row["indexdef"]


# --- waiting -----------------------------------------------------------------------------------


@asynccontextmanager
async def long_report(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who reads todos for long."""
    async with connected(with_server_settings(url, application_name="report")) as reader, reader.transaction():
        await reader.execute("SELECT FROM todos")
        yield reader


@asynccontextmanager
async def long_write(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who holds all todos for long."""
    async with connected(with_server_settings(url, application_name="writer")) as writer, writer.transaction():
        await writer.execute("UPDATE todos SET title = 'held'")
        yield writer


class Told(list[str]):
    """The lines that people were told; `enough` is set when there are as many as asked for."""

    def __init__(self, number: int = 1) -> None:
        super().__init__()
        self.enough = anyio.Event()
        self._number = number

    def __call__(self, line: str) -> None:
        self.append(line)
        if len(self) >= self._number:
            self.enough.set()


async def test_a_step_without_its_lock_tries_again_tells_whom_it_waits_for_and_keeps_nobody_waiting(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    told = Told(3)
    waits: list[float] = []
    ended = anyio.Event()

    async def migrating() -> None:
        await migrate(url, NEXT, folder=folder, tell=told)
        ended.set()

    async def reading(reader: asyncpg.Connection) -> None:
        while not ended.is_set():
            began = time.monotonic()
            await reader.fetchval("SELECT count(*) FROM todos")
            waits.append(time.monotonic() - began)
            await anyio.sleep(0.01)

    async with connected(url) as reader, anyio.create_task_group() as tasks:
        async with long_report(url) as report:
            pid = report.get_server_pid()
            tasks.start_soon(migrating)
            tasks.start_soon(reading, reader)
            with anyio.fail_after(20):
                await told.enough.wait()
        with anyio.fail_after(30):
            await ended.wait()

    assert told[2] == f"{NEXT} waits for a lock that pid {pid} (report) has; trying again."
    assert await current(url) == NEXT
    assert max(waits) > 0.2  # it did stand in the queue
    # Half a second at each of the three tries, of which a machine that does other things too may prolong some.
    assert sorted(waits)[-3] < 1.5


async def test_patience_ends_with_a_line_and_the_next_run_goes_on(fresh_database_url: str, folder: Path) -> None:
    async with long_report(fresh_database_url):
        with pytest.raises(SchemaError, match=rf"{NEXT} got no lock within 1 s: pid \d+ \(report\) has it"):
            await migrate(fresh_database_url, folder=folder, patience=1)
    assert await current(fresh_database_url) == NEWEST

    await migrate(fresh_database_url, folder=folder)

    assert await current(fresh_database_url) == BACKFILL


async def test_who_can_serve_does_not_wait_long_for_a_lock(fresh_database_url: str, folder: Path) -> None:
    async with long_report(fresh_database_url):
        with anyio.fail_after(30), pytest.raises(SchemaError, match=f"{NEXT} got no lock within 5 s"):
            await migrate(fresh_database_url, folder=folder, serving=True)


async def test_a_statement_that_would_hold_everybody_up_is_ended(fresh_database_url: str, folder: Path) -> None:
    change(folder, NEXT, "def upgrade() -> None:\n", 'def upgrade() -> None:\n    op.execute("SELECT pg_sleep(30)")\n')

    with anyio.fail_after(20), pytest.raises(SchemaError, match="QueryCanceledError"):
        await migrate(fresh_database_url, folder=folder)
    assert await current(fresh_database_url) == NEWEST


@pytest.mark.parametrize("rows", [20_000, pytest.param(1_000_000, marks=pytest.mark.exhaustive)])
async def test_no_reader_or_writer_waits_for_a_second(
    rows: int, fresh_database_url: str, folder: Path, another_core: CoreOpener, ann: Caller
) -> None:
    """Beyond the time for which a busy machine keeps everybody waiting, also whoever asks of no table."""
    url = fresh_database_url
    await fill(url, rows // 100, people=100)
    waits: dict[str, list[tuple[float, float]]] = {
        kind: [] for kind in ("reads", "writes", "writes of the rows that are changed")
    }
    """When each began, and the seconds that it took."""
    pauses: list[tuple[float, float]] = []
    """Those of the machine, in the same terms."""
    ended = anyio.Event()

    async def repeat(kind: str, ask: Callable[[int], Awaitable[Any]]) -> None:
        number = 0
        while not ended.is_set():
            began = time.monotonic()
            await ask(number)
            waits[kind].append((began, time.monotonic() - began))
            number += 1
            await anyio.sleep(0.005)

    async def ask_of_no_table(nobody: asyncpg.Connection) -> None:
        began = time.monotonic()
        while not ended.is_set():
            await nobody.fetchval("SELECT 1")
            await anyio.sleep(0.005)
            began, before = time.monotonic(), began
            if began - before > 0.05:
                pauses.append((before, began - before))

    def paused(began: float, took: float) -> float:
        """For how long the machine did nothing at that time."""
        return sum(seconds for at, seconds in pauses if at < began + took and began < at + seconds)

    async with (
        another_core(url, rate_limit="off") as core,
        connected(url) as somebody,
        connected(url) as nobody,
        anyio.create_task_group() as tasks,
    ):
        me = replace(ann, core=core, principal=await core.identity.local("ann"))
        (mine,) = await add(me, "mine")
        everybodys = [row["id"] for row in await somebody.fetch("SELECT id FROM todos ORDER BY id")]
        rename = "UPDATE todos SET title = 'anew' WHERE id = $1"
        tasks.start_soon(repeat, "reads", lambda _: titles_of(me))
        tasks.start_soon(repeat, "writes", lambda n: me.perform(todos.update, [{"id": mine, "title": f"{n}"}]))
        tasks.start_soon(
            repeat,
            "writes of the rows that are changed",
            lambda n: somebody.execute(rename, everybodys[n * 7919 % len(everybodys)]),
        )
        tasks.start_soon(ask_of_no_table, nobody)
        await anyio.sleep(0.2)
        for finish in (False, True):
            await migrate(url, finish=finish, folder=folder)
        ended.set()

    print({kind: (len(those), f"at most {max(took for _, took in those):.3f} s") for kind, those in waits.items()})
    assert (await current(url), await unlike(url)) == (FINISH, 0)
    long = {kind for kind, those in waits.items() for one in those if one[1] >= 1 + paused(*one)}
    assert long == set()


async def test_an_index_that_waits_for_an_old_transaction_tells_of_it_and_no_timeout_ends_the_build(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    told = Told()
    async with connected(url) as admin:
        name = await admin.fetchval("SELECT quote_ident(current_database())")
        for timeout in ("statement_timeout", "lock_timeout"):
            await admin.execute(f"ALTER DATABASE {name} SET {timeout} = '1s'")

    old = with_server_settings(url, application_name="old", statement_timeout="0")
    async with anyio.create_task_group() as tasks, connected(old) as reader:
        async with reader.transaction(isolation="repeatable_read"):
            await reader.execute("SELECT FROM changes")
            tasks.start_soon(lambda: migrate(url, NEXT, folder=folder, tell=told))
            with anyio.fail_after(20):
                await told.enough.wait()
        pid = reader.get_server_pid()

    assert told == [f"{NEXT} waits for a transaction of pid {pid} (old) to end."]
    assert await current(url) == NEXT


# --- backfill ----------------------------------------------------------------------------------


async def test_rows_that_cannot_be_changed_are_named_without_their_content_and_all_others_are_changed(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await fill(url, 3_000)
    async with connected(url) as admin:
        plant = "UPDATE todos SET title = 'planted' WHERE title IN ('title 7', 'title 2500') RETURNING id"
        first, second = sorted(row["id"] for row in await admin.fetch(plant))
        await admin.execute("ALTER TABLE todos ADD CONSTRAINT wall CHECK (title <> 'planted') NOT VALID")

        with pytest.raises(SchemaError) as refusal:
            await migrate(url, folder=folder)

        assert f"of todos: id {first} (CheckViolationError), id {second} (CheckViolationError)." in str(refusal.value)
        assert "planted" not in str(refusal.value)
        assert (await current(url), await unlike(url)) == (NEXT, 2)
        await admin.execute("ALTER TABLE todos DROP CONSTRAINT wall")

    await migrate(url, folder=folder)
    assert (await current(url), await unlike(url)) == (BACKFILL, 0)


async def test_a_statement_that_fails_for_every_row_ends_the_step_soon(fresh_database_url: str, folder: Path) -> None:
    await fill(fresh_database_url, 3_000)
    change(folder, BACKFILL, "char_length(title)", "1 / (id - id)")

    with pytest.raises(SchemaError, match="DivisionByZeroError") as refusal:
        await migrate(fresh_database_url, folder=folder)

    assert str(refusal.value).count("DivisionByZeroError") == 20


async def test_a_row_that_somebody_holds_keeps_the_backfill_waiting_and_not_its_holder(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await fill(url, 10)
    await migrate(url, NEXT, folder=folder)
    told = Told()

    async with anyio.create_task_group() as tasks, long_write(url) as writer:
        pid = writer.get_server_pid()
        tasks.start_soon(lambda: migrate(url, folder=folder, tell=told))
        with anyio.fail_after(20):
            await told.enough.wait()
        await writer.execute("UPDATE todos SET title = 'held again'")

    assert (await current(url), await unlike(url)) == (BACKFILL, 0)
    assert f"{BACKFILL} waits for a lock that pid {pid} (writer) has" in told[0]


async def test_an_owner_whom_row_level_security_binds_changes_the_rows_of_all(
    owners_database_url: str, postgres_url: str, folder: Path
) -> None:
    everybody = with_database(postgres_url, urlsplit(owners_database_url).path.removeprefix("/"))
    await migrate(owners_database_url)
    before = await walls(everybody)
    await fill(everybody, 1_500)

    await migrate(owners_database_url, folder=folder)

    assert await unlike(everybody) == 0
    assert {wall for wall in await walls(everybody) - before if wall[0] == "policy"} == set()
    assert before - await walls(everybody) == set()
    async with connected(everybody) as admin:
        await admin.execute("INSERT INTO activity_days (user_id, day) SELECT id, '2026-11-28' FROM users")
    told = await losses(owners_database_url, BASE, BACKFILL, folder)
    assert told == ["accounts (1)", "todos (1,500)", "days of activity (1)", "title lengths (1,500)"]
    assert {wall for wall in await walls(everybody) - before if wall[0] == "policy"} == set()


async def test_how_far_a_backfill_is_is_told(
    fresh_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(fresh_database_url, 2_500)
    monkeypatch.setattr("todo_core.schema.runs._TELL_SECONDS", 0)
    monkeypatch.setattr("todo_core.schema.steps._FIRST_CHUNK", 1_000)
    monkeypatch.setattr("todo_core.schema.steps._CHUNK_SECONDS", 60)
    told: list[str] = []

    await migrate(fresh_database_url, folder=folder, tell=told.append)

    assert told == [
        f"{BACKFILL}: {rows} rows changed, {share} of todos seen."
        for rows, share in (("1,000", "40%"), ("2,000", "80%"), ("2,500", "100%"))
    ]


async def test_a_chunk_has_as_many_rows_as_are_changed_in_a_tenth_of_a_second(
    fresh_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 2 ms a row it has 50 at most, whatever the step allows."""
    await fill(fresh_database_url, 150)
    change(folder, BACKFILL, "char_length(title) WHERE", "char_length(title) + length(pg_sleep(0.002)::text) WHERE")
    monkeypatch.setattr("todo_core.schema.runs._TELL_SECONDS", 0)
    monkeypatch.setattr("todo_core.schema.steps._FIRST_CHUNK", 20)
    told: list[str] = []

    await migrate(fresh_database_url, folder=folder, tell=told.append)

    assert await unlike(fresh_database_url) == 0
    seen = [0, *(int(line.split()[1].replace(",", "")) for line in told)]
    chunks = [after - before for before, after in pairwise(seen)]
    assert chunks[0] == 20
    assert max(chunks) <= 50
    assert sum(chunks) == 150


def test_chunks_grow_by_and_by_and_shrink_at_once() -> None:
    pace = Pace(1_000)
    sizes = [pace.rows]
    for seconds in (0.001, 0.01, 0.05, 0.4, 0.4, 60, 0):
        pace.took(pace.rows, seconds)
        sizes.append(pace.rows)

    assert sizes == [50, 100, 200, 400, 100, 25, 1, 2]
    assert Pace(7).rows == 7


# --- killed ------------------------------------------------------------------------------------


class Killer:
    """Breaks all connections before a statement of a migration, as a killed process does."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.has_struck = False
        self._connections: set[asyncpg.Connection] = set()

    def sees(self, connection: asyncpg.Connection) -> None:
        self._connections.add(connection)
        self.left -= 1
        if self.left <= 0:
            self.has_struck = True
            for one in self._connections:
                one.terminate()
            raise ConnectionResetError("killed")


@contextmanager
def killed_before(number: int) -> Iterator[Killer]:
    killer = Killer(number)

    def tapped(name: str) -> Callable[..., Any]:
        original = getattr(asyncpg.Connection, name)

        async def method(self: asyncpg.Connection, *args: Any, **more: Any) -> Any:
            killer.sees(self)
            return await original(self, *args, **more)

        return method

    with pytest.MonkeyPatch.context() as patch:
        for name in ("execute", "fetch", "fetchval", "prepare"):
            patch.setattr(asyncpg.Connection, name, tapped(name))
        yield killer


@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.exhaustive)])
async def test_after_a_kill_at_any_statement_the_next_run_goes_on(
    every: int, fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await fill(url, 1_500)
    await migrate(url, finish=True, folder=folder)
    whole = await catalogue(url) | await walls(url)
    kills = 0
    while True:
        await migrate(url, NEWEST, folder=folder)
        with killed_before(1 + kills * every) as killer:
            try:
                await migrate(url, finish=True, folder=folder)
            except Exception:
                assert killer.has_struck
        if not killer.has_struck:
            break
        kills += 1

        await migrate(url, finish=True, folder=folder)

        assert await current(url) == FINISH
        assert await catalogue(url) | await walls(url) == whole
        assert await unlike(url) == 0
    assert kills * every > 50


# --- several at once ---------------------------------------------------------------------------


async def test_two_at_once_wait_for_each_other_and_the_second_finds_nothing_to_do(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await fill(url, 5_000)
    told: list[str] = []
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(lambda: migrate(url, finish=True, folder=folder, tell=told.append))

    assert told == ["Another process migrates this database; waiting for it."]
    assert (await current(url), await unlike(url)) == (FINISH, 0)


async def test_who_can_serve_does_not_wait_for_another_process_that_migrates(fresh_database_url: str) -> None:
    async def always() -> bool:
        return True

    told: list[str] = []
    async with turn(fresh_database_url, is_needed=always, tell=told.append) as mine:
        assert mine is not None
        with anyio.fail_after(30):
            await migrate(fresh_database_url, serving=True, tell=told.append)

    assert told == []


async def test_a_migration_that_loses_its_right_ends(fresh_database_url: str) -> None:
    async def always() -> bool:
        return True

    async with (
        connected(fresh_database_url) as admin,
        turn(fresh_database_url, is_needed=always, tell=lambda _: None) as mine,
    ):
        assert mine is not None
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND application_name = $1",
            APPLICATION,
        )
        with anyio.fail_after(10), pytest.raises(SchemaError, match="keeps others from migrating"):
            await mine.work(anyio.sleep_forever)


async def test_who_looks_is_never_interrupted_which_would_end_the_right(
    fresh_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def always() -> bool:
        return True

    monkeypatch.setattr("todo_core.schema.turns._LOOK_SECONDS", 0.0001)
    async with turn(fresh_database_url, is_needed=always, tell=lambda _: None) as mine:
        assert mine is not None
        for number in range(200):
            await mine.work(lambda: anyio.sleep(number / 50_000))  # noqa: B023  # it has run when the next is made


async def test_a_look_that_hangs_keeps_nobody_from_ending() -> None:
    async def always() -> bool:
        return True

    looking = "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_blocking_pids%' AND pid <> pg_backend_pid()"
    stopped: list[int] = []
    with own_postgres() as server:

        async def work() -> None:
            async with connected(server.url) as admin:
                stopped.append(await until(admin, looking))
            os.kill(stopped[0], signal.SIGSTOP)
            await anyio.sleep(1)  # as long as work takes during which somebody looks again

        try:
            async with turn(server.url, is_needed=always, tell=lambda _: None) as mine:
                assert mine is not None
                with anyio.fail_after(10):
                    await mine.work(work)
                    await mine.work(lambda: anyio.sleep(0.5))
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)


async def test_the_lock_is_in_nobody_elses_space(fresh_database_url: str) -> None:
    async def always() -> bool:
        return True

    async with (
        connected(fresh_database_url) as admin,
        turn(fresh_database_url, is_needed=always, tell=lambda _: None),
    ):
        await until(admin, "SELECT pg_try_advisory_lock(7302619) AND pg_try_advisory_lock(-7302619)")


# --- down --------------------------------------------------------------------------------------

_RECORD = """
    WITH recorded AS (
        INSERT INTO changes (user_id, operation, via)
        SELECT id, 'todos.add', 'rest' FROM users, generate_series(1, $1::int) RETURNING user_id, id
    )
    INSERT INTO change_entries (user_id, change_id, number, entity, entity_id, after)
    SELECT user_id, id, 1, 'todo', id, '{"title":"kept"}' FROM recorded
"""
_RECORDED = "SELECT count(*) FROM change_entries WHERE after ->> 'title' = 'kept' AND entity_id = change_id"
_BEFORE_THOSE_THAT_ROLL = "0004"


@pytest.mark.parametrize(
    ("every", "ways"),
    [
        pytest.param(97, ["given up", "gone on with"], id="either by turns"),  # of some 750 statements
        *(pytest.param(1, [way], id=way, marks=pytest.mark.exhaustive) for way in ("given up", "gone on with")),
    ],
)
async def test_after_a_downgrade_that_is_killed_at_any_statement_the_next_run_goes_on_either_way(
    every: int, ways: list[str], owners_database_url: str, postgres_url: str
) -> None:
    """As an owner whom row-level security binds: there a killed run may also leave policies."""
    url = owners_database_url
    everybody = with_database(postgres_url, urlsplit(url).path.removeprefix("/"))
    await migrate(url, _BEFORE_THOSE_THAT_ROLL)
    older = await catalogue(everybody) | await walls(everybody)
    await migrate(url, finish=True)
    await fill(everybody, 1)
    async with connected(everybody) as admin:
        await admin.execute(_RECORD, 1_500)
    whole = await catalogue(everybody) | await walls(everybody)
    kills = 0
    while True:
        with killed_before(1 + kills * every) as killer:
            try:
                await migrate(url, _BEFORE_THOSE_THAT_ROLL)
            except Exception:
                assert killer.has_struck
        if not killer.has_struck:
            break
        kills += 1

        if ways[kills % len(ways)] == "gone on with":
            await migrate(url, _BEFORE_THOSE_THAT_ROLL)
            assert await catalogue(everybody) | await walls(everybody) == older
        await migrate(url, finish=True)

        assert await position(url) == (NEWEST, False, False)
        assert await catalogue(everybody) | await walls(everybody) == whole
        async with connected(everybody) as admin:
            assert await admin.fetchval(_RECORDED) == 1_500
    assert kills * every > 50


async def test_a_step_that_is_partly_undone_is_done_again_before_the_next(
    fresh_database_url: str, folder: Path
) -> None:
    url = fresh_database_url
    await migrate(url, NEXT, folder=folder)
    change(folder, NEXT, "DROP FUNCTION IF EXISTS measure_title()", "DROP FUNCTION nothing()")
    with pytest.raises(SchemaError, match=r"The step to \w+ failed \(UndefinedFunctionError\)"):
        await migrate(url, NEWEST, folder=folder)
    assert await position(url) == (NEXT, True, False)

    await migrate(url, folder=folder)

    assert await position(url) == (BACKFILL, False, False)
    async with connected(url) as admin:
        assert await admin.fetchval("SELECT to_regclass('ix_todos_title_length') IS NOT NULL")


async def test_a_policy_that_a_killed_run_left_is_dropped_though_there_is_no_step_to_take(
    fresh_database_url: str,
) -> None:
    async with connected(fresh_database_url) as admin:
        await admin.execute("CREATE POLICY backfill ON tags USING (true); CREATE POLICY backfill ON todos USING (true)")
        await migrate(fresh_database_url)

        assert await admin.fetchval("SELECT count(*) FROM pg_policies WHERE policyname = 'backfill'") == 0


async def test_a_backfill_whose_policy_somebody_drops_is_not_taken_for_done(
    owners_database_url: str, postgres_url: str, folder: Path
) -> None:
    everybody = with_database(postgres_url, urlsplit(owners_database_url).path.removeprefix("/"))
    await migrate(owners_database_url)
    await fill(everybody, 1_500)
    change(folder, BACKFILL, "WHERE id = ANY", "WHERE pg_sleep(0.5) IS NOT NULL AND id = ANY")
    change(folder, BACKFILL, "    )\n", "        rows=1,\n    )\n")
    async with connected(everybody) as admin, anyio.create_task_group() as tasks:
        tasks.start_soon(_drop_the_policy, admin)
        with pytest.raises(SchemaError, match="UndefinedObjectError"):
            await migrate(owners_database_url, folder=folder)
    assert await current(owners_database_url) == NEXT


async def _drop_the_policy(admin: asyncpg.Connection) -> None:
    await until(admin, _SOMEBODY_SLEEPS)
    await admin.execute("DROP POLICY backfill ON todos")


async def test_what_a_downgrade_deletes_is_told_before(fresh_database_url: str, folder: Path) -> None:
    url = fresh_database_url
    await fill(url, 7)
    await migrate(url, finish=True, folder=folder)

    assert await losses(url, BACKFILL, FINISH, folder) == []
    assert await losses(url, NEWEST, FINISH, folder) == ["title lengths (7)"]
    assert await losses(url, BASE, FINISH, folder) == ["accounts (1)", "todos (7)", "title lengths (7)"]
    assert goes_down(FINISH, BASE, folder)
    assert not goes_down(NEXT, FINISH, folder)
    assert not goes_down(None, BASE)


async def test_who_counts_what_a_downgrade_deletes_keeps_nobody_waiting(
    owners_database_url: str, postgres_url: str, folder: Path
) -> None:
    everybody = with_database(postgres_url, urlsplit(owners_database_url).path.removeprefix("/"))
    change(folder, NEXT, '"title_length IS NOT NULL"', '"pg_sleep(0.4)::text IS NOT NULL"')
    await migrate(owners_database_url, folder=folder)
    await fill(everybody, 10)
    counted: list[str] = []

    async def count() -> None:
        counted.extend(await losses(owners_database_url, NEWEST, FINISH, folder))

    async with connected(everybody) as reader, anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await until(reader, _SOMEBODY_SLEEPS)
        async with reader.transaction():
            await reader.execute("SET LOCAL lock_timeout = '500ms'")
            await reader.execute("UPDATE todos SET title = 'anew'")
        assert counted == []

    assert counted == ["title lengths (10)"]


async def test_the_question_before_a_downgrade_waits_for_whoever_has_a_table(
    owners_database_url: str, postgres_url: str
) -> None:
    everybody = with_database(postgres_url, urlsplit(owners_database_url).path.removeprefix("/"))
    await migrate(owners_database_url, finish=True)
    await fill(everybody, 3)
    before = await walls(everybody)
    told = Told()
    counted: list[str] = []

    async def count() -> None:
        counted.extend(await losses(owners_database_url, BASE, NEWEST, tell=told))

    async with anyio.create_task_group() as tasks, long_report(everybody) as report:
        tasks.start_soon(count)
        with anyio.fail_after(20):
            await told.enough.wait()
        pid = report.get_server_pid()

    assert told[0] == f"The count of what is deleted waits for a lock that pid {pid} (report) has; trying again."
    assert counted == ["accounts (1)", "todos (3)"]
    async with long_report(everybody):
        with pytest.raises(SchemaError, match="The count of what is deleted got no lock within 0 s: pid"):
            await losses(owners_database_url, BASE, NEWEST, patience=0)
    assert await walls(everybody) == before


async def test_a_step_without_a_way_back_says_why(fresh_database_url: str, folder: Path) -> None:
    down = "def downgrade() -> None:\n    pass"
    change(folder, BACKFILL, down, down.replace("pass", 'steps.no_way_back("the words are gone.")'))
    await migrate(fresh_database_url, folder=folder)

    with pytest.raises(SchemaError, match="There is no way back: the words are gone"):
        await migrate(fresh_database_url, NEWEST, folder=folder)

    assert await current(fresh_database_url) == BACKFILL
