"""What is read by address, and how an address is completed (MC6)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx2
import pytest
from mcp import MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextResourceContents

from mcp_server.resources import id_in, labelled_id
from tests.bad_values import IDS, MARKER, TEXTS
from tests.faces import FaceName, Json, McpFace, face, http_client, rpc, turned_away
from tests.mcp.support import refused_request
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.operations import accounts

pytestmark = pytest.mark.requirement("MC6")

TODO = "todo://todos/{id}"
READING: dict[str, Json] = {
    "resources/read": {"uri": "todo://overview"},
    "completion/complete": {
        "ref": {"type": "ref/resource", "uri": TODO},
        "argument": {"name": "id", "value": ""},
    },
}
LISTING = ("resources/list", "resources/templates/list", "prompts/list")


@pytest.fixture
async def bobs(generation: FaceName, app: Application, bob: Caller) -> AsyncIterator[McpFace]:
    """Somebody else's client."""
    async with face(generation, app, await token_of(bob)) as found:
        assert isinstance(found, McpFace)
        yield found


async def read(me: McpFace, uri: str) -> Json:
    """What is at an address."""
    (content,) = (await me.client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert (content.uri, content.mime_type) == (uri, "application/json")
    told: Json = json.loads(content.text)
    return told


async def refused(me: McpFace, uri: str) -> Json:
    """What the refusal to read an address told."""
    return await refused_request(me.client.read_resource(uri))


async def completed(me: McpFace, typed: str) -> list[str]:
    ref = ResourceTemplateReference(type="ref/resource", uri=TODO)
    return (await me.client.complete(ref, {"name": "id", "value": typed})).completion.values


# --- what there is -------------------------------------------------------------------------------


async def test_what_there_is_to_read_is_listed(me: McpFace) -> None:
    resources = (await me.client.list_resources()).resources
    templates = (await me.client.list_resource_templates()).resource_templates

    assert [resource.uri for resource in resources] == ["todo://overview", "todo://changes"]
    assert [template.uri_template for template in templates] == ["todo://lists/{id}", TODO]
    for listed in (*resources, *templates):
        assert listed.title
        assert listed.description
        assert listed.mime_type == "application/json"


async def test_the_server_says_what_it_can(http: httpx2.AsyncClient, generation: FaceName) -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    asked = ("initialize", hello) if generation == "mcp-2025" else ("server/discover", {})
    can = (await rpc(http, generation, *asked)).json()["result"]["capabilities"]

    # The SDK says all of them where `subscriptions/listen` is served; what is listed never changes. The older
    # generation has no stream over HTTP.
    told = generation == "mcp-2026"
    assert can == {
        "completions": {},
        "prompts": {"listChanged": told},
        "resources": {"listChanged": told, "subscribe": told},
        "tools": {"listChanged": told},
    }


@pytest.mark.requirement("ID4")
async def test_a_token_that_may_not_read_sees_nothing_to_read(
    generation: FaceName, app: Application, ann: Caller
) -> None:
    async with http_client(app, await token_of(ann, "profile")) as http:
        for method in LISTING:
            result = (await rpc(http, generation, method)).json()["result"]
            assert [
                listed for name in ("resources", "resourceTemplates", "prompts") for listed in result.get(name, [])
            ] == []


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("method", READING)
async def test_a_token_that_may_not_read_reads_nothing(
    generation: FaceName, app: Application, ann: Caller, method: str
) -> None:
    async with http_client(app, await token_of(ann, "profile")) as http:
        error = (await rpc(http, generation, method, READING[method])).json()["error"]

    assert error["data"]["code"] == "insufficient_scope"
    assert error["data"]["required_scope"] == "todos:read"


@pytest.mark.requirement("OW5")
@pytest.mark.parametrize("method", [*LISTING, *READING])
async def test_a_suspended_user_is_turned_away(
    generation: FaceName, app: Application, ann: Caller, ada: Caller, method: str
) -> None:
    token = await token_of(ann)
    await ada.perform(accounts.suspend, ann.principal.user_id)
    async with http_client(app, token) as http:
        turned_away(await rpc(http, generation, method, READING.get(method, {})), 403, "suspended")


# --- reading -------------------------------------------------------------------------------------


async def test_the_overview_is_that_of_the_tool(me: McpFace) -> None:
    await me.add({"title": "a"})

    told, tools = await read(me, "todo://overview"), await me.overview()
    assert told | {"now": tools["now"]} == tools | {"all_tags": 0, "archived_lists": 0}


async def test_the_latest_changes_have_20_kb_whatever_happened(me: McpFace) -> None:
    long = [{"title": f"{'x' * 190} {number}"} for number in range(50)]
    made = [(await me.add(*long)).change for _ in range(8)]

    told = await read(me, "todo://changes")

    assert len(json.dumps(told, separators=(",", ":"))) <= 20_000
    assert [change["id"] for change in told["changes"]] == made[::-1][: len(told["changes"])]
    assert {(len(change["entries"]), change["more_entries"]) for change in told["changes"]} == {(20, 30)}
    assert told["since"] == made[-1]


async def test_a_todo_is_read_with_all_that_is_set(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "Buy milk", "priority": "high"})).accepted

    for address in (f"todo://todos/{todo}", f"todo://todos/{todo}-buy-milk", f"todo://todos/{todo}-%D1%8F"):
        told = await read(me, address)
        assert (told["id"], told["title"], told["priority"], told["version"]) == (todo, "Buy milk", "high", 1)
        assert None not in told.values()


