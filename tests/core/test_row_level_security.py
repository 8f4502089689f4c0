"""Two walls between users, each of which holds alone.

One is the operations' own `WHERE user_id`, the other PostgreSQL's row-level security. Every
operation runs as a stranger on somebody's rows with both walls, with either one, and with none:
the last shows that these tests would notice.

Operations on accounts look at everybody's. There the walls are the scope, which a token has only
with the role, and PostgreSQL, which lets nobody take on `todo_admin` without the role.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import BigInteger, Text, insert, select
from sqlmodel import col

from tests.core.conftest import (
    CoreOpener,
    Snapshot,
    acting_as,
    add,
    as_operation,
    connected,
    everything_of,
    on_the_wire,
    row_of,
    told,
    without_own_checks,
)
from todo_core.database import Statement, parameter
from todo_core.errors import InsufficientScope, TodoError
from todo_core.models import METADATA
from todo_core.models.accounts import AccountQuery
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import Todo, TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operation import OPERATIONS, Caller, Tx
from todo_core.operations import accounts, changes, todos, tokens, users
from todo_core.results import Changed
from todo_core.scopes import ALL_SCOPES

MARK = "words of hers"


@dataclass(frozen=True)
class Rows:
    """Somebody's rows, of each kind."""

    open: int
    done: int
    trashed: int
    token: int
    change: int
    user: int

    @property
    def todos(self) -> list[int]:
        return [self.open, self.done, self.trashed]


async def rows_of(somebody: Caller) -> Rows:
    made = await somebody.once("a key").perform(
        todos.add, [TodoCreate(title=f"{MARK} {n}", description=MARK) for n in range(3)]
    )
    opened, done, trashed = (row["id"] for row in told(made))
    await somebody.perform(todos.complete, [done])
    await somebody.perform(todos.delete, [trashed])
    token = row_of(await somebody.perform(tokens.create, TokenCreate(name=MARK)))
    await somebody.perform(users.update, {"display_name": MARK})
    assert made.change_id is not None
    return Rows(opened, done, trashed, token["id"], made.change_id, somebody.principal.user_id)


Attempt = Callable[[Caller, Rows], Awaitable[Any]]

ATTEMPTS: dict[str, list[Attempt]] = {
    "todos.find": [
        lambda me, _: me.perform(todos.find, TodoFilter(status="all")),
        lambda me, _: me.perform(todos.find, TodoFilter(status="trashed")),
        lambda me, its: me.perform(todos.find, TodoFilter(status="all", ids=its.todos, text=MARK, sort="title")),
    ],
    "todos.get": [lambda me, its: me.perform(todos.get, its.open)],
    "todos.add": [lambda me, _: me.perform(todos.add, [TodoCreate(title="mine")])],
    "todos.update": [
        lambda me, its: me.perform(
            todos.update, [{"id": one, "title": "stolen", "if_version": 1} for one in its.todos]
        ),
        lambda me, its: me.perform(todos.update, [{"id": its.open, "description": None}]),
    ],
    "todos.complete": [
        lambda me, its: me.perform(todos.complete, its.todos),
        lambda me, its: me.perform(todos.complete, its.todos, completed=False),
    ],
    "todos.delete": [
        lambda me, its: me.perform(todos.delete, its.todos),
        lambda me, its: me.perform(todos.delete, its.todos, deleted=False),
    ],
    "tokens.create": [lambda me, _: me.perform(tokens.create, TokenCreate(name="mine"))],
    "tokens.find": [lambda me, _: me.perform(tokens.find)],
    "tokens.revoke": [lambda me, its: me.perform(tokens.revoke, its.token)],
    "changes.find": [
        lambda me, _: me.perform(changes.find, ChangeFilter()),
        lambda me, _: me.perform(changes.find, ChangeFilter(since=0)),
    ],
    "changes.get": [lambda me, its: me.perform(changes.get, its.change)],
    "changes.undo": [lambda me, its: me.perform(changes.undo, its.change)],
    "users.get": [lambda me, _: me.perform(users.get)],
    "users.update": [
        lambda me, _: me.perform(users.update, {"display_name": "mine", "locale": "fr"}),
        lambda me, _: me.perform(users.update, {"display_name": None}, [1, 2, 3]),
    ],
    "overview.get": [lambda me, _: me.perform(OPERATIONS["overview.get"])],
}

