"""Notes on todos."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.models.notes import NoteCreate, NoteQuery, NoteRead
from todo_core.models.todos import TodoId
from todo_core.operations import notes

routes = Routes("/todos/{todo_id}/notes", "notes")

TodoPathId = Annotated[TodoId, BeforeValidator(digits)]


class NotePage(PageRead[NoteRead]):
    """A page of notes."""


@routes.expose(notes.list_, "GET", "", shape=NotePage, summary="List the notes on a todo")
async def list_notes(me: Me, todo_id: TodoPathId, query: Annotated[NoteQuery, Query()]) -> Response:
    return responses.page(await me.perform(notes.list_, todo_id, query))


@routes.expose(notes.add, "POST", "", shape=NoteRead, status=201, summary="Add a note to a todo")
async def add_note(me: MeOnce, todo_id: TodoPathId, note: NoteCreate) -> Response:
    return responses.written(await me.perform(notes.add, todo_id, note.text), 201, tag=False)
