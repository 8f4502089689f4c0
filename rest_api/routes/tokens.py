"""API tokens."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.boundary.results import Changed
from todo_core.models.tokens import TokenCreate, TokenCreated, TokenId, TokenRead
from todo_core.operations import tokens

routes = Routes("/tokens", "tokens")


class TokenPage(PageRead[TokenRead]):
    """A page of API tokens."""


@routes.expose(tokens.create, "POST", "", shape=TokenCreated, status=201, summary="Make an API token")
async def create_token(me: MeOnce, token: TokenCreate) -> Response:
    return _made(await me.perform(tokens.create, token))


def _made(made: Changed[TokenCreated]) -> Response:
    """Return the answer with a new token, which nobody is to keep."""
    headers = responses.change_headers(made) | {"Cache-Control": "no-store", "Location": "/api/v1/tokens"}
    return Response(orjson.dumps(made.one().as_dict() | {"token": made.secret}), 201, headers, responses.JSON)


@routes.expose(tokens.list_, "GET", "", shape=TokenPage, summary="List API tokens")
async def list_tokens(me: Me) -> Response:
    return responses.page(await me.perform(tokens.list_))


@routes.expose(
    tokens.rotate,
    "POST",
    "/{token_id}/rotate",
    shape=TokenCreated,
    status=201,
    summary="Rotate an API token",
)
async def rotate_token(me: MeOnce, token_id: Annotated[TokenId, BeforeValidator(digits)]) -> Response:
    return _made(await me.perform(tokens.rotate, token_id))


@routes.expose(tokens.revoke, "DELETE", "/{token_id}", shape=None, status=204, summary="Revoke an API token")
async def revoke_token(me: MeOnce, token_id: Annotated[TokenId, BeforeValidator(digits)]) -> Response:
    return responses.gone(await me.perform(tokens.revoke, token_id))
