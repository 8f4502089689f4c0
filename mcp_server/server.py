"""The MCP server: the SDK's, with our tools, strict arguments and errors that a model can act on."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, Final

import structlog
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, GetPromptResult, InputRequiredResult, Prompt, Resource, ResourceTemplate
from mcp_types import Tool as ListedTool
from pydantic import AnyUrl

from mcp_server import answers, completions, confirmation, prompts, refusals, resources
from mcp_server.caller import CALLER
from mcp_server.tools import analytics, changes, lists, overview, search, tags, todos, users
from todo_core.boundary.operation import Caller
from todo_core.errors import ConfirmationRequired, FieldProblem, InvalidInput, TodoError

FEATURES: Final = (todos, lists, tags, search, changes, overview, analytics, users)
INSTRUCTIONS: Final = files("mcp_server").joinpath("instructions.md").read_text(encoding="utf-8").strip()
_log = structlog.get_logger()


class TodoServer(MCPServer[Any]):
    """Every request of both protocol generations and transports goes through these methods."""

    def __init__(self, version: str) -> None:
        exposed = [pair for feature in FEATURES for pair in feature.tools.tools]
        super().__init__(
            name="todo-mcp",
            title="Todos",
            version=version,
            instructions=INSTRUCTIONS,
            tools=[tool for tool, _ in exposed],
            subscriptions=False,
            log_level="WARNING",
        )
        self._scopes = {tool.name: operation.scope for tool, operation in exposed}
        self.completion()(completions.complete)  # type: ignore[no-untyped-call]

    def _tool_input_schema(self, _: str) -> None:
        """No argument of ours comes in a header (`x-mcp-header`): the SDK need not look for one in every call."""

    async def list_tools(self) -> list[ListedTool]:
        """The tools that the caller's token allows (ID4), if the caller may act at all."""
        caller = await _checked("tools/list")
        return [tool for tool in await super().list_tools() if caller.may(self._scopes[tool.name])]

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Run a tool. A refusal becomes an `isError` result with code, field and next step (MC4)."""
        if name not in self._scopes:
            known = FieldProblem("name", "is not a known tool", sorted(self._scopes))
            return answers.refusal(InvalidInput("There is no such tool.", problems=[known]))
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            refused = error.__cause__
            if isinstance(refused, ConfirmationRequired) and context is not None:
                answer = await confirmation.ask(refused, context)
                return answer or await self.call_tool(name, {**arguments, "confirm": True}, context)
            refusals.note(refused)
            if isinstance(refused, TodoError):
                return answers.refusal(refused)
            _log.error("tool_crashed", tool=name, exc_info=refused)
            return answers.crash()

    async def list_prompts(self) -> list[Prompt]:
        """The prompts whose every step the caller's token allows."""
        caller = await _checked("prompts/list")
        return [prompt.listed() for prompt in prompts.PROMPTS.values() if prompt.is_for(caller)]

    async def get_prompt(
        self, name: str, arguments: dict[str, Any] | None = None, _: Context[Any, Any] | None = None
    ) -> GetPromptResult:
        """Write a prompt for the caller's day."""
        with refusals.as_rpc_errors("prompts/get"):
            return await prompts.write(CALLER.get(), name, arguments or {})

    async def list_resources(self) -> list[Resource]:
        """What the caller's token allows to read at an address of its own."""
        caller = await _checked("resources/list")
        return [kind.listed() for kind in resources.KINDS if not kind.is_template and kind.is_for(caller)]

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """What the caller's token allows to read at an address with an id."""
        caller = await _checked("resources/templates/list")
        return [kind.listed_template() for kind in resources.KINDS if kind.is_template and kind.is_for(caller)]

    async def read_resource(
        self, uri: AnyUrl | str, _: Context[Any, Any] | None = None
    ) -> Iterable[ReadResourceContents]:
        """Read what is at an address."""
        with refusals.as_rpc_errors("resources/read"):
            text = await resources.read(CALLER.get(), str(uri))
            return [ReadResourceContents(content=text, mime_type=resources.MEDIA_TYPE)]


async def _checked(asked: str) -> Caller:
    """The caller, who may act.

    Raises:
        MCPError: Or may not.
    """
    caller = CALLER.get()
    with refusals.as_rpc_errors(asked), refusals.noted():
        await caller.check()
    return caller
