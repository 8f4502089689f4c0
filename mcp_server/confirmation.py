"""Ask a person to agree before many todos go to the trash (MC8), for every tool in one place.

A tool's operation raises `ConfirmationRequired` before anything is committed. Whether the person can be asked depends
on the protocol and the connection. In 2026-07-28 the answer to the call is the question, and the client calls again
with the person's answer. In 2025-11-25 the server asks while the call waits; only stdio can carry that, because a
stateless POST has no way back. Other clients get the error, and call again with `confirm`.

The question's only state is the number of todos, in its key. So any process can take the answer, and an answer for
another number does not count. A client that forges an answer gains nothing: it could send `confirm: true`. This guards
against accidents.
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

from mcp_server import tool_results
from mcp_server.caller import Context
from todo_core.errors import ConfirmationRequired

_FORM: Final[dict[str, Any]] = {"type": "object", "properties": {}}
"""A form without fields: to accept it is to agree."""


async def ask(
    required: ConfirmationRequired, context: Context, responses: InputResponses | None
) -> CallToolResult | InputRequiredResult | None:
    """Ask the person, or take the answer that came with the call.

    Args:
        required: The refusal of the operation, with the number of todos.
        context: The call.
        responses: The answers that came with the call, by the keys of the questions.

    Returns:
        None if the person agreed. Else the result of the call: the question, or the refusal.
    """
    if not _shows_forms(context):
        return tool_results.refusal(required)
    message = f"Move {required.count} todos to the trash? They can be restored from there."
    if required.recent:
        message += f" {required.recent} went there in the last minutes."
    if context.protocol_version in MODERN_PROTOCOL_VERSIONS:
        key = f"trash_{required.count}"
        if responses is None or key not in responses:
            question = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=_FORM))
            return InputRequiredResult(input_requests={key: question})
        return _unless_agreed(responses[key], required)
    try:
        answer = await context.session.elicit_form(message, _FORM, context.request_id)
    except (MCPError, ValidationError):  # the connection has no way back, or the client's answer is no answer to a form
        return tool_results.refusal(required)
    return _unless_agreed(answer, required)


def _shows_forms(context: Context) -> bool:
    """Return whether the client shows forms. One that names no mode does (2025-11-25, Elicitation, Capabilities)."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _unless_agreed(answer: object, required: ConfirmationRequired) -> CallToolResult | None:
    """Return None if the answer is to accept; else the result that says that the person declined, or nobody answered.

    Some clients cancel by themselves and show the form to nobody, as Claude Code does where nobody sits before it.
    """
    action = answer.action if isinstance(answer, ElicitResult) else "decline"
    if action == "cancel":
        unanswered = "Nobody answered the question; nothing was changed."
        return tool_results.refusal(ConfirmationRequired(required.count, required.recent, unanswered))
    return None if action == "accept" else tool_results.declined()
