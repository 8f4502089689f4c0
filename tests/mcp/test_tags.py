"""Tags over MCP: one tool for three things."""

from __future__ import annotations

import pytest

from tests.faces import McpFace, RefusedError

pytestmark = pytest.mark.requirement("LT2", "MC4")


async def tag_ids(me: McpFace) -> dict[str, int]:
    return {row["name"]: row["id"] for row in (await me.overview())["tags"]}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"action": "rename"}, "name"),
        ({"action": "merge"}, "into"),
        ({"action": "rename", "name": ""}, "name"),
        ({"action": "erase"}, "action"),
        ({}, "action"),
    ],
)
async def test_what_an_action_needs_is_asked_for_by_name(me: McpFace, arguments: dict[str, str], field: str) -> None:
    await me.add({"title": "x", "tags": ["a"]})

    with pytest.raises(RefusedError) as refused:
        await me.call("update_tag", id=(await tag_ids(me))["a"], **arguments)

    assert refused.value.code == "invalid_input"
    assert [problem["field"] for problem in refused.value.told["errors"]] == [field]


async def test_the_answer_names_the_tag_and_its_open_todos(me: McpFace) -> None:
    await me.add({"title": "x", "tags": ["a", "b"]}, {"title": "y", "tags": ["a"]})
    ids = await tag_ids(me)

    renamed = await me.call("update_tag", id=ids["a"], action="rename", name="c")
    assert renamed["results"] == [{"id": ids["a"], "name": "c", "open": 2}]
    again = await me.call("update_tag", id=ids["a"], action="rename", name="c")
    assert again == {"results": [{"id": ids["a"], "name": "c", "open": 2, "unchanged": True}]}
    merged = await me.call("update_tag", id=ids["b"], action="merge", into=ids["a"])
    assert merged["results"] == [{"id": ids["a"], "name": "c", "open": 2}]


async def test_the_record_tells_of_a_merge_in_few_words(me: McpFace) -> None:
    await me.add(*({"title": "x", "tags": ["a"]} for _ in range(50)))
    await me.add({"title": "y", "tags": ["b"]})
    ids = await tag_ids(me)
    await me.call("update_tag", id=ids["a"], action="merge", into=ids["b"])

    (change,) = (await me.call("list_changes", limit=1))["changes"]

    (row,) = change["rows"]
    assert row["tag"] == ids["a"]
    assert row["after"]["linked"] == {"into": ids["b"], "todos": 50}


@pytest.mark.requirement("MC4")
async def test_a_filter_by_a_tag_that_there_is_none_of_says_so(me: McpFace) -> None:
    await me.add({"title": "a", "tags": ["Health", "Code Review", "\U0001f3e0"]}, {"title": "b"})
    empty = {"todos": [], "showing": "0 of 0"}

    for name in ("heath", "@health", "HEALTHS"):
        told = await me.call("list_todos", tags=[name])
        assert told == empty | {"unknown_tags": ["tags[0]"], "nearest_tags": ["Health"]}, name
    told = await me.call("list_todos", tags=["health", "code-review"], tags_match="all")
    assert told == empty | {"unknown_tags": ["tags[1]"], "nearest_tags": ["Code Review"]}
    for name in ("nonesuch", "\U0001f697", "7"):
        told = await me.call("list_todos", tags=[name])
        assert told == empty | {"unknown_tags": ["tags[0]"], "next_step": "get_overview has your tags."}, name
    assert await me.call("list_todos", tags=["health"], status="done") == empty
    told = await me.call("list_todos", tags=["heath"], text="a")
    assert told["nearest_tags"] == ["Health"]
