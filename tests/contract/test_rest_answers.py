"""What goes over the wire is what OpenAPI says: PostgreSQL builds the JSON, so nothing else holds it to the shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import httpx2
import jwt
import pytest
from jsonschema import Draft202012Validator, FormatChecker

from rest_api.live import EVENTS
from tests.contract import markdown
from tests.contract.test_rest_endpoints import COMMON, ENDPOINTS, declared
from tests.core.support import proposing
from tests.faces import http_client
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos

FORMATS: Final = FormatChecker(formats=())
USUAL: Final = {"cache-control": "private, no-cache"}
"""What an answer has unless its endpoint says otherwise."""
TRANSPORT: Final = {"content-type", "content-length", "date", "server"}
"""Headers that no contract declares: the first is in `content`."""
OURS: Final = {
    *("etag", "location", "content-disposition", "change-id", "idempotent-replayed", "cache-control"),
    "x-accel-buffering",
}


@FORMATS.checks("date-time", raises=ValueError)
def _moment(value: object) -> bool:
    """RFC 3339, in UTC, with `Z`: the one spelling that every generated client takes."""
    return not isinstance(value, str) or (value.endswith("Z") and bool(datetime.fromisoformat(value)))


@FORMATS.checks("date", raises=ValueError)
def _date(value: object) -> bool:
    return not isinstance(value, str) or (len(value) == len("2026-11-21") and bool(datetime.fromisoformat(value)))


@dataclass
class Attempt:
    """One request, and what was there before it."""

    path: dict[str, int] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    method: str | None = None
    """Another method than the operation's, with the same headers."""


Prepare = Callable[[httpx2.AsyncClient], Awaitable[Attempt]]
PREPARED: Final[dict[str, Prepare]] = {}
"""How each operation is driven, by its id in OpenAPI."""


def drives(name: str) -> Callable[[Prepare], Prepare]:
    def keep(prepare: Prepare) -> Prepare:
        PREPARED[name] = prepare
        return prepare

    return keep


