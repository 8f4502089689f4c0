"""How a tool is declared: everything about it that follows from the operation follows here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from mcp_server.arguments import Arguments
from todo_core.operation import Operation

Handler = Callable[..., Awaitable[CallToolResult]]

EXPOSED: Final[dict[str, str]] = {}
"""The tool of each operation, by the operation's name; the parity test reads it."""


class Toolbox:
    """Tools of one feature."""

    def __init__(self) -> None:
        self.tools: list[tuple[Tool, Operation[..., Any]]] = []

    def expose(
        self, operation: Operation[..., Any], *, title: str, answer: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        """Declare a tool for an operation.

        Args:
            operation: What it does; its docstring becomes the description, its effect the hints.
            title: What people see.
            answer: JSON schema of the structured content.
        """

        def declare(handler: Handler) -> Handler:
            tool = Tool.from_function(
                handler,
                title=title,
                description=" ".join(operation.words.split()),
                annotations=ToolAnnotations(
                    title=title,
                    read_only_hint=operation.effect == "reads",
                    destructive_hint=operation.destructive,
                    idempotent_hint=operation.idempotent,
                    open_world_hint=False,
                ),
                structured_output=False,
            )
            arguments = Arguments.strict(tool.fn_metadata, answer)
            strict = tool.model_copy(update={"fn_metadata": arguments, "parameters": arguments.schema_for_models()})
            self.tools.append((strict, operation))
            EXPOSED[operation.name] = tool.name
            return handler

        return declare
