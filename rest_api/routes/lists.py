"""Lists."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Body, Query, Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.boundary.batches import condition
from todo_core.models.lists import ListCreate, ListId, ListPatch, ListQuery, ListRead, ListRemoval, ListUpdate
from todo_core.operations import lists

routes = Routes("/lists", "lists")

PathId = Annotated[ListId, BeforeValidator(digits)]


class ListPage(PageRead[ListRead]):
    """A page of lists."""


@routes.expose(
    lists.add,
    "POST",
    "",
    shape=ListRead,
    status=201,
    summary="Add a list",
    words="Add a list, at the end of the others unless a position is given.",
)
async def add_list(me: MeOnce, todo_list: ListCreate) -> Response:
    added = await me.perform(lists.add, [todo_list])
    return responses.written(added, 201, {"Location": f"/api/v1/lists/{responses.row_id(added.one().row)}"})


@routes.expose(lists.list_, "GET", "", shape=ListPage, summary="List lists")
async def list_lists(me: Me, query: Annotated[ListQuery, Query()]) -> Response:
    return responses.page(await me.perform(lists.list_, query))


@routes.expose(lists.get, "GET", "/{list_id}", shape=ListRead, summary="Read a list")
async def get_list(me: Me, list_id: PathId) -> Response:
    return responses.row(await me.perform(lists.get, list_id))


@routes.expose(
    lists.update,
    "PATCH",
    "/{list_id}",
    shape=ListRead,
    summary="Change a list",
    words="Rename, recolor, reorder or archive a list. An archived list and its todos are hidden until asked for.",
)
async def update_list(
    me: MeOnce,
    list_id: PathId,
    patch: Annotated[ListPatch, Body(description="A JSON Merge Patch (RFC 7396).", media_type="application/json")],
    if_match: IfMatch = None,
) -> Response:
    update = cast("ListUpdate", {**patch, "id": list_id, **condition(versions(if_match))})
    return responses.written(await me.perform(lists.update, [update]))


@routes.expose(
    lists.delete,
    "DELETE",
    "/{list_id}",
    shape=None,
    status=204,
    summary="Delete a list",
    words="Delete a list. `todos` says what becomes of what is in it: `trash`, or `move` to the list `move_to`.\n\n"
    "Undo brings the list and its todos back.",
)
async def delete_list(
    me: MeOnce, list_id: PathId, removal: Annotated[ListRemoval, Query()], if_match: IfMatch = None
) -> Response:
    return responses.gone(await me.perform(lists.delete, [list_id], removal, **condition(versions(if_match))))
