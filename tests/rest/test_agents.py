"""Agents over REST: for the person alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import jwt
import pytest

from tests.faces import http_client, rpc
from tests.rest.problems import problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET
from todo_app.application import Application

pytestmark = pytest.mark.requirement("ID8")

PATH = "/api/v1/agents"


def session(subject: str) -> str:
    """A person's session token."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode(claims, JWT_SECRET, "HS256")


async def test_what_is_not_there_is_looked_for_in_its_own_list(app: Application) -> None:
    absent = 2**62
    kinds = {
        "agent": [("GET", f"/agents/{absent}"), ("POST", f"/agents/{absent}/block")],
        "token": [("DELETE", f"/tokens/{absent}"), ("POST", f"/tokens/{absent}/rotate")],
        "calendar": [("DELETE", f"/calendars/{absent}")],
        "proposal": [("GET", f"/proposals/{absent}"), ("POST", f"/proposals/{absent}/approve")],
        "list": [("GET", f"/lists/{absent}")],
        "tag": [("GET", f"/tags/{absent}")],
    }
    async with http_client(app, session(uuid4().hex)) as person:
        for kind, calls in kinds.items():
            for method, path in calls:
                told = problem(await person.request(method, f"/api/v1{path}"), 404, "not_found")
                assert told["next_step"] == f"List your {kind}s to find the id you want."
        todo = problem(await person.get(f"/api/v1/todos/{absent}"), 404, "not_found")
        assert "trash" in todo["next_step"]


async def test_a_person_manages_agents_and_no_agent_does(app: Application) -> None:
    subject = uuid4().hex
    async with http_client(app, session(subject)) as person:
        assert (await person.get(PATH)).json()["items"] == []
        made = (
            await person.post(
                "/api/v1/tokens", json={"name": "script", "scopes": ["todos:read", "todos:write", "profile"]}
            )
        ).json()
        async with http_client(app, made["token"]) as script:
            added = await script.post("/api/v1/todos", json={"title": "a"}, headers={"X-Request-Id": "named-by-me"})
            assert added.status_code == 201
            for method, path in (("GET", ""), ("GET", "/1"), ("PATCH", "/1"), ("POST", "/1/block")):
                body = {"json": {"name": "x"}} if method == "PATCH" else {}
                problem(await script.request(method, PATH + path, **body), 403, "not_for_agents")
        (agent,) = (await person.get(PATH)).json()["items"]
        assert (agent["name"], agent["kind"], agent["changes"]) == ("script", "token", 1)

        change = (await person.get(f"/api/v1/changes/{added.headers['change-id']}")).json()
        assert (change["agent_id"], change["request_id"]) == (agent["id"], "named-by-me")
        found = (await person.get("/api/v1/changes", params={"agent": agent["id"]})).json()["items"]
        assert [row["id"] for row in found] == [change["id"]]

        one = f"{PATH}/{agent['id']}"
        read = await person.get(one)
        named = await person.patch(one, json={"name": "my script"}, headers={"If-Match": read.headers["etag"]})
        assert (named.status_code, named.json()["name"]) == (200, "my script")
        problem(
            await person.patch(one, json={"name": "x"}, headers={"If-Match": read.headers["etag"]}),
            412,
            "version_conflict",
        )
        for wrong in (
            {"blocked_at": None},
            {"until": "9999-12-31T23:59:59-23:59"},
            {"until": "0001-01-01T00:00:00+23:59"},
            {"until": 253402300800},
            {"until": "tomorrow"},
        ):
            problem(await person.patch(one, json=wrong), 422, "invalid_input")

        blocked = await person.post(f"{one}/block")
        assert blocked.json()["blocked_at"] is not None
        async with http_client(app, made["token"]) as script:
            problem(await script.get("/api/v1/todos"), 403, "agent_blocked")
            refused = (await rpc(script, "mcp-2025", "tools/call", {"name": "list_todos", "arguments": {}})).json()
            assert "agent_blocked" in str(refused)
            assert (await rpc(script, "mcp-2025", "tools/list", {})).status_code == 403
        problem(await person.post(f"/api/v1/changes/{blocked.headers['change-id']}/undo"), 409, "undo_refused")
        problem(await person.post("/api/v1/undo", json={"agent": 2**50}), 404, "not_found")
        problem(
            await person.post("/api/v1/undo", json={"made_after": "today", "made_before": "yesterday"}),
            422,
            "invalid_input",
        )
        assert (await person.post(f"{one}/unblock")).json()["blocked_at"] is None
        async with http_client(app, made["token"]) as script:
            assert (await script.get("/api/v1/todos")).status_code == 200
