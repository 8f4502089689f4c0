"""Todos over HTTP: methods, statuses, headers, merge patch."""

from __future__ import annotations

from typing import Any

import httpx2
import orjson
import pytest

from tests.rest.entity_tags import version_of
from tests.rest.problems import fields, problem

pytestmark = pytest.mark.requirement("RS1", "RS2")


@pytest.mark.requirement("TD1", "TD2", "SA3")
async def test_adding_answers_201_with_the_row_its_address_its_version_and_the_change(http: httpx2.AsyncClient) -> None:
    made = await http.post("/api/v1/todos", json={"title": " a ", "priority": "high"})

    assert made.status_code == 201
    row = made.json()
    assert made.headers["location"] == f"/api/v1/todos/{row['id']}"
    assert version_of(made) == 1
    assert made.headers["content-type"] == "application/json"
    assert (await http.get(f"/api/v1/changes/{made.headers['change-id']}")).json()["operation"] == "todos.add"
    assert row == row | {"title": "a", "description": None, "priority": "high", "is_completed": False, "version": 1}
    beside = [row.pop(name) for name in ("subtasks_changed", "next", "existing", "similar")]
    assert beside == [0, None, False, []]
    read = await http.get(made.headers["location"])
    expected = (200, row | {"notes": []}, made.headers["etag"])
    assert (read.status_code, read.json(), read.headers["etag"]) == expected


@pytest.mark.requirement("TD1")
@pytest.mark.parametrize(
    "new",
    [
        {"title": "plain", "priority": "low"},
        {
            "title": '"repeat":null',
            "description": 'a "b" \\ \n\t, "c": 1, \u2028 \u00e4 \U0001f9fa',
            "tags": ["d: e", "f"],
        },
        {"title": "dated", "due": "2027-03-27T02:30"},
        {"title": '"repeat":null', "due": "2027-03-27", "repeat": "every! 3 days, 4 times"},  # PostgreSQL writes blanks
    ],
    ids=["plain", "texts", "dated", "repeats"],
)
async def test_what_a_write_answers_is_compact_json_however_postgresql_wrote_the_row(
    http: httpx2.AsyncClient, new: dict[str, Any]
) -> None:
    made = await http.post("/api/v1/todos", json=new)
    batch = await http.post("/api/v1/todos/batch", json={"action": "add", "todos": [new, new]})
    done = await http.patch(f"{made.headers['location']}/complete", json={})

    for answer in (made, batch, done):
        assert answer.is_success
        assert answer.content == orjson.dumps(answer.json())


@pytest.mark.requirement("TD15")
async def test_adding_a_known_key_is_200_with_the_todo_that_has_it(http: httpx2.AsyncClient) -> None:
    made = await http.post("/api/v1/todos", json={"title": "a", "key": "k", "source": " https://mail.test/1 "})
    assert (made.status_code, made.json()["key"], made.json()["source"]) == (201, "k", "https://mail.test/1")

    again = await http.post("/api/v1/todos", json={"title": "b", "key": "k", "list_id": 2**62, "due": "yesterday"})

    assert again.status_code == 200
    assert again.json() == made.json() | {"existing": True}
    assert (again.headers["location"], again.headers["etag"]) == (made.headers["location"], made.headers["etag"])
    assert "change-id" not in again.headers


@pytest.mark.requirement("TD7")
async def test_deleting_answers_204_without_a_body_and_restoring_brings_the_row_back(
    http: httpx2.AsyncClient, todo: str
) -> None:
    deleted = await http.delete(todo)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert int(deleted.headers["change-id"]) > 0
    problem(await http.get(todo), 404, "not_found")

    restored = await http.post(f"{todo}/restore")
    assert (restored.status_code, version_of(restored)) == (200, 3)
    row = restored.json()
    assert (row["deleted_at"], row.pop("subtasks_changed"), row.pop("next")) == (None, 0, None)
    assert (row.pop("existing"), row.pop("similar")) == (False, [])
    read = await http.get(todo)
    assert (read.json(), read.headers["etag"]) == (row | {"notes": []}, restored.headers["etag"])


@pytest.mark.requirement("TD7")
async def test_deleting_again_is_204_and_no_change(http: httpx2.AsyncClient, todo: str) -> None:
    await http.delete(todo)
    again = await http.delete(todo)

    assert again.status_code == 204
    assert "change-id" not in again.headers


@pytest.mark.requirement("TD5")
async def test_a_patch_is_a_merge_patch(http: httpx2.AsyncClient, todo: str) -> None:
    renamed = await http.patch(todo, json={"title": "b"})
    assert (renamed.status_code, version_of(renamed)) == (200, 2)
    assert (renamed.json()["title"], renamed.json()["description"]) == ("b", "d")

    cleared = await http.patch(todo, json={"description": None})
    assert (cleared.json()["title"], cleared.json()["description"]) == ("b", None)

    done = await http.patch(todo, json={"is_completed": True})
    assert done.json()["completed_at"] is not None
    assert (await http.patch(todo, json={"is_completed": False})).json()["completed_at"] is None


@pytest.mark.requirement("TD5")
async def test_a_patch_may_say_that_it_is_one(http: httpx2.AsyncClient, todo: str) -> None:
    patched = await http.patch(todo, content=b'{"title":"b"}', headers={"content-type": "application/merge-patch+json"})

    assert (patched.status_code, patched.json()["title"]) == (200, "b")


@pytest.mark.requirement("TD5")
async def test_an_empty_patch_changes_nothing(http: httpx2.AsyncClient, todo: str) -> None:
    patched = await http.patch(todo, json={})

    assert (patched.status_code, version_of(patched)) == (200, 1)
    assert "change-id" not in patched.headers


