"""A write of one statement in one round trip: it waits, is judged and is told of as one of three is (decision 84)."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import Any

import anyio
import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ARRAY, BigInteger, Boolean, Integer, Text, column, select, table, text

from tests.core.support import (
    SOMEBODY_WAITS_FOR_A_LOCK,
    CoreOpener,
    add,
    as_operation,
    connected,
    on_the_wire,
    row_of,
    titles_of,
    told,
    until,
)
from tests.core.test_mandates import bounded
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import Conflict, InvalidInput, Suspended, Unavailable
from todo_core.models.lists import ListCreate, ListRemoval
from todo_core.models.todos import TodoCreate
from todo_core.operations import lists, todos, users
from todo_core.queries.adding import ADD_PLAIN, ADD_RECORDED, ADD_TAGGED
from todo_core.queries.small_revisions import FORMS, LONE_FLAGS_RECORDED
from todo_core.storage import locks
from todo_core.storage.at_once import TEXTS
from todo_core.storage.faults import MisuseError
from todo_core.storage.statements import Statement, parameter

pytestmark = pytest.mark.requirement("DB4", "SA4")

PLANTED = "planted"
FORGET = Statement(text("DEALLOCATE ALL"))
_TITLES = Statement(select(text("title")).select_from(text("todos")))
_SAID_AGAIN = Statement(
    select(
        parameter("user_id", BigInteger()).label("me"),
        parameter("text", Text()).label("text"),
        parameter("texts", ARRAY(Text())).label("texts"),
        parameter("numbers", ARRAY(BigInteger())).label("numbers"),
        parameter("is_so", Boolean()).label("is_so"),
        parameter("number", Integer()).label("number"),
    )
)
AT_ONCE = (ADD_PLAIN, ADD_RECORDED, ADD_TAGGED, LONE_FLAGS_RECORDED, *(form.recorded for form in FORMS))
_ORIGIN = dict.fromkeys(("client", "token_id", "agent_id", "request_id")) | {
    "operation": "todos.add",
    "via": "test",
    "now": None,
    "compared": False,
}
_ITEM = '[{{"n": 0, "title": "{}", "description": null, "priority": {}, "list_id": null, "key": null}}]'
_SAID_AGAIN = Statement(
    select(
        parameter("user_id", BigInteger()).label("me"),
        parameter("text", Text()).label("text"),
        parameter("texts", ARRAY(Text())).label("texts"),
        parameter("numbers", ARRAY(BigInteger())).label("numbers"),
        parameter("is_so", Boolean()).label("is_so"),
        parameter("number", Integer()).label("number"),
    )
)


def alone(title: str, priority: int = 2) -> dict[str, Any]:
    """The parameters of `ADD_PLAIN`."""
    return {"items": _ITEM.format(title, priority), **_ORIGIN}


# --- what it waits for ---------------------------------------------------------------------------


async def test_what_waited_sees_what_it_waited_for_and_is_told_of_as_the_later_one(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    made: dict[str, Changed[Any]] = {}

    async def hold(tx: Tx) -> Changed[Any]:
        begun.set()
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
        return await todos.add.run(tx, [TodoCreate(title="Call the plumber")])

    async def perform(name: str, which: Any, *args: Any) -> None:
        made[name] = await ann.perform(which, *args)

    begun = anyio.Event()
    with on_the_wire() as wire, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(perform, "first", as_operation(hold))
            await begun.wait()
            tasks.start_soon(perform, "second", todos.add, [TodoCreate(title="call the Plumber")])

    first, second = row_of(made["first"]), row_of(made["second"])
    assert sum("write_at_once" in sql for sql in wire.sent) == 1
    assert [similar["id"] for similar in second["similar"]] == [first["id"]]
    assert second["created_at"] == second["updated_at"]
    ids = [made["first"].change_id, made["second"].change_id]
    moments = await admin.fetch("SELECT id, at FROM changes WHERE id = ANY ($1) ORDER BY id", ids)
    assert [row["id"] for row in moments] == ids
    assert datetime.fromisoformat(first["created_at"]) < datetime.fromisoformat(second["created_at"])
    assert moments[0]["at"] < moments[1]["at"] == datetime.fromisoformat(second["created_at"])


async def test_a_list_that_went_while_it_waited_takes_no_todo(ann: Caller, admin: asyncpg.Connection) -> None:
    gone = row_of(await ann.perform(lists.add, [ListCreate(name="gone")]))["id"]
    await ann.perform(users.update, {"default_list_id": gone})
    made: list[Changed[Any]] = []

    async def hold(tx: Tx) -> Changed[Any]:
        begun.set()
        await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
        return await lists.delete.run(tx, [gone], ListRemoval())

    async def wait() -> None:
        await begun.wait()
        made.append(await ann.perform(todos.add, [TodoCreate(title="just in time")]))

    begun = anyio.Event()
    with on_the_wire() as wire, anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ann.perform, as_operation(hold))
            tasks.start_soon(wait)

    assert sum("write_at_once" in sql for sql in wire.sent) == 1
    inbox = await admin.fetchval("SELECT id FROM lists WHERE user_id = $1 AND is_inbox", ann.principal.user_id)
    assert row_of(made[0])["list_id"] == inbox != gone


# --- who is judged -------------------------------------------------------------------------------


async def test_who_may_not_act_is_refused_before_what_an_operation_refuses(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    async def refuse(_: Tx) -> Any:
        raise InvalidInput

    async def nothing(_: Tx) -> Any:
        return Changed([])

    (todo,) = await add(ann, "there")
    await admin.execute("UPDATE users SET suspended_at = now() WHERE id = $1", ann.principal.user_id)
    for which, args in (
        (todos.add, [[TodoCreate(title="never")]]),
        (todos.complete, [[todo]]),
        (as_operation(refuse, at_once=True), []),
        (as_operation(nothing, at_once=True), []),
    ):
        with pytest.raises(Suspended):
            await ann.perform(which, *args)

    await admin.execute("UPDATE users SET suspended_at = NULL WHERE id = $1", ann.principal.user_id)
    with pytest.raises(InvalidInput):
        await ann.perform(as_operation(refuse, at_once=True))
    assert await titles_of(ann, status="all") == ["there"]


# --- what comes after it -------------------------------------------------------------------------


async def test_what_comes_after_it_reads_and_a_write_is_a_mistake_of_ours(ann: Caller) -> None:
    read: list[Any] = []

    async def write_again(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("once"))
        read.append(await tx.value(Statement(select(text("title")).select_from(text("todos")))))
        await tx.rows_at_once(ADD_PLAIN, **alone("twice"))

    with pytest.raises(MisuseError):
        await ann.perform(as_operation(write_again, at_once=True))

    assert read == ["once"]
    assert await titles_of(ann) == ["once"]


async def test_what_comes_after_it_waits_for_no_other_write(ann: Caller, admin: asyncpg.Connection) -> None:
    """It would wait for nothing, and what is written would be told of as a failure if that took too long."""
    read: list[Any] = []

    async def read_on(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("written"))
        async with admin.transaction():
            await admin.execute("SELECT pg_advisory_xact_lock($1)", locks.of_writes(ann.principal.user_id))
            read.append(await tx.value(Statement(select(text("title")).select_from(text("todos")))))
        return Changed([])

    with anyio.fail_after(30):
        await ann.perform(as_operation(read_on, at_once=True))

    assert read == ["written"]


async def test_what_is_committed_is_not_written_again_where_the_caller_has_changed_since(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    inbox = await admin.fetchval("SELECT id FROM lists WHERE user_id = $1", ann.principal.user_id)
    item = f'[{{"n": 0, "title": "once", "priority": 2, "list_id": {inbox}}}]'
    script, narrow = await bounded(ann), await bounded(ann, lists=[inbox])
    changed = "UPDATE agents SET version = version + 1 WHERE user_id = $1"
    suspended = "UPDATE users SET suspended_at = now() WHERE id = $1"
    read: list[Any] = []
    for who, since in ((script, changed), (narrow, changed), (ann, suspended)):

        async def write(tx: Tx, _: Any, since: str = since) -> Any:
            given = alone("once") | {"items": item, "agent_id": tx.caller.agent_id}
            await tx.rows_at_once(ADD_PLAIN, **given)
            await admin.execute(since, ann.principal.user_id)
            read.append(await tx.value(_TITLES))
            return Changed([])

        # Which lists an agent sees, it is told only if it may act.
        with pytest.raises(Unavailable) if who is narrow else nullcontext():
            await who.perform(replace(todos.add, run=write), [])

    written = await admin.fetchval("SELECT count(*) FROM todos WHERE user_id = $1", ann.principal.user_id)
    assert written == 3
    assert read == ["once"] * 2


async def test_a_migration_that_comes_before_what_comes_after_it_loses_no_answer_and_writes_nothing_again(
    fresh_database_url: str, another_core: CoreOpener
) -> None:
    kinds = Statement(select(table("kinds", column("kind", Integer())).c.kind))
    found: list[Any] = []

    async def read(tx: Tx) -> Any:
        await tx.value(kinds)
        return Changed([])

    async def read_on(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("once"))
        await admin.execute("ALTER TABLE kinds ALTER kind TYPE text")
        found.extend([await tx.value(kinds), await tx.value(_TITLES)])
        return Changed([])

    async with connected(fresh_database_url) as admin, another_core(fresh_database_url, database_pool_size=1) as core:
        me = Caller(core, await core.identity.local("me"), "test")
        await admin.execute("CREATE TABLE kinds AS SELECT 1 AS kind; GRANT SELECT ON kinds TO todo_app")
        await me.perform(as_operation(read))
        await me.perform(as_operation(read))  # the connection has it prepared
        await me.perform(as_operation(read_on, at_once=True))

        assert found == ["1", "once"]
        assert await titles_of(me) == ["once"]


async def test_nothing_is_written_again_where_what_comes_after_it_is_prepared_no_more(
    ann: Caller, another_core: CoreOpener
) -> None:
    async def read_on(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("once"))
        await tx.value(_TITLES)  # from now on the connection has it prepared
        await tx.rows(FORGET)
        await tx.value(_TITLES)

    async with another_core(database_pool_size=1) as core:
        me = replace(ann, core=core)
        assert await titles_of(me) == []
        with pytest.raises(Unavailable) as refused:
            await me.perform(as_operation(read_on, at_once=True))

        assert isinstance(refused.value.__cause__, asyncpg.InvalidSQLStatementNameError)
        assert await titles_of(me) == ["once"]


async def test_in_an_operation_that_may_refuse_later_it_is_one_statement_of_several(ann: Caller) -> None:
    async def change_your_mind(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("never"))
        raise InvalidInput

    for key in (None, "key"):
        with pytest.raises(InvalidInput):
            await ann.once(key).perform(as_operation(change_your_mind))
    with pytest.raises(InvalidInput):
        await ann.once("another").perform(as_operation(change_your_mind, at_once=True))

    assert await titles_of(ann) == []


# --- what is sent --------------------------------------------------------------------------------


async def test_whatever_is_given_arrives_as_it_was(ann: Caller) -> None:
    whole = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    texts, numbers = st.text(whole), st.integers(-(2**63), 2**63 - 1)

    async def say(tx: Tx) -> Any:
        (row,) = await tx.rows_at_once(_SAID_AGAIN, **asked[-1])
        heard.append(dict(row))
        return Changed([])

    asked: list[dict[str, Any]] = []
    heard: list[dict[str, Any]] = []
    with on_the_wire() as wire:
        for given_values in examples(
            st.fixed_dictionaries(
                {
                    "text": st.none() | texts,
                    "texts": st.none() | st.lists(texts),
                    "numbers": st.none() | st.lists(numbers),
                    "is_so": st.none() | st.booleans(),
                    "number": st.none() | st.integers(-(2**31), 2**31 - 1),
                }
            )
        ):
            asked.append(given_values)
            await ann.perform(as_operation(say, at_once=True))

    assert heard == [{"me": ann.principal.user_id, **values} for values in asked]
    assert {sql.partition(" AS ")[0] for sql in wire.sent} >= {"SELECT * FROM write_at_once($1, $2, $3, $4, $5, $6)"}


def examples(strategy: st.SearchStrategy[Any]) -> list[Any]:
    """Examples of a strategy, and what PostgreSQL's arrays and SQL have signs for."""
    found: list[Any] = []

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine to make one takes long
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    odd = ["", "NULL", "null", '"', "\\", "{", "}", ",", " ", "'", "''); DROP TABLE todos; --", "$1", "\\'", "%L", "\n"]
    return [*found, {"text": odd[4], "texts": odd, "numbers": [], "is_so": True, "number": -1}]


