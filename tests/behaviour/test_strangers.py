"""Every operation over every transport, tried by somebody who may not: nothing is told, nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx2
import jwt
import pytest

from tests.behaviour.matrix import Cell, Target, cells, unproven
from tests.faces import FaceName, Json, http_client, refused, rpc
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from todo_app.application import Application
from todo_core.boundary.operation import OPERATIONS, Caller
from todo_core.identity.scopes import ALL_SCOPES, Scope
from todo_core.models.changes import ChangeFilter
from todo_core.models.lists import ListCreate, ListQuery
from todo_core.models.todos import Status, TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import changes, lists, tags, todos, tokens, users

pytestmark = pytest.mark.requirement("OW1")

LAST_USE = re.compile(r'"last_used_at" ?: ?("[^"]*"|null)')
SECRET = "the-owner's-private-words"
EVERY_CELL = pytest.mark.parametrize("cell", [*cells()], ids=str)
_FIRST_BY_DEFAULT = [
    pytest.param(cell, id=str(cell), marks=pytest.mark.exhaustive if cell.number else ()) for cell in cells()
]
"""Whoever is refused at an address whatever they ask is so at the first request."""
EVERY_ADDRESS = pytest.mark.parametrize("cell", _FIRST_BY_DEFAULT)
EVERY_ADDRESS_OF_A_USER = pytest.mark.parametrize(
    "cell", [param for param in _FIRST_BY_DEFAULT if param.values[0].scope != "admin"]
)


async def rows_of(owner: Caller, words: str) -> Target:
    """A row of each kind, with these words in it."""
    added = await owner.perform(lists.add, [ListCreate(name=words)])
    (kept,) = (one.id for one in added.touched)
    new = TodoCreate(title=words, description=words, list_id=kept, tags=[words, "shared"], due="today", repeat="daily")
    made = await owner.perform(todos.add, [new])
    token = await owner.perform(tokens.create, TokenCreate(name=words))
    await owner.perform(users.update, {"display_name": words, "default_list_id": kept})
    assert made.change_id is not None
    ids = {one.entity: one.id for one in (*made.touched, *token.touched) if one.entity != "tag" or words in one.after}
    return Target(owner.principal.user_id, change=made.change_id, list=kept, **ids)


@pytest.fixture
async def target(ann: Caller) -> Target:
    """Rows that belong to Ann."""
    return await rows_of(ann, SECRET)


async def belongings(owner: Caller) -> list[str]:
    """Everything the owner has, but for when tokens were last used."""
    found = [
        (await owner.perform(todos.list_, TodoFilter(status=status, limit=200, archived=True))).json
        for status in get_args(Status)
    ]
    found.append((await owner.perform(changes.list_, ChangeFilter(since=0, limit=200))).json)
    found.append(LAST_USE.sub("", (await owner.perform(tokens.list_)).json))
    found.append((await owner.perform(users.get)).json)
    found.append((await owner.perform(lists.list_, ListQuery(archived="include"))).json)
    found.append((await owner.perform(tags.list_)).json)
    return found


def codes(told: Any) -> Iterator[str]:
    """Every error code of ours in an answer."""
    if isinstance(told, dict):
        yield from (told[name] for name in ("code", "error_code") if isinstance(told.get(name), str))
        for value in told.values():
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


@EVERY_CELL
@pytest.mark.requirement("OW4", "OW5")
async def test_a_stranger_is_refused_or_sees_only_their_own(
    cell: Cell, app: Application, ann: Caller, bob: Caller, target: Target
) -> None:
    own = await rows_of(bob, "his own")
    before = await belongings(ann)

    async with http_client(app, await token_of(bob)) as http:
        response = await cell.send(http, target, own)

    check_that_it_is_theirs_or_refused(cell, response)
    assert await belongings(ann) == before


@EVERY_ADDRESS_OF_A_USER
@pytest.mark.requirement("OW5")
async def test_an_admin_is_a_stranger_to_another_users_rows_like_anybody(
    cell: Cell, app: Application, ann: Caller, ada: Caller, target: Target
) -> None:
    own = await rows_of(ada, "her own")
    before = await belongings(ann)

    async with http_client(app, await token_of(ada)) as http:
        response = await cell.send(http, target, own)

    check_that_it_is_theirs_or_refused(cell, response)
    assert await belongings(ann) == before


@EVERY_ADDRESS
@pytest.mark.requirement("ID4")
async def test_a_token_without_the_scope_is_refused_with_its_name(
    cell: Cell, app: Application, ann: Caller, ada: Caller, target: Target
) -> None:
    who = ada if cell.scope == "admin" else ann
    others: list[Scope] = [scope for scope in ALL_SCOPES if scope != cell.scope and who.may(scope)]
    token = await token_of(who, *others)
    before = await belongings(ann)

    async with http_client(app, token) as http:
        response = await cell.send(http, target)
        if cell.transport != "rest":
            listed = (await rpc(http, cell.transport, "tools/list")).json()["result"]["tools"]
            assert cell.address not in [tool["name"] for tool in listed]

    assert response.status_code == (403 if cell.transport == "rest" else 200)
    told = told_by(cell, response)
    assert [*codes(told)] == ["insufficient_scope"]
    assert told["required_scope"] == cell.scope == OPERATIONS[cell.operation].scope
    assert await belongings(ann) == before


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
@pytest.mark.requirement("ID7")
async def test_no_token_or_a_bad_one_is_401(cell: Cell, app: Application, ann: Caller, target: Target) -> None:
    before = await belongings(ann)

    answers = set()
    for token in BAD_TOKENS.values():
        async with http_client(app, token) as http:
            response = await cell.send(http, target)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")
        answers.add(response.text)

    assert len(answers) == 1, "the answer must not tell why"
    assert [*codes(response.json())] == ["unauthenticated"]
    assert await belongings(ann) == before


@EVERY_ADDRESS
@pytest.mark.requirement("ID3", "ID7", "MC4")
async def test_a_revoked_token_is_401_even_when_it_has_just_been_used(
    cell: Cell, app: Application, ann: Caller, ada: Caller, target: Target
) -> None:
    made = await ada.perform(tokens.create, TokenCreate(name="x", scopes=[*ALL_SCOPES]))
    before = await belongings(ann)

    async with http_client(app, made.secret) as http:
        assert (await http.get("/api/v1/overview")).status_code == 200
        await ada.perform(tokens.revoke, made.touched[0].id)
        response = await cell.send(http, target)

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert await belongings(ann) == before


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
