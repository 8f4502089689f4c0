"""How a statement reaches PostgreSQL: begin, settings, limits, and how many statements it takes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

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
from tests.tables import each
from todo_core import connection_strings
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Tx
from todo_core.errors import Conflict, Unavailable
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, todos, tokens
from todo_core.settings import Settings
from todo_core.storage import database as databases
from todo_core.storage.dsn import connection_options, is_behind_pooler
from todo_core.storage.faults import is_fault
from todo_core.storage.roles import APP_ROLE
from todo_core.storage.statements import Statement, parameter

BRIEF = 2.0
"""Seconds that an answer may take where a test waits for more; a busy machine takes one for what it serves."""
NEON = "postgresql://me:p%40ss@ep-cool-1-pooler.eu.aws.neon.tech/neondb?sslmode=require&channel_binding=require"


# --- connection strings ------------------------------------------------------------------------


@pytest.mark.requirement("DB1")
@each(
    ("pasted", "taken"),
    [
        (NEON, "postgresql://me:p%40ss@ep-cool-1-pooler.eu.aws.neon.tech/neondb?sslmode=require"),
        ("postgres://me@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgresql+asyncpg://host/db", "postgresql://host/db"),
        ("postgresql://host/db?channel_binding=require", "postgresql://host/db"),
        ("postgresql://me@/db?host=/a folder&user=", "postgresql://me@/db?host=%2Fa+folder&user="),
        ("postgresql://a:1,b/db?target_session_attrs=primary", "postgresql://a:1,b/db?target_session_attrs=primary"),
        ("postgresql://host/db?gssencmode=disable&sslsni=1&client_encoding=utf8", "postgresql://host/db"),
        ("postgresql://host/db?connect_timeout=5&pgbouncer=true", "postgresql://host/db"),
        ("postgresql://host/db?options=-c%20geqo%3Doff", "postgresql://host/db?options=-c+geqo%3Doff"),
        ("postgresql://host/?dbname=db", "postgresql://host?dbname=db"),
        ("postgresql:///db?host=a,b&port=1,", "postgresql:///db?host=a%2Cb&port=1%2C"),
    ],
)
def test_a_connection_string_is_taken_as_it_is_pasted(pasted: str, taken: str) -> None:
    connection_strings.check(pasted)
    assert connection_options(pasted)["dsn"] == taken


@pytest.mark.requirement("DB1")
@each(
    ("pasted", "told"),
    [
        ("mysql://host/db", "must start with postgresql://"),
        ("host=localhost dbname=todos", "must start with postgresql://"),
        ("postgresql://host:port/db", "a port must be a number"),
        ("postgresql://a:5432,b:99999/db", "a port must be a number"),
        ("postgresql:///db?host=a&port=99999", "a port must be a number"),
        ("postgresql:///?dbname=db&database=other", "`dbname` 2 times"),
        ("postgresql:///db?host=one&host=other", "`host` 2 times"),
        ("postgresql://host/db?port=5433", "`port`, which belongs before the `?` here"),
        ("postgresql://host/db?host=other", "`host`, which belongs before the `?` here"),
        ("postgresql://me@host/db?user=other", "`user`, which belongs before the `?` here"),
        ("postgresql://host/db?dbname=other", "`dbname`, which belongs before the `?` here"),
        ("postgresql://me:hunter2@secret@host/db", "write it as %40"),
        ("postgresql://host/db%00", "is not a connection string"),
        ("postgresql://[::1/db", "is not a connection string"),
        ("postgresql://me:secret#1@host/db", "write it as %23"),
        ("postgresql://host/db?sslmode=verify", "`sslmode`, which takes allow, disable, prefer"),
        ("postgresql://host/db?target_session_attrs=standby", "`target_session_attrs`, which takes any, primary"),
        ("postgresql://host/db?gssencmode=require", "`gssencmode`, which takes disable, prefer here"),
        ("postgresql://host/db?keepalives_idle=30", "TODO_DATABASE_TIMEOUT"),
        ("postgresql://host/db?hostaddr=10.0.0.1", "give the address as the host"),
        ("postgresql://host/db?ssl=true", "write sslmode=require"),
        ("postgresql://host/db?requirepeer=postgres", "`requirepeer`, which cannot be used"),
        ("postgresql://host/db?connect_timeout=soon", "whole seconds"),
        ("postgresql://host/db?sslrootcert=system&sslmode=require", "sslmode=verify-full"),
        ("postgresql://host/db?sslmode=require&hunter2=x", "no known parameter at place 2"),
    ],
)
def test_what_cannot_work_is_refused_by_name(pasted: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)) as refused:
        connection_strings.check(pasted)
    assert not any(secret in str(refused.value) for secret in ("hunter2", "secret", "soon"))


@pytest.mark.requirement("DB1")
@each(
    ("given", "seconds"),
    [
        ("", 10.0),
        ("?connect_timeout=", 10.0),
        ("?connect_timeout=0", 10.0),
        ("?connect_timeout=-1", 10.0),
        ("?connect_timeout=1", 2.0),
        ("?connect_timeout=5", 5.0),
    ],
)
def test_a_connection_may_take_as_long_as_the_string_says(given: str, seconds: float) -> None:
    assert connection_options(f"postgresql://host/db{given}")["timeout"] == seconds


@pytest.mark.requirement("DB1")
def test_the_certificates_that_the_system_trusts_are_asked_for_with_their_host() -> None:
    taken = connection_options("postgresql://host/db?sslrootcert=system&ssl_min_protocol_version=TLSv1.3")

    assert taken["dsn"] == "postgresql://host/db?ssl_min_protocol_version=TLSv1.3"
    assert (taken["ssl"].check_hostname, taken["ssl"].verify_mode) == (True, ssl.CERT_REQUIRED)
    assert taken["ssl"].minimum_version is ssl.TLSVersion.TLSv1_3
    assert taken["ssl"].cert_store_stats() == ssl.create_default_context().cert_store_stats()


@pytest.mark.requirement("DB1")
async def test_of_several_hosts_the_one_that_takes_writes_serves(
    database_url: str, another_core: CoreOpener, ann: Caller
) -> None:
    """No socket of the first host is there: it is down."""
    parts = urlsplit(database_url)
    folder = dict(parse_qsl(parts.query))["host"]
    url = f"postgresql://{parts.username}@{quote('/nowhere', safe='')},{quote(folder, safe='')}{parts.path}"
    url += "?target_session_attrs=read-write&connect_timeout=5&application_name=mine&options=-c%20geqo%3Doff"
    connection_strings.check(url)

    async with another_core(url) as core:
        me = replace(ann, core=core)
        await me.perform(todos.add, [TodoCreate(title="on the second")])
        assert await titles_of(me) == ["on the second"]
        async with core.database.begin() as transaction:
            shown = select(func.current_setting("application_name"), func.current_setting("geqo"))
            assert tuple(await transaction.row(Statement(shown)) or ()) == ("mine", "off")


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
    assert is_behind_pooler(settings, "postgresql://host/db?pgbouncer=true")
    assert is_behind_pooler(settings, "postgresql://a:1,b-pooler.c:2/db")


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

        async def state() -> tuple[Any, ...]:
            connection = await core.database._pool.acquire(APP_ROLE)  # nobody else has it meanwhile
            try:
                return tuple(await connection.fetchrow(look))
            finally:
                core.database._pool.release(connection)

        me = replace(ann, core=core)
        async with core.database.begin():
            pass
        before = await state()

        with on_the_wire() as wire:
            await me.once("key").perform(todos.add, [TodoCreate(title="kept")])
            secret = (await me.perform(tokens.create, tokens.TokenCreate(name="t"))).secret
            holder = replace(me, principal=await core.identity.authenticate(secret))
            await holder.perform(todos.list_, TodoFilter())
            await core.identity.local("somebody")
            with pytest.raises(Conflict):
                await me.perform(as_operation(fail))

        assert len(set(wire.connections)) == 1
        assert await state() == before
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
async def test_a_statement_that_takes_too_long_is_stopped(
    ann: Caller, another_core: CoreOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By PostgreSQL, which otherwise would work on for somebody who is gone."""
    monkeypatch.setattr(databases, "_GRACE", 60.0)

    async def slow(tx: Tx) -> Any:
        await todos.add.run(tx, [TodoCreate(title="never")])
        await tx.value(Statement(select(func.pg_sleep(60))))

    async with another_core(database_timeout=BRIEF, database_pool_size=1) as core:
        me = replace(ann, core=core)
        with anyio.fail_after(30), pytest.raises(Unavailable) as refused:
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
    async with another_core(database_timeout=BRIEF, database_pool_size=1) as core:
        async with core.database.begin():
            with anyio.fail_after(30), pytest.raises(Unavailable):
                await titles_of(replace(ann, core=core))

        assert await titles_of(replace(ann, core=core)) == []


