"""If-Match and If-None-Match (RFC 9110 §13.1)."""

from __future__ import annotations

import httpx2
import pytest

from tests.rest.entity_tags import version_of
from tests.rest.problems import fields, problem
from tests.tables import each

pytestmark = pytest.mark.requirement("RS1", "TD8")

WRITES = [("PATCH", "", {"title": "b"}), ("PATCH", "/complete", None), ("DELETE", "", None), ("POST", "/restore", None)]
EVERY_WRITE = pytest.mark.parametrize("write", WRITES, ids=lambda write: f"{write[0]}{write[1]}")

Write = tuple[str, str, object]


async def send(http: httpx2.AsyncClient, todo: str, write: Write, if_match: str) -> httpx2.Response:
    method, path, body = write
    more = {} if body is None else {"json": body}
    return await http.request(method, todo + path, headers={"If-Match": if_match}, **more)


@EVERY_WRITE
@pytest.mark.parametrize(
    "if_match",
    [
        *("{tag}", '"1"', ' "1" ', "*", '"7", "1"', '"7", {tag}', '"1.00000000"'),
        *("1", "7, 1", "1.00000000"),  # as clients send it that read it in a row, or take tags apart
        *("W/{tag}", 'W/"1"', '"1-gzip"', '"1--gzip"', '"1;br"', 'W/"1-zstd"', '"7", W/{tag}'),  # as proxies make them
    ],
)
async def test_the_version_one_saw_or_any_lets_the_write_through(
    http: httpx2.AsyncClient, todo: str, write: Write, if_match: str
) -> None:
    """What a tag tells of others does not count: nobody changed the row itself."""
    if_match = if_match.format(tag=(await http.get(todo)).headers["etag"])

    response = await send(http, todo, write, if_match)

    assert response.status_code in (200, 204)


@EVERY_WRITE
@each(
    "if_match",
    [
        '"2"',
        'W/"2"',
        '"2-gzip"',
        '"1-"',
        '"1-gzip-"',
        '"1-GZIP"',
        '"-gzip"',
        'w/"1"',
        "2",
        '1"',
        '"1',
        "1-gzip",
        "W/1",
        "v1",
        '"x"',
        '"01"',
        '"9999999999999999999"',
        "garbage",
        '"1',
        '"2.00000000"',
        '"1."',
        '"1.0000000"',
        '"1.0000000g"',
        '"1.00000000.1"',
    ],
)
async def test_any_other_tag_is_412_with_the_current_row_and_changes_nothing(
    http: httpx2.AsyncClient, todo: str, write: Write, if_match: str
) -> None:
    seen = await http.get(todo)
    before, if_match = seen.json(), if_match.format(tag=seen.headers["etag"])

    told = problem(await send(http, todo, write, if_match), 412, "version_conflict")

    assert told["current"] | {"notes": []} == before
    assert (await http.get(todo)).json() == before


async def test_the_slower_of_two_writers_is_told_what_the_faster_one_wrote(http: httpx2.AsyncClient, todo: str) -> None:
    tag = (await http.get(todo)).headers["etag"]
    faster = await http.patch(todo, json={"title": "faster"}, headers={"If-Match": tag})

    slower = await http.patch(todo, json={"title": "slower"}, headers={"If-Match": tag})

    told = problem(slower, 412, "version_conflict")
    assert told["current"]["title"] == "faster"
    assert version_of(faster) == told["current"]["version"]
    again = {"If-Match": f'"{told["current"]["version"]}"'}
    assert (await http.patch(todo, json={"title": "slower"}, headers=again)).status_code == 200


async def test_an_entity_tag_of_unreasonable_length_is_refused(http: httpx2.AsyncClient, todo: str) -> None:
    told = problem(await send(http, todo, ("DELETE", "", None), '"' + "1" * 10_000 + '"'), 422, "invalid_input")

    assert fields(told) == ["if-match"]


@pytest.mark.parametrize("if_none_match", ["{tag}", "W/{tag}", "*", '"7", {tag}', '"x",W/{tag}'])
async def test_a_row_one_has_already_is_304_without_a_body(
    http: httpx2.AsyncClient, todo: str, if_none_match: str
) -> None:
    tag = (await http.get(todo)).headers["etag"]

    response = await http.get(todo, headers={"If-None-Match": if_none_match.format(tag=tag)})

    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)


