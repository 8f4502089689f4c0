"""The latest changes of a person as one kind of reader is told of them: read once, and made once, for all of these."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import orjson

from todo_core.errors import HistoryDeleted
from todo_core.queries import history as queries
from todo_core.storage.database import Database
from todo_core.storage.roles import Acting

if TYPE_CHECKING:
    from todo_core.upkeep.live.follower import Follower

Told = TypeVar("Told")

PAGE: Final = 100
"""Changes that are read at once."""
KEPT: Final = 1_000
"""Changes and rows of changes, counted together, that are kept for followers who have not taken them yet. Whoever is
further behind reads them in the record again."""


@dataclass(frozen=True, slots=True, eq=False)
class Form(Generic[Told]):
    """What followers of a kind are told of a change. There is one object for each kind."""

    rows: bool
    """Whether it is made of the rows before and after, too."""
    make: Callable[[dict[str, Any]], Told]
    """Makes it of the change, which is as `ChangeRead` has it."""


@dataclass(frozen=True, slots=True)
class Event(Generic[Told]):
    """A change, as followers are told of it."""

    id: int
    told: Told
    size: int
    """How much of `KEPT` it takes."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Told]):
    """Changes that follow some place in the record, in the order of commits."""

    events: Sequence[Event[Told]]
    through: int
    """Nothing that may be seen follows that place up to here, but these."""
    more: bool
    """Whether there are further ones."""


class View(Generic[Told]):
    """The latest changes of a person, in one form, and who follows them."""

    def __init__(
        self, user_id: int, agent: Acting | None, shown: tuple[str, ...], form: Form[Told], newest: int
    ) -> None:
        """Begin without a change.

        Args:
            user_id: Whose changes.
            agent: The agent whose followers they are, if it is one.
            shown: Kinds of rows that followers may see.
            form: What they are told.
            newest: The last change that is of no interest here any more.
        """
        self.user_id = user_id
        self.agent = agent
        self.shown = shown
        self._form = form
        self.head = newest
        """It was read up to here."""
        self.floor = newest
        """What came after this change is kept."""
        self.followers: set[Follower[Told]] = set()
        self.is_wanted = False
        """Whether it is to be read, again if it is being read."""
        self.is_queued = False
        """Whether it waits to be read, or is being read."""
        self._events: deque[Event[Told]] = deque()
        self._size = 0

    def after(self, cursor: int) -> list[Event[Told]] | None:
        """Return the changes that are known after `cursor`, oldest first; None if some are not kept any more."""
        if cursor < self.floor:
            return None
        events: list[Event[Told]] = []
        for event in reversed(self._events):
            if event.id <= cursor:
                break
            events.append(event)
        events.reverse()
        return events

    def add(self, page: Page[Told]) -> None:
        """Keep what follows `head`, and wake everybody."""
        for event in page.events:
            self._events.append(event)
            self._size += event.size
        while self._size > KEPT:
            oldest = self._events.popleft()
            self._size -= oldest.size
            self.floor = oldest.id
        self.head = max(self.head, page.through)
        if page.events:
            for follower in self.followers:
                follower.wake()

    async def read(self, database: Database, since: int) -> Page[Told]:
        """Read a page of the changes after `since`. It costs nobody's rate limit, and takes nobody's place.

        Raises:
            HistoryDeleted: Some of them were purged.
            Unavailable: PostgreSQL cannot be reached.
            asyncpg.PostgresError: The person may not act any more, or PostgreSQL refused the statement.
        """
        row = await database.read(user_id=self.user_id, token_id=None, agent=self.agent).one(
            queries.SINCE,
            limit=PAGE,
            since=since,
            shown=[*self.shown],
            rows=self._form.rows,
            **dict.fromkeys(("made_from", "made_until", "client", "agent")),  # whatever the time, whoever made it
        )
        if since < row["deleted_through"]:
            raise HistoryDeleted(row["deleted_through"])
        through = max(since, row["highest"] or 0)
        if not row["more"]:
            through = max(through, row["behind_hidden"] or 0)
        return Page([self._event(change) for change in orjson.loads(row["rows"])], through, row["more"])

    def _event(self, change: dict[str, Any]) -> Event[Told]:
        return Event(change["id"], self._form.make(change), 1 + len(change["entries"]))
