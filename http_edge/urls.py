"""Read typed values from a URL, which carries only text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel, create_model, field_validator
from pydantic_core import PydanticKnownError
from starlette.datastructures import QueryParams

from todo_core.errors import FieldError

Model = TypeVar("Model", bound=BaseModel)

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}", re.ASCII)


def digits(value: object) -> object:
    """Make a whole number of plain digits, of a list each; leave what is no text.

    Raises:
        PydanticKnownError: The text is something else.
    """
    if isinstance(value, list):
        return [digits(item) for item in value]
    if not isinstance(value, str):
        return value
    if not _WHOLE_NUMBER.fullmatch(value):
        raise PydanticKnownError("int_type")
    return int(value)


def flag(value: object) -> object:
    """Make a boolean of `true` and `false`, and leave anything else."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


@cache
def from_text(model: type[Model]) -> type[Model]:
    """Return a subclass that takes a query string's text where the model takes whole numbers and booleans, strictly."""
    fields = {name: set(_types(schema)) for name, schema in _properties(model)}
    numbers = [name for name, types in fields.items() if "integer" in types]
    flags = [name for name, types in fields.items() if "boolean" in types]
    reading: dict[str, Any] = {}
    if numbers:
        reading["read_numbers"] = field_validator(*numbers, mode="before")(digits)
    if flags:
        reading["read_flags"] = field_validator(*flags, mode="before")(flag)
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, __validators__=reading)


def values(given: QueryParams, model: type[BaseModel]) -> dict[str, Any]:
    """Return what a query string gives for each name: a list where the model takes one, else the last value.

    Names that the model does not know are there too: it refuses them by name. What `unclear` refuses is not.
    """
    lists = _lists(model)
    return {
        name: given.getlist(name) if name in lists else given[name]
        for name in given
        if _without_brackets(name, model) is None
    }


def unclear(query: bytes, given: QueryParams, model: type[BaseModel]) -> list[FieldError]:
    """Return what is wrong with names of a query string that servers read differently.

    That is one that is there twice and takes one value, one in brackets (`priority[]=low`, as PHP and Rails have it),
    where the model knows it without, and one with a value that is not in UTF-8 (RFC 3986 §2.5), which would be looked
    for with other characters in it.

    Args:
        query: The query string, as it came.
        given: What it has by name.
        model: What it fills.
    """
    refused = [] if _is_utf8(query) else [FieldError(name, _OTHER_CODING) for name in given if _is_broken(given, name)]
    for name in given:
        known = _without_brackets(name, model)
        if known is not None:
            again = ", once for each value" if known in _lists(model) else ""
            refused.append(FieldError(known, f"must be sent without brackets{again}", code="unknown"))
        elif name in model.model_fields and name not in _lists(model) and len(given.getlist(name)) > 1:
            refused.append(FieldError(name, "must not be sent more than once", code="repeated"))
    return refused


_OTHER_CODING: Final = "must be in UTF-8, percent-encoded"
_REPLACEMENT: Final = "\ufffd"
"""What stands for bytes that could not be read."""


def _is_utf8(query: bytes) -> bool:
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_broken(given: QueryParams, name: str) -> bool:
    return any(_REPLACEMENT in text for text in (name, *given.getlist(name)))


def _without_brackets(name: str, model: type[BaseModel]) -> str | None:
    """Return the name of a field that stands before brackets, if there is such a field and there are brackets."""
    known, bracket, _ = name.partition("[")
    return known if bracket and known in model.model_fields else None


@cache
def _lists(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(name for name, schema in _properties(model) if "array" in _types(schema))


def _properties(model: type[BaseModel]) -> Iterable[tuple[str, dict[str, Any]]]:
    properties: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    return properties.items()


def _types(schema: dict[str, Any]) -> list[str]:
    """List the JSON types that a value may have; of a list also those of its items."""
    found = [schema["type"]] if "type" in schema else []
    for part in [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]:
        found += _types(part)
    return found
