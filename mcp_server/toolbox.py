"""Declare a tool: everything about it that follows from its operation follows here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mcp_types import CallToolResult, ToolAnnotations
from mcp_types import Tool as ListedTool

from mcp_server import arguments
from mcp_server.arguments import Arguments, shared_by
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import Operation

Handler = Callable[..., Awaitable[CallToolResult]]

EXPOSED: Final[dict[str, str]] = {}
"""The tool of each operation, by the operation's name; the parity test reads it."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: how it is listed, what it takes, and the handler that answers."""

    listed: ListedTool
    operations: Sequence[Operation[..., Any]]
    """The operations that it runs; all need the same scope."""
    arguments: Arguments
    handler: Handler

    async def call(self, caller: Caller, given: dict[str, Any]) -> CallToolResult:
        """Call the handler; the shared arguments reach it as a part of its caller.

        Raises:
            InvalidInput: With each refused argument.
            TodoError: Whatever the operation raises.
        """
        if self._writes:
            caller, given = arguments.with_reason(caller, given)
        shared, own = self.arguments.read(given)
        return await self.handler(shared.on_behalf_of(caller), **own)

    def is_for(self, caller: Caller) -> bool:
        """Return whether the token and the mandate of a caller allow some use of the tool; else it is not listed.

        A call would be refused all the same. But a model calls the tools that it is shown, and when one is refused it
        tries others for the same purpose.
        """
        return any(caller.could(operation) for operation in self.operations)

    def listed_for(self, caller: Caller) -> ListedTool:
        """Return the tool as it is listed for a caller: for one that proposes, with the argument `reason`."""
        if not (caller.proposes and self._writes):
            return self.listed
        return self.listed.model_copy(update={"input_schema": arguments.and_reason(self.listed.input_schema)})

    @property
    def _writes(self) -> bool:
        return self.operations[0].effect == "changes"


class Toolbox:
    """Tools of one feature."""

    def __init__(self) -> None:
        self.tools: list[Tool] = []

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
            words: The description, where it is not that of the first operation; line breaks are blanks.
        """
        served = [operations] if isinstance(operations, Operation) else operations
        first = served[0]

        def declare(handler: Handler) -> Handler:
            taken = Arguments(handler, shared_by(first))
            listed = ListedTool(
                name=handler.__name__,
                title=title,
                description=" ".join((words or first.words).split()),
                input_schema=taken.schema,
                output_schema=answer,
                annotations=ToolAnnotations(
                    title=title,
                    read_only_hint=first.effect == "reads",
                    destructive_hint=any(operation.destructive for operation in served),
                    idempotent_hint=all(operation.idempotent for operation in served),
                    open_world_hint=False,
                ),
            )
            self.tools.append(Tool(listed, served, taken, handler))
            EXPOSED.update((operation.name, listed.name) for operation in served)
            return handler

        return declare
