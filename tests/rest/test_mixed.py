"""A batch of different writes, as a phone sends what it did offline: in order, one change, each item by itself."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.faces import Json
from tests.rest.problems import problem
from tests.tables import each

pytestmark = pytest.mark.requirement("RS2", "SA3")

BATCH = "/api/v1/todos/batch"


async def mix(http: httpx2.AsyncClient, *items: Json, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await http.post(BATCH, json={"action": "mix", "items": items}, headers=named)
    assert response.status_code == 200, response.text
    return response


async def added(http: httpx2.AsyncClient, **fields: Any) -> Json:
    todo: Json = (await http.post("/api/v1/todos", json={"title": "a", **fields})).json()
    return todo


async def titles(http: httpx2.AsyncClient, **wanted: str) -> set[str]:
    return {todo["title"] for todo in (await http.get("/api/v1/todos", params=wanted)).json()["items"]}


async def test_different_writes_are_one_change_with_results_in_order_and_one_undo(http: httpx2.AsyncClient) -> None:
    there = [await added(http, title=title) for title in ("change me", "do me", "trash me", "open me", "bring me back")]
    changed, done, trashed, opened, restored = (todo["id"] for todo in there)
    await http.patch(f"/api/v1/todos/{opened}/complete")
    await http.delete(f"/api/v1/todos/{restored}")
    (before,) = (await http.get("/api/v1/changes", params={"limit": 1})).json()["items"]

    response = await mix(
        http,
        {"action": "update", "id": changed, "title": "changed", "add_tags": ["new"], "add_note": "said so"},
        {"action": "add", "title": "new", "key": "phone-1"},
        {"action": "complete", "id": done},
        {"action": "delete", "id": trashed},
        {"action": "reopen", "id": opened},
        {"action": "restore", "id": restored},
        {"action": "add", "title": "below", "parent_key": "phone-1"},
        {"action": "complete", "key": "phone-1"},
        {"action": "update", "id": changed, "title": "changed twice"},
    )

    told = response.json()
    rows = [result["item"] for result in told["results"]]
    assert [row["title"] for row in rows] == [
        *("changed", "new", "do me", "trash me", "open me", "bring me back", "below", "new", "changed twice"),
    ]
    assert [row["id"] for row in rows][::8] == [changed, changed]
    assert (rows[6]["parent_id"], rows[7]["id"], rows[7]["subtasks_changed"]) == (rows[1]["id"], rows[1]["id"], 1)
    assert (rows[8]["tags"], rows[8]["note_count"], rows[8]["version"]) == (["new"], 1, 3)
    assert await titles(http) == {"changed twice", "open me", "bring me back"}
    change = (await http.get(f"/api/v1/changes/{told['change_id']}")).json()
    assert change["operation"] == "todos.mix"
    entries = [(entry["entity"], entry["id"]) for entry in change["entries"]]
    assert len({*entries}) == len(entries)
    since = (await http.get("/api/v1/changes", params={"since": before["id"]})).json()["items"]
    assert [one["id"] for one in since] == [told["change_id"]]

    undone = await http.post(f"/api/v1/changes/{told['change_id']}/undo")

    assert undone.status_code == 200, undone.text
    assert await titles(http) == {"change me", "do me", "trash me"}
    assert await titles(http, status="trashed") == {"new", "below", "bring me back"}
    back = (await http.get(f"/api/v1/todos/{changed}")).json()
    assert (back["title"], back["tags"], back["notes"]) == ("change me", [], [])
    again = await http.post(f"/api/v1/changes/{undone.json()['change_id']}/undo")
    assert again.status_code == 200, again.text
    assert await titles(http) == {"changed twice", "open me", "bring me back"}


async def test_a_refused_item_is_answered_in_its_place_and_leaves_the_others_alone(http: httpx2.AsyncClient) -> None:
    todo = await added(http)

    response = await mix(
        http,
        {"action": "add", "title": ""},
        {"action": "update", "id": todo["id"], "title": "b", "if_version": 7},
        {"action": "complete", "id": 2**62},
        {"action": "add", "title": "below nothing", "parent_index": 0},
        {"action": "complete", "key": "of nothing"},
        {"action": "delete"},
        {"action": "delete", "id": todo["id"], "key": "both"},
        {"action": "update", "id": todo["id"], "colour": "red"},
        {"action": "paint", "id": todo["id"]},
        {"title": "no action"},
        {"action": "complete", "id": todo["id"], "completed_at": "yesterday"},
        {"action": "skip", "id": todo["id"]},
        {"action": "update", "id": todo["id"], "title": "c", "if_version": 1},
    )

    results = response.json()["results"]
    told = [
        (error["status"], *((field["field"], *field.get("allowed", ())[:2]) for field in error.get("errors", ())[:1]))
        for result in results[:-1]
        for error in [result["error"]]
    ]
    assert told == [
        (422, ("title",)),
        (412,),
        (404,),
        (422, ("parent_index",)),
        (404, ("key",)),
        (422, ("id",)),
        (422, ("key",)),
        (422, ("colour", "id", "key")),
        (422, ("action", "add", "complete")),
        (422, ("action", "add", "complete")),
        (422, ("completed_at",)),
        (422, ("id",)),
    ]
    assert results[1]["error"]["current"]["version"] == 1
    assert (results[-1]["item"]["title"], results[-1]["item"]["version"]) == ("c", 2)
    assert (await http.get(f"/api/v1/todos/{todo['id']}")).json()["completed_at"] is None


async def test_places_count_from_the_first_item_of_the_request(http: httpx2.AsyncClient) -> None:
    todo = await added(http)

    response = await mix(
        http,
        {"action": "add", "title": "0"},
        {"action": "complete", "id": todo["id"]},
        {"action": "add", "title": "2", "parent_index": 0},
        {"action": "add", "title": "3", "parent_index": 2},
        {"action": "reopen", "id": todo["id"]},
        {"action": "add", "title": "5", "parent_index": 4},
        {"action": "add", "title": "6", "parent_index": 6},
        {"action": "add", "title": "7", "parent_index": 0, "parent_id": todo["id"]},
    )

    *rows, itself, twice = response.json()["results"]
    ids = [row["item"]["id"] for row in rows]
    assert [row["item"]["parent_id"] for row in rows] == [None, None, ids[0], ids[2], None, todo["id"]]
    assert [one["error"]["errors"][0]["field"] for one in (itself, twice)] == ["parent_index", "parent_index"]


async def test_a_parent_that_can_have_no_subtask_is_named_as_it_was_sent(http: httpx2.AsyncClient) -> None:
    response = await mix(
        http,
        {"action": "add", "title": "done", "key": "done"},
        {"action": "complete", "key": "done"},
        {"action": "add", "title": "below", "parent_index": 0},
        {"action": "complete", "key": "nowhere"},
        {"action": "reopen", "key": "nowhere"},
        {"action": "reopen", "key": "nowhere"},
    )

    refused = [result["error"] for result in response.json()["results"][2:]]
    assert [[error["field"] for error in one["errors"]] for one in refused] == [["parent_index"], *[["key"]] * 3]
    assert [one["status"] for one in refused] == [422, 404, 404, 404]


async def test_a_batch_is_done_once_under_its_key_and_not_at_all_in_a_dry_run(http: httpx2.AsyncClient) -> None:
    todo = await added(http)
    items: list[Json] = [{"action": "complete", "id": todo["id"]}, {"action": "add", "title": "once"}]

    rehearsed = await mix(http, *items, Dry_Run="true")
    assert (rehearsed.json()["change_id"], await titles(http)) == (None, {"a"})
    first = await mix(http, *items, Idempotency_Key="queue-1")
    again = await mix(http, *items, Idempotency_Key="queue-1")

    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert await titles(http, status="all") == {"a", "once"}
    other = await http.post(BATCH, json={"action": "mix", "items": items[:1]}, headers={"Idempotency-Key": "queue-1"})
    problem(other, 422, "idempotency_key_reused")


@each("count", [0, 51])
async def test_no_item_and_fifty_one_are_refused(http: httpx2.AsyncClient, count: int) -> None:
    items = [{"action": "add", "title": "a"}] * count

    problem(await http.post(BATCH, json={"action": "mix", "items": items}), 422, "invalid_input")


async def test_a_todo_that_is_moved_twice_comes_back_where_it_was(http: httpx2.AsyncClient) -> None:
    first, second, third = [await added(http, title=title) for title in "abc"]

    async def order() -> list[str]:
        found = (await http.get("/api/v1/todos", params={"sort": "manual"})).json()["items"]
        return [todo["title"] for todo in found]

    response = await mix(
        http,
        {"action": "update", "id": third["id"], "before": first["id"]},
        {"action": "update", "id": third["id"], "title": "C"},
        {"action": "update", "id": third["id"], "after": first["id"]},
        {"action": "update", "id": second["id"], "place": "first"},
    )
    assert await order() == ["b", "a", "C"]

    undone = await http.post(f"/api/v1/changes/{response.json()['change_id']}/undo")

    assert undone.status_code == 200, undone.text
    assert await order() == ["a", "b", "c"]
