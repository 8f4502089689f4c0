"""Refusals as RFC 9457 problem details, the same over every transport, and the challenges that go with them.

A problem never echoes the request. Challenges follow RFC 6750 §3 and RFC 9728 §5.1
(`specs/identity/tokens.md`).
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, Final

import orjson

from todo_core.errors import InsufficientScope, TodoError, Unauthenticated

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
    421: ("host_not_allowed", "This server does not go by this name.", "Set TODO_PUBLIC_URL to the URL clients use."),
    431: ("headers_too_large", "The request has too many headers, or too long ones.", "Send fewer and shorter ones."),
}


def describe(status: int, code: str, detail: str, *, retryable: bool = False, **more: Any) -> dict[str, Any]:
    """A problem's members."""
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
    400, "malformed_request", "This is not an HTTP request.", next_step="Send HTTP/1.1 as RFC 9112 has it."
)
"""The problem of what is refused before there is a request."""


def of_error(error: TodoError) -> dict[str, Any]:
    """The problem that a refusal of the core is."""
    told = error.as_dict()
    return describe(error.status, told.pop("code"), told.pop("message"), **told)


def of_status(status: int) -> dict[str, Any]:
    """The problem that a refusal of HTTP itself is."""
    code, detail, next_step = _HTTP[status]
    return describe(status, code, detail, retryable=status == HTTPStatus.REQUEST_TIMEOUT, next_step=next_step)


def as_json(problem: dict[str, Any]) -> bytes:
    """A problem as a body."""
    return orjson.dumps(problem)


def headers_of(error: TodoError, *, metadata: str | None = None, scopes: Iterable[str] = ()) -> dict[str, str]:
    """The headers that a refusal carries.

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