@pytest.mark.parametrize("if_none_match", ['"2"', "1", '"1"', '"1.00000000"', "garbage", '""'])
async def test_a_row_one_does_not_have_is_sent(http: httpx2.AsyncClient, todo: str, if_none_match: str) -> None:
    response = await http.get(todo, headers={"If-None-Match": if_none_match})

    assert (response.status_code, response.json()["title"]) == (200, "a")


async def test_after_a_change_the_old_tag_gets_the_new_row(http: httpx2.AsyncClient, todo: str) -> None:
    old = {"If-None-Match": (await http.get(todo)).headers["etag"]}
    await http.patch(todo, json={"title": "b"})

    response = await http.get(todo, headers=old)

    assert (response.status_code, version_of(response), response.json()["title"]) == (200, 2, "b")


@pytest.mark.requirement("LT2")
async def test_what_a_row_shows_of_others_changes_its_tag_and_not_its_version(
    http: httpx2.AsyncClient, todo: str
) -> None:
    await http.patch(todo, json={"tags": ["old"]})
    seen = await http.get(todo)
    (tag,) = (await http.get("/api/v1/tags")).json()["items"]
    await http.patch(f"/api/v1/tags/{tag['id']}", json={"name": "new"})

    response = await http.get(todo, headers={"If-None-Match": seen.headers["etag"]})

    assert (response.status_code, response.json()["tags"]) == (200, ["new"])
    assert version_of(response) == version_of(seen)
    written = await http.patch(todo, json={"title": "b"}, headers={"If-Match": seen.headers["etag"]})
    assert written.status_code == 200


@pytest.mark.requirement("LT1", "LT2")
async def test_lists_and_tags_are_deleted_renamed_and_merged_only_as_one_saw_them(http: httpx2.AsyncClient) -> None:
    made = await http.post("/api/v1/todos", json={"title": "a", "tags": ["one", "two"]})
    a_list = (await http.post("/api/v1/lists", json={"name": "work"})).headers["location"]
    one, two = [f"/api/v1/tags/{tag['id']}" for tag in (await http.get("/api/v1/tags")).json()["items"]]
    merge = {"into": int(two.rpartition("/")[2])}
    for address, method, path, body in (
        (a_list, "DELETE", "", None),
        (one, "PATCH", "", {"name": "uno"}),
        (one, "POST", "/merge", merge),
        (two, "DELETE", "", None),
    ):
        seen = await http.get(address)
        more = {} if body is None else {"json": body}
        for if_match in ('"77"', "garbage"):
            refused = await http.request(method, address + path, headers={"If-Match": if_match}, **more)
            assert problem(refused, 412, "version_conflict")["current"] == seen.json()
        assert (await http.get(address)).headers["etag"] == seen.headers["etag"]
        weak = {"If-Match": f"W/{seen.headers['etag']}"}
        assert (await http.request(method, address + path, headers=weak, **more)).status_code in (200, 204)
    assert made.status_code == 201


async def test_a_condition_that_would_not_be_looked_at_is_refused_by_name(http: httpx2.AsyncClient, todo: str) -> None:
    change = int((await http.get("/api/v1/changes")).json()["items"][0]["id"])
    for method, path, body, name in (
        ("POST", "/api/v1/todos", {"title": "a"}, "if-match"),
        ("POST", "/api/v1/todos", {"title": "a"}, "if-none-match"),
        ("POST", "/api/v1/todos/batch", {"action": "delete", "ids": [1]}, "if-match"),
        ("POST", "/api/v1/tokens", {"name": "a"}, "if-match"),
        ("POST", f"/api/v1/changes/{change}/undo", None, "if-match"),
        ("PATCH", todo, {"title": "b"}, "if-none-match"),
        ("DELETE", todo, None, "if-none-match"),
        ("GET", todo, None, "if-match"),
    ):
        more = {} if body is None else {"json": body}
        answer = await http.request(method, path, headers={name: "*"}, **more)
        assert fields(problem(answer, 422, "invalid_input")) == [name], (method, path)
    assert [row["title"] for row in (await http.get("/api/v1/todos")).json()["items"]] == ["a"]
