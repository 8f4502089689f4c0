"""Every operation over every transport, tried by somebody who may not: nothing is told, nothing is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.behaviour.matrix import Cell, Target, cells, unproven
from tests.core.support import Snapshot, connected, everything_of, proposing
from tests.faces import FaceName, Json, http_client, refused, rpc
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.identity.scopes import ALL_SCOPES, Scope
from todo_core.models.calendars import CalendarCreate
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate
from todo_core.models.tokens import TokenCreate
from todo_core.operations import calendars, lists, notes, todos, tokens, users

pytestmark = pytest.mark.requirement("OW1")

SECRET = "the-owner's-private-words"
EVERY_CELL = each("cell", [*cells()], ids=str)
_FIRST_BY_DEFAULT = [
    pytest.param(cell, id=str(cell), marks=pytest.mark.exhaustive if cell.number else ()) for cell in cells()
]
"""Whoever is refused at an address whatever they ask is so at the first request."""
EVERY_ADDRESS = each("cell", _FIRST_BY_DEFAULT)
EVERY_ADDRESS_OF_A_USER = each("cell", [param for param in _FIRST_BY_DEFAULT if param.values[0].scope != "admin"])
Unchanged = Callable[[], AbstractAsyncContextManager[None]]
NewUser = Callable[[], Awaitable[Caller]]


async def rows_of(owner: Caller, words: str) -> Target:
    """A row of each kind, with these words in it."""
    added = await owner.perform(lists.add, [ListCreate(name=words)])
    (kept,) = (one.id for one in added.touched)
    common = {"key": "shared", "due": "today", "repeat": "daily"}
    new = TodoCreate(title=words, description=words, list_id=kept, tags=[words, "shared"], **common)
    made = await owner.perform(todos.add, [new])
    (todo,) = (one.id for one in made.touched if one.entity == "todo")
    await owner.perform(notes.add, todo, words)
    token = await owner.perform(tokens.create, TokenCreate(name=words))
    calendar = await owner.perform(calendars.create, CalendarCreate(name=words))
    await owner.perform(users.update, {"display_name": words, "default_list_id": kept})
    assert made.change_id is not None
    agent = await owner.core.agents.find(owner.principal.user_id, AgentKey.of_program("test", words), None)
    assert agent is not None
    ids = {
        one.entity: one.id
        for one in (*made.touched, *token.touched, *calendar.touched)
        if one.entity != "tag" or words in one.after
    }
    proposed = await (await proposing(owner)).perform(todos.complete, [todo])
    assert proposed.proposal is not None
    return Target(
        owner.principal.user_id,
        proposal=proposed.proposal.id,
        agent=agent.id,
        change=made.change_id,
        list=kept,
        **ids,
    )


async def new_admin(app: Application) -> Caller:
    """An admin that no other row of a table knows."""
    return Caller(app.core, await app.core.identity.local(f"admin-{uuid4().hex}", "admin"), "test")


@pytest.fixture
async def target(ann: Caller) -> Target:
    """Rows that belong to Ann."""
    return await rows_of(ann, SECRET)


@pytest.fixture
async def unchanged(target: Target, database_url: str) -> AsyncIterator[Unchanged]:
    """Makes a block after which every row of the owner's is what it was, but for when tokens were last used."""
    async with connected(database_url) as admin:

        async def rows() -> Snapshot:
            return {
                table: [
                    {name: value for name, value in row.items() if name != "last_used_at"}
                    for row in found
                    if table != "agents" or row["id"] == target.agent  # each token that is used is another one
                ]
                for table, found in (await everything_of(admin, target.user)).items()
            }

        @asynccontextmanager
        async def block() -> AsyncIterator[None]:
            before = await rows()
            assert sum(map(len, before.values())) > 10
            yield
            assert await rows() == before

        yield block


def codes(told: Any) -> Iterator[str]:
    """Every error code of ours in an answer; those of fields, in `errors`, are others."""
    if isinstance(told, dict):
        yield from (told[name] for name in ("code", "error_code") if isinstance(told.get(name), str))
        for name, value in told.items():
            if name != "errors":
                yield from codes(value)
    elif isinstance(told, list):
        for value in told:
            yield from codes(value)


def told_by(cell: Cell, response: Any) -> Json:
    told: Json = response.json() if cell.transport == "rest" else refused(response)
    return told


@pytest.mark.requirement("WR1")
def test_every_operation_and_address_has_an_attempt() -> None:
    assert unproven() == set()


def check_that_it_is_theirs_or_refused(cell: Cell, response: httpx2.Response) -> None:
    """Nothing of the owner's is in the answer to somebody else."""
    assert SECRET not in response.text
    if cell.answer == "own":
        assert response.status_code < 300
        assert "isError" not in response.text or response.json()["result"]["isError"] is False
    elif cell.address == "POST /todos/batch":
        assert response.json()["change_id"] is None
        assert [*codes(response.json())] == [cell.answer]
    else:
        assert response.status_code == (403 if cell.transport == "rest" else 200)
        told = told_by(cell, response)
        assert [*codes(told)] == [cell.answer]
        assert not told.keys() & {"current", "title_of", "owner"}


@dataclass(frozen=True)
class Stranger:
    """Somebody else, with rows of their own."""

    token: str
    own: Target


