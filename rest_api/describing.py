"""Describe the declared routes to FastAPI as the contract has them: their answers, refusals, headers and files.

Only who makes the contract needs it (`rest_api.contract`): a server sends the committed one, and keeps nothing of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from fastapi.routing import APIRoute

from rest_api import headers
from rest_api.declaring import Declaration
from rest_api.refusals import problems
from rest_api.responses import FeedRead, PageRead
from rest_api.running import takes_body
from todo_core.boundary.operation import Operation
from todo_core.errors import (
    AgentBlocked,
    ConfirmationRequired,
    Conflict,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidInput,
    NotForAgents,
    OutsideMandate,
    RequestInProgress,
    Suspended,
    TodoError,
    TooManyProposals,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

BEARER: Final = "bearer"
"""The security scheme of all routes."""
EVERY_REFUSAL: Final = (
    *(
        Unauthenticated,
        InsufficientScope,
        Suspended,
        AgentBlocked,
        OutsideMandate,
        InvalidInput,
        TooManyRequests,
        Unavailable,
    ),
)
EVERY_WRITE_REFUSAL: Final = (Conflict, RequestInProgress, IdempotencyKeyReused)

_FILE_PROBLEMS: Final = ("body_too_large", "content_coding_not_supported", "unsupported_media_type")
_BODY_PROBLEMS: Final = ("malformed_json", "body_too_large", "content_coding_not_supported", "unsupported_media_type")


def described(declarations: Iterable[Declaration], prefix: str) -> list[APIRoute]:
    """Return routes below a prefix with all that OpenAPI has of them; they are not for requests."""
    return [_described(declaration, prefix) for declaration in declarations]


def _described(declared: Declaration, prefix: str) -> APIRoute:
    operations, status, shape = declared.operations, declared.status, declared.shape
    is_proposable = any(operation.effect == "changes" and operation.proposable for operation in operations)
    refusals = _refusals(operations, by_item=declared.by_item) | ({TooManyProposals} if is_proposable else set())
    codes = {refusal.code for refusal in refusals}
    codes |= {"not_acceptable"} if shape is not None or declared.stream is not None else set()
    codes |= {*_BODY_PROBLEMS} if takes_body(declared.path, declared.handler) else set()
    codes |= {*_FILE_PROBLEMS} if declared.takes else set()
    responses = _successes(declared.method, shape, (status, *declared.also), is_kept=declared.stream is None)
    if is_proposable:
        responses[HTTPStatus.ACCEPTED.value] = _proposed(shape)
    responses |= problems(codes, declared.method)
    if declared.is_file:
        responses[status]["headers"] |= headers.of_file()
    if declared.other_types:
        _offer(responses, status, declared.other_types, as_json=shape is not None)
    (scope,) = {operation.scope for operation in operations}
    extra: dict[str, Any] = {"security": [{BEARER: [scope] if scope else []}]}
    if declared.takes:
        extra["requestBody"] = _file_body(declared.takes)
    return APIRoute(
        prefix + declared.path,
        declared.handler,
        **declared.basics(),
        response_model=shape,
        responses=responses,
        summary=declared.summary,
        description=f"{declared.words or operations[0].words}\n\nScope: {f'`{scope}`' if scope else 'any'}.",
        openapi_extra=extra,
        tags=[declared.tag],
    )


def _refusals(served: Sequence[Operation[..., Any]], *, by_item: bool) -> set[type[TodoError]]:
    """Return what a request is refused with that runs one of some operations.

    Args:
        served: The operations.
        by_item: Whether the answer carries what they refuse themselves, item by item.
    """
    own = set() if by_item else {refusal for operation in served for refusal in operation.raises}
    refusals: set[type[TodoError]] = {*EVERY_REFUSAL} | own - {ConfirmationRequired}
    if not any(operation.scope for operation in served):
        refusals -= {InsufficientScope}
    if not any(operation.for_agents for operation in served):
        refusals -= {OutsideMandate}
    writing = [operation for operation in served if operation.effect == "changes"]
    if writing:
        refusals |= {*EVERY_WRITE_REFUSAL}
    if any(not operation.for_agents for operation in writing):
        refusals |= {NotForAgents}
    return refusals


def _proposed(shape: Any) -> dict[str, Any]:
    """Return the response of a write that was kept as a proposal: with the body of the success, if that has one."""
    return {
        "description": "It waits for the person's approval. The body is that of a dry run.",
        "headers": headers.of_proposal(shape),
    } | ({} if shape is None else {"model": shape})


def _offer(
    responses: dict[int | str, dict[str, Any]], status: int, other_types: Mapping[str, str], *, as_json: bool
) -> None:
    """Add the media types besides JSON to the response of a success, and all of them to that of a refused `Accept`.

    Args:
        responses: The responses of a route by status, which are changed.
        status: That of the success.
        other_types: Media types, each with what it shows.
        as_json: Whether a success may be JSON, too.
    """
    responses[status]["content"] = {
        kind: {"schema": {"type": "string", "description": text}} for kind, text in other_types.items()
    }
    offered = " or ".join([*(["JSON"] if as_json else []), *other_types])
    responses[406]["description"] = f"`not_acceptable`: The answer would be {offered}."


def _file_body(takes: Mapping[str, str]) -> dict[str, Any]:
    """Return the request body of a route that takes a file, in OpenAPI's form.

    Args:
        takes: Media types of the file, each with what it has.
    """
    return {"required": True, "content": {kind: {"schema": _file(kind, text)} for kind, text in takes.items()}}


def _file(kind: str, text: str) -> dict[str, Any]:
    """Return the schema of a file as the body, or as the only part of a form."""
    file = {"type": "string", "format": "binary", "description": text}
    if kind != "multipart/form-data":
        return file
    return {"type": "object", "properties": {"file": file}, "required": ["file"], "description": text}


def _successes(method: str, shape: Any, statuses: Sequence[int], *, is_kept: bool) -> dict[int | str, dict[str, Any]]:
    """Return the responses of a success: with a body at each of `statuses`, and without where the client has it.

    Args:
        method: The HTTP method.
        shape: The body; None has none in JSON.
        statuses: The statuses of a success.
        is_kept: Whether a client can keep the answer, and ask whether it is still so.
    """
    is_page = isinstance(shape, type) and issubclass(shape, PageRead | FeedRead)
    is_asked_again = method == "GET" and is_kept
    bodies = dict.fromkeys(statuses, shape) | ({HTTPStatus.NOT_MODIFIED.value: None} if is_asked_again else {})
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "headers": headers.of_success(method, status, body, is_page=is_page, is_kept=is_kept),
        }
        | ({} if body is None else {"model": body})
        for status, body in bodies.items()
    }
