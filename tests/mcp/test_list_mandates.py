"""Tools of an agent that sees some lists only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.core.test_list_mandates import new_list, new_todo
from tests.faces import FaceName, McpFace, face
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.identity.scopes import USER_SCOPES
from todo_core.operations import agents, todos

pytestmark = pytest.mark.requirement("ID9")


async def test_an_agent_of_lists_is_shown_its_tools_and_learns_what_came_and_went(
    generation: FaceName, app: Application, ann: Caller
) -> None:
    person = replace(ann, core=app.core)
    work, home = [await new_list(person, name) for name in ("Work", "Home")]
    token = await token_of(ann, *USER_SCOPES)
    token_id = (await app.core.identity.authenticate(token)).token_id
    agent = await app.core.agents.find(ann.principal.user_id, AgentKey.of_token(token_id or 0, "test"), None)
    assert agent is not None
    await person.perform(agents.update, agent.id, {"lists": [work], "own_lists": False})
    moving = await new_todo(person, "was hidden", home)
    async with face(generation, app, token) as me:
        assert isinstance(me, McpFace)
        listed = {tool.name for tool in (await me.client.list_tools()).tools}
        assert {"add_todos", "update_lists", "undo"} <= listed
        assert not {"update_tag", "update_profile"} & listed
        told = await me.call("get_overview")
        may = f"This agent may: everything; within the list {work}."
        assert told["mandate"] == f"{may} Only the person can change that."
        await person.perform(todos.update, [{"id": moving, "title": "shown", "list_id": work}])
        await person.perform(todos.update, [{"id": moving, "list_id": home}])
        went, came = (await me.call("list_changes", limit=2))["changes"]
        assert came["rows"] == [{"todo": moving, "added": "shown"}]
        assert went["rows"] == [{"todo": moving, "title": "shown", "left": True}]
