"""What the conformance suite of MCP calls, beside our own tools, prompts and resources, on our stack.

Most of its scenarios want tools, prompts and resources of fixed names that do just what a scenario is about. These are
those of the SDK's own server for the suite (`examples/servers/everything-server`), but for what a server without
sessions has not: log levels, subscriptions of the older generation, streams that are resumed.
"""

# ruff: noqa: N803, N815, PT028  # tools of the SDK, with names of the suite: none of them is a test
from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Annotated, Any, Final

from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer, RequestStateSecurity
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CompleteResult,
    Completion,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

from mcp_server.server import TodoServer

PICTURE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SOUND: Final = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
fixtures: Final = MCPServer(
    "fixtures", request_state_security=RequestStateSecurity(keys=[b"a key of the suite's fixtures, for its tests"])
)
tool = fixtures.tool()
Asked = str | InputRequiredResult


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _resource(uri: str, text: str, media_type: str = "text/plain") -> EmbeddedResource:
    contents = TextResourceContents(uri=uri, mime_type=media_type, text=text)
    return EmbeddedResource(type="resource", resource=contents)


def _picture() -> ImageContent:
    return ImageContent(type="image", data=PICTURE, mime_type="image/png")


@tool
def test_simple_text() -> str:
    """A text."""
    return "This is a simple text response for testing."


@tool
def test_image_content() -> list[ImageContent]:
    """A picture."""
    return [_picture()]


@tool
def test_audio_content() -> list[AudioContent]:
    """A sound."""
    return [AudioContent(type="audio", data=SOUND, mime_type="audio/wav")]


@tool
def test_embedded_resource() -> list[EmbeddedResource]:
    """A resource in the answer."""
    return [_resource("test://embedded-resource", "This is an embedded resource content.")]


@tool
def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    """A text, a picture and a resource."""
    resource = _resource("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return [_text("Multiple content types test:"), _picture(), resource]


@tool
async def test_tool_with_logging(ctx: Context) -> str:
    """Writes to the log of the client."""
    for word in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.info(word)
    return "Tool with logging executed successfully"


@tool
async def test_tool_with_progress(ctx: Context) -> str:
    """Tells how far it is."""
    for progress in (0, 50, 100):
        await ctx.report_progress(progress=progress, total=100, message=f"Completed step {progress} of 100")
    return "done"


@tool
async def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the client's model."""
    answer = await ctx.session.create_message(
        messages=[SamplingMessage(role="user", content=_text(prompt))],
        max_tokens=100,
        related_request_id=ctx.request_id,
    )
    return f"LLM response: {getattr(answer.content, 'text', 'No response')}"


async def _elicited(ctx: Context, message: str, schema: type[BaseModel], words: str) -> str:
    answer = await ctx.elicit(message=message, schema=schema)
    content = answer.data.model_dump_json() if answer.action == "accept" else "{}"
    return f"{words}: action={answer.action}, content={content}"


class Response(BaseModel):
    """A form of one field."""

    response: str = Field(description="User's response")


@tool
async def test_elicitation(message: str, ctx: Context) -> str:
    """Shows a form."""
    return await _elicited(ctx, message, Response, "User response")


class Defaults(BaseModel):
    """A form with a default of each kind (SEP-1034)."""

    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: str = Field("active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = True


@tool
async def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Shows a form with defaults."""
    return await _elicited(ctx, "Please provide user information", Defaults, "Elicitation result")


def _titled(**titles: str) -> list[Any]:
    return [{"const": value, "title": title} for value, title in titles.items()]


class Choices(BaseModel):
    """A form with every kind of choice (SEP-1330)."""

    untitledSingle: str = Field(json_schema_extra={"enum": ["active", "inactive", "pending"]})
    titledSingle: str = Field(
        json_schema_extra={"oneOf": _titled(low="Low Priority", medium="Medium Priority", high="High Priority")}
    )
    untitledMulti: list[str] = Field(
        json_schema_extra={"items": {"type": "string", "enum": ["read", "write", "execute"]}}
    )
    titledMulti: list[str] = Field(
        json_schema_extra={"items": {"anyOf": _titled(feature="New Feature", bug="Bug Fix", docs="Documentation")}}
    )
    legacyEnum: str = Field(
        json_schema_extra={
            "enum": ["small", "medium", "large"],
            "enumNames": ["Small Size", "Medium Size", "Large Size"],
        }
    )


@tool
async def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Shows a form with choices."""
    return await _elicited(ctx, "Please select values", Choices, "Elicitation completed")


@tool
def test_error_handling() -> str:
    """Fails."""
    raise RuntimeError("This tool intentionally returns an error for testing")


Region = Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]


@tool
def test_x_mcp_header(region: Region = "<none>") -> str:
    """Takes an argument that is in a header, too (SEP-2243)."""
    return f"region={region}"


@tool
async def test_missing_capability(ctx: Context) -> str:
    """Wants a client with a model."""
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        raise MCPError(
            code=MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool requires the client 'sampling' capability",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return "Client declared sampling capability; proceeding."


def _form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _name_form(message: str = "What is your name?") -> ElicitRequest:
    return _form(message, "name")


def _question(text: str) -> CreateMessageRequest:
    messages = [SamplingMessage(role="user", content=_text(text))]
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=messages, max_tokens=100))


