"""A route is found without trying all, and it is the one that Starlette's router finds."""

from __future__ import annotations

import re
from copy import copy
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.faces import ADDRESS
from todo_app.application import build
from todo_app.routing import Routes
from todo_core.settings import Settings

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")


async def _found(app: ASGIApp, method: str, path: str, root: str = "") -> Any:
    """Where a request ends: the route with its parameters, or the refusal."""
    scope: dict[str, Any] = {"type": "http", "method": method, "path": root + path, "root_path": root, "app": None}
    try:
        await app(scope, None, None)  # type: ignore[arg-type]  # nothing is read or sent
    except HTTPException as refused:
        return refused.status_code, (refused.headers or {}).get("Allow")
    return scope["ends"], scope.get("path_params"), scope.get("route")


def _ending(name: str) -> ASGIApp:
    async def app(scope: Scope, _: Receive, __: Send) -> None:
        scope["ends"] = name

    return app


@pytest.fixture(scope="module")
def routes(settings: Settings, database_url: str) -> list[Route]:
    """Those of the application, each of which only tells its address."""
    found = []
    for route in build(settings, database_url, ADDRESS).routes:
        if isinstance(route, Route):
            found.append(copy(route))
            found[-1].app = _ending(route.path)
    return found


async def test_each_address_has_the_route_that_trying_all_would_find(routes: list[Route]) -> None:
    ours = Routes(routes, default=_ending("nowhere"))
    theirs = Router(routes, redirect_slashes=False, default=_ending("nowhere"))
    paths = {route.path_format for route in routes}
    paths |= {re.sub(r"\{\w+\}", value, path) for path in paths for value in ("7", "batch", "undo", "")}
    paths |= {f"{path}/" for path in paths} | {"/", "", "//", "/api/v1", "/api/v1/todos/7/complete/more"}

    for path in sorted(paths):
        for method in METHODS:
            for root in ("", "/behind"):
                mine = await _found(ours, method, path, root)
                assert mine == await _found(theirs, method, path, root), (method, path)


async def test_few_routes_are_tried(routes: list[Route], monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    look = Route.matches

    def counted(route: Route, scope: Scope) -> Any:
        tried.append(route.path)
        return look(route, scope)

    monkeypatch.setattr(Route, "matches", counted)
    ours = Routes(routes, default=_ending("nowhere"))
    for method, path in (("GET", "/api/v1/todos/7"), ("GET", "/api/v1/overview"), ("POST", "/mcp")):
        tried.clear()
        await _found(ours, method, path)
        assert 1 <= len(tried) <= 3, tried


def test_a_route_without_an_outline_is_refused() -> None:
    for path in ("/files/{path:path}", "/api/v1/{kind}/all"):
        with pytest.raises(TypeError, match="outline"):
            Routes([Route(path, lambda _: Response())], default=_ending("nowhere"))
