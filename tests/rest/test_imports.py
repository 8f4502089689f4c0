"""Imports over HTTP: a file as the body or in a form, within bounds, once."""

from __future__ import annotations

import anyio
import httpx2
import pytest

from tests.core.import_files import FILES, TODOIST
from tests.rest.problems import fields, problem
from todo_app.application import Application
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("LT4", "RS2")

IMPORT = "/api/v1/import"
CSV = {"Content-Type": "text/csv"}


async def test_a_file_is_the_body_or_a_part_of_a_form(http: httpx2.AsyncClient) -> None:
    preview = await http.post(IMPORT, content=TODOIST.encode(), headers=CSV | {"Dry-Run": "true"})
    assert (preview.status_code, preview.headers["dry-run"]) == (200, "true")
    assert (preview.json()["todos"], preview.json()["change_id"]) == (6, None)
    assert (await http.get("/api/v1/todos")).json()["total"] == 0

    key = {"Idempotency-Key": "import-1"}
    first = await http.post(IMPORT, files={"file": ("a.csv", TODOIST.encode(), "text/csv")}, headers=key)
    again = await http.post(IMPORT, files={"file": ("a.csv", TODOIST.encode(), "text/csv")}, headers=key)
    other = await http.post(IMPORT, content=FILES["google"], headers=key | {"Content-Type": "application/json"})

    made = first.json()
    assert {**made, "change_id": None} == preview.json()
    assert first.headers["change-id"] == str(made["change_id"])
    assert (again.json(), again.headers["idempotent-replayed"]) == (made, "true")
    problem(other, 422, "idempotency_key_reused")
    undone = await http.post(f"/api/v1/changes/{made['change_id']}/undo")
    assert undone.status_code == 200
    assert (await http.get("/api/v1/todos")).json()["total"] == 0


async def test_where_todos_go_whose_file_does_not_say_it(http: httpx2.AsyncClient) -> None:
    said = await http.post(IMPORT, content=TODOIST.encode(), params={"list": "New", "format": "todoist"})

    assert said.json()["lists"] == 1
    (new,) = [row for row in (await http.get("/api/v1/lists")).json()["items"] if row["name"] == "New"]
    assert new["open_todos"] == 6
    told = problem(await http.post(IMPORT, content=b"x", params={"format": "xml"}), 422, "invalid_input")
    assert fields(told) == ["format"]


async def test_what_is_too_large_coded_or_no_file_is_refused(http: httpx2.AsyncClient, app: Application) -> None:
    large = b"TYPE,CONTENT\n" + b"task,x\n" * 800_000
    told = problem(await http.post(IMPORT, content=large), 413, "body_too_large")
    assert told["detail"] == "The file is larger than 5 MiB."
    told = problem(
        await http.post(IMPORT, content=b"x", headers={"Content-Type": "image/png"}), 415, "unsupported_media_type"
    )
    assert told["detail"] == "The body must be a file."
    problem(
        await http.post(IMPORT, content=b"x", headers={"Content-Encoding": "gzip"}), 415, "content_coding_not_supported"
    )
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n'
    coded = head + b"Content-Encoding: gzip\r\n\r\nx\r\n--b--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=b"}
    problem(await http.post(IMPORT, content=coded, headers=form), 415, "content_coding_not_supported")
    for content, headers in [
        (b"", {}),
        (b"--b", form),
        (coded.replace(b'"file"', b'"other"'), form),
        (coded.replace(b"b", b"c"), form),
        (b"x", {"Content-Type": "multipart/form-data"}),
        (b"no format at all", {}),
    ]:
        told = problem(await http.post(IMPORT, content=content, headers=headers), 422, "invalid_input")
        assert fields(told) == ["file"], content
    assert len(app.core.importing) == 0
    assert (await http.get("/api/v1/todos")).json()["total"] == 0


async def test_one_at_a_time_of_a_person_from_the_first_byte(
    http: httpx2.AsyncClient, app: Application, ann: Caller
) -> None:
    assert app.core.importing.take(ann.principal.user_id)
    told = problem(await http.post(IMPORT, content=TODOIST.encode()), 429, "rate_limited")
    assert told["retry_after"] == 5
    app.core.importing.leave(ann.principal.user_id)

    with anyio.move_on_after(30):
        assert (await http.post(IMPORT, content=TODOIST.encode())).status_code == 200
    assert len(app.core.importing) == 0
