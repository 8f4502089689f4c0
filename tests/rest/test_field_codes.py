"""Each refused field has a code, so that a client says it in its own words (RS6)."""

from __future__ import annotations

from typing import Any, get_args

import httpx2
import pytest

from tests.rest.problems import problem
from tests.tables import each
from todo_core.errors import FieldCode

pytestmark = pytest.mark.requirement("RS6", "RS3")
API = "/api/v1"

CASES: list[tuple[str, str, Any, dict[str, str]]] = [
    ("POST", "/todos", {}, {"title": "required"}),
    ("POST", "/todos", {"title": "a", "colour": 1}, {"colour": "unknown"}),
    ("GET", "/todos?nothing=1", None, {"nothing": "unknown"}),
    ("GET", "/lists/0?x=1", None, {"x": "unknown"}),
    ("GET", "/todos?limit=5&limit=5", None, {"limit": "repeated"}),
    ("POST", "/todos", {"title": 5, "tags": "x"}, {"title": "wrong_type", "tags": "wrong_type"}),
    ("GET", "/todos?limit=x", None, {"limit": "wrong_type"}),
    ("GET", "/todos?overdue=1", None, {"overdue": "wrong_type"}),
    ("POST", "/todos", {"title": "a", "priority": "x"}, {"priority": "not_allowed"}),
    ("GET", "/todos?archived=true", None, {"archived": "not_allowed"}),
    ("POST", "/lists", {"name": "a", "color": "mauve"}, {"color": "not_allowed"}),
    ("POST", "/lists", {"name": "a", "colour": "red"}, {"colour": "unknown"}),
    ("POST", "/todos/batch", {"action": "x"}, {"action": "not_allowed"}),
    ("POST", "/todos/batch", {}, {"action": "required"}),
    ("POST", "/todos/batch", {"action": "delete", "ids": []}, {"ids": "too_short"}),
    ("POST", "/todos", {"title": " "}, {"title": "too_short"}),
    ("POST", "/todos", {"title": "x" * 201}, {"title": "too_long"}),
    ("POST", "/todos", {"title": "x" * 5000}, {"title": "too_long"}),
    ("POST", "/todos", {"title": "a", "tags": [f"t{n}" for n in range(21)]}, {"tags": "too_long"}),
    ("GET", "/todos?limit=0", None, {"limit": "too_small"}),
    ("GET", "/todos?limit=201", None, {"limit": "too_large"}),
    ("POST", "/todos", {"title": "a", "due": "03/04"}, {"due": "unclear"}),
    ("POST", "/todos", {"title": "a", "due": "someday"}, {"due": "unclear"}),
    ("POST", "/todos", {"title": "a", "repeat": "every third friday"}, {"repeat": "unclear"}),
    ("GET", "/analytics/weekly-report?week=soon", None, {"week": "unclear"}),
    ("POST", "/todos", {"title": "a", "list_id": 2**62}, {"list_id": "not_found"}),
    ("POST", "/todos", {"title": "a", "parent_id": 2**62}, {"parent_id": "not_found"}),
    ("GET", "/todos?tags=a,b", None, {"tags": "not_found"}),
    ("GET", "/todos?sort=match", None, {"sort": "conflicting"}),
    ("POST", "/todos", {"title": "a", "place": "first", "before": 1}, {"place": "conflicting"}),
    ("POST", "/todos", {"title": "a\u202eb"}, {"title": "invalid"}),
    ("GET", "/todos?cursor=x", None, {"cursor": "invalid"}),
]


@each(("method", "path", "body", "codes"), CASES)
async def test_a_refused_field_has_a_code(
    http: httpx2.AsyncClient, method: str, path: str, body: Any, codes: dict[str, str]
) -> None:
    refused = await http.request(method, API + path, **({} if body is None else {"json": body}))

    assert {error["field"]: error["code"] for error in refused.json()["errors"]} == codes


def test_every_code_is_met_but_one_that_needs_rows() -> None:
    met = {code for *_, codes in CASES for code in codes.values()}

    assert set(get_args(FieldCode)) - met == {"not_possible"}


async def test_what_rows_do_not_allow_is_not_possible(http: httpx2.AsyncClient, todo: str) -> None:
    refused = problem(await http.post(f"{todo}/skip"), 422, "invalid_input")

    assert [(error["field"], error["code"]) for error in refused["errors"]] == [("id", "not_possible")]


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x"])
async def test_a_coded_body_is_refused_with_what_to_do(http: httpx2.AsyncClient, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    refused = await http.post(f"{API}/todos", content=b'{"title":"a"}', headers=headers)

    told = problem(refused, 415, "content_coding_not_supported")
    assert refused.headers["accept-encoding"] == "identity"
    assert "without Content-Encoding" in told["next_step"]
    plain = await http.post(
        f"{API}/todos", content=b'{"title":"a"}', headers=headers | {"Content-Encoding": "Identity"}
    )
    assert plain.status_code == 201


async def test_a_coding_that_stands_in_the_second_of_two_headers_is_refused_too(http: httpx2.AsyncClient) -> None:
    """Lists go on in the next header (RFC 9110 §5.3)."""
    headers = [("Content-Type", "application/json"), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]

    refused = await http.post(f"{API}/todos", content=b'{"title":"a"}', headers=headers)

    problem(refused, 415, "content_coding_not_supported")
