"""Results of the core as HTTP responses. Rows pass through as the text that PostgreSQL built."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Generic, Literal
from zlib import crc32

import orjson
from pydantic import Field, RootModel
from starlette.responses import Response

from http_edge import problems
from http_edge.entity_tags import of_bytes
from rest_api.refusals import Problem, UndoConflict
from todo_core.boundary.results import Changed, Done, Feed, Found, Near, Page
from todo_core.errors import TodoError
from todo_core.models.entries import Kind
from todo_core.models.fields import Output, Shape
from todo_core.models.lists import ListRead
from todo_core.models.notes import NoteRead
from todo_core.models.tags import TagRead
from todo_core.models.todos import TodoWritten
from todo_core.models.users import ProfileWritten

JSON = "application/json"
_JSON_TYPE: Final = (b"content-type", JSON.encode())
_NO_NOTES = ',"notes":[]}'
"""The end of the JSON of a todo that is read and has no notes; a write's answer does not have it (`etag`)."""
_VERSION: Final = re.compile(r'"version":(\d+)', re.ASCII)
"""The version in the JSON of a row, which need not be parsed for it: in a text the quotes would be escaped."""
_ID: Final = re.compile(r'\{"id":(\d+)', re.ASCII)
"""The beginning of the JSON of a row."""
_CHANGE_WORDS = "Names the change for undo; null when nothing changed."


class PageRead(Output, Generic[Shape]):
    """A page of rows."""

    items: Annotated[list[Shape], Field(description="The rows.")]
    total: Annotated[int, Field(description="Rows that match, on all pages.")]
    page_size: Annotated[int, Field(description="Most rows a page can have.")]
    next_cursor: Annotated[str | None, Field(description="Leads to the next page; null on the last.")]


class FeedRead(Output, Generic[Shape]):
    """A page of a record that only grows."""

    items: Annotated[list[Shape], Field(description="The rows.")]
    page_size: Annotated[int, Field(description="Most rows a page can have.")]
    has_more: Annotated[
        bool, Field(description="Whether there are further rows: later ones after `since`, else earlier ones.")
    ]
    next_cursor: Annotated[
        str | None,
        Field(description="Leads to the next page, as `since` if you sent that, else as `before`; null on the last."),
    ]
    since: Annotated[
        int | None,
        Field(description="The `since` to follow on with; null where you sent `before`: keep the one you have."),
    ]


class BatchResult(Output):
    """What became of one item of a batch: the row or the problem is null."""

    item: Annotated[TodoWritten | None, Field(description="The row, as it is now; null where the item was refused.")]
    changed: Annotated[bool, Field(description="False when it was so already, or the item was refused.")]
    error: Annotated[Problem | None, Field(description="Why it was refused; null where it was not.")]


class BatchRead(Output):
    """What a batch did: one result for each item, in the order of the request."""

    change_id: Annotated[int | None, Field(description=_CHANGE_WORDS)]
    results: Annotated[list[BatchResult], Field(description="One for each item, in order.")]


class Undone(Output, Generic[Kind, Shape]):
    """A row that an undo put back."""

    entity: Annotated[Kind, Field(description="What kind of row.")]
    item: Annotated[Shape, Field(description="The row, as it is now.")]
    changed: Annotated[bool, Field(description="False when it was so already.")]


class TodoUndone(Undone[Literal["todo"], TodoWritten]):
    """A todo that an undo put back."""


class ListUndone(Undone[Literal["list"], ListRead]):
    """A list that an undo put back."""


class TagUndone(Undone[Literal["tag"], TagRead]):
    """A tag that an undo put back."""


class NoteUndone(Undone[Literal["note"], NoteRead]):
    """A note that an undo put back."""


class ProfileUndone(Undone[Literal["user"], ProfileWritten]):
    """A profile that an undo put back."""


_AnyUndone = Annotated[TodoUndone | ListUndone | TagUndone | NoteUndone | ProfileUndone, Field(discriminator="entity")]


class UndoneRow(RootModel[_AnyUndone]):
    """A row that an undo put back; `entity` tells its shape."""


