"""Turn pydantic's errors into ours: each refused field by its name, never with its value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from typing_extensions import TypeAliasType

from todo_core.errors import MOST_LISTED, FieldCode, FieldError, InvalidInput

T = TypeVar("T")

_QUOTED = re.compile(r"'([^']*)'")
_UNPRINTABLE = re.compile(r"[^\w.\- ]", re.ASCII)

AS_TEXT, AS_OBJECT, AS_NUMBER = _KINDS = "(text)", "(object)", "(number)"
"""Tags of the forms of a value that may have several. pydantic puts them into locations; no field is so named."""

_CODES: dict[str, FieldCode] = {  # by pydantic's type of error
    "missing": "required",
    "union_tag_not_found": "required",
    "extra_forbidden": "unknown",
    "literal_error": "not_allowed",
    "union_tag_invalid": "not_allowed",
    "string_too_short": "too_short",
    "too_short": "too_short",
    "string_too_long": "too_long",
    "too_long": "too_long",
    "greater_than_equal": "too_small",
    "less_than_equal": "too_large",
    **dict.fromkeys(
        (
            "string_type",
            "int_type",
            "int_from_float",
            "int_parsing",
            "bool_type",
            "bool_parsing",
            "list_type",
            "dict_type",
            "model_type",
            "model_attributes_type",
            "datetime_type",
        ),
        "wrong_type",
    ),
}
_MESSAGES = {  # by pydantic's type of error; the names in braces are in its context
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "literal_error": "must be one of the allowed values",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "timezone_aware": "must have an offset, such as 2026-11-21T09:00:00Z",
    "datetime_type": "must be an ISO 8601 date-time with an offset, such as 2026-11-21T09:00:00Z",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "union_tag_invalid": "must be one of the allowed values",
    "union_tag_not_found": "is required",
    "string_unicode": "must be valid Unicode text",
}


def field_errors(
    errors: Iterable[Any],
    *,
    kind: Any = None,
    skip: int = 0,
    whole: str = "body",
    within: Sequence[str] = (),
    tags: Collection[str] = (),
) -> list[FieldError]:
    """Translate pydantic's errors, one of ours each.

    Args:
        errors: pydantic's error details (`ValidationError.errors()`).
        kind: The model or typed dictionary that was validated, to offer the fields of what has an unknown one.
        skip: Leading parts of each location to leave out, such as "body" or "query".
        whole: Name for the value as a whole, where the error is in no field.
        within: Where in the document what was validated is, as in the location of pydantic's errors.
        tags: Tags of a union: pydantic puts them into locations, but the caller's document does not have them.
    """
    translated = []
    known: dict[tuple[str | int, ...], list[str]] = {}
    for error in errors:
        code, context = str(error["type"]), dict(error.get("ctx") or {})
        location = [part for part in error["loc"][skip:] if part not in (*tags, *_KINDS)]
        allowed: Sequence[str] = ()
        if code in ("too_short", "too_long") and context.get("field_type") != "List":
            code = f"string_{code}"  # pydantic's word for a string that was trimmed first
        if code == "value_error":
            message = str(context.get("error", "is not valid"))
        elif code in _MESSAGES:
            message = _MESSAGES[code].format_map(context)
        else:
            message = "is not valid"
        if code == "literal_error":
            allowed = _QUOTED.findall(str(context.get("expected", "")))
        elif code in ("union_tag_invalid", "union_tag_not_found"):
            location += _QUOTED.findall(str(context["discriminator"]))
            allowed = sorted(tags)
        elif code == "extra_forbidden":
            place = tuple(location[:-1])
            if place not in known:
                known[place] = _fields_at(kind, place)
            allowed = known[place]
        path = path_of([*(part for part in within if part not in _KINDS), *location])
        translated.append(FieldError(path or whole, message, allowed, _CODES.get(code, "invalid")))
    return translated


def path_of(location: Sequence[str | int]) -> str:
    """Return the parts of a location with dots between them, such as `todos.0.title`.

    The name of an unknown field comes from the caller, so each part is cut to 64 characters without special ones.
    """
    return ".".join(_UNPRINTABLE.sub("?", str(part))[:64] for part in location)


def known_fields(kind: Any) -> list[str]:
    """Return the field names of a model or a typed dictionary; empty for other types."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return list(kind.model_fields)
    return list(_hints(kind)) if isinstance(kind, type) else []