async def todo(http: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = (await http.post("/api/v1/todos", json={"title": "a", **more})).json()
    return made


async def todo_list(http: httpx2.AsyncClient) -> int:
    made: int = (await http.post("/api/v1/lists", json={"name": uuid4().hex})).json()["id"]
    return made


async def tag(http: httpx2.AsyncClient) -> int:
    """A tag that one todo has."""
    name = uuid4().hex
    await todo(http, tags=[name])
    found: int = next(one["id"] for one in (await http.get("/api/v1/tags")).json()["items"] if one["name"] == name)
    return found


async def some_of_each(http: httpx2.AsyncClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two todos: one with every field set, one with none."""
    parent = (await todo(http, list_id=await todo_list(http)))["id"]
    dates = {"due": "tomorrow 17:00", "repeat": "every 2 weeks on mon, thu"}
    whole = await todo(http, description="d", priority="urgent", parent_id=parent, tags=["t", "u"], **dates)
    await http.patch(f"/api/v1/todos/{whole['id']}/complete")
    await http.delete(f"/api/v1/todos/{whole['id']}")
    return whole, await todo(http)


@drives("add_todo")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more={"json": {"title": "a"}})


@drives("list_todos")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await some_of_each(http)
    await todo(http)
    return Attempt(more={"params": {"status": "all", "limit": 1}})


@drives("get_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    todo_id = (await todo(http))["id"]
    await http.post(f"/api/v1/todos/{todo_id}/notes", json={"text": "a"})
    return Attempt({"todo_id": todo_id})


@drives("update_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"todo_id": (await todo(http))["id"]}, {"json": {"description": "d", "is_completed": True}})


@drives("complete_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"todo_id": (await todo(http))["id"]})


@drives("skip_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"todo_id": (await todo(http, repeat="daily"))["id"]})


@drives("delete_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"todo_id": (await todo(http))["id"]})


@drives("restore_todo")
async def _(http: httpx2.AsyncClient) -> Attempt:
    whole, _ = await some_of_each(http)
    return Attempt({"todo_id": whole["id"]})


@drives("batch_todos")
async def _(http: httpx2.AsyncClient) -> Attempt:
    todo_id = (await todo(http))["id"]
    items = [{"id": todo_id, "title": "b"}, {"id": todo_id, "title": "c"}, {"id": 2**62}, {"id": 1, "title": ""}]
    return Attempt(more={"json": {"action": "update", "todos": items}})


@drives("list_notes")
async def _(http: httpx2.AsyncClient) -> Attempt:
    todo_id = (await todo(http))["id"]
    for text in ("a", "b"):
        await http.post(f"/api/v1/todos/{todo_id}/notes", json={"text": text})
    return Attempt({"todo_id": todo_id}, {"params": {"limit": 1}})


@drives("add_note")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"todo_id": (await todo(http))["id"]}, {"json": {"text": "a"}})


@drives("add_list")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more={"json": {"name": uuid4().hex, "color": "blue", "position": 1}})


@drives("list_lists")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await http.patch(f"/api/v1/lists/{await todo_list(http)}", json={"is_archived": True})
    return Attempt(more={"params": {"archived": "include"}})


@drives("get_list")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"list_id": await todo_list(http)})


@drives("update_list")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"list_id": await todo_list(http)}, {"json": {"is_archived": True}})


@drives("delete_list")
async def _(http: httpx2.AsyncClient) -> Attempt:
    list_id = await todo_list(http)
    await todo(http, list_id=list_id)
    return Attempt({"list_id": list_id}, {"params": {"todos": "trash"}})


@drives("list_tags")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await tag(http)
    return Attempt()


@drives("get_tag")
@drives("delete_tag")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"tag_id": await tag(http)})


@drives("rename_tag")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"tag_id": await tag(http)}, {"json": {"name": uuid4().hex}})


@drives("merge_tag")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"tag_id": await tag(http)}, {"json": {"into": await tag(http)}})


@drives("search_todos")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await todo(http, title="Renew the passport", due="2027-02-26")
    return Attempt(more={"params": {"text": "pasport"}})


@drives("get_streaks")
@drives("get_summary")
@drives("get_weekly_report")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await some_of_each(http)
    return Attempt()


@drives("follow_changes")
async def _(_: httpx2.AsyncClient) -> Attempt:
    return Attempt(method="HEAD")


@drives("list_changes")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await some_of_each(http)
    await http.post("/api/v1/tokens", json={"name": "a"})
    latest = (await http.get("/api/v1/changes")).json()["items"]
    await http.post(f"/api/v1/changes/{latest[1]['id']}/undo")
    return Attempt(more={"params": {"since": 0}})


@drives("get_change")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await some_of_each(http)
    latest = (await http.get("/api/v1/changes")).json()["items"]
    return Attempt({"change_id": latest[1]["id"]})


@drives("undo_change")
async def _(http: httpx2.AsyncClient) -> Attempt:
    made = await http.post("/api/v1/todos", json={"title": "a"})
    return Attempt({"change_id": int(made.headers["change-id"])})


@drives("undo_changes")
async def _(http: httpx2.AsyncClient) -> Attempt:
    made = [await http.post("/api/v1/todos", json={"title": title}) for title in "ab"]
    return Attempt(more={"json": {"change_ids": [int(one.headers["change-id"]) for one in made]}})


@drives("get_overview")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await some_of_each(http)
    return Attempt()


@drives("create_token")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more={"json": {"name": "a"}})


@drives("list_tokens")
async def _(http: httpx2.AsyncClient) -> Attempt:
    made = (await http.post("/api/v1/tokens", json={"name": "a", "expires_in_days": None})).json()
    await http.delete(f"/api/v1/tokens/{made['id']}")
    return Attempt()


@drives("rotate_token")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"token_id": (await http.post("/api/v1/tokens", json={"name": "a"})).json()["id"]})


@drives("revoke_token")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"token_id": (await http.post("/api/v1/tokens", json={"name": "a"})).json()["id"]})


@drives("export_todos")
async def _(http: httpx2.AsyncClient) -> Attempt:
    whole, _ = await some_of_each(http)
    await http.post(f"/api/v1/todos/{whole['parent_id']}/notes", json={"text": "a"})
    return Attempt(more={"params": {"history": "true"}})


@drives("import_todos")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    content = f"TYPE,CONTENT,DURATION\ntask,{uuid4().hex} @a,30\n"
    return Attempt(more={"content": content.encode(), "headers": {"Content-Type": "text/csv"}})


@drives("get_profile")
async def _(http: httpx2.AsyncClient) -> Attempt:
    await http.patch("/api/v1/users/me", json={"display_name": "Ann", "week_start": "saturday"})
    return Attempt()


@drives("get_capabilities")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt()


@drives("update_profile")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more={"json": {"locale": "de-AT"}})


def signed_in() -> dict[str, dict[str, str]]:
    """What a request of a person has beside, with a session token, who has just signed in for the first time."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}", "email": "somebody@example.com"}
    token = jwt.encode(claims | {"exp": datetime.now(UTC) + timedelta(hours=1)}, JWT_SECRET, "HS256")
    return {"headers": {"Authorization": f"Bearer {token}"}}


async def somebody(http: httpx2.AsyncClient) -> int:
    """The account of somebody who has just signed in for the first time."""
    found: int = (await http.get("/api/v1/users/me", **signed_in())).json()["id"]
    return found


async def with_agent(http: httpx2.AsyncClient) -> tuple[int, dict[str, str]]:
    """An agent of somebody, and the headers of a request of that person's own."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}"}
    session = jwt.encode(claims | {"exp": datetime.now(UTC) + timedelta(hours=1)}, JWT_SECRET, "HS256")
    person = {"Authorization": f"Bearer {session}"}
    token = (await http.post("/api/v1/tokens", json={"name": "a"}, headers=person)).json()["token"]
    await http.get("/api/v1/todos", headers={"Authorization": f"Bearer {token}"})
    (agent,) = (await http.get("/api/v1/agents", headers=person)).json()["items"]
    return agent["id"], person


@drives("list_agents")
async def _(http: httpx2.AsyncClient) -> Attempt:
    _agent, person = await with_agent(http)
    return Attempt(more={"headers": person})


@drives("get_agent")
@drives("block_agent")
async def _(http: httpx2.AsyncClient) -> Attempt:
    agent, person = await with_agent(http)
    return Attempt({"agent_id": agent}, {"headers": person})


@drives("update_agent")
async def _(http: httpx2.AsyncClient) -> Attempt:
    agent, person = await with_agent(http)
    return Attempt({"agent_id": agent}, {"headers": person, "json": {"name": "b", "until": "2199-01-01T00:00:00Z"}})


@drives("unblock_agent")
async def _(http: httpx2.AsyncClient) -> Attempt:
    agent, person = await with_agent(http)
    await http.post(f"/api/v1/agents/{agent}/block", headers=person)
    return Attempt({"agent_id": agent}, {"headers": person})


@drives("delete_account_of_mine")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more=signed_in())


@drives("create_calendar")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt(more={"json": {"name": "a"}, **signed_in()})


@drives("list_calendars")
@drives("revoke_calendar")
async def _(http: httpx2.AsyncClient) -> Attempt:
    person = signed_in()
    made = await http.post("/api/v1/calendars", json={"name": "a"}, **person)
    return Attempt({"calendar_id": made.json()["id"]}, person)


async def proposed(http: httpx2.AsyncClient) -> tuple[int, dict[str, str]]:
    """A proposal to somebody, and the headers of a request of that person's own."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}"}
    session = jwt.encode(claims | {"exp": datetime.now(UTC) + timedelta(hours=1)}, JWT_SECRET, "HS256")
    core: Core = http._transport.app.core  # type: ignore[attr-defined]  # the application that it is a client of
    agent = await proposing(Caller(core, await core.identity.authenticate(session), "rest"))
    kept = await agent.perform(todos.add, [TodoCreate(title="a", due="tomorrow", repeat="every day")])
    assert kept.proposal is not None
    return kept.proposal.id, {"Authorization": f"Bearer {session}"}


@drives("mark_review")
async def _(http: httpx2.AsyncClient) -> Attempt:
    _proposal, person = await proposed(http)
    return Attempt(more={"headers": person, "json": {"through": 1}})


@drives("get_review")
@drives("list_proposals")
async def _(http: httpx2.AsyncClient) -> Attempt:
    _proposal, person = await proposed(http)
    return Attempt(more={"headers": person})


@drives("get_proposal")
async def _(http: httpx2.AsyncClient) -> Attempt:
    proposal, person = await proposed(http)
    return Attempt({"proposal_id": proposal}, {"headers": person})


@drives("approve_proposal")
@drives("reject_proposal")
async def _(http: httpx2.AsyncClient) -> Attempt:
    proposal, person = await proposed(http)
    return Attempt({"proposal_id": proposal}, {"headers": person, "json": {"note": "Thanks."}})


@drives("approve_proposals")
@drives("reject_proposals")
async def _(http: httpx2.AsyncClient) -> Attempt:
    proposal, person = await proposed(http)
    return Attempt(more={"headers": person, "json": {"ids": [proposal, 2**62]}})


@drives("list_accounts")
async def _(http: httpx2.AsyncClient) -> Attempt:
    first = await somebody(http)
    await http.post(f"/api/v1/admin/users/{await somebody(http)}/suspend")
    return Attempt(more={"params": {"cursor": first - 1}})


@drives("get_account")
@drives("suspend_account")
@drives("delete_account")
async def _(http: httpx2.AsyncClient) -> Attempt:
    return Attempt({"user_id": await somebody(http)})


@drives("reactivate_account")
async def _(http: httpx2.AsyncClient) -> Attempt:
    suspended = await somebody(http)
    await http.post(f"/api/v1/admin/users/{suspended}/suspend")
    return Attempt({"user_id": suspended})


@drives("healthz")
@drives("readyz")
async def _(_http: httpx2.AsyncClient) -> Attempt:
    return Attempt()


def validator(openapi: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    """Checks an answer against a schema of the document, and that it has no field that is not declared.

    For clients, objects are open: a later version may add fields.
    """
    schemas = {
        name: one | {"additionalProperties": False} if "properties" in one else one
        for name, one in openapi["components"]["schemas"].items()
    }
    return Draft202012Validator({**schema, "components": {"schemas": schemas}}, format_checker=FORMATS)


def test_every_operation_is_driven(openapi: dict[str, Any]) -> None:
    assert PREPARED.keys() == {declared(openapi, section)["operationId"] for section in ENDPOINTS.values()}


@pytest.mark.requirement("RS4", "WR1")
@pytest.mark.parametrize("section", ENDPOINTS.values(), ids=ENDPOINTS)
async def test_every_answer_has_the_declared_shape_and_headers(
    app: Application, ada: Caller, openapi: dict[str, Any], section: str
) -> None:
    operation = declared(openapi, section)
    method, path = markdown.value(section, "Method"), markdown.code(markdown.value(section, "Path"))
    async with http_client(app, await token_of(ada)) as http:
        attempt = await PREPARED[operation["operationId"]](http)
        response = await http.request(attempt.method or method, path.format(**attempt.path), **attempt.more)

    content = operation["responses"][str(response.status_code)].get("content", {})
    assert response.status_code < 300
    if EVENTS in content:  # which has no end: tests/rest/test_events.py reads it
        assert response.headers["content-type"].startswith(EVENTS)
    elif content:
        assert response.headers["content-type"] == "application/json"
        validator(openapi, content["application/json"]["schema"]).validate(response.json())
    else:
        assert response.content == b""
    named = {name.lower() for name in operation["responses"][str(response.status_code)]["headers"]}
    assert response.headers.keys() - named <= TRANSPORT
    written = {name.lower() for name in markdown.codes(markdown.following(section, "Response Headers"))}
    carried = OURS & {name for name, value in response.headers.items() if (name, value) not in USUAL.items()}
    assert carried | {"idempotent-replayed", "link"} & written == written
    always = {
        markdown.code(row["Header"]).lower() for row in markdown.tables(COMMON["Headers"])[1] if row["When"] == "always"
    }
    assert always <= response.headers.keys()
    for name, value in USUAL.items():
        assert response.headers[name] == value or name in written


@pytest.mark.requirement("RS4", "SA3")
async def test_undoing_a_change_of_the_profile_answers_as_declared(
    app: Application, ann: Caller, openapi: dict[str, Any]
) -> None:
    """What goes back is a profile here, not a todo."""
    async with http_client(app, await token_of(ann)) as http:
        changed = await http.patch("/api/v1/users/me", json={"locale": "de-AT"})
        undone = await http.post(f"/api/v1/changes/{changed.headers['change-id']}/undo")

    content = openapi["paths"]["/api/v1/changes/{change_id}/undo"]["post"]["responses"]["200"]["content"]
    validator(openapi, content["application/json"]["schema"]).validate(undone.json())


@pytest.mark.requirement("RS3", "RS4", "ID7")
@each("section", ENDPOINTS.values(), ids=ENDPOINTS)
async def test_every_endpoint_that_needs_a_token_refuses_without_one_as_declared(
    app: Application, openapi: dict[str, Any], section: str
) -> None:
    operation = declared(openapi, section)
    method, path = markdown.value(section, "Method"), markdown.code(markdown.value(section, "Path"))
    async with http_client(app, None) as http:
        response = await http.request(method, path.format_map(defaultdict(lambda: 1)))

    if not operation["security"]:
        assert response.status_code == 200
        return
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.headers["content-type"] == "application/problem+json"
    schema = operation["responses"]["401"]["content"]["application/problem+json"]["schema"]
    validator(openapi, schema).validate(response.json())


@pytest.mark.requirement("RS4")
async def test_every_word_of_the_contract_is_needed(app: Application, ann: Caller, openapi: dict[str, Any]) -> None:
    """The check can fail: an answer with a field less, or of another type, is not accepted."""
    check = validator(openapi, {"$ref": "#/components/schemas/TodoWritten"})
    async with http_client(app, await token_of(ann)) as http:
        row = await todo(http)

    assert check.is_valid(row)
    for name in row:
        assert not check.is_valid({key: value for key, value in row.items() if key != name})
        assert not check.is_valid(row | {name: [None]})
    assert not check.is_valid(row | {"more": 1})
    assert not check.is_valid(row | {"created_at": "2026-11-21T09:00:00"})
    assert not check.is_valid(row | {"created_at": "2026-11-21T09:00:00+00:00"})
