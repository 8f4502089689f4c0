"""Entity tags: one row, one tag, whichever request answers; what it shows of others counts for caches alone."""

from __future__ import annotations

import re

import httpx2
import pytest
from starlette.responses import Response

from rest_api import responses
from tests.faces import Json
from todo_core.boundary.results import Found

pytestmark = pytest.mark.requirement("RS1", "RS7", "TD8")

TODOS, LISTS, TAGS = "/api/v1/todos", "/api/v1/lists", "/api/v1/tags"


@pytest.fixture
async def tagged(http: httpx2.AsyncClient) -> str:
    """The address of a todo with a tag, a due, a repeat and a subtask."""
    body = {"title": "a", "tags": ["work"], "due": "2027-01-04", "repeat": "weekly"}
    made = await http.post(TODOS, json=body)
    await http.post(TODOS, json={"title": "below", "parent_id": made.json()["id"]})
    return str(made.headers["location"])


async def tag_of(http: httpx2.AsyncClient, address: str) -> str:
    found = str((await http.get(address)).headers["etag"])
    assert re.fullmatch(r'"\d+\.[0-9a-f]{8}"', found)
    return found


async def is_fresh(http: httpx2.AsyncClient, address: str, tag: str) -> bool:
    response = await http.get(address, headers={"If-None-Match": tag})
    assert response.status_code in (200, 304)
    return response.status_code == 304


WRITES: dict[str, tuple[str, str, Json | None]] = {
    "patch": ("PATCH", "", {"title": "b", "add_tags": ["new"], "due": "2027-01-05"}),
    "nothing new": ("PATCH", "", {"title": "a"}),
    "skip": ("POST", "/skip", None),
    "complete": ("PATCH", "/complete", None),
    "complete by patch": ("PATCH", "", {"is_completed": True}),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
async def test_a_write_answers_with_the_tag_that_a_read_gives(
    http: httpx2.AsyncClient, tagged: str, write: tuple[str, str, Json | None]
) -> None:
    method, path, body = write

    response = await http.request(method, tagged + path, **({} if body is None else {"json": body}))

    assert response.status_code == 200
    assert response.headers["etag"] == await tag_of(http, tagged)
    assert await is_fresh(http, tagged, response.headers["etag"])


async def test_a_new_row_has_the_tag_that_a_read_gives(http: httpx2.AsyncClient) -> None:
    for address, body in (
        (TODOS, {"title": "a", "tags": ["x"], "repeat": "daily"}),
        (LISTS, {"name": "work", "position": 1}),
    ):
        made = await http.post(address, json=body)
        assert made.headers["etag"] == await tag_of(http, made.headers["location"])


async def test_a_restored_todo_has_the_tag_that_a_read_gives(http: httpx2.AsyncClient, tagged: str) -> None:
    await http.delete(tagged)

    restored = await http.post(f"{tagged}/restore")

    assert restored.headers["etag"] == await tag_of(http, tagged)


async def test_lists_and_tags_have_the_tag_that_a_read_gives(http: httpx2.AsyncClient, tagged: str) -> None:
    (tag,) = (await http.get(TAGS)).json()["items"]
    (inbox,) = (await http.get(LISTS)).json()["items"]
    assert (await http.get(tagged)).json()["list_id"] == inbox["id"]

    for address, body in ((f"{TAGS}/{tag['id']}", {"name": "b"}), (f"{LISTS}/{inbox['id']}", {"name": "b"})):
        changed = await http.patch(address, json=body)
        assert changed.headers["etag"] == await tag_of(http, address)
        assert await is_fresh(http, address, changed.headers["etag"])


async def renamed_tag(http: httpx2.AsyncClient, _: str) -> None:
    (tag,) = (await http.get(TAGS)).json()["items"]
    assert (await http.patch(f"{TAGS}/{tag['id']}", json={"name": "renamed"})).status_code == 200


async def deleted_tag(http: httpx2.AsyncClient, _: str) -> None:
    (tag,) = (await http.get(TAGS)).json()["items"]
    assert (await http.delete(f"{TAGS}/{tag['id']}")).status_code == 204


async def completed_subtask(http: httpx2.AsyncClient, todo: str) -> None:
    (below,) = (
        row for row in (await http.get(TODOS)).json()["items"] if str(row["parent_id"]) == todo.rpartition("/")[2]
    )
    assert (await http.patch(f"{TODOS}/{below['id']}/complete")).status_code == 200


async def new_subtask(http: httpx2.AsyncClient, todo: str) -> None:
    parent_id = int(todo.rpartition("/")[2])
    assert (await http.post(TODOS, json={"title": "x", "parent_id": parent_id})).status_code == 201


async def another_zone(http: httpx2.AsyncClient, _: str) -> None:
    assert (await http.patch("/api/v1/users/me", json={"time_zone": "Asia/Tokyo"})).status_code == 200


@pytest.mark.parametrize("change", [renamed_tag, deleted_tag, completed_subtask, new_subtask, another_zone])
async def test_what_a_row_shows_of_others_changes_its_tag_and_not_its_version(
    http: httpx2.AsyncClient, tagged: str, change: object
) -> None:
    before = await tag_of(http, tagged)
    version = (await http.get(tagged)).json()["version"]

    await change(http, tagged)  # type: ignore[operator]

    assert not await is_fresh(http, tagged, before)
    assert (await http.get(tagged)).json()["version"] == version
    allowed = await http.patch(tagged, json={"title": "still allowed"}, headers={"If-Match": before})
    assert allowed.status_code == 200


async def test_what_changes_elsewhere_leaves_a_rows_tag_alone(http: httpx2.AsyncClient, tagged: str) -> None:
    before = await tag_of(http, tagged)

    await http.post(TODOS, json={"title": "other", "tags": ["work", "home"]})
    await http.patch("/api/v1/users/me", json={"display_name": "Ann"})

    assert await is_fresh(http, tagged, before)


async def test_a_list_shows_its_count_in_its_tag(http: httpx2.AsyncClient) -> None:
    made = await http.post(LISTS, json={"name": "work"})
    address, before = made.headers["location"], made.headers["etag"]

    await http.post(TODOS, json={"title": "x", "list_id": made.json()["id"]})

    assert not await is_fresh(http, address, before)
    allowed = await http.patch(address, json={"color": "red"}, headers={"If-Match": before})
    assert allowed.status_code == 200


async def test_what_a_text_says_of_a_version_is_none(http: httpx2.AsyncClient) -> None:
    text = '"version":98, \\"version\\":97, {"version":96}'
    made = await http.post(TODOS, json={"title": text, "description": text})
    address = str(made.headers["location"])
    await http.patch(address, json={"source": "https://example.test/?version=95"})

    read = await http.get(address)

    assert read.headers["etag"].startswith(f'"{read.json()["version"]}.')
    assert read.json()["version"] == 2


def test_a_row_has_the_headers_that_starlette_would_make() -> None:
    text = '{"id":1,"title":"é","version":3}'
    ours = responses.row(Found(text))
    theirs = Response(text, headers={"ETag": responses.etag(text)}, media_type=responses.JSON)

    assert (ours.status_code, ours.body, ours.raw_headers) == (theirs.status_code, theirs.body, theirs.raw_headers)
    assert ours.headers["content-type"] == "application/json"
