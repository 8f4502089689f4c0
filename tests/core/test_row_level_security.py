"""Two walls between users, each of which holds alone.

One is the operations' own `WHERE user_id`, the other PostgreSQL's row-level security. Every
operation runs as a stranger on somebody's rows with both walls, with either one, and with none:
the last shows that these tests would notice.

Operations on accounts look at everybody's. There the walls are the scope, which a token has only
with the role, and PostgreSQL, which lets nobody take on `todo_admin` without the role.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from string import Template
from typing import Any

import asyncpg
import orjson
import pytest
from sqlalchemy import BigInteger, Table, Text, insert, select
from sqlmodel import col

from tests.core.attempts import ATTEMPTS, MARK, ON_ACCOUNTS, Attempt, Own, Rows
from tests.core.support import (
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
from tests.exhaustive import crossed
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Tx
from todo_core.boundary.results import Changed, Position
from todo_core.errors import InsufficientScope, TodoError
from todo_core.identity.scopes import ALL_SCOPES
from todo_core.models import METADATA
from todo_core.models.todos import Todo, TodoCreate
from todo_core.operations import accounts, changes, todos
from todo_core.storage.statements import Statement, parameter

CRASHED = "crashed: "


async def hear(stranger: Caller, its: Rows, own: Own, attempts: list[Attempt]) -> list[str]:
    """What the stranger is told about each attempt, made without a key and with one."""
    heard: list[str] = []
    for attempt in [*attempts, *(_once(attempt) for attempt in attempts)]:
        try:
            answer = await attempt(stranger, its, own)
        except TodoError as refused:
            heard.append(repr(refused.as_dict()))
        except (ValueError, LookupError, StopIteration, asyncpg.CardinalityViolationError) as surprised:
            # More rows than one where one is the user's own, or other rows than a statement was asked for.
            heard.append(f"{CRASHED}{surprised!r}")
        else:
            text = str(answer) if isinstance(answer, Position) else None
            heard.append(str(told(answer)) if isinstance(answer, Changed) else text or answer.json)
    return heard


def _once(attempt: Attempt) -> Attempt:
    return lambda me, its, own: attempt(me.once(f"key {id(attempt)}"), its, own)


async def what_leaked(
    stranger: Caller,
    somebody: Caller,
    admin: asyncpg.Connection,
    rewrite: Callable[[str], str] | None = None,
    tried: Collection[str] = ATTEMPTS,
) -> list[str]:
    """Everything that the stranger read or changed; `rewrite` takes the operations' own checks away."""
    its, own = await Rows.of(somebody), await Own.of(stranger)
    before = await everything_of(admin, its.user)
    with on_the_wire(rewrite or (lambda sql: sql)) as wire:
        told_of = {name: await hear(stranger, its, own, ATTEMPTS[name]) for name in tried}
    if rewrite is without_own_checks:
        assert len(wire.rewritten) >= sum(len(words) for words in told_of.values())
        assert not [sql for sql in wire.rewritten if re.search(r"(user_id|users\.id) = (\$|me\.)", sql)]
    after = await everything_of(admin, its.user)

    leaks = [f"{name} crashed" for name, heard in told_of.items() if any(CRASHED in words for words in heard)]
    leaks += [f"{name} told" for name, heard in told_of.items() if any(MARK in words for words in heard)]
    leaks += [f"{table} changed" for table in before if before[table] != after[table]]
    if "overview.get" not in tried:
        return leaks
    overview = told_of["overview.get"][-1]
    counted = {} if overview.startswith(CRASHED) else _counts(orjson.loads(overview))
    if counted != counts_of(await everything_of(admin, stranger.principal.user_id)):
        leaks.append(f"counted {counted}")
    return leaks


def _counts(overview: dict[str, Any]) -> dict[str, Any]:
    """What an overview counts: todos, and those of each list and tag."""
    named = {kind: {one["name"]: one["open"] for one in overview[kind]} for kind in ("lists", "tags")}
    return {name: overview[name] for name in ("open", "done", "trashed")} | named


