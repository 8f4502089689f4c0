"""Search over REST."""

from __future__ import annotations

import httpx2
import pytest

from tests.rest.problems import fields, problem

pytestmark = pytest.mark.requirement("TD12", "RS2")

TODOS, SEARCH = "/api/v1/todos", "/api/v1/search"


async def test_a_search_answers_with_a_page_and_what_may_have_been_meant(http: httpx2.AsyncClient) -> None:
    await http.post(TODOS, json={"title": "Dentist", "description": "appointment"})

    found = (await http.get(SEARCH, params={"text": "appoint"})).json()
    assert [row["title"] for row in found["items"]] == ["Dentist"]
    assert (found["total"], found["next_cursor"], found["near"]) == (1, None, None)

    nothing = (await http.get(SEARCH, params={"text": "dentits"})).json()
    assert (nothing["items"], nothing["total"]) == ([], 0)
    assert nothing["near"]["did_you_mean"] == "dentist"
    assert nothing["near"]["items"] == found["items"]

    assert (await http.get(SEARCH, params={"text": "qqqq"})).json()["near"] is None


async def test_a_search_needs_words(http: httpx2.AsyncClient) -> None:
    for query in ({}, {"text": ""}, {"text": " "}, {"text": "x" * 201}):
        told = problem(await http.get(SEARCH, params=query), 422, "invalid_input")
        assert fields(told) == ["text"]


async def test_a_search_takes_a_limit_an_offset_and_a_cursor(http: httpx2.AsyncClient) -> None:
    for n in range(3):
        await http.post(TODOS, json={"title": f"milk {n}"})

    first = (await http.get(SEARCH, params={"text": "milk", "limit": 2})).json()
    by_cursor = (await http.get(SEARCH, params={"text": "milk", "limit": 2, "cursor": first["next_cursor"]})).json()
    by_offset = (await http.get(SEARCH, params={"text": "milk", "limit": 2, "offset": 2})).json()

    assert first["total"] == by_cursor["total"] == by_offset["total"] == 3
    assert by_cursor["items"] == by_offset["items"]
    assert len({row["id"] for row in first["items"] + by_cursor["items"]}) == 3


async def test_the_best_match_comes_first_unless_another_order_is_asked_for(http: httpx2.AsyncClient) -> None:
    await http.post(TODOS, json={"title": "milk"})
    await http.post(TODOS, json={"title": "bread", "description": "and milk"})

    async def titles(**query: str) -> list[str]:
        return [row["title"] for row in (await http.get(SEARCH, params={"text": "milk", **query})).json()["items"]]

    assert await titles() == await titles(sort="match") == ["milk", "bread"]
    assert await titles(sort="created") == await titles(sort="title") == ["bread", "milk"]
