"""Agents."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response
from pydantic import BeforeValidator

from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.conditions import IfMatch, versions
from rest_api.declaring import Routes
from rest_api.responses import PageRead
from todo_core.models.agents import AgentId, AgentPatch, AgentRead
from todo_core.operations import agents

routes = Routes("/agents", "agents")

PathId = Annotated[AgentId, BeforeValidator(digits)]


class AgentPage(PageRead[AgentRead]):
    """A page of agents."""


@routes.expose(agents.list_, "GET", "", shape=AgentPage, summary="List agents")
async def list_agents(me: Me) -> Response:
    return responses.page(await me.perform(agents.list_))


@routes.expose(agents.get, "GET", "/{agent_id}", shape=AgentRead, summary="Read an agent")
async def get_agent(me: Me, agent_id: PathId) -> Response:
    return responses.row(await me.perform(agents.get, agent_id))


@routes.expose(agents.update, "PATCH", "/{agent_id}", shape=AgentRead, summary="Change an agent")
async def update_agent(
    me: MeOnce,
    agent_id: PathId,
    patch: Annotated[
        AgentPatch,
        Body(
            description="A JSON Merge Patch (RFC 7396): null takes a bound away.",
            media_type="application/json",
        ),
    ],
    if_match: IfMatch = None,
) -> Response:
    return responses.written(await me.perform(agents.update, agent_id, patch, versions(if_match)))


@routes.expose(agents.block, "POST", "/{agent_id}/block", shape=AgentRead, summary="Block an agent")
async def block_agent(me: MeOnce, agent_id: PathId) -> Response:
    return responses.written(await me.perform(agents.block, agent_id))


@routes.expose(agents.unblock, "POST", "/{agent_id}/unblock", shape=AgentRead, summary="Unblock an agent")
async def unblock_agent(me: MeOnce, agent_id: PathId) -> Response:
    return responses.written(await me.perform(agents.unblock, agent_id))
