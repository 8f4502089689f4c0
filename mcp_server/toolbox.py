"""How a tool is declared: everything about it that follows from the operation follows here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, ToolAnnotations

from mcp_server.arguments import Arguments, shared_by
from todo_core.boundary.operation import Operation

Handler = Callable[..., Awaitable[CallToolResult]]

EXPOSED: Final[dict[str, str]] = {}
"""The tool of each operation, by the operation's name; the parity test reads it."""


class Toolbox:
    """Tools of one feature."""

    def __init__(self) -> None:
        self.tools: list[tuple[Tool, Operation[..., Any]]] = []

    def expose(
        self,
        operations: Operation[..., Any] | Sequence[Operation[..., Any]],
        *,
        title: str,
        answer: dict[str, Any],
        words: str = "",
    ) -> Callable[[Handler], Handler]:
        """Declare a tool for an operation, or for several of one scope of which an argument chooses.

        Args:
            operations: What it does; the docstring becomes the description, the effect the hints and the
                arguments that all tools like this one take.
            title: What people see.
            answer: JSON schema of the structured content.
            words: The description, where it is not that of the first operation.
        """
        served = [operations] if isinstance(operations, Operation) else operations
        first = served[0]

        def declare(handler: Handler) -> Handler:
            tool = Tool.from_function(
                handler,
                title=title,
                description=words or " ".join(first.words.split()),
                annotations=ToolAnnotations(
                    title=title,
                    read_only_hint=first.effect == "reads",
                    destructive_hint=any(operation.destructive for operation in served),
                    idempotent_hint=all(operation.idempotent for operation in served),
                    open_world_hint=False,
                ),
                structured_output=False,
            )
            arguments = Arguments.strict(tool.fn_metadata, answer, shared_by(first))
            strict = tool.model_copy(update={"fn_metadata": arguments, "parameters": arguments.schema_for_models()})
            self.tools.append((strict, first))
            EXPOSED.update((operation.name, tool.name) for operation in served)
            return handler

        return declare
