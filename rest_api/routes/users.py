"""The user's own profile."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Body, Query, Response

from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from todo_core.models.accounts import Leaving, LeavingQuery
from todo_core.models.users import Capabilities, ProfilePatch, ProfileRead, ProfileWritten
from todo_core.operations import users

routes = Routes("/users", "users")


@routes.expose(users.get, "GET", "/me", shape=ProfileRead, summary="Read your profile")
async def get_profile(me: Me) -> Response:
    return responses.row(await me.perform(users.get))


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


@routes.expose(
    [users.prepare_deletion, users.delete],
    "DELETE",
    "/me",
    shape=Leaving,
    summary="Delete your account for good",
    words="Delete your account with everything in it, in two steps: without `code` it tells what would go, with a code"
    " that is good for a minute; with that `code` the account is deleted. Nobody can undo it, and all that you are"
    " signed in with ends. With `TODO_DELETION_IS_FINAL` you are not let in again. Not for apps, nor for API tokens. An"
    " idempotency key has no effect: sent again, it is 401, or deletes what came since.",
)
async def delete_account_of_mine(me: MeOnce, query: Annotated[LeavingQuery, Query()]) -> Response:
    if query.code is None:
        return Response((await me.perform(users.prepare_deletion)).json, media_type=responses.JSON)
    # The key would go with the account.
    deleted = await replace(me, idempotency_key=None).perform(users.delete, query.code)
    return Response(deleted.one().json, media_type=responses.JSON)
