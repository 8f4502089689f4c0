"""Tags over REST."""

from __future__ import annotations

import httpx2
import pytest

from tests.rest.problems import fields, problem

pytestmark = pytest.mark.requirement("LT2", "RS2")

TODOS, TAGS = "/api/v1/todos", "/api/v1/tags"


@pytest.fixture
async def tags(http: httpx2.AsyncClient) -> dict[str, str]:
    """The addresses of two tags, by name."""
    await http.post(TODOS, json={"title": "a", "tags": ["work", "Home"]})
    return {row["name"]: f"{TAGS}/{row['id']}" for row in (await http.get(TAGS)).json()["items"]}


async def test_tags_come_in_alphabetical_order_with_counts(http: httpx2.AsyncClient, tags: dict[str, str]) -> None:
    told = (await http.get(TAGS)).json()

    assert [(row["name"], row["open_todos"], row["version"]) for row in told["items"]] == [
        ("Home", 1, 1),
        ("work", 1, 1),
    ]
    assert (told["total"], told["next_cursor"]) == (2, None)
    assert (await http.get(tags["work"])).json() == told["items"][1]


async def test_rename_merge_and_delete_answer_as_writes_do(http: httpx2.AsyncClient, tags: dict[str, str]) -> None:
    renamed = await http.patch(tags["work"], json={"name": "job"})
    assert (renamed.status_code, renamed.json()["name"], renamed.json()["version"]) == (200, "job", 2)

    merged = await http.post(f"{tags['work']}/merge", json={"into": int(tags["Home"].rpartition("/")[2])})
    assert (merged.status_code, merged.json()["name"]) == (200, "Home")
    problem(await http.get(tags["work"]), 404, "not_found")

    gone = await http.delete(tags["Home"])
    assert (gone.status_code, gone.content) == (204, b"")
    ids = [int(response.headers["change-id"]) for response in (renamed, merged, gone)]
    assert ids == sorted(set(ids))
    undone = await http.post(f"/api/v1/changes/{ids[2]}/undo")
    assert [result["item"]["name"] for result in undone.json()["results"]] == ["Home"]


async def test_a_name_that_is_taken_is_409_with_the_other_tag(http: httpx2.AsyncClient, tags: dict[str, str]) -> None:
    told = problem(await http.patch(tags["work"], json={"name": "HOME"}), 409, "conflict")

    assert f"{TAGS}/{told['existing_id']}" == tags["Home"]


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("", {}, ["name"]),
        ("", {"name": None}, ["name"]),
        ("", {"name": "x", "colour": "red"}, ["colour"]),
        ("/merge", {}, ["into"]),
        ("/merge", {"into": "5"}, ["into"]),
        ("/merge", {"into": 0}, ["into"]),
    ],
)
async def test_an_odd_field_is_refused_by_name(
    http: httpx2.AsyncClient, tags: dict[str, str], path: str, body: dict[str, object], refused: list[str]
) -> None:
    told = problem(
        await http.request("POST" if path else "PATCH", tags["work"] + path, json=body), 422, "invalid_input"
    )

    assert fields(told) == refused


async def test_nobody_else_sees_a_tag(http: httpx2.AsyncClient, tags: dict[str, str]) -> None:
    await http.delete(tags["work"])

    for method, path, body in (("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None)):
        more = {} if body is None else {"json": body}
        problem(await http.request(method, tags["work"] + path, **more), 404, "not_found")


@pytest.mark.requirement("TD3")
@pytest.mark.usefixtures("tags")
async def test_tags_in_a_url_are_named_one_by_one(http: httpx2.AsyncClient) -> None:
    await http.post(TODOS, json={"title": "b", "tags": ["work"]})

    async def titles(query: str) -> list[str]:
        return sorted(row["title"] for row in (await http.get(f"{TODOS}?{query}")).json()["items"])

    assert await titles("tags=work") == ["a", "b"]
    assert await titles("tags=WORK&tags=home&tags_match=all") == ["a"]
    assert await titles("tags=home&tags=nothing") == ["a"]
