"""Errors as RFC 9457 problem details: one shape for every refusal, and never an echo of the input."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from http_edge import problems
from todo_core import validation
from todo_core.errors import InvalidInput, TodoError

_log = structlog.get_logger()


class Refused(BaseModel):
    """One field that was refused."""

    field: Annotated[str, Field(description="Where it is.")]
    message: Annotated[str, Field(description="Why it is refused.")]
    allowed: Annotated[list[str | int] | None, Field(description="What would be accepted.")] = None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(description="`about:blank`: `error_code` tells the kind.")]
    title: Annotated[str, Field(description="The HTTP status in words.")]
    status: Annotated[int, Field(description="The HTTP status.")]
    detail: Annotated[str, Field(description="What went wrong.")]
    error_code: Annotated[str, Field(description="A stable name of the kind of error.")]
    retryable: Annotated[bool, Field(description="Whether the same request may succeed later.")]
    next_step: Annotated[str | None, Field(description="What to do about it.")] = None
    errors: Annotated[list[Refused] | None, Field(description="Each refused field.")] = None


def respond(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """A problem as a response."""
    return Response(problems.as_json(problem), problem["status"], headers, problems.MEDIA_TYPE)


def problem_of(error: Exception) -> Response:
    """The response to a refusal: the core's, the validators', or the web framework's."""
    if isinstance(error, TodoError):
        return respond(problems.of_error(error), problems.headers_of(error))
    if isinstance(error, RequestValidationError):
        return problem_of(InvalidInput(problems=validation.problems(error.errors(), skip=1)))
    assert isinstance(error, HTTPException)
    return respond(problems.of_status(error.status_code), dict(error.headers or {}))


async def refuse(request: Request, error: Exception) -> Response:
    """The response to an error that a route, or the lack of one, raised."""
    response = problem_of(error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(_methods(request))
    return response


def _methods(request: Request) -> list[str]:
    """Every method of the address, whichever route has it (RFC 9110 §10.2.1)."""
    here = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in here for method in getattr(route, "methods", None) or ()})


async def crash(_: Request, error: Exception) -> Response:
    """The response to an error that is ours; the log has it."""
    _log.error("request_crashed", exc_info=error)
    return respond(
        problems.describe(
            500, "internal_error", "Something went wrong on our side.", next_step="Try later; the fault is logged."
        )
    )


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    for kind in (TodoError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, refuse)
    app.add_exception_handler(Exception, crash)
