"""A person's word before much goes to the trash (MC8), for every tool in one place.

A tool that needs it raises `ConfirmationRequired`, before anything is committed. Who can be asked depends on
how the client is connected: in 2026-07-28 the answer to the call is the question and the client calls again;
in 2025-11-25 the server asks while the call waits, which only stdio can carry, for a stateless POST has no way
back. Everybody else gets the error, and calls again with `confirm`.

The question holds no state but the number of todos, in its key: any process can take the answer, and an answer
for another number counts for nothing. A client that forges it gains what `confirm: true` gives it anyway: this
guards against accidents.
"""

from __future__ import annotations

from typing import Any, Final

from mcp import MCPError
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    InputResponses,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from mcp_server import answers
from mcp_server.caller import Context
from todo_core.errors import ConfirmationRequired

_FORM: Final[dict[str, Any]] = {"type": "object", "properties": {}}
"""Nothing to fill in: to accept is to agree."""


async def ask(
    needed: ConfirmationRequired, context: Context, given: InputResponses | None
) -> CallToolResult | InputRequiredResult | None:
    """Ask the person, or take the answer that came with the call.

    Args:
        needed: What the tool wants to know.
        context: The call.
        given: The answers that came with it.

    Returns:
        None if the person agreed; else what answers the call: the question, or why nothing happened.
    """
    if not _shows_forms(context):
        return answers.refusal(needed)
    message = f"Move {needed.count} todos to the trash? They can be restored from there."
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        key = f"trash_{needed.count}"
        if given is None or key not in given:
            question = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=_FORM))
            return InputRequiredResult(input_requests={key: question})
        return _unless_agreed(given[key])
    try:
        answer = await context.session.elicit_form(message, _FORM, context.request_id)
    except (MCPError, ValidationError):  # there is no way back, or it promised forms and answered with nonsense
        return answers.refusal(needed)
    return _unless_agreed(answer)


def _shows_forms(context: Context) -> bool:
    """Tell whether the client shows forms; one that names no mode does (2025-11-25, Elicitation, Capabilities)."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _unless_agreed(answer: object) -> CallToolResult | None:
    agreed = isinstance(answer, ElicitResult) and answer.action == "accept"
    return None if agreed else answers.declined()