def counts_of(rows: Snapshot) -> dict[str, Any]:
    """What the overview of these rows has to count."""
    live = [row for row in rows["todos"] if row["deleted_at"] is None]
    opened = [row for row in live if row["completed_at"] is None]
    links = {(link["tag_id"], link["todo_id"]) for link in rows["todo_tags"]}
    return {
        "open": len(opened),
        "done": len(live) - len(opened),
        "trashed": len(rows["todos"]) - len(live),
        "lists": {
            one["name"]: sum(row["list_id"] == one["id"] for row in opened)
            for one in rows["lists"]
            if one["deleted_at"] is None and one["archived_at"] is None
        },
        "tags": {
            one["name"]: sum((one["id"], row["id"]) in links for row in opened)
            for one in rows["tags"]
            if one["deleted_at"] is None
        },
    }


def test_every_operation_is_attempted() -> None:
    assert ATTEMPTS.keys() | ON_ACCOUNTS.keys() == OPERATIONS.keys()
    assert ON_ACCOUNTS.keys() == {known.name for known in OPERATIONS.values() if known.role == "todo_admin"}


@pytest.mark.requirement("OW1", "OW2")
@crossed(rewrite={"both walls": None, "every WHERE user_id removed": without_own_checks}, pooler=["off", "on"])
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


def without_own_checks_of_rows(sql: str) -> str:
    """The statement without every `WHERE user_id`, but with the check of the user's own row in `users`."""
    return re.sub(r"\b\w+\.user_id = (\$\d+::BIGINT|me\.user_id)", r"\1 IS NOT NULL", sql)


