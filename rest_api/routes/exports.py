"""Take everything along."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from starlette.types import Receive, Scope, Send

from http_edge.entity_tags import matches
from http_edge.negotiation import require_acceptable
from rest_api.caller import Me
from rest_api.declaring import Routes
from todo_core.models.exports import Export, ExportQuery
from todo_core.operations import exports
from todo_core.rules.exporting.file import MEDIA_TYPES, ExportFile

routes = Routes("/export", "export")


@routes.expose(
    exports.make,
    "GET",
    "",
    shape=Export,
    summary="Take everything along",
    is_file=True,
    other_types={
        "text/csv": "A table of the todos, whose cells are no formulas.",
        "text/calendar": "The todos that are not in the trash as VTODOs (RFC 5545).",
    },
)
async def export_todos(me: Me, query: Annotated[ExportQuery, Query()], request: Request) -> Response:
    accept = [value for name, value in request.scope["headers"] if name == b"accept"]
    require_acceptable(accept, [MEDIA_TYPES[query.format]])  # before all is read
    file = await me.perform(exports.make, query)
    answer = Exported(file)
    if matches(", ".join(request.headers.getlist("if-none-match")), answer.headers["ETag"]):
        file.close()  # what is answered then has no body
    return answer


class Exported(Response):
    """An export, sent from its file, as fast as the client takes it."""

    def __init__(self, file: ExportFile) -> None:
        """Tell its headers.

        Args:
            file: The export; it is closed once it is sent, or the client has gone.
        """
        headers = {
            "Content-Length": str(file.size),
            "Content-Disposition": f'attachment; filename="{file.name}"',
            "ETag": f'"{file.digest}"',
        }
        self._file = file
        super().__init__(headers=headers, media_type=file.media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            while block := self._file.read():
                await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._file.close()