class UndoneRead(Output):
    """What an undo did: one result for each row that it put back, as many as a page can have."""

    change_id: Annotated[int | None, Field(description=_CHANGE_WORDS)]
    results: Annotated[list[UndoneRow], Field(description="One for each row.")]
    more_results: Annotated[
        int, Field(description="How many rows more were put back; `GET /changes/{change_id}` has them.")
    ]


class UndoneSetRead(UndoneRead):
    """What an undo of several changes did."""

    skipped: Annotated[
        list[UndoConflict],
        Field(
            description="Changes that were left as they are, the latest first: with `skip_conflicts` those that cannot "
            "be undone; of an agent or a time those that no undo is for, such as a new API token."
        ),
    ]


class Json(Response):
    """JSON that is whole. It has the headers that Starlette would make of the same, without looking for them."""

    media_type = JSON

    def __init__(self, body: bytes, headers: Iterable[tuple[bytes, bytes]] = (), status: int = 200) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(body)), _JSON_TYPE]


class Paged(Json):
    """A page."""

    following: dict[str, str]
    """Parameters that lead to the next page, in the place of those that led here; empty on the last one."""
    tag: str | None = None
    """Its entity tag, where that is known already."""

    def __init__(self, body: dict[str, Any], following: dict[str, str]) -> None:
        super().__init__(orjson.dumps(body))
        self.following = following


def page(found: Page[Any], *, near: bool = False) -> Response:
    """Return a page of rows (`PageRead`).

    Args:
        found: The page.
        near: Whether the answer has a field for near matches, null where there are none (`SearchRead`).
    """
    body: dict[str, Any] = {
        "items": orjson.Fragment(found.json),
        "total": found.total,
        "page_size": found.page_size,
        "next_cursor": found.next_cursor,
    }
    if near:
        body["near"] = None if found.near is None else _near(found.near)
    answer = Paged(body, {} if found.next_cursor is None else {"cursor": found.next_cursor})
    if found.near is None:
        answer.tag = _page_tag(bytes(answer.body), found, "tag with near" if near else "tag")
    return answer


def _page_tag(body: bytes, found: Page[Any], form: str) -> str:
    """Return the entity tag of an answer with a page. With a page that is remembered, its latest tag is, too.

    Args:
        body: The answer. Nothing but its cursor differs among those of one page in the same form.
        found: The page.
        form: What the tag is remembered by: the name of the form in which the page is told.
    """
    kept: tuple[str | None, str] | None = found.forms.get(form)
    if kept is not None and kept[0] == found.next_cursor:
        return kept[1]
    tag = of_bytes(body)
    found.forms[form] = found.next_cursor, tag
    return tag


def feed(found: Feed[Any], *, way: str) -> Response:
    """Return a page of a record that only grows (`FeedRead`).

    Args:
        found: The page.
        way: The parameter that takes its cursor, `since` or `before`.
    """
    body = {
        "items": orjson.Fragment(found.json),
        "page_size": found.page_size,
        "has_more": found.has_more,
        "next_cursor": found.next_cursor,
        "since": found.since,
    }
    return Paged(body, {} if found.next_cursor is None else {way: found.next_cursor})


def _near(near: Near) -> dict[str, Any]:
    return {"did_you_mean": near.words, "items": orjson.Fragment(near.json)}


def etag(row: str) -> str:
    """Return the entity tag of a row: its version, and the CRC-32 of its JSON.

    What a row shows of others, such as the names of its tags, changes without its version. So the digest tells
    caches whether they are up to date (`If-None-Match`), and the version alone decides whether a change may be
    made (`If-Match`). A write does not show notes: where there are none, its tag is that of a read.
    """
    version = _VERSION.search(row)
    assert version is not None  # of rows that have versions; `notes`, which stand behind, have none
    shown = row.removesuffix(_NO_NOTES).removesuffix("}")
    return f'"{version[1]}.{crc32(shown.encode()):08x}"'


def row_id(row: str) -> int:
    """Return the id of a row."""
    first = _ID.match(row)
    assert first is not None  # every shape begins with it
    return int(first[1])


