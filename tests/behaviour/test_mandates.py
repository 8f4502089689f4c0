"""Every operation at every address of both faces, as an agent that may not do what it needs, and as one that may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest

from tests.behaviour.matrix import Cell, cells
from tests.behaviour.test_strangers import codes, rows_of
from tests.core.support import connected, everything_of
from tests.faces import http_client, refused
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, ByItem
from todo_core.identity.scopes import USER_SCOPES
from todo_core.models.agents import VERBS
from todo_core.operations import agents

pytestmark = pytest.mark.requirement("ID9", "WR1")

EVERYTHING: Final = {"verbs": None, "mode": "act", "rows_per_day": None}


def bounded() -> Iterator[Any]:
    """Of each address the first request; the others at it are refused alike."""
    for cell in cells():
        known = OPERATIONS[cell.operation]
        if known.for_agents and known.scope != "admin" and known.verbs != ():
            yield pytest.param(cell, id=str(cell), marks=pytest.mark.exhaustive if cell.number else ())


def without(cell: Cell) -> dict[str, Any]:
    """A mandate that lacks what a request needs."""
    needed = OPERATIONS[cell.operation].verbs
    if needed is None:
        return {"rows_per_day": 1_000}
    if isinstance(needed, ByItem):
        return {"verbs": ["read"]}
    return {"verbs": [verb for verb in VERBS if verb != needed[-1]]}


def only(cell: Cell) -> dict[str, Any]:
    """A mandate that has what a request needs, and no more where that can be told."""
    needed = OPERATIONS[cell.operation].verbs
    return {"verbs": None if needed is None or isinstance(needed, ByItem) else [*needed]}


def told(cell: Cell, response: httpx2.Response) -> list[str]:
    if cell.transport == "rest":
        return [*codes(response.json())] if response.status_code >= 400 else []
    return [*codes(refused(response))] if '"isError":true' in response.text.replace(" ", "") else []


@each("cell", [*bounded()])
async def test_an_agent_does_what_its_verbs_say_and_no_more(
    cell: Cell, app: Application, ann: Caller, database_url: str
) -> None:
    own = await _own(app, ann)
    token = await token_of(ann, *USER_SCOPES)
    token_id = (await app.core.identity.authenticate(token)).token_id or 0
    agent = await app.core.agents.find(ann.principal.user_id, AgentKey.of_token(token_id, "test"), None)
    assert agent is not None
    async with http_client(app, token) as http, connected(database_url) as admin:
        await ann.perform(agents.update, agent.id, {**EVERYTHING, **without(cell)})
        before = await everything_of(admin, ann.principal.user_id)
        assert told(cell, await cell.send(http, own, own)) == ["outside_mandate"]
        after = await everything_of(admin, ann.principal.user_id)
        assert {name for name in after if name not in ("agents", "api_tokens") and after[name] != before[name]} == set()
        await ann.perform(agents.update, agent.id, {**EVERYTHING, **only(cell)})
        assert "outside_mandate" not in told(cell, await cell.send(http, own, own))


async def _own(app: Application, ann: Caller) -> Any:
    """Rows of the person, made once for all rows of the table."""
    if ann.principal.user_id not in _OWN:
        _OWN[ann.principal.user_id] = await rows_of(Caller(app.core, ann.principal, "test"), "hers")
    return _OWN[ann.principal.user_id]


_OWN: Final[dict[int, Any]] = {}
