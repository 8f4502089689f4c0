"""Mandates on lists: PostgreSQL shows an agent what is in its lists and no more, whatever an operation forgets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import anyio
import asyncpg
import orjson
import pytest

from tests.core.attempts import ATTEMPTS, MARK, Own, Rows
from tests.core.support import (
    CoreOpener,
    acting_as,
    codes,
    connected,
    everything_of,
    on_the_wire,
    row_of,
    told,
    without_own_checks,
)
from tests.core.test_catalogue import OWNED
from tests.core.test_mandates import EVERYTHING, agent_of, bound, bounded
from tests.core.test_row_level_security import CRASHED, hear
from tests.exhaustive import crossed
from tests.tables import each
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.boundary.results import Done
from todo_core.errors import (
    TAKEN,
    InvalidInput,
    NotFound,
    OutsideMandate,
    ProposalStale,
    TodoError,
    Unavailable,
    UndoRefused,
)
from todo_core.models.agents import Mandate
from todo_core.models.changes import ChangeFilter, UndoChoice
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.mixed import MixedAdd
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import agents, changes, events, lists, overview, proposals, tags, todos, tokens, users
from todo_core.upkeep.live.follower import OverError
from todo_core.upkeep.live.view import Form

pytestmark = pytest.mark.requirement("ID9", "OW2")

OF_A_PERSON: Final = {"users", "idempotency_keys", "undone_changes"}
"""Tables that have nothing of a list: the profile, answers of one agent each, and numbers of changes."""


async def new_list(person: Caller, name: str) -> int:
    made: int = row_of(await person.perform(lists.add, [ListCreate(name=name)]))["id"]
    return made


async def new_todo(who: Caller, title: str, list_id: int | None = None, **more: Any) -> int:
    made: int = row_of(await who.perform(todos.add, [TodoCreate(title=title, list_id=list_id, **more)]))["id"]
    return made


async def titles(who: Caller) -> list[str]:
    page = await who.perform(todos.list_, TodoFilter(status="all", archived="include", direction="asc"))
    return [row["title"] for row in orjson.loads(page.json)]


@dataclass(frozen=True)
class Home:
    """A person with two lists, and an agent that sees one of them."""

    person: Caller
    agent: Caller
    admin: asyncpg.Connection
    work: int
    home: int

    async def bound(self, **mandate: Any) -> None:
        await bound(self.person, self.agent, **{"lists": [self.work], **mandate})


@pytest.fixture
async def home(ann: Caller, admin: asyncpg.Connection) -> Home:
    work, private = [await new_list(ann, name) for name in ("Work", "Home")]
    return Home(ann, await bounded(ann, lists=[work]), admin, work, private)


# --- the walls -----------------------------------------------------------------------------------


@pytest.fixture
async def rows(home: Home) -> Rows:
    """One of everything that the agent may not see."""
    found = await Rows.of(home.person)
    await home.person.perform(users.update, {"display_name": None})  # the profile's name is no list's
    return found


def hidden(rows: list[dict[str, Any]], home: Home, its_todos: set[int]) -> list[dict[str, Any]]:
    """Those of a table that are not of the agent's list."""
    return [
        row
        for row in rows
        if home.work not in (row.get("list_id"), row.get("id") if "name_key" in row else None)
        and row.get("todo_id") not in its_todos
    ]


async def what_leaked(
    home: Home, its: Rows, agent: Caller, rewrite: Callable[[str], str] | None = None, tried: Any = ATTEMPTS
) -> list[str]:
    """What the agent read or changed outside of its list."""
    user = home.person.principal.user_id
    own = Own(todo=await new_todo(home.person, "own", home.work, tags=["own"]), list=home.work, tag=0)
    own = replace(own, tag=next(t["id"] for t in orjson.loads((await agent.perform(tags.list_)).json)))
    before = await everything_of(home.admin, user)
    with on_the_wire(rewrite or (lambda sql: sql)):
        told_of = {name: await hear(agent, its, own, ATTEMPTS[name]) for name in tried}
    after = await everything_of(home.admin, user)
    its_todos = {row["id"] for row in after["todos"] if row["list_id"] == home.work}
    leaks = [f"{name} crashed" for name, heard in told_of.items() if any(CRASHED in words for words in heard)]
    leaks += [f"{name} told" for name, heard in told_of.items() if any(MARK in words for words in heard)]
    for table, kept in before.items():
        if table in ("agents", "api_tokens", "users"):  # when they were last used, and counted
            continue
        present = hidden(after[table], home, its_todos)
        leaks += [f"{table} changed" for row in hidden(kept, home, its_todos) if row not in present][:1]
    return leaks


