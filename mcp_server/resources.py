"""Serve resources: rows that a host reads by their address, `todo://…`, to show or attach them (MC6).

An address takes an id with or without words behind it: `todo://todos/42-buy-milk` is todo 42. The words are for
completions, which offer strings that go into the address as they are: nobody recognizes a todo by its number.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from mcp import UriTemplate
from mcp_types import Resource, ResourceTemplate

from mcp_server import bounds
from mcp_server.history import ROWS
from mcp_server.tool_results import as_shown
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.boundary.results import Page
from todo_core.errors import FieldError, InvalidInput, NotFound
from todo_core.models.changes import ChangeFilter
from todo_core.models.fields import MAX_ID
from todo_core.models.lists import ListQuery
from todo_core.models.todos import TodoFilter
from todo_core.operations import changes, lists, overview, search, todos
from todo_core.text import name_key

MEDIA_TYPE: Final = "application/json"
SUGGESTED: Final = 20
"""Most completions that are offered; the protocol allows 100."""

_OF_CHANGES: Final = ("id", "at", "operation", "via", "client", "entries", "more_entries")
"""What the list of the latest changes shows of each."""
_OF_ENTRIES: Final = ("entity", "id", "title", "is_new")
_LABELLED_ID: Final = re.compile(r"([1-9][0-9]{0,18})(?:-.*)?", re.ASCII | re.DOTALL)
_PLAIN: Final = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[A-Za-z0-9._~/-]{0,100}", re.ASCII)
"""An address that can be told back: it says nothing to a model (RFC 3986 §2.3)."""
_NO_WORD: Final = re.compile(r"[\W_]+")

Search = Callable[[Caller, str], Awaitable[Page[Any]]]
"""Finds the rows that a person may mean by the text they typed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource, or all resources of a template."""

    uri: str
    """Its address, or a template of addresses with an `{id}` (RFC 6570)."""
    operation: Operation[..., Any]
    """Reads the row, or the latest rows. For a template it takes the id."""
    name: str
    """Name for programs."""
    title: str
    """Name for people."""
    search: Search | None = None
    """Finds rows for the completion of the id."""
    label: str = "title"
    """The field by which people know a row."""

    @property
    def is_template(self) -> bool:
        """Return whether there is an id in the address."""
        return "{" in self.uri

    def is_for(self, caller: Caller) -> bool:
        """Return whether token and mandate of the caller allow to read it."""
        return caller.could(self.operation)

    def listed(self) -> Resource:
        """Return its entry in `resources/list`."""
        return Resource(uri=self.uri, **self._description())

    def listed_template(self) -> ResourceTemplate:
        """Return its entry in `resources/templates/list`."""
        return ResourceTemplate(uri_template=self.uri, **self._description())

    def _description(self) -> dict[str, Any]:
        words = " ".join(self.operation.words.split())
        return {"name": self.name, "title": self.title, "description": words, "mime_type": MEDIA_TYPE}


def labelled_id(row: dict[str, Any], label: str) -> str:
    """Return an id with words by which people recognize the row: `42-buy-milk`.

    Args:
        row: The row.
        label: Its field with the words.
    """
    words = _NO_WORD.sub("-", row[label].casefold()).strip("-")[:40]
    return f"{row['id']}-{words}".rstrip("-")


def id_in(text: str) -> int | None:
    """Return the id of `42-buy-milk` or `42`; None for other texts."""
    match = _LABELLED_ID.fullmatch(text)
    number = int(match[1]) if match else 0
    return number if 0 < number <= MAX_ID else None


async def _todos_like(caller: Caller, typed: str) -> Page[Any]:
    """Find the todo with the id that was typed, or else todos with the words; for nothing, those changed last."""
    if (number := id_in(typed)) is not None:
        with_id = await caller.perform(todos.list_, TodoFilter(ids=[number], status="all"))
        if with_id.total:
            return with_id
    if typed:
        return await caller.perform(search.find, TodoFilter(text=typed, limit=SUGGESTED))
    return await caller.perform(todos.list_, TodoFilter(sort="updated", limit=SUGGESTED))


async def _lists_like(caller: Caller, typed: str) -> Page[Any]:
    """Find lists with the text in their id or name, archived ones too."""
    page = await caller.perform(lists.list_, ListQuery(archived="include"))
    key = name_key(typed)
    rows = [row for row in orjson.loads(page.json) if key in f"{row['id']} {name_key(row['name'])}"]
    return replace(page, json=orjson.dumps(rows).decode(), total=len(rows))


KINDS: Final = (
    Kind("todo://overview", overview.get, "overview", "Overview"),
    Kind("todo://changes", changes.list_, "changes", "Latest changes"),
    Kind("todo://lists/{id}", lists.get, "list", "List", _lists_like, "name"),
    Kind("todo://todos/{id}", todos.get, "todo", "Todo", _todos_like),
)

_TEMPLATES: Final = tuple((UriTemplate.parse(kind.uri), kind) for kind in KINDS)


async def read(caller: Caller, uri: str) -> str:
    """Read the row at an address, and return it as a JSON object without fields that are null.

    Raises:
        InvalidInput: No resource has such an address.
        NotFound: There is no such row, or no id in the address.
        TodoError: The operation refused.
    """
    for template, kind in _TEMPLATES:
        parameters = template.match(uri)
        if parameters is not None:
            try:
                row = await _row(caller, kind, map(_require_id, parameters.values()))
            except NotFound as absent:
                raise NotFound(absent.detail, extra=absent.extra | _named(uri)) from None
            return as_shown({name: value for name, value in row.items() if value is not None})[1]
    known = FieldError("uri", "is not the address of a resource", [kind.uri for kind in KINDS], "not_found")
    raise InvalidInput("There is no such resource.", errors=[known], extra=_named(uri))


async def _row(caller: Caller, kind: Kind, ids: Iterable[int]) -> dict[str, Any]:
    """Return what a resource shows: a row, or the latest changes in few words and where to follow on."""
    if kind.operation is changes.list_:
        feed = await caller.perform(changes.list_, ChangeFilter(limit=SUGGESTED), "titles")
        latest = [{name: change[name] for name in _OF_CHANGES} for change in orjson.loads(feed.json)]
        for change in latest:
            entries = change["entries"]
            change["entries"] = [{name: entry[name] for name in _OF_ENTRIES} for entry in entries[:ROWS]]
            change["more_entries"] += len(entries) - len(change["entries"])
        return {"changes": latest[: bounds.fitting(latest)], "since": feed.since}
    found = await caller.perform(kind.operation, *ids)
    row: dict[str, Any] = orjson.loads(found.json)
    return row


def without_words(uri: str) -> str:
    """Return an address with no words behind the id."""
    start, slash, last = uri.rpartition("/")
    number = id_in(last)
    return uri if number is None else f"{start}{slash}{number}"


def _named(uri: str) -> dict[str, str]:
    """Return the address for the error that says that nothing is there, as SEP-2164 asks; nothing for what is none."""
    return {"uri": uri} if _PLAIN.fullmatch(uri) else {}


def _require_id(text: object) -> int:
    """Return the id in a part of an address.

    Raises:
        NotFound: There is none.
    """
    number = id_in(text) if isinstance(text, str) else None
    if number is None:
        raise NotFound
    return number
