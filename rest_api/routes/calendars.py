"""Calendar addresses."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import Request, Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.calendar import PATH
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.models.calendars import CalendarCreate, CalendarCreated, CalendarId, CalendarRead
from todo_core.operations import calendars

routes = Routes("/calendars", "calendars")


class CalendarPage(PageRead[CalendarRead]):
    """A page of calendar addresses."""


@routes.expose(calendars.create, "POST", "", shape=CalendarCreated, status=201, summary="Make a calendar address")
async def create_calendar(me: MeOnce, calendar: CalendarCreate, request: Request) -> Response:
    made = await me.perform(calendars.create, calendar)
    address = None
    if made.secret is not None:
        base = me.core.settings.public_url or request.scope.get("root_path", "")
        address = base + PATH.format(secret=made.secret)
    headers = responses.change_headers(made) | {"Cache-Control": "no-store", "Location": "/api/v1/calendars"}
    return Response(orjson.dumps(made.one().as_dict() | {"address": address}), 201, headers, responses.JSON)


@routes.expose(calendars.list_, "GET", "", shape=CalendarPage, summary="List calendar addresses")
async def list_calendars(me: Me) -> Response:
    return responses.page(await me.perform(calendars.list_))


@routes.expose(
    calendars.revoke, "DELETE", "/{calendar_id}", shape=None, status=204, summary="Revoke a calendar address"
)
async def revoke_calendar(me: MeOnce, calendar_id: Annotated[CalendarId, BeforeValidator(digits)]) -> Response:
    return responses.gone(await me.perform(calendars.revoke, calendar_id))
