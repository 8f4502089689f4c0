"""Read the arguments of a tool: strictly, by a schema that costs a model few tokens.

An unknown argument is an error that lists the known ones, also where it is null; but for a few that programs add by
themselves. A null under a known name means "not
given". Types are exact, but for other spellings of the same value (`mcp_server.spelling`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, StringConstraints, ValidationError, WithJsonSchema, create_model

from mcp_server.spelling import Nulls, Spelling
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation
from todo_core.errors import MOST_LISTED, ConfirmationRequired
from todo_core.models.fields import STRICT
from todo_core.models.proposals import MAX_REASON, Reason
from todo_core.validation import refuse, refuse_crowd

_LARGEST: Final = 2**53
"""Bounds from here on are in no schema: JavaScript rounds them (RFC 8259 §6). They hold all the same."""
_FAR: Final = 2**31 - 1
"""Bounds from here on are enforced and not advertised: nobody meets them."""
_OF_CLIENTS: Final = frozenset(
    {"task_progress", "toolCallId", "sessionId", "chatInput", "wait_for_previous", "random_string"}
)
"""What programs put beside the arguments that a model chose, so that it cannot leave them out when they are refused:
Cline (https://github.com/cline/cline/issues/10426), n8n (https://github.com/n8n-io/n8n/issues/21500,
https://github.com/n8n-io/n8n/issues/37308), Gemini CLI (https://github.com/google-gemini/gemini-cli/issues/27403), and
Cursor, for a tool without required arguments. So is any name that begins with `_`: `_meta` of ruby-mcp-client,
`_auth_auth_type` of mcpproxy (https://github.com/smart-mcp-proxy/mcpproxy-go/issues/322)."""
_OF_N8N: Final = frozenset({"toolCallId", "sessionId", "chatInput"})
_BESIDE_THESE: Final = frozenset({"action", "tool"})
"""What n8n sends, too (https://github.com/sansan0/TrendRadar/issues/768). A model may mean something by such a name: it
is refused, where nothing else says that it is n8n's."""
_UNSAID: Final = ("additionalProperties", "title")
"""What no schema says: google-genai ≥ 1.74 fails on the first
(https://github.com/googleapis/python-genai/issues/2393), and nobody needs the second."""
_GOES_WITHOUT_SAYING: Final = (("minLength", 1), ("maxLength", 100), ("default", False))
"""What is enforced and not advertised: 330 tokens. Dates in words are shorter than 100, and names tell it in words."""


class Shared(BaseModel):
    """What a tool takes besides the arguments of its handler; a reading tool takes nothing."""

    model_config = STRICT

    def on_behalf_of(self, caller: Caller) -> Caller:
        """Return the caller, calling as these arguments say."""
        return caller


_NOTHING_SHARED: Final = Shared()


class Writing(Shared):
    """What every writing tool takes."""

    idempotency_key: Annotated[
        Annotated[
            str,
            StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$"),
            WithJsonSchema({"type": "string"}),  # the whole would be told ten times
        ]
        | None,
        Field(description="Sent twice, it happens once."),
    ] = None
    dry_run: Annotated[bool, Field(description="Only a trial.")] = False

    def on_behalf_of(self, caller: Caller) -> Caller:
        return caller.once(self.idempotency_key, dry_run=self.dry_run)


class Confirming(Writing):
    """What a writing tool takes that may need a person's word first (MC8)."""

    confirm: Annotated[bool, Field(description="Agreed with your person (over 10).")] = False
    count: Annotated[
        Annotated[int, Field(ge=1, le=2**31 - 1)] | None, Field(description="With confirm: count as told.")
    ] = None

    def on_behalf_of(self, caller: Caller) -> Caller:
        caller = replace(super().on_behalf_of(caller), confirmed=self.confirm)
        if not self.confirm:
            return caller
        return replace(caller, confirmed_count=self.count, confirmed_by=caller.confirmed_by or "by the agent")


_REASON: Final = create_model("Proposing", __config__=STRICT, reason=(Reason | None, None))
"""What writing tools take besides from an agent that proposes."""


def with_reason(caller: Caller, given: dict[str, Any]) -> tuple[Caller, dict[str, Any]]:
    """Return a caller that proposes with the reason that it gives, and the other arguments of its call.

    Raises:
        InvalidInput: The reason is no text, or too long.
    """
    if "reason" not in given:
        return caller, given
    given = {**given}
    try:
        reason = _REASON.model_validate({"reason": given.pop("reason")}).reason  # type: ignore[attr-defined]  # pydantic makes the field
    except ValidationError as error:
        raise refuse(error, _REASON) from None
    return replace(caller, reason=reason), given


def and_reason(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a tool's arguments with the reason that an agent can give."""
    reason = {"type": "string", "maxLength": MAX_REASON, "description": "Why, for the person who approves it."}
    return schema | {"properties": schema["properties"] | {"reason": reason}}


def shared_by(operation: Operation[..., Any]) -> type[Shared]:
    """Return what tools for an operation like this one take."""
    if operation.effect == "reads":
        return Shared
    return Confirming if ConfirmationRequired in operation.raises else Writing


class Arguments:
    """What a tool takes: the parameters of its handler after the first, which is the caller, and the shared ones.

    A handler whose only parameter is a model takes the model's fields as arguments. A parameter of type `Nulls` gets
    which fields were null.
    """

    def __init__(self, handler: Callable[..., Any], shared: type[Shared] = Shared) -> None:
        """Read a handler's signature.

        Args:
            handler: The handler.
            shared: What the tool takes besides.
        """
        _, *parameters = inspect.signature(handler, eval_str=True).parameters.values()
        self._tells_nulls = next((one.name for one in parameters if one.annotation == Nulls), None)
        parameters = [one for one in parameters if one.name != self._tells_nulls]
        shape = _only_shape(parameters)
        self._unpack = parameters[0].name if shape is not None else None
        self._own = shape or create_model(handler.__name__, **_fields(parameters))
        bases: tuple[type[BaseModel], ...] = (shared, self._own)
        self._is_alone = shape is not None and not shared.model_fields
        """Whether the model that the handler takes is all that the tool does."""
        self._all: type[Any] = self._own if self._is_alone else create_model(self._own.__name__, __base__=bases)
        self.enforced = self._schema()
        """The JSON schema: flat, nothing that repeats. It does not say that it is closed, which it is."""
        self.schema: dict[str, Any] = _short(self.enforced)
        """The same as it is advertised, without what tells a model nothing (decision 50)."""

    def read(self, given: dict[str, Any]) -> tuple[Shared, dict[str, Any]]:
        """Return the shared arguments, and those of the handler by its parameters.

        Raises:
            InvalidInput: With each refused argument.
        """
        given = self._chosen(given)
        refuse_crowd(given, self._all)
        try:
            spelling = Spelling()
            model = self._all.model_validate(spelling.read(given, self.schema))
        except ValidationError as error:
            raise refuse(error, self._all) from None
        if self._unpack is not None and self._is_alone:
            return _NOTHING_SHARED, {self._unpack: model}
        own = {name: getattr(model, name) for name in self._own.model_fields}
        if self._unpack is not None:  # an operation must not see the shared ones as a part of its request
            own = {self._unpack: self._own.model_construct(model.model_fields_set & own.keys(), **own)}
        return model, own if self._tells_nulls is None else own | {self._tells_nulls: spelling.nulls}

    def _chosen(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments without those that programs add by themselves; what the tool knows stays."""
        others = given.keys() - self._all.model_fields.keys()
        if len(others) > MOST_LISTED:  # programs add a few
            return given
        added = {name for name in others if name in _OF_CLIENTS or name.startswith("_")}
        if not _OF_N8N.isdisjoint(added):
            added |= others & _BESIDE_THESE
        return {name: value for name, value in given.items() if name not in added} if added else given

    def _schema(self) -> dict[str, Any]:
        schema = self._all.model_json_schema()
        slim: dict[str, Any] = _slim(schema, schema.pop("$defs", {}))
        slim.pop("description", None)
        return slim


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


def _slim(schema: Any, definitions: dict[str, Any]) -> Any:
    """Drop what is not said and null alternatives, and put definitions where they are used."""
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
        elif name not in _UNSAID and (name, item) != ("default", None) and (name != "maximum" or item < _LARGEST):
            slim[name] = _slim(item, definitions)
    return slim


def _short(schema: Any) -> Any:
    """Drop what goes without saying, bounds that nobody meets, patterns, and descriptions of each of several texts.

    What a pattern holds is said in words; a name in a list is described where it stands alone.
    """
    if isinstance(schema, list):
        return [_short(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    said = {name: item for name, item in schema.items() if (name, item) not in _GOES_WITHOUT_SAYING}
    if isinstance(said.get("pattern"), str):
        del said["pattern"]
    if said.get("type") == "array" and said["items"].get("type") == "string":
        said["items"] = {name: item for name, item in said["items"].items() if name != "description"}
    return {name: _short(item) for name, item in said.items() if name != "maximum" or item < _FAR}
