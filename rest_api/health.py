"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from rest_api.problems import MEDIA_TYPE
from todo_core.core import Core
from todo_core.models.fields import Output

routes = APIRouter(tags=["health"])


class Health(Output):
    """It works."""

    status: Annotated[Literal["ok"], Field(description="Always ok; anything else is an error status.")]


_UNAVAILABLE = {
    503: {
        "description": "`unavailable`: The database cannot be reached right now.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@routes.get("/healthz", response_model=Health, summary="Whether the process lives", operation_id="healthz")
async def healthz() -> Response:
    """Answers without touching anything else."""
    return Response('{"status":"ok"}', media_type="application/json")


@routes.get(
    "/readyz",
    response_model=Health,
    responses=_UNAVAILABLE,  # type: ignore[arg-type]
    summary="Whether requests can be served",
    operation_id="readyz",
)
async def readyz(request: Request) -> Response:
    """Asks the database, as a request would, and whether it is at the newest migration."""
    core: Core = request.app.state.core
    await core.ready()
    return Response('{"status":"ok"}', media_type="application/json")
