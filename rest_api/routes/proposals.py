"""Proposals: what agents would do, and what the person decides."""

from __future__ import annotations

from typing import Annotated, Any, Final

import orjson
from fastapi import Query, Response
from pydantic import BeforeValidator, Field

from http_edge import problems
from http_edge.urls import digits
from rest_api import responses
from rest_api.caller import Me, MeOnce
from rest_api.declaring import Routes
from rest_api.refusals import Problem
from rest_api.responses import FeedRead
from todo_core.boundary.results import Changed
from todo_core.errors import TodoError
from todo_core.models.fields import Output
from todo_core.models.proposals import ProposalId, ProposalNote, ProposalQuery, ProposalRead, ProposalSet
from todo_core.operations import proposals

routes = Routes("/proposals", "proposals")

_NOTHING_SAID: Final = ProposalNote()

PathId = Annotated[ProposalId, BeforeValidator(digits)]


class ProposalPage(FeedRead[ProposalRead]):
    """A page of proposals."""


class Decided(Output):
    """What became of one of several proposals: the proposal or the problem is null."""

    item: Annotated[ProposalRead | None, Field(description="As it is now; null where the decision was refused.")]
    error: Annotated[Problem | None, Field(description="Why it was refused; null where it was not.")]


class DecidedRead(Output):
    """What became of several proposals: one result for each, in the order of the request."""

    results: Annotated[list[Decided], Field(description="One for each proposal, in order.")]


@routes.expose(proposals.list_, "GET", "", shape=ProposalPage, summary="List proposals")
async def list_proposals(me: Me, query: Annotated[ProposalQuery, Query()]) -> Response:
    return responses.feed(await me.perform(proposals.list_, query), way="before")


@routes.expose(
    proposals.approve_several,
    "POST",
    "/approve",
    shape=DecidedRead,
    summary="Approve proposals",
    by_item=True,
)
async def approve_proposals(me: MeOnce, which: ProposalSet) -> Response:
    return _decided(await me.perform(proposals.approve_several, which.ids, which.note))


@routes.expose(
    proposals.reject_several,
    "POST",
    "/reject",
    shape=DecidedRead,
    summary="Reject proposals",
    by_item=True,
)
async def reject_proposals(me: MeOnce, which: ProposalSet) -> Response:
    return _decided(await me.perform(proposals.reject_several, which.ids, which.note))


def _decided(changed: Changed[Any]) -> Response:
    """Return the results of several decisions (`DecidedRead`)."""
    results = [
        {"item": None, "error": problems.of_error(item)}
        if isinstance(item, TodoError)
        else {"item": orjson.Fragment(item.json), "error": None}
        for item in changed.results
    ]
    body = orjson.dumps({"results": results})
    return Response(body, headers=responses.change_headers(changed), media_type=responses.JSON)


@routes.expose(proposals.get, "GET", "/{proposal_id:member}", shape=ProposalRead, summary="Read a proposal")
async def get_proposal(me: Me, proposal_id: PathId) -> Response:
    return Response((await me.perform(proposals.get, proposal_id)).json, media_type=responses.JSON)


@routes.expose(proposals.approve, "POST", "/{proposal_id}/approve", shape=ProposalRead, summary="Approve a proposal")
async def approve_proposal(me: MeOnce, proposal_id: PathId, said: ProposalNote = _NOTHING_SAID) -> Response:
    return responses.written(await me.perform(proposals.approve, proposal_id, said.note), tag=False)


@routes.expose(proposals.reject, "POST", "/{proposal_id}/reject", shape=ProposalRead, summary="Reject a proposal")
async def reject_proposal(me: MeOnce, proposal_id: PathId, said: ProposalNote = _NOTHING_SAID) -> Response:
    return responses.written(await me.perform(proposals.reject, proposal_id, said.note), tag=False)
