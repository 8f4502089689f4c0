"""Insight: streaks, a summary, the report of a week."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import Query, Response

from rest_api import pictures, responses
from rest_api.caller import Me
from rest_api.declaring import Routes
from todo_core.models.analytics import Streaks, Summary, WeeklyReport, WeekQuery
from todo_core.operations import analytics

routes = Routes("/analytics", "analytics")


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
    pictures={pictures.SVG: "The week as a picture, for light and dark pages."},
)
async def get_weekly_report(me: Me, query: Annotated[WeekQuery, Query()]) -> Response:
    report = await me.perform(analytics.weekly_report, query.week)
    if query.format == "svg":
        return Response(pictures.weekly_report(orjson.loads(report.json)), media_type=pictures.SVG)
    return Response(report.json, media_type=responses.JSON)
