"""Search."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import Field

from rest_api import responses
from rest_api.caller import Me
from rest_api.declaring import Routes
from rest_api.filters import require_single_tags
from rest_api.responses import PageRead
from todo_core.models.fields import Offset
from todo_core.models.search import Near
from todo_core.models.todos import SearchText, TodoFilter, TodoRead
from todo_core.operations import search

routes = Routes("/search", "search")


class SearchListing(TodoFilter):
    """Words, the filters of a list, and how many rows to skip."""

    text: SearchText
    offset: Offset = 0


class SearchRead(PageRead[TodoRead]):
    """A page of what was found."""

    near: Annotated[Near | None, Field(description="If nothing was found: what may have been meant.")]


@routes.expose(search.find, "GET", "", shape=SearchRead, summary="Search todos")
async def search_todos(me: Me, query: Annotated[SearchListing, Query()]) -> Response:
    await require_single_tags(me, query.tags or ())
    return responses.page(await me.perform(search.find, query, query.offset), near=True)
