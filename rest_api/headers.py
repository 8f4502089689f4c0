"""Say which headers an answer has and what they mean, for the contract: whoever sends them stands elsewhere.

`specs/api/rest-endpoints.md` has the same in a table, and a test holds real answers to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

_TEXT: Final = {"type": "string", "maxLength": 1000}
_TRUE: Final = {"type": "string", "enum": ["true"]}
_MOMENT: Final = {"type": "string", "format": "date-time"}


def _header(description: str, example: str | int, schema: dict[str, Any] = _TEXT) -> dict[str, Any]:
    return {"description": description, "schema": schema, "example": example}


COMPONENTS: Final[dict[str, dict[str, Any]]] = {
    "X-Request-Id": _header("Names the request in the log.", "5f0c6f1f2b6f4e1a0000000000000007"),
    "Cache-Control": _header("What may be kept.", "private, no-cache"),
    "X-Content-Type-Options": _header("Nothing is guessed of a type.", "nosniff"),
    "Referrer-Policy": _header("No address goes elsewhere.", "no-referrer"),
    "Cross-Origin-Resource-Policy": _header("Who may embed an answer.", "same-site"),
    "Content-Security-Policy": _header("An answer loads nothing.", "default-src 'none'; frame-ancestors 'none'"),
    "Strict-Transport-Security": _header("Only over https, where it is served so.", "max-age=31536000"),
    "Vary": _header("The headers of the request that the answer depends on.", "Accept-Encoding"),
    "Content-Encoding": _header("`gzip` from 1 KiB on, if the client takes it.", "gzip"),
    "RateLimit-Policy": _header("The limit: 1,200 in 60 seconds.", '"user";q=1200;w=60'),
    "RateLimit": _header("What is left of it: 1,199, more in 13 seconds.", '"user";r=1199;t=13'),
    "ETag": _header("What `If-Match` and `If-None-Match` take.", '"3.9f2c41d7"'),
    "Link": _header("The address of the next page, where there is one.", '<?limit=50&cursor=abc>; rel="next"'),
    "Location": _header("Where the new row is, or the proposal.", "/api/v1/todos/7"),
    "Content-Disposition": _header("A name for the file.", 'attachment; filename="todos-2026-11-29.json"'),
    "Change-Id": _header("Names the change for undo, if anything changed.", 12, {"type": "integer", "minimum": 1}),
    "Idempotent-Replayed": _header("This is the first answer to the same `Idempotency-Key` again.", "true", _TRUE),
    "X-Accel-Buffering": _header("A proxy is to keep nothing back of a stream.", "no"),
    "Dry-Run": _header("Nothing of it happened.", "true", _TRUE),
    "Proposal-Id": _header(
        "Nothing of it happened: it waits for the person's approval.", 5, {"type": "integer", "minimum": 1}
    ),
    "Proposal-Expires": _header("Until when it waits.", "2026-12-04T16:03:22.480113Z", _MOMENT),
    "Retry-After": _header("Seconds to wait.", 1, {"type": "integer", "minimum": 1}),
    "WWW-Authenticate": _header("What a token must be like (RFC 6750).", 'Bearer error="invalid_token"'),
    "Accept-Patch": _header("What a PATCH takes.", "application/merge-patch+json, application/json"),
    "Accept-Encoding": _header("How a body may be coded, if that is why it is refused.", "identity"),
}
"""Every header of an answer, by its name."""
_REFERENCES: Final = {name: {"$ref": f"#/components/headers/{name}"} for name in COMPONENTS}
"""One for all answers of all routes, which refer 7,000 times."""
_EVERYWHERE: Final = (
    *("X-Request-Id", "Cache-Control", "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Resource-Policy"),
    *("Content-Security-Policy", "Strict-Transport-Security", "Vary"),
)
_COUNTED: Final = ("RateLimit-Policy", "RateLimit")
_WRITTEN: Final = ("Change-Id", "Idempotent-Replayed", "Dry-Run")
_OF_REFUSALS: Final[dict[int, tuple[str, ...]]] = {
    401: ("WWW-Authenticate",),
    403: ("WWW-Authenticate",),
    409: ("Retry-After",),
    415: ("Accept-Encoding",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def common(*, is_counted: bool = True) -> dict[str, Any]:
    """Return the headers that any answer may have.

    Args:
        is_counted: Whether the request counts for a user.
    """
    return _refer((*_EVERYWHERE, *(_COUNTED if is_counted else ())))


def of_refusal(status: int, method: str) -> dict[str, Any]:
    """Return the headers of a problem with a status."""
    patch = ("Accept-Patch",) if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE and method == "PATCH" else ()
    return common() | _refer((*_OF_REFUSALS.get(status, ()), *patch))


def of_success(method: str, status: int, shape: Any, *, is_page: bool = False, is_kept: bool = True) -> dict[str, Any]:
    """Return the headers of a success.

    Args:
        method: That of the request.
        status: Its status.
        shape: The model of the body; None where there is no body.
        is_page: Whether there may be a next one.
        is_kept: Whether a client can keep the answer.
    """
    names = ["Content-Encoding"] if shape is not None else []
    if not is_kept:
        names.append("X-Accel-Buffering")
    if method == "GET" and is_kept:
        names += ["ETag", *(["Link"] if is_page else [])]
    elif method != "GET":
        has_version = isinstance(shape, type) and issubclass(shape, BaseModel) and "version" in shape.model_fields
        names += [*_WRITTEN, *(["ETag"] if has_version else [])]
    if status == HTTPStatus.CREATED:
        names.append("Location")
    return common() | _refer(names)


def of_proposal(shape: Any) -> dict[str, Any]:
    """Return the headers of a write that was kept as a proposal.

    Args:
        shape: The model of the body; None where there is no body.
    """
    names = ("Location", "Proposal-Id", "Proposal-Expires", "Idempotent-Replayed")
    return common() | _refer([*(["Content-Encoding"] if shape is not None else []), *names])


def of_file() -> dict[str, Any]:
    """Return the headers of a success that is a file, besides those of any."""
    return _refer(["Content-Disposition"])


def _refer(names: Iterable[str]) -> dict[str, Any]:
    return {name: _REFERENCES[name] for name in names}
