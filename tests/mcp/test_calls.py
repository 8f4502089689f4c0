"""What happens to arguments, and what answers look like."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from mcp_server.toolbox import EXPOSED
from tests.faces import FaceName, Json, McpFace, RefusedError, call, http_client, refused, rpc
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS

pytestmark = pytest.mark.requirement("MC3")

WRITING: dict[str, Json] = {
    "add_todos": {"todos": [{"title": "x"}]},
    "update_todos": {"todos": [{"id": 1, "title": "x"}]},
    "complete_todos": {"ids": [1]},
    "delete_todos": {"ids": [1]},
    "add_lists": {"lists": [{"name": "x"}]},
    "update_lists": {"lists": [{"id": 1, "name": "x"}]},
    "delete_lists": {"ids": [1]},
    "update_tag": {"id": 1, "action": "delete"},
    "undo": {"change_id": 1},
    "update_profile": {"locale": "fr"},
}
NEEDS = {tool: OPERATIONS[name].scope for name, tool in EXPOSED.items()}
"""The scope of each tool."""
READING: dict[str, Json] = {
    "list_todos": {},
    "search": {"query": "x"},
    "fetch": {"id": "1"},
    "list_changes": {},
    "get_overview": {},
    "get_report": {},
}


async def refusal(me: McpFace, tool: str, /, **arguments: Any) -> Json:
    """What a tool that refuses told, checked for what every refusal has (MC4)."""
    with pytest.raises(RefusedError) as found:
        await me.call(tool, **arguments)
    told = found.value.told
    assert {"code", "message", "retryable", "next_step"} <= told.keys()
    assert "pydantic" not in json.dumps(told)
    return told


@pytest.mark.requirement("ID4", "MC4")
@each("tool", WRITING)
async def test_a_read_only_token_neither_sees_nor_calls_a_writing_tool(
    generation: FaceName, app: Application, ann: Caller, tool: str
) -> None:
    async with http_client(app, await token_of(ann, "todos:read")) as http:
        names = [listed["name"] for listed in (await rpc(http, generation, "tools/list")).json()["result"]["tools"]]
        told = refused(await call(http, generation, tool, WRITING[tool]))

    assert set(names) == READING.keys()
    assert (told["code"], told["required_scope"], told["retryable"]) == ("insufficient_scope", NEEDS[tool], False)


@pytest.mark.requirement("ID4", "LT3")
async def test_the_scope_profile_alone_shows_the_one_tool_that_it_is_for(
    generation: FaceName, app: Application, ann: Caller
) -> None:
    async with http_client(app, await token_of(ann, "profile")) as http:
        names = [listed["name"] for listed in (await rpc(http, generation, "tools/list")).json()["result"]["tools"]]
        response = await call(http, generation, "update_profile", {"locale": "fr"})

    assert names == ["update_profile"]
    assert response.json()["result"]["structuredContent"]["profile"]["locale"] == "fr"


@pytest.mark.requirement("LT3")
async def test_an_update_of_the_profile_answers_with_what_is_set_and_a_null_means_not_given(me: McpFace) -> None:
    told = await me.call("update_profile", display_name="Ann", time_zone="Europe/Vienna")
    profile = {"time_zone": "Europe/Vienna", "locale": "en", "week_start": "monday", "new_todos": "last"}
    assert told == {"profile": {"display_name": "Ann", **profile, "version": 2}, "change_id": told["change_id"]}

    told = await me.call("update_profile", display_name=None, time_zone=None, clear=None, if_version=None)
    assert told == {"profile": {"display_name": "Ann", **profile, "version": 2}}

    told = await me.call("update_profile", clear='["display_name"]', idempotency_key="k")
    assert told == {"profile": {**profile, "version": 3}, "change_id": told["change_id"]}


@pytest.mark.requirement("LT3", "TD5")
async def test_to_skip_and_to_open_again_is_refused(me: McpFace) -> None:
    (todo,) = (await me.call("add_todos", todos=[{"title": "x", "repeat": "daily"}]))["results"]

    (problem,) = (await refusal(me, "complete_todos", ids=[todo["id"]], skip=True, completed=False))["errors"]

    assert problem["field"] == "skip"
    (skipped,) = (await me.call("complete_todos", ids=[todo["id"]], skip=True, completed=True))["results"]
    assert skipped["due"] != todo["due"]


async def test_a_field_both_given_and_cleared_is_refused_in_a_profile_as_in_a_todo(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "a", "description": "d"})).accepted
    for tool, arguments, field in (
        ("update_todos", {"todos": [{"id": todo, "description": "new", "clear": ["description"]}]}, "todos[0].clear"),
        ("update_profile", {"display_name": "new", "clear": ["display_name"]}, "clear"),
    ):
        (problem,) = (await refusal(me, tool, **arguments))["errors"]
        assert problem["field"] == field

    assert (await me.call("list_todos", detail="full"))["todos"][0]["description"] == "d"


@pytest.mark.requirement("TD5")
async def test_a_null_means_not_given(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "a", "description": "d", "priority": "low"})).accepted

    await me.call("update_todos", todos=[{"id": todo, "title": "b", "description": None, "priority": None}])
    await me.call("complete_todos", ids=[todo], completed=None, idempotency_key=None)
    told = await me.call("list_todos", status="done", text=None, cursor=None, limit=None, ids=None, detail="full")

    (row,) = told["todos"]
    assert (row["title"], row["description"], row["priority"]) == ("b", "d", "low")
    assert row["completed_at"] is not None


async def test_a_null_where_something_is_required_is_refused_by_name(me: McpFace) -> None:
    for tool, name in (("complete_todos", "ids"), ("add_todos", "todos")):
        (problem,) = (await refusal(me, tool, **{name: None}))["errors"]
        assert problem == {"field": name, "code": "required", "message": "is required"}
    (problem,) = (await refusal(me, "undo", change_id=None, change_ids=None))["errors"]
    assert problem == {"field": "change_id", "code": "required", "message": "is required, or change_ids, or when"}


async def test_a_time_that_ends_before_it_begins_is_refused_and_not_answered_with_nothing(me: McpFace) -> None:
    for tool in ("undo", "list_changes"):
        (problem,) = (await refusal(me, tool, when="2026-11-21T10:00:00Z/2026-11-20T10:00:00Z"))["errors"]
        assert problem["field"] == "when"
        assert "ends before it begins" in problem["message"]


async def test_a_list_sent_as_json_text_is_taken(me: McpFace) -> None:
    added = await me.call("add_todos", todos='[{"title":"a"},{"title":"b"}]')
    ids = [result["id"] for result in added["results"]]

    assert len((await me.call("complete_todos", ids=json.dumps(ids)))["results"]) == 2
    told = await me.call("list_todos", status="done", ids=json.dumps(ids), priority='["medium"]')
    assert {row["id"] for row in told["todos"]} == set(ids)


@pytest.mark.parametrize("text", ["null", "[1]", "true", "5", '"quoted"', '{"title":"x"}'])
async def test_text_that_looks_like_json_stays_text(me: McpFace, text: str) -> None:
    await me.call("add_todos", todos=[{"title": text, "description": text}])

    (row,) = (await me.call("list_todos", text=text, detail="full"))["todos"]
    assert (row["title"], row["description"]) == (text, text)


@each("text", ["5", "[", "", '"[1]"', '{"0":1}', "[1", "1,2"])
async def test_text_that_is_no_json_list_is_refused(me: McpFace, text: str) -> None:
    assert (await refusal(me, "complete_todos", ids=text))["errors"][0]["field"].partition(".")[0] == "ids"


@pytest.mark.requirement("MC4")
@each(
    ("tool", "arguments", "field"),
    [
        ("undo", {"change_id": "five"}, "change_id"),
        ("undo", {"change_id": 5.5}, "change_id"),
        ("undo", {"change_id": True}, "change_id"),
        ("list_todos", {"limit": True}, "limit"),
        ("list_todos", {"text": 5}, "text"),
        ("list_todos", {"detail": "all"}, "detail"),
        ("complete_todos", {"ids": [1], "completed": "yes"}, "completed"),
        ("complete_todos", {"ids": [1], "completed": 1}, "completed"),
        ("delete_todos", {"ids": 1}, "ids"),
        ("add_todos", {"todos": {"title": "x"}}, "todos"),
        ("add_todos", {}, "todos"),
        ("update_profile", {"display_name": 5}, "display_name"),
        ("update_profile", {"week_start": True}, "week_start"),
        ("list_todos", {"priority": []}, "priority"),
        ("list_todos", {"ids": []}, "ids"),
        ("list_todos", {"foo": None}, "foo"),
        ("add_todos", {"todos": [{"title": "a", "foo": None}]}, "todos[0].foo"),
    ],
)
async def test_types_are_strict(me: McpFace, tool: str, arguments: Json, field: str) -> None:
    told = await refusal(me, tool, **arguments)

    assert (told["code"], told["retryable"]) == ("invalid_input", False)
    assert [problem["field"] for problem in told["errors"]] == [field]


@pytest.mark.requirement("MC4")
@each(("tool", "arguments"), [*WRITING.items(), *READING.items()])
async def test_an_unknown_argument_is_refused_with_the_allowed_ones(me: McpFace, tool: str, arguments: Json) -> None:
    listed = {found.name: found for found in (await me.client.list_tools()).tools}

    told = await refusal(me, tool, **arguments, dry=True)

    (problem,) = told["errors"]
    assert problem["field"] == "dry"
    assert set(problem.get("allowed", ())) == listed[tool].input_schema["properties"].keys()


@pytest.mark.requirement("MC9")
async def test_what_programs_add_to_every_call_is_passed_over_and_nothing_else(me: McpFace) -> None:
    added: dict[str, object] = {
        "_meta": {"progressToken": 1},
        "_auth_auth_type": "admin",
        "task_progress": "- [ ] milk",
    }
    added |= {"toolCallId": "call_1", "sessionId": "1", "chatInput": "milk!", "action": "sendMessage", "tool": "x"}
    added |= {"wait_for_previous": True, "random_string": "dummy"}

    made = await me.call("add_todos", todos=[{"title": "milk"}], **added)
    listed = await me.call("list_todos", **added)
    inside = await refusal(me, "add_todos", todos=[{"title": "milk", "task_progress": "", "_meta": {}}])
    told = await refusal(me, "list_todos", **added, session="1")

    assert [todo["id"] for todo in listed["todos"]] == [made["results"][0]["id"]]
    assert [problem["field"] for problem in inside["errors"]] == ["todos[0].task_progress", "todos[0]._meta"]
    assert [problem["field"] for problem in told["errors"]] == ["session"]


@pytest.mark.requirement("MC9")
async def test_a_name_that_a_model_may_mean_something_by_is_passed_over_beside_that_of_a_program_alone(
    me: McpFace,
) -> None:
    await me.call("add_todos", todos=[{"title": "milk", "tags": ["shop"]}])
    told = await refusal(me, "list_todos", action="sendMessage", tool="list_todos", random_string="dummy")
    renamed = await me.call("update_tag", id="shop", action="rename", name="shops", toolCallId="call_1")
    unfit = await refusal(me, "update_tag", id="shops", action="sendMessage", name="shop", toolCallId="call_1")

    assert [problem["field"] for problem in told["errors"]] == ["action", "tool"]
    assert renamed["results"][0]["name"] == "shops"
    assert [problem["field"] for problem in unfit["errors"]] == ["action"]


@pytest.mark.requirement("MC4")
async def test_an_unknown_tool_is_refused_with_the_known_ones(me: McpFace) -> None:
    told = await refusal(me, "drop_todos", ids=[1])

    assert told["code"] == "invalid_input"
    assert set(told["errors"][0]["allowed"]) == WRITING.keys() | READING.keys()
    assert "drop_todos" not in json.dumps(told)


@pytest.mark.requirement("MC4")
async def test_a_refusal_has_no_structured_content_and_tells_what_to_do(me: McpFace) -> None:
    result = await me.client.call_tool("complete_todos", {"ids": [2**62]})

    assert result.is_error is True
    assert result.structured_content is None
    (content,) = result.content
    told = json.loads(content.text)  # type: ignore[union-attr]
    assert told["code"] == "not_found"
    assert told["message"]
    assert told["retryable"] is False
    assert told["next_step"]


@pytest.mark.requirement("MC4", "MC5")
async def test_a_batch_of_which_nothing_is_accepted_is_an_error_with_each_reason(me: McpFace) -> None:
    told = await refusal(me, "complete_todos", ids=[2**62, 2**62 + 1])

    assert told["code"] == "all_refused"
    assert [result["error"]["code"] for result in told["results"]] == ["not_found", "not_found"]


async def test_the_text_is_the_structured_content_in_compact_json(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "Straße 🎉", "priority": "high"})).accepted
    calls: list[tuple[str, Json]] = [
        *(READING | {"fetch": {"id": str(todo)}}).items(),
        ("list_todos", {"detail": "full"}),
        ("add_todos", {"todos": [{"title": "a"}]}),
        ("update_profile", {"locale": "fr"}),
    ]
    for tool, arguments in calls:
        result = await me.client.call_tool(tool, arguments)
        (content,) = result.content
        text = content.text  # type: ignore[union-attr]
        assert text == json.dumps(result.structured_content, separators=(",", ":"), ensure_ascii=False)
        assert "null" not in text or tool == "list_changes"


async def test_every_answer_is_what_its_schema_promises(me: McpFace) -> None:
    schemas = {tool.name: tool.output_schema for tool in (await me.client.list_tools()).tools}
    answered = set()

    async def check(tool: str, arguments: Json) -> Json:
        schema = schemas[tool]
        assert schema is not None
        result = await me.client.call_tool(tool, arguments)
        told: Json = result.structured_content or {}
        Draft202012Validator(schema).validate(told)
        assert schema["properties"].keys() >= told.keys() if "properties" in schema else told
        answered.add(tool)
        return told

    added = await check("add_todos", {"todos": [{"title": "a"}, {"title": ""}, {"title": "b"}, {"title": "c"}]})
    first = added["results"][0]["id"]
    await check("update_todos", {"todos": [{"id": first, "title": "A"}]})
    completed = await check("complete_todos", {"ids": [first]})
    await check("complete_todos", {"ids": [first]})
    await check("undo", {"change_id": completed["change_id"]})
    await check("delete_todos", {"ids": [first, 2**62]})
    await check("list_todos", {"limit": 1})
    await check("list_todos", {"status": "all", "detail": "full"})
    await check("list_changes", {"limit": 2})
    await check("list_changes", {"since": 0})
    await check("get_overview", {})
    await check("update_profile", {"display_name": "Ann"})
    await check("update_profile", {"clear": ["display_name"]})
    await check("get_overview", {})
    await check("search", {"query": "b"})
    await check("fetch", {"id": str(added["results"][2]["id"])})
    await check("get_report", {})
    made = await check("add_lists", {"lists": [{"name": "x"}, {"name": "X"}]})
    await check("update_lists", {"lists": [{"id": made["results"][0]["id"], "name": "y"}]})
    await check("delete_lists", {"ids": [made["results"][0]["id"]]})
    await check("add_todos", {"todos": [{"title": "d", "tags": ["t"], "due": "tomorrow", "repeat": "daily"}]})
    (tag,) = (await check("get_overview", {}))["tags"]
    await check("update_tag", {"id": tag["id"], "action": "rename", "name": "u"})
    await check("list_todos", {"detail": "full"})

    assert answered == schemas.keys()


@pytest.mark.requirement("TD4")
async def test_a_page_says_how_many_of_how_many_it_shows(me: McpFace) -> None:
    await me.add(*({"title": str(n)} for n in range(30)))

    told = await me.call("list_todos")
    assert (told["showing"], len(told["todos"])) == ("25 of 30", 25)
    rest = await me.call("list_todos", cursor=told["next_cursor"])
    assert (rest["showing"], "next_cursor" in rest) == ("5 of 30", False)


@pytest.mark.requirement("SA1")
async def test_a_repeated_write_says_that_it_is_one(http: httpx2.AsyncClient, generation: FaceName) -> None:
    arguments = {"todos": [{"title": "a"}], "idempotency_key": "k"}

    first, again = [
        (await call(http, generation, "add_todos", arguments)).json()["result"]["structuredContent"] for _ in range(2)
    ]

    assert again == first | {"replayed": True}
