"""A refusal says what to send instead, where that follows from what was sent and from the tool (MC4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces import Json, McpFace, RefusedError
from tests.tables import each

pytestmark = pytest.mark.requirement("MC4")
CLEAR = "send clear: "
LEAVE = "leave it out if nothing is meant"


async def problems(me: McpFace, tool: str, arguments: Json) -> list[Json]:
    """What is said of each refused field."""
    with pytest.raises(RefusedError) as refused:
        await me.call(tool, **arguments)
    told: list[Json] = refused.value.told["errors"]
    return told


@each(
    ("change", "way"),
    [
        *(
            ({"due": said}, CLEAR + '["due"]')
            for said in ("", " ", "none", "No date", "null", "remove", "n/a", "never")
        ),
        *(({"repeat": said}, CLEAR + '["repeat"]') for said in ("", "none", "never", "once", "no repeat", "stop")),
        ({"start": "none"}, CLEAR + '["start"]'),
        ({"source": ""}, CLEAR + '["source"]'),
        *(({"parent_id": said}, CLEAR + '["parent_id"]') for said in ("", 0, "none", False)),
        ({"tags": ""}, CLEAR + '["tags"]'),
        ({"list_id": ""}, LEAVE),
        ({"list_id": "null"}, LEAVE),
        ({"priority": "none"}, LEAVE),
        ({"before": 0}, LEAVE),
        ({"add_note": ""}, LEAVE),
    ],
)
async def test_what_says_nothing_is_told_how_to_have_nothing(me: McpFace, change: Json, way: str) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    (problem,) = await problems(me, "update_todos", {"todos": [{"id": todo, **change}]})

    assert way.lower() in problem["message"].lower(), problem


@each(
    ("tool", "arguments", "way"),
    [
        ("add_todos", {"todos": [{"title": "x", "due": "none"}]}, LEAVE),
        ("add_todos", {"todos": '[{"title": "x", "list_id": ""}]'}, LEAVE),
        ("list_todos", {"list_id": ""}, LEAVE),
        ("list_todos", {"tags": []}, LEAVE),
        ("list_todos", {"limit": 0}, LEAVE),
        ("list_todos", {"due_before": "null"}, LEAVE),
        ("list_changes", {"when": ""}, LEAVE),
        ("update_profile", {"display_name": ""}, CLEAR + '["display_name"]'),
        ("complete_todos", {"ids": ["Buy milk"]}, "take it from list_todos"),
        ("update_todos", {"todos": [{"id": "milk", "title": "x"}]}, "take it from list_todos"),
        ("add_todos", {"todos": [{"title": "x", "parent_id": "the trip"}]}, "take it from list_todos"),
        ("undo", {"change_id": "last"}, "take it from list_changes"),
        ("undo", {"change_ids": ["last"]}, "take it from list_changes"),
    ],
)
async def test_so_does_every_tool(me: McpFace, tool: str, arguments: Json, way: str) -> None:
    (problem,) = await problems(me, tool, arguments)

    assert way.lower() in problem["message"].lower(), problem


async def test_refused_items_of_a_batch_say_it_too(me: McpFace) -> None:
    todo, other = (await me.add({"title": "a"}, {"title": "b"})).accepted

    told = await me.call("update_todos", todos=[{"id": todo, "due": "none"}, {"id": other, "priority": "low"}])

    first, second = told["results"]
    assert CLEAR in first["error"]["errors"][0]["message"]
    assert second["priority"] == "low"


@each(
    ("tool", "arguments"),
    [
        ("add_todos", {"todos": [{"title": ""}]}),
        ("add_todos", {"todos": []}),
        ("complete_todos", {"ids": []}),
        ("search", {"query": ""}),
        ("list_todos", {"limit": -1}),
        ("list_todos", {"due_before": "whenever it suits"}),
        ("list_todos", {"status": "completed"}),
        ("add_todos", {"todos": [{"title": "x", "tags": [""]}]}),
    ],
)
async def test_nothing_of_the_kind_is_said_of_what_is_required_or_says_something(
    me: McpFace, tool: str, arguments: Json
) -> None:
    (problem,) = await problems(me, tool, arguments)

    assert not any(way in problem["message"].lower() for way in (LEAVE, CLEAR, "take it from"))


@each(
    ("tool", "arguments", "nearest"),
    [
        ("list_todos", {"tag": "x"}, ["tags", "tags_match"]),
        ("list_todos", {"dueBefore": "today"}, ["due_before"]),
        ("list_todos", {"due": "today"}, ["due_after", "due_before"]),
        ("list_todos", {"list": "Work"}, ["list_id"]),
        ("add_todos", {"todos": [{"title": "x", "due_date": "today"}]}, ["due"]),
        ("add_todos", {"todos": [{"title": "x", "parentId": 1}]}, ["parent_id"]),
        ("update_todos", {"todos": [{"id": 1, "isCompleted": True}]}, ["is_completed"]),
        ("update_lists", {"lists": [{"id": "x", "colour": "blue"}]}, ["color"]),
        ("complete_todos", {"ids": [1], "complete": True}, ["completed"]),
    ],
)
async def test_the_nearest_known_names_come_first(me: McpFace, tool: str, arguments: Json, nearest: list[str]) -> None:
    (problem,) = await problems(me, tool, arguments)

    assert problem["code"] == "unknown"
    assert sorted(problem["allowed"][: len(nearest)]) == nearest
    assert ("the nearest come" in problem["message"]) is True


async def test_a_name_like_none_gets_the_known_ones_in_their_order(me: McpFace) -> None:
    listed = {tool.name: tool.input_schema for tool in (await me.client.list_tools()).tools}
    (problem,) = await problems(me, "list_todos", {"whatever": 1})

    assert problem["message"] == "is not a known field"
    assert problem["allowed"] == [*listed["list_todos"]["properties"]]


async def test_the_nearest_tools_come_first(me: McpFace) -> None:
    for name, nearest in (("add_todo", "add_todos"), ("listTodos", "list_todos"), ("get-overview", "get_overview")):
        (problem,) = await problems(me, name, {})
        assert problem["allowed"][0] == nearest
        assert name not in str(problem["message"])


async def test_an_id_is_fetched_as_search_tells_it_and_as_all_others_do(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    for given in (todo, str(todo), float(todo)):
        told: Any = await me.call("fetch", id=given)
        assert told["id"] == str(todo)
    for wrong in (True, 1.5, [todo], -todo):
        with pytest.raises(RefusedError) as refused:
            await me.call("fetch", id=wrong)
        assert [problem["field"] for problem in refused.value.told["errors"]] == ["id"]


async def test_known_names_are_listed_once_however_many_items_have_the_same_slip(me: McpFace) -> None:
    slip = {"title": "x", "due_date": "today", "whatever": 1}
    with pytest.raises(RefusedError) as refused:
        await me.call("add_todos", todos=[slip] * 50)

    told = [row["error"]["errors"] for row in refused.value.told["results"]]
    (first_due, first_other), *rest = ([*sorted(errors, key=lambda one: str(one["field"]))] for errors in told)
    assert first_due["allowed"][0] == "due"
    assert len(first_due["allowed"]) > 10
    assert first_other["message"] == "is not a known field, as above"
    for due, other in rest:
        assert due["allowed"] == ["due"]
        assert ("allowed" in other, other["message"]) == (False, "is not a known field, as above")
    assert len(str(refused.value.told)) < 30_000