ON_ACCOUNTS: dict[str, list[Attempt]] = {
    "accounts.find": [
        lambda me, _: me.perform(accounts.find, AccountQuery()),
        lambda me, its: me.perform(accounts.find, AccountQuery(status="active", cursor=its.user - 1, limit=1)),
    ],
    "accounts.get": [lambda me, its: me.perform(accounts.get, its.user)],
    "accounts.suspend": [
        lambda me, its: me.perform(accounts.suspend, its.user),
        lambda me, its: me.perform(accounts.suspend, its.user, suspended=False),
        lambda me, _: me.perform(accounts.suspend, me.principal.user_id, suspended=False),
    ],
    "accounts.delete": [lambda me, its: me.perform(accounts.delete, its.user)],
}


CRASHED = "not an answer: "


async def hear(stranger: Caller, its: Rows, attempts: list[Attempt]) -> list[str]:
    """What the stranger is told about each attempt, made without a key and with one."""
    heard: list[str] = []
    for attempt in [*attempts, *(_once(attempt) for attempt in attempts)]:
        try:
            answer = await attempt(stranger, its)
        except TodoError as refused:
            heard.append(repr(refused.as_dict()))
        except ValueError as surprised:  # more rows than one, where one is the user's own
            heard.append(f"{CRASHED}{surprised}")
        else:
            heard.append(str(told(answer)) if isinstance(answer, Changed) else answer.json)
    return heard


async def try_everything(stranger: Caller, its: Rows) -> tuple[list[str], dict[str, int]]:
    """What the stranger was told about each attempt, and the counts in the overview."""
    heard: list[str] = []
    for attempts in ATTEMPTS.values():
        heard += await hear(stranger, its, attempts)
    overview = {} if heard[-1].startswith(CRASHED) else orjson.loads(heard[-1])
    return heard, {name: overview.get(name) for name in ("open", "done", "trashed")}


def _once(attempt: Attempt) -> Attempt:
    return lambda me, its: attempt(me.once(f"key {id(attempt)}"), its)


async def what_leaked(
    stranger: Caller, somebody: Caller, admin: asyncpg.Connection, rewrite: Callable[[str], str] | None = None
) -> list[str]:
    """Everything that the stranger read or changed; `rewrite` takes the operations' own checks away."""
    its = await rows_of(somebody)
    before = await everything_of(admin, its.user)
    if rewrite is None:
        heard, counts = await try_everything(stranger, its)
    else:
        with on_the_wire(rewrite) as wire:
            heard, counts = await try_everything(stranger, its)
        if rewrite is without_own_checks:
            assert len(wire.rewritten) >= len(heard)
            assert not [sql for sql in wire.rewritten if re.search(r"(user_id|users\.id) = (\$|me\.)", sql)]
    after = await everything_of(admin, its.user)

    leaks = [words for words in heard if MARK in words or words.startswith(CRASHED)]
    leaks += [f"{table} changed" for table in before if before[table] != after[table]]
    own = len(_living(await everything_of(admin, stranger.principal.user_id)))
    if counts != {"open": own, "done": 0, "trashed": 0}:
        leaks.append(f"counted {counts}")
    return leaks


def _living(rows: Snapshot) -> list[dict[str, Any]]:
    return [row for row in rows["todos"] if row["deleted_at"] is None]


def test_every_operation_is_attempted() -> None:
    assert ATTEMPTS.keys() | ON_ACCOUNTS.keys() == OPERATIONS.keys()
    assert ON_ACCOUNTS.keys() == {known.name for known in OPERATIONS.values() if known.role == "todo_admin"}


@pytest.mark.requirement("OW1", "OW2")
@pytest.mark.parametrize("rewrite", [None, without_own_checks], ids=["both walls", "every WHERE user_id removed"])
@pytest.mark.parametrize("pooler", ["off", "on"])
async def test_row_level_security_holds_with_and_without_the_operations_own_check(
    pooler: str,
    rewrite: Callable[[str], str] | None,
    people: tuple[Caller, Caller, asyncpg.Connection],
    another_core: CoreOpener,
) -> None:
    ann, bob, admin = people
    async with another_core(database_pooler=pooler) as core:
        assert await what_leaked(replace(bob, core=core), ann, admin, rewrite) == []


