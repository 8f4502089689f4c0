"""Bad input is a 4xx with a problem and never an echo, at every address (RS3)."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest

from rest_api.declaring import EXPOSED
from tests.bad_values import IDS, LIMIT, LIMITS, MARKER, PATH_IDS, RAW, TEXTS
from tests.exhaustive import combinations
from tests.rest.entity_tags import version_of
from tests.rest.problems import fields, problem
from tests.tables import each
from todo_app.application import Application

pytestmark = pytest.mark.requirement("RS3")

ROUTES = sorted(route for routes in EXPOSED.values() for route in routes)
BODIES: dict[str, dict[str, Any]] = {
    "POST /todos": {"title": "a"},
    "POST /todos/batch": {"action": "delete", "ids": [2**62]},
    "PATCH /todos/{todo_id}": {"title": "b"},
    "PATCH /todos/{todo_id}/complete": {"is_completed": True},
    "POST /todos/{todo_id}/notes": {"text": "a"},
    "POST /lists": {"name": "a"},
    "PATCH /lists/{list_id}": {"name": "b"},
    "PATCH /tags/{tag_id}": {"name": "b"},
    "POST /tags/{tag_id}/merge": {"into": 2**62},
    "POST /undo": {"change_ids": [2**62]},
    "POST /tokens": {"name": "a"},
    "PATCH /agents/{agent_id}": {"name": "b"},
    "POST /calendars": {"name": "a"},
    "POST /proposals/approve": {"ids": [2**62]},
    "POST /proposals/reject": {"ids": [2**62]},
    "POST /proposals/{proposal_id}/approve": {"note": "a"},
    "POST /proposals/{proposal_id}/reject": {"note": "a"},
    "POST /review": {"through": 1},
    "PATCH /users/me": {"display_name": "b"},
}
"""What each route with a body accepts."""

NO_TODOS = {"PATCH /lists/{list_id}", "PATCH /tags/{tag_id}", "POST /tags/{tag_id}/merge", "POST /undo"}
NO_TODOS |= {"PATCH /agents/{agent_id}", "POST /calendars", "POST /review"}
NO_TODOS |= {f"POST /proposals/{which}{what}" for which in ("", "{proposal_id}/") for what in ("approve", "reject")}
"""Routes of these whose row is no todo: under a todo's id there may be none, or somebody's; or that are a person's."""

QUERIES: dict[str, dict[str, str]] = {"GET /search": {"text": "a"}}
"""What a route needs in its query string."""

PROFILE = ("display_name", "time_zone", "locale", "week_start")

EVERY_ROUTE = each("route", ROUTES)
EVERY_BODY = each("route", BODIES)
JSON = {"content-type": "application/json"}


def check(response: httpx2.Response, *statuses: int) -> None:
    """A problem of the client's making, which tells nothing of what was sent."""
    assert 400 <= response.status_code < 500
    assert not statuses or response.status_code in statuses
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == response.status_code
    assert len(response.content) < 4096
    assert MARKER not in response.text
    assert MARKER not in str(response.headers)


def at(route: str, todo: str, given: str | None = None) -> tuple[str, str]:
    """Method and path of a route, for a todo or for what is given as an id."""
    method, path = route.split(" ")
    here = todo.rpartition("/")[2] if given is None else given
    return method, "/api/v1" + re.sub(r"\{\w+\}", lambda _: here, path)


async def send(http: httpx2.AsyncClient, route: str, todo: str, content: bytes, **headers: str) -> httpx2.Response:
    method, path = at(route, todo)
    return await http.request(method, path, content=content, headers=JSON | headers)


async def test_every_route_that_takes_a_body_is_tried(app: Application) -> None:
    declared = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in app.api.openapi()["paths"].items()
        for method, operation in methods.items()
        if "requestBody" in operation and "multipart/form-data" not in operation["requestBody"]["content"]  # no file
    }

    assert declared == BODIES.keys()


@each(*combinations(route=BODIES.keys(), raw=RAW))
async def test_what_is_no_json_object_is_refused(http: httpx2.AsyncClient, todo: str, route: str, raw: bytes) -> None:
    check(await send(http, route, todo, raw), 400, 422)