@pytest.mark.requirement("OW1", "OW4")
async def test_somebody_elses_todo_is_refused_without_a_word_about_it(me: McpFace, bobs: McpFace) -> None:
    (todo,) = (await me.add({"title": MARKER})).accepted

    told = await refused(bobs, f"todo://todos/{todo}-{MARKER}")
    assert told["code"] == "not_owner"
    assert MARKER not in json.dumps(told)


@pytest.mark.requirement("TD7")
async def test_a_todo_in_the_trash_is_not_found(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted
    await me.delete(todo)

    assert (await refused(me, f"todo://todos/{todo}"))["code"] == "not_found"


@pytest.mark.requirement("MC4")
@each(
    "path",
    [
        "todos/",
        "todos/0",
        "todos/-1",
        "todos/x",
        "todos/%00",
        "todos/1%00",
        "todos/9223372036854775808",
        "todos/\u0661",
        "todos/1.0",
    ],
)
async def test_what_is_no_id_is_not_found(me: McpFace, path: str) -> None:
    assert (await refused(me, f"todo://{path}"))["code"] == "not_found"


@pytest.mark.requirement("MC4")
@each(
    "uri",
    [
        f"todo://{MARKER}",
        f"file:///etc/{MARKER}",
        "todo://todos/1/2",
        "todo://overview/",
        "",
        "x" * 20_000,
    ],
)
async def test_what_is_no_address_is_refused_with_the_known_ones(me: McpFace, uri: str) -> None:
    told = await refused(me, uri)

    assert told["code"] == "invalid_input"
    assert told.get("uri") == (uri if uri.startswith(("todo:", "file:")) else None)
    assert told["errors"] == [
        {
            "field": "uri",
            "code": "not_found",
            "message": "is not the address of a resource",
            "allowed": ["todo://overview", "todo://changes", "todo://lists/{id}", TODO],
        }
    ]


@pytest.mark.requirement("MC4")
@each("uri", [*IDS.values(), *TEXTS.values()])
async def test_what_is_no_text_is_no_address_and_not_echoed(
    http: httpx2.AsyncClient, generation: FaceName, uri: object
) -> None:
    headers = {"mcp-name": "="}  # of another form the client itself would refuse
    response = await rpc(http, generation, "resources/read", {"uri": uri}, headers)

    assert response.status_code in (200, 400)
    assert response.json()["error"]["code"] < 0
    assert MARKER not in response.text
    assert "pydantic" not in response.text


# --- completion ----------------------------------------------------------------------------------


async def test_an_id_is_completed_by_title_and_what_is_offered_can_be_read(me: McpFace) -> None:
    milk, _, half = (await me.add({"title": "Buy milk!"}, {"title": "Call mum"}, {"title": "Милк, mild_soap"})).accepted

    offered = await completed(me, "mil")
    assert sorted(offered) == sorted([f"{milk}-buy-milk", f"{half}-милк-mild-soap"])
    for value in offered:
        assert (await read(me, f"todo://todos/{value}"))["id"] in (milk, half)


async def test_an_id_completes_to_itself_done_or_open(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "Buy milk"})).accepted
    await me.complete(todo)

    for typed in (str(todo), f"{todo}-", f"{todo}-buy-milk", f" {todo} "):
        assert await completed(me, typed) == [f"{todo}-buy-milk"]
    assert await completed(me, "milk") == []  # done: only open ones are offered by title


