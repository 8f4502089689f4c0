"""Know which agent acts for a person, made when it is first seen, and what it may do.

What a process remembers of an agent may be older than what is stored: every transaction asks (`require_active`), and a
caller who is told so finds the agent anew.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Final, Literal

import orjson

from todo_core.boundary.latest import Passing
from todo_core.errors import OutsideMandate, Unavailable
from todo_core.models.agents import MAX_NAME_LENGTH, VERBS, Kind, Mode, Verb
from todo_core.queries import agents as queries
from todo_core.storage.database import Database, retried
from todo_core.storage.roles import Acting
from todo_core.storage.transactions import Row

CACHED_FOR: Final = 60.0
"""Seconds for which an agent is remembered; then its use is stored again."""
RETRIED_AFTER: Final = 1.0
"""Seconds for which a new agent that could not be stored reads without another try."""
TOLD: Final = 20
"""Most lists of a mandate that the line names of which an agent learns it."""
_LONGEST: Final = 500
"""Most characters of what a client or program calls itself that are kept as they are; of a longer one its hash is."""
_VERSION: Final = re.compile(r"[/ ]v?[0-9].*$", re.DOTALL)
"""What follows the name of a program: its version, and what else a `User-Agent` tells."""


@dataclass(frozen=True, slots=True)
class AgentKey:
    """What tells an agent from the others of a person."""

    kind: Kind
    known_as: str
    """The id of an API token; the issuer and the id of an OAuth client; the issuer and the name of a program."""
    name: str
    """What it is called when it is first seen."""

    @classmethod
    def of_token(cls, token_id: int, name: str) -> AgentKey:
        """Return the key of an API token's agent."""
        return cls("token", str(token_id), sys.intern(name))  # thousands have the same

    @classmethod
    def of_client(cls, issuer: str, client_id: str | None) -> AgentKey:
        """Return the key of an OAuth client. Those whose tokens do not name them are one for each issuer."""
        return cls("client", f"{issuer} {_bounded(client_id or '')}", client_id or "app")

    @classmethod
    def of_program(cls, issuer: str, told: str | None) -> AgentKey:
        """Return the key of a program that a person has signed in.

        Args:
            issuer: Who vouches for the person.
            told: How the program names itself, perhaps with its version.
        """
        name = _VERSION.sub("", told or "").strip() or "unnamed program"
        return cls("program", f"{issuer} {_bounded(name)}", name)


def _bounded(told: str) -> str:
    if len(told) <= _LONGEST:
        return told
    return f"sha256:{hashlib.sha256(told.encode('utf-8', 'surrogatepass')).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent, and what it may do."""

    id: int
    version: int
    """Counts the changes of what it may do."""
    verbs: frozenset[Verb] | None = None
    """What it may do; None for everything."""
    mode: Mode = "act"
    rows_per_day: int | None = None
    """How many rows it may change in 24 hours; None for any number."""
    until: datetime | None = None
    """When it ends; None for never."""
    lists: frozenset[int] | None = None
    """Ids of the lists that it may see and change; None for all."""
    own_lists: bool = True
    """Whether the lists that it makes are among them."""

    @property
    def acting(self) -> Acting:
        """Return what each transaction tells PostgreSQL of it."""
        return Acting(self.id, self.version, self.lists is not None)

    @classmethod
    def of(cls, row: Row) -> Agent:
        """Return the agent of a row of `queries.FIND` or `queries.MAKE`."""
        verbs = None if row["verbs"] is None else frozenset(row["verbs"])
        lists = None if row["lists"] is None else frozenset(orjson.loads(row["lists"]))
        rows_per_day, until, own_lists = (row[name] for name in ("rows_per_day", "until", "own_lists"))
        mode: Mode = "propose" if row["mode"] == "propose" else "act"  # and not a text for each of thousands
        return cls(row["id"], row["version"], verbs, mode, rows_per_day, until, lists, own_lists)

    @property
    def is_bounded(self) -> bool:
        """Return whether there is anything that it may not do."""
        return _MANDATE(self) != _EVERYTHING

    def require(self, verbs: Collection[Verb] | None, *, is_write: bool, within_lists: bool) -> None:
        """Refuse what the mandate does not allow.

        Args:
            verbs: What is to be done; None for what only an agent may do that is bounded in nothing.
            is_write: Whether it is to change something that cannot be proposed.
            within_lists: Whether who may see some lists only may do it.

        Raises:
            OutsideMandate: With the part of the mandate that is in the way.
        """
        if self.lists is not None and not within_lists:
            raise OutsideMandate("lists", "This agent may see and change some lists only, and this is not about lists.")
        if verbs is None and self.is_bounded:
            raise OutsideMandate("verbs", "This is for agents that may do everything, and this one may not.")
        if self.verbs is not None and not self.verbs.issuperset(verbs or ()):
            may = ", ".join(verb for verb in VERBS if verb in self.verbs)
            missing = [verb for verb in VERBS if verb in (verbs or ()) and verb not in self.verbs]
            raise OutsideMandate("verbs", f"This agent may only {may}, and this needs {', '.join(missing)}.")
        if is_write and self.mode == "propose":
            raise OutsideMandate("mode", "This agent may only propose changes, and this cannot be proposed.")

    def require_rows(self, used: int, more: int) -> None:
        """Refuse to change more rows than in 24 hours are allowed.

        Raises:
            OutsideMandate: They are too many, with those that were changed so far.
        """
        if self.rows_per_day is not None and used + more > self.rows_per_day:
            raise OutsideMandate(
                "rows_per_day",
                f"This agent may change {self.rows_per_day} rows in 24 hours; it changed {used}, this is {more} more.",
            )


