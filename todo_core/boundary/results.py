"""Results of operations, before a transport gives them its own form.

Rows stay the JSON text that PostgreSQL built, and REST passes it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, NamedTuple

import orjson

from todo_core.errors import TodoError
from todo_core.models.changes import Entity
from todo_core.models.fields import Shape
from todo_core.storage.roles import Acting
from todo_core.text.json_text import json_text

_DOES_NOT_REPEAT: Final = '"repeat":null'
"""Is in the row of a todo that does not repeat, and in no text, where quotes are escaped. PostgreSQL writes such a row
as compactly as answers are; how a todo repeats it writes with blanks."""


@dataclass(frozen=True, slots=True)
class Found(Generic[Shape]):
    """A row or a summary that was read."""

    json: str
    forms: dict[str, Any] = field(default_factory=dict, compare=False)
    """What was made of it, by names of those who made it: with what is remembered, it is, too."""


@dataclass(frozen=True, slots=True)
class Near:
    """What a search that found nothing may have meant."""

    words: str
    """Known words like those that were looked for."""
    json: str
    """The best rows with these words, as a JSON array."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Shape]):
    """A page of rows, as a JSON array."""

    json: str
    total: int
    """Rows that match the filter, on all pages."""
    page_size: int
    next_cursor: str | None
    near: Near | None = None
    forms: dict[str, Any] = field(default_factory=dict, compare=False)
    """What was made of the rows, by names of those who made it: with a page that is remembered, it is, too."""


@dataclass(frozen=True, slots=True)
class Feed(Generic[Shape]):
    """A page of a record that only grows, as a JSON array: nobody counts all of it."""

    json: str
    page_size: int
    has_more: bool
    """Whether there are further rows in the direction of the page."""
    next_cursor: str | None
    """Leads to the next page in that direction; None on the last."""
    since: int | None
    """Where to follow on from here, once this direction has no more; None on a page that goes back from some place."""


@dataclass(slots=True)
class Done:
    """One item of a write that was accepted.

    Nobody changes one, nor a `Touched`. They are not frozen all the same: Python takes three times as long to make one
    that is, and a batch makes fifty of each.
    """

    row: str
    """The row as it is now, as JSON of its read shape."""
    changed: bool = True
    """False when it was so already."""
    beside: Mapping[str, Any] = field(default_factory=dict)
    """What the answer says after the row's own fields: facts of this write, which no read shows."""
    entity: Entity | None = None
    """What kind of row it is, where a write has several kinds: an undo."""
    before: str | None = None
    """The row before the write, as JSON of its read shape; None for a new one, and where nobody asks."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """Further facts for a face that says what became of each row: `list`, the name of the list that a todo went to;
    `new_tags`, the names of tags that were made for it; `moved`, whether its place was chosen; of a deleted list,
    `todos_trashed` or `todos_moved`."""

    @classmethod
    def of(cls, before: str, after: str | None) -> Done:
        """Return the result of a row that was `before`, and is `after` since; None where nothing changed."""
        return cls(before, changed=False, before=before) if after is None else cls(after, before=before)

    def as_dict(self) -> dict[str, Any]:
        """Return the whole answer, parsed: the row's fields, then what it says besides."""
        return {**orjson.loads(self.row), **self.beside}

    @property
    def json(self) -> str:
        """The whole answer as JSON: the text that PostgreSQL built, and behind it what the answer says besides."""
        if not self.beside:
            return self.row
        if _DOES_NOT_REPEAT not in self.row:
            return json_text(self.as_dict())
        return f"{self.row[:-1]},{json_text(self.beside)[1:]}"


@dataclass(slots=True)
class Touched:
    """A row before and after a write, for the change record; `before` is None for a new row."""

    entity: Entity
    id: int
    before: str | None
    """JSON, as `after` is."""
    after: str


class Recorded(NamedTuple):
    """A change in the record."""

    id: int
    is_followed: bool
    """Whether some process listens for changes."""


class Proposed(NamedTuple):
    """A proposal that was kept in the place of a write."""

    id: int
    expires_at: str
    """Until when it waits: the moment as rows have it."""


@dataclass(slots=True)
class Changed(Generic[Shape]):
    """The results of a write: one for each item, in the order of the request."""

    results: Sequence[Done | TodoError]
    touched: Sequence[Touched] = ()
    """Every row that changed, also those that follow from an item: they make the change record."""
    undoes: Sequence[int] = ()
    """The ids of the changes that this one reverts, the latest first."""
    skipped: Sequence[Mapping[str, Any]] = ()
    """Changes that an undo of several left as they are, the latest first: `change_id`, `message`, and what is in the
    way, as `conflicts` of a refusal have it."""
    more_results: int = 0
    """How many results are left out, for an answer that nobody could bound otherwise: an undo of very many rows."""
    secret: str | None = None
    """A new API token: shown in the first answer only, never stored."""
    recorded: Recorded | None = None
    """The change, where the operation has recorded it itself (`Tx.origin`)."""
    gone: int | None = None
    """The user whose account was deleted, with everything that is known of them."""
    change_id: int | None = None
    """Names the change for `undo`; None when nothing changed."""
    replayed: bool = field(default=False, compare=False)
    """Whether this is the stored answer to an earlier request with the same idempotency key."""
    dry_run: bool = False
    """Whether the transaction was rolled back, so that nothing changed."""
    proposal: Proposed | None = None
    """The proposal that was kept in its place, which waits for a person's approval: nothing changed so far."""

    @property
    def proposal_id(self) -> int | None:
        """Return the id of the proposal, if it was kept as one."""
        return None if self.proposal is None else self.proposal.id

    def one(self) -> Done:
        """Return the result of a request with a single item.

        Raises:
            TodoError: The item was refused.
        """
        (result,) = self.results
        if isinstance(result, TodoError):
            raise result
        return result


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody stands who follows the changes, and what they may see of them."""

    since: int
    """The last change that they know."""
    newest: int
    """The last change that there is."""
    shown: tuple[str, ...]
    """Kinds of rows that they may see; see `rules.showing`."""
    agent: Acting | None = None
    """The agent, if it is one that follows."""
