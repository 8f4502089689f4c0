"""Helpers of the kernel's tests: the wire to PostgreSQL, connections past the boundary, operations of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal
from urllib.parse import quote

import anyio
import asyncpg
import orjson
import pytest
from sqlalchemy import BigInteger, select

from tests.pauses import moment
from todo_core import operations
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Operation, operation
from todo_core.boundary.results import Changed, Done
from todo_core.core import Core
from todo_core.errors import TodoError
from todo_core.identity.scopes import Scope
from todo_core.models import METADATA
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import todos
from todo_core.storage.connection import Connection
from todo_core.storage.dsn import connection_options
from todo_core.storage.statements import Statement, parameter
from todo_core.storage.transactions import Transaction

for module in iter_modules(operations.__path__, f"{operations.__name__}."):
    import_module(module.name)  # `OPERATIONS` has all of them, whichever file runs alone

Snapshot = dict[str, list[dict[str, Any]]]
_METHODS = ("execute", "fetch", "fetchrow", "fetchval", "prepare")
_ASKED_OF_NEW_ONES = "SELECT current_user"
"""What a pool asks of each connection that it opens."""


# --- the wire ----------------------------------------------------------------------------------


@dataclass
class Wire:
    """What this test sent to PostgreSQL, and on which connections."""

    sent: list[str] = field(default_factory=list)
    connections: list[asyncpg.Connection] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)


@contextmanager
def on_the_wire(rewrite: Callable[[str], str] = lambda sql: sql) -> Iterator[Wire]:
    """Watch every statement on its way to PostgreSQL, whatever made it; `rewrite` may change it.

    Only statements of this test and the tasks it starts count, not those of the application's own tasks. Nor does what
    earlier tests may have done already: to open a connection, and to prepare what it runs at once from then on. The
    latter is rewritten each time that it runs, and kept as what it was rewritten to.
    """
    wire = Wire()
    current = ContextVar[Wire | None]("current", default=None)

    def rewritten(query: str) -> str:
        changed = rewrite(query)
        if changed != query:
            wire.rewritten.append(changed)
        return changed

    def tapped(name: str) -> Callable[..., Any]:
        original = getattr(asyncpg.Connection, name)

        async def method(self: asyncpg.Connection, query: str, *args: Any, **more: Any) -> Any:
            if current.get() is not None and not more.get("name"):
                if query != _ASKED_OF_NEW_ONES:
                    wire.sent.append(query)
                    wire.connections.append(self)
                query = rewritten(query)
            return await original(self, query, *args, **more)

        return method

    write_at_once = Connection.write_at_once

    async def written_at_once(self: Connection, query: str, *args: Any) -> Any:
        return await write_at_once(self, query if current.get() is None else rewritten(query), *args)

    with pytest.MonkeyPatch.context() as patch:
        for name in _METHODS:
            patch.setattr(asyncpg.Connection, name, tapped(name))
        patch.setattr(Connection, "write_at_once", written_at_once)
        token = current.set(wire)
        try:
            yield wire
        finally:
            current.reset(token)


def statements_run(patch: pytest.MonkeyPatch, *watched: Statement) -> list[Statement]:
    """Return a list to which each of these statements is added when a transaction runs it; upkeep runs others."""
    ran: list[Statement] = []
    by_sql = {statement.sql: statement for statement in watched}
    spanned = Transaction._spanned

    def watch(self: Transaction, sql: str) -> AbstractContextManager[object]:
        if sql in by_sql:
            ran.append(by_sql[sql])
        return spanned(self, sql)

    patch.setattr(Transaction, "_spanned", watch)
    return ran


_OWN_CHECK = re.compile(r"\b(?:\w+\.user_id|users\.id) = (\$\d+::BIGINT|me\.user_id)")


def without_own_checks(sql: str) -> str:
    """The statement as it would be if somebody forgot every `WHERE user_id`."""
    return _OWN_CHECK.sub(r"\1 IS NOT NULL", sql)


# --- databases ---------------------------------------------------------------------------------


def with_server_settings(url: str, **settings: str) -> str:
    """The same database, with settings of PostgreSQL for every connection."""
    pairs = "&".join(f"{name}={quote(value)}" for name, value in settings.items())
    return url + ("&" if "?" in url else "?") + pairs


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(**connection_options(url))
    try:
        yield connection
    finally:
        await connection.close()


CoreOpener = Callable[..., AbstractAsyncContextManager[Core]]
"""Opens a core as another process would."""


@asynccontextmanager
async def acting_as(connection: asyncpg.Connection, role: str, user_id: int | None = None) -> AsyncIterator[None]:
    """A transaction with the rights of a role, for a user if one is named."""
    async with connection.transaction():
        await connection.execute("SELECT set_config('role', $1, true)", role)
        if user_id is not None:
            await connection.execute("SELECT set_config('app.user_id', $1, true)", str(user_id))
        yield


@asynccontextmanager
async def only_connection_taken(core: Core) -> AsyncIterator[anyio.Event]:
    """Somebody has the connection of a core with only one, until the event is set."""

    async def hold() -> None:
        async with core.database.begin():
            held.set()
            await release.wait()

    held, release = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await held.wait()
        yield release


async def until(connection: asyncpg.Connection, condition: str) -> Any:
    """Ask PostgreSQL until the condition holds, and return the value that it then had.

    Whoever needs what was found takes it from here: asked again, it may be gone.
    """
    with anyio.fail_after(10):
        while not (found := await connection.fetchval(condition)):
            await moment()
    return found


SOMEBODY_WAITS_FOR_A_LOCK = (
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"
)


@cache  # to compile all of them takes ten times as long as to run them
def _rows_by_owner() -> dict[str, str]:
    """By each table with rows of users, the SQL that reads all rows of the user `$1`."""
    statements: dict[str, str] = {}
    for name, table in METADATA.tables.items():
        owner = table.c.id if name == "users" else table.c.get("user_id")
        if owner is not None:
            rows = select(table).where(owner == parameter("user_id", BigInteger())).order_by(*table.primary_key)
            statements[name] = Statement(rows).sql
    return statements


async def everything_of(connection: asyncpg.Connection, user_id: int, *, days: bool = False) -> Snapshot:
    """All rows of a user, in every table; without days unless asked, which a task of the process writes when it can."""
    return {
        name: [dict(row) for row in await connection.fetch(sql, user_id)]
        for name, sql in _rows_by_owner().items()
        if days or name != "activity_days"
    }


# --- operations --------------------------------------------------------------------------------


def as_operation(
    run: Callable[..., Any],
    *,
    effect: Literal["reads", "changes"] = "changes",
    scope: Scope = "todos:write",
    at_once: bool = False,
) -> Operation[..., Any]:
    """An operation that only this test knows."""
    known = dict(OPERATIONS)
    declared = operation(effect=effect, scope=scope, at_once=at_once)(run)
    OPERATIONS.clear()
    OPERATIONS.update(known)
    return declared


async def proposing(me: Caller, name: str = "Claude", **more: Any) -> Caller:
    """An agent of somebody's, made if it is new, which proposes."""
    key, user_id = AgentKey.of_program("test", name), me.principal.user_id
    agent = await me.core.agents.find(user_id, key, name)
    assert agent is not None
    async with me.core.database.begin(user_id=user_id) as transaction:
        made = f"UPDATE agents SET mode = 'propose', version = version + 1 WHERE id = {agent.id}"  # noqa: S608
        await transaction.fetch(made)
    me.core.agents.forget(user_id, key)
    return replace(me, principal=replace(me.principal, agent_key=key), via="mcp:test", client=name, **more)


def told(changed: Changed[Any]) -> list[Mapping[str, Any]]:
    """Each item's row, or its refusal, as a caller reads it."""
    return [
        {"error": item.as_dict()} if isinstance(item, TodoError) else orjson.loads(item.json)
        for item in changed.results
    ]


def row_of(changed: Changed[Any]) -> dict[str, Any]:
    """The row of a write with a single item."""
    row: dict[str, Any] = orjson.loads(changed.one().json)
    return row


def codes(changed: Changed[Any]) -> list[str]:
    """`changed`, `unchanged`, or the code of the refusal, for each item."""
    return [
        item.code if not isinstance(item, Done) else "changed" if item.changed else "unchanged"
        for item in changed.results
    ]


async def add(caller: Caller, *titles: str) -> list[int]:
    """The ids of new todos."""
    return [row["id"] for row in told(await caller.perform(todos.add, [TodoCreate(title=title) for title in titles]))]


async def titles_of(caller: Caller, **wanted: Any) -> list[str]:
    """The titles that a user finds, oldest first."""
    page = await caller.perform(todos.list_, TodoFilter(direction="asc", **wanted))
    return [row["title"] for row in orjson.loads(page.json)]
