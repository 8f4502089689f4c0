"""Serve calendar addresses: to whoever knows one, without a token (`specs/domain/calendar.md`)."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from http_edge.entity_tags import matches, of_bytes
from http_edge.exchange import Exchange
from todo_core.rules import calendars

PATH = "/calendar/{secret}.ics"


async def calendar(request: Request) -> Response:
    """Answer with what is at a calendar address."""
    client = request.scope.get("client")
    exchange = Exchange.of(request.scope)
    exchange.began(calendars.NAME)
    content = await calendars.read(request.app.state.core, request.path_params["secret"], client[0] if client else None)
    exchange.is_known = True
    headers = {"ETag": of_bytes(content), "Content-Disposition": 'inline; filename="todos.ics"'}
    if matches(", ".join(request.headers.getlist("if-none-match")), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="text/calendar; charset=utf-8")


def serve(app: FastAPI) -> None:
    """Add the addresses to `app`. They are in no contract: programs get each whole, and make none."""
    app.add_api_route(PATH, calendar, methods=["GET"], include_in_schema=False)
