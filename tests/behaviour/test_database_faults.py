"""A fault of the database is never the request's: 503, retryable, and one line in the log, over every transport."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest
from structlog.testing import capture_logs

from tests.core.support import until
from tests.databases import drop_database, with_database
from tests.exhaustive import crossed
from tests.faces import ADDRESS, FACES, FaceName, call, http_client, refused
from tests.support import MovableClock, token_of
from todo_app.application import Application, build
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.schema.migrate import migrate
from todo_core.settings import Settings
from todo_core.upkeep.readiness import NOT_READY_FOR, READY_FOR

LOST: Final = {"08003", None}
"""What a connection that was closed meanwhile says when it is used."""
ADD: Final = ("add_todos", {"todos": [{"title": "once the database is well"}]})
LIST: Final = ("list_todos", {})
POOL: Final = 8
"""Connections of the application, by default."""
CRASHES: Final = {"request_crashed", "tool_crashed"}


@dataclass(frozen=True)
class State:
    """A state of the database in which requests fail; `{database}` and `{login}` stand for those of the test."""

    sqlstate: str
    begin: str
    """SQL that brings it about."""
    end: str
    """SQL that ends it."""
    reads: bool = False
    """Whether reading still works."""
    ready: bool = False
    """Whether the server is ready all the same: other requests are served."""
    reconnect: bool = False
    """Whether only new connections see it."""
    lock: str | None = None
    """A table that somebody holds meanwhile."""


STATES: Final = {
    "read-only": State(
        "25006",
        "ALTER DATABASE {database} SET default_transaction_read_only = on",
        "ALTER DATABASE {database} RESET default_transaction_read_only",
        reads=True,
        reconnect=True,
    ),
    "a lock that others hold too long": State(
        "55P03",
        "SELECT 'each statement waits for half of TODO_DATABASE_TIMEOUT'",
        "SELECT 'somebody lets it go'",
        lock="todos",
        ready=True,
    ),
    "a full disk": State(
        "53100",
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$;"
        " CREATE TRIGGER full_disk BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION full_disk();"
        " CREATE TRIGGER full_disk BEFORE UPDATE ON write_probe FOR EACH ROW EXECUTE FUNCTION full_disk()",
        "DROP TRIGGER full_disk ON todos; DROP TRIGGER full_disk ON write_probe; DROP FUNCTION full_disk()",
        reads=True,
    ),
    "a sequence behind its table": State(
        "23505",
        "INSERT INTO todos (id, user_id, list_id, title) OVERRIDING SYSTEM VALUE"
        " SELECT (SELECT max(id) FROM todos) + n, user_id, id, 'restored'"
        " FROM (SELECT user_id, id FROM lists WHERE is_inbox LIMIT 1) AS inbox, generate_series(1, 100) AS n;"
        " SELECT setval('todos_id_seq', (SELECT max(id) FROM todos) - 100)",
        "SELECT setval('todos_id_seq', (SELECT max(id) FROM todos))",
        reads=True,
        ready=True,
    ),
    "a sequence at its end": State(
        "2200H",
        "SELECT setval('todos_id_seq', 9223372036854775807)",
        "SELECT setval('todos_id_seq', (SELECT max(id) FROM todos))",
        reads=True,
        ready=True,
    ),
    "a prepared statement of a pooler's other client": State(
        "42P05",
        "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'exists already' USING ERRCODE = 'duplicate_prepared_statement'; END $$;"
        " CREATE TRIGGER taken BEFORE INSERT ON todos FOR EACH ROW EXECUTE FUNCTION taken()",
        "DROP TRIGGER taken ON todos; DROP FUNCTION taken()",
        reads=True,
        ready=True,
    ),
    "a grant on a table is gone": State(
        "42501", "REVOKE INSERT ON todos FROM todo_app", "GRANT INSERT ON todos TO todo_app", reads=True
    ),
    "a grant on a function is gone": State(
        "42501",
        "REVOKE EXECUTE ON FUNCTION require_active(bigint, bigint, bigint, integer) FROM todo_app",
        "GRANT EXECUTE ON FUNCTION require_active(bigint, bigint, bigint, integer) TO todo_app",
    ),
    "a function is gone": State(
        "42883",
        "ALTER FUNCTION require_active(bigint, bigint, bigint, integer) RENAME TO gone",
        "ALTER FUNCTION gone(bigint, bigint, bigint, integer) RENAME TO require_active",
    ),
    "a column is gone": State(
        "42703", "ALTER TABLE todos RENAME COLUMN description TO gone", "ALTER TABLE todos RENAME gone TO description"
    ),
    "a table is gone": State("42P01", "ALTER TABLE todos RENAME TO gone", "ALTER TABLE gone RENAME TO todos"),
    "the schema is closed": State(
        "42883",
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC, todo_app",
        "GRANT USAGE ON SCHEMA public TO PUBLIC, todo_app",
    ),
    "the login is locked": State("28000", "ALTER ROLE {login} NOLOGIN", "ALTER ROLE {login} LOGIN", reconnect=True),
    "the login may not be todo_app": State(
        "42501", "REVOKE todo_app, todo_agent FROM {login}", "GRANT todo_app, todo_agent TO {login}", reconnect=True
    ),
    "too many connections": State(
        "53300", "ALTER ROLE {login} CONNECTION LIMIT 0", "ALTER ROLE {login} CONNECTION LIMIT -1", reconnect=True
    ),
    "no connections allowed": State(
        "55000",
        "ALTER DATABASE {database} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {database} ALLOW_CONNECTIONS true",
        reconnect=True,
    ),
}


class Ground:
    """A database that tests may break, and the application on it."""

    def __init__(
        self,
        app: Application,
        clock: MovableClock,
        admin: asyncpg.Connection[Any],
        server: asyncpg.Connection[Any],
        **names: str,
    ) -> None:
        self.app = app
        self.clock = clock
        self.core: Core = app.core
        self.admin = admin
        self._server = server
        self._names = names

    @asynccontextmanager
    async def during(self, state: State, *, quietly: bool = False) -> AsyncIterator[None]:
        """Bring a state about, and end it; where only new connections see it, those of the application are closed.

        Args:
            state: The state.
            quietly: Close none at its end.
        """
        await self._execute(state.begin, state)
        try:
            async with self.admin.transaction():
                if state.lock is not None:
                    await self.admin.execute(f"LOCK TABLE {state.lock} IN ACCESS EXCLUSIVE MODE")
                yield
        finally:
            await self._execute(state.end, replace(state, reconnect=state.reconnect and not quietly))

    async def _execute(self, sql: str, state: State) -> None:
        by = self._server if "ALTER DATABASE" in sql else self.admin
        await by.execute(sql.format_map(self._names))
        if state.reconnect:
            await self._server.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = $1", self._names["login"]
            )


@pytest.fixture(scope="module")
async def ground(postgres_url: str, settings: Settings) -> AsyncIterator[Ground]:
    names = {"database": f"todo_{uuid4().hex[:12]}", "login": f"login_{uuid4().hex[:12]}"}
    server = await asyncpg.connect(postgres_url)
    await server.execute(f"CREATE DATABASE {names['database']}")
    url = with_database(postgres_url, names["database"])
    await migrate(url)
    admin = await asyncpg.connect(url)
    roles = "todo_app, todo_agent, todo_janitor, todo_admin, todo_sign_in, todo_calendar, todo_leaving"
    await admin.execute(f"CREATE ROLE {names['login']} LOGIN; GRANT {roles} TO {names['login']}")
    host = urlsplit(url)._replace(netloc=f"{names['login']}@{urlsplit(url).netloc.rpartition('@')[2]}")
    clock = MovableClock()
    hasty = settings.model_copy(update={"database_timeout": 2.0})  # a second for a lock
    app = build(hasty, urlunsplit(host), ADDRESS, clock=clock)
    async with app.running():
        yield Ground(app, clock, admin, server, **names)
    await admin.close()
    await drop_database(postgres_url, names["database"])
    await server.execute(f"DROP ROLE {names['login']}")
    await server.close()


@pytest.fixture(scope="module")
async def token(ground: Ground) -> str:
    """The token of somebody who has a todo, where sequences begin again, and whose day a task has stored already."""
    token = await token_of(Caller(ground.core, await ground.core.identity.local("ann"), "test"))
    async with http_client(ground.app, token) as http:
        assert await _try(http, "rest", *ADD) == "answered"
    await until(ground.admin, "SELECT EXISTS (SELECT FROM activity_days)")
    return token


@pytest.mark.requirement("OP8", "OP4")
@crossed(state=STATES, face=FACES)
async def test_a_fault_of_the_database_is_retryable_and_logged_in_one_line(
    state: State, face: FaceName, ground: Ground, token: str
) -> None:
    async with http_client(ground.app, token) as http:
        with capture_logs() as logs:
            async with ground.during(state):
                written = await _try(http, face, *ADD)
                read = await _answered(state, partial(_try, http, face, *LIST), wanted=state.reads)
        after = await _answered(state, partial(_try, http, face, *ADD))

    assert (written, read, after) == ("unavailable", "answered" if state.reads else "unavailable", "answered")
    causes = {log["sqlstate"] for log in logs if log["event"] == "database_unavailable"}
    assert state.sqlstate in causes
    assert causes <= {state.sqlstate, *(LOST if state.reconnect else ())}
    assert not CRASHES & {log["event"] for log in logs}
    assert not any("exc_info" in log for log in logs)


@pytest.mark.requirement("OP8", "OP3")
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
async def test_the_server_is_ready_in_no_state_in_which_requests_fail(state: State, ground: Ground, token: str) -> None:
    async with http_client(ground.app, token) as http:
        with capture_logs() as logs:
            ground.clock.move(READY_FOR)
            before = await _readiness(http)
            async with ground.during(state):
                assert await _try(http, "rest", *ADD) == "unavailable"
                ground.clock.move(READY_FOR)
                during = await _readiness(http)
            ground.clock.move(NOT_READY_FOR)
            after = await _readiness(http)

    assert (before, during, after) == (True, state.ready, True)
    assert not CRASHES & {log["event"] for log in logs}
    assert not any("exc_info" in log for log in logs)


@pytest.mark.requirement("OP8")
async def test_what_a_request_met_counts_at_once_and_until_it_is_disproved(ground: Ground, token: str) -> None:
    state = STATES["a grant on a table is gone"]
    async with http_client(ground.app, token) as http:
        ground.clock.move(READY_FOR)
        async with ground.during(state):
            told = [await _readiness(http)]  # nobody has met it yet, and a look does not show it
            await _try(http, "rest", *ADD)
            told.append(await _readiness(http))
            ground.clock.move(NOT_READY_FOR)
            told.append(await _readiness(http))
        told.append(await _readiness(http))  # the answer of a moment ago
        ground.clock.move(NOT_READY_FOR)
        told.append(await _readiness(http))

    assert told == [True, False, False, False, True]


@pytest.mark.requirement("OP4", "OP8")
async def test_no_connection_that_takes_no_writes_is_kept(ground: Ground, token: str) -> None:
    """After a failover it may still lead to the old server, which is a standby now, and closes nothing."""
    state = STATES["read-only"]
    async with http_client(ground.app, token) as http:
        with capture_logs() as logs:
            async with ground.during(state, quietly=True):
                told = [await _try(http, "rest", *ADD) for _ in range(POOL + 1)]  # those that were closed come first
        after = await _try(http, "rest", *ADD)
        ground.clock.move(NOT_READY_FOR)
        assert await _readiness(http)

    assert (set(told), after) == ({"unavailable"}, "answered")
    assert state.sqlstate in {log["sqlstate"] for log in logs if log["event"] == "database_unavailable"}


@pytest.mark.requirement("OP8", "OP4")
async def test_a_server_that_gets_no_further_connection_serves_on_those_it_has(ground: Ground, token: str) -> None:
    state = replace(STATES["too many connections"], reconnect=False)
    async with http_client(ground.app, token) as http:
        assert await _answered(STATES["read-only"], partial(_try, http, "rest", *LIST)) == "answered"
        ground.clock.move(READY_FOR)
        with capture_logs() as logs:
            async with ground.during(state):
                assert await _readiness(http)
                assert await _try(http, "rest", *LIST) == "answered"

    assert [log["sqlstate"] for log in logs if log["event"] == "database_unavailable"] == [state.sqlstate]


async def _readiness(http: httpx2.AsyncClient) -> bool:
    """Ask whether the server is ready, and check the form of the answer."""
    response = await http.get("/readyz")
    if response.status_code == 200:
        return True
    problem = response.json()
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["error_code"], problem["retryable"]) == ("unavailable", True)
    return False


async def _answered(state: State, ask: Callable[[], Awaitable[str]], *, wanted: bool = True) -> str:
    """Ask until the answer is there, where it is wanted and connections were closed: each is found out by using it."""
    answer = await ask()
    for _ in range(POOL if wanted and state.reconnect else 0):
        if answer == "answered":
            break
        answer = await ask()
    return answer


async def _try(http: Any, face: FaceName, tool: str, arguments: dict[str, Any]) -> str:
    """Call a tool, or the route that does the same; return `answered` or the error's code, and check its form."""
    if face == "rest":
        route = "/api/v1/todos"
        body = arguments["todos"][0] if tool == "add_todos" else None
        response = await (http.get(route) if body is None else http.post(route, json=body))
        if response.is_success:
            return "answered"
        problem = response.json()
        assert (response.status_code, response.headers["retry-after"], problem["retryable"]) == (503, "1", True)
        return str(problem["error_code"])
    response = await call(http, face, tool, arguments)
    if response.status_code == 503:  # before the call reached the tool: the caller could not be looked up
        assert response.headers["retry-after"] == "1"
        told = response.json()["error"]["data"]
    elif not response.json()["result"].get("isError"):
        return "answered"
    else:
        told = refused(response)
    assert told["retryable"] is True
    return str(told["code"])