def _fields_at(kind: Any, path: Sequence[str | int]) -> list[str]:
    """Return the field names of the object at a place in a document; none where it may be one of several.

    Args:
        kind: What the document is to be.
        path: The place, in the parts of a location.
    """
    kinds = [*_alternatives(kind)]
    for part in path:
        kinds = [one for shape in kinds for step in _step(shape, part) for one in _alternatives(step)]
    shapes = [fields for one in kinds if (fields := known_fields(one))]
    return shapes[0] if len(shapes) == 1 else []


def _alternatives(kind: Any) -> Iterator[Any]:
    """Yield what a value may be, without what is noted of it."""
    kind = kind.__value__ if isinstance(kind, TypeAliasType) else kind
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif origin in (Union, UnionType):
        for one in get_args(kind):
            yield from _alternatives(one)
    else:
        yield kind


def _step(kind: Any, part: str | int) -> Iterator[Any]:
    """Yield what is at a part of a location in a list or an object."""
    if isinstance(part, int):
        yield from get_args(kind)[:1]
    elif part in known_fields(kind):
        yield _hints(kind)[part]


@cache  # it takes a millisecond, and a batch may have fifty items to refuse
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def refuse(error: ValidationError, kind: Any = None, *, whole: str = "body") -> InvalidInput:
    """Return the error of the tree that stands for a ValidationError.

    Args:
        error: pydantic's error.
        kind: The model or typed dictionary that was validated, to offer its field names.
        whole: Name for the value as a whole.
    """
    errors = error.errors(include_url=False, include_input=False)
    shapes = shapes_by_tag(kind)
    shape = shapes.get(errors[0]["loc"][0], kind) if shapes and errors[0]["loc"] else kind
    return InvalidInput(errors=field_errors(errors, kind=shape, whole=whole, tags=[*shapes]))


def shapes_by_tag(kind: Any) -> dict[Any, Any]:
    """Return the shapes of a union that a field tells apart, by the values of that field; of other types none."""
    kind = kind.__value__ if isinstance(kind, TypeAliasType) else kind
    union, *notes = get_args(kind) or (kind,)
    names = (getattr(note, "discriminator", None) for note in notes)
    name = next((name for name in names if isinstance(name, str)), None)
    if name is None:
        return {}
    return {tag: shape for shape in get_args(union) for tag in get_args(_hints(shape)[name])}


def refuse_crowd(given: object, kind: Any, *, whole: str = "body", within: Sequence[str] = ()) -> None:
    """Refuse an object with more unknown fields than are listed, before pydantic makes an error of each.

    Args:
        given: What was sent.
        kind: The model, the typed dictionary, or a union of such, that it is to be; anything else lets all pass.
        whole: Name for the object as a whole.
        within: Where it is, as in the location of pydantic's errors.

    Raises:
        InvalidInput: With the first unknown fields, and how many more there are.
    """
    if not isinstance(given, dict) or len(given) <= MOST_LISTED:
        return
    names = _names_in(kind)
    unknown = len(given) - len(given.keys() & names)
    if names and unknown > MOST_LISTED:
        first = islice((name for name in given if name not in names), MOST_LISTED)
        listed = [{"type": "extra_forbidden", "loc": (name,)} for name in first]
        errors = field_errors(listed, kind=kind, whole=whole, within=within)
        raise InvalidInput(errors=errors, unlisted=unknown - len(listed))


def _names_in(kind: Any) -> set[str]:
    """Return the names of the fields of a shape, or of all shapes of a union."""
    return set(known_fields(kind)).union(*map(_names_in, get_args(kind)))


if TYPE_CHECKING:
    Tried = Union[T, InvalidInput]  # noqa: UP007  # `|` is not defined for a type variable
    """An item of a batch: the valid item, or the error that refuses it, so that it does not refuse the others."""
else:

    class Tried:
        """The same at run time: a validator that returns the error instead of raising it."""

        def __class_getitem__(cls, kind: Any) -> Any:
            def attempt(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
                try:
                    refuse_crowd(value, kind, whole="item")
                    return handler(value)
                except ValidationError as error:
                    return refuse(error, kind, whole="item")
                except InvalidInput as refused:
                    return refused

            return Annotated[kind, WrapValidator(attempt)]
