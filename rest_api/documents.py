"""Serve the contract, and a page to read and try it on, whose files all come from the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request, Response

from http_edge.documents import Document

CONTRACT: Final = "/api/v1/openapi.json"
DOCS: Final = "/docs"

_IN_A_WHEEL: Final = Path(__file__).with_name("openapi.json")
_IN_THE_REPOSITORY: Final = Path(__file__).parents[1] / "specs" / "api" / "openapi.json"

_SWAGGER_UI: Final = files("fastapi_swagger").joinpath("resources")
"""Swagger UI, as `swagger-ui-dist` of npm has it; nothing else of this package is used (decision 29)."""
_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
"""Media types of what the page needs of it."""
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>todo-mcp</title>
<link rel="icon" href="docs/favicon-32x32.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START: Final = """SwaggerUIBundle({
  url: "api/v1/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  validatorUrl: null, // else the document's address is sent to validator.swagger.io
});
"""


@cache  # a process is served below one prefix
def committed(prefix: str = "") -> Document:
    """Return the contract as `specs/api/` has it, which tests hold to the routes.

    To make it of them takes a second of each worker's start, and 27 MB that it would keep: every shape is built for it.

    Args:
        prefix: Below which the server is reached (`root_path`).
    """
    file = _IN_A_WHEEL if _IN_A_WHEEL.is_file() else _IN_THE_REPOSITORY
    text = file.read_bytes()
    # As it stands, in lines: a process keeps much of what it takes to read it.
    return _below(prefix, orjson.loads(text)) if prefix else Document(text, "application/json")


def _below(prefix: str, contract: dict[str, Any]) -> Document:
    servers = [{**server, "url": prefix or server["url"]} for server in contract["servers"]]
    return Document(orjson.dumps({**contract, "servers": servers}), "application/json")


def serve(app: FastAPI, *, is_whole: bool) -> None:
    """Add the contract and the page to an application.

    Args:
        app: The application.
        is_whole: Whether it has all routes of the contract; else that is made of those which it has.
    """
    made = committed if is_whole else cache(lambda prefix: _below(prefix, app.openapi()))

    async def answer(request: Request) -> Response:
        return await made(request.scope.get("root_path", "")).answer(request)

    app.add_route(CONTRACT, answer, include_in_schema=False)
    for path, document in _page().items():
        app.add_route(path, document.answer, include_in_schema=False)


@cache  # to compress them takes a tenth of a second
def _page() -> dict[str, Document]:
    """Return the page and what it loads, by their paths."""
    page = {
        DOCS: Document(_PAGE.encode(), "text/html"),
        f"{DOCS}/start.js": Document(_START.encode(), "text/javascript"),
    }
    parts = {f"{DOCS}/{name}": Document(_SWAGGER_UI.joinpath(name).read_bytes(), kind) for name, kind in _FILES.items()}
    return page | parts