def _filled(answer: object, field: str) -> str:
    """Return what is in a field of a form that came back."""
    return str(answer.content.get(field)) if isinstance(answer, ElicitResult) and answer.content else "?"


@tool
async def test_input_required_result_elicitation(ctx: Context) -> Asked:
    """Needs a form (SEP-2322)."""
    if (answers := ctx.input_responses) and "user_name" in answers:
        return f"Hello, {_filled(answers['user_name'], 'name')}!"
    return InputRequiredResult(input_requests={"user_name": _name_form()})


@tool
async def test_input_required_result_sampling(ctx: Context) -> Asked:
    """Needs the client's model."""
    if (answers := ctx.input_responses) and "capital_question" in answers:
        answer = answers["capital_question"]
        is_text = isinstance(answer, CreateMessageResult) and isinstance(answer.content, TextContent)
        return f"Model said: {answer.content.text if is_text else '?'}"  # type: ignore[union-attr]
    return InputRequiredResult(input_requests={"capital_question": _question("What is the capital of France?")})


@tool
async def test_input_required_result_list_roots(ctx: Context) -> Asked:
    """Needs the client's folders."""
    if (answers := ctx.input_responses) and "client_roots" in answers:
        answer = answers["client_roots"]
        return f"Client exposed {len(answer.roots) if isinstance(answer, ListRootsResult) else 0} root(s)."
    return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})


@tool
async def test_input_required_result_request_state(ctx: Context) -> Asked:
    """Gets its state back."""
    if (answers := ctx.input_responses) and "confirm" in answers and ctx.request_state == "request-state-nonce":
        return "state-ok: confirmation received"
    form = _form("Please confirm", "ok", "boolean")
    return InputRequiredResult(input_requests={"confirm": form}, request_state="request-state-nonce")


@tool
async def test_input_required_result_multiple_inputs(ctx: Context) -> Asked:
    """Needs three things at once."""
    needed: dict[str, InputRequest] = {
        "user_name": _name_form(),
        "greeting": _question("Generate a greeting"),
        "client_roots": ListRootsRequest(),
    }
    if (answers := ctx.input_responses) and needed.keys() <= answers.keys():
        return "All inputs received."
    return InputRequiredResult(input_requests=needed, request_state="multiple-inputs")


@tool
async def test_input_required_result_multi_round(ctx: Context) -> Asked:
    """Needs one thing after another, with another state each time."""
    state = json.loads(ctx.request_state) if ctx.request_state else {"round": 0}
    answers = ctx.input_responses or {}
    if state["round"] == 1 and "step1" in answers:
        further = json.dumps({"round": 2, "name": _filled(answers["step1"], "name")})
        form = _form("Step 2: What is your favorite color?", "color")
        return InputRequiredResult(input_requests={"step2": form}, request_state=further)
    if state["round"] == 2 and "step2" in answers:
        return f"{state['name']} likes {_filled(answers['step2'], 'color')}."
    form = _name_form("Step 1: What is your name?")
    return InputRequiredResult(input_requests={"step1": form}, request_state=json.dumps({"round": 1}))


@tool
async def test_input_required_result_tampered_state(ctx: Context) -> Asked:
    """Gets its state back, or nothing: another is refused before."""
    if ctx.request_state is not None:
        return f"state-ok: {ctx.request_state}"
    return InputRequiredResult(
        input_requests={"confirm": _form("Please confirm", "ok", "boolean")}, request_state="round-1"
    )


