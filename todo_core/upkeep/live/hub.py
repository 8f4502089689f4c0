"""Keep the followers of each person's changes in this process, and wake them when there are new ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import asyncpg

from todo_core.boundary.acting import ENDED
from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Position, Recorded
from todo_core.errors import HistoryDeleted, Unavailable
from todo_core.log import structlog
from todo_core.models.fields import MAX_ID
from todo_core.queries import events
from todo_core.settings import Settings
from todo_core.storage.database import Database, retried
from todo_core.storage.roles import AGENT_ROLE, APP_ROLE, Acting, Role
from todo_core.storage.transactions import Row
from todo_core.upkeep.live.announcing import Announcer
from todo_core.upkeep.live.follower import Credential, Follower
from todo_core.upkeep.live.listening import Listening
from todo_core.upkeep.live.view import Form, Page, Told, View

OF_A_PERSON: Final = 20
"""Most followers of one person's changes in a process: tabs, agents, scripts that wait."""
READERS: Final = 2
"""Views that are read at the same time: of a pool of the usual size, three quarters are left for requests."""
BEAT: Final = 15.0
"""Seconds between two checks: may each follower still follow, and are there changes of which no notification came."""
POLL: Final = 2.0
"""Seconds between two checks while no notifications of other processes are received."""
ASKED: Final = 500
"""Most credentials that one statement checks."""
LINGER: Final = 5.0
"""Seconds for which the tasks go on after the last follower left: many come back."""
BLIND: Final = 60.0
"""Seconds without a successful check after which followers are ended. They connect again, and are let in or refused."""
_ROLES: Final[tuple[Role, ...]] = (APP_ROLE, AGENT_ROLE)
"""The roles in which somebody may follow."""
RETRY: Final = 1.0
"""Seconds after which a failed read or check is tried again."""
FULL_SECONDS: Final = 10
"""Seconds after which to try again (`Retry-After`) where there is no room for another follower."""

_log = structlog.get_logger()


@dataclass(slots=True)
class _Person:
    """A person whose changes somebody follows."""

    newest: int
    """The id of the newest change at the latest check."""
    views: dict[tuple[Acting | None, tuple[str, ...], Form[Any]], View[Any]] = field(default_factory=dict)
    """By the agent that follows (None for the person), the kinds of rows that it may see, and the form it wants."""

    @property
    def followers(self) -> int:
        return sum(len(view.followers) for view in self.views.values())


