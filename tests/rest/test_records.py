"""Rows in the record of changes have the shape in which they are read, whatever version recorded them."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import httpx2
import pytest

pytestmark = pytest.mark.requirement("SA2", "RS6")
API = "/api/v1"
Json = dict[str, Any]


async def entries(http: httpx2.AsyncClient, written: httpx2.Response) -> list[Json]:
    """The rows that a write touched, as its change shows them."""
    change = (await http.get(f"{API}/changes/{written.headers['change-id']}")).json()
    found: list[Json] = change["entries"]
    return found


async def test_a_list_and_a_tag_are_recorded_as_they_are_read(http: httpx2.AsyncClient, todo: str) -> None:
    made = await http.post(f"{API}/lists", json={"name": "work", "color": "red", "position": 1})
    work = made.headers["location"]
    before = (await http.get(work)).json()
    changed = await http.patch(work, json={"is_archived": True, "position": 2})
    after = (await http.get(work)).json()
    deleted = await http.delete(work)

    (new,), (entry,), (gone,) = [await entries(http, one) for one in (made, changed, deleted)]
    rows = {"new": new["after"], "before": entry["before"], "after": entry["after"], "last": gone["before"]}
    assert new["before"] is None
    assert all(set(row.pop("place")) == {"number"} and not row.pop("is_deleted") for row in rows.values())
    assert rows == {"new": before, "before": before, "after": after, "last": after}
    assert gone["after"]["is_deleted"]

    await http.patch(todo, json={"tags": ["home", "house"]})
    home, house = (await http.get(f"{API}/tags")).json()["items"]
    merged = await http.post(f"{API}/tags/{home['id']}/merge", json={"into": house["id"]})
    (tag,) = [entry for entry in await entries(http, merged) if entry["id"] == home["id"]]
    assert tag["before"] == home | {"is_deleted": False}
    assert tag["after"]["is_deleted"]
    assert tag["after"]["linked"] == {"into": house["id"], "todos": []}


EARLIER_LIST = {"name": "work", "colour": "red", "position": "1.5", "is_archived": False, "is_deleted": False}


async def test_what_earlier_versions_recorded_is_read_and_undone_the_same(
    http: httpx2.AsyncClient, todo: str, database_url: str
) -> None:
    """Lists and tags without the row, and moments as PostgreSQL writes them."""
    completed = await http.patch(f"{todo}/complete")
    work = (await http.post(f"{API}/lists", json={"name": "job", "color": "red"})).headers["location"]
    renamed = await http.patch(work, json={"name": "work"})
    await http.patch(todo, json={"tags": ["home"]})
    (tag,) = (await http.get(f"{API}/tags")).json()["items"]
    retagged = await http.patch(f"{API}/tags/{tag['id']}", json={"name": "house"})
    connection = await asyncpg.connect(database_url)
    try:
        for written, entity, shorten in (
            (completed, "todo", lambda row: json.loads(json.dumps(row).replace('Z"', '+00:00"'))),
            (renamed, "list", lambda row: {name: row[name] for name in (*EARLIER_LIST, "version")}),
            (retagged, "tag", lambda row: {name: row[name] for name in ("name", "deleted", "version")}),
        ):
            change_id = int(written.headers["change-id"])
            found = await connection.fetchrow(
                "SELECT before, after FROM change_entries WHERE change_id = $1 AND entity = $2", change_id, entity
            )
            rows = [json.dumps(shorten(json.loads(found[side]))) for side in ("before", "after")]
            await connection.execute(
                "UPDATE change_entries SET before = $3, after = $4 WHERE change_id = $1 AND entity = $2",
                *(change_id, entity, *rows),
            )
    finally:
        await connection.close()

    (entry,) = await entries(http, completed)
    shown = completed.json()
    assert entry["after"] == {name: shown[name] for name in entry["after"]}
    (entry,) = await entries(http, renamed)
    assert entry["before"] == {"name": "job", "color": "red", "is_archived": False, "is_deleted": False, "version": 1}
    (entry,) = await entries(http, retagged)
    assert entry["after"] == {"name": "house", "is_deleted": False, "version": 2}
    for written in (retagged, renamed, completed):
        undone = await http.post(f"{API}/changes/{written.headers['change-id']}/undo")
        assert undone.status_code == 200, undone.text
    assert (await http.get(work)).json()["name"] == "job"
    assert not (await http.get(todo)).json()["is_completed"]


async def test_what_somebody_wrote_is_never_taken_for_a_moment(http: httpx2.AsyncClient) -> None:
    text = '{"completed_at":"2026-11-21T09:00:00+00:00"}, "at": "x+00:00"'
    made = await http.post(f"{API}/todos", json={"title": text, "description": text, "tags": ["a+00:00"]})

    (entry,) = [entry for entry in await entries(http, made) if entry["entity"] == "todo"]

    assert (entry["after"]["title"], entry["after"]["description"], entry["after"]["tags"]) == (text, text, ["a+00:00"])


async def test_undo_says_what_kind_each_row_is(http: httpx2.AsyncClient, todo: str) -> None:
    work = (await http.post(f"{API}/lists", json={"name": "work"})).headers["location"]
    await http.patch(todo, json={"list_id": int(work.rpartition("/")[2])})
    deleted = await http.delete(work, params={"todos": "trash"})
    key = {"Idempotency-Key": "undo"}

    undone = await http.post(f"{API}/changes/{deleted.headers['change-id']}/undo", headers=key)
    again = await http.post(f"{API}/changes/{deleted.headers['change-id']}/undo", headers=key)

    assert [(row["entity"], row["changed"]) for row in undone.json()["results"]] == [("list", True), ("todo", True)]
    assert again.json() == undone.json()
    assert again.headers["idempotent-replayed"] == "true"
