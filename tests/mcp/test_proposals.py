"""Tools of an agent that proposes."""

from __future__ import annotations

import pytest

from tests.faces import FaceName, McpFace, face
from tests.rest.test_proposals import PATH, Pair, pair
from todo_app.application import Application

__all__ = ["pair"]

pytestmark = pytest.mark.requirement("SA6")


async def test_an_agent_proposes_says_why_and_learns_what_became_of_it(
    generation: FaceName, app: Application, pair: Pair
) -> None:
    token = pair.agent.headers["authorization"].removeprefix("Bearer ")
    async with face(generation, app, token) as me:
        assert isinstance(me, McpFace)
        listed = {tool.name: tool.input_schema["properties"] for tool in (await me.client.list_tools()).tools}
        assert {name for name, taken in listed.items() if "reason" in taken} >= {"add_todos", "undo"}
        assert "reason" not in listed["list_todos"]
        assert "update_profile" not in listed
        told = await me.call("add_todos", todos=[{"title": "milk"}], reason="You said so.")
        assert told["results"] == [{"title": "milk"}]
        assert "approval" in told["next_step"]
        assert {"change_id", "dry_run"}.isdisjoint(told)
        address = f"{PATH}/{told['proposal_id']}"
        assert (await pair.person.get(address)).json()["agent_says"] == "You said so."
        await pair.person.post(f"{address}/reject", json={"note": "Buy oat milk."})
        (latest, _) = (await me.call("list_changes", limit=2))["changes"]
        assert latest["rows"] == [
            {
                "proposal": told["proposal_id"],
                "operation": "todos.add",
                "status": "rejected",
                "note": "Buy oat milk.",
            }
        ]
        again = await me.call("add_todos", todos=[{"title": "oat milk"}])
        await pair.person.post(f"{PATH}/{again['proposal_id']}/approve")
        (latest, *_) = (await me.call("list_changes", limit=1))["changes"]
        assert latest["proposal_id"] == again["proposal_id"]
        assert latest["approved_by"].startswith("rest (")
