"""Exports over HTTP: files with a type and a name, sent once, refused early."""

from __future__ import annotations

import gzip

import anyio
import httpx2
import orjson
import pytest
from icalendar import Calendar
from starlette.types import Message

from tests.rest.problems import problem
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.exports import Export

pytestmark = pytest.mark.requirement("LT4", "RS2")

EXPORT = "/api/v1/export"
TYPES = {"json": "application/json", "csv": "text/csv; charset=utf-8", "ics": "text/calendar; charset=utf-8"}


async def test_each_format_is_a_file_with_a_name(http: httpx2.AsyncClient, todo: str) -> None:
    del todo
    for form, kind in TYPES.items():
        response = await http.get(EXPORT, params={"format": form}, headers={"Accept-Encoding": "identity"})

        assert (response.status_code, response.headers["content-type"]) == (200, kind)
        name = response.headers["content-disposition"]
        assert name.startswith('attachment; filename="todos-2')
        assert name.endswith(f'.{form}"')
        assert int(response.headers["content-length"]) == len(response.content)
        assert response.headers["cache-control"] == "private, no-cache"
    Export.model_validate_json((await http.get(EXPORT)).content)
    assert len(Calendar.from_ical((await http.get(EXPORT, params={"format": "ics"})).content).walk("VTODO")) == 1


async def test_what_has_not_changed_is_not_sent_again(http: httpx2.AsyncClient, todo: str) -> None:
    for form in TYPES:
        first = await http.get(EXPORT, params={"format": form})
        tag = first.headers["etag"]

        same = await http.get(EXPORT, params={"format": form}, headers={"If-None-Match": tag})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        await http.patch(todo, json={"title": f"for {form}"})
        other = await http.get(EXPORT, params={"format": form}, headers={"If-None-Match": tag})
        assert other.status_code == 200
        assert other.headers["etag"] != tag


@pytest.mark.requirement("RS1")
async def test_accept_has_its_say_before_anything_is_read(http: httpx2.AsyncClient, app: Application) -> None:
    for accept, form, needed in [
        ("text/csv", "csv", None),
        ("text/*", "ics", None),
        ("*/*", "csv", None),
        ("application/json", "csv", "text/csv"),
        ("application/json", "ics", "text/calendar"),
        ("text/csv", "json", "application/json"),
        ("image/png", "json", "application/json"),
    ]:
        response = await http.get(EXPORT, params={"format": form}, headers={"Accept": accept})
        assert len(app.core.exporting) == 0
        if needed is None:
            assert response.status_code == 200, (accept, form)
        else:
            assert problem(response, 406, "not_acceptable")["next_step"] == f"Send `Accept: {needed}`, or no Accept."


@pytest.mark.requirement("RS3")
async def test_what_is_not_understood_is_refused_by_name(http: httpx2.AsyncClient) -> None:
    for params, field in [
        ({"format": "xml"}, "format"),
        ({"history": "yes"}, "history"),
        ({"history": "true", "format": "csv"}, "history"),
        ({"form": "csv"}, "form"),
    ]:
        told = problem(await http.get(EXPORT, params=params), 422, "invalid_input")
        assert [one["field"] for one in told["errors"]] == [field]


async def test_it_is_compressed_for_who_takes_it(http: httpx2.AsyncClient) -> None:
    await http.post("/api/v1/todos", json={"title": "x", "description": "words " * 150})

    async with http.stream("GET", EXPORT, headers={"Accept-Encoding": "gzip"}) as response:
        sent = b"".join([chunk async for chunk in response.aiter_raw()])

    assert response.headers["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(sent))["todos"][0]["title"] == "x"


async def test_who_reads_slowly_holds_nothing_and_who_hangs_up_may_export_again(
    http: httpx2.AsyncClient, app: Application, ann: Caller, todo: str
) -> None:
    """The client takes the head and then nothing more."""
    del todo
    token, began = await token_of(ann), anyio.Event()
    core = app.core
    headers = [(b"host", b"127.0.0.1:8000"), (b"authorization", f"Bearer {token}".encode())]

    async def send(_: Message) -> None:
        began.set()
        await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:
        scope = {
            "type": "http",
            "method": "GET",
            "path": EXPORT,
            "raw_path": EXPORT.encode(),
            "query_string": b"",
            "headers": headers,
            "http_version": "1.1",
            "scheme": "http",
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8000),
            "root_path": "",
        }
        tasks.start_soon(app, scope, anyio.sleep_forever, send)
        await began.wait()
        assert (len(core.places), core.making_exports.borrowed_tokens, len(core.exporting)) == (0, 0, 1)
        told = problem(await http.get(EXPORT), 429, "rate_limited")
        assert told["retry_after"] == 5
        tasks.cancel_scope.cancel()

    assert len(core.exporting) == 0
    assert (await http.get(EXPORT)).status_code == 200
    assert (await http.head(EXPORT)).status_code == 200
    assert len(core.exporting) == 0
