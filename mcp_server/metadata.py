"""Serve the metadata of the MCP endpoint, by which an OAuth client finds out where to get a token (RFC 9728)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcp_server.http import FIRST_SCOPES, PATH

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"

_ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*"}
_DOCUMENT: Final = _ANY_ORIGIN | {"Cache-Control": "max-age=3600"}
_PREFLIGHT: Final = _ANY_ORIGIN | {
    "Access-Control-Allow-Methods": "GET",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "86400",
}


def metadata_url(public_url: str) -> str:
    """Return where the MCP endpoint's metadata is: the well-known part goes between host and path (RFC 9728 §3.1)."""
    return public_url + WELL_KNOWN + PATH


def routes(resource: str, authorization_servers: Sequence[str]) -> list[Route]:
    """Make the routes of the metadata: at its path, and at the root for clients that only look there.

    Args:
        resource: The MCP endpoint's URL.
        authorization_servers: Issuers of tokens for it.
    """
    document = orjson.dumps(
        {
            "resource": resource,
            "authorization_servers": [*authorization_servers],
            "scopes_supported": [*FIRST_SCOPES],
            "bearer_methods_supported": ["header"],
            "resource_name": "todo-mcp",
        }
    )

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_PREFLIGHT)
        return Response(document, headers=_DOCUMENT, media_type="application/json")

    return [Route(WELL_KNOWN + path, answer, methods=["GET", "OPTIONS"]) for path in (PATH, "")]
