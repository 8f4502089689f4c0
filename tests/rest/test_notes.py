"""Notes over HTTP: addresses, pages, entity tags."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from tests.faces import Json
from tests.rest.problems import problem

pytestmark = [pytest.mark.requirement("TD16"), pytest.mark.requirement("RS1")]


async def noted(http: httpx2.AsyncClient, todo: str, *texts: str) -> list[int]:
    """Add notes, and return their ids."""
    answers = [await http.post(f"{todo}/notes", json={"text": text}) for text in texts]
    assert [answer.status_code for answer in answers] == [201] * len(texts)
    return [answer.json()["id"] for answer in answers]


async def read(http: httpx2.AsyncClient, address: str, **query: Any) -> Json:
    response = await http.get(address, params=query)
    assert response.status_code == 200
    told: Json = response.json()
    return told


async def test_notes_are_read_newest_first_a_page_at_a_time(http: httpx2.AsyncClient, todo: str) -> None:
    ids = await noted(http, todo, *(str(n) for n in range(7)))
    (late,) = [None]

    pages, cursor = [], {}
    while True:
        page = await read(http, f"{todo}/notes", limit=3, **cursor)
        assert (page["total"], page["page_size"]) == (7 + (late is not None), 3)
        pages.append([note["id"] for note in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
        if late is None:
            (late,) = await noted(http, todo, "late")

    assert pages == [ids[:3:-1], ids[3:0:-1], ids[:1]]
    detail = await read(http, todo)
    assert [note["text"] for note in detail["notes"]] == ["late", "6", "5"]
    assert detail["note_count"] == 8
    (row,) = (await read(http, "/api/v1/todos"))["items"]
    assert (row["note_count"], "notes" in row) == (8, False)

    another = (await http.post("/api/v1/todos", json={"title": "b"})).headers["location"]
    problem(await http.get(f"{another}/notes", params=cursor), 422, "invalid_input")
    problem(await http.get(f"{todo}/notes", params={"cursor": "x"}), 422, "invalid_input")
    problem(await http.get(f"{todo}/notes", params={"limit": 201}), 422, "invalid_input")


async def test_a_todo_that_is_not_there_has_no_notes_and_takes_none(http: httpx2.AsyncClient, todo: str) -> None:
    await noted(http, todo, "kept")
    await http.delete(todo)

    for address in (f"{todo}/notes", f"/api/v1/todos/{2**62}/notes"):
        problem(await http.get(address), 404, "not_found")
        problem(await http.post(address, json={"text": "x"}), 404, "not_found")

    await http.post(f"{todo}/restore")
    assert [note["text"] for note in (await read(http, f"{todo}/notes"))["items"]] == ["kept"]


async def test_a_note_changes_the_digest_of_its_todo_and_not_its_version(http: httpx2.AsyncClient, todo: str) -> None:
    tags = [(await http.get(todo)).headers["etag"]]
    for text in ("a", "b"):
        added = await http.post(f"{todo}/notes", json={"text": text})
        tags.append((await http.get(todo)).headers["etag"])
        await http.post(f"/api/v1/changes/{added.headers['change-id']}/undo")

    assert len({*tags}) == 3
    assert len({tag.partition(".")[0] for tag in tags}) == 1
    assert (await http.get(todo)).headers["etag"] == tags[0]
    assert (await http.get(todo, headers={"If-None-Match": tags[1]})).status_code == 200
    assert (await http.patch(todo, json={"add_note": "c"}, headers={"If-Match": tags[2]})).status_code == 200


async def test_nothing_edits_a_note_and_no_one_says_who_wrote_it(http: httpx2.AsyncClient, todo: str) -> None:
    (note,) = await noted(http, todo, "as it is")

    for method in ("PUT", "PATCH", "DELETE"):
        response = await http.request(method, f"{todo}/notes/{note}", json={"text": "x"})
        assert response.status_code in (404, 405)
    for field in ("author", "created_at", "id", "todo_id"):
        problem(await http.post(f"{todo}/notes", json={"text": "x", field: "x"}), 422, "invalid_input")
    assert [one["text"] for one in (await read(http, f"{todo}/notes"))["items"]] == ["as it is"]
