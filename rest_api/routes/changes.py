"""The record of changes, and undo."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response
from pydantic import BeforeValidator, Field

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.live import wait_for_change
from rest_api.responses import FeedRead, UndoneRead, UndoneSetRead
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.changes import ChangeFilter, ChangeId, ChangePart, ChangeRead, ChangeSet, EntryRows
from todo_core.operations import changes

routes = Routes("", "changes")

_NARROWING: Final = ("when", "made_after", "made_before", "client", "agent", "entity", "entity_id")
"""Filters with which nobody waits: each change would end the wait, and most would not be shown."""

PathId = Annotated[ChangeId, BeforeValidator(digits)]


class ChangeListing(ChangeFilter):
    """Which changes, and how much of them."""

    rows: EntryRows = True
    wait: Annotated[
        Annotated[int, Field(ge=0, le=30)],
        Field(
            description="With `since` and no other filter: seconds to wait for a change, if there is none yet. Then it"
            " counts as two."
        ),
    ] = 0


class ChangeFeed(FeedRead[ChangeRead]):
    """A page of changes."""


@routes.expose(changes.list_, "GET", "/changes", shape=ChangeFeed, summary="List changes")
async def list_changes(request: Request, me: Me, query: Annotated[ChangeListing, Query()]) -> Response:
    if query.wait:
        if query.since is None:
            raise InvalidInput(
                errors=[FieldError("wait", "goes with since; say after which change", code="conflicting")]
            )
        if narrowing := [name for name in _NARROWING if getattr(query, name) is not None]:
            message = f"waits for any change; leave out {narrowing[0]}, or wait"
            raise InvalidInput(errors=[FieldError("wait", message, code="conflicting")])
        since = await wait_for_change(request, me, query.since, query.wait)
        query = query.model_copy(update={"since": since})
    found = await me.perform(changes.list_, query, "rows" if query.rows else "titles")
    return responses.feed(found, way="before" if query.since is None else "since")


@routes.expose(changes.get, "GET", "/changes/{change_id}", shape=ChangeRead, summary="Read a change")
async def get_change(me: Me, change_id: PathId, query: Annotated[ChangePart, Query()]) -> Response:
    found = await me.perform(changes.get, change_id, query.after, "rows" if query.rows else "titles")
    return Response(found.json, media_type=responses.JSON)


@routes.expose(
    changes.undo,
    "POST",
    "/changes/{change_id}/undo",
    shape=UndoneRead,
    summary="Undo a change",
)
async def undo_change(me: MeOnce, change_id: PathId) -> Response:
    return responses.undone(await me.perform(changes.undo, change_id))


@routes.expose(changes.undo_several, "POST", "/undo", shape=UndoneSetRead, summary="Undo changes")
async def undo_changes(me: MeOnce, which: ChangeSet) -> Response:
    ids = which.change_ids or []
    choice = () if which.choice is None else (which.choice,)  # left out, as by versions before: their keys are found
    return responses.undone(await me.perform(changes.undo_several, ids, *choice), of_several=True)
