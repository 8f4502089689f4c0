"""Declare a route: everything about it that follows from its operation follows here.

FastAPI reads the signature and writes the OpenAPI contract; `rest_api.running` runs the route.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Response

from rest_api import headers
from rest_api.contract import BEARER
from rest_api.refusals import problems
from rest_api.responses import FeedRead, PageRead
from rest_api.running import DirectRoute, takes_body
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

Handler = TypeVar("Handler", bound=Callable[..., Any])

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

EXPOSED: Final[dict[str, list[str]]] = {}
"""Routes of each operation, by its name; the parity test reads it."""

_FILE_PROBLEMS: Final = ("body_too_large", "content_coding_not_supported", "unsupported_media_type")
_BODY_PROBLEMS: Final = ("malformed_json", "body_too_large", "content_coding_not_supported", "unsupported_media_type")


class Routes:
    """Routes of one feature, to be served under a prefix."""

    def __init__(self, prefix: str, tag: str) -> None:
        self._prefix = prefix
        self._tag = tag
        self._declared: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []
        self._made: dict[str, list[DirectRoute]] = {}
        """The routes by prefix: they know nothing of an application, and take long to make."""

    def serve(self, app: FastAPI, prefix: str) -> None:
        """Add the routes to `app`, below `prefix`."""
        if prefix not in self._made:
            self._made[prefix] = [
                DirectRoute(prefix + path, handler, **options) for path, handler, options in self._declared
            ]
        app.router.routes += self._made[prefix]

    def expose(
        self,
        operations: Operation[..., Any] | Sequence[Operation[..., Any]],
        method: str,
        path: str,
        *,
        shape: Any,
        status: int = 200,
        summary: str,
        also: tuple[int, ...] = (),
        words: str = "",
        by_item: bool = False,
        other_types: Mapping[str, str] | None = None,
        is_file: bool = False,
        takes: Mapping[str, str] | None = None,
        stream: type[Response] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a route for an operation, or for several of which the body chooses one.

        Args:
            operations: What it does; the docstring and the refusals become the OpenAPI text. Nobody has to
                confirm anything here: that is for agents.
            method: The HTTP method.
            path: The path below the prefix.
            shape: The body of a success; None has no body.
            status: The status of a success.
            summary: The title of the route in OpenAPI, a few words.
            also: Further statuses of a success, with the same body.
            words: The OpenAPI text, where it is not that of the first operation.
            by_item: Whether the operations' own refusals come in the answer of a batch, one for each refused item,
                and not as the status of the whole.
            other_types: Media types that a success may have instead of JSON, each with what it shows.
            is_file: Whether a success is a download (`Content-Disposition` with a file name).
            takes: For a body that is a file, which the handler reads itself: its media types, each with what it has.
            stream: The response class of an endless success (server-sent events), for routes without a `shape`; its
                media type is in `other_types`.
        """
        served = [operations] if isinstance(operations, Operation) else operations
        is_proposable = any(operation.effect == "changes" and operation.proposable for operation in served)
        refusals = _refusals(served, by_item=by_item) | ({TooManyProposals} if is_proposable else set())
        for operation in served:
            EXPOSED.setdefault(operation.name, []).append(f"{method} {self._prefix}{path.replace(':member', '')}")

        def declare(handler: Handler) -> Handler:
            codes = {refusal.code for refusal in refusals}
            codes |= {"not_acceptable"} if shape is not None or stream is not None else set()
            codes |= {*_BODY_PROBLEMS} if takes_body(path, handler) else set()
            codes |= {*_FILE_PROBLEMS} if takes else set()
            responses = _successes(method, shape, (status, *also), is_kept=stream is None)
            if is_proposable:
                responses[HTTPStatus.ACCEPTED.value] = _proposed(shape)
            responses |= problems(codes, method)
            if is_file:
                responses[status]["headers"] |= headers.of_file()
            if other_types:
                _offer(responses, status, other_types, as_json=shape is not None)
            (scope,) = {operation.scope for operation in served}
            options = {
                "methods": [method],
                "response_model": shape,
                "status_code": status,
                "responses": responses,
                "summary": summary,
                "description": f"{words or served[0].words}\n\nScope: {f'`{scope}`' if scope else 'any'}.",
                "openapi_extra": {"security": [{BEARER: [scope] if scope else []}]},
                "operation_id": handler.__name__,
                "tags": [self._tag],
            }
            if takes:
                options["openapi_extra"]["requestBody"] = _file_body(takes)
            if stream is not None:
                options["response_class"] = stream
            self._declared.append((self._prefix + path, handler, options))
            return handler

        return declare


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
