"""The FastAPI application over a core."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rest_api import documents, health, refusals
from rest_api.refusals import Problem
from rest_api.responses import JSON
from rest_api.routes import accounts, analytics, changes, lists, notes, overview, search, tags, todos, tokens, users
from rest_api.running import MERGE_PATCH
from todo_core import __version__
from todo_core.models.fields import MAX_ID

FEATURES: Final = (todos, notes, lists, tags, search, changes, overview, analytics, users, tokens, accounts)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class RestApi(FastAPI):
    """FastAPI, with the contract that our routes make."""

    def openapi(self) -> dict[str, Any]:
        """Return the contract, with the shape of problems that the routes refer to."""
        if self.openapi_schema is None:
            schema = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=self.routes
            )
            template = "#/components/schemas/{model}"
            problem = Problem.model_json_schema(ref_template=template)
            schemas = schema["components"]["schemas"]
            schemas |= problem.pop("$defs", {}) | {"Problem": problem}
            schemas.pop("HTTPValidationError", None)
            schemas.pop("ValidationError", None)
            for path in schema["paths"].values():
                content = path.get("patch", {}).get("requestBody", {}).get("content", {})
                content |= {MERGE_PATCH: content[JSON]} if content else {}
            self.openapi_schema = _whole_numbers(schema)
        return self.openapi_schema


def create_app(lifespan: Lifespan | None = None, *, with_features: bool = True) -> RestApi:
    """Make the REST API. Whoever runs it puts a `Core` into `app.state.core` before the first request.

    Args:
        lifespan: Opens and closes what the application needs.
        with_features: False leaves only the health checks.
    """
    app = RestApi(
        title="todo-mcp",
        version=__version__,
        description="Todos over REST; AI agents work the same todos through MCP at `/mcp`.",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # `rest_api.documents` has it: FastAPI would serialize it anew at each request
        # Our routes run past FastAPI's own spans; asking at every request whether to make one is for nothing.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    refusals.install(app)
    for feature in FEATURES if with_features else ():
        feature.routes.serve(app, "/api/v1")
    documents.serve(app)
    health.serve(app)
    return app


def _whole_numbers(schema: Any) -> Any:
    """FastAPI makes floats of integer bounds; 2^63 - 1 is not one of them."""
    if isinstance(schema, dict):
        return {name: _whole_numbers(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_whole_numbers(value) for value in schema]
    if isinstance(schema, float) and schema.is_integer():
        return min(int(schema), MAX_ID)
    return schema