@pytest.fixture
def people(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> tuple[Caller, Caller, asyncpg.Connection]:
    """Ann and Bob behind both walls."""
    return ann, bob, admin


@pytest.fixture
async def unwalled(
    ann: Caller, bob: Caller, fresh_database_url: str, another_core: CoreOpener
) -> AsyncIterator[tuple[Caller, Caller, asyncpg.Connection]]:
    """Ann and Bob where somebody turned row-level security off."""
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        for table in METADATA.tables:
            await admin.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        people = [
            replace(caller, core=core, principal=await core.identity.local(name))
            for caller, name in ((ann, "ann"), (bob, "bob"))
        ]
        yield people[0], people[1], admin


@pytest.mark.requirement("OW2")
async def test_the_operations_own_check_holds_without_row_level_security(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled

    assert await what_leaked(bob, ann, admin) == []


@pytest.mark.requirement("OW2")
async def test_without_both_walls_these_tests_would_notice(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled

    leaks = await what_leaked(bob, ann, admin, without_own_checks)

    assert {"todos changed", "api_tokens changed"} <= set(leaks)
    assert sum(MARK in leak for leak in leaks) >= 10
    # Of profiles, and of the zone that the overview is in, there are suddenly several.
    assert sum(leak.startswith(CRASHED) for leak in leaks) >= 8


@pytest.mark.requirement("OW2")
async def test_without_both_walls_of_todos_alone_the_overview_would_show_it(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled

    leaks = await what_leaked(bob, ann, admin, lambda sql: re.sub(r"\btodos\.user_id = ", "0 < ", sql))

    assert any(leak.startswith("counted") for leak in leaks)
    assert not any(leak.startswith(CRASHED) for leak in leaks)


# --- accounts ----------------------------------------------------------------------------------


def claiming(caller: Caller) -> Caller:
    """The caller as it would be if a token's scopes were believed."""
    return replace(caller, principal=replace(caller.principal, scopes=frozenset(ALL_SCOPES)))


REFUSED = repr(InsufficientScope("admin").as_dict())
NO_WALL = """
    CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint) RETURNS bigint
    LANGUAGE sql STABLE AS 'SELECT acting'
"""


@pytest.mark.requirement("OW5", "ID4")
@pytest.mark.parametrize("claims", [False, True], ids=["both walls", "the scope claimed"])
@pytest.mark.parametrize("attempts", ON_ACCOUNTS.values(), ids=ON_ACCOUNTS)
@pytest.mark.parametrize("pooler", ["off", "on"])
async def test_postgresql_refuses_whoever_claims_to_be_an_admin(
    pooler: str,
    attempts: list[Attempt],
    claims: bool,
    people: tuple[Caller, Caller, asyncpg.Connection],
    another_core: CoreOpener,
) -> None:
    ann, bob, admin = people
    its = await rows_of(ann)
    everybody = [ann.principal.user_id, bob.principal.user_id]
    before = [await everything_of(admin, user) for user in everybody]
    async with another_core(database_pooler=pooler) as core:
        stranger = replace(bob, core=core)
        with on_the_wire() as wire:
            heard = await hear(claiming(stranger) if claims else stranger, its, attempts)

    assert heard == [REFUSED] * 2 * len(attempts)
    assert [await everything_of(admin, user) for user in everybody] == before
    began = [sql for sql in wire.sent if sql.startswith("BEGIN")]
    assert len(began) == (len(heard) if claims else 0)
    assert not [sql for sql in wire.sent if not sql.startswith(("BEGIN", "ROLLBACK"))]


@pytest.mark.requirement("OW5", "ID4")
async def test_the_scope_holds_where_postgresql_would_let_everybody_be_an_admin(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled
    await admin.execute(NO_WALL)
    its = await rows_of(ann)
    before = await everything_of(admin, its.user)

    for attempts in ON_ACCOUNTS.values():
        assert set(await hear(bob, its, attempts)) == {REFUSED}

    assert await everything_of(admin, its.user) == before


@pytest.mark.requirement("OW5")
async def test_without_the_scope_and_postgresqls_own_check_these_tests_would_notice(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled
    await admin.execute(NO_WALL)
    its = await rows_of(ann)

    heard = {name: await hear(claiming(bob), its, attempts) for name, attempts in ON_ACCOUNTS.items()}

    assert all(MARK in words for name in ("accounts.find", "accounts.get") for words in heard[name])
    assert any("suspended_at': '" in words for words in heard["accounts.suspend"])
    assert not any((await everything_of(admin, its.user)).values())


@pytest.mark.requirement("OW5")
async def test_a_role_that_was_taken_away_counts_no_more_whatever_a_process_remembers(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    its = await rows_of(ann)
    assert MARK in (await ada.perform(accounts.get, its.user)).json
    await admin.execute("UPDATE users SET role = 'user' WHERE id = $1", ada.principal.user_id)

    for attempts in ON_ACCOUNTS.values():
        assert set(await hear(ada, its, attempts)) == {REFUSED}


# --- single rows -------------------------------------------------------------------------------


@pytest.mark.requirement("OW2", "SA1")
async def test_nobody_gets_the_answer_to_anothers_request(ann: Caller, bob: Caller) -> None:
    request = [TodoCreate(title="the same request")]
    hers = await ann.once("key").perform(todos.add, request)

    with on_the_wire(without_own_checks) as wire:
        his = await bob.once("key").perform(todos.add, request)

    assert wire.rewritten
    assert not his.replayed
    assert row_of(his)["id"] != row_of(hers)["id"]


@pytest.mark.requirement("OW2")
async def test_a_row_cannot_be_written_in_another_users_name(ann: Caller, bob: Caller) -> None:
    forged = Statement(
        insert(Todo).inline().values(user_id=parameter("owner", BigInteger()), title=parameter("title", Text()))
    )

    async def forge(tx: Tx) -> Any:
        await tx.rows(forged, owner=ann.principal.user_id, title="in her name")
        return Changed([])

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await bob.perform(as_operation(forge))


@pytest.mark.requirement("OW2")
async def test_a_row_cannot_be_given_to_another_user(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> None:
    (mine,) = await add(bob, "mine")

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await admin.execute("UPDATE todos SET user_id = $1 WHERE id = $2", ann.principal.user_id, mine)


@pytest.mark.requirement("OW1", "OW2")
async def test_a_transaction_for_nobody_sees_no_rows(ann: Caller, admin: asyncpg.Connection) -> None:
    await rows_of(ann)
    everybody = {name: Statement(select(table)) for name, table in METADATA.tables.items() if name != "installation"}
    assert all([await admin.fetch(statement.sql) for statement in everybody.values()])

    async with ann.core.database.begin() as nobody:
        for statement in everybody.values():
            assert await nobody.rows(statement) == []


@pytest.mark.requirement("OW1", "OW2")
async def test_a_connection_that_never_named_a_user_sees_no_rows(ann: Caller, admin: asyncpg.Connection) -> None:
    await rows_of(ann)

    async with acting_as(admin, "todo_app"):
        seen = [await admin.fetch(Statement(select(table)).sql) for table in METADATA.tables.values()]

    assert sum(len(rows) for rows in seen) == 1  # the installation's own row, which is nobody's


@pytest.mark.requirement("OW4", "OW2")
async def test_the_probe_tells_that_a_row_is_anothers_and_nothing_else(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its = await rows_of(ann)
    ask = "SELECT belong_to_another($1, $2)"

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        asked = {
            entity: await admin.fetchval(ask, entity, [getattr(its, name), 2**62]) == [getattr(its, name)]
            for entity, name in (("todo", "trashed"), ("token", "token"), ("change", "change"))
        }
        missing = [await admin.fetchval(ask, entity, [2**62]) for entity in asked]
        assert await admin.fetchval(ask, "user", [ann.principal.user_id]) == []

    assert asked == {"todo": True, "token": True, "change": True}
    assert missing == [[], [], []]


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE changes SET via = 'nobody' WHERE id = $1",
        "DELETE FROM changes WHERE id = $1",
        "UPDATE changes SET entries = '[]' WHERE id = $1",
    ],
)
async def test_nobody_who_serves_requests_can_edit_the_record(
    statement: str, ann: Caller, admin: asyncpg.Connection
) -> None:
    its = await rows_of(ann)

    for role in ("todo_app", "todo_admin", "todo_janitor", "todo_probe"):
        async with acting_as(admin, role, ann.principal.user_id):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await admin.execute(statement, its.change)


def test_the_statements_own_checks_are_recognised() -> None:
    checked = Statement(select(col(Todo.id)).where(col(Todo.user_id) == parameter("user_id", BigInteger())))

    assert without_own_checks(checked.sql).endswith("WHERE $1::BIGINT IS NOT NULL")
