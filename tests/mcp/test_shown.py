"""What models are shown of texts that others wrote: client names, and rows from before there were rules for texts."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx2
import pytest
from mcp_types import ResourceTemplateReference

from tests.core.support import connected
from tests.faces import FaceName, McpFace, rpc
from tests.tables import each
from tests.texts import HOSTILE, TAGS
from todo_core.text import escaped, told_name

ADD = {"name": "add_todos", "arguments": {"todos": [{"title": "a"}]}}
LATEST = {"name": "list_changes", "arguments": {"limit": 1}}


async def latest_client(http: httpx2.AsyncClient) -> Any:
    """The client of the latest change, as it is stored."""
    return (await http.get("/api/v1/changes", params={"limit": 1})).json()["items"][0]["client"]


@pytest.mark.requirement("SA2")
@each("name", [*(text for text, _, _ in HOSTILE.values()), "a\nb", "x" * 5000])
async def test_a_client_may_call_itself_anything_and_its_writes_succeed(http: httpx2.AsyncClient, name: str) -> None:
    answer = (await rpc(http, "mcp-2026", "tools/call", ADD, client=name)).json()

    assert not answer["result"]["isError"], answer
    stored = await latest_client(http)
    assert stored == told_name(name, 200)
    told = (await rpc(http, "mcp-2026", "tools/call", LATEST)).json()["result"]
    assert told["structuredContent"]["changes"][0]["client"] == stored


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize("name", ["", " ", "\u200b", "\x1b\x07"])
async def test_a_client_without_a_name_to_see_has_none(http: httpx2.AsyncClient, name: str) -> None:
    assert (await rpc(http, "mcp-2026", "tools/call", ADD, client=name)).status_code == 200
    assert await latest_client(http) is None


@pytest.mark.requirement("SA2")
@pytest.mark.parametrize(
    ("agent", "name"), [(b"bot\x9b2J", "bot\x9b2J"), (b"bot\x85evil", "bot\x85evil"), ("b\u202e".encode(), "b\u202e")]
)
async def test_a_user_agent_is_escaped_too(http: httpx2.AsyncClient, agent: bytes, name: str) -> None:
    for send in (
        http.post("/api/v1/todos", json={"title": "a"}, headers=[(b"user-agent", agent)]),
        rpc(http, "mcp-2025", "tools/call", ADD, headers={"user-agent": agent}),
    ):
        assert (await send).status_code in (200, 201)
        assert await latest_client(http) == escaped(name)


@pytest.mark.requirement("MC3", "MC6")
async def test_every_way_to_read_an_old_title_escapes_it(me: McpFace, database_url: str) -> None:
    (todo,) = (await me.add({"title": "milk", "description": "d"})).accepted
    title, description = f"milk {TAGS}\x07\n\u202e", "one\r\n\ttwo\x1b"
    async with connected(database_url) as admin:
        await admin.execute("UPDATE todos SET title = $2, description = $3 WHERE id = $1", todo, title, description)

    fetched = await me.call("fetch", id=str(todo))
    assert (fetched["title"], fetched["text"]) == (escaped(title), "one\n\ttwo\\x1b")
    assert (await me.call("search", query="milk"))["results"][0]["title"] == escaped(title)
    assert (await me.call("list_todos", text="milj"))["near"][0]["title"] == escaped(title)
    (content,) = (await me.client.read_resource(f"todo://todos/{todo}")).contents
    read = json.loads(content.text)  # type: ignore[union-attr]
    assert (read["title"], read["description"]) == (escaped(title), "one\n\ttwo\\x1b")
    ref = ResourceTemplateReference(type="ref/resource", uri="todo://todos/{id}")
    completed = await me.client.complete(ref, {"name": "id", "value": "milk"})
    assert completed.completion.values == [f"{todo}-milk"]


@pytest.mark.requirement("MC3")
async def test_text_and_structured_content_are_the_same_escaped(http: httpx2.AsyncClient, database_url: str) -> None:
    await rpc(http, "mcp-2026", "tools/call", ADD)
    async with connected(database_url) as admin:
        todo = (await http.get("/api/v1/todos")).json()["items"][0]["id"]
        await admin.execute("UPDATE todos SET title = $2 WHERE id = $1", todo, "a\x7fb")

    body = await rpc(http, "mcp-2026", "tools/call", {"name": "list_todos", "arguments": {}})

    assert "\x7f" not in body.text
    result = body.json()["result"]
    assert json.loads(result["content"][0]["text"]) == result["structuredContent"]
    assert result["structuredContent"]["todos"][0]["title"] == r"a\x7fb"


@pytest.mark.requirement("MC4", "MC6")
@each(("text", "what", "place"), HOSTILE.values(), ids=HOSTILE)
async def test_what_hides_is_refused_in_a_prompt(
    generation: FaceName, http: httpx2.AsyncClient, text: str, what: str, place: int
) -> None:
    response = await rpc(http, generation, "prompts/get", {"name": "brain_dump", "arguments": {"text": text}})

    error = response.json()["error"]
    if what == "a lone surrogate" and generation == "mcp-2025":  # the SDK refuses the whole message
        assert response.status_code == 400
    else:
        assert error["data"]["errors"] == [
            {"field": "text", "code": "invalid", "message": f"must not contain {what} (character {place})"}
        ]


@pytest.mark.requirement("MC6")
async def test_what_hides_completes_to_nothing_at_once(me: McpFace) -> None:
    for uri in ("todo://todos/{id}", "todo://lists/{id}"):
        ref = ResourceTemplateReference(type="ref/resource", uri=uri)
        for typed in ("a\u202e", TAGS, "\u0316\u0301" * 30_000, "x" * 201):
            began = time.process_time()
            assert (await me.client.complete(ref, {"name": "id", "value": typed})).completion.values == []
            assert time.process_time() - began < 1  # 60,000 marks take four seconds to normalize
