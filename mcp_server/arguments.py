"""Arguments of a tool: strict, and a schema that costs a model few tokens.

The SDK drops unknown arguments, takes "5" for 5, and sends pydantic's texts, which echo the input,
to the model. Here an unknown argument is an error that lists the known ones, types are exact, and
a null means "not given", since many clients fill every optional argument with it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any

import orjson
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model

from todo_core.validation import refuse

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Field(description="Repeat a call with the same key and it happens once."),
]
"""The argument of every tool that writes."""


class Arguments(FuncMetadata):
    """What a tool takes, in place of the SDK's lenient metadata."""

    unpack: str | None = None
    """The parameter whose fields are the tool's arguments, if it takes them as one shape."""

    @cached_property
    def _lists(self) -> frozenset[str]:
        """The arguments that are lists."""
        properties = self.schema_for_models()["properties"]
        return frozenset(name for name, schema in properties.items() if schema.get("type") == "array")

    @classmethod
    def strict(cls, lenient: FuncMetadata, answer: dict[str, Any]) -> Arguments:
        """Make them from what the SDK read off the function, and the schema of its answer."""
        fields = lenient.arg_model.model_fields
        (first, *others) = fields or ("",)
        shape = fields[first].annotation if fields else None
        if not others and isinstance(shape, type) and issubclass(shape, BaseModel):
            model = create_model(shape.__name__, __base__=(shape, ArgModelBase))
            return cls(arg_model=model, unpack=first, output_schema=answer)
        lenient.arg_model.model_config = ConfigDict(extra="forbid", strict=True)
        lenient.arg_model.model_rebuild(force=True)
        return cls(arg_model=lenient.arg_model, output_schema=answer)

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
        if self.unpack is not None:
            return {self.unpack: model}
        return model.model_dump_one_level()

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
