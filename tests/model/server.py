"""The application that the state machine works with, and what it takes from its answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, datetime
from fractions import Fraction
from itertools import count
from typing import Any, Final, TypeVar
from uuid import uuid4

import httpx2

from tests.core.furnished import exported
from tests.core.imported import read_here, standard
from tests.faces import ADDRESS, http_client
from tests.model.dates import Json
from tests.model.model import State
from tests.model.people import Person
from tests.model.proposals import EVERY, Mandate
from tests.model.rows import Entity, Profile, TodoList
from tests.model.wire import read
from tests.support import no_purge_by_itself, token_of
from todo_app.application import build
from todo_core.boundary.caller import Caller
from todo_core.errors import TodoError
from todo_core.models.imports import ImportQuery
from todo_core.operations import agents, imports, proposals
from todo_core.settings import Settings

START: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)
"""The present in the beginning. No clock of a zone that the machine uses changes in the months around it."""
MODES: Final = {False: "act", True: "propose"}
T = TypeVar("T")


class Server:
    """The application in this process, with a present moment of its own, for callers that are not asynchronous."""

    def __init__(self, settings: Settings, database_url: str) -> None:
        self.now = START
        self._runner = asyncio.Runner()
        self._callers: dict[str, Caller] = {}
        self._helpers: dict[str, int] = {}
        """The agents that have mandates, by whose they are."""
        self._stop = asyncio.Event()
        unlimited = settings.model_copy(update={"rate_limit": "off"})
        self._app = build(unlimited, database_url, ADDRESS, clock=lambda: self.now)
        self._serving = self.run(self._start())

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(coroutine)

    async def _start(self) -> asyncio.Task[None]:
        is_ready = asyncio.Event()

        async def serve() -> None:
            with no_purge_by_itself():
                async with self._app.running():
                    is_ready.set()
                    await self._stop.wait()

        serving = asyncio.create_task(serve())
        await is_ready.wait()
        return serving

    def close(self) -> None:
        async def stop() -> None:
            self._stop.set()
            await self._serving

        self.run(stop())
        self._runner.close()

    async def _caller(self, name: str) -> Caller:
        core = self._app.core
        return Caller(core, await core.identity.local(f"{name}-{uuid4().hex}"), "test")

    async def require_round_trip(self, name: str) -> None:
        """Hold the export of a person to what it is once somebody who has nothing has imported it."""
        me, other = self._callers[name], await self._caller("else")
        file = read_here(await exported(me))
        said = (await other.perform(imports.make, ImportQuery(), file)).one().as_dict()
        assert said["remarks"] == []
        assert await standard(other) == await standard(me)

    async def bound(self, name: str, mandate: Mandate) -> None:
        """Have somebody change what their helper may do."""
        wanted: Json = {"verbs": None if mandate.verbs == EVERY else ["read", *sorted(mandate.verbs)]}
        wanted |= {"lists": None if mandate.lists is None else sorted(mandate.lists), "own_lists": mandate.own_lists}
        me = self._callers[name]
        await me.perform(agents.update, self._helpers[name], wanted | {"mode": MODES[mandate.proposes]})

    async def decide(self, name: str, proposal_id: int, *, approve: bool) -> tuple[str | None, int | None]:
        """Have somebody decide on a proposal: the code of the refusal, and the change."""
        operation = proposals.approve if approve else proposals.reject
        try:
            decided = await self._callers[name].perform(operation, proposal_id)
        except TodoError as refused:
            return refused.code, None
        return None, decided.change_id

    async def new_person(self, name: str) -> tuple[Person, httpx2.AsyncClient, httpx2.AsyncClient]:
        """Somebody whom nobody knows, a client with a token of theirs, and one of an agent that gets a mandate."""
        caller = self._callers[name] = await self._caller(name)
        http, helper = [http_client(self._app, await token_of(caller)) for _ in range(2)]
        await read(helper, "/overview")
        self._helpers[name] = max(row["id"] for row in json.loads((await caller.perform(agents.list_)).json))
        profile = Profile(caller.principal.user_id, None, "UTC", "en", "monday", None, "last", 1)
        inbox = await _inbox(http)
        return Person(name, State(profile, {inbox.id: inbox}, (inbox.id,))), http, helper


async def _inbox(http: httpx2.AsyncClient) -> TodoList:
    """The inbox, which is given a color: the record of that tells its position."""
    (inbox,) = (await read(http, "/lists"))["items"]
    given = await http.patch(f"/api/v1/lists/{inbox['id']}", json={"color": "red"})
    record = Recorded(await read(http, f"/changes/{given.headers['change-id']}"))
    position = record.position_of(inbox["id"])
    assert position is not None
    row = given.json()
    return TodoList(row["id"], row["name"], position, row["color"], is_inbox=True, version=row["version"])


class Recorded:
    """What the model cannot know and takes from the record of a write."""

    def __init__(self, record: Json | None) -> None:
        entries = record["entries"] if record else []
        made = [entry for entry in entries if entry["before"] is None]
        self._positions = {
            entry["id"]: Fraction(entry["after"]["place"]["number"]) for entry in entries if entry["entity"] == "list"
        }
        self._places = {
            entry["id"]: Fraction(entry["after"]["place"]["number"])
            for entry in entries
            if entry["entity"] == "todo" and "place" in entry["after"]
        }
        self._tags = {entry["after"]["name"]: entry["id"] for entry in made if entry["entity"] == "tag"}
        self._others = {
            kind: iter(sorted(entry["id"] for entry in made if entry["entity"] == kind))
            for kind in ("todo", "list", "note")
        }
        self._unknown = count(-1, -1)

    def position_of(self, list_id: int) -> Fraction | None:
        return self._positions.get(list_id)

    def place_of(self, todo_id: int) -> Fraction | None:
        """Where a todo was moved to."""
        return self._places.get(todo_id)

    def new_id(self, entity: Entity, name: str) -> int:
        """The ids of rows that the write made, one after the other; that of a tag by its name."""
        if entity == "tag":
            return self._tags.get(name) or next(self._unknown)
        return next(self._others[entity], None) or next(self._unknown)
