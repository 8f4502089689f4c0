"""Insight: streaks, a summary, the report of a week."""

from __future__ import annotations

from typing import Annotated, Final

import orjson
from fastapi import Query, Request, Response

from http_edge.negotiation import preferred
from rest_api import pictures, responses
from rest_api.caller import Me
from rest_api.declaring import Routes
from todo_core.models.analytics import Streaks, Summary, WeeklyReport, WeekQuery
from todo_core.operations import analytics

routes = Routes("/analytics", "analytics")

_FORMATS: Final = {responses.JSON: "json", pictures.SVG: "svg"}


@routes.expose(analytics.streaks, "GET", "/streaks", shape=Streaks, summary="Days in a row")
async def get_streaks(me: Me) -> Response:
    return Response((await me.perform(analytics.streaks)).json, media_type=responses.JSON)


@routes.expose(analytics.summary, "GET", "/summary", shape=Summary, summary="What waits and what was done lately")
async def get_summary(me: Me) -> Response:
    return Response((await me.perform(analytics.summary)).json, media_type=responses.JSON)


@routes.expose(
    analytics.weekly_report,
    "GET",
    "/weekly-report",
    shape=WeeklyReport,
    summary="A week against the one before",
    other_types={pictures.SVG: "The week as a picture, for light and dark pages."},
)
async def get_weekly_report(me: Me, query: Annotated[WeekQuery, Query()], request: Request) -> Response:
    report = await me.perform(analytics.weekly_report, query.week)
    accept = [value for name, value in request.scope["headers"] if name == b"accept"]
    if (query.format or _FORMATS[preferred(accept, list(_FORMATS))]) == "svg":
        return Response(pictures.weekly_report(orjson.loads(report.json)), media_type=pictures.SVG)
    return Response(report.json, media_type=responses.JSON)
