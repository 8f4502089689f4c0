"""Tags."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import answers
from rest_api.answers import PageRead
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfNoneMatch
from rest_api.declaring import Routes
from todo_core.models.tags import TagId, TagMerge, TagPatch, TagRead
from todo_core.operations import tags

routes = Routes("/tags", "tags")

PathId = Annotated[TagId, BeforeValidator(digits)]


@routes.expose(tags.find, "GET", "", shape=PageRead[TagRead], summary="List tags")
async def list_tags(me: Me) -> Response:
    return answers.page(await me.perform(tags.find))


@routes.expose(tags.get, "GET", "/{tag_id}", shape=TagRead, summary="Read a tag", also=(304,))
async def get_tag(me: Me, tag_id: PathId, if_none_match: IfNoneMatch = None) -> Response:
    return answers.row((await me.perform(tags.get, tag_id)).json, if_none_match)


@routes.expose(tags.rename, "PATCH", "/{tag_id}", shape=TagRead, summary="Rename a tag")
async def rename_tag(me: MeOnce, tag_id: PathId, patch: TagPatch) -> Response:
    return answers.written(await me.perform(tags.rename, tag_id, patch.name))


@routes.expose(tags.merge, "POST", "/{tag_id}/merge", shape=TagRead, summary="Merge a tag into another")
async def merge_tag(me: MeOnce, tag_id: PathId, merge: TagMerge) -> Response:
    return answers.written(await me.perform(tags.merge, tag_id, merge.into))


@routes.expose(tags.delete, "DELETE", "/{tag_id}", shape=None, status=204, summary="Delete a tag")
async def delete_tag(me: MeOnce, tag_id: PathId) -> Response:
    deleted = await me.perform(tags.delete, tag_id)
    deleted.one()
    return Response(status_code=204, headers=answers.change_headers(deleted))
