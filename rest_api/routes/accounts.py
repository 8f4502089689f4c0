"""Accounts, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.models.accounts import AccountQuery, AccountRead
from todo_core.models.users import UserId
from todo_core.operations import accounts

routes = Routes("/admin/users", "admin")

PathId = Annotated[UserId, BeforeValidator(digits)]


class AccountPage(PageRead[AccountRead]):
    """A page of accounts."""


@routes.expose(accounts.list_, "GET", "", shape=AccountPage, summary="List accounts")
async def list_accounts(me: Me, query: Annotated[AccountQuery, Query()]) -> Response:
    return responses.page(await me.perform(accounts.list_, query))


@routes.expose(accounts.get, "GET", "/{user_id}", shape=AccountRead, summary="Read an account")
async def get_account(me: Me, user_id: PathId) -> Response:
    return Response((await me.perform(accounts.get, user_id)).json, media_type=responses.JSON)


@routes.expose(accounts.suspend, "POST", "/{user_id}/suspend", shape=AccountRead, summary="Suspend an account")
async def suspend_account(me: MeOnce, user_id: PathId) -> Response:
    return responses.written(await me.perform(accounts.suspend, user_id), tag=False)


@routes.expose(accounts.reactivate, "POST", "/{user_id}/reactivate", shape=AccountRead, summary="Reactivate an account")
async def reactivate_account(me: MeOnce, user_id: PathId) -> Response:
    return responses.written(await me.perform(accounts.reactivate, user_id), tag=False)


@routes.expose(accounts.delete, "DELETE", "/{user_id}", shape=None, status=204, summary="Delete an account for good")
async def delete_account(me: MeOnce, user_id: PathId) -> Response:
    return responses.gone(await me.perform(accounts.delete, user_id))
