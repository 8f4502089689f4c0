"""The changes as they happen."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query
from pydantic import BeforeValidator, WithJsonSchema

from http_edge.urls import digits
from rest_api.caller import Anybody
from rest_api.declaring import Routes
from rest_api.live import AS_EVENT, EVENTS, EventStream
from todo_core.models.changes import ChangesSince
from todo_core.models.events import EventQuery
from todo_core.operations import events

routes = Routes("/events", "changes")

LastEventId = Annotated[
    # A text to clients: generated ones hand a number to `fetch`, which takes no such header.
    Annotated[
        ChangesSince,
        BeforeValidator(digits),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 19, "pattern": "^[0-9]+$"}),
    ]
    | None,
    Header(description="The id of the last event that was received, as browsers send it; it goes before `since`."),
]


@routes.expose(
    events.follow,
    "GET",
    "",
    shape=None,
    summary="Follow the changes",
    stream=EventStream,
    other_types={EVENTS: "Server-sent events: of each the `data` is a `ChangeRead` without rows, and the `id` its id."},
)
async def follow_changes(
    me: Anybody, query: Annotated[EventQuery, Query()], last_event_id: LastEventId = None
) -> EventStream:
    position = await me.perform(events.follow, query.since if last_event_id is None else last_event_id)
    return EventStream(lambda: me.core.live.following(me, position, AS_EVENT))
