"""The review of what agents did."""

from __future__ import annotations

from fastapi import Response

from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from todo_core.models.reviews import ReviewMark, ReviewRead
from todo_core.operations import reviews

routes = Routes("/review", "review")


@routes.expose(reviews.get, "GET", "", shape=ReviewRead, summary="Review what agents did")
async def get_review(me: Me) -> Response:
    return Response((await me.perform(reviews.get)).json, media_type=responses.JSON)


@routes.expose(reviews.mark, "POST", "", shape=ReviewRead, summary="Note what is reviewed")
async def mark_review(me: MeOnce, reviewed: ReviewMark) -> Response:
    return responses.written(await me.perform(reviews.mark, reviewed.through), tag=False)
