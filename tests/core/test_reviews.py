"""What agents did since their person last looked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.core.home import Home
from tests.core.support import proposing
from todo_core.boundary.agents import AgentKey
from todo_core.errors import InvalidInput, NotForAgents
from todo_core.models.todos import TodoCreate
from todo_core.operations import reviews, todos

pytestmark = pytest.mark.requirement("SA7")


async def review(home: Home) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((await home.me.perform(reviews.get)).json)
    return found


async def test_a_review_tells_what_each_agent_did_since_the_mark_and_what_waits(home: Home) -> None:
    key = AgentKey.of_program("test", "Cursor")
    acting = replace(home.me, principal=replace(home.me.principal, agent_key=key), via="mcp:test", client="Cursor")
    await home.add("my own")
    for n in range(25):
        await acting.perform(todos.add, [TodoCreate(title=f"its {n}")])
    done = [row["id"] for row in await home.rows() if row["title"] == "its 3"]
    await acting.perform(todos.complete, done)
    await (await proposing(home.me)).perform(todos.add, [TodoCreate(title="proposed")])

    told = await review(home)

    cursor, claude = told["agents"]
    assert (cursor["name"], cursor["waiting"], cursor["more_changes"]) == ("Cursor", 0, 6)
    assert cursor["done"] == [
        {"operation": "todos.add", "changes": 25},
        {"operation": "todos.complete", "changes": 1},
    ]
    assert [change["entries"][0]["title"] for change in cursor["changes"][:2]] == ["its 3", "its 24"]
    assert (claude["name"], claude["waiting"]) == ("Claude", 1)
    assert claude["done"] == [{"operation": "proposals.add", "changes": 1}]
    assert told["reviewed_through"] == 0

    marked = orjson.loads((await home.me.perform(reviews.mark, told["through"])).one().json)
    assert marked["reviewed_through"] == told["through"]
    assert [(agent["name"], agent["waiting"], agent["changes"]) for agent in marked["agents"]] == [("Claude", 1, [])]
    again = await home.me.perform(reviews.mark, 1)
    assert (again.one().changed, (await review(home))["reviewed_through"]) == (False, told["through"])
    with pytest.raises(InvalidInput):
        await home.me.perform(reviews.mark, 2**60)
    for who in (acting, await proposing(home.me)):
        with pytest.raises(NotForAgents):
            await who.perform(reviews.get)
        with pytest.raises(NotForAgents):
            await who.perform(reviews.mark, told["through"])
