"""Arguments of a tool: strict, and a schema that costs a model few tokens.

The SDK drops unknown arguments, takes "5" for 5, and sends pydantic's texts, which echo the input,
to the model. Here an unknown argument is an error that lists the known ones, types are exact, and
a null means "not given", since many clients fill every optional argument with it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Final

import orjson
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from pydantic import BaseModel, Field, StringConstraints, ValidationError, create_model

from todo_core.boundary.operation import Caller, Operation
from todo_core.errors import ConfirmationRequired
from todo_core.models.fields import STRICT
from todo_core.validation import refuse


class Shared(BaseModel):
    """What a tool takes besides the arguments of its handler; a reading tool takes nothing."""

    model_config = STRICT

    def on_behalf_of(self, caller: Caller) -> Caller:
        """The caller, calling as these arguments say."""
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
    """What tools for an operation like this one take."""
    if operation.effect == "reads":
        return Shared
    return Confirming if ConfirmationRequired in operation.raises else Writing


_GIVEN: Final = "\0given"
"""Where a call's shared arguments travel from their validation to the handler; no argument has such a name."""


class Arguments(FuncMetadata):
    """What a tool takes, in place of the SDK's lenient metadata."""

    own: type[BaseModel]
    """What is for the handler."""
    unpack: str | None = None
    """The handler's only parameter, if that takes all of it as one shape."""

    @cached_property
    def _lists(self) -> frozenset[str]:
        """The arguments that are lists."""
        properties = self.schema_for_models()["properties"]
        return frozenset(name for name, schema in properties.items() if schema.get("type") == "array")

    @classmethod
    def strict(cls, lenient: FuncMetadata, answer: dict[str, Any], shared: type[Shared] = Shared) -> Arguments:
        """Make them.

        Args:
            lenient: What the SDK read off the handler.
            answer: The schema of the tool's answer.
            shared: What the tool takes besides.
        """
        fields = lenient.arg_model.model_fields
        (first, *others) = fields or ("",)
        shape = fields[first].annotation if fields else None
        bases: tuple[Any, ...]
        if not others and isinstance(shape, type) and issubclass(shape, BaseModel):
            own, unpack, bases = shape, first, (shared, shape, ArgModelBase)
        else:
            own, unpack, bases = lenient.arg_model, None, (shared, lenient.arg_model)
        model = create_model(own.__name__, __base__=bases)
        return cls(arg_model=model, own=own, unpack=unpack, output_schema=answer)

    def validate_arguments(self, arguments_to_validate: dict[str, Any]) -> dict[str, Any]:
        """Check the arguments.

        Raises:
            InvalidInput: With each refused argument.
        """
        given = self._parse_lists(_without_nulls(arguments_to_validate))
        try:
            model = self.arg_model.model_validate(given)
        except ValidationError as error:
            raise refuse(error, self.arg_model) from None
        own = {name: getattr(model, name) for name in self.own.model_fields}
        if self.unpack is not None:  # an operation must not see the shared ones as a part of its request
            own = {self.unpack: self.own.model_construct(model.model_fields_set & own.keys(), **own)}
        return own | {_GIVEN: model}

    async def call_fn(
        self,
        fn: Callable[..., Any | Awaitable[Any]],
        fn_is_async: bool,
        arguments: dict[str, Any],
        arguments_to_pass_directly: dict[str, Any] | None = None,
    ) -> Any:
        """Call the handler; the shared arguments reach it as a part of its caller."""
        given: Shared = arguments[_GIVEN]
        own = {name: value for name, value in arguments.items() if name != _GIVEN}
        injected = {
            name: given.on_behalf_of(value) if isinstance(value, Caller) else value
            for name, value in (arguments_to_pass_directly or {}).items()
        }
        return await super().call_fn(fn, fn_is_async, own, injected)

    def schema_for_models(self) -> dict[str, Any]:
        """The JSON schema of the arguments: flat, closed, nothing that repeats."""
        schema = self.arg_model.model_json_schema()
        slim: dict[str, Any] = _slim(schema, schema.pop("$defs", {}))
        slim.pop("description", None)
        return {"additionalProperties": False, **slim}

    def _parse_lists(self, given: dict[str, Any]) -> dict[str, Any]:
        """Some clients send a list as the JSON text of it; no list argument takes a plain string."""
        return {
            name: _parsed(value) if isinstance(value, str) and name in self._lists else value
            for name, value in given.items()
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
