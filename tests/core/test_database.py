"""How a statement reaches PostgreSQL: begin, settings, limits, and how many statements it takes."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import asyncpg
import pytest
from sqlalchemy import BigInteger, Integer, Text, func, literal, select

from tests.core.support import (
    CoreOpener,
    add,
    as_operation,
    codes,
    connected,
    on_the_wire,
    titles_of,
    told,
    with_server_settings,
)
from todo_core.boundary.operation import OPERATIONS, Caller, Tx
from todo_core.errors import Conflict, Unavailable
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, todos, tokens
from todo_core.settings import Settings
from todo_core.storage.dsn import asyncpg_dsn, is_behind_pooler
from todo_core.storage.faults import is_fault
from todo_core.storage.statements import Statement, parameter

NEON = "postgresql://me:p%40ss@ep-cool-1-pooler.eu.aws.neon.tech/neondb?sslmode=require&channel_binding=require"


# --- connection strings ------------------------------------------------------------------------


@pytest.mark.requirement("DB1")
@pytest.mark.parametrize(
    ("pasted", "taken"),
    [
        (NEON, "postgresql://me:p%40ss@ep-cool-1-pooler.eu.aws.neon.tech/neondb?sslmode=require"),
        ("postgres://me@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgresql+asyncpg://host/db", "postgresql://host/db"),
        ("postgresql://host/db?channel_binding=require", "postgresql://host/db"),
        ("postgresql://me@/db?host=/a folder&user=", "postgresql://me@/db?host=%2Fa+folder&user="),
    ],
)
def test_a_connection_string_is_taken_as_it_is_pasted(pasted: str, taken: str) -> None:
    assert asyncpg_dsn(pasted) == taken


@pytest.mark.requirement("DB1")
async def test_postgresql_accepts_what_neon_adds(database_url: str, another_core: CoreOpener, ann: Caller) -> None:
    url = with_server_settings(database_url, sslmode="prefer", channel_binding="require")
    with pytest.raises(asyncpg.UndefinedObjectError, match="channel_binding"):
        await asyncpg.connect(url)  # as it is pasted

    async with another_core(url) as core:
        me = replace(ann, core=core)
        await me.perform(todos.add, [TodoCreate(title="on Neon")])
        assert await titles_of(me) == ["on Neon"]


@pytest.mark.requirement("DB1")
def test_a_pooler_is_known_by_its_host_unless_told_otherwise(settings: Settings) -> None:
    direct = NEON.replace("-pooler", "")
    told_so = {choice: settings.model_copy(update={"database_pooler": choice}) for choice in ("on", "off")}

    assert is_behind_pooler(settings, NEON)
    assert not is_behind_pooler(settings, direct)
    assert is_behind_pooler(told_so["on"], direct)
    assert not is_behind_pooler(told_so["off"], NEON)
    assert not is_behind_pooler(settings, "postgresql:///db?host=/run")


@pytest.mark.requirement("DB1")
async def test_behind_a_pooler_everything_works_without_prepared_statements(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core(database_pooler="on", database_pool_size=1) as core:
        me = replace(ann, core=core)
        for title in ("one", "two"):
            await me.once(title).perform(todos.add, [TodoCreate(title=title)])

        assert await titles_of(me) == ["one", "two"]
        async with core.database.begin() as transaction:
            prepared = Statement(select(func.count()).select_from(func.pg_prepared_statement()))
            assert await transaction.value(prepared) == 0


# --- one transaction ---------------------------------------------------------------------------


async def fail(tx: Tx) -> Any:
    await todos.add.run(tx, [TodoCreate(title="half done")])
    raise Conflict


@pytest.mark.requirement("DB1", "OW2")
@pytest.mark.parametrize("pooler", ["on", "off"])
async def test_a_request_leaves_nothing_behind_on_its_connection(
    pooler: str, ann: Caller, another_core: CoreOpener
) -> None:
    look = (
        "SELECT current_user, session_user, nullif(current_setting('app.user_id', true), '') AS user_id,"
        " nullif(current_setting('app.token_hash', true), '') AS hash,"
        " nullif(current_setting('app.subject', true), '') AS subject,"
        " (SELECT array_agg(name || setting ORDER BY name) FROM pg_settings WHERE source = 'session') AS settings,"
        " (SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory') AS locks"
    )
    async with another_core(database_pooler=pooler, database_pool_size=1) as core:
        me = replace(ann, core=core)
        with on_the_wire() as wire:
            async with core.database.begin():
                pass
        before = tuple(await wire.connections[0].fetchrow(look))

        with on_the_wire() as wire:
            await me.once("key").perform(todos.add, [TodoCreate(title="kept")])
            secret = (await me.perform(tokens.create, tokens.TokenCreate(name="t"))).secret
            holder = replace(me, principal=await core.identity.authenticate(secret))
            await holder.perform(todos.list_, TodoFilter())
            await core.identity.local("somebody")
            with pytest.raises(Conflict):
                await me.perform(as_operation(fail))

        assert len(set(wire.connections)) == 1
        assert tuple(await wire.connections[0].fetchrow(look)) == before
        assert before[0] == (before[1] if pooler == "on" else "todo_app")
        assert before[2] is None


@pytest.mark.requirement("DB1")
async def test_a_begin_is_one_round_trip(ann: Caller, admin: asyncpg.Connection) -> None:
    token = await admin.fetchval(
        "INSERT INTO api_tokens (user_id, name, hint, hash, scopes) VALUES ($1, 'n', 'h', $2, '{}') RETURNING id",
        ann.principal.user_id,
        str(ann.principal.user_id).encode(),
    )

    with on_the_wire() as wire:
        async with ann.core.database.begin(user_id=ann.principal.user_id, token_id=token, lock=True):
            pass

    begin, commit = wire.sent
    assert begin.startswith("BEGIN; ")
    assert commit == "COMMIT"


@pytest.mark.requirement("OW2")
async def test_a_user_id_is_a_number_before_it_is_sql(ann: Caller) -> None:
    with on_the_wire() as wire, pytest.raises(ValueError, match="invalid literal"):
        async with ann.core.database.begin(user_id="0'; RESET ROLE; --"):  # type: ignore[arg-type]
            pass

    assert wire.sent == []


async def test_a_mistake_of_ours_is_not_called_an_outage(ann: Caller) -> None:
    async def mistake(tx: Tx) -> Any:
        return await tx.value(Statement(select(parameter("n", Integer()))), n="not a number")

    with pytest.raises(asyncpg.DataError):
        await ann.perform(as_operation(mistake))


@pytest.mark.requirement("OP8")
def test_a_certificate_that_is_not_accepted_is_a_fault_of_the_database() -> None:
    """Python's error for an expired one is a ValueError as well, as are mistakes of ours."""
    assert is_fault(ssl.SSLCertVerificationError("certificate has expired"))
    assert not is_fault(ValueError())


