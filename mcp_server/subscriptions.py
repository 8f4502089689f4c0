"""Notify clients that the resource at an address has changed, so that they can read it again (MC7).

The SDK does not check to whom a resource belongs. Here a client is only notified of addresses that it could read when
it subscribed, and only of changes of its own person: each stream follows these by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

import anyio
from mcp_types import SubscriptionFilter, SubscriptionsListenRequestParams, SubscriptionsListenResult

from mcp_server import resources
from mcp_server.caller import Context
from mcp_server.sdk import Updates
from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Position
from todo_core.errors import (
    FieldError,
    Forbidden,
    InsufficientScope,
    InvalidInput,
    NotFound,
    OutsideMandate,
    TodoError,
)
from todo_core.operations import events
from todo_core.upkeep.live.follower import Follower, OverError
from todo_core.upkeep.live.view import Form

MOST: Final = 100
"""Most addresses to which one client subscribes."""
PAUSE: Final = 0.1
"""Seconds between two rounds of notifications: changes in between are one update of an address."""
_NOT_THERE: Final = (NotFound, Forbidden, InvalidInput)
"""Errors by which an address is left out of a subscription."""

_EVERYTHING: Final = frozenset({"todo://"})
"""Stands for all addresses, where a change may show at any of them."""
_CHANGES: Final = "todo://changes"
_OVERVIEW: Final = "todo://overview"


def _touched(change: dict[str, Any]) -> frozenset[str]:
    """Return the addresses at which a change shows.

    A todo shows at its own address, at its parent's, which counts it, and at its list's. Lists, tags and the profile
    show at many addresses and change seldom, so a change of them counts for all.
    """
    addresses = {_CHANGES}
    for entry in change["entries"]:
        if entry["entity"] in ("token", "agent", "calendar", "proposal", "account"):
            continue
        addresses.add(_OVERVIEW)
        states = [state for state in (entry["before"], entry["after"]) if state is not None]
        if entry["entity"] == "todo":
            addresses.add(f"todo://todos/{entry['id']}")
            addresses |= {f"todo://lists/{state['list_id']}" for state in states if state.get("list_id")}
            addresses |= {f"todo://todos/{state['parent_id']}" for state in states if state.get("parent_id")}
        elif entry["entity"] == "note":
            addresses |= {f"todo://todos/{state['todo_id']}" for state in states}
        elif not (entry["entity"] == "tag" and entry["is_new"]):
            return _EVERYTHING
    return _EVERYTHING if change["more_entries"] else frozenset(addresses)


TOUCHED: Final[Form[frozenset[str]]] = Form(rows=True, make=_touched)


def _told(wanted: Iterable[str], touched: frozenset[str]) -> list[str]:
    """Return those addresses of a client, as it wrote them, at which a change shows."""
    return [uri for uri in wanted if touched is _EVERYTHING or resources.without_words(uri) in touched]


async def _updates(follower: Follower[frozenset[str]]) -> frozenset[str]:
    """Return the addresses at which the next changes show.

    Raises:
        OverError: There will be none.
    """
    try:
        found = await follower.next(None)
    except TodoError:  # it is too far behind, and its client reads everything again once it is back
        raise OverError from None
    addresses = [event.told for event in found]
    return _EVERYTHING if _EVERYTHING in addresses else frozenset().union(*addresses)


async def require_readable(caller: Caller, uri: str) -> None:
    """Refuse an address that the caller cannot read. Raises as `resources.read` does."""
    await resources.read(caller, uri)


async def listen(
    caller: Caller, context: Context, params: SubscriptionsListenRequestParams
) -> SubscriptionsListenResult:
    """Serve a stream of updates until the client goes, may not follow any more, or the process ends (2026-07-28).

    Of the addresses that the client names, the acknowledgement has those that it can read.

    Raises:
        InvalidInput: There are too many addresses.
        Unavailable: There is no place for another stream.
        TodoError: The caller may not act.
    """
    wanted = list(dict.fromkeys(params.notifications.resource_subscriptions or ()))
    _require_few(len(wanted))
    try:
        position = await caller.perform(events.follow)
    except (InsufficientScope, OutsideMandate):  # clients open a stream by themselves, before they ask for anything
        position = Position(0, 0, (), (await caller.check()).acting)
    readable = []
    for uri in wanted:
        with suppress(*_NOT_THERE):
            await require_readable(caller, uri)
            readable.append(uri)
    asked = SubscriptionFilter(
        **params.notifications.model_dump(exclude={"resource_subscriptions"}), resource_subscriptions=readable or None
    )
    updates = Updates()
    with caller.core.live.following(caller, position, TOUCHED) as follower:

        async def forward() -> None:
            await updates.has_begun()
            with suppress(OverError):
                while True:
                    await updates.tell(_told(readable, await _updates(follower)))
                    await asyncio.sleep(PAUSE)
            updates.close()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(forward)
            result = await updates.serve(context, params.model_copy(update={"notifications": asked}))
            tasks.cancel_scope.cancel()
    return result


class Subscriptions:
    """The subscriptions of the one client of a pipe, by the older protocol's `resources/subscribe`."""

    def __init__(self) -> None:
        self._uris: set[str] = set()
        self._forwarding: asyncio.Task[None] | None = None
        self._adding = asyncio.Lock()

    async def add(self, caller: Caller, context: Context, uri: str) -> None:
        """Tell the client of an address from now on.

        Raises:
            InvalidInput: It has too many.
            TodoError: It cannot read what is there, or there is no place for it.
        """
        async with self._adding:  # two that come at once begin to forward once
            _require_few(len(self._uris | {uri}))
            await require_readable(caller, uri)
            if self._forwarding is None or self._forwarding.done():
                position = await caller.perform(events.follow)
                follows = asyncio.get_running_loop().create_future()
                self._forwarding = asyncio.create_task(self._forward(caller, position, context, follows))
                await follows
            self._uris.add(uri)

    def remove(self, uri: str) -> None:
        """Tell the client of an address no more."""
        self._uris.discard(uri)
        if not self._uris:
            self.close()

    def close(self) -> None:
        """Tell the client of nothing more."""
        if self._forwarding is not None:
            self._forwarding.cancel()
            self._forwarding = None

    async def _forward(
        self, caller: Caller, position: Position, context: Context, follows: asyncio.Future[None]
    ) -> None:
        try:
            with caller.core.live.following(caller, position, TOUCHED) as follower, suppress(OverError):
                follows.set_result(None)
                while True:
                    for uri in _told(self._uris, await _updates(follower)):
                        await context.session.send_resource_updated(uri)
                    await asyncio.sleep(PAUSE)
        except TodoError as error:
            follows.set_exception(error)


def _require_few(count: int) -> None:
    if count > MOST:
        message = f"has too many addresses; subscribe to {MOST} at most, or to {_CHANGES} alone"
        raise InvalidInput(errors=[FieldError("notifications.resourceSubscriptions", message, code="too_long")])
