"""Serve the health checks: whether the process lives, and whether it can serve requests."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Request, Response
from pydantic import Field

from rest_api.headers import common
from rest_api.refusals import problems
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.models.fields import Output


class Health(Output):
    """It works."""

    status: Annotated[Literal["ok"], Field(description="Always ok; anything else is an error status.")]


_OK: Final[dict[int | str, dict[str, Any]]] = {200: {"description": "OK", "headers": common(is_counted=False)}}


async def healthz() -> Response:
    """Answers without touching anything else."""
    return Response('{"status":"ok"}', media_type="application/json")


async def readyz(request: Request) -> Response:
    """Asks whether requests would be served: by the database, and by the keys to check tokens with.

    The answer is a few seconds old at most. A process that has been told to end (`TODO_DRAIN`) is not ready.
    """
    if request.app.state.is_leaving:
        raise Unavailable
    core: Core = request.app.state.core
    await core.readiness.require()
    return Response('{"status":"ok"}', media_type="application/json")


def leave(app: FastAPI) -> None:
    """Answer from now on that requests cannot be served, for the process will end."""
    app.state.is_leaving = True


def serve(app: FastAPI) -> None:
    """Add the checks to `app`."""
    app.state.is_leaving = False
    shared: dict[str, Any] = {"response_model": Health, "tags": ["health"], "openapi_extra": {"security": []}}
    app.add_api_route(
        "/healthz",
        healthz,
        summary="Whether the process lives",
        operation_id="healthz",
        responses=_OK | problems(["headers_too_large"], "GET"),
        **shared,
    )
    app.add_api_route(
        "/readyz",
        readyz,
        summary="Whether requests can be served",
        operation_id="readyz",
        responses=_OK | problems(["headers_too_large", "unavailable"], "GET"),
        **shared,
    )
