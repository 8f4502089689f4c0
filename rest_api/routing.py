"""How a route is declared: everything about it that follows from the operation follows here."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final, TypeVar

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute

from rest_api.problems import MEDIA_TYPE
from todo_core.errors import (
    Conflict,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidInput,
    RequestInProgress,
    TodoError,
    Unauthenticated,
    Unavailable,
)
from todo_core.operation import Operation

Handler = TypeVar("Handler", bound=Callable[..., Any])

EVERY_REFUSAL: Final = (Unauthenticated, InsufficientScope, InvalidInput, Unavailable)
EVERY_WRITE_REFUSAL: Final = (Conflict, RequestInProgress, IdempotencyKeyReused)

EXPOSED: Final[dict[str, list[str]]] = {}
"""Routes of each operation, by its name; the parity test reads it."""


class _StrictRequest(Request):
    """Reads JSON as RFC 8259 has it: no NaN, no lone surrogates."""

    async def json(self) -> Any:
        try:
            return orjson.loads(await self.body())
        except orjson.JSONDecodeError as error:
            raise json.JSONDecodeError("malformed", "", error.pos) from None


class _StrictRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict


class Routes(APIRouter):
    """Routes of one feature."""

    def __init__(self, prefix: str, tag: str) -> None:
        super().__init__(prefix=prefix, tags=[tag], route_class=_StrictRoute, redirect_slashes=False)

    def expose(
        self,
        operation: Operation[..., Any],
        method: str,
        path: str,
        *,
        shape: Any,
        status: int = 200,
        summary: str,
        also: tuple[int, ...] = (),
    ) -> Callable[[Handler], Handler]:
        """Declare a route for an operation.

        Args:
            operation: What it does; its docstring and its refusals become the OpenAPI text.
            method: The HTTP method.
            path: The path below the prefix.
            shape: The body of a success; None has no body.
            status: The status of a success.
            summary: A few words for the list of routes.
            also: Further statuses without a body, such as 304.
        """
        refusals = {*EVERY_REFUSAL, *operation.raises}
        if operation.effect == "changes":
            refusals |= {*EVERY_WRITE_REFUSAL}
        responses: dict[int | str, dict[str, Any]] = {
            other: {"description": HTTPStatus(other).phrase} for other in also
        }
        responses |= _problems(refusals)
        if method in ("POST", "PUT", "PATCH"):
            responses[400] = _problem("The body is not valid JSON.")
            responses[413] = _problem("The body is larger than 256 KiB.")
        EXPOSED.setdefault(operation.name, []).append(f"{method} {self.prefix}{path}")

        def declare(handler: Handler) -> Handler:
            self.add_api_route(
                path,
                handler,
                methods=[method],
                response_model=shape,
                status_code=status,
                responses=responses,
                summary=summary,
                description=operation.words,
                operation_id=handler.__name__,
            )
            return handler

        return declare


def _problems(refusals: set[type[TodoError]]) -> dict[int | str, dict[str, Any]]:
    texts: dict[int, list[str]] = {}
    for refusal in sorted(refusals, key=lambda kind: kind.code):
        texts.setdefault(refusal.status, []).append(f"`{refusal.code}`: {refusal.message}")
    return {status: _problem(" ".join(lines)) for status, lines in sorted(texts.items())}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
