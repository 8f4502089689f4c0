"""The FastAPI application over a core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any, Final

from fastapi import FastAPI

from rest_api import calendar, documents, health, refusals
from rest_api.routes import (
    accounts,
    agents,
    analytics,
    calendars,
    changes,
    events,
    exports,
    imports,
    lists,
    notes,
    overview,
    proposals,
    reviews,
    search,
    tags,
    todos,
    tokens,
    users,
)
from rest_api.running import DirectRoute
from todo_core import __version__
from todo_core.loading.modules import absent

FEATURES: Final = (
    *(
        todos,
        notes,
        lists,
        tags,
        search,
        changes,
        proposals,
        reviews,
        events,
        overview,
        analytics,
        users,
        exports,
        imports,
        tokens,
        agents,
        calendars,
        accounts,
    ),
)

PREFIX: Final = "/api/v1"
"""What the addresses of all features begin with."""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class RestApi(FastAPI):
    """FastAPI, with the contract that our routes make."""

    features: Sequence[ModuleType] = ()
    """Those whose routes it has."""

    def openapi(self) -> dict[str, Any]:
        """Return the contract that the routes make."""
        if self.openapi_schema is None:
            # Here, for a server sends the committed one: shapes of answers, examples and headers take memory.
            from rest_api.contract import document
            from rest_api.describing import described

            own = [route for feature in self.features for route in described(feature.routes.declared, PREFIX)]
            others = [route for route in self.routes if not isinstance(route, DirectRoute)]
            self.openapi_schema = document(self, [*own, *others])
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
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # `rest_api.documents` has it: FastAPI would serialize it anew at each request
        # Our routes run past FastAPI's own spans; asking at every request whether to make one is for nothing.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    refusals.install(app)
    app.features = FEATURES if with_features else ()
    with absent("pydantic.v1"):  # FastAPI would load it all to find that no parameter is one of its models
        for feature in app.features:
            feature.routes.serve(app, PREFIX)
        if with_features:
            calendar.serve(app)
        documents.serve(app, is_whole=with_features)
        health.serve(app)
    return app