async def test_digits_that_are_no_id_are_words(me: McpFace) -> None:
    (todo,) = (await me.add({"title": "Call 99999999"})).accepted

    assert await completed(me, "99999999") == [f"{todo}-call-99999999"]


async def test_with_nothing_typed_the_latest_are_offered_and_how_many_there_are(me: McpFace) -> None:
    todos = (await me.add(*({"title": str(n)} for n in range(25)))).accepted
    await me.update({"id": todos[0], "title": "first"})

    ref = ResourceTemplateReference(type="ref/resource", uri=TODO)
    told = (await me.client.complete(ref, {"name": "id", "value": ""})).completion
    assert (len(told.values), told.total, told.has_more) == (20, 25, True)
    assert told.values[0] == f"{todos[0]}-first"


@pytest.mark.requirement("OW1")
async def test_nobody_is_offered_somebody_elses(me: McpFace, bobs: McpFace) -> None:
    (todo,) = (await me.add({"title": "Buy milk"})).accepted

    for typed in ("milk", "", str(todo)):
        assert await completed(bobs, typed) == []


@pytest.mark.parametrize("typed", ["x" * 201, "%", "\x00", "'; --", "9" * 40])
async def test_what_no_title_has_completes_to_nothing(me: McpFace, typed: str) -> None:
    await me.add({"title": "a"})

    assert await completed(me, typed) == []


@pytest.mark.requirement("MC4")
async def test_only_what_there_is_can_be_completed(me: McpFace) -> None:
    known = ResourceTemplateReference(type="ref/resource", uri=TODO)
    for ref, name, field in (
        (ResourceTemplateReference(type="ref/resource", uri=f"todo://{MARKER}/{{id}}"), "id", "ref.uri"),
        (PromptReference(type="ref/prompt", name=MARKER), "text", "ref.name"),
        (known, MARKER, "argument.name"),
    ):
        with pytest.raises(MCPError) as found:
            await me.client.complete(ref, {"name": name, "value": ""})
        assert found.value.code == -32602
        assert found.value.data["errors"][0]["field"] == field
        assert MARKER not in json.dumps(found.value.data) + found.value.message

    brain_dump = PromptReference(type="ref/prompt", name="brain_dump")
    assert (await me.client.complete(brain_dump, {"name": "text", "value": "a"})).completion.values == []


# --- ids with words ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("title", "value"),
    [
        ("Buy milk", "7-buy-milk"),
        ("  --Straße & Fuß!  ", "7-strasse-fuss"),
        ("2026-11-21", "7-2026-11-21"),
        ("🥛", "7"),
        ("a/b?c#d%e{f}\u202e", "7-a-b-c-d-e-f"),
        ("x" * 200, "7-" + "x" * 40),
        ("x" * 39 + " y", "7-" + "x" * 39),
    ],
)
def test_an_id_is_marked_with_the_words_of_its_title(title: str, value: str) -> None:
    assert labelled_id({"id": 7, "title": title}, "title") == value
    assert id_in(value) == 7


@pytest.mark.parametrize("text", ["", "-", "0", "07", "x7", "7x", "7 ", "+7", "7\n"])
def test_what_does_not_begin_with_an_id_has_none(text: str) -> None:
    assert id_in(text) is None


def test_the_largest_id_is_one() -> None:
    assert id_in(f"{2**63 - 1}-x") == 2**63 - 1
    assert id_in(str(2**63)) is None