WITHOUT_BODY = ("/complete", "}/approve", "}/reject")
"""How routes end that need none."""


@each("route", [route for route in BODIES if not route.endswith(WITHOUT_BODY)])
async def test_no_body_is_refused_where_one_is_needed(http: httpx2.AsyncClient, todo: str, route: str) -> None:
    check(await send(http, route, todo, b""), 400, 422)
    check(await send(http, route, todo, b"null"), 400, 422)


@pytest.mark.parametrize("route", BODIES)
@pytest.mark.parametrize("size", [LIMIT + 1, 5_000_000])
async def test_a_body_beyond_the_limit_is_413(http: httpx2.AsyncClient, todo: str, route: str, size: int) -> None:
    content = json.dumps({**BODIES[route], MARKER: ""}).encode().ljust(size)

    response = await send(http, route, todo, content)

    check(response, 413)
    problem(response, 413, "body_too_large")


@pytest.mark.parametrize("route", BODIES)
async def test_a_body_of_just_the_limit_is_read(http: httpx2.AsyncClient, todo: str, route: str) -> None:
    response = await send(http, route, todo, json.dumps(BODIES[route]).encode().ljust(LIMIT))

    assert response.status_code in ({200, 403, 404} if route in NO_TODOS else {200, 201})


@each(
    *combinations(
        route=BODIES.keys(),
        kind=["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", MARKER, ""],
    )
)
async def test_another_content_type_is_refused(http: httpx2.AsyncClient, todo: str, route: str, kind: str) -> None:
    check(await send(http, route, todo, json.dumps(BODIES[route]).encode(), **{"content-type": kind}), 415, 422)


@EVERY_BODY
async def test_a_name_that_occurs_twice_is_refused(http: httpx2.AsyncClient, todo: str, route: str) -> None:
    body = json.dumps(BODIES[route])

    check(await send(http, route, todo, f"{body[:-1]}, {body[1:]}".encode()), 400, 422)


@EVERY_BODY
async def test_an_unknown_field_is_refused_by_name(http: httpx2.AsyncClient, todo: str, route: str) -> None:
    response = await send(http, route, todo, json.dumps({**BODIES[route], "colour": MARKER}).encode())

    check(response, 422)
    assert fields(response.json()) == ["colour"]


@EVERY_BODY
async def test_an_unknown_field_with_a_hostile_name_is_cut_and_cleaned(
    http: httpx2.AsyncClient, todo: str, route: str
) -> None:
    for name in ("<script>alert(1)</script>", "x\r\nSet-Cookie: a=b", "\u202egnp", "n" * 100_000, "\x00"):
        response = await send(http, route, todo, json.dumps({**BODIES[route], name: 1}).encode())
        check(response, 422)
        assert name not in response.json()["errors"][0]["field"]


@EVERY_ROUTE
async def test_an_unknown_query_parameter_is_refused_by_name(http: httpx2.AsyncClient, todo: str, route: str) -> None:
    method, path = at(route, todo)

    response = await http.request(
        method, path, params={**QUERIES.get(route, {}), "colour": MARKER}, json=BODIES.get(route)
    )

    check(response, 422)
    assert fields(response.json()) == ["colour"]


@each(*combinations(route=[route for route in ROUTES if "{" in route], given={given[:24]: given for given in PATH_IDS}))
async def test_what_is_no_id_in_a_path_is_refused(http: httpx2.AsyncClient, todo: str, route: str, given: str) -> None:
    method, path = at(route, todo, given)

    check(await http.request(method, path, **({"json": BODIES[route]} if route in BODIES else {})), 404, 422)


@each("value", IDS.values(), ids=IDS.keys())
async def test_what_is_no_id_in_a_batch_is_refused_in_its_place(http: httpx2.AsyncClient, value: object) -> None:
    for body in (
        *({"action": action, "ids": [value]} for action in ("complete", "delete", "restore", "skip")),
        {"action": "update", "todos": [{"id": value, "title": MARKER}]},
    ):
        response = await http.post("/api/v1/todos/batch", content=json.dumps(body).encode(), headers=JSON)
        assert MARKER not in response.text
        if response.status_code == 200:
            (result,) = response.json()["results"]
            assert (result["error"]["status"], result["error"]["error_code"]) == (422, "invalid_input")
        else:  # NaN is no JSON
            problem(response, 400, "malformed_json")


