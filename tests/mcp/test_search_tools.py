"""`search` and `fetch`, in the form that ChatGPT's connectors ask for."""

from __future__ import annotations

import json

import pytest

from tests.faces import McpFace, RefusedError
from tests.tables import each

pytestmark = pytest.mark.requirement("MC6", "TD12")


async def test_what_search_finds_can_be_fetched(me: McpFace) -> None:
    (todo,) = (
        await me.add({"title": "Dentist", "description": "Bring the card", "due": "2027-01-04", "tags": ["health"]})
    ).accepted

    (result,) = (await me.call("search", query="dentist card"))["results"]
    assert result.keys() == {"id", "title", "url"}
    assert (result["id"], result["title"]) == (str(todo), "Dentist")
    assert result["url"].endswith(f"/api/v1/todos/{todo}")

    document = await me.call("fetch", id=result["id"])
    assert document.keys() == {"id", "title", "text", "url", "metadata"}
    assert {name: document[name] for name in ("id", "title", "text", "url")} == {**result, "text": "Bring the card"}
    assert document["metadata"]["due"] == "2027-01-04 Mon"
    assert document["metadata"]["tags"] == ["health"]


async def test_the_answer_is_one_text_with_the_same_json(me: McpFace) -> None:
    await me.add({"title": "Dentist"})

    result = await me.client.call_tool("search", {"query": "dentist"})

    (content,) = result.content
    assert json.loads(content.text) == result.structured_content  # type: ignore[union-attr]


async def test_search_finds_done_and_archived_todos_but_nothing_in_the_trash(me: McpFace) -> None:
    (work,) = (await me.add_list("work")).accepted
    _, done, trashed, _ = (
        await me.add(
            {"title": "milk open"},
            {"title": "milk done"},
            {"title": "milk trashed"},
            {"title": "milk", "list_id": work},
        )
    ).accepted
    await me.complete(done)
    await me.delete(trashed)
    await me.update_list(work, is_archived=True)

    found = {row["title"] for row in (await me.call("search", query="milk"))["results"]}

    assert found == {"milk open", "milk done", "milk"}


async def test_search_offers_what_may_have_been_meant_when_it_finds_nothing(me: McpFace) -> None:
    await me.add({"title": "Dentist"})

    assert [row["title"] for row in (await me.call("search", query="dentits"))["results"]] == ["Dentist"]
    assert (await me.call("search", query="qqqq"))["results"] == []


@each("given", ["", "x", "0", "-1", "1.5", "9" * 30, "todo://todos/"])
async def test_an_id_that_is_none_is_refused(me: McpFace, given: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.call("fetch", id=given)

    assert refused.value.code == "invalid_input"


async def test_a_todo_that_is_not_there_cannot_be_fetched(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "x"})).accepted
    await me.delete(todo)

    for given in (str(todo), str(2**62)):
        with pytest.raises(RefusedError) as refused:
            await me.call("fetch", id=given)
        assert refused.value.code == "not_found"
