"""What an agent proposed ends with what it may do, and with what the person was shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from tests.core.home import Home
from tests.core.support import proposing
from tests.core.test_mandates import bounded
from tests.core.test_proposals import proposed, read
from todo_core.errors import ProposalStale
from todo_core.models.lists import ListCreate
from todo_core.models.todos import TodoCreate
from todo_core.operations import lists, proposals, tags, todos, tokens

pytestmark = pytest.mark.requirement("SA6")


async def test_what_an_agent_proposed_ends_with_its_token(home: Home) -> None:
    script = await bounded(home.me, mode="propose")
    first, second = [await proposed(script, todos.add, [TodoCreate(title=title)]) for title in ("a", "b")]
    await home.me.perform(proposals.approve, first)
    (token,) = orjson.loads((await home.me.perform(tokens.list_)).json)
    rotated = (await home.me.perform(tokens.rotate, token["id"])).one().as_dict()
    third = await proposed(
        replace(script, principal=replace(script.principal, token_id=rotated["id"])), todos.add, [TodoCreate(title="c")]
    )
    await home.me.perform(proposals.approve, third)  # it is the same agent, with the new token

    await home.me.perform(tokens.revoke, rotated["id"])

    with pytest.raises(ProposalStale, match="revoked"):
        await home.me.perform(proposals.approve, second)
    assert sorted([row["title"] for row in await home.rows()]) == ["a", "c"]
    assert (await read(home.me, second))["status"] == "waiting"
    await home.me.perform(proposals.reject, second)


async def test_a_tag_or_a_list_that_others_are_under_by_now_is_stale(home: Home) -> None:
    """The row is the same, and so may be the number of todos; they are others."""
    agent = await proposing(home.me)
    work = (await home.me.perform(lists.add, [ListCreate(name="Work")])).one().as_dict()["id"]
    one = await home.add("one", tags=["shop"], list_id=work)
    (shop,) = orjson.loads((await home.me.perform(tags.list_)).json)
    operations: tuple[tuple[Any, Any], ...] = (
        (tags.delete, (shop["id"],)),
        (lists.update, ([{"id": work, "is_archived": True}],)),
    )
    waiting = [await proposed(agent, operation, *args) for operation, args in operations]
    other = await home.add("other", tags=["shop"], list_id=work)
    await home.write(todos.delete, one)

    for proposal_id in waiting:
        with pytest.raises(ProposalStale) as stale:
            await home.me.perform(proposals.approve, proposal_id)
        (difference,) = stale.value.extra["differences"]
        assert difference["message"] == "would be taken from other todos than was shown"
    await home.write(todos.delete, other)
    await home.write(todos.restore, one)
    for proposal_id in waiting:
        await home.me.perform(proposals.approve, proposal_id)
    assert orjson.loads((await home.me.perform(tags.list_)).json) == []


async def test_what_would_change_nothing_is_told_so_again_under_its_key(home: Home) -> None:
    agent = (await proposing(home.me)).once("a key")
    milk = await home.add("milk")

    first, again = [await agent.perform(todos.update, [{"id": milk, "title": "milk"}]) for _ in range(2)]

    assert [(one.dry_run, one.proposal, one.change_id) for one in (first, again)] == [(True, None, None)] * 2
    assert again.replayed
