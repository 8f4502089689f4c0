"""Problem details in OpenAPI, and in FastAPI: one shape for every refusal, and never an echo of the input."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from http_edge import problems
from todo_core import validation
from todo_core.errors import InvalidInput, TodoError


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
    errors: Annotated[list[Refused] | None, Field(description="Each refused field, the first 20.")] = None
    more_errors: Annotated[int | None, Field(description="How many more fields are refused than are listed.")] = None


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestValidationError):
        error = InvalidInput(errors=validation.field_errors(error.errors(), skip=1))
    assert isinstance(error, TodoError | HTTPException)
    return problems.refuse(error, request.scope, request.app.routes)


async def _crash(_: Request, error: Exception) -> Response:
    return problems.crash(error)


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    for kind in (TodoError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refuse)
    app.add_exception_handler(Exception, _crash)