async def test_no_text_is_in_what_postgresql_says_of_a_failure(ann: Caller) -> None:
    async def fail(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone(PLANTED, 99_999))

    with pytest.raises(asyncpg.NumericValueOutOfRangeError) as failed:
        await ann.perform(as_operation(fail, at_once=True))

    told_of = failed.value.as_dict()
    assert "EXECUTE at_once" in told_of["context"]
    assert PLANTED not in str(told_of)
    assert await titles_of(ann) == []


async def test_what_fails_at_the_commit_is_not_written(ann: Caller) -> None:
    """The list of a todo is looked for then."""
    item = f'[{{"n": 0, "title": "lost", "priority": 2, "list_id": {2**62}}}]'

    async def lose(tx: Tx) -> Any:
        await tx.rows_at_once(ADD_PLAIN, **alone("lost") | {"items": item})

    with pytest.raises(Conflict) as refused:
        await ann.perform(as_operation(lose, at_once=True))
    assert isinstance(refused.value.__cause__, asyncpg.ForeignKeyViolationError)
    assert await titles_of(ann) == []
    assert row_of(await ann.perform(todos.add, [TodoCreate(title="next")]))["title"] == "next"


async def test_a_statement_is_prepared_again_where_a_migration_changed_a_type(
    fresh_database_url: str, another_core: CoreOpener
) -> None:
    kinds = table("kinds", column("kind", Integer()))
    statement = Statement(select(kinds.c.kind, parameter("user_id", BigInteger()).label("me")))
    read: list[Any] = []

    async def look(tx: Tx) -> Any:
        read.extend(row["kind"] for row in await tx.rows_at_once(statement))
        return Changed([])

    async with connected(fresh_database_url) as admin, another_core(fresh_database_url, database_pool_size=1) as core:
        me = Caller(core, await core.identity.local("me"), "test")
        await admin.execute("CREATE TABLE kinds AS SELECT 1 AS kind; GRANT SELECT ON kinds TO todo_app")
        await me.perform(as_operation(look, at_once=True))
        await admin.execute("ALTER TABLE kinds ALTER kind TYPE text")
        await me.perform(as_operation(look, at_once=True))

    assert read == [1, "1"]


async def test_the_lock_is_that_of_the_persons_writes(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> None:
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks, admin.transaction():
            await admin.execute("SELECT pg_advisory_xact_lock($1)", locks.of_writes(ann.principal.user_id))
            tasks.start_soon(ann.perform, todos.add, [TodoCreate(title="waits")])
            await until(admin, SOMEBODY_WAITS_FOR_A_LOCK)
            assert told(await bob.perform(todos.add, [TodoCreate(title="does not")]))

    assert await titles_of(ann) == ["waits"]


@pytest.mark.parametrize("statement", AT_ONCE, ids=lambda statement: statement.sql[:24])
async def test_no_statement_that_runs_so_has_more_texts_than_there_are_settings_for(
    statement: Statement, admin: asyncpg.Connection
) -> None:
    prepared = await admin.prepare(statement.sql)
    texts = [
        kind for kind in prepared.get_parameters() if kind.name in ("text", "varchar", "jsonb", "text[]", "int8[]")
    ]

    assert len(texts) <= TEXTS
