"""Results of the core as HTTP responses. Rows pass through as the bytes that PostgreSQL built."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Generic
from zlib import crc32

import orjson
from pydantic import Field
from starlette.responses import Response

from http_edge import problems
from rest_api.problems import Problem
from todo_core.boundary.results import Changed, Page
from todo_core.errors import TodoError
from todo_core.models.fields import Output, Shape

JSON = "application/json"
_OF_THE_WRITE: Final = ',"subtasks_changed":'
"""Where what a write tells besides the row begins. No text in a row has it: there a quote is escaped."""
_VERSION: Final = re.compile(r'"version":(\d+)')


class PageRead(Output, Generic[Shape]):
    """A page of rows."""

    items: Annotated[list[Shape], Field(description="The rows.")]
    total: Annotated[int, Field(description="Rows that match, on all pages.")]
    page_size: Annotated[int, Field(description="Most rows a page can have.")]
    next_cursor: Annotated[str | None, Field(description="Leads to the next page; null on the last.")]


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


def page(found: Page[Any], *, near: bool = False) -> Response:
    """A page; `near` says that it is one that shows near matches."""
    cursor = f'"{found.next_cursor}"' if found.next_cursor is not None else "null"
    body = f'{{"items":{found.json},"total":{found.total},"page_size":{found.page_size},"next_cursor":{cursor}'
    if near:
        body += f',"near":{_near(found)}'
    return Response(body + "}", media_type=JSON)


def _near(found: Page[Any]) -> str:
    if found.near is None:
        return "null"
    return f'{{"did_you_mean":{orjson.dumps(found.near.words).decode()},"items":{found.near.json}}}'


def etag(row: str) -> str:
    """The entity tag of a row: its version, and a digest of it all.

    What a row shows of others, such as the names of its tags, changes without its version: the digest tells a
    cache (`If-None-Match`), and the version alone says whether a change may be made (`If-Match`).
    """
    shown = row.partition(_OF_THE_WRITE)[0].removesuffix("}")
    (version,) = _VERSION.findall(shown)
    return f'"{version}.{crc32(shown.encode()):08x}"'


def row_id(row: str) -> int:
    """The id of a row."""
    found: int = orjson.loads(row)["id"]
    return found


def matches(if_none_match: str, tag: str) -> bool:
    """Whether one of the header's entity tags is `tag`, compared weakly (RFC 9110 §13.1.2)."""
    tags = [part.strip().removeprefix("W/") for part in if_none_match.split(",")]
    return "*" in tags or tag in tags


def row(found: str, if_none_match: str | None = None) -> Response:
    """One row with its entity tag, or 304 where the client has that version."""
    headers = {"ETag": etag(found)}
    if if_none_match is not None and matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(found, headers=headers, media_type=JSON)


def written(
    changed: Changed[Any], status: int = 200, headers: dict[str, str] | None = None, *, tag: bool = True
) -> Response:
    """The one row of a write.

    Args:
        changed: The result of the operation.
        status: The status of a success.
        headers: More headers.
        tag: Whether the row has versions, and so an entity tag.
    """
    body = changed.one().json
    told = tracks(changed) | ({"ETag": etag(body)} if tag else {}) | (headers or {})
    return Response(body, status, told, media_type=JSON)


def tracks(changed: Changed[Any]) -> dict[str, str]:
    """Headers that every write has: the change to undo, and whether this is a first answer again."""
    headers = {} if changed.change_id is None else {"Change-Id": str(changed.change_id)}
    if changed.replayed:
        headers["Idempotent-Replayed"] = "true"
    if changed.dry_run:
        headers["Dry-Run"] = "true"
    return headers


def batch(changed: Changed[Any]) -> Response:
    results = ",".join(
        orjson.dumps({"error": problems.of_error(item)}).decode()
        if isinstance(item, TodoError)
        else f'{{"item":{item.json},"changed":{"true" if item.changed else "false"}}}'
        for item in changed.results
    )
    change_id = "null" if changed.change_id is None else changed.change_id
    return Response(f'{{"change_id":{change_id},"results":[{results}]}}', headers=tracks(changed), media_type=JSON)
