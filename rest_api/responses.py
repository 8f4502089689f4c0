"""Results of the core as HTTP responses. Rows pass through as the text that PostgreSQL built."""

from __future__ import annotations

from typing import Annotated, Any, Generic
from zlib import crc32

import orjson
from pydantic import Field
from starlette.responses import Response

from http_edge import problems
from http_edge.entity_tags import of_bytes
from rest_api.refusals import Problem
from todo_core.boundary.results import Changed, Feed, Near, Page
from todo_core.errors import TodoError
from todo_core.models.fields import Output, Shape

JSON = "application/json"
_NO_NOTES = ',"notes":[]}'
"""How a todo ends that is read, and has no notes."""


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


class ItemDone(Output, Generic[Shape]):
    """One item of a batch that was accepted."""

    item: Annotated[Shape, Field(description="The row, as it is now.")]
    changed: Annotated[bool, Field(description="False when it was so already.")]


class ItemRefused(Output):
    """One item of a batch that was refused."""

    error: Annotated[Problem, Field(description="Why.")]


class ChangedRead(Output, Generic[Shape]):
    """What a batch did: one result for each item, in the order of the request."""

    change_id: Annotated[int | None, Field(description="Names the change for undo; null when nothing changed.")]
    results: Annotated[list[ItemDone[Shape] | ItemRefused], Field(description="One for each item, in order.")]


class UndoneRead(ChangedRead[Shape], Generic[Shape]):
    """What an undo did: one result for each row that it put back, as many as a page can have."""

    more_results: Annotated[
        int, Field(description="How many rows more were put back; `GET /changes/{change_id}` has them.")
    ]


class Paged(Response):
    """A page."""

    following: dict[str, str]
    """Parameters that lead to the next page, in the place of those that led here; empty on the last one."""

    def __init__(self, body: dict[str, Any], following: dict[str, str]) -> None:
        super().__init__(orjson.dumps(body), media_type=JSON)
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
    return Paged(body, {} if found.next_cursor is None else {"cursor": found.next_cursor})


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
    version: int = orjson.loads(row)["version"]
    shown = row.removesuffix(_NO_NOTES).removesuffix("}")
    return f'"{version}.{crc32(shown.encode()):08x}"'


def row_id(row: str) -> int:
    """Return the id of a row."""
    found: int = orjson.loads(row)["id"]
    return found


def row(found: str) -> Response:
    """Return one row with its entity tag."""
    return Response(found, headers={"ETag": etag(found)}, media_type=JSON)


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
    all_headers = change_headers(changed) | ({"ETag": etag(done.row)} if tag else {}) | (headers or {})
    return Response(done.json, status, all_headers, media_type=JSON)


def change_headers(changed: Changed[Any]) -> dict[str, str]:
    """Return the headers of every write: the change to undo, and whether it is a replay or a dry run."""
    headers = {} if changed.change_id is None else {"Change-Id": str(changed.change_id)}
    if changed.replayed:
        headers["Idempotent-Replayed"] = "true"
    if changed.dry_run:
        headers["Dry-Run"] = "true"
    return headers


def batch(changed: Changed[Any]) -> Response:
    """Return the results of a batch (`ChangedRead`), one for each item, in the order of the request."""
    return _batch(changed, {})


def undone(changed: Changed[Any]) -> Response:
    """Return the results of an undo (`UndoneRead`)."""
    return _batch(changed, {"more_results": changed.more_results})


def _batch(changed: Changed[Any], more: dict[str, Any]) -> Response:
    results = [
        {"error": problems.of_error(item)}
        if isinstance(item, TodoError)
        else {"item": orjson.Fragment(item.json), "changed": item.changed}
        for item in changed.results
    ]
    body = {"change_id": changed.change_id, "results": results, **more}
    return Response(orjson.dumps(body), headers=change_headers(changed), media_type=JSON)
