"""The MCP server: the SDK's, with our tools, strict arguments and errors that a model can act on."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

import structlog
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_REQUEST, CallToolResult, InputRequiredResult
from mcp_types import Tool as ListedTool

from mcp_server import answers
from mcp_server.caller import CALLER, REFUSALS
from mcp_server.tools import changes, overview, todos, users
from todo_core.errors import FieldProblem, InsufficientScope, InvalidInput, Suspended, TodoError, Unauthenticated

FEATURES: Final = (todos, changes, overview, users)
INSTRUCTIONS: Final = files("mcp_server").joinpath("instructions.md").read_text(encoding="utf-8").strip()
_log = structlog.get_logger()


class TodoServer(MCPServer[Any]):
    """Every tool call of both protocol generations and transports goes through `call_tool`."""

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

    async def list_tools(self) -> list[ListedTool]:
        """The tools that the caller's token allows (ID4), if the caller may act at all."""
        caller = CALLER.get()
        try:
            await caller.check()
        except TodoError as error:
            REFUSALS.get([]).append(error)
            raise MCPError(INVALID_REQUEST, error.detail) from None
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
            if isinstance(error.__cause__, Unauthenticated | Suspended | InsufficientScope):
                REFUSALS.get([]).append(error.__cause__)
            if isinstance(error.__cause__, TodoError):
                return answers.refusal(error.__cause__)
            _log.error("tool_crashed", tool=name, exc_info=error.__cause__)
            return answers.crash()