def test_a_statement_wants_every_parameter() -> None:
    statement = Statement(select(parameter("given", Text()), parameter("more", Integer())))

    assert statement.parameters == ("given", "more")
    assert statement.arguments({"more": 1, "given": "here", "unknown": 2}) == ["here", 1]
    assert statement.arguments({"given": None, "more": None}) == [None, None]
    with pytest.raises(KeyError):
        statement.arguments({"given": "here"})


async def test_constants_are_part_of_the_text_and_arrive_as_they_are(ann: Caller) -> None:
    constants = ["it's", "a \\ b", "100 %", "$1", "{user}", 'say "so"', "\n--", 7, True, timedelta(minutes=1.5)]
    me = parameter("user_id", BigInteger())
    statement = Statement(select(parameter("given", Text()), *(literal(one) for one in constants), me))

    async def look(tx: Tx) -> Any:
        return await tx.row(statement, given="'; --")

    row = await ann.perform(as_operation(look, effect="reads"))

    assert statement.parameters == ("given", "user_id")
    assert row[:-1] == ("'; --", *constants)


# --- trouble -----------------------------------------------------------------------------------


@pytest.mark.requirement("OP4")
async def test_a_statement_that_takes_too_long_is_stopped(ann: Caller, another_core: CoreOpener) -> None:
    async def slow(tx: Tx) -> Any:
        await todos.add.run(tx, [TodoCreate(title="never")])
        await tx.value(Statement(select(func.pg_sleep(60))))

    async with another_core(database_timeout=0.2, database_pool_size=1) as core:
        me = replace(ann, core=core)
        with anyio.fail_after(10), pytest.raises(Unavailable) as refused:
            await me.perform(as_operation(slow))

        assert refused.value.retry_after == 1
        assert await titles_of(me) == []


@pytest.mark.requirement("OP4")
async def test_a_lost_connection_is_an_outage_that_ends_at_once(
    ann: Caller, another_core: CoreOpener, admin: asyncpg.Connection
) -> None:
    async def lose(tx: Tx) -> Any:
        await todos.add.run(tx, [TodoCreate(title="never")])
        pid = await tx.value(Statement(select(func.pg_backend_pid())))
        await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        await tx.value(Statement(select(literal(1))))

    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        with pytest.raises(Unavailable):
            await me.perform(as_operation(lose))

        assert await titles_of(me) == []


