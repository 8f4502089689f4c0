"""Tags."""

from __future__ import annotations

from typing import Annotated

from fastapi import Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.boundary.batches import condition
from todo_core.models.tags import TagId, TagMerge, TagPatch, TagRead
from todo_core.operations import tags

routes = Routes("/tags", "tags")

PathId = Annotated[TagId, BeforeValidator(digits)]


class TagPage(PageRead[TagRead]):
    """A page of tags."""


@routes.expose(tags.list_, "GET", "", shape=TagPage, summary="List tags")
async def list_tags(me: Me) -> Response:
    return responses.page(await me.perform(tags.list_))


@routes.expose(tags.get, "GET", "/{tag_id}", shape=TagRead, summary="Read a tag")
async def get_tag(me: Me, tag_id: PathId) -> Response:
    return responses.row(await me.perform(tags.get, tag_id))


@routes.expose(tags.rename, "PATCH", "/{tag_id}", shape=TagRead, summary="Rename a tag")
async def rename_tag(me: MeOnce, tag_id: PathId, patch: TagPatch, if_match: IfMatch = None) -> Response:
    return responses.written(await me.perform(tags.rename, tag_id, patch.name, **condition(versions(if_match))))


@routes.expose(tags.merge, "POST", "/{tag_id}/merge", shape=TagRead, summary="Merge a tag into another")
async def merge_tag(me: MeOnce, tag_id: PathId, merge: TagMerge, if_match: IfMatch = None) -> Response:
    return responses.written(await me.perform(tags.merge, tag_id, merge.into, **condition(versions(if_match))))


@routes.expose(tags.delete, "DELETE", "/{tag_id}", shape=None, status=204, summary="Delete a tag")
async def delete_tag(me: MeOnce, tag_id: PathId, if_match: IfMatch = None) -> Response:
    return responses.gone(await me.perform(tags.delete, tag_id, **condition(versions(if_match))))