@pytest.mark.requirement("OP4")
async def test_a_lock_held_too_long_refuses_the_write_behind_it(
    ann: Caller, another_core: CoreOpener, database_url: str
) -> None:
    async with connected(database_url) as other, other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", ann.principal.user_id)

        async with another_core(database_timeout=BRIEF) as core:
            with anyio.fail_after(30), pytest.raises(Unavailable):
                await add(replace(ann, core=core), "never")

    assert await titles_of(ann) == []


# --- DB4: a constant number of statements ------------------------------------------------------

Work = Callable[[Caller, list[int]], Awaitable[Any]]
# An add or an update begins, writes, records and commits at once. Completing and trashing look at the family first, and
# at the calendar or the lists. The overview is: profile, counts, lists, tags.
COSTS: dict[str, tuple[int, Work]] = {
    "a list page": (1, lambda me, _: me.perform(todos.list_, TodoFilter(limit=50))),
    "a lookup": (1, lambda me, ids: me.perform(todos.get, ids[0])),
    "an add": (1, lambda me, ids: me.perform(todos.add, [TodoCreate(title=f"t {id_}") for id_ in ids])),
    "an add of what is there": (5, lambda me, ids: me.perform(todos.add, [TodoCreate(title="todo 0")] * len(ids))),
    "an update": (1, lambda me, ids: me.perform(todos.update, [{"id": one, "title": "new"} for one in ids])),
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
    for rows in (2, 2, 50):  # one by itself has ways of its own; the first time statements are prepared, too
        ids = await add(ann, *(f"todo {n}" for n in range(rows)))
        with on_the_wire() as wire:
            await work(ann, ids)
        counts.append(len(wire.sent))
        ann = replace(ann, principal=await ann.core.identity.local(f"{ann.principal.user_id} with more rows"))

    assert counts[1] == counts[2]
    assert counts[2] <= most


@pytest.mark.requirement("DB4")
async def test_what_is_done_most_often_takes_one_round_trip(another_core: CoreOpener, ann: Caller) -> None:
    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        ids = iter(await add(me, *(f"todo {n}" for n in range(8))))
        await me.perform(todos.add, [TodoCreate(title="first", tags=["home"])])
        titles = iter(["call Bob", "feed cats", "paint doors", "read books"])  # who looks like another is read, too
        for work in (
            lambda: me.perform(todos.add, [TodoCreate(title=next(titles))]),
            lambda: me.perform(todos.add, [TodoCreate(title=next(titles), tags=["home"])]),
            lambda: me.perform(todos.complete, [next(ids)]),
            lambda: me.perform(todos.update, [{"id": next(ids), "title": "new"}]),
            lambda: me.perform(todos.reopen, [next(ids)]),
            lambda: me.perform(todos.delete, [next(ids)]),
        ):
            await work()  # a connection prepares each statement once
            with on_the_wire() as wire:
                await work()
            assert len(wire.sent) == 1, wire.sent


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
