"""Answer a refusal with RFC 9457 problem details, the same over every transport, and the challenges beside them.

A problem never echoes the request. Challenges follow RFC 6750 §3 and RFC 9728 §5.1
(`specs/identity/tokens.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from todo_core.errors import InsufficientScope, TodoError, Unauthenticated
from todo_core.log import structlog

MEDIA_TYPE: Final = "application/problem+json"

_HTTP: Final = {
    400: ("malformed_json", "The body is not valid JSON.", "Send one JSON value, in UTF-8, without NaN."),
    403: ("origin_not_allowed", "Pages of this origin may not call this address.", "Add it to TODO_CORS_ORIGINS."),
    404: ("no_such_route", "There is nothing at this address.", "See /docs for every address."),
    405: ("method_not_allowed", "This address does not take this method.", "Use a method that `Allow` lists."),
    406: ("not_acceptable", "The answer would be JSON.", "Send `Accept: application/json`, or no Accept."),
    408: ("request_timeout", "The request did not arrive in time.", "Send it again, without pauses."),
    413: ("body_too_large", "The body is larger than 256 KiB.", "Send less, or in several requests."),
    415: ("unsupported_media_type", "The body must be JSON.", "Send it with Content-Type: application/json."),
    421: (
        "host_not_allowed",
        "This server does not go by this name.",
        "Use its name, or have this one named in TODO_PUBLIC_URL or TODO_ALLOWED_HOSTS.",
    ),
    431: ("headers_too_large", "The request has too many headers, or too long ones.", "Send fewer and shorter ones."),
    501: ("coding_not_supported", "Bodies come as they are, or in chunks.", "Send no Transfer-Encoding but chunked."),
}
_log = structlog.get_logger()


def describe(status: int, code: str, detail: str, *, retryable: bool = False, **more: Any) -> dict[str, Any]:
    """Return a problem's members."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error_code": code,
        "retryable": retryable,
        **more,
    }


MALFORMED_REQUEST: Final = describe(
    400,
    "malformed_request",
    "This is not an HTTP request.",
    next_step="Send HTTP/1.1 as RFC 9112 has it, and percent-encode what is not ASCII in the address.",
)
"""The problem of bytes that are refused before there is a request."""
CODED_BODY: Final = describe(
    415,
    "content_coding_not_supported",
    "The body is compressed, or coded otherwise.",
    next_step="Send it as it is, without Content-Encoding.",
)
"""The problem of a body with a `Content-Encoding`."""
CRASH: Final = describe(
    500, "internal_error", "Something went wrong on our side.", next_step="Try later; the fault is logged."
)


class NotAcceptable(HTTPException):
    """The client accepts none of the media types that the answer may have."""

    def __init__(self, offered: Sequence[str]) -> None:
        super().__init__(406)
        self.offered = [kind.partition(";")[0] for kind in offered]
        """The media types, the usual one first."""


class CodedBody(HTTPException):
    """The refusal of a body with a `Content-Encoding`: nothing is unpacked here (RFC 7694 §3)."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, headers={"Accept-Encoding": "identity"})


class FileRefused(HTTPException):
    """The refusal of a file by HTTP, which has other bounds than another body."""

    def __init__(self, status: int, detail: str, next_step: str) -> None:
        """Say what is wrong.

        Args:
            status: One of HTTP's refusals, 413 or 415.
            detail: What is wrong, and nothing of the file.
            next_step: What to do.
        """
        super().__init__(status)
        self.told = {"detail": detail, "next_step": next_step}


def of_error(error: TodoError) -> dict[str, Any]:
    """Describe a refusal of the core."""
    told = error.as_dict()
    return describe(error.status, told.pop("code"), told.pop("message"), **told)


def of_status(status: int) -> dict[str, Any]:
    """Describe a refusal of HTTP itself."""
    code, detail, next_step = _HTTP[status]
    return describe(status, code, detail, retryable=status == HTTPStatus.REQUEST_TIMEOUT, next_step=next_step)


HTTP_PROBLEMS: Final = (MALFORMED_REQUEST, CODED_BODY, CRASH, *map(of_status, _HTTP))
"""Every problem that is none of the core's."""


def as_json(problem: dict[str, Any]) -> bytes:
    """Return a problem as a body."""
    return orjson.dumps(problem)


def headers_of(error: TodoError, *, metadata: str | None = None, scopes: Iterable[str] = ()) -> dict[str, str]:
    """Return the headers of a refusal.

    Args:
        error: The refusal.
        metadata: Where the protected resource's metadata is, for clients that can get a token by themselves.
        scopes: Which scopes such a client should ask for.
    """
    headers = {}
    challenge: list[str] | None = None
    if isinstance(error, Unauthenticated):
        challenge = ['error="invalid_token"'] if error.presented else []
    elif isinstance(error, InsufficientScope):
        challenge = ['error="insufficient_scope"']
    if challenge is not None:
        if metadata is not None:
            challenge += [f'scope="{" ".join(scopes)}"', f'resource_metadata="{metadata}"']
        headers["WWW-Authenticate"] = " ".join(["Bearer", ", ".join(challenge)]).rstrip()
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return headers


def respond(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    """Return a problem as a response."""
    return Response(as_json(problem), problem["status"], headers, MEDIA_TYPE)


def response_to(error: TodoError | HTTPException) -> Response:
    """Return the response to a refusal: the core's, or HTTP's."""
    if isinstance(error, TodoError):
        return respond(of_error(error), headers_of(error))
    problem = CODED_BODY if isinstance(error, CodedBody) else of_status(error.status_code)
    if isinstance(error, NotAcceptable):
        kinds = " or ".join("JSON" if kind == "application/json" else kind for kind in error.offered)
        step = f"Send `Accept: {error.offered[0]}`, or no Accept."
        problem |= {"detail": f"The answer would be {kinds}.", "next_step": step}
    elif isinstance(error, FileRefused):
        problem |= error.told
    return respond(problem, dict(error.headers or {}))


def code_of(error: TodoError | HTTPException) -> tuple[str, int]:
    """Return the `error_code` of a refusal, and its status."""
    if isinstance(error, TodoError):
        return error.code, error.status
    problem = CODED_BODY if isinstance(error, CodedBody) else of_status(error.status_code)
    return problem["error_code"], error.status_code


def refuse(error: TodoError | HTTPException, scope: Scope, routes: Sequence[BaseRoute]) -> Response:
    """Return the response to an error that a route raised, or the router for the lack of one.

    Args:
        error: The refusal.
        scope: The request's.
        routes: All that there are: a 405 names every method of the address, whichever route has it (RFC 9110 §10.2.1).
            So does the answer to OPTIONS, which is no refusal (§9.3.7).
    """
    response = response_to(error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        here = [route for route in routes if route.matches(scope)[0] is not Match.NONE]
        methods = {method for route in here for method in getattr(route, "methods", None) or ()}
        if scope["method"] == "OPTIONS":
            response = Response(status_code=HTTPStatus.NO_CONTENT)
        response.headers["Allow"] = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    return response


def crash(error: Exception) -> Response:
    """Log an error that is ours and return the response to it."""
    _log.error("request_crashed", exc_info=error)
    return respond(CRASH)
