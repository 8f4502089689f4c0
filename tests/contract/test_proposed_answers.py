"""A write that is kept as a proposal answers in the shape of the write: generated clients have one type of it."""

from __future__ import annotations

from typing import Any, Final

import httpx2
import pytest

from tests.contract.test_rest_answers import PREPARED, TRANSPORT, Attempt, validator
from tests.faces import http_client
from tests.support import token_of
from tests.tables import each
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.operations import proposals

pytestmark = pytest.mark.requirement("RS4", "RS6", "SA6")

PROPOSABLE: Final = (
    *("add_todo", "update_todo", "delete_todo", "complete_todo", "skip_todo", "restore_todo", "batch_todos"),
    *("add_note", "add_list", "update_list", "delete_list", "rename_tag", "merge_tag", "delete_tag"),
    *("undo_change", "undo_changes"),
)
WHOLE: Final = Attempt(more={"json": {"action": "add", "todos": [{"title": "a"}, {"title": "b"}]}})
"""A batch of which no item is refused: it is proposed whole, or not at all."""


def operations(openapi: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    """The operations that may be answered 202, by their ids: method, path, and what the document says."""
    return {
        declared["operationId"]: (method.upper(), path, declared)
        for path, methods in openapi["paths"].items()
        for method, declared in methods.items()
        if "202" in declared["responses"]
    }


def test_each_has_one_shape_of_a_success(openapi: dict[str, Any]) -> None:
    found = operations(openapi)

    assert found.keys() == {*PROPOSABLE}
    for name, (*_, declared) in found.items():
        successes = [told for status, told in declared["responses"].items() if status.startswith("2")]
        shapes = [told.get("content", {}).get("application/json", {}).get("schema") for told in successes]
        assert shapes == [shapes[0]] * len(shapes), name


@each("name", PROPOSABLE)
async def test_each_is_answered_as_declared_also_again(
    app: Application, ann: Caller, openapi: dict[str, Any], name: str
) -> None:
    method, path, operation = operations(openapi)[name]
    async with (
        http_client(app, await token_of(ann)) as person,
        http_client(app, await token_of(ann, "todos:read", "todos:propose")) as agent,
    ):
        if name == "undo_changes":
            attempt = Attempt(more={"json": {"change_ids": [await _approved(ann, agent)]}})
        else:
            attempt = WHOLE if name == "batch_todos" else await PREPARED[name](person)
        headers = attempt.more.get("headers", {}) | {"Idempotency-Key": name}
        address, more = path.format(**attempt.path), attempt.more | {"headers": headers}
        since = await _changes(person)
        first, again = [await agent.request(attempt.method or method, address, **more) for _ in range(2)]
        proposal = (await agent.get(first.headers["location"])).json()
        done = [change["operation"] for change in (await person.get("/api/v1/changes", params=since)).json()["items"]]

    declared = operation["responses"]["202"]
    assert (first.status_code, again.status_code) == (202, 202)
    if "content" in declared:
        validator(openapi, declared["content"]["application/json"]["schema"]).validate(first.json())
    else:
        assert first.content == b""
    assert first.headers.keys() - TRANSPORT <= {header.lower() for header in declared["headers"]}
    assert first.headers["proposal-id"] == str(proposal["id"])
    assert first.headers["proposal-expires"] == proposal["expires_at"]
    assert proposal["status"] == "waiting"
    assert done == ["proposals.add"]
    assert again.headers.pop("idempotent-replayed") == "true"
    told = ("location", "proposal-id", "proposal-expires", "content-type")
    assert again.content == first.content
    assert [again.headers.get(header) for header in told] == [first.headers.get(header) for header in told]


async def _approved(person: Caller, agent: httpx2.AsyncClient) -> int:
    """A change of the agent's own, which alone it may take back with others: one that the person approved."""
    kept = await agent.post("/api/v1/todos", json={"title": "a"})
    approved = await person.perform(proposals.approve, int(kept.headers["proposal-id"]))
    assert approved.change_id is not None
    return approved.change_id


async def _changes(http: httpx2.AsyncClient) -> dict[str, int]:
    return {"since": (await http.get("/api/v1/changes")).json()["since"]}
