"""Serialize a call of an operation as JSON, and parse it again, perhaps in a later version of the program.

Pydantic does both by the types in the operation's signature, so operations need no code for it. Defaults are not
written: a field that the call left out is left out again when it is parsed.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from todo_core.errors import FieldError, InvalidInput, TodoError
from todo_core.models.fields import CALLED
from todo_core.validation import field_errors, path_of

if TYPE_CHECKING:
    from todo_core.boundary.operation import Operation


@cache
def parameters(operation: Operation[..., Any]) -> Mapping[str, TypeAdapter[Any]]:
    """Return the type adapter of each argument of an operation, by its name, in the order of the signature."""
    hints = get_type_hints(operation.run, include_extras=True)
    _, *names = inspect.signature(operation.run).parameters
    return {name: TypeAdapter(hints[name]) for name in names}


def written(operation: Operation[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, as values of JSON.

    Args:
        operation: What is called.
        args: The positional arguments, without the transaction.
        kwargs: The arguments by name.

    Raises:
        InvalidInput: An item of a batch was refused already, and has no arguments to serialize.
    """
    kinds = parameters(operation)
    named = dict(zip(kinds, args, strict=False)) | dict(kwargs)
    require_accepted(operation, named.get(operation.batch or "", ()))
    return {
        name: kinds[name].dump_python(value, mode="json", exclude_unset=True, warnings=False)
        for name, value in named.items()
    }


def read(operation: Operation[..., Any], call: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a serialized call, by name.

    Raises:
        InvalidInput: They are not valid in this version; it names the fields that are unknown or missing.
    """
    kinds = parameters(operation)
    unknown = [FieldError(path_of([name]), "is not taken any more", code="unknown") for name in call.keys() - kinds]
    required = [
        FieldError(name, "is required", code="required")
        for name, parameter in inspect.signature(operation.run).parameters.items()
        if name in kinds.keys() - call.keys() and parameter.default is parameter.empty
    ]
    if unknown or required:
        raise InvalidInput(errors=[*unknown, *required])
    arguments: dict[str, Any] = {}
    for name, value in call.items():
        try:
            arguments[name] = kinds[name].validate_python(value, context=CALLED)
        except ValidationError as error:
            refused = field_errors(error.errors(include_url=False, include_input=False), whole=name)
            raise InvalidInput(errors=[_within(name, one) for one in refused]) from None
    require_accepted(operation, arguments.get(operation.batch or "", ()))
    return arguments


def require_accepted(operation: Operation[..., Any], items: Sequence[Any]) -> None:
    """Refuse a batch as a whole if an item of it is refused.

    Args:
        operation: The operation, with the name of what it takes.
        items: Its items or its results, with a refusal in the place of each that is refused.

    Raises:
        InvalidInput: With what is wrong with each.
    """
    refused = {f"{operation.batch}.{n}": item for n, item in enumerate(items) if isinstance(item, TodoError)}
    if refused:
        raise InvalidInput(
            f"{len(refused)} of {len(items)} items cannot be done, so nothing was proposed: correct or leave them out.",
            errors=[error for place, item in refused.items() for error in _errors_of(place, item)],
        )


def _errors_of(place: str, item: TodoError) -> list[FieldError]:
    """Return what is wrong with an item, with its place in the request."""
    if item.errors:
        return [_within(place, error) for error in item.errors]
    return [FieldError(place, item.detail, code="not_possible")]


def _within(place: str, error: FieldError) -> FieldError:
    """Return an error of a part under its path in the whole."""
    path = place if error.field in (place, "item", "body") else f"{place}.{error.field}"
    return FieldError(path, error.message, error.allowed, error.code)