@pytest.mark.slow
@pytest.mark.requirement("OW2")
async def test_without_both_walls_these_tests_would_notice(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled

    leaks = set(await what_leaked(bob, ann, admin, without_own_checks_of_rows))

    changed = {"todos", "notes", "lists", "tags", "todo_tags", "api_tokens", "agents", "proposals"}
    read = (
        "todos.list todos.get notes.list lists.list lists.get tags.list tags.get changes.list changes.get tokens.list"
        " agents.list agents.get proposals.list proposals.get"
        " overview.get exports.make"
    )
    written = (
        "todos.update todos.complete todos.reopen todos.skip todos.delete todos.restore changes.undo tokens.rotate"
        " tokens.revoke agents.update agents.block"
    )
    told_of = {*read.split(), *written.split()}
    assert {f"{table} changed" for table in changed} | {f"{name} told" for name in told_of} <= leaks


@pytest.mark.requirement("OW2")
async def test_without_both_walls_each_of_the_quiet_operations_would_be_noticed(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    """Those that the test above may owe to others. Merging tags is not here: foreign keys are a third wall to it."""
    somebody, _, admin = unwalled
    core = somebody.core
    expected = {
        "lists.update": "lists changed",
        "lists.delete": "lists changed",
        "tags.rename": "tags changed",
        "tags.delete": "tags changed",
    }

    for name, leak in expected.items():
        her = replace(somebody, principal=await core.identity.local(f"her {name}"))
        him = replace(somebody, principal=await core.identity.local(f"him {name}"))
        assert leak in await what_leaked(him, her, admin, without_own_checks_of_rows, [name]), name


@pytest.mark.slow
@pytest.mark.requirement("OW2")
async def test_without_both_walls_of_users_these_tests_would_notice(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled

    leaks = set(await what_leaked(bob, ann, admin, lambda sql: re.sub(r"\busers\.id = ", "0 < ", sql)))

    # Of profiles, and of the zone that dates are in, there are suddenly several.
    assert {"users.get crashed", "users.update crashed", "overview.get crashed", "todos.update crashed"} <= leaks


@pytest.mark.slow
@pytest.mark.requirement("OW2")
@pytest.mark.parametrize(
    ("table", "leak"), [("todos", "counted"), ("tags", "counted"), ("lists", "lists.list told")], ids=str
)
async def test_without_both_walls_of_one_table_these_tests_would_notice(
    table: str, leak: str, unwalled: tuple[Caller, Caller, asyncpg.Connection]
) -> None:
    ann, bob, admin = unwalled

    leaks = await what_leaked(bob, ann, admin, lambda sql: re.sub(rf"\b{table}\.user_id = ", "0 < ", sql))

    assert any(one.startswith(leak) for one in leaks)


# --- accounts ----------------------------------------------------------------------------------


def claiming(caller: Caller) -> Caller:
    """The caller as it would be if a token's scopes were believed."""
    return replace(caller, principal=replace(caller.principal, scopes=frozenset(ALL_SCOPES)))


NOTHING = Own(todo=0, list=0, tag=0)
REFUSED = repr(InsufficientScope("admin").as_dict())
NO_WALL = """
    CREATE OR REPLACE FUNCTION require_active(acting bigint, token bigint, agent bigint, mandate integer) RETURNS bigint
    LANGUAGE sql STABLE AS 'SELECT acting'
"""


@pytest.mark.requirement("OW5", "ID4")
@crossed(attempts=ON_ACCOUNTS, claims={"both walls": False, "the scope claimed": True}, pooler=["off", "on"])
async def test_postgresql_refuses_whoever_claims_to_be_an_admin(
    pooler: str,
    attempts: list[Attempt],
    claims: bool,
    people: tuple[Caller, Caller, asyncpg.Connection],
    another_core: CoreOpener,
) -> None:
    ann, bob, admin = people
    its = await Rows.of(ann)
    everybody = [ann.principal.user_id, bob.principal.user_id]
    before = [await everything_of(admin, user) for user in everybody]
    async with another_core(database_pooler=pooler) as core:
        stranger = replace(bob, core=core)
        with on_the_wire() as wire:
            heard = await hear(claiming(stranger) if claims else stranger, its, NOTHING, attempts)

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
    its = await Rows.of(ann)
    before = await everything_of(admin, its.user)

    for attempts in ON_ACCOUNTS.values():
        assert set(await hear(bob, its, NOTHING, attempts)) == {REFUSED}

    assert await everything_of(admin, its.user) == before


@pytest.mark.requirement("OW5")
async def test_without_the_scope_and_postgresqls_own_check_these_tests_would_notice(
    unwalled: tuple[Caller, Caller, asyncpg.Connection],
) -> None:
    ann, bob, admin = unwalled
    await admin.execute(NO_WALL)
    its = await Rows.of(ann)

    heard = {name: await hear(claiming(bob), its, NOTHING, attempts) for name, attempts in ON_ACCOUNTS.items()}

    assert all(MARK in words for name in ("accounts.list", "accounts.get") for words in heard[name])
    assert any("suspended_at': '" in words for words in heard["accounts.suspend"])
    assert any("suspended_at': None" in words for words in heard["accounts.reactivate"])
    assert not any((await everything_of(admin, its.user)).values())


@pytest.mark.requirement("OW5")
async def test_a_role_that_was_taken_away_counts_no_more_whatever_a_process_remembers(
    ada: Caller, ann: Caller, admin: asyncpg.Connection
) -> None:
    its = await Rows.of(ann)
    assert MARK in (await ada.perform(accounts.get, its.user)).json
    await admin.execute("UPDATE users SET role = 'user' WHERE id = $1", ada.principal.user_id)

    for attempts in ON_ACCOUNTS.values():
        assert set(await hear(ada, its, NOTHING, attempts)) == {REFUSED}


ASK = "SELECT belong_to_another($1, $2)"

# --- functions that run as another role, and those of triggers ---------------------------------

DEFINERS = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY 1"
FIND = "SELECT id FROM todos_with_words($1, $2)"


@pytest.mark.requirement("OW1", "OW2")
async def test_no_function_that_runs_as_another_role_tells_of_anothers_rows(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    """`todo_app` may call them with whatever it likes."""
    assert [row["proname"] for row in await admin.fetch(DEFINERS)] == [
        *("belong_to_another", "calendars_of_others", "ensure_tags", "rows_of_change", "todos_with_words")
    ]
    (hers,), (his,) = [await add(who, f"secret {MARK}") for who in (ann, bob)]
    her_id = ann.principal.user_id
    questions = (
        MARK,
        f"@{her_id}",
        f"@{her_id} secret",
        f"secret') OR user_id = {her_id} --",
        f"' | '@{her_id}",
        f"secret' | user_id = {her_id} | '",
        "%1$s %L %I $sql$ :* & !x",
        "\\' OR true --",
    )
    async with acting_as(admin, "todo_app", bob.principal.user_id):
        for question in questions:
            assert {row["id"] for row in await admin.fetch(FIND, question, "english")} <= {his}, question
        assert await admin.fetchval(ASK, "todo", [hers, his, 2**62]) == [hers]
        assert await admin.fetchval(ASK, "users", [her_id]) == []
    for acting in ("", "0"):
        async with acting_as(admin, "todo_app"):
            await admin.execute("SELECT set_config('app.user_id', $1, true)", acting)
            assert await admin.fetch(FIND, MARK, "english") == []
            if not acting:
                assert await admin.fetchval(ASK, "todo", [hers, his]) == []
    async with acting_as(admin, "todo_app", bob.principal.user_id):
        with pytest.raises(asyncpg.InvalidNameError):  # a language is a configuration's name, and nothing else
            await admin.fetch(FIND, "secret", f"english') OR user_id = {her_id} --")


@pytest.mark.requirement("OW2")
async def test_functions_of_triggers_give_nobody_a_right_that_they_lack(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    """Nobody calls them. On a table of one's own they do what one may do anyway."""
    triggers = await admin.fetch(
        "SELECT oid::regprocedure::text AS signature FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prorettype = 'trigger'::regtype ORDER BY 1"
    )
    assert [row["signature"] for row in triggers] == [
        *(
            "fill_link()",
            "index_note()",
            "index_todo()",
            "link_is_true()",
            "make_inbox()",
            "move_links()",
            "own_list()",
        ),
        "parent_is_seen()",
    ]
    before = await everything_of(admin, ann.principal.user_id)
    for row in triggers:
        async with acting_as(admin, "todo_app", bob.principal.user_id):
            with pytest.raises(asyncpg.FeatureNotSupportedError, match="can only be called as triggers"):
                await admin.execute(f"SELECT {row['signature']}")
    for table in METADATA.tables:
        async with acting_as(admin, "todo_app", bob.principal.user_id):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await admin.execute(f"CREATE TRIGGER mine AFTER INSERT ON {table} EXECUTE FUNCTION make_inbox()")
    async with acting_as(admin, "todo_app", bob.principal.user_id):
        await admin.execute("CREATE TEMPORARY TABLE own (id bigint) ON COMMIT DROP")
        await admin.execute("CREATE TRIGGER mine AFTER INSERT ON own FOR EACH ROW EXECUTE FUNCTION make_inbox()")
        with pytest.raises(asyncpg.UniqueViolationError, match="uq_lists"):
            await admin.execute("INSERT INTO own VALUES ($1)", ann.principal.user_id)

    assert await everything_of(admin, ann.principal.user_id) == before


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


def belongs_to_a_user(table: Table) -> bool:
    return table.name == "users" or "user_id" in table.c


@pytest.mark.requirement("OW1", "OW2")
async def test_a_transaction_for_nobody_sees_no_rows(ann: Caller, admin: asyncpg.Connection) -> None:
    rows = await Rows.of(ann)
    await ann.perform(changes.undo, rows.changes[-1])
    await ann.core.activity._flush()  # else her day is stored when a task of the process comes to it
    everybody = [Statement(select(table)) for table in METADATA.tables.values() if belongs_to_a_user(table)]
    assert all([await admin.fetch(statement.sql) for statement in everybody])

    async with ann.core.database.begin() as nobody:
        for statement in everybody:
            assert await nobody.rows(statement) == []


@pytest.mark.requirement("OW1", "OW2")
async def test_a_connection_that_never_named_a_user_sees_no_rows(ann: Caller, admin: asyncpg.Connection) -> None:
    await Rows.of(ann)

    async with acting_as(admin, "todo_app"):
        tables = {name: table for name, table in METADATA.tables.items() if name != "deleted_accounts"}
        seen = {name: await admin.fetch(Statement(select(table)).sql) for name, table in tables.items()}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await admin.fetch("SELECT hash FROM deleted_accounts")

    assert {name: len(rows) for name, rows in seen.items() if rows} == {"installation": 1, "write_probe": 1}


@pytest.mark.requirement("OW4", "OW2")
@pytest.mark.parametrize("entity", ["todo", "list", "tag", "token", "change"])
async def test_the_probe_tells_that_a_row_is_anothers_and_nothing_else(
    entity: str, ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its, own = await Rows.of(ann), await Own.of(bob)
    hers = {
        "todo": its.todos,
        "list": [its.list, its.deleted_list],
        "tag": [its.tag, its.merged_tag],
        "token": [its.token],
        "change": [*its.changes],
    }[entity]
    nobodys = 2**62

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        others = await admin.fetchval(ASK, entity, [*hers, getattr(own, entity, nobodys), nobodys])

    assert sorted(others) == sorted(hers)


@pytest.mark.requirement("OW4", "OW2")
async def test_the_probe_tells_nothing_of_users_or_to_nobody(
    ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its = await Rows.of(ann)

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        assert await admin.fetchval(ASK, "user", [its.user]) == []
    async with acting_as(admin, "todo_app"):
        assert await admin.fetchval(ASK, "todo", its.todos) == []


SEARCH = "SELECT id FROM todos_with_words($1, 'english')"


@pytest.mark.requirement("OW2", "TD12")
@pytest.mark.parametrize("words", [MARK, "user:{user}", "{user}", "words' | 'user:{user}", "wor"])
async def test_the_search_that_runs_with_other_rights_finds_only_ones_own(
    words: str, ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its = await Rows.of(ann)
    asked = words.format(user=its.user)
    (his,) = await add(bob, "words of his")

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        found = [row["id"] for row in await admin.fetch(SEARCH, asked)]
        assert set(found) <= {his}
        assert [row["id"] for row in await admin.fetch(SEARCH, "wor")] == [his]
    async with acting_as(admin, "todo_app"):
        assert await admin.fetch(SEARCH, asked) == []
    async with acting_as(admin, "todo_app", its.user):
        assert {row["id"] for row in await admin.fetch(SEARCH, MARK)} > {its.open, its.done, its.trashed}


@pytest.mark.requirement("OW2")
async def test_nobody_who_serves_requests_can_become_who_sees_every_row(admin: asyncpg.Connection) -> None:
    members = await admin.fetch(
        "SELECT taker, taken FROM unnest($1::text[]) AS taker, unnest($2::text[]) AS taken"
        " WHERE taker <> taken AND pg_has_role(taker, taken, 'MEMBER')",
        ["todo_app"],
        ["todo_search", "todo_probe", "todo_janitor", "todo_tagger"],
    )

    assert members == []


LINKS = {
    "the list of a new todo": "INSERT INTO todos (user_id, title, list_id) VALUES ($me, 't', $list)",
    "the list of a todo": "UPDATE todos SET list_id = $list WHERE id = $my_todo",
    "the parent of a new todo": (
        "INSERT INTO todos (user_id, title, list_id, parent_id) VALUES ($me, 't', $my_list, $todo)"
    ),
    "the parent of a todo": "UPDATE todos SET parent_id = $todo WHERE id = $my_todo",
    "the tag of a todo": "INSERT INTO todo_tags (user_id, todo_id, tag_id) VALUES ($me, $my_todo, $tag)",
    "the todo of a tag": (
        "INSERT INTO todo_tags (user_id, todo_id, tag_id, list_id) VALUES ($me, $todo, $my_tag, $my_list)"
    ),
    "the default list": "UPDATE users SET default_list_id = $list WHERE id = $me",
}


@pytest.mark.requirement("OW3")
@pytest.mark.parametrize("statement", LINKS.values(), ids=LINKS)
async def test_a_row_cannot_refer_to_anothers(
    statement: str, ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its, own = await Rows.of(ann), await Own.of(bob)
    ids = {"my_todo": own.todo, "my_list": own.list, "my_tag": own.tag, "me": bob.principal.user_id}
    own_too = ids | {"list": own.list, "tag": await other_tag(bob), "todo": (await add(bob, "another"))[0]}
    hers = ids | {"list": its.list, "tag": its.tag, "todo": its.open}

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        await admin.execute(Template(statement).substitute(own_too))
        await admin.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        async with acting_as(admin, "todo_app", bob.principal.user_id):
            await admin.execute(Template(statement).substitute(hers))


async def other_tag(somebody: Caller) -> int:
    made = await somebody.perform(todos.add, [TodoCreate(title="tagged", tags=["another"])])
    return next(one.id for one in made.touched if one.entity == "tag")


FORGED = {
    "lists": "INSERT INTO lists (user_id, name, name_key, position) VALUES ($user, 'x', 'x', 1)",
    "tags": "INSERT INTO tags (user_id, name, name_key) VALUES ($user, 'x', 'x')",
    "todo_tags": "INSERT INTO todo_tags (user_id, todo_id, tag_id) VALUES ($user, $subtask, $tag)",
    "a list given away": "UPDATE lists SET user_id = $user WHERE id = $my_list",
    "a tag given away": "UPDATE tags SET user_id = $user WHERE id = $my_tag",
}


@pytest.mark.requirement("OW2", "OW3")
@pytest.mark.parametrize("statement", FORGED.values(), ids=FORGED)
async def test_lists_and_tags_cannot_be_written_in_anothers_name_or_given_to_them(
    statement: str, ann: Caller, bob: Caller, admin: asyncpg.Connection
) -> None:
    its, own = await Rows.of(ann), await Own.of(bob)
    ids = {"user": its.user, "tag": its.tag, "subtask": its.subtask, "my_list": own.list, "my_tag": own.tag}

    async with acting_as(admin, "todo_app", bob.principal.user_id):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            await admin.execute(Template(statement).substitute(ids))


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE changes SET via = 'nobody' WHERE id = $1",
        "DELETE FROM changes WHERE id = $1",
        "UPDATE change_entries SET after = '{}' WHERE change_id = $1",
        "DELETE FROM change_entries WHERE change_id = $1",
    ],
)
async def test_nobody_who_serves_requests_can_edit_the_record(
    statement: str, ann: Caller, admin: asyncpg.Connection
) -> None:
    its = await Rows.of(ann)

    for role in ("todo_app", "todo_agent", "todo_admin", "todo_probe", "todo_search", "todo_tagger"):
        async with acting_as(admin, role, ann.principal.user_id):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await admin.execute(statement, its.changes[0])
    async with acting_as(admin, "todo_janitor", ann.principal.user_id):
        try:  # it may delete what is older than a day, and sees nothing else
            assert await admin.execute(statement, its.changes[0]) == "DELETE 0"
        except asyncpg.InsufficientPrivilegeError:
            assert statement != "DELETE FROM changes WHERE id = $1"


def test_the_statements_own_checks_are_recognised() -> None:
    checked = Statement(select(col(Todo.id)).where(col(Todo.user_id) == parameter("user_id", BigInteger())))

    assert without_own_checks(checked.sql).endswith("WHERE $1::BIGINT IS NOT NULL")
