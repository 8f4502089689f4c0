"""Tell from an HTTP request who sends it."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from http_edge.entrance import Entrance
from http_edge.exchange import Exchange
from http_edge.strangers import Strangers
from todo_core.boundary.caller import Caller
from todo_core.core import Core
from todo_core.text import told_name

MAX_CLIENT_LENGTH: Final = 200


def bearer_token(authorization: str | None) -> str | None:
    """Return the token of an `Authorization: Bearer` header (RFC 6750 §2.1), if there is one.

    Between the two is one space or more (RFC 9110 §11.4).
    """
    scheme, _, after = (authorization or "").partition(" ")
    token = after.lstrip(" ")
    return token if scheme.lower() == "bearer" and token else None


def client_name(told: str | None) -> str | None:
    """Return how a client names itself, for the record of changes: escaped, and cut to `MAX_CLIENT_LENGTH`."""
    return told_name(told, MAX_CLIENT_LENGTH) if told else None


async def authenticate(request: Request, core: Core, via: str) -> Caller:
    """Return whoever sends a request, and keep them in its exchange. Nothing of its body is read.

    Args:
        request: The request; `state.strangers` of its application counts those without a token, `state.entrance` lets
            the others in.
        core: The core.
        via: The transport.

    Raises:
        Unauthenticated: There is no token, or it is not accepted.
        TooManyRequests: The address sent too many without one, or too many wrong ones, or the user goes on beyond the
            rate limit, or has very many requests at once.
        Unavailable: The token cannot be checked right now.
        InvalidInput: It is accepted, and the request has a header twice that may be there once.
    """
    exchange, client = Exchange.of(request.scope), request.scope.get("client")
    fields = exchange.fields
    token = bearer_token(_text(fields.only(b"authorization")))
    if token is None:
        strangers: Strangers = request.app.state.strangers
        strangers.charge(request.scope)
    exchange.caller = await Caller.authenticated(
        core,
        via,
        token=token,
        address=client[0] if client else None,
        client=client_name(_name(fields.only(b"user-agent"))),
        request_id=exchange.request_id,
        told=exchange,
    )
    exchange.is_known = True
    entrance: Entrance = request.app.state.entrance
    await entrance.come_in(exchange)
    fields.require_single()
    return exchange.caller


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin1")


def _name(value: bytes | None) -> str | None:
    """Return a header that people read: many send UTF-8, which RFC 9110 §5.5 leaves undefined; others ISO 8859-1."""
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return _text(value)
