"""Completion of what a person types into a resource's address (MC6)."""

from __future__ import annotations

import orjson
from mcp_types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from pydantic import ValidationError

from mcp_server.caller import CALLER
from mcp_server.prompts import PROMPTS
from mcp_server.refusals import as_rpc_errors
from mcp_server.resources import KINDS, SUGGESTED, marked
from todo_core.errors import FieldProblem, InvalidInput

_SEARCHABLE = {kind.uri: kind for kind in KINDS if kind.search is not None}
_NOTHING = Completion(values=[], total=0, has_more=False)


async def complete(
    ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, _: CompletionContext | None
) -> Completion:
    """Ids of what the caller has, by title.

    Raises:
        MCPError: There is no such prompt or template, or the caller may not read there.
    """
    with as_rpc_errors("completion/complete"):
        if isinstance(ref, PromptReference):
            if ref.name not in PROMPTS:
                raise InvalidInput(problems=[FieldProblem("ref.name", "is not a known prompt", [*PROMPTS])])
            return _NOTHING
        kind = _SEARCHABLE.get(ref.uri)
        if kind is None or kind.search is None:
            raise InvalidInput(problems=[FieldProblem("ref.uri", "is not a known template", [*_SEARCHABLE])])
        if argument.name != "id":
            raise InvalidInput(problems=[FieldProblem("argument.name", "is not in the template", ["id"])])
        try:
            page = await kind.search(CALLER.get(), argument.value.strip())
        except ValidationError:  # too long or not storable: nothing has it in its title
            return _NOTHING
        values = [marked(row, kind.label) for row in orjson.loads(page.json)[:SUGGESTED]]
        return Completion(values=values, total=page.total, has_more=page.total > len(values))
