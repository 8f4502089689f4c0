"""The FastAPI application over a core."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware.cors import CORSMiddleware

from rest_api import health, problems
from rest_api.problems import Problem
from rest_api.routes import accounts, analytics, changes, lists, overview, search, tags, todos, tokens, users
from rest_api.running import DirectRoute
from todo_core import __version__
from todo_core.models.fields import MAX_ID
from todo_core.settings import Settings

FEATURES: Final = (todos, lists, tags, search, changes, overview, analytics, users, tokens, accounts)

_SENT: Final = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Request-Id", "Dry-Run"),
    *("Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name"),
)
"""Headers that a page of an allowed origin may send."""
_READ: Final = (
    *("ETag", "Location", "Change-Id", "Idempotent-Replayed", "Dry-Run", "Retry-After", "X-Request-Id"),
    *("RateLimit", "RateLimit-Policy", "WWW-Authenticate"),
)
"""Headers that it may read."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(settings: Settings, lifespan: Lifespan | None = None, *, with_features: bool = True) -> FastAPI:
    """The REST API. Whoever runs it puts a `Core` into `app.state.core` before the first request.

    Args:
        settings: Which origins browsers may call from.
        lifespan: Opens and closes what the application needs.
        with_features: False leaves only the health checks.
    """
    app = FastAPI(
        title="todo-mcp",
        version=__version__,
        description="Todos over REST; AI agents work the same todos through MCP at `/mcp`.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url="/api/v1/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        # Our routes run past FastAPI's own spans; asking at every request whether to make one is for nothing.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app)
    for feature in FEATURES if with_features else ():
        feature.routes.serve(app, "/api/v1")
    for feature in FEATURES if with_features else ():
        feature.routes.serve(app, "/api", in_schema=False)
    health.serve(app)
    # A router tries its routes one after the other: those that are in demand come first.
    app.router.routes.sort(key=lambda route: not isinstance(route, DirectRoute))
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=[*_SENT],
            expose_headers=[*_READ],
            # No cookie means anything here, so no browser need send one (`allow_credentials` stays off).
            max_age=600,
        )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """The contract, with the shape of problems that the routes refer to."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        template = "#/components/schemas/{model}"
        problem = Problem.model_json_schema(ref_template=template)
        schemas = schema["components"]["schemas"]
        schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        app.openapi_schema = _whole_numbers(schema)
    return app.openapi_schema


def _whole_numbers(schema: Any) -> Any:
    """FastAPI makes floats of integer bounds; 2^63 - 1 is not one of them."""
    if isinstance(schema, dict):
        return {name: _whole_numbers(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_whole_numbers(value) for value in schema]
    if isinstance(schema, float) and schema.is_integer():
        return min(int(schema), MAX_ID)
    return schema
