"""Every text that comes in has one of the types that refuse what cannot be seen, also one that is added later."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from mcp_server.edits import TodoEdit
from mcp_server.server import FEATURES
from mcp_server.tools.lists import ListEdit
from rest_api.app import create_app
from todo_core.errors import InvalidInput
from todo_core.models.fields import Input
from todo_core.models.lists import ListPatch, ListUpdate
from todo_core.models.todos import TodoPatch, TodoUpdate
from todo_core.models.users import ProfilePatch

NO_TEXTS = {"cursor", "fetch.id"}
"""A cursor counts byte for byte, and `fetch` takes nothing but an id, in its handler."""


def shapes() -> Iterator[tuple[str, Any]]:
    """Everything that REST, tools and prompts take, by name."""
    create_app()  # imports every route
    waiting: list[type[BaseModel]] = [Input]
    while waiting:
        shape = waiting.pop()
        waiting += [kind for kind in shape.__subclasses__() if not kind.__module__.startswith("tests.")]
        yield shape.__name__, shape
    for patch in (TodoPatch, TodoUpdate, TodoEdit, ListPatch, ListUpdate, ListEdit, ProfilePatch):
        yield patch.__name__, patch
    for feature in FEATURES:
        for tool in feature.tools.tools:
            yield tool.listed.name, tool.arguments._all


def texts() -> Iterator[tuple[str, Any, str, bool]]:
    """Every field with texts: its name, the shape, the name there, and whether it is a list."""
    for name, shape in shapes():
        for field, schema in TypeAdapter(shape).json_schema().get("properties", {}).items():
            for kind in schema.get("anyOf", [schema]):
                item = kind.get("items", {}) if kind.get("type") == "array" else kind
                if item.get("type") == "string" and not item.keys() & {"enum", "const"}:
                    yield f"{name}.{field}", shape, field, item is not kind


def accepts(shape: Any, field: str, value: object) -> bool:
    """Whether a shape finds nothing wrong with a field, whatever else is wrong."""
    try:
        taken = TypeAdapter(shape).validate_python({field: value})
    except ValidationError as error:
        return all(problem["loc"][:1] != (field,) for problem in error.errors())
    found = taken.get(field) if isinstance(taken, dict) else getattr(taken, field)
    return not (isinstance(found, list) and any(isinstance(item, InvalidInput) for item in found))


@pytest.mark.requirement("RS3", "MC4")
def test_no_text_takes_what_cannot_be_seen() -> None:
    took = {
        field if field == "cursor" else name
        for name, shape, field, is_list in texts()
        for text in ("a\u202eb", "a\x1bb", "a\U000e0041", "a\ud800")
        if accepts(shape, field, [text] if is_list else text)
    }

    assert took == NO_TEXTS


@pytest.mark.requirement("RS3", "MC4")
def test_every_kind_of_text_is_found() -> None:
    found = {name for name, _, _, _ in texts()}

    assert found >= {"TodoCreate.title", "TodoCreate.tags", "TodoUpdate.description", "ProfilePatch.display_name"}
    assert found >= {"search.query", "Dump.text", "get_report.week", "TodoFilter.text", "TodoFilter.due_before"}
    assert found >= {"ListCreate.name", "ListPatch.name", "TokenCreate.name", "TagPatch.name", "update_tag.name"}
