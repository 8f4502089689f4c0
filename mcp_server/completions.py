"""Complete the id that a person types into a resource's address (MC6)."""

from __future__ import annotations

import orjson
from mcp_types import Completion, CompletionArgument, PromptReference, ResourceTemplateReference
from pydantic import TypeAdapter, ValidationError

from mcp_server.prompts import PROMPTS
from mcp_server.resources import KINDS, SUGGESTED, labelled_id
from todo_core.boundary.caller import Caller
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.todos import SearchText

_SEARCHABLE = {kind.uri: kind for kind in KINDS if kind.search is not None}
_NOTHING = Completion(values=[], total=0, has_more=False)
_TYPED: TypeAdapter[str] = TypeAdapter(SearchText)


async def complete(
    caller: Caller, ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument
) -> Completion:
    """Return the ids of rows that match what was typed, with their words behind them; nothing for prompts.

    Args:
        caller: The person.
        ref: The prompt, or the template of addresses.
        argument: What to complete, and what was typed so far.

    Raises:
        InvalidInput: There is no such prompt, template or argument.
        TodoError: The caller may not read the rows.
    """
    if isinstance(ref, PromptReference):
        if ref.name not in PROMPTS:
            raise InvalidInput(errors=[FieldError("ref.name", "is not a known prompt", [*PROMPTS], "not_found")])
        return _NOTHING
    kind = _SEARCHABLE.get(ref.uri)
    if kind is None or kind.search is None:
        raise InvalidInput(errors=[FieldError("ref.uri", "is not a known template", [*_SEARCHABLE], "not_found")])
    if argument.name != "id":
        raise InvalidInput(errors=[FieldError("argument.name", "is not in the template", ["id"], "unknown")])
    typed = argument.value.strip()
    try:
        page = await kind.search(caller, _TYPED.validate_python(typed) if typed else "")
    except ValidationError:  # too long, or with characters that no title has
        return _NOTHING
    values = [labelled_id(row, kind.label) for row in orjson.loads(page.json)[:SUGGESTED]]
    return Completion(values=values, total=page.total, has_more=page.total > len(values))
