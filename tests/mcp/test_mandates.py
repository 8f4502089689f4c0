"""What an agent with a mandate is shown."""

from __future__ import annotations

import orjson
import pytest

from mcp_server.server import FEATURES
from tests.faces import FaceName, McpFace, face
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.operations import agents

pytestmark = pytest.mark.requirement("ID9", "MC1")

READ = {"list_todos", "search", "fetch", "list_changes", "get_overview", "get_report"}
CHANGE = {"update_todos", "delete_todos", "update_lists", "update_tag", "update_profile"}
EVERY = {tool.listed.name for feature in FEATURES for tool in feature.tools.tools}


@each(
    "verbs, shown",
    [
        (["read"], READ),
        (["read", "add"], READ | {"add_todos", "add_lists"}),
        (["complete"], {"complete_todos", "update_todos"}),
        (["change"], CHANGE),
        (["delete"], {"delete_todos", "delete_lists", "update_tag"}),
        (["read", "add", "complete", "change", "delete"], EVERY),
        (None, EVERY),
    ],
)
async def test_a_tool_is_listed_if_the_verbs_allow_something_of_it(
    verbs: list[str] | None, shown: set[str], generation: FaceName, app: Application, ann: Caller
) -> None:
    async with face(generation, app, await token_of(ann)) as me:
        assert isinstance(me, McpFace)
        assert {tool.name for tool in (await me.client.list_tools()).tools} == EVERY
        newest = max(row["id"] for row in orjson.loads((await ann.perform(agents.list_)).json))

        await ann.perform(agents.update, newest, {"verbs": verbs})

        assert {tool.name for tool in (await me.client.list_tools()).tools} == shown
        reads = verbs is None or "read" in verbs
        assert bool((await me.client.list_resource_templates()).resource_templates) == reads