@pytest.mark.requirement("TD5")
@pytest.mark.parametrize("field", ["title", "priority", "is_completed", "list_id", "tags", "add_tags", "remove_tags"])
async def test_a_field_that_cannot_be_empty_refuses_null(http: httpx2.AsyncClient, todo: str, field: str) -> None:
    told = problem(await http.patch(todo, json={field: None}), 422, "invalid_input")

    assert fields(told) == [field]
    assert version_of(await http.get(todo)) == 1


@pytest.mark.requirement("TD5")
@pytest.mark.parametrize("field", ["id", "version", "if_version", "completed_at", "deleted_at", "user_id", "colour"])
async def test_a_patch_of_any_other_field_is_refused_by_name(http: httpx2.AsyncClient, todo: str, field: str) -> None:
    told = problem(await http.patch(todo, json={"title": "b", field: 1}), 422, "invalid_input")

    assert fields(told) == [field]
    assert (await http.get(todo)).json()["title"] == "a"


@pytest.mark.requirement("TD6")
async def test_completing_needs_no_body_and_false_opens_again(http: httpx2.AsyncClient, todo: str) -> None:
    done = await http.patch(f"{todo}/complete")
    assert (done.status_code, done.json()["is_completed"], version_of(done)) == (200, True, 2)
    assert version_of(await http.patch(f"{todo}/complete", json={})) == 2

    opened = await http.patch(f"{todo}/complete", json={"is_completed": False})
    assert (opened.json()["is_completed"], opened.json()["completed_at"]) == (False, None)
    assert (await http.patch(f"{todo}/complete", json={"is_completed": True})).json()["is_completed"] is True


@pytest.mark.requirement("OW4")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("PATCH", "/complete", None),
        ("POST", "/restore", None),
        ("POST", "/skip", None),
    ],
)
async def test_a_todo_that_never_was_is_404(http: httpx2.AsyncClient, method: str, path: str, body: object) -> None:
    response = await http.request(method, f"/api/v1/todos/{2**62}{path}", **({"json": body} if body else {}))

    problem(response, 404, "not_found")


@pytest.mark.requirement("SA1")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PATCH", "", {"title": "x"}), ("DELETE", "", None), ("PATCH", "/complete", None), ("POST", "/restore", None)],
)
async def test_a_repetition_says_so_and_is_otherwise_the_first_answer(
    http: httpx2.AsyncClient, todo: str, method: str, path: str, body: object
) -> None:
    more = {"json": body} if body else {}
    key = {"Idempotency-Key": "k"}

    first = await http.request(method, todo + path, headers=key, **more)
    again = await http.request(method, todo + path, headers=key, **more)

    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("etag", "change-id"):
        assert again.headers.get(name) == first.headers.get(name)
    assert (again.status_code, again.text and again.json()) == (first.status_code, first.text and first.json())


@pytest.mark.requirement("SA1")
async def test_a_repeated_addition_gives_the_first_row_and_address(http: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k"}
    first, again = [await http.post("/api/v1/todos", json={"title": "a"}, headers=key) for _ in range(2)]

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotent-replayed"] == "true"
    problem(await http.post("/api/v1/todos", json={"title": "b"}, headers=key), 422, "idempotency_key_reused")
    assert (await http.get("/api/v1/todos")).json()["total"] == 1


@pytest.mark.requirement("TD4")
async def test_a_page_tells_its_size_and_an_offset_works_too(http: httpx2.AsyncClient) -> None:
    await http.post("/api/v1/todos/batch", json={"action": "add", "todos": [{"title": str(n)} for n in range(5)]})

    page = (await http.get("/api/v1/todos", params={"limit": 2, "offset": 1, "direction": "asc"})).json()
    assert [todo["title"] for todo in page["items"]] == ["1", "2"]
    assert (page["total"], page["page_size"]) == (5, 2)
    rest = (await http.get("/api/v1/todos", params={"cursor": page["next_cursor"], "direction": "asc"})).json()
    assert [todo["title"] for todo in rest["items"]] == ["3", "4"]
    beyond = (await http.get("/api/v1/todos", params={"offset": 5})).json()
    assert (beyond["items"], beyond["total"], beyond["next_cursor"]) == ([], 5, None)
    assert (await http.get("/api/v1/todos")).json()["page_size"] == 50


@pytest.mark.requirement("MC5")
async def test_a_batch_answers_200_with_one_result_for_each_item(http: httpx2.AsyncClient) -> None:
    sent = {"action": "add", "todos": [{"title": "a"}, {"title": ""}]}
    response = await http.post("/api/v1/todos/batch", json=sent)

    assert response.status_code == 200
    told = response.json()
    assert response.headers["change-id"] == str(told["change_id"])
    good, bad = told["results"]
    assert (good["item"]["title"], good["changed"]) == ("a", True)
    assert (bad["error"]["status"], bad["error"]["error_code"]) == (422, "invalid_input")
    assert fields(bad["error"]) == ["title"]


async def test_an_unknown_action_of_a_batch_is_refused_by_name_with_the_known_ones(http: httpx2.AsyncClient) -> None:
    for body in ({"action": "explode", "ids": [1]}, {"ids": [1]}):
        told = problem(await http.post("/api/v1/todos/batch", json=body), 422, "invalid_input")
        assert fields(told) == ["action"]
        assert set(told["errors"][0]["allowed"]) == {"add", "update", "complete", "delete", "restore", "skip", "mix"}
