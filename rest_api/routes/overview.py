"""The overview: the date, and counts of the user's todos."""

from __future__ import annotations

from fastapi import Response

from rest_api import responses
from rest_api.caller import Me
from rest_api.declaring import Routes
from todo_core.models.overview import Overview
from todo_core.operations import overview

routes = Routes("/overview", "overview")


@routes.expose(overview.get, "GET", "", shape=Overview, summary="Now, today, and how many todos wait")
async def get_overview(me: Me) -> Response:
    return responses.as_of((await me.perform(overview.get)).json, "now")
