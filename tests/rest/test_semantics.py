"""What HTTP promises of every address: methods, compression, tags of collections, links, prefixes (RFC 9110)."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import pytest

from tests.faces import BASE, Json, http_client, rpc
from tests.rest.problems import fields, problem
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("RS1", "RS3", "RS7")

API: Final = "/api/v1"
READ: Final = (
    *("/todos", "/todos?status=all&limit=1", "/lists", "/tags", "/search?text=a", "/changes", "/changes?since=0"),
    *("/overview", "/users/me", "/tokens", "/analytics/streaks", "/analytics/summary", "/analytics/weekly-report"),
    "/analytics/weekly-report?format=svg",
)
"""Everything to read that needs no id."""
PLAIN: Final = {"Accept-Encoding": "identity"}


async def ids(http: httpx2.AsyncClient) -> list[str]:
    """Addresses of a row of each kind."""
    made = await http.post(f"{API}/todos", json={"title": "a", "tags": ["one"]})
    (tag,) = (await http.get(f"{API}/tags")).json()["items"]
    return [made.headers["location"], f"{API}/tags/{tag['id']}", f"{API}/changes/{made.headers['change-id']}"]


async def test_head_is_get_without_the_body_wherever_get_is(http: httpx2.AsyncClient) -> None:
    rows = await ids(http)
    for path in (
        *(API + path for path in READ),
        *rows,
        "/healthz",
        "/readyz",
        "/docs",
        f"{API}/openapi.json",
        "/nothing",
    ):
        got, head = await http.get(path), await http.head(path)
        differ = {"x-request-id", "ratelimit"}
        if "overview" in path:
            differ.add("content-length")
        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert {name: value for name, value in head.headers.items() if name not in differ} == {
            name: value for name, value in got.headers.items() if name not in differ
        }, path
    problem(await http.post("/healthz"), 405, "method_not_allowed")
    assert (await http.head(f"{API}/todos/batch")).status_code == 405


async def test_options_names_the_methods_of_an_address(http: httpx2.AsyncClient, app: Application) -> None:
    expected = {
        f"{API}/todos": {"GET", "HEAD", "POST"},
        f"{API}/todos/1": {"DELETE", "GET", "HEAD", "PATCH"},
        f"{API}/todos/batch": {"POST"},
        "/api/todos/1/complete": {"PATCH"},
        "/healthz": {"GET", "HEAD"},
        "/docs": {"GET", "HEAD"},
        "/mcp": {"POST"},
    }
    async with http_client(app, None) as nobody:
        for client in (http, nobody):
            for path, methods in expected.items():
                answer = await client.options(path)
                assert (answer.status_code, answer.content) == (204, b""), path
                assert {*answer.headers["allow"].split(", ")} == methods
                assert {*(await client.put(path)).headers["allow"].split(", ")} == methods
            problem(await client.options("/nothing"), 404, "no_such_route")


async def test_whoever_has_an_answer_is_not_sent_it_again(http: httpx2.AsyncClient) -> None:
    rows = await ids(http)
    for path in (*(API + path for path in READ), *rows):
        first = await http.get(path)
        tag = first.headers["etag"].removeprefix("W/")
        for given in (tag, f"W/{tag}", f'"other", {tag[:-1]}-gzip"', "*"):
            again = await http.get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b""), path
            assert "ratelimit" in again.headers
        assert (await http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
        other = await http.get(path, headers={"If-None-Match": tag, "Authorization": "Bearer none"})
        assert other.status_code == 401

    before = {path: (await http.get(API + path)).headers["etag"] for path in READ}
    await http.post(f"{API}/todos", json={"title": "a", "tags": ["two"]})
    after = {path: (await http.get(API + path)).headers["etag"] for path in READ}
    same = {path for path in READ if before[path] == after[path]}
    assert same == {"/users/me", "/tokens", "/analytics/streaks"}


async def test_what_is_large_is_compressed_for_who_takes_it(http: httpx2.AsyncClient) -> None:
    body = {"title": "a", "description": "words " * 160}
    location = (await http.post(f"{API}/todos", json=body)).headers["location"]
    for path in (f"{API}/todos", location, f"{API}/openapi.json", "/docs/swagger-ui-bundle.js"):
        plain = await http.get(path, headers=PLAIN)
        for given in ("gzip", "br, gzip;q=0.5"):
            small = await http.get(path, headers={"Accept-Encoding": given})
            assert (small.headers["content-encoding"], small.content) == ("gzip", plain.content)
            assert int(small.headers["content-length"]) < len(plain.content)
            assert small.headers["etag"] == plain.headers["etag"]  # that of a write is that of a read
        assert "accept-encoding" in small.headers["vary"].lower()
        for given in ("identity", "br", "gzip;q=0", "x-gzip-like"):
            other = await http.get(path, headers={"Accept-Encoding": given})
            assert "content-encoding" not in other.headers
            kept = await http.get(path, headers={"Accept-Encoding": given, "If-None-Match": other.headers["etag"]})
            assert kept.status_code == 304
            for answer in (other, kept):  # as that which would be compressed: a cache has one rule for all of them
                assert answer.headers["vary"].lower().count("accept-encoding") == 1
    assert "content-encoding" not in (await http.get(f"{API}/lists", headers={"Accept-Encoding": "gzip"})).headers
    written = await http.patch(
        location, json={"title": "b"}, headers={"If-Match": (await http.get(location)).headers["etag"]}
    )
    assert written.status_code == 200


async def test_a_page_links_to_the_next_one(http: httpx2.AsyncClient) -> None:
    await http.post(f"{API}/todos/batch", json={"action": "add", "todos": [{"title": f"a & b {n}"} for n in range(5)]})
    for start in (
        "/todos?limit=2&sort=title&text=a",
        "/search?text=a%20b&limit=2&priority=low&priority=medium",
        "/changes?since=0&limit=1",
        "/changes?limit=1",
    ):
        rows: list[Json] = []
        path: str | None = API + start
        while path is not None:
            answer = await http.get(path)
            rows += answer.json()["items"]
            link = answer.headers.get("link")
            assert link is None or link.endswith('>; rel="next"')
            path = None if link is None else urljoin(path, link[1 : link.index(">")])
            assert (
                path is None
                or dict(parse_qsl(urlsplit(path).query))["limit"]
                == dict(parse_qsl(urlsplit(API + start).query))["limit"]
            )
        assert len({row["id"] for row in rows}) == len(rows) == answer.json().get("total", len(rows)) > 1


async def test_below_a_prefix_addresses_lead_back(app: Application, ann: Caller) -> None:
    """As uvicorn has it behind a proxy that takes the prefix away: `root_path`, and a path that begins with it."""
    transport = httpx2.ASGITransport(app, root_path="/todos")
    headers = {"Authorization": f"Bearer {await token_of(ann)}"}
    async with httpx2.AsyncClient(transport=transport, base_url=f"{BASE}/todos/", headers=headers) as http:
        made = await http.post("api/v1/todos", json={"title": "a"})
        assert made.headers["location"] == f"/todos/api/v1/todos/{made.json()['id']}"
        assert (await http.get(f"{BASE}{made.headers['location']}")).json()["title"] == "a"
        assert (await http.get("api/todos")).json()["total"] == 1
        assert (await http.post("api/v1/tokens", json={"name": "a"})).headers["location"] == "/todos/api/v1/tokens"
        page = await http.get("docs")
        assert "script-src" in page.headers["content-security-policy"]
        for address in ("docs/start.js", "api/v1/openapi.json"):
            assert (await http.get(urljoin(f"{BASE}/todos/docs", address))).status_code == 200
        assert (await http.get("healthz", headers={"Host": "probe"})).status_code == 200
        assert (await rpc(http, "mcp-2026", "tools/list")).status_code == 200


async def test_an_encoded_slash_separates_nothing(http: httpx2.AsyncClient) -> None:
    """A proxy that lets in by the address sees another one than would be served."""
    location = (await http.post(f"{API}/todos", json={"title": "a"})).headers["location"]
    for path in (f"{location}%2Fcomplete", f"{location}%2fcomplete", f"{API}%2Ftodos/1/complete"):
        problem(await http.patch(path), 404, "no_such_route")
    assert (await http.get(location)).json()["is_completed"] is False
    assert (await http.get(f"{API}/t%6Fdos")).status_code == 200


async def test_more_than_one_space_may_stand_before_a_token(http: httpx2.AsyncClient) -> None:
    token = http.headers["authorization"].partition(" ")[2]
    for given, status in (
        (f"bearer   {token}", 200),
        (f"Bearer\t{token}", 401),
        (f"Bearer {token} x", 401),
        ("Bearer  ", 401),
    ):
        assert (await http.get(f"{API}/todos", headers={"Authorization": given})).status_code == status


async def test_accept_alone_chooses_the_picture(http: httpx2.AsyncClient) -> None:
    path, picture = f"{API}/analytics/weekly-report", "image/svg+xml"
    for accept, kind in (
        (picture, picture),
        ("image/*", picture),
        (f"{picture}, application/json;q=0.9", picture),
        ("image/avif,image/svg+xml,image/*,*/*;q=0.8", picture),
        (f"{picture}, application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/json, */*;q=0.1", "application/json"),
    ):
        answer = await http.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, kind), accept
        assert "accept" in answer.headers["vary"].lower()
    for accept, form in (("application/json", "svg"), (picture, "json"), ("text/html", "json")):
        problem(await http.get(path, params={"format": form}, headers={"Accept": accept}), 406, "not_acceptable")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("limit=5&limit=6", {"limit": "must not be sent more than once"}),
        ("limit=5&limit=5", {"limit": "must not be sent more than once"}),
        ("text=a&text=b&status=all&status=all", {"text": "must not be", "status": "must not be"}),
        ("priority[]=low", {"priority": "must be sent without brackets, once for each value"}),
        ("priority%5B0%5D=low&ids[]=1", {"priority": "without brackets", "ids": "without brackets"}),
        ("limit[]=5", {"limit": "must be sent without brackets"}),
        ("tags=a,b", {"tags": "send `tags` once for each tag"}),
        ("tags=one&tags=one,two", {"tags": "send `tags` once for each tag"}),
        ("nothing[]=1", {"nothing??": "is not a known field"}),
        ("text=%E4pfel", {"text": "must be in UTF-8, percent-encoded"}),  # in Latin-1
        ("limit=5&tags=%c3%28", {"tags": "must be in UTF-8"}),
    ],
)
async def test_a_query_that_servers_read_differently_is_refused_by_name(
    http: httpx2.AsyncClient, query: str, told: dict[str, str]
) -> None:
    await http.post(f"{API}/todos", json={"title": "a", "tags": ["one", "a, b"]})

    refused = problem(await http.get(f"{API}/todos?{query}"), 422, "invalid_input")

    assert {error["field"] for error in refused["errors"]} == told.keys()
    for error in refused["errors"]:
        assert told[error["field"]] in error["message"]
    for fine in ("priority=low&priority=high", "tags=one&tags=two", "tags=A,%20b", "text=%C3%A4", "text=%EF%BF%BD"):
        assert (await http.get(f"{API}/todos?{fine}")).status_code == 200


async def test_a_body_says_what_it_is_and_names_nothing_twice(http: httpx2.AsyncClient, todo: str) -> None:
    for kind, status in (
        ("application/json", 200),
        ("application/merge-patch+json; charset=utf-8", 200),
        ("application/json-patch+json", 415),
        ("application/vnd.api+json", 415),
    ):
        answer = await http.patch(todo, content=b'{"title":"b"}', headers={"content-type": kind})
        assert answer.status_code == status, kind
        assert status == 200 or "application/merge-patch+json" in answer.headers["accept-patch"]
    merge = {"content-type": "application/merge-patch+json"}
    problem(await http.post(f"{API}/todos", content=b'{"title":"b"}', headers=merge), 415, "unsupported_media_type")

    begun = "\ufeff".encode()  # as PowerShell and others begin files in UTF-8 (RFC 8259 §8.1)
    assert (await http.patch(todo, content=begun + b'{"title":"b"}', headers=merge)).json()["title"] == "b"
    problem(await http.patch(todo, content=begun + begun + b"{}", headers=merge), 400, "malformed_json")

    for body, name in (
        (b'{"title":"a","title":"a"}', "title"),
        (b'{"title":"a","\\u0074itle":"b"}', "title"),
        (b'{"title":"a","tags":[{"x":1,"x":2}]}', "x"),
        (b'{"<b>":1,"<b>":2}', "?b?"),
    ):
        answer = await http.post(f"{API}/todos", content=body, headers={"content-type": "application/json"})
        assert fields(problem(answer, 422, "invalid_input")) == [name]