StrangerOf = Callable[..., Awaitable[Stranger]]


@pytest.fixture
def stranger_of(new_user: NewUser) -> StrangerOf:
    """Return who asks for a cell: all that only read are one, and each that may write is another one."""
    reader: list[Stranger] = []

    async def stranger(cell: Cell, words: str, make: NewUser = new_user) -> Stranger:
        only_reads = OPERATIONS[cell.operation].effect == "reads"
        if only_reads and reader:
            return reader[0]
        who = await make()
        own = await rows_of(who, words)
        made = Stranger(await token_of(who), own)
        if only_reads:
            reader.append(made)
        return made

    return stranger


@EVERY_CELL
@pytest.mark.requirement("OW4", "OW5")
async def test_a_stranger_is_refused_or_sees_only_their_own(
    cell: Cell, app: Application, stranger_of: StrangerOf, target: Target, unchanged: Unchanged
) -> None:
    bob = await stranger_of(cell, "his own")

    async with unchanged(), http_client(app, bob.token) as http:
        response = await cell.send(http, target, bob.own)

    check_that_it_is_theirs_or_refused(cell, response)


@EVERY_ADDRESS_OF_A_USER
@pytest.mark.requirement("OW5")
async def test_an_admin_is_a_stranger_to_another_users_rows_like_anybody(
    cell: Cell, app: Application, stranger_of: StrangerOf, target: Target, unchanged: Unchanged
) -> None:
    ada = await stranger_of(cell, "her own", lambda: new_admin(app))

    async with unchanged(), http_client(app, ada.token) as http:
        response = await cell.send(http, target, ada.own)

    check_that_it_is_theirs_or_refused(cell, response)


@each("cell", [param for param in _FIRST_BY_DEFAULT if param.values[0].scope])
@pytest.mark.requirement("ID4")
async def test_a_token_without_the_scope_is_refused_with_its_name(
    cell: Cell, app: Application, ann: Caller, target: Target, unchanged: Unchanged
) -> None:
    who = await new_admin(app) if cell.scope == "admin" else ann
    instead: dict[Any, set[Scope]] = {"todos:write": {"todos:propose"}}  # by which an agent may ask for the same
    lacking = {cell.scope} | instead.get(cell.scope, set())
    others: list[Scope] = [scope for scope in ALL_SCOPES if scope not in lacking and who.may(scope)]
    token = await token_of(who, *others)

    async with unchanged(), http_client(app, token) as http:
        response = await cell.send(http, target)
        if cell.transport != "rest":
            listed = (await rpc(http, cell.transport, "tools/list")).json()["result"]["tools"]
            assert cell.address not in [tool["name"] for tool in listed]

    assert response.status_code == (403 if cell.transport == "rest" else 200)
    told = told_by(cell, response)
    assert [*codes(told)] == ["insufficient_scope"]
    assert told["required_scope"] == cell.scope == OPERATIONS[cell.operation].scope


def jwt_of(**claims: object) -> str:
    now = datetime.now(UTC)
    usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "somebody", "exp": now + timedelta(hours=1)}
    return jwt.encode(usual | claims, JWT_SECRET, "HS256")


BAD_TOKENS = {
    "none": None,
    "empty": "",
    "nonsense": "nonsense",
    "unknown": "todo_" + "A" * 49,
    "expired": jwt_of(exp=datetime.now(UTC) - timedelta(hours=1)),
    "of another issuer": jwt_of(iss="https://evil.example.test"),
}


@EVERY_ADDRESS
@pytest.mark.same_statements
@pytest.mark.requirement("ID7")
async def test_no_token_or_a_bad_one_is_401(cell: Cell, app: Application, target: Target, unchanged: Unchanged) -> None:
    answers = set()
    async with unchanged():
        for token in BAD_TOKENS.values():
            async with http_client(app, token) as http:
                response = await cell.send(http, target)
            assert response.status_code == 401
            assert response.headers["www-authenticate"].startswith("Bearer")
            answers.add(response.text)

    assert len(answers) == 1, "the answer must not tell why"
    assert [*codes(response.json())] == ["unauthenticated"]


@EVERY_ADDRESS
@pytest.mark.requirement("ID3", "ID7", "MC4")
async def test_a_revoked_token_is_401_even_when_it_has_just_been_used(
    cell: Cell, app: Application, ada: Caller, target: Target, unchanged: Unchanged
) -> None:
    made = await ada.perform(tokens.create, TokenCreate(name="x", scopes=[*ALL_SCOPES]))

    async with unchanged(), http_client(app, made.secret) as http:
        assert (await http.get("/api/v1/overview")).status_code == 200
        await ada.perform(tokens.revoke, made.touched[0].id)
        response = await cell.send(http, target)

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("transport", ["mcp-2026", "mcp-2025"])
async def test_a_read_only_token_sees_only_reading_tools(transport: FaceName, app: Application, ann: Caller) -> None:
    async with http_client(app, await token_of(ann, "todos:read")) as http:
        listed = (await rpc(http, transport, "tools/list")).json()["result"]["tools"]

    assert [tool["annotations"]["readOnlyHint"] for tool in listed] == [True] * len(listed)
    assert {tool["name"] for tool in listed} == {
        "list_todos",
        "list_changes",
        "get_overview",
        "get_report",
        "search",
        "fetch",
    }
