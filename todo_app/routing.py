"""Find the route of a request without trying all of them in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Sequence
from typing import Final

from starlette.convertors import PathConvertor
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from http_edge.requests import path_below

Outline = tuple[str, int, str]
"""What a request and its route have in common: the method, how many segments the path has, and that which names the
collection (`todos` in `/api/v1/todos/7`)."""

_COLLECTION: Final = 3
"""The place of that segment."""


class Routes:
    """Routes, looked up by the outline of a request: of a hundred, one to five have the same.

    These are tried in their order, as Starlette's router would, which tries all. It is asked where none of them takes
    the request: it knows what to answer then.
    """

    def __init__(self, routes: Sequence[Route], default: ASGIApp) -> None:
        """Take routes.

        Args:
            routes: What is served, the first that matches first.
            default: Serves addresses that no route has.

        Raises:
            TypeError: A route takes paths of any length, or any first segments: it would have no outline.
        """
        self._router = Router(routes, redirect_slashes=False, default=default)
        self._routes: dict[Outline, list[Route]] = defaultdict(list)
        for route in routes:
            for method in route.methods or ():
                self._routes[_outline_of(route, method)].append(route)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve a request."""
        for route in self._routes.get(_outline(scope["method"], path_below(scope)), ()):
            match, found = Route.matches(route, scope)  # FastAPI's own adds what only its routers need
            if match is Match.FULL:
                scope["route"] = route
                scope.update(found)
                return route.app(scope, receive, send)
        return self._router(scope, receive, send)


def _outline(method: str, path: str) -> Outline:
    segments = path.split("/")
    return method, len(segments), segments[_COLLECTION] if len(segments) > _COLLECTION else ""


def _outline_of(route: Route, method: str) -> Outline:
    outline = _outline(method, route.path_format)
    if "{" in outline[2] or any(isinstance(one, PathConvertor) for one in route.param_convertors.values()):
        raise TypeError(f"{route.path} has no outline")
    return outline