_MANDATE: Final = attrgetter(*(field.name for field in fields(Agent) if field.name not in ("id", "version")))
"""Returns all that a mandate says."""
_EVERYTHING: Final = _MANDATE(Agent(0, 0))


def told(agent: Agent | None) -> str | None:
    """Return what an agent may do, in a line for itself; None for the person, and where that is everything."""
    if agent is None or not agent.is_bounded:
        return None
    may = "everything" if agent.verbs is None else ", ".join(verb for verb in VERBS if verb in agent.verbs)
    within = "" if agent.lists is None else f"; within {_told_lists(agent)}"
    bound = "" if agent.rows_per_day is None else f"; at most {agent.rows_per_day} rows in 24 hours"
    mode = "" if agent.mode == "act" else "; what it writes is only proposed"
    end = "" if agent.until is None else f"; until {agent.until:%Y-%m-%dT%H:%MZ}"
    return f"This agent may: {may}{within}{bound}{mode}{end}. Only the person can change that."


def _told_lists(agent: Agent) -> str:
    """Return which lists an agent may see, by their ids: what they are called, it reads of the lists."""
    ids = [str(list_id) for list_id in sorted(agent.lists or ())]
    named = "" if not ids else f"the list{'s' if len(ids) > 1 else ''} {', '.join(ids[:TOLD])}"
    more = f" and {len(ids) - TOLD} more" if len(ids) > TOLD else ""
    own = " and the lists that it makes" if named else "the lists that it makes"
    return f"{named}{more}{own if agent.own_lists else ''}"


class Agents:
    """Finds agents in the database, for one process."""

    def __init__(self, database: Database) -> None:
        """Know none yet.

        Args:
            database: Where they are.
        """
        self._database = database
        self._known: Passing[tuple[int, Kind, str], Agent] = Passing(10_000, CACHED_FOR)
        """By user id, kind, and what it is known as."""
        self._unmade: Passing[tuple[int, Kind, str], Literal[True]] = Passing(10_000, RETRIED_AFTER)
        """Those that are new, and could not be stored a moment ago."""

    async def find(self, user_id: int, key: AgentKey, told: str | None, *, to_write: bool = True) -> Agent | None:
        """Return an agent of a person, made if it is new; None if it is new and cannot be stored now.

        Then nobody has blocked it, and it can only read. One that only reads waits for nobody's writes.

        Args:
            user_id: The person.
            key: What tells it from the others.
            told: How the client names itself, which says more than its id.
            to_write: Whether it is about to change something.

        Raises:
            Unavailable: The database cannot be reached.
            asyncpg.PostgresError: The person may not act any more.
        """
        name = (user_id, key.kind, key.known_as)
        if (known := self._known.get(name)) is not None:
            return known
        if not to_write and self._unmade.get(name):
            return None
        found = await self._found(user_id, key, told, to_write=to_write)
        if found is None:
            self._unmade[name] = True
        else:
            self._known[name] = found
        return found

    def forget_user(self, user_id: int) -> None:
        """Forget the agents of a person whose account was deleted."""
        for known in (self._known, self._unmade):
            for name in [name for name, _ in known.items() if name[0] == user_id]:
                known.pop(name)

    def forget(self, user_id: int, key: AgentKey) -> None:
        """Find an agent anew the next time: it has changed, or there is one by now."""
        for known in (self._known, self._unmade):
            known.pop((user_id, key.kind, key.known_as))

    async def _found(self, user_id: int, key: AgentKey, told: str | None, *, to_write: bool) -> Agent | None:
        names = {"kind": key.kind, "known_as": key.known_as}

        async def find() -> Row | None:
            return await self._database.read(user_id=user_id, token_id=None).row(queries.FIND, **names)

        async def make() -> Row:
            name = told if key.kind == "client" and told else key.name
            async with self._database.begin(user_id=user_id) as transaction:
                return await transaction.one(queries.MAKE, **names, name=name[:MAX_NAME_LENGTH])

        async def renew(agent_id: int) -> None:
            async with self._database.begin(user_id=user_id) as transaction:
                await transaction.rows(queries.USED, id=agent_id)

        row = await retried(find)
        if row is None:
            if to_write or self._database.has_room_for_writes:
                with suppress(Unavailable):
                    return Agent.of(await retried(make))
            return None
        if row["last_use_is_old"] and self._database.has_room_for_writes:
            with suppress(Unavailable):  # it may still read
                await retried(lambda: renew(row["id"]))
        return Agent.of(row)
