"""What is kept of addresses, pages and todos changes no answer: each has its own tag, cursor and link."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl, urlencode

import httpx2
import pytest
from fastapi import Query, Response
from pydantic import BaseModel

from http_edge.entity_tags import of_bytes
from rest_api import running
from rest_api.running import DirectRoute
from tests.rest.problems import fields, problem
from todo_core.boundary.caller import Caller
from todo_core.core import Core

pytestmark = pytest.mark.requirement("RS3", "RS4")

API = "/api/v1"
SAME_PAGE = (
    *("/todos?limit=2", "/todos?limit=2&sort=created", "/todos?direction=desc&limit=2", "/todos?limit=2&offset=0"),
    *("/todos?limit=2&text=same", "/search?limit=2&text=same", "/search?text=same&sort=match&limit=2"),
)
"""The first four find one page, and the others another; each by its own filter or in its own form."""


async def test_each_way_to_ask_for_a_known_page_has_its_own_tag_cursor_and_link(http: httpx2.AsyncClient) -> None:
    for title in "abcd":
        await http.post(f"{API}/todos", json={"title": f"same {title}"})

    for address in SAME_PAGE * 4:
        path, _, query = address.partition("?")
        page = await http.get(API + address)
        cursor = page.json()["next_cursor"]
        following = urlencode([*(pair for pair in parse_qsl(query) if pair[0] != "offset"), ("cursor", cursor)])
        rest = await http.get(f"{API}{path}?{following}")

        assert page.headers["etag"] == of_bytes(page.content), address
        assert page.headers["link"] == f'<?{following}>; rel="next"', address
        assert len({row["id"] for row in page.json()["items"] + rest.json()["items"]}) == 4, address


async def test_a_known_todo_is_told_as_it_was_made_and_anew_after_a_change(
    http: httpx2.AsyncClient, core: Core, ann: Caller
) -> None:
    path = (await http.post(f"{API}/todos", json={"title": "Ünï\u2028"})).headers["location"]
    for title in ("a", "b"):
        tag = (await http.patch(path, json={"title": title})).headers["etag"]
        answers = [await http.get(path) for _ in range(4)]

        assert {(answer.content, answer.headers["etag"]) for answer in answers} == {(answers[0].content, tag)}
        assert answers[0].json()["title"] == title
        assert (await http.get(path, headers={"If-None-Match": tag})).status_code == 304
        mine = [known.shown for key, known in core.remembered.items() if key[0] == ann.principal.user_id]
        (known,) = [todo for todo in mine if todo is not None]
        assert [*known.forms] == ["row"]
        known.forms["row"] = b"{}", b'"kept"'
        kept = await http.get(path)
        assert (kept.content, kept.headers["etag"]) == (b"{}", '"kept"')


async def test_a_query_string_is_read_by_the_route_that_it_is_sent_to(http: httpx2.AsyncClient) -> None:
    made = [(await http.post(f"{API}/todos", json={"title": title})).json()["id"] for title in "ab"]
    for _ in range(3):
        assert len((await http.get(f"{API}/todos?limit=1")).json()["items"]) == 1
        assert len((await http.get(f"{API}/changes?limit=1")).json()["items"]) == 1
        assert fields(problem(await http.get(f"{API}/lists?limit=1"), 422, "invalid_input")) == ["limit"]
        assert fields(problem(await http.get(f"{API}/todos?limit=0"), 422, "invalid_input")) == ["limit"]
        assert len((await http.get(f"{API}/todos?ids={made[0]}")).json()["items"]) == 1
        assert len((await http.get(f"{API}/todos?ids={made[0]}&ids={made[1]}")).json()["items"]) == 2


async def test_neither_what_is_long_nor_what_a_write_says_is_kept(http: httpx2.AsyncClient) -> None:
    """The code that deletes an account comes in a query string."""
    made = [(await http.post(f"{API}/lists", json={"name": name})).headers["location"] for name in "ab"]
    long = "&".join(f"ids={number}" for number in range(1, 200))
    before = running._kept_fill.cache_info(), running._kept_rest.cache_info()

    assert (await http.get(f"{API}/todos?{long}")).status_code == 200
    assert (await http.delete(f"{made[0]}?todos=trash")).status_code == 204
    assert (await http.delete(f"{API}/users/me?code=none")).status_code >= 400
    assert (running._kept_fill.cache_info(), running._kept_rest.cache_info()) == before


class Changeable(BaseModel):
    """A query that one request could change for the next."""

    limit: int = 1


def test_requests_share_only_what_nobody_can_change() -> None:
    async def handler(query: Annotated[Changeable, Query()]) -> Response:
        return Response(str(query.limit))

    with pytest.raises(TypeError, match="frozen"):
        DirectRoute("/", handler)
