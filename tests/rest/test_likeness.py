"""What adding over REST says of open todos that look the same, where the answer is one row, and in mixed batches."""

from __future__ import annotations

import httpx2
import pytest

from tests.rest.problems import problem

pytestmark = pytest.mark.requirement("TD17")

TODOS = "/api/v1/todos"
AGAIN = {"title": "milk: buy"}


async def test_a_single_addition_returns_or_refuses_what_looks_the_same(http: httpx2.AsyncClient) -> None:
    made = await http.post(TODOS, json={"title": "Buy milk", "if_similar": "refuse"}, headers={"Idempotency-Key": "k"})
    milk = made.json()
    hit = {"id": milk["id"], "title": "Buy milk", "list_id": milk["list_id"], "list": "Inbox"}

    returned = await http.post(TODOS, json=AGAIN | {"if_similar": "return"})
    assert (returned.status_code, returned.json()) == (200, milk | {"existing": True})
    assert (returned.headers["location"], returned.headers["etag"]) == (made.headers["location"], made.headers["etag"])
    assert "change-id" not in returned.headers

    refused = problem(await http.post(TODOS, json=AGAIN | {"if_similar": "refuse"}), 409, "similar_exists")
    assert refused["similar"] == [hit]

    added = await http.post(TODOS, json=AGAIN)
    assert (added.status_code, added.json()["similar"]) == (201, [hit])


async def test_a_mixed_batch_compares_with_what_its_items_before_have_left(http: httpx2.AsyncClient) -> None:
    milk = (await http.post(TODOS, json={"title": "Buy milk"})).json()["id"]
    items = [
        AGAIN | {"action": "add"},
        {"action": "complete", "id": milk},
        AGAIN | {"action": "add", "key": "k"},
        {"action": "update", "key": "k", "title": "Buy oat milk"},
        AGAIN | {"action": "add"},
    ]

    response = await http.post(f"{TODOS}/batch", json={"action": "mix", "items": items, "if_similar": "return"})

    rows = [result["item"] for result in response.json()["results"]]
    assert [row["existing"] for row in rows] == [True, False, False, False, False]
    assert rows[0]["id"] == milk
    told = await http.post(f"{TODOS}/batch", json={"action": "mix", "items": items[:1]})
    assert [hit["id"] for hit in told.json()["results"][0]["item"]["similar"]] == [rows[4]["id"]]