@tool
async def test_input_required_result_capabilities(ctx: Context) -> InputRequiredResult:
    """Asks for what the client can do."""
    capabilities = ctx.client_capabilities
    requests: dict[str, InputRequest] = {}
    if capabilities is None or capabilities.sampling is not None:
        requests["sample"] = _question("Say hello")
    if capabilities is None or capabilities.elicitation is not None:
        requests["ask"] = _name_form()
    return InputRequiredResult(input_requests=requests, request_state="capability-gated")


KEYWORDS: Final[dict[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}
"""A schema with the keywords of JSON Schema 2020-12 (SEP-1613)."""


@tool
def json_schema_2020_12_tool() -> str:
    """Has a schema with many keywords."""
    return "json_schema_2020_12_tool"


fixtures._tool_manager._tools["json_schema_2020_12_tool"].parameters = KEYWORDS  # there is no other way


@fixtures.resource("test://static-text")
def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


@fixtures.resource("test://static-binary")
def static_binary() -> bytes:
    """A picture."""
    return base64.b64decode(PICTURE)


@fixtures.resource("test://template/{id}/data")
def template(id: str) -> str:  # noqa: A002  # the suite's word
    """What is at an address with an id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


@fixtures.resource("test://watched-resource")
def watched() -> str:
    """What could be watched."""
    return "Watched resource content"


@fixtures.prompt()
def test_simple_prompt() -> list[UserMessage]:
    """A prompt."""
    return [UserMessage(role="user", content=_text("This is a simple prompt for testing."))]


@fixtures.prompt()
def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
    """A prompt with arguments."""
    return [UserMessage(role="user", content=_text(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"))]


@fixtures.prompt()
def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:
    """A prompt with a resource."""
    resource = _resource(resourceUri, "Embedded resource content for testing.")
    words = _text("Please process the embedded resource above.")
    return [UserMessage(role="user", content=resource), UserMessage(role="user", content=words)]


@fixtures.prompt()
def test_prompt_with_image() -> list[UserMessage]:
    """A prompt with a picture."""
    words = _text("Please analyze the image above.")
    return [UserMessage(role="user", content=_picture()), UserMessage(role="user", content=words)]


@fixtures.prompt()
async def test_input_required_result_prompt(ctx: Context) -> list[UserMessage] | InputRequiredResult:
    """A prompt that needs a form."""
    if (answers := ctx.input_responses) and "user_context" in answers:
        words = f"Use the following context: {_filled(answers['user_context'], 'context')}"
        return [UserMessage(role="user", content=_text(words))]
    form = _form("What context should the prompt use?", "context")
    return InputRequiredResult(input_requests={"user_context": form})


class ServerWithFixtures(TodoServer):
    """Our server, and what the suite wants."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        theirs = fixtures._lowlevel_server  # it has no other handlers to give
        names = {name for kind in (fixtures._tool_manager._tools, fixtures._prompt_manager._prompts) for name in kind}

        def is_theirs(params: Any) -> bool:
            named = getattr(params, "name", None) or getattr(getattr(params, "ref", None), "name", None)
            return named in names or str(getattr(params, "uri", "")).startswith("test://")

        for method in ("tools/call", "prompts/get", "resources/read", "completion/complete"):
            self._share(method, theirs, is_theirs)
        for method, rows in _LISTS.items():
            self._join(method, theirs, rows)
        self.middleware[:] = theirs.middleware[-1:]  # what gives out and takes back states, in place of who refuses all

    def _share(self, method: str, theirs: Any, is_theirs: Callable[[Any], bool]) -> None:
        """Let a request for something of theirs go there."""
        entry, other = self.get_request_handler(method), theirs.get_request_handler(method)
        assert entry is not None

        async def handler(ctx: Any, params: Any) -> Any:
            if not is_theirs(params):
                return await entry.handler(ctx, params)
            if other is None:
                return CompleteResult(completion=Completion(values=[], total=0, has_more=False))
            return await other.handler(ctx, params)

        self.add_request_handler(method, entry.params_type, handler)

    def _join(self, method: str, theirs: Any, rows: str) -> None:
        """List what both have."""
        entry, other = self.get_request_handler(method), theirs.get_request_handler(method)
        assert entry is not None

        async def handler(ctx: Any, params: Any) -> Any:
            ours, more = await entry.handler(ctx, params), await other.handler(ctx, params)
            return ours.model_copy(update={rows: [*getattr(ours, rows), *getattr(more, rows)]})

        self.add_request_handler(method, entry.params_type, handler)


_LISTS: Final = {
    "tools/list": "tools",
    "prompts/list": "prompts",
    "resources/list": "resources",
    "resources/templates/list": "resource_templates",
}
"""Methods that list, and the field of the rows."""