@crossed(rewrite={"every check": None, "every WHERE user_id removed": without_own_checks}, pooler=["on", "off"])
async def test_an_agent_sees_and_changes_nothing_outside_of_its_lists(
    pooler: str, rewrite: Callable[[str], str] | None, home: Home, rows: Rows, another_core: CoreOpener
) -> None:
    async with another_core(database_pooler=pooler) as core:
        assert await what_leaked(home, rows, replace(home.agent, core=core), rewrite) == []


@pytest.mark.usefixtures("rows")
async def test_nothing_set_shows_no_row(home: Home) -> None:
    """So it is on every path that forgets to say who acts. A policy that is missing shows here, table by table."""
    shown: set[str] = set()
    async with acting_as(home.admin, "todo_agent", home.person.principal.user_id):
        for table in OWNED:
            if await home.admin.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):  # noqa: S608  # our own names
                shown.add(table)
        assert await home.admin.fetchval("SELECT count(*) FROM todos_with_words($1, 'english')", MARK) == 0
    async with acting_as(home.admin, "todo_app", home.person.principal.user_id):
        assert await home.admin.fetchval("SELECT count(*) FROM todos_with_words($1, 'english')", MARK) > 0
        filled = {
            table
            for table in OWNED
            if await home.admin.fetchval(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
        }
    assert shown <= OF_A_PERSON
    assert filled >= {*OWNED} - OF_A_PERSON - {"activity_days"}


async def test_each_policy_is_missed_when_it_is_dropped(
    home: Home, fresh_database_url: str, another_core: CoreOpener
) -> None:
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        ann = replace(home.person, core=core, principal=await core.identity.local("ann"))
        its = await Rows.of(ann)
        policies = await admin.fetch(
            "SELECT polname AS name, polrelid::regclass::text AS on_table FROM pg_policy"
            " WHERE polroles = ARRAY['todo_agent'::regrole::oid] AND polcmd IN ('*', 'r')"
        )
        unnoticed: list[str] = []
        for policy in policies:
            async with acting_as(admin, "todo_agent", its.user):
                await admin.execute("SET LOCAL ROLE NONE")
                await admin.execute(f"DROP POLICY {policy['name']} ON {policy['on_table']}")
                await admin.execute("SET LOCAL ROLE todo_agent")
                if not await admin.fetchval(f"SELECT EXISTS (SELECT FROM {policy['on_table']})"):  # noqa: S608
                    unnoticed.append(policy["on_table"])
                await admin.execute("ROLLBACK; BEGIN")
    assert {*unnoticed} <= {"activity_days"}  # which a task of the process writes
    assert len(policies) == 12


async def test_without_the_policies_the_attempts_would_be_noticed(
    home: Home, fresh_database_url: str, another_core: CoreOpener
) -> None:
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        ann = replace(home.person, core=core, principal=await core.identity.local("ann"))
        its = await Rows.of(ann)
        work = await new_list(ann, "Work")
        there = Home(ann, await bounded(ann, lists=[work]), admin, work, 0)
        for policy in await admin.fetch(
            "SELECT polname AS name, polrelid::regclass::text AS on_table FROM pg_policy"
            " WHERE polroles = ARRAY['todo_agent'::regrole::oid]"
        ):
            await admin.execute(f"DROP POLICY {policy['name']} ON {policy['on_table']}")
        leaks = {*await what_leaked(there, its, there.agent)}

    # What words find, and what the record shows of a row, functions of their own hold to the mandate.
    read = "todos.list todos.get notes.list lists.list lists.get tags.list tags.get changes.list overview.get"
    assert {f"{name} told" for name in read.split()} <= leaks
    assert {"todos changed", "lists changed"} <= leaks


async def test_a_search_that_forgets_the_mandate_would_be_noticed(
    home: Home, fresh_database_url: str, another_core: CoreOpener
) -> None:
    """What it finds of hidden lists shows in the ids of the function, which reads past the policies."""
    forgets = "CREATE OR REPLACE FUNCTION in_mandate(list bigint) RETURNS boolean LANGUAGE sql STABLE RETURN true"
    found: list[int] = []
    async with another_core(fresh_database_url) as core, connected(fresh_database_url) as admin:
        ann = replace(home.person, core=core, principal=await core.identity.local("ann"))
        its = await Rows.of(ann)
        for planted in (False, True):
            if planted:
                await admin.execute(forgets)
            async with acting_as(admin, "todo_agent", its.user):
                found.append(await admin.fetchval("SELECT count(*) FROM todos_with_words($1, 'english')", MARK))

    assert found[0] == 0
    assert found[1] > 0


@each(
    "sql",
    [
        "INSERT INTO todos (user_id, list_id, title, language) VALUES ($1, $2, 'a', 'english')",
        "UPDATE todos SET list_id = $2 WHERE user_id = $1 AND title = 'seen'",
        "INSERT INTO todos (user_id, list_id, title, language, parent_id)"
        " SELECT $1, list_id, 'b', 'english', $3 FROM todos WHERE title = 'seen' AND $2 > 0",
        "INSERT INTO todo_tags (user_id, todo_id, tag_id, list_id)"
        " SELECT $1, $3, id, (SELECT list_id FROM todos WHERE title = 'seen' AND $2 > 0) FROM tags",
        "UPDATE todos SET parent_id = $3 WHERE user_id = $1 AND title = 'seen' AND $2 > 0",
    ],
)
async def test_postgresql_itself_refuses_to_write_elsewhere(sql: str, home: Home) -> None:
    """Also where a foreign key would let it pass, and a link would lie about its list."""
    me = home.person.principal.user_id
    if "seen" not in await titles(home.person):
        await new_todo(home.person, "seen", home.work, tags=["a"])
        await new_todo(home.person, "hidden", home.home)
    secret = await home.admin.fetchval("SELECT id FROM todos WHERE user_id = $1 AND title = 'hidden'", me)
    agent = await home.admin.fetchrow(
        "SELECT id, version FROM agents WHERE user_id = $1 AND lists IS NOT NULL ORDER BY id DESC", me
    )
    arguments = (me, home.home, secret)[: 2 + ("$3" in sql)]

    async def write() -> None:
        async with acting_as(home.admin, "todo_agent", me):
            await home.admin.execute("SELECT require_active($1, NULL, $2, $3)", me, agent["id"], agent["version"])
            assert await home.admin.fetchval("SELECT count(*) FROM todos") == 1
            await home.admin.execute(sql, *arguments)

    with pytest.raises(asyncpg.PostgresError) as refused:
        await write()
    assert refused.value.sqlstate in ("42501", "TD4LI")


# --- what an agent is told -------------------------------------------------------------------------


async def test_a_refusal_says_that_it_is_for_the_lists_and_what_the_agent_may(home: Home) -> None:
    await home.agent.check()  # what the process remembered was without bounds
    for operation in OPERATIONS.values():
        if not operation.for_agents or operation.within_lists or operation.scope == "admin":
            continue
        with pytest.raises(OutsideMandate) as refused:
            await home.agent.perform(operation, *[None] * 3)
        assert refused.value.extra == {"mandate": "lists"}, operation.name
    assert {name for name, known in OPERATIONS.items() if known.for_agents and not known.within_lists} == {
        *("tags.rename", "tags.merge", "tags.delete", "users.get", "users.update", "imports.make", "exports.make"),
        *("tokens.create", "tokens.list", "tokens.rotate", "tokens.revoke", "calendars.list", "calendars.revoke"),
        *(name for name, known in OPERATIONS.items() if known.scope == "admin"),
    }
    line = f"This agent may: everything; within the list {home.work} and the lists that it makes."
    for operation in (overview.get, users.capabilities):
        said = orjson.loads((await home.agent.perform(operation)).json)["mandate"]
        assert said == f"{line} Only the person can change that."


async def test_counts_count_what_an_agent_sees(home: Home) -> None:
    await new_todo(home.person, "a", home.work, tags=["shown"])
    await new_todo(home.person, "b", home.home, tags=["shown", "secret"])
    seen = orjson.loads((await home.agent.perform(overview.get)).json)
    assert (seen["open"], [(one["id"], one["open"]) for one in seen["lists"]]) == (1, [(home.work, 1)])
    assert [(one["name"], one["open"]) for one in seen["tags"]] == [("shown", 1)]
    assert seen["all_tags"] == 1
    listed = await home.agent.perform(lists.list_, ListQuery())
    assert (listed.total, [row["id"] for row in orjson.loads(listed.json)]) == (1, [home.work])


async def test_a_tag_that_only_hidden_lists_use_is_as_if_it_were_new(home: Home) -> None:
    await new_todo(home.person, "b", home.home, tags=["secret"])
    answers = [
        (await home.agent.perform(todos.add, [TodoCreate(title="a", list_id=home.work, tags=[tag])])).one()
        for tag in ("secret", "never there")
    ]
    assert [one.told.get("new_tags") for one in answers] == [["secret"], ["never there"]]
    assert [orjson.loads(one.row)["tags"] for one in answers] == [["secret"], ["never there"]]
    again = (await home.agent.perform(todos.add, [TodoCreate(title="c", list_id=home.work, tags=["secret"])])).one()
    assert "new_tags" not in again.told
    found = {row["name"]: row["open_todos"] for row in orjson.loads((await home.agent.perform(tags.list_)).json)}
    assert found == {"never there": 1, "secret": 2}
    assert {row["name"]: row["open_todos"] for row in orjson.loads((await home.person.perform(tags.list_)).json)} == {
        "never there": 1,
        "secret": 3,
    }
    page = orjson.loads((await home.person.perform(changes.list_, ChangeFilter(entity="tag"))).json)
    assert [entry["title"] for change in page for entry in change["entries"] if entry["entity"] == "tag"] == [
        "never there",
        "secret",
    ]


async def test_a_todo_without_a_list_comes_to_the_default_or_the_only_list_or_is_asked_about(home: Home) -> None:
    (made,) = [await new_todo(home.agent, "a")]
    assert row_of_id(await home.agent.perform(todos.get, made))["list_id"] == home.work
    await home.bound(lists=[home.work, home.home])
    answer = await home.agent.perform(todos.add, [TodoCreate(title="b")])
    (refused,) = answer.results
    assert isinstance(refused, InvalidInput)
    (problem,) = refused.errors
    assert (problem.field, {*problem.allowed}) == ("list_id", {str(home.work), str(home.home)})
    await home.person.perform(users.update, {"default_list_id": home.home})
    made = await new_todo(home.agent, "c")
    assert row_of_id(await home.agent.perform(todos.get, made))["list_id"] == home.home


def row_of_id(found: Any) -> dict[str, Any]:
    row: dict[str, Any] = orjson.loads(found.json)
    return row


async def test_what_an_agent_makes_is_its_own_if_the_person_says_so(home: Home) -> None:
    made = await new_list(home.agent, "Ideas")
    await new_todo(home.agent, "in it", made)
    assert await titles(home.agent) == ["in it"]
    await home.bound(own_lists=False)
    assert await titles(home.agent) == []
    with pytest.raises(OutsideMandate) as refused:
        await new_list(home.agent, "More")
    assert refused.value.extra == {"mandate": "lists"}
    await home.bound(lists=[])
    assert [row["id"] for row in orjson.loads((await home.agent.perform(lists.list_, ListQuery())).json)] == [made]
    both = told(await home.agent.perform(lists.add, [ListCreate(name="One"), ListCreate(name="Two")]))
    assert [row["name"] for row in both] == ["One", "Two"]


async def test_restoring_to_a_hidden_inbox_is_refused(home: Home) -> None:
    gone = await new_list(home.agent, "Gone")
    todo = await new_todo(home.agent, "a", gone)
    await home.agent.perform(lists.delete, [gone], ListRemoval(todos="trash"))
    (refused,) = (await home.agent.perform(todos.restore, [todo])).results
    assert isinstance(refused, OutsideMandate)


# --- the record ------------------------------------------------------------------------------------


async def entries(who: Caller, **query: Any) -> list[tuple[str, Any]]:
    page = orjson.loads((await who.perform(changes.list_, ChangeFilter(**query))).json)
    return [(one["title"], one["is_new"]) for change in page for one in change["entries"] if one["entity"] == "todo"]


async def test_the_record_has_for_an_agent_what_is_in_its_lists(home: Home) -> None:
    both = await home.person.perform(
        todos.add, [TodoCreate(title="seen", list_id=home.work), TodoCreate(title="hidden", list_id=home.home)]
    )
    seen, secret = (row["id"] for row in told(both))
    assert both.change_id is not None
    assert await entries(home.agent) == [("seen", True)]
    (whole,) = orjson.loads((await home.agent.perform(changes.get, both.change_id)).json)["entries"]
    assert whole["id"] == seen
    alone = await home.person.perform(todos.update, [{"id": secret, "title": "still hidden"}])
    with pytest.raises(NotFound):
        await home.agent.perform(changes.get, alone.change_id)
    for change in (both.change_id, alone.change_id):
        with pytest.raises((OutsideMandate, NotFound)):
            await home.agent.perform(changes.undo, change)
    assert await titles(home.person) == ["seen", "still hidden"]


async def test_what_an_agent_did_before_it_was_bound_to_lists_goes_back_whole_or_not_at_all(home: Home) -> None:
    await home.bound(lists=None)
    mixed = await home.agent.perform(
        todos.add, [TodoCreate(title="seen", list_id=home.work), TodoCreate(title="hidden", list_id=home.home)]
    )
    inside = await home.agent.perform(todos.add, [TodoCreate(title="inside", list_id=home.work)])
    assert mixed.change_id is not None
    assert inside.change_id is not None
    await home.bound()

    for ids, choice in (([mixed.change_id, inside.change_id], None), ([], UndoChoice(made_after="yesterday"))):
        with pytest.raises(OutsideMandate):
            await home.agent.perform(changes.undo_several, ids, choice)
    assert await titles(home.person) == ["seen", "hidden", "inside"]
    without = UndoChoice(made_after="yesterday", skip_conflicts=True)
    undone = await home.agent.perform(changes.undo_several, [], without)
    assert [one["change_id"] for one in undone.skipped] == [mixed.change_id]
    assert await titles(home.person) == ["seen", "hidden"]


async def test_what_comes_from_a_hidden_list_is_new_and_what_goes_there_is_gone(home: Home) -> None:
    secret = await new_todo(home.person, "was hidden", home.home, description="secret words")
    since = max(
        change["id"] for change in orjson.loads((await home.person.perform(changes.list_, ChangeFilter())).json)
    )
    came = await home.person.perform(todos.update, [{"id": secret, "title": "shown", "list_id": home.work}])
    went = await home.person.perform(todos.update, [{"id": secret, "title": "hidden again", "list_id": home.home}])
    page = await home.agent.perform(changes.list_, ChangeFilter(since=since))
    first, second = (change["entries"][0] for change in orjson.loads(page.json))
    assert (first["before"], first["is_new"], first["after"]["title"]) == (None, True, "shown")
    assert (second["before"]["title"], second["after"], second["title"]) == ("shown", None, None)
    assert "was hidden" not in page.json
    assert "hidden again" not in page.json
    for change in (came, went):
        with pytest.raises(OutsideMandate):
            await home.agent.perform(changes.undo, change.change_id)


async def test_an_agent_undoes_what_it_did_with_a_tag_that_it_made(home: Home) -> None:
    made = await home.agent.perform(todos.add, [TodoCreate(title="a", list_id=home.work, tags=["new"])])
    await home.agent.perform(changes.undo, made.change_id)
    assert await titles(home.person) == []


# --- every path ------------------------------------------------------------------------------------


async def test_a_mandate_holds_at_once_however_the_agent_is_known_and_in_every_pool(
    home: Home, another_core: CoreOpener
) -> None:
    """The connections of both roles are as many together as one pool would have."""
    await new_todo(home.person, "seen", home.work)
    await new_todo(home.person, "hidden", home.home)
    async with another_core(database_pool_size=3) as core:
        elsewhere, person = replace(home.agent, core=core), replace(home.person, core=core)
        for _ in range(2):
            assert await titles(elsewhere) == ["seen"]
            await bound(home.person, home.agent)
            assert await titles(elsewhere) == ["seen", "hidden"]
            await home.bound()
        most = 0
        async with anyio.create_task_group() as together:
            for who in [elsewhere, person] * 12:
                together.start_soon(titles, who)
            for _ in range(40):
                await anyio.lowlevel.checkpoint()
                connections = core.database.connections
                most = max(most, connections.in_use + connections.idle)
        connections = core.database.connections
        assert max(most, connections.in_use + connections.idle) <= 3
        assert await titles(elsewhere) == ["seen"]


async def test_an_agent_of_lists_on_a_connection_of_others_is_refused_and_the_other_way_round(home: Home) -> None:
    me = home.person.principal.user_id
    agent = await home.admin.fetchrow(
        "SELECT id, version FROM agents WHERE id = $1", await agent_of(home.person, home.agent)
    )
    for role, whom in (("todo_app", (agent["id"], agent["version"])), ("todo_agent", (None, None))):
        with pytest.raises(asyncpg.PostgresError) as refused:
            async with acting_as(home.admin, role, me):
                await home.admin.execute("SELECT require_active($1, NULL, $2, $3)", me, *whom)
        assert refused.value.sqlstate == "TD4MA"


async def test_who_follows_is_told_of_its_lists_alone_until_the_mandate_changes(home: Home) -> None:
    position = await home.agent.perform(events.follow)
    form: Form[list[str]] = Form(True, lambda change: [one["title"] for one in change["entries"]])
    with home.agent.core.live.following(await home.agent.check(), position, form) as follower:
        await new_todo(home.person, "hidden", home.home)
        await new_todo(home.person, "seen", home.work)
        with anyio.fail_after(10):
            assert [event.told for event in await follower.next(None)] == [["seen"]]
        await home.agent.core.live._look()
        await home.bound(lists=[home.home])
        await home.agent.core.live._look()
        with anyio.fail_after(10), pytest.raises(OverError):
            await follower.next(None)


async def test_where_the_login_may_not_be_the_agents_role_nothing_is_shown(
    home: Home, another_core: CoreOpener, database_url: str
) -> None:
    """And everybody else is served."""
    await new_todo(home.person, "seen", home.work)
    login = f"narrow_{uuid4().hex[:12]}"
    await home.admin.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT todo_app TO {login}")
    parts = urlsplit(database_url)
    url = urlunsplit(parts._replace(netloc=re.sub(r"^.*@", f"{login}:@", parts.netloc)))
    for pooler in ("off", "on"):
        async with another_core(url, database_pooler=pooler) as core:
            with pytest.raises(Unavailable):
                await titles(replace(home.agent, core=core))
            assert await titles(replace(home.person, core=core)) == ["seen"]
            await core.readiness.require()
    await home.admin.execute(f"DROP ROLE {login}")


# --- proposals ---------------------------------------------------------------------------------------


async def test_a_proposal_is_performed_under_the_mandate_of_whoever_proposed_it(home: Home) -> None:
    await home.bound(mode="propose")
    kept = await home.agent.perform(todos.add, [TodoCreate(title="proposed", tags=["new"])])
    listed = await home.agent.perform(lists.add, [ListCreate(name="Proposed")])
    with pytest.raises(InvalidInput):
        await home.agent.perform(todos.add, [TodoCreate(title="x", list_id=home.home)])
    for one in (kept, listed):
        assert one.proposal_id is not None
        done = await home.person.perform(proposals.approve, one.proposal_id)
        assert done.change_id is not None
    assert await titles(home.person) == ["proposed"]
    names = [row["name"] for row in orjson.loads((await home.agent.perform(lists.list_, ListQuery())).json)]
    assert sorted(names) == ["Proposed", "Work"]


async def test_a_proposal_is_stale_where_the_lists_are_others_by_now(home: Home) -> None:
    await home.bound(mode="propose")
    (todo,) = [await new_todo(home.person, "seen", home.work)]
    ones = [
        (await home.agent.perform(todos.complete, [todo])).proposal_id,
        (await home.agent.perform(todos.add, [TodoCreate(title="a", list_id=home.work)])).proposal_id,
    ]
    await home.bound(mode="propose", lists=[home.home])
    for one in ones:
        with pytest.raises(ProposalStale):
            await home.person.perform(proposals.approve, one or 0)
    both = await home.person.perform(proposals.approve_several, [one or 0 for one in ones])
    assert [isinstance(result, ProposalStale) for result in both.results] == [True, True]
    assert await titles(home.person) == ["seen"]
    await home.person.perform(todos.complete, [todo])  # the person's transactions are the person's again


# --- giving one --------------------------------------------------------------------------------------


@each(
    "patch, code",
    [
        ({"lists": [2**40]}, "not_found"),
        ({"lists": [], "own_lists": False}, "invalid_input"),
        ({"lists": None, "own_lists": False}, "invalid_input"),
        ({"own_lists": False}, None),
        ({"lists": []}, None),
        ({"lists": None}, None),
    ],
)
async def test_what_a_mandate_may_say_of_lists(patch: dict[str, Any], code: str | None, home: Home) -> None:
    await home.bound()
    agent = await agent_of(home.person, home.agent)
    if code is None:
        row = row_of(await home.person.perform(agents.update, agent, patch))  # type: ignore[arg-type]
        assert row["lists"] == patch.get("lists", [home.work])
        return
    with pytest.raises(TodoError) as refused:
        await home.person.perform(agents.update, agent, patch)  # type: ignore[arg-type]
    assert refused.value.code == code


async def test_a_mandate_names_no_list_of_anothers_and_comes_with_a_token(home: Home, bob: Caller) -> None:
    theirs = await new_list(bob, "Theirs")
    for wanted in ({"lists": [theirs]}, {"lists": [home.work, theirs]}):
        with pytest.raises(TodoError) as refused:
            await home.person.perform(agents.update, await agent_of(home.person, home.agent), {**EVERYTHING, **wanted})  # type: ignore[arg-type]
        assert refused.value.code == "not_owner"
        with pytest.raises(TodoError) as refused:
            await home.person.perform(tokens.create, TokenCreate(name="a", mandate=Mandate(**wanted)))
        assert [error.field for error in refused.value.errors] == ["mandate.lists"]
    made = await home.person.perform(
        tokens.create, TokenCreate(name="a", mandate=Mandate(lists=[home.work, home.work]))
    )
    script = await Caller.authenticated(home.person.core, "rest", token=made.secret)
    await new_todo(home.person, "hidden", home.home)
    await new_todo(script, "seen")
    assert await titles(script) == ["seen"]


# --- rows a day ------------------------------------------------------------------------------------


async def test_rows_that_an_agent_does_not_see_count_for_its_day(home: Home) -> None:
    """Tags that it made, todos of lists that it saw before, and those that are elsewhere by now."""
    await home.bound(lists=None)
    await new_todo(home.agent, "hidden", home.home)
    await home.bound(rows_per_day=5)
    moved = await new_todo(home.agent, "a", home.work, tags=["new", "newer"])
    await home.person.perform(todos.update, [{"id": moved, "list_id": home.home}])

    with pytest.raises(OutsideMandate) as refused:
        await home.agent.perform(todos.add, [TodoCreate(title=title) for title in "bc"])
    assert refused.value.extra == {"mandate": "rows_per_day"}
    await home.bound(mode="propose", rows_per_day=5)
    with pytest.raises(OutsideMandate):
        await home.agent.perform(todos.add, [TodoCreate(title=title) for title in "bc"])
    for title in "bc":  # what it proposes counts when it is approved
        await home.agent.perform(todos.add, [TodoCreate(title=title)])
    await home.bound(rows_per_day=5)
    await new_todo(home.agent, "d")


# --- names and keys that are taken outside of the lists --------------------------------------------


async def test_what_is_taken_outside_of_the_lists_refuses_its_item_alone(home: Home) -> None:
    """A name of a list, given to a new one or to another, and a key of a todo: the other items are done."""
    await home.bound(own_lists=True)
    await new_todo(home.person, "hidden", home.home, key="k")
    here = {"list_id": home.work}

    made = await home.agent.perform(lists.add, [ListCreate(name="HOME", position=1), ListCreate(name="Garden")])
    garden = made.results[1]
    assert isinstance(garden, Done)
    new = {"name": "home", "id": home.work}, {"name": "Orchard", "id": garden.as_dict()["id"]}
    named = await home.agent.perform(lists.update, [*new])
    added = await home.agent.perform(
        todos.add, [TodoCreate(title=t, key=k, **here) for t, k in (("a", "k"), ("b", "l"))]
    )
    mixed = [MixedAdd(action="add", title=t, key=k, **here) for t, k in (("c", "k"), ("d", None))]
    mixture = await home.agent.perform(todos.mix, mixed)

    for changed in (made, named, added, mixture):
        assert codes(changed) == ["conflict", "changed"]
        assert changed.change_id is not None
        (refused,) = [one for one in changed.results if isinstance(one, TodoError)]
        assert refused.detail == TAKEN
    assert await titles(home.agent) == ["b", "d"]
    assert await titles(home.person) == ["hidden", "b", "d"]
    shown = [row["name"] for row in orjson.loads((await home.person.perform(lists.list_, ListQuery())).json)]
    assert sorted(shown) == ["Home", "Inbox", "Orchard", "Work"]


async def test_an_agent_that_makes_no_lists_is_told_of_a_taken_name_by_its_item(home: Home) -> None:
    other = await new_list(home.person, "Other")
    await home.bound(lists=[home.work, other], own_lists=False)

    named = await home.agent.perform(lists.update, [{"id": home.work, "name": "Home"}, {"id": other, "name": "Else"}])

    assert codes(named) == ["conflict", "changed"]


async def test_a_name_that_is_taken_outside_of_the_lists_is_in_the_way_of_an_undo(home: Home) -> None:
    """Of one change it is refused as such, and of a set it can be left out."""
    renamed = await home.agent.perform(lists.update, [{"id": home.work, "name": "Job"}])
    added = await home.agent.perform(todos.add, [TodoCreate(title="new", list_id=home.work)])
    await new_list(home.person, "Work")

    with pytest.raises(UndoRefused) as refused:
        await home.agent.perform(changes.undo, renamed.change_id)
    assert (refused.value.extra["entity"], refused.value.extra["id"]) == ("list", home.work)
    both = [renamed.change_id, added.change_id]
    with pytest.raises(UndoRefused) as refused:
        await home.agent.perform(changes.undo_several, both)
    assert [one["change_id"] for one in refused.value.extra["conflicts"]] == [renamed.change_id]
    undone = await home.agent.perform(changes.undo_several, both, UndoChoice(skip_conflicts=True))
    assert [one["change_id"] for one in undone.skipped] == [renamed.change_id]
    assert await titles(home.agent) == []
