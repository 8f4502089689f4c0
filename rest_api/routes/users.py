"""The user's own profile."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response

from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from todo_core.models.users import Capabilities, ProfilePatch, ProfileRead, ProfileWritten
from todo_core.operations import users

routes = Routes("/users", "users")


@routes.expose(users.get, "GET", "/me", shape=ProfileRead, summary="Read your profile")
async def get_profile(me: Me) -> Response:
    return responses.row((await me.perform(users.get)).json)


@routes.expose(users.capabilities, "GET", "/me/capabilities", shape=Capabilities, summary="Read what your token may do")
async def get_capabilities(me: Me) -> Response:
    return Response((await me.perform(users.capabilities)).json, media_type=responses.JSON)


@routes.expose(users.update, "PATCH", "/me", shape=ProfileWritten, summary="Change your profile")
async def update_profile(
    me: MeOnce,
    patch: Annotated[
        ProfilePatch,
        Body(
            description="A JSON Merge Patch (RFC 7396): null clears the name or the default list.",
            media_type="application/json",
        ),
    ],
    if_match: IfMatch = None,
) -> Response:
    return responses.written(await me.perform(users.update, patch, versions(if_match)))