class Hub:
    """The followers of a process, their views, and the tasks that serve them; these run only while somebody follows."""

    def __init__(self, settings: Settings, url: str, database: Database, clock: Callable[[], datetime]) -> None:
        """Serve nobody yet.

        Args:
            settings: The configuration of `database`.
            url: The connection string of `database`.
            database: Where the changes are.
            clock: Returns the present moment, with a time zone.
        """
        self._database = database
        self._clock = clock
        self._announcer = Announcer(database)
        self._listening = Listening(settings, url, database, self._hear, self._look_soon)
        self._people: dict[int, _Person] = {}
        """By user id."""
        self._count = 0
        self._queue: asyncio.Queue[View[Any]] = asyncio.Queue()
        self._reading = asyncio.Semaphore(READERS)
        self._is_to_look = asyncio.Event()
        self._looked_at: dict[Role, float] = {}
        """By role, when its followers were last checked, by the clock of the event loop."""
        self._tasks: list[asyncio.Task[None]] = []
        self._is_closed = False
        self._resting: asyncio.TimerHandle | None = None
        """Ends the tasks `LINGER` seconds after the last follower left."""
        self.most = 1_000
        """Most followers of the process; a server sets it by the descriptors that it has."""

    @property
    def followers(self) -> int:
        """Count those who follow."""
        return self._count

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve as long as the block lasts."""
        async with self._announcer.running():
            try:
                yield
            finally:
                self.close()
                tasks, self._tasks = self._tasks, []
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """End every follower, and refuse new ones: the process is about to end."""
        if self._is_closed:  # uvicorn calls this for each connection
            return
        self._is_closed = True
        for follower in self._followers():
            follower.end()

    @contextmanager
    def following(self, caller: Caller, position: Position, form: Form[Told]) -> Iterator[Follower[Told]]:
        """Yield a follower of a caller's changes, from a position on.

        Args:
            caller: Who follows; `operations.events.follow` has checked that it may.
            position: The change after which to begin, as that operation returned it.
            form: What the follower is told of each change.

        Raises:
            Unavailable: There is no room for another follower, or the process is about to end.
        """
        user_id = caller.principal.user_id
        self._require_place(user_id)
        person = self._people.setdefault(user_id, _Person(position.newest))
        key = (position.agent, position.shown, form)
        if key not in person.views:
            person.views[key] = View(user_id, position.agent, position.shown, form, position.newest)
            if position.shown:  # without a kind of row that it may see, there is nothing to read
                self._wake(person.views[key])
        view: View[Told] = person.views[key]
        follower = Follower(caller, view, position.since, self._read)
        view.followers.add(follower)
        self._count += 1
        self._start()
        try:
            yield follower
        finally:
            self._count -= 1
            view.followers.remove(follower)
            if not view.followers:
                del person.views[key]
            if not person.views:
                del self._people[user_id]
            if not self._count:
                self._resting = asyncio.get_running_loop().call_later(LINGER, self._rest)

    def changed(self, user_id: int, recorded: Recorded) -> None:
        """Wake the followers of a person's changes, here and in other processes: one was committed."""
        self._hear(user_id, recorded.id)
        if recorded.is_followed:
            self._announcer.announce(user_id, recorded.id)

    def gone(self, user_id: int) -> None:
        """End the followers of a user who was deleted, here and in other processes.

        Other processes are notified of a change that does not exist: their followers look for it, and PostgreSQL
        refuses them.
        """
        if (person := self._people.get(user_id)) is not None:
            for view in person.views.values():
                _end(view.followers)
        self._announcer.announce(user_id, MAX_ID)

    def _require_place(self, user_id: int) -> None:
        if self._is_closed:
            raise Unavailable("This server is about to end.")
        person = self._people.get(user_id)
        if person is not None and person.followers >= OF_A_PERSON:
            raise Unavailable("You have as many open streams as one person may have; close one.", FULL_SECONDS)
        if self._count >= self.most:
            raise Unavailable("This server has as many open streams as it may have.", FULL_SECONDS)

    def _followers(self) -> list[Follower[Any]]:
        people = self._people.values()
        return [follower for person in people for view in person.views.values() for follower in view.followers]

    def _start(self) -> None:
        """Start the tasks that serve followers, unless they run."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if not self._tasks:
            serving = (self._listening.run(), self._check_regularly(), *(self._serve() for _ in range(READERS)))
            # An empty context: else the id of the request that came first would be in everything that they log.
            self._tasks = [asyncio.create_task(task, context=Context()) for task in serving]

    def _rest(self) -> None:
        """Stop the tasks if nobody follows any more."""
        if not self._count:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    def _hear(self, user_id: int, change_id: int) -> None:
        """Have those views of a person read that do not have a change yet."""
        if (person := self._people.get(user_id)) is not None:
            for view in person.views.values():
                if view.shown and view.head < change_id:
                    self._wake(view)

    def _look_soon(self) -> None:
        self._is_to_look.set()

    def _wake(self, view: View[Any]) -> None:
        """Queue a view for reading; one that is being read is read once more."""
        view.is_wanted = True
        if not view.is_queued:
            view.is_queued = True
            self._queue.put_nowait(view)

    async def _serve(self) -> None:
        """Read views that are wanted, until cancelled. Each is read by one task at a time."""
        while True:
            view = await self._queue.get()
            view.is_wanted = False
            try:
                if view.followers:
                    await self._read_on(view)
            except Exception as error:  # whatever it is, others are still to be served
                if not isinstance(error, Unavailable):  # which the database logs
                    _log.exception("view_not_read")
                view.is_wanted = True
                await asyncio.sleep(RETRY)
            finally:
                view.is_queued = False
            if view.is_wanted and view.followers:
                self._wake(view)

    async def _read_on(self, view: View[Any]) -> None:
        """Read the next changes of a view; end its followers if they may not read it any more."""
        try:
            page = await self._read(view, view.head)
        except HistoryDeleted:
            _end(view.followers)
        except asyncpg.PostgresError as error:
            if error.sqlstate not in ENDED:
                raise
            _end(view.followers)
        else:
            view.add(page)
            view.is_wanted |= page.more

    async def _read(self, view: View[Told], since: int) -> Page[Told]:
        async with self._reading:
            return await retried(lambda: view.read(self._database, since))

    async def _check_regularly(self) -> None:
        """Run a check every `BEAT` (or `POLL`) seconds, and at once when `_look_soon` asks for it, until cancelled."""
        self._looked_at = dict.fromkeys(_ROLES, asyncio.get_running_loop().time())
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT if self._listening.is_hearing else POLL):
                    await self._is_to_look.wait()
            self._is_to_look.clear()
            if not await self._look():
                await asyncio.sleep(RETRY)
                self._look_soon()

    async def _look(self) -> bool:
        """Check all followers; return whether the database could be asked."""
        now = self._clock().timestamp()
        _end(follower for follower in self._followers() if follower.expires_at <= now)
        return all([await self._look_as(role) for role in _ROLES])

    async def _look_as(self, role: Role) -> bool:
        """Check the followers of a role; return whether the database could be asked.

        If it could not for longer than `BLIND`, they are ended, and those of other roles are not: the login may have
        lost one role alone.
        """
        time, has_lists = asyncio.get_running_loop().time, role == AGENT_ROLE
        followers = [one for one in self._followers() if one.credential.has_lists == has_lists]
        credentials = [*{follower.credential for follower in followers}]
        try:
            for start in range(0, len(credentials), ASKED):
                await self._look_at(credentials[start : start + ASKED], role)
        except Exception as error:
            if not isinstance(error, Unavailable):
                _log.exception("followers_not_looked_at")
            if time() - self._looked_at[role] > BLIND:
                _end(followers)
            return False
        self._looked_at[role] = time()
        return True

    async def _look_at(self, credentials: Sequence[Credential], role: Role) -> None:
        """Check credentials in one statement, as their role: wake those with new changes, end those that are refused.

        PostgreSQL refuses the whole statement if it refuses one of them, so halves are tried until that one is alone.
        """
        try:
            rows = await retried(lambda: self._newest(credentials, role))
        except asyncpg.PostgresError as error:
            if error.sqlstate not in ENDED:
                raise
            if len(credentials) == 1:
                _end(follower for follower in self._followers() if follower.credential == credentials[0])
                return
            half = len(credentials) // 2
            for some in (credentials[:half], credentials[half:]):
                await self._look_at(some, role)
            return
        for user_id, newest in rows:
            person = self._people.get(user_id)
            if person is not None and newest is not None and newest > person.newest:
                person.newest = newest
                self._hear(user_id, newest)

    async def _newest(self, credentials: Sequence[Credential], role: Role) -> list[Row]:
        """Return the newest change of each person (`events.LATEST_OF_EACH`); raises as `Database.begin` does."""
        user_ids, token_ids, agent_ids, versions, _ = zip(*credentials, strict=True)
        async with self._database.begin(read_only=True, upkeep=True, role=role) as transaction:
            return await transaction.rows(
                events.LATEST_OF_EACH,
                user_ids=user_ids,
                token_ids=token_ids,
                agent_ids=agent_ids,
                versions=versions,
            )


def _end(followers: Any) -> None:
    for follower in list(followers):
        follower.end()
