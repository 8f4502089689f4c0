"""Headers that a request may have once: of two none counts, over both faces, and what is a list goes on in the next."""

from __future__ import annotations

from typing import Final

import httpx2
import pytest

from tests.bad_values import MARKER
from tests.faces import FaceName, Json, rpc, turned_away
from tests.rest.problems import fields, problem

pytestmark = pytest.mark.requirement("RS5", "RS3")

TODOS: Final = "/api/v1/todos"
JSON: Final = "application/json"
REPEATED: Final[dict[str, list[str]]] = {
    "idempotency-key": ["same", "same"],
    "dry-run": ["false", "true"],
    "if-match": ['"1"', '"7"', MARKER],
    "content-type": [JSON, JSON],
    "origin": ["http://127.0.0.1:8000", f"https://{MARKER}.test"],
    "mcp-protocol-version": ["2026-07-28", "2025-11-25"],
    "mcp-method": ["tools/list", MARKER],
    "mcp-name": ["a", "b"],
    "mcp-session-id": ["a", "b"],
    "last-event-id": ["a", "b"],
}


def twice(name: str, usual: Json) -> list[tuple[str, str]]:
    """The usual headers, and one of them twice, in different spellings."""
    sent = [(other, value) for other, value in usual.items() if other != name]
    return sent + [(name.title() if at else name, value) for at, value in enumerate(REPEATED[name])]


async def test_a_write_with_a_header_twice_is_refused_by_its_name_and_does_not_happen(http: httpx2.AsyncClient) -> None:
    made = (await http.post(TODOS, json={"title": "a"})).json()["id"]
    body = b'{"title":"b"}'
    for name in REPEATED:
        for method, path in (("POST", TODOS), ("PATCH", f"{TODOS}/{made}"), ("DELETE", f"{TODOS}/{made}")):
            sent = twice(name, {"content-type": JSON, "authorization": http.headers["authorization"]})
            answer = await http.request(method, path, content=body, headers=sent)

            told = problem(answer, 422, "invalid_input")
            assert fields(told) == [name]
            assert MARKER not in answer.text
            assert "ratelimit" in answer.headers  # it costs who sent it

    assert [todo["title"] for todo in (await http.get(TODOS)).json()["items"]] == ["a"]


@pytest.mark.parametrize("generation", ["mcp-2026", "mcp-2025"])
async def test_mcp_refuses_the_same(http: httpx2.AsyncClient, generation: FaceName) -> None:
    usual = (await rpc(http, generation, "tools/list")).request
    for name in REPEATED:
        sent = twice(name, {other: value for other, value in usual.headers.items() if other != "content-length"})
        answer = await http.post("/mcp", content=usual.content, headers=sent)

        told = turned_away(answer, 422, "invalid_input")
        assert fields(told) == [name]
        assert MARKER not in answer.text


async def test_who_calls_is_settled_first(http: httpx2.AsyncClient) -> None:
    sent = [*twice("dry-run", {}), ("authorization", "Bearer none")]
    problem(await http.post(TODOS, json={"title": "a"}, headers=sent), 401, "unauthenticated")


async def test_what_is_a_list_goes_on_in_the_next_header(http: httpx2.AsyncClient) -> None:
    made = (await http.post(TODOS, json={"title": "a"})).headers["location"]
    for path in (made, "/docs"):
        tag = (await http.get(path)).headers["etag"]
        sent = [("If-None-Match", '"another"'), ("If-None-Match", tag), ("Accept", "text/html"), ("Accept", "*/*")]
        assert (await http.get(path, headers=sent)).status_code == 304


async def test_of_two_names_of_a_client_or_a_request_none_counts(http: httpx2.AsyncClient) -> None:
    sent = [("User-Agent", "one"), ("User-Agent", "two"), ("X-Request-Id", "one"), ("X-Request-Id", "two")]
    answer = await http.post(TODOS, json={"title": "a"}, headers=sent)

    assert answer.headers["x-request-id"] not in ("one", "two", "one, two")
    (change,) = (await http.get("/api/v1/changes", params={"limit": 1})).json()["items"]
    assert change["client"] is None
