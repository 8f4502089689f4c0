"""Every operation at every address of both faces, tried on hidden rows by an agent that sees some lists only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

import asyncpg
import httpx2
import pytest

from tests.behaviour.matrix import NOTHING, Cell, Target, cells
from tests.behaviour.test_mandates import told
from tests.behaviour.test_strangers import rows_of
from tests.core.support import connected
from tests.faces import http_client
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS
from todo_core.identity.scopes import USER_SCOPES
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate
from todo_core.operations import agents, lists, todos, users

pytestmark = pytest.mark.requirement("ID9", "WR1")

SECRET: Final = "words-that-the-agent-may-not-see"
_SAME: Final = re.compile(r"\d+|\"(at|now|timestamp|etag|instance|detail|created_at|updated_at)\": ?\"[^\"]*\"")
"""What differs between two answers that say the same: ids, and moments."""


def attempts() -> list[Any]:
    """Of each address all requests that an agent may make, but those that are for nobody's rows."""
    return [
        pytest.param(cell, id=str(cell), marks=pytest.mark.exhaustive if _is_again(cell) else ())
        for cell in cells()
        if OPERATIONS[cell.operation].for_agents and OPERATIONS[cell.operation].scope != "admin"
    ]


def _is_again(cell: Cell) -> bool:
    """Whether what it proves is proved over REST, and of its tool another request is made."""
    return cell.transport == "mcp-2025" or (cell.transport != "rest" and cell.number > 0)


def said(response: httpx2.Response) -> Any:
    """The status and the words of an answer, without ids."""
    return response.status_code, _SAME.sub("0", response.text)


@each("cell", attempts())
async def test_what_is_hidden_answers_like_what_never_existed(
    cell: Cell, app: Application, ann: Caller, database_url: str
) -> None:
    person = Caller(app.core, ann.principal, "test")
    hidden, own, token = await _made(app, person)
    nothing = replace(NOTHING, user=hidden.user)
    async with http_client(app, token) as http, connected(database_url) as admin:
        before = await _kept(admin, hidden)
        response = await cell.send(http, hidden, own)
        assert await _kept(admin, hidden) == before
        assert SECRET not in response.text
        if not OPERATIONS[cell.operation].within_lists:
            assert told(cell, response) == ["outside_mandate"]
        elif cell.answer != "own":  # it names what is hidden, and does not only go through what is there
            assert said(response) == said(await cell.send(http, nothing, own))
            assert not {"not_owner", "outside_mandate", "internal"} & {*told(cell, response)}


_KEPT: Final = """
SELECT json_build_array(
    (SELECT json_agg(u) FROM users u WHERE u.id = $1), (SELECT json_agg(t) FROM todos t WHERE t.id = $2),
    (SELECT json_agg(l) FROM lists l WHERE l.id = $3), (SELECT json_agg(g) FROM tags g WHERE g.id = $4),
    (SELECT json_agg(k ORDER BY tag_id) FROM todo_tags k WHERE k.todo_id = $2),
    (SELECT json_agg(n ORDER BY id) FROM notes n WHERE n.todo_id = $2),
    (SELECT json_agg(p ORDER BY id) FROM proposals p WHERE p.user_id = $1),
    (SELECT json_agg(c ORDER BY id) FROM calendars c WHERE c.user_id = $1)
)::text
"""
"""What the agent may not change: rows of the user, and the todo, the list and the tag that are hidden."""


async def _kept(admin: asyncpg.Connection, hidden: Target) -> str:
    kept: str = await admin.fetchval(_KEPT, hidden.user, hidden.todo, hidden.list, hidden.tag)
    assert SECRET in kept
    return kept


async def _made(app: Application, person: Caller) -> tuple[Target, Target, str]:
    """Hidden rows, those of the agent's list, and its token; made once for all rows of the table."""
    user_id = person.principal.user_id
    if user_id not in _MADE:
        hidden = await rows_of(person, SECRET)
        await person.perform(users.update, {"display_name": None, "default_list_id": None})
        work = (await person.perform(lists.add, [ListCreate(name="Work")])).touched[0].id
        new = TodoCreate(title="seen", list_id=work, tags=["seen"], due="today", repeat="daily")
        made = await person.perform(todos.add, [new])
        ids = {one.entity: one.id for one in made.touched}
        token = await token_of(person, *USER_SCOPES)
        token_id = (await app.core.identity.authenticate(token)).token_id or 0
        agent = await app.core.agents.find(user_id, AgentKey.of_token(token_id, "test"), None)
        assert agent is not None
        await person.perform(agents.update, agent.id, {"lists": [work]})
        own = replace(NOTHING, user=user_id, list=work, change=made.change_id or 0, **ids)
        _MADE[user_id] = (hidden, own, token)
    return _MADE[user_id]


_MADE: Final[dict[int, tuple[Target, Target, str]]] = {}
