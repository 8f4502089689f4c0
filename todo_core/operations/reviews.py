"""Review what agents did."""

from __future__ import annotations

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed, Done, Found
from todo_core.errors import FieldError, InvalidInput, NotForAgents, NotForApps
from todo_core.models.reviews import ReviewRead
from todo_core.queries import reviews as queries
from todo_core.rules.reviewing import review


@operation(
    effect="reads", scope="todos:read", raises=(NotForApps, NotForAgents), for_apps=False, for_agents=False, weight=5
)
async def get(tx: Tx) -> Found[ReviewRead]:
    """Read what agents did since you last looked, by agent: how often what, the latest with titles, what waits."""
    return Found(await review(tx))


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotForApps, NotForAgents, InvalidInput),
    for_apps=False,
    for_agents=False,
    proposable=False,
)
async def mark(tx: Tx, through: int) -> Changed[ReviewRead]:
    """Note that you have reviewed what agents did up to a change: the next review begins there. It never goes back.

    It is no change of yours: nothing is recorded, and no undo takes it back.
    """
    if through > (await tx.one(queries.MARK))["newest"]:
        raise InvalidInput(errors=[FieldError("through", "is after your newest change; send `through` of the review")])
    before = (await tx.one(queries.MARK))["reviewed_through"]
    after = await tx.value(queries.MOVE, through=through)
    return Changed([Done(await review(tx), changed=after != before)])