@each("path", ["/todos", "/changes", "/admin/users"])
@each("limit", [*LIMITS, 1.5, "5a", "", "NaN", "true", "٣", MARKER])
async def test_a_limit_out_of_bounds_is_refused(http: httpx2.AsyncClient, path: str, limit: object) -> None:
    response = await http.get(f"/api/v1{path}", params={"limit": str(limit)})

    check(response, 422)
    assert fields(response.json()) == ["limit"]


@each(
    ("name", "value"),
    [
        ("ids", MARKER),
        ("ids", str(2**63)),
        ("ids", "0"),
        ("offset", "-1"),
        ("offset", str(10**30)),
        ("text", f"{MARKER}\x00"),
        ("text", ""),
        ("text", MARKER * 100),
        ("status", MARKER),
        ("priority", MARKER),
        ("sort", f"{MARKER}; DROP TABLE todos"),
        ("direction", MARKER),
        ("cursor", MARKER),
        ("cursor", "\x00"),
        ("cursor", MARKER * 100),
        ("created_after", MARKER),
        ("created_after", "2026-11-31"),
        ("due_before", f"{MARKER} 5pm"),
        ("list_id", "0"),
        ("list_id", MARKER),
        ("parent_id", str(2**63)),
        ("tags", ""),
        ("tags", MARKER * 10),
        ("tags_match", MARKER),
        ("top_level", MARKER),
        ("overdue", "2"),
        ("archived", MARKER),
        ("created_after", "0001-01-01T00:00:00+23:59"),
        ("updated_before", "9999-12-31T23:59:59-23:59"),
        ("completed_before", str(10**30)),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(http: httpx2.AsyncClient, name: str, value: str) -> None:
    response = await http.get("/api/v1/todos", params={name: value})

    check(response, 422)
    assert [field.partition(".")[0] for field in fields(response.json())] == [name]


@each("value", TEXTS.values(), ids=TEXTS.keys())
async def test_what_is_no_text_is_refused(http: httpx2.AsyncClient, todo: str, value: object) -> None:
    for method, path, body in (
        ("POST", "/api/v1/todos", {"title": value}),
        ("POST", "/api/v1/todos", {"title": "a", "description": value}),
        ("PATCH", todo, {"title": value}),
        ("PATCH", todo, {"description": value}),
        ("POST", "/api/v1/tokens", {"name": value}),
        *(("PATCH", "/api/v1/users/me", {name: value}) for name in PROFILE),
    ):
        check(await http.request(method, path, content=json.dumps(body).encode(), headers=JSON), 400, 422)
    for path in (todo, "/api/v1/users/me"):
        assert version_of(await http.get(path)) == 1


@each("key", [MARKER * 150_000, "", "a b", "a\tb", "\xff", "ключ".encode().decode("latin-1")])
async def test_what_is_no_idempotency_key_is_refused(http: httpx2.AsyncClient, todo: str, key: str) -> None:
    headers = [(b"idempotency-key", key.encode("latin-1"))]
    for route in ROUTES:
        method, path = at(route, todo)
        if method != "GET":
            response = await http.request(method, path, json=BODIES.get(route), headers=headers)
            check(response, 422)
            assert fields(response.json()) == ["idempotency-key"]


@pytest.mark.requirement("ID7")
@each(
    "authorization",
    [f"Bearer {MARKER}", f"Basic {MARKER}", MARKER, "Bearer", f"Bearer {MARKER * 100_000}", "Bearer \xff"],
)
async def test_a_broken_authorization_is_401(http: httpx2.AsyncClient, authorization: str) -> None:
    for path in ("/api/v1/todos", "/api/v1/todos/1"):
        check(await http.get(path, headers=[(b"authorization", authorization.encode("latin-1"))]), 401)
