"""Agents: who is one, what is kept of each, and how a block bites."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import anyio
import asyncpg
import jwt
import orjson
import pytest

from tests.core.support import CoreOpener, add, as_operation, everything_of, row_of, with_server_settings
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from tests.tables import each
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.boundary.results import Changed
from todo_core.core import Core
from todo_core.errors import AgentBlocked, NotForAgents, NotFound, Unauthenticated, VersionConflict
from todo_core.identity.issuers import Issuer
from todo_core.models.changes import ChangeFilter
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import agents, changes, events, todos, tokens
from todo_core.queries.agents import MOST_PROGRAMS
from todo_core.upkeep.live.follower import OverError
from todo_core.upkeep.live.view import Form

pytestmark = pytest.mark.requirement("ID8")

OURS = "https://ours.example.test"
Rows = list[dict[str, Any]]


async def agents_of(person: Caller) -> Rows:
    rows: Rows = orjson.loads((await person.perform(agents.list_)).json)
    return rows


async def by_token(person: Caller, core: Core | None = None, via: str = "rest") -> Caller:
    """An API token of a person, as a process sees it."""
    return await Caller.authenticated(core or person.core, via, token=await token_of(person), client="script/1.0")


async def changed(person: Caller, operation: Operation[..., Changed[Any]], agent_id: int, *more: Any) -> dict[str, Any]:
    return row_of(await person.perform(operation, agent_id, *more))


@pytest.fixture
async def issued(another_core: CoreOpener) -> Any:
    """A core that trusts two issuers, one of them with clients of its own."""
    more = {"issuer": OURS, "audience": [AUDIENCE], "secret": JWT_SECRET, "own_clients": ["web"]}
    also = {"issuer": ISSUER, "audience": [AUDIENCE], "secret": JWT_SECRET}
    cleared = {"jwt_issuer": None, "jwt_audience": (), "jwt_secret": None}
    async with another_core(issuers=[Issuer.model_validate(one) for one in (also, more)], **cleared) as core:
        yield core


def jwt_of(subject: str, kind: str = "JWT", **claims: Any) -> str:
    ends = datetime.now(UTC) + timedelta(minutes=5)
    content = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": ends, "scope": "todos:read todos:write profile"}
    return jwt.encode(content | claims, JWT_SECRET, "HS256", {"typ": kind})


class Presented:
    """A JWT, and where it is presented."""

    def __init__(self, face: str, kind: str = "JWT", **claims: str) -> None:
        self.face = face
        self.kind = kind
        self.claims = claims

    def __str__(self) -> str:
        return f"{self.face} {self.kind} {self.claims}"


@each(
    "token, client, known_as",
    [
        (Presented("rest"), "browser", None),
        (Presented("rest", "at+jwt", iss=OURS, client_id="web"), "browser", None),
        (Presented("rest", "at+jwt", client_id="one"), "Claude", ("client", f"{ISSUER} one", "Claude")),
        (Presented("rest", "at+jwt", azp="two"), "Claude", ("client", f"{ISSUER} two", "Claude")),
        (Presented("rest", "at+jwt", client_id="web"), None, ("client", f"{ISSUER} web", "web")),
        (Presented("rest", "at+jwt"), None, ("client", f"{ISSUER} ", "app")),
        (Presented("mcp", "at+jwt", client_id="one"), "Claude", ("client", f"{ISSUER} one", "Claude")),
        (Presented("mcp"), "claude-code/2.1 (cli)", ("program", f"{ISSUER} claude-code", "claude-code")),
        (Presented("mcp"), None, ("program", f"{ISSUER} unnamed program", "unnamed program")),
        (Presented("mcp", "at+jwt", iss=OURS, client_id="web"), "web", ("program", f"{OURS} web", "web")),
        (Presented("mcp:add_todos"), "x" * 600, ("program", None, "x" * 200)),
    ],
    ids=str,
)
async def test_the_credential_and_the_face_decide_who_is_an_agent(
    token: Presented, client: str | None, known_as: tuple[str, str | None, str] | None, issued: Core
) -> None:
    jwt_text = jwt_of(uuid4().hex, token.kind, **token.claims)
    who = await Caller.authenticated(issued, token.face.partition(":")[0], token=jwt_text)
    who = replace(who, via=token.face, client=client)
    made = await who.perform(todos.add, [TodoCreate(title="a")])

    person = replace(who, via="cli", client=None, principal=replace(who.principal, agent_key=None, is_delegated=False))
    rows = await agents_of(person)
    (change,) = orjson.loads((await person.perform(changes.list_, ChangeFilter(limit=1))).json)
    assert change["id"] == made.change_id
    if known_as is None:
        assert (rows, change["agent_id"]) == ([], None)
        return
    (row,) = rows
    assert (row["kind"], row["name"]) == (known_as[0], known_as[2])
    assert row["known_as"] == known_as[1] or known_as[1] is None
    assert (change["agent_id"], row["changes"], row["version"]) == (row["id"], 1, 1)


@each("client_id", [5, "", "a\x00b", ["one"]], ids=repr)
async def test_a_client_that_cannot_be_named_is_refused(client_id: Any, issued: Core) -> None:
    token = jwt_of("x", "at+jwt", client_id=client_id)

    with pytest.raises(Unauthenticated):
        await Caller.authenticated(issued, "rest", token=token)


async def test_clients_that_call_themselves_alike_are_two_and_a_token_is_one_on_either_face(
    ann: Caller, issued: Core
) -> None:
    subject = uuid4().hex
    callers = [
        await Caller.authenticated(issued, "rest", token=jwt_of(subject, "at+jwt", client_id=name), client="Claude")
        for name in ("one", "two")
    ]
    for caller in callers:
        await caller.perform(todos.list_, TodoFilter())
    person = replace(callers[0], principal=replace(callers[0].principal, agent_key=None, is_delegated=False))
    assert [row["name"] for row in await agents_of(person)] == ["Claude", "Claude"]

    script = await by_token(ann)
    for via in ("rest", "mcp:add_todos"):
        await add(replace(script, via=via), "a")
    (row,) = await agents_of(ann)
    assert (row["kind"], row["known_as"], row["name"]) == ("token", str(script.principal.token_id), "test")
    assert row["changes"] == 2


async def test_a_block_bites_at_once_in_every_process_and_so_does_the_end_of_its_time(
    ann: Caller, another_core: CoreOpener
) -> None:
    async with another_core() as elsewhere:
        script = await by_token(ann, elsewhere)
        await add(script, "a")
        (row,) = await agents_of(ann)

        blocked = await changed(ann, agents.block, row["id"])
        assert blocked["blocked_at"] is not None
        assert blocked["version"] == 2
        for attempt in (
            script.perform(todos.list_, TodoFilter()),
            add(script, "b"),
            add(replace(script, dry_run=True), "b"),
            script.check(),
        ):
            with pytest.raises(AgentBlocked):
                await attempt
        assert not (await ann.perform(agents.block, row["id"])).one().changed
        await changed(ann, agents.unblock, row["id"])
        await add(script, "c")

        past = datetime.now(UTC) - timedelta(seconds=1)
        await changed(ann, agents.update, row["id"], {"until": past})
        with pytest.raises(AgentBlocked):
            await add(script, "d")
        await changed(ann, agents.update, row["id"], {"until": None, "name": "my script"})
        await add(script, "e")
        (row,) = await agents_of(ann)
        assert (row["name"], row["changes"], row["version"]) == ("my script", 3, 5)


async def test_who_follows_is_told_nothing_more_once_blocked(ann: Caller) -> None:
    script = await by_token(ann)
    position = await script.perform(events.follow)
    (row,) = await agents_of(ann)
    form: Form[int] = Form(rows=False, make=lambda change: change["id"])
    with ann.core.live.following(script, position, form) as follower, anyio.fail_after(10):
        (made,) = ((await ann.perform(todos.add, [TodoCreate(title="a")])).change_id,)
        assert [event.told for event in await follower.next(None)] == [made]
        await changed(ann, agents.block, row["id"])
        await add(ann, "b")
        with pytest.raises(OverError):
            await follower.next(None)


async def test_no_agent_has_a_say_over_agents(ann: Caller) -> None:
    script = await by_token(ann)
    await add(script, "a")
    (row,) = await agents_of(ann)
    for agent in (script, replace(ann, via="mcp", client="x")):
        for operation, arguments in (
            (agents.list_, ()),
            (agents.get, (row["id"],)),
            (agents.update, (row["id"], {"name": "x"})),
            (agents.block, (row["id"],)),
            (agents.unblock, (row["id"],)),
        ):
            with pytest.raises(NotForAgents):
                await agent.perform(operation, *arguments)  # type: ignore[arg-type]  # of each its own
    with pytest.raises(NotFound):
        await ann.perform(agents.get, 2**62)
    with pytest.raises(VersionConflict):
        await ann.perform(agents.update, row["id"], {"name": "x"}, [7])


async def test_programs_that_choose_new_names_are_one_more(ann: Caller, admin: asyncpg.Connection) -> None:
    await admin.execute(
        "INSERT INTO agents (user_id, kind, known_as, name) SELECT $1, 'program', n::text, 'x'"
        " FROM generate_series(1, $2::int) AS n",
        ann.principal.user_id,
        MOST_PROGRAMS,
    )
    for name in ("one more", "and one more"):
        await add(replace(ann, via="mcp:add_todos", client=name), "a")

    (others,) = [row for row in await agents_of(ann) if row["known_as"] == "others"]
    assert (others["name"], others["changes"]) == ("other programs", 2)
    assert len(await agents_of(ann)) == MOST_PROGRAMS + 1


async def test_a_block_of_all_other_programs_holds_where_nothing_can_be_written(
    ann: Caller, admin: asyncpg.Connection, another_core: CoreOpener, database_url: str
) -> None:
    await admin.execute(
        "INSERT INTO agents (user_id, kind, known_as, name, blocked_at) VALUES ($1, 'program', 'others', 'x', now())",
        ann.principal.user_id,
    )
    readonly = with_server_settings(database_url, default_transaction_read_only="on")
    async with another_core(readonly) as core:
        with pytest.raises(AgentBlocked):
            await replace(ann, core=core, via="mcp:list_todos", client="a new one").perform(todos.list_, TodoFilter())


async def test_an_agent_that_is_there_is_found_in_one_round_trip(ann: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    script = await by_token(ann)
    await script.perform(todos.list_, TodoFilter())
    ((found, key),) = [(one["id"], script.agent_key) for one in await agents_of(ann) if one["kind"] == "token"]
    ann.core.agents.forget(ann.principal.user_id, key)  # type: ignore[arg-type]

    monkeypatch.setattr(ann.core.database, "begin", None)  # as one that needs a transaction would
    agent = await ann.core.agents.find(ann.principal.user_id, key, None, to_write=False)  # type: ignore[arg-type]
    assert agent is not None
    assert agent.id == found


async def test_a_rotated_token_is_the_same_agent(ann: Caller) -> None:
    script = await by_token(ann)
    await add(script, "a")
    (row,) = await agents_of(ann)
    assert script.principal.token_id is not None
    rotated = await ann.perform(tokens.rotate, script.principal.token_id)

    await add(await Caller.authenticated(ann.core, "rest", token=rotated.secret), "b")
    (same,) = await agents_of(ann)
    assert (same["id"], same["changes"]) == (row["id"], 2)
    assert same["known_as"] == str(row_of(rotated)["id"])


async def test_uses_are_counted_once_a_minute_and_changes_as_they_are(
    ann: Caller, admin: asyncpg.Connection, another_core: CoreOpener
) -> None:
    script = await by_token(ann)
    await add(script, "a")
    await add(script, "b")
    assert [row["changes"] for row in await agents_of(ann)] == [2]
    await admin.execute(
        "UPDATE agents SET last_used_at = now() - interval '2 minutes' WHERE user_id = $1", ann.principal.user_id
    )
    async with another_core() as elsewhere:
        await add(await by_token_again(script, elsewhere), "c")
    (stored,) = (await everything_of(admin, ann.principal.user_id))["agents"]
    assert stored["changes"] == 2
    assert stored["last_used_at"] > datetime.now(UTC) - timedelta(minutes=1)
    assert [row["changes"] for row in await agents_of(ann)] == [3]


async def by_token_again(script: Caller, core: Core) -> Caller:
    return replace(script, core=core)


async def test_changes_are_found_by_agent_and_name_the_request(ann: Caller) -> None:
    one, two = [replace(await by_token(ann), request_id=f"request-{n}") for n in range(2)]
    made = [(await who.perform(todos.add, [TodoCreate(title="a")])).change_id for who in (one, two, one, ann)]
    ids = {row["known_as"]: row["id"] for row in await agents_of(ann)}
    mine, other = ids[str(one.principal.token_id)], ids[str(two.principal.token_id)]

    async def found(**wanted: Any) -> list[tuple[int, int | None, str | None]]:
        page = await ann.perform(changes.list_, ChangeFilter(**wanted))
        return [(row["id"], row["agent_id"], row["request_id"]) for row in orjson.loads(page.json)]

    assert await found(agent=mine) == [(made[2], mine, "request-0"), (made[0], mine, "request-0")]
    assert await found(agent=mine, since=made[0]) == [(made[2], mine, "request-0")]
    assert await found(agent=other, entity="todo") == [(made[1], other, "request-1")]
    assert await found(agent=other, entity="list") == []
    assert (await found(limit=1)) == [(made[3], None, None)]


async def test_an_idempotency_key_belongs_to_its_agent(ann: Caller) -> None:
    one, two = await by_token(ann), await by_token(ann)
    wanted = [TodoCreate(title="a")]
    answers = [await who.once("key").perform(todos.add, wanted) for who in (one, ann, two)]

    assert len({answer.change_id for answer in answers}) == 3
    for who, first in zip((one, ann, two), answers, strict=True):
        again = await who.once("key").perform(todos.add, wanted)
        assert (again.replayed, again.change_id) == (True, first.change_id)


async def test_what_an_older_version_kept_is_found_by_whoever_retries(ann: Caller, admin: asyncpg.Connection) -> None:
    script = await by_token(ann)
    first = await script.once("key").perform(todos.add, [TodoCreate(title="a")])
    await admin.execute("UPDATE idempotency_keys SET agent_id = NULL WHERE user_id = $1", ann.principal.user_id)

    assert (await script.once("key").perform(todos.add, [TodoCreate(title="a")])).change_id == first.change_id


async def test_an_agent_that_changed_is_read_again_and_the_request_goes_on(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """Also in the middle of a read of several statements."""
    script = await by_token(ann)
    await add(script, "a")
    (row,) = await agents_of(ann)
    read = []

    async def twice(tx: Any) -> Changed[Any]:
        from todo_core.queries import users

        read.append(await tx.value(users.ZONE))
        if len(read) == 1:
            await admin.execute("UPDATE agents SET version = version + 1 WHERE id = $1", row["id"])
        read.append(await tx.value(users.ZONE))
        return Changed([])

    await script.perform(as_operation(twice, effect="reads", scope="todos:read"))
    assert len(read) == 3


async def test_an_agent_that_another_request_has_made_meanwhile_is_found(ann: Caller, another_core: CoreOpener) -> None:
    token = await token_of(ann)
    async with another_core(database_pool_size=3) as core:
        mine = await Caller.authenticated(core, "rest", token=token)
        async with core.database.begin():  # nothing else can be written
            await mine.perform(todos.list_, TodoFilter())
        await (await Caller.authenticated(ann.core, "rest", token=token)).perform(todos.list_, TodoFilter())

        assert (await mine.perform(todos.list_, TodoFilter())).total == 0


async def test_postgresql_takes_no_api_token_for_the_person(ann: Caller) -> None:
    script = await by_token(ann)
    await add(script, "a")

    with pytest.raises(asyncpg.PostgresError) as refused:
        async with ann.core.database.begin(user_id=ann.principal.user_id, token_id=script.principal.token_id):
            pass
    assert refused.value.sqlstate == "TD4MA"


def test_a_program_is_known_by_its_name_without_its_version() -> None:
    names = {
        told: AgentKey.of_program("i", told).name for told in ("python-httpx2/0.27.1", "Claude Desktop", "a b 1.2", " ")
    }

    assert names == {
        "python-httpx2/0.27.1": "python-httpx2",
        "Claude Desktop": "Claude Desktop",
        "a b 1.2": "a b",
        " ": "unnamed program",
    }
