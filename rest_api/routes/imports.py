"""Bring everything along."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from rest_api import responses
from rest_api.caller import MeOnce
from rest_api.declaring import Routes
from rest_api.uploads import TYPES, uploaded
from todo_core.errors import TooManyRequests
from todo_core.models.imports import ImportFile, ImportQuery, ImportWritten
from todo_core.operations import imports

routes = Routes("/import", "import")

_RETRY_AFTER: Final = 5
_RUNNING: Final = "An import of yours is sent or done; one at a time is."


@routes.expose(
    imports.make,
    "POST",
    "",
    shape=ImportWritten,
    summary="Bring todos along",
    takes=TYPES,
    words="Import the todos of a file, at most 5 MiB and 5,000 items, with their lists, tags and notes, as one change. "
    "With `Dry-Run: true` it is a preview.\n\nA todo is known by its key, its name where the file comes from: the same "
    "file again, or a later one, adds what is new. What cannot be kept is told.",
)
async def import_todos(me: MeOnce, query: Annotated[ImportQuery, Query()], request: Request) -> Response:
    user_id, importing = me.principal.user_id, me.core.importing
    if not importing.take(user_id):
        raise TooManyRequests(_RETRY_AFTER, _RUNNING)
    try:
        file = ImportFile(await uploaded(request))
        return responses.imported(await me.perform(imports.make, query, file))
    finally:
        importing.leave(user_id)