def row(found: Found[Any]) -> Response:
    """Return one row with its entity tag; of a row that is remembered both are, too."""
    kept: tuple[bytes, bytes] | None = found.forms.get("row")
    if kept is None:
        kept = found.forms["row"] = found.json.encode(), etag(found.json).encode()
    body, tag = kept
    return Json(body, [(b"etag", tag)])


def as_of(found: str, moment: str) -> Response:
    """Return what tells its own moment, with an entity tag that leaves this out: it is weak (RFC 9110 §8.8.1).

    Args:
        found: The JSON text of an object.
        moment: The member with the moment.
    """
    rest = orjson.loads(found)
    del rest[moment]
    return Response(found, headers={"ETag": f"W/{of_bytes(orjson.dumps(rest))}"}, media_type=JSON)


def written(
    changed: Changed[Any], status: int = 200, headers: dict[str, str] | None = None, *, tag: bool = True
) -> Response:
    """Return the result of a write with a single item.

    Args:
        changed: The result of the operation.
        status: The status of a success.
        headers: More headers.
        tag: Whether the row has versions, and so an entity tag.
    """
    done = changed.one()
    own = ({"ETag": etag(done.row)} if tag else {}) | (headers or {})
    return _answer(changed, done.json, status, own)


def gone(changed: Changed[Any]) -> Response:
    """Return the result of a write with a single item of which there is nothing to show."""
    changed.one()
    return _answer(changed, None, 204)


def _answer(
    changed: Changed[Any], body: str | bytes | None, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return the answer to a write, or to one that was kept as a proposal: the same body, with 202.

    Args:
        changed: The result of the operation.
        body: What the write answers; None where it answers nothing.
        status: The status of a success.
        headers: Those of the row, which a proposal has none of so far: its address and entity tag.
    """
    if changed.proposal is not None:
        status, headers = 202, {"Location": f"/api/v1/proposals/{changed.proposal.id}"}
    all_headers = change_headers(changed) | (headers or {})
    if body is None:
        return Response(None, status, all_headers)
    lines = ((name.lower().encode(), value.encode()) for name, value in all_headers.items())
    return Json(body.encode() if isinstance(body, str) else body, lines, status)


def change_headers(changed: Changed[Any]) -> dict[str, str]:
    """Return the headers of every write: the change to undo, and whether it is a replay, a proposal or a dry run."""
    headers = {} if changed.change_id is None else {"Change-Id": str(changed.change_id)}
    if changed.replayed:
        headers["Idempotent-Replayed"] = "true"
    if changed.proposal is not None:
        headers |= {"Proposal-Id": str(changed.proposal.id), "Proposal-Expires": changed.proposal.expires_at}
    elif changed.dry_run:
        headers["Dry-Run"] = "true"
    return headers


def batch(changed: Changed[Any]) -> Response:
    """Return the results of a batch (`BatchRead`), one for each item, in the order of the request."""
    results = [
        {"item": None, "changed": False, "error": problems.of_error(item)}
        if isinstance(item, TodoError)
        else {"item": orjson.Fragment(item.json), "changed": item.changed, "error": None}
        for item in changed.results
    ]
    body = {"change_id": changed.change_id, "results": results}
    return _answer(changed, orjson.dumps(body))


def imported(changed: Changed[Any]) -> Response:
    """Return what an import did (`ImportWritten`)."""
    body = changed.one().as_dict() | {"change_id": changed.change_id}
    return _answer(changed, orjson.dumps(body))


def undone(changed: Changed[Any], *, of_several: bool = False) -> Response:
    """Return the results of an undo (`UndoneRead`); of several `UndoneSetRead`."""
    results = [
        {"entity": row.entity, "item": orjson.Fragment(row.json), "changed": row.changed}
        for row in changed.results
        if isinstance(row, Done)  # an undo is refused as a whole
    ]
    body: dict[str, Any] = {"change_id": changed.change_id, "results": results, "more_results": changed.more_results}
    if of_several:
        body["skipped"] = [*changed.skipped]
    return _answer(changed, orjson.dumps(body))
