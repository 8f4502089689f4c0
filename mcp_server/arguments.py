"""Read the arguments of a tool: strictly, by a schema that costs a model few tokens.

An unknown argument is an error that lists the known ones, types are exact, and a null means "not given", since many
clients fill every optional argument with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, Field, StringConstraints, ValidationError, create_model

from todo_core.boundary.operation import Caller, Operation
from todo_core.errors import ConfirmationRequired
from todo_core.models.fields import STRICT
from todo_core.validation import refuse, refuse_crowd


class Shared(BaseModel):
    """What a tool takes besides the arguments of its handler; a reading tool takes nothing."""

    model_config = STRICT

    def on_behalf_of(self, caller: Caller) -> Caller:
        """Return the caller, calling as these arguments say."""
        return caller


class Writing(Shared):
    """What every writing tool takes."""

    idempotency_key: Annotated[
        Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
        Field(description="Repeat a call with the same key and it happens once."),
    ] = None
    dry_run: Annotated[bool, Field(description="Only tell what would happen.")] = False

    def on_behalf_of(self, caller: Caller) -> Caller:
        return caller.once(self.idempotency_key, dry_run=self.dry_run)


class Confirming(Writing):
    """What a writing tool takes that may need a person's word first (MC8)."""

    confirm: Annotated[bool, Field(description="The person agreed to more than 10 at once.")] = False

    def on_behalf_of(self, caller: Caller) -> Caller:
        return replace(super().on_behalf_of(caller), confirmed=self.confirm)


def shared_by(operation: Operation[..., Any]) -> type[Shared]:
    """Return what tools for an operation like this one take."""
    if operation.effect == "reads":
        return Shared
    return Confirming if ConfirmationRequired in operation.raises else Writing


class Arguments:
    """What a tool takes: the parameters of its handler after the first, which is the caller, and the shared ones.

    A handler whose only parameter is a model takes the model's fields as arguments.
    """

    def __init__(self, handler: Callable[..., Any], shared: type[Shared] = Shared) -> None:
        """Read a handler's signature.

        Args:
            handler: The handler.
            shared: What the tool takes besides.
        """
        _, *parameters = inspect.signature(handler, eval_str=True).parameters.values()
        shape = _only_shape(parameters)
        self._unpack = parameters[0].name if shape is not None else None
        self._own = shape or create_model(handler.__name__, **_fields(parameters))
        bases: tuple[type[BaseModel], ...] = (shared, self._own)
        self._all: type[Any] = create_model(self._own.__name__, __base__=bases)
        self.schema = self._schema()
        """The JSON schema: flat, closed, nothing that repeats."""
        properties = self.schema["properties"]
        self._lists = {name for name, schema in properties.items() if schema.get("type") == "array"}

    def read(self, given: dict[str, Any]) -> tuple[Shared, dict[str, Any]]:
        """Return the shared arguments, and those of the handler by its parameters.

        Raises:
            InvalidInput: With each refused argument.
        """
        refuse_crowd(given, self._all)
        try:
            model = self._all.model_validate(self._parse_lists(_without_nulls(given)))
        except ValidationError as error:
            raise refuse(error, self._all) from None
        own = {name: getattr(model, name) for name in self._own.model_fields}
        if self._unpack is not None:  # an operation must not see the shared ones as a part of its request
            own = {self._unpack: self._own.model_construct(model.model_fields_set & own.keys(), **own)}
        return model, own

    def _schema(self) -> dict[str, Any]:
        schema = self._all.model_json_schema()
        slim: dict[str, Any] = _slim(schema, schema.pop("$defs", {}))
        slim.pop("description", None)
        return {"additionalProperties": False, **slim}

    def _parse_lists(self, given: dict[str, Any]) -> dict[str, Any]:
        """Take a list from the JSON text of it, as some clients send it; no list argument takes a plain string."""
        return {
            name: _parsed(value) if isinstance(value, str) and name in self._lists else value
            for name, value in given.items()
        }


def _only_shape(parameters: Sequence[inspect.Parameter]) -> type[BaseModel] | None:
    """Return the model that is all that a handler takes, if it takes one."""
    kind = parameters[0].annotation if len(parameters) == 1 else None
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _fields(parameters: Iterable[inspect.Parameter]) -> dict[str, Any]:
    """Return the fields of a model that has a handler's parameters."""
    return {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in parameters
    }


def _parsed(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _slim(schema: Any, definitions: dict[str, Any]) -> Any:
    """Drop generated titles and null alternatives, and put definitions where they are used."""
    if isinstance(schema, list):
        return [_slim(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return _slim({**target, **{name: item for name, item in schema.items() if name != "$ref"}}, definitions)
    alternatives = [item for item in schema.get("anyOf", []) if item != {"type": "null"}]
    if len(alternatives) == 1:
        rest = {name: item for name, item in schema.items() if name != "anyOf"}
        return _slim({**alternatives[0], **rest}, definitions)
    slim = {}
    for name, item in schema.items():
        if name == "properties":
            slim[name] = {field: _slim(kind, definitions) for field, kind in item.items()}
        elif not (name == "title" or (name == "default" and item is None)):
            slim[name] = _slim(item, definitions)
    return slim
