"""Lists over REST: addresses, statuses, conditions."""

from __future__ import annotations

import httpx2
import pytest

from tests.rest.problems import fields, problem

pytestmark = pytest.mark.requirement("LT1", "RS2")

LISTS = "/api/v1/lists"


async def new_list(http: httpx2.AsyncClient, name: str = "work") -> str:
    response = await http.post(LISTS, json={"name": name})
    assert response.status_code == 201
    return str(response.headers["location"])


async def test_a_new_list_has_an_address_where_it_can_be_read(http: httpx2.AsyncClient) -> None:
    made = await http.post(LISTS, json={"name": "  work ", "color": "red"})

    assert made.status_code == 201
    assert made.headers["location"] == f"{LISTS}/{made.json()['id']}"
    found = await http.get(made.headers["location"])
    assert found.json() == made.json()
    assert {name: found.json()[name] for name in ("name", "color", "position", "is_inbox", "open_todos")} == {
        "name": "work",
        "color": "red",
        "position": 2,
        "is_inbox": False,
        "open_todos": 0,
    }


async def test_lists_come_in_their_order_with_archived_ones_only_where_asked_for(http: httpx2.AsyncClient) -> None:
    work = await new_list(http)
    await http.patch(work, json={"is_archived": True, "position": 1})

    async def names(**query: str) -> list[str]:
        told = (await http.get(LISTS, params=query)).json()
        assert told["total"] == told["page_size"] == len(told["items"])
        assert told["next_cursor"] is None
        return [row["name"] for row in told["items"]]

    assert await names() == await names(archived="exclude") == ["Inbox"]
    assert await names(archived="include") == ["work", "Inbox"]
    assert await names(archived="only") == ["work"]
    problem(await http.get(LISTS, params={"archived": "maybe"}), 422, "invalid_input")


async def test_a_change_needs_the_version_one_saw_where_one_is_named(http: httpx2.AsyncClient) -> None:
    work = await new_list(http)
    stale = (await http.get(work)).headers["etag"]
    await http.patch(work, json={"color": "red"})

    refused = await http.patch(work, json={"name": "b"}, headers={"If-Match": stale})
    told = problem(refused, 412, "version_conflict")
    assert (told["current"]["name"], told["current"]["color"]) == ("work", "red")

    fresh = (await http.get(work)).headers["etag"]
    assert (await http.patch(work, json={"name": "b"}, headers={"If-Match": fresh})).status_code == 200


async def test_a_deletion_answers_204_with_the_change_to_undo(http: httpx2.AsyncClient) -> None:
    work = await new_list(http)
    list_id = int(work.rpartition("/")[2])
    await http.post("/api/v1/todos", json={"title": "x", "list_id": list_id})

    refused = problem(await http.delete(work), 422, "invalid_input")
    assert fields(refused) == ["todos"]

    gone = await http.delete(work, params={"todos": "trash"})
    assert (gone.status_code, gone.content) == (204, b"")
    problem(await http.get(work), 404, "not_found")
    undone = await http.post(f"/api/v1/changes/{gone.headers['change-id']}/undo")
    assert undone.status_code == 200
    assert {"name", "title"} <= {name for result in undone.json()["results"] for name in result["item"]}
    assert (await http.get(work)).json()["open_todos"] == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": None},
        {"color": "mauve"},
        {"position": 0},
        {"position": "1"},
        {"is_archived": "true"},
        {"id": 5},
        {"x": 1},
    ],
    ids=str,
)
async def test_an_odd_field_is_refused_by_name(http: httpx2.AsyncClient, body: dict[str, object]) -> None:
    work = await new_list(http)

    told = problem(await http.patch(work, json=body), 422, "invalid_input")

    assert fields(told) == [*body]


@pytest.mark.parametrize("list_id", ["0", "-1", "x", "1e3", "9223372036854775808", "٣"])
async def test_an_odd_id_is_refused(http: httpx2.AsyncClient, list_id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"name": "x"}} if method == "PATCH" else {}
        problem(await http.request(method, f"{LISTS}/{list_id}", **body), 422, "invalid_input")


async def test_a_query_that_is_not_known_is_refused(http: httpx2.AsyncClient) -> None:
    work = await new_list(http)

    told = problem(await http.delete(work, params={"force": "true"}), 422, "invalid_input")

    assert fields(told) == ["force"]
    assert (await http.get(work)).status_code == 200


@pytest.mark.requirement("TD3")
@pytest.mark.parametrize(
    "query", ["list_id={list}", "archived=include&list_id={list}", "top_level=true", "overdue=false"]
)
async def test_the_filters_of_todos_are_read_from_a_url(http: httpx2.AsyncClient, query: str) -> None:
    list_id = (await new_list(http)).rpartition("/")[2]
    await http.post("/api/v1/todos", json={"title": "x", "list_id": int(list_id)})

    for address in ("/api/v1/todos?", "/api/v1/search?text=x&"):
        found = await http.get(address + query.format(list=list_id))
        assert found.status_code == 200, found.text
        assert [row["title"] for row in found.json()["items"]] == ["x"]
