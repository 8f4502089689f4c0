"""Take a file out of a request: the body itself, or the only part of a form (RFC 7578)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from fastapi import Request
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from http_edge.bodies import read_file
from http_edge.problems import CodedBody, FileRefused
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, InvalidInput

FORM: Final = "multipart/form-data"
TYPES: Final = {
    FORM: "A file of any format, as a part named `file`.",
    "application/octet-stream": "A file of any format.",
}
"""Media types of a request with a file, each with what it may have. The form comes first: of a later one,
openapi-generator makes no client that compiles."""
_OWN_TYPES: Final = frozenset({"application/json", "text/calendar", "text/csv", "text/plain"})
"""Those of files themselves, which are taken, too. The contract does not name them: of a body of several types that is
no JSON, generators make no client (decision 45)."""
_PIECE: Final = 64 * 1024
"""Bytes of a form that are looked through between two turns of others."""
_NO_FORM: Final = "must be multipart/form-data with one part, named `file`"


async def uploaded(request: Request) -> bytes:
    """Return the file of a request. What type it says it has does not matter: its content says what it is.

    Raises:
        FileRefused: It is too large (413), or of another type than a file has here (415).
        CodedBody: It is compressed (415).
        InvalidInput: There is none, or it is no form as it says.
        ClientDisconnect: The client went before it was here.
    """
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if kind not in TYPES.keys() | _OWN_TYPES:
        raise FileRefused(415, "The body must be a file.", "Send it as application/octet-stream.")
    body = await read_file(request)
    content = await _part(request.headers, body) if kind == FORM else body
    if not content:
        raise InvalidInput(errors=[FieldError("file", "is empty")])
    return content


async def _part(headers: Headers, body: bytes) -> bytes:
    """Return the file in a form."""

    async def stream() -> AsyncGenerator[bytes, None]:
        async for start in in_turns(range(0, len(body), _PIECE)):
            yield body[start : start + _PIECE]

    parser = MultiPartParser(headers, stream(), max_files=1, max_fields=1)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError):
        raise InvalidInput(errors=[FieldError("file", _NO_FORM)]) from None
    try:
        return await _content(form)
    finally:
        await form.close()


async def _content(form: FormData) -> bytes:
    """Return the content of the file of a form.

    Raises:
        CodedBody: It is compressed, or coded otherwise: nothing is unpacked here.
        InvalidInput: It has none, or something else.
    """
    (name, file), *others = form.multi_items() or [("", "")]
    if others or name != "file" or not isinstance(file, UploadFile):
        raise InvalidInput(errors=[FieldError("file", _NO_FORM)])
    plain = {"content-encoding": ("identity",), "content-transfer-encoding": ("7bit", "8bit", "binary")}
    if any(file.headers.get(header, allowed[0]).strip().lower() not in allowed for header, allowed in plain.items()):
        raise CodedBody
    return await file.read()
