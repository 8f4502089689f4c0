"""The profile over HTTP: methods, statuses, headers, merge patch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx2
import jwt
import pytest

from tests.faces import http_client
from tests.rest.entity_tags import version_of
from tests.rest.problems import fields, problem
from tests.support import AUDIENCE, ISSUER, JWT_SECRET, moment_of, token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("LT3", "RS1", "RS2")

PATH = "/api/v1/users/me"


async def test_the_profile_is_read_with_its_version_as_etag(http: httpx2.AsyncClient, ann: Caller) -> None:
    response = await http.get(PATH)

    assert (response.status_code, version_of(response)) == (200, 1)
    assert response.headers["content-type"] == "application/json"
    told = response.json()
    created = told.pop("created_at")
    assert told.pop("updated_at") == created
    assert told == {
        "id": ann.principal.user_id,
        "display_name": None,
        "email": None,
        "role": "user",
        "time_zone": "UTC",
        "locale": "en",
        "week_start": "monday",
        "default_list_id": None,
        "new_todos": "last",
        "version": 1,
    }


async def test_a_profile_begins_with_what_the_token_told(app: Application) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": f"user-{uuid4().hex}", "exp": until}
    first = jwt.encode(claims | {"name": "  Ann ", "email": "ann@example.com"}, JWT_SECRET, "HS256")
    async with http_client(app, first) as http:
        told = (await http.get(PATH)).json()
        assert (told["display_name"], told["email"]) == ("Ann", "ann@example.com")
        await http.patch(PATH, json={"display_name": "Annie"})

    later = jwt.encode(claims | {"name": "Anna", "email": "anna@example.com"}, JWT_SECRET, "HS256")
    async with http_client(app, later) as http:
        again = (await http.get(PATH)).json()

    assert (again["id"], again["display_name"], again["email"]) == (told["id"], "Annie", "anna@example.com")


@pytest.mark.requirement("SA2")
async def test_a_patch_answers_with_the_profile_its_version_and_the_change(http: httpx2.AsyncClient) -> None:
    before = (await http.get(PATH)).json()

    patched = await http.patch(PATH, json={"display_name": " Ann ", "week_start": "sunday"})

    assert (patched.status_code, version_of(patched)) == (200, 2)
    told = patched.json()
    assert moment_of(told, "updated_at") > moment_of(before, "updated_at")
    assert told == before | {
        "display_name": "Ann",
        "week_start": "sunday",
        "version": 2,
        "updated_at": told["updated_at"],
        "todos_shown_otherwise": 0,
    }
    read = await http.get(PATH)
    assert (read.json() | {"todos_shown_otherwise": 0}, read.headers["etag"]) == (told, patched.headers["etag"])
    (entry,) = (await http.get(f"/api/v1/changes/{patched.headers['change-id']}")).json()["entries"]
    kept = ("display_name", "time_zone", "locale", "week_start", "default_list_id", "new_todos", "version")
    was, now = ({name: row[name] for name in kept} for row in (before, told))
    assert (entry["entity"], entry["id"], entry["before"], entry["after"]) == ("user", told["id"], was, now)


async def test_a_patch_is_a_merge_patch(http: httpx2.AsyncClient) -> None:
    await http.patch(PATH, json={"display_name": "Ann", "locale": "fr"})

    cleared = await http.patch(
        PATH, content=b'{"display_name":null}', headers={"content-type": "application/merge-patch+json"}
    )

    assert (cleared.json()["display_name"], cleared.json()["locale"]) == (None, "fr")
    empty = await http.patch(PATH, json={})
    assert (empty.status_code, version_of(empty), empty.json()) == (200, 3, cleared.json())
    assert "change-id" not in empty.headers


@pytest.mark.parametrize("field", ["time_zone", "locale", "week_start"])
async def test_a_field_that_cannot_be_empty_refuses_null(http: httpx2.AsyncClient, field: str) -> None:
    assert fields(problem(await http.patch(PATH, json={field: None}), 422, "invalid_input")) == [field]
    assert version_of(await http.get(PATH)) == 1


async def test_every_wrong_field_is_named_at_once(http: httpx2.AsyncClient) -> None:
    body = {"display_name": "", "time_zone": "Mars/Olympus", "locale": "x", "week_start": "friday", "colour": 1}

    told = problem(await http.patch(PATH, json=body), 422, "invalid_input")

    assert sorted(fields(told)) == sorted(body)
    assert "Mars" not in str(told)


@pytest.mark.requirement("TD8")
@pytest.mark.parametrize("if_match", ["{tag}", '"1"', ' "1" ', "*", '"7", "1"', 'W/"1"', '"1-gzip"', "1"])
async def test_the_version_one_saw_or_any_lets_the_patch_through(http: httpx2.AsyncClient, if_match: str) -> None:
    if_match = if_match.format(tag=(await http.get(PATH)).headers["etag"])

    patched = await http.patch(PATH, json={"locale": "fr"}, headers={"If-Match": if_match})

    assert (patched.status_code, version_of(patched)) == (200, 2)


@pytest.mark.requirement("TD8")
@pytest.mark.parametrize("if_match", ['"2"', 'W/"2"', "2", '"x"', '"01"', '"9999999999999999999"', "garbage", '"1', ""])
async def test_any_other_tag_is_412_with_the_current_profile_and_changes_nothing(
    http: httpx2.AsyncClient, if_match: str
) -> None:
    before = (await http.get(PATH)).json()

    told = problem(
        await http.patch(PATH, json={"locale": "fr"}, headers={"If-Match": if_match}), 412, "version_conflict"
    )

    assert told["current"] == before
    assert (await http.get(PATH)).json() == before


async def test_an_entity_tag_of_unreasonable_length_is_refused(http: httpx2.AsyncClient) -> None:
    for method, name in (("GET", "if-none-match"), ("PATCH", "if-match")):
        response = await http.request(
            method, PATH, headers={name: "1" * 10_000}, **({"json": {}} if name[3] == "m" else {})
        )
        assert fields(problem(response, 422, "invalid_input")) == [name]


@pytest.mark.parametrize("if_none_match", ["{tag}", "W/{tag}", "*", '"7", {tag}', '"x",W/{tag}'])
async def test_a_profile_one_has_already_is_304_without_a_body(http: httpx2.AsyncClient, if_none_match: str) -> None:
    tag = (await http.get(PATH)).headers["etag"]

    response = await http.get(PATH, headers={"If-None-Match": if_none_match.format(tag=tag)})

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize("if_none_match", ['"2"', "1", '"1"', '"1.00000000"', "garbage", '""', '"11"'])
async def test_a_profile_one_does_not_have_is_sent(http: httpx2.AsyncClient, if_none_match: str) -> None:
    response = await http.get(PATH, headers={"If-None-Match": if_none_match})

    assert (response.status_code, response.json()["version"]) == (200, 1)


async def test_after_a_change_the_old_tag_gets_the_new_profile(http: httpx2.AsyncClient) -> None:
    old = {"If-None-Match": (await http.get(PATH)).headers["etag"]}
    await http.patch(PATH, json={"locale": "fr"})

    response = await http.get(PATH, headers=old)

    assert (response.status_code, version_of(response), response.json()["locale"]) == (200, 2, "fr")


@pytest.mark.requirement("SA1")
async def test_a_repetition_says_so_and_is_otherwise_the_first_answer(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = await http.patch(PATH, json={"locale": "fr"}, headers=key)
    await http.patch(PATH, json={"locale": "de"})

    again = await http.patch(PATH, json={"locale": "fr"}, headers=key)

    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert (again.status_code, again.json()) == (200, first.json())
    for name in ("etag", "change-id"):
        assert again.headers[name] == first.headers[name]
    assert (await http.get(PATH)).json()["locale"] == "de"


@pytest.mark.requirement("SA3")
async def test_undoing_answers_with_the_profile_as_it_was(http: httpx2.AsyncClient) -> None:
    changed = await http.patch(PATH, json={"display_name": "Ann", "time_zone": "Asia/Tokyo"})

    undone = await http.post(f"/api/v1/changes/{changed.headers['change-id']}/undo")

    assert undone.status_code == 200
    (result,) = undone.json()["results"]
    assert (result["item"]["display_name"], result["item"]["time_zone"], result["item"]["version"]) == (None, "UTC", 3)
    assert (await http.get(PATH)).json() | {"todos_shown_otherwise": 0} == result["item"]


@pytest.mark.requirement("ID4")
@pytest.mark.parametrize("undoing", [False, True])
async def test_a_token_for_todos_alone_does_not_change_the_profile(
    app: Application, ann: Caller, undoing: bool
) -> None:
    """Not by undoing a change of it, either."""
    async with http_client(app, await token_of(ann)) as http:
        changed = await http.patch(PATH, json={"display_name": "Ann"})
        async with http_client(app, await token_of(ann, "todos:read", "todos:write")) as limited:
            response = (
                await limited.post(f"/api/v1/changes/{changed.headers['change-id']}/undo")
                if undoing
                else await limited.patch(PATH, json={"display_name": None})
            )
        assert problem(response, 403, "insufficient_scope")["required_scope"] == "profile"
        assert (await http.get(PATH)).json()["display_name"] == "Ann"


@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_the_profile_is_not_made(http: httpx2.AsyncClient, method: str) -> None:
    response = await http.request(method, PATH)

    problem(response, 405, "method_not_allowed")
    assert {*response.headers["allow"].split(", ")} == {"DELETE", "GET", "HEAD", "PATCH"}


@pytest.mark.parametrize("path", ["/api/v1/users", "/api/v1/users/1", "/api/v1/users/ME", "/api/v1/users/me/"])
async def test_there_are_no_other_users(http: httpx2.AsyncClient, path: str) -> None:
    problem(await http.get(path), 404, "no_such_route")


async def test_api_alone_answers_as_the_current_version(http: httpx2.AsyncClient) -> None:
    assert (await http.patch("/api/users/me", json={"locale": "fr"})).status_code == 200
    assert (await http.get("/api/users/me")).json() == (await http.get(PATH)).json()