@pytest.mark.requirement("OP4")
async def test_who_waits_too_long_for_a_connection_is_told_to_come_again(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core(database_timeout=0.2, database_pool_size=1) as core:
        async with core.database.begin():
            with anyio.fail_after(10), pytest.raises(Unavailable):
                await titles_of(replace(ann, core=core))

        assert await titles_of(replace(ann, core=core)) == []


@pytest.mark.requirement("OP4")
async def test_a_lock_held_too_long_refuses_the_write_behind_it(
    ann: Caller, another_core: CoreOpener, database_url: str
) -> None:
    async with connected(database_url) as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", ann.principal.user_id)

        async with another_core(database_timeout=0.2) as core:
            with anyio.fail_after(10), pytest.raises(Unavailable):
                await add(replace(ann, core=core), "never")

    assert await titles_of(ann) == []


# --- DB4: a constant number of statements ------------------------------------------------------

Work = Callable[[Caller, list[int]], Awaitable[Any]]
# An add or an update is: begin, write, record, commit. Completing and trashing look at the family first, and at the
# calendar or the lists. The overview is: profile, counts, lists, tags.
COSTS: dict[str, tuple[int, Work]] = {
    "a list page": (1, lambda me, _: me.perform(todos.list_, TodoFilter(limit=50))),
    "a lookup": (1, lambda me, ids: me.perform(todos.get, ids[0])),
    "an add": (4, lambda me, ids: me.perform(todos.add, [TodoCreate(title="t")] * len(ids))),
    "an update": (4, lambda me, ids: me.perform(todos.update, [{"id": one, "title": "new"} for one in ids])),
    "a completion": (6, lambda me, ids: me.perform(todos.complete, ids)),
    "a deletion": (6, lambda me, ids: me.perform(todos.delete, ids)),
    "a deletion under a key": (9, lambda me, ids: me.once("key").perform(todos.delete, ids)),
    "ids that are not there": (5, lambda me, ids: me.perform(todos.complete, [2**62 + one for one in ids])),
    "the changes": (1, lambda me, _: me.perform(changes.list_, changes.ChangeFilter())),
    "the overview": (4, lambda me, _: me.perform(OPERATIONS["overview.get"])),
}


@pytest.mark.requirement("DB4")
@pytest.mark.parametrize(("most", "work"), COSTS.values(), ids=COSTS)
async def test_the_number_of_statements_does_not_grow_with_the_rows(most: int, work: Work, ann: Caller) -> None:
    counts = []
    for rows in (1, 50):
        ids = await add(ann, *(f"todo {n}" for n in range(rows)))
        with on_the_wire() as wire:
            await work(ann, ids)
        counts.append(len(wire.sent))
        ann = replace(ann, principal=await ann.core.identity.local(f"{ann.principal.user_id} with more rows"))

    assert counts[0] == counts[1]
    assert counts[1] <= most


@pytest.mark.requirement("DB4", "SA3")
async def test_undoing_a_batch_of_fifty_costs_what_undoing_one_costs(ann: Caller) -> None:
    counts = []
    for rows in (1, 50):
        made = await ann.perform(todos.add, [TodoCreate(title=str(n)) for n in range(rows)])
        with on_the_wire() as wire:
            undone = await ann.perform(changes.undo, made.change_id)
        counts.append(len(wire.sent))
        assert codes(undone) == ["changed"] * rows
        assert len(told(undone)) == rows

    assert counts[0] == counts[1] <= 7  # begin, read the change and the rows, write, see that it fits, record, commit


@pytest.mark.requirement("OP3")
async def test_closing_refuses_new_work_and_waits_for_what_runs(ann: Caller, another_core: CoreOpener) -> None:
    async def hold(tx: Tx) -> Any:
        changed = await todos.add.run(tx, [TodoCreate(title="in time")])
        begun.set()
        await release.wait()
        return changed

    begun, release = anyio.Event(), anyio.Event()
    async with another_core() as core, anyio.create_task_group() as tasks:
        me = replace(ann, core=core)
        tasks.start_soon(me.perform, as_operation(hold))
        await begun.wait()
        tasks.start_soon(core.database.close)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(Unavailable):
            await titles_of(me)
        release.set()

    assert await titles_of(ann) == ["in time"]
