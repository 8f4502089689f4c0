"""Resources: what a host reads by address and shows or attaches, `todo://…` (MC6).

An address with an id takes it with words behind it, `todo://todos/42-buy-milk`, of which the id counts. A completion
can only offer strings that go into the address as they are, and nobody recognizes a todo by its number.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from mcp import UriTemplate
from mcp_types import Resource, ResourceTemplate

from todo_core.boundary.operation import Caller, Operation
from todo_core.boundary.results import Found, Page
from todo_core.errors import FieldProblem, InvalidInput, NotFound
from todo_core.models.fields import MAX_ID
from todo_core.models.lists import ListQuery
from todo_core.models.todos import TodoFilter
from todo_core.operations import lists, overview, search, todos
from todo_core.text import name_key

MEDIA_TYPE: Final = "application/json"
SUGGESTED: Final = 20
"""As many completions are offered; the protocol allows 100."""

_MARKED_ID: Final = re.compile(r"([1-9][0-9]{0,18})(?:-.*)?", re.ASCII | re.DOTALL)
_NO_WORD: Final = re.compile(r"[\W_]+")

Search = Callable[[Caller, str], Awaitable[Page[Any]]]
"""From what a person typed to the rows they may mean."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An address, or all addresses of a template with an `{id}`, and the operation that reads there."""

    uri: str
    operation: Operation[..., Found[Any]]
    name: str
    title: str
    search: Search | None = None
    """Finds ids for completion."""
    label: str = "title"
    """The field by which people know a row."""

    @property
    def is_template(self) -> bool:
        return "{" in self.uri

    def is_for(self, caller: Caller) -> bool:
        return caller.may(self.operation.scope)

    def listed(self) -> Resource:
        return Resource(uri=self.uri, **self._told())

    def listed_template(self) -> ResourceTemplate:
        return ResourceTemplate(uri_template=self.uri, **self._told())

    def _told(self) -> dict[str, Any]:
        words = " ".join(self.operation.words.split())
        return {"name": self.name, "title": self.title, "description": words, "mime_type": MEDIA_TYPE}


def marked(row: dict[str, Any], label: str) -> str:
    """An id that people recognize: `42-buy-milk`."""
    words = _NO_WORD.sub("-", row[label].casefold()).strip("-")[:40]
    return f"{row['id']}-{words}".rstrip("-")


def id_in(text: str) -> int | None:
    """The id in `42-buy-milk` or `42`."""
    found = _MARKED_ID.fullmatch(text)
    number = int(found[1]) if found else 0
    return number if 0 < number <= MAX_ID else None


async def _todos_like(caller: Caller, typed: str) -> Page[Any]:
    if (number := id_in(typed)) is not None:
        named = await caller.perform(todos.find, TodoFilter(ids=[number], status="all"))
        if named.total:
            return named
    if typed:
        return await caller.perform(search.find, TodoFilter(text=typed, limit=SUGGESTED))
    return await caller.perform(todos.find, TodoFilter(sort="updated", limit=SUGGESTED))


async def _lists_like(caller: Caller, typed: str) -> Page[Any]:
    page = await caller.perform(lists.find, ListQuery(archived="include"))
    rows = [row for row in orjson.loads(page.json) if name_key(typed) in f"{row['id']} {name_key(row['name'])}"]
    return replace(page, json=orjson.dumps(rows).decode(), total=len(rows))


KINDS: Final = (
    Kind("todo://overview", overview.get, "overview", "Overview"),
    Kind("todo://lists/{id}", lists.get, "list", "List", _lists_like, "name"),
    Kind("todo://todos/{id}", todos.get, "todo", "Todo", _todos_like),
)

_TEMPLATES: Final = tuple((UriTemplate.parse(kind.uri), kind) for kind in KINDS)


async def read(caller: Caller, uri: str) -> str:
    """What is at an address: one JSON object without its nulls.

    Raises:
        InvalidInput: No resource has such an address.
        NotFound: There is no such row, or no id in the address.
        TodoError: Whatever the operation raises.
    """
    for template, kind in _TEMPLATES:
        found = template.match(uri)
        if found is not None:
            row = orjson.loads((await caller.perform(kind.operation, *map(_only_id, found.values()))).json)
            return orjson.dumps({name: value for name, value in row.items() if value is not None}).decode()
    known = FieldProblem("uri", "is not the address of a resource", [kind.uri for kind in KINDS])
    raise InvalidInput("There is no such resource.", problems=[known])


def _only_id(text: object) -> int:
    number = id_in(text) if isinstance(text, str) else None
    if number is None:
        raise NotFound
    return number
