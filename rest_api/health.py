"""Serve the health checks: whether the process lives, and whether it can serve requests."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Request, Response
from pydantic import Field

from http_edge.problems import MEDIA_TYPE
from todo_core.core import Core
from todo_core.errors import Unavailable
from todo_core.models.fields import Output


class Health(Output):
    """It works."""

    status: Annotated[Literal["ok"], Field(description="Always ok; anything else is an error status.")]


PATHS: Final = frozenset({"/healthz", "/readyz"})
"""What whoever watches the service asks, by whatever name and however often."""
_UNAVAILABLE: Final = {
    503: {
        "description": "`unavailable`: The database cannot be reached right now.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


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
    shared: dict[str, Any] = {"response_model": Health, "tags": ["health"]}
    app.add_api_route("/healthz", healthz, summary="Whether the process lives", operation_id="healthz", **shared)
    app.add_api_route(
        "/readyz",
        readyz,
        summary="Whether requests can be served",
        operation_id="readyz",
        responses=_UNAVAILABLE,  # type: ignore[arg-type]
        **shared,
    )
