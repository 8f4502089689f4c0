"""What operations answer, before a transport gives it its own form.

Rows stay the JSON text that PostgreSQL built: REST passes the bytes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic

from todo_core.errors import TodoError
from todo_core.models.fields import Shape


@dataclass(frozen=True, slots=True)
class Found(Generic[Shape]):
    """One row, or one summary, that was read."""

    json: str


@dataclass(frozen=True, slots=True)
class Near:
    """What somebody may have meant who found nothing."""

    words: str
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


@dataclass(frozen=True, slots=True)
class Done:
    """One item of a write, as JSON of the read shape; `changed` is false when it was so already."""

    json: str
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Touched:
    """A row before and after, as JSON of its read shape; `before` is None for a new row."""

    entity: str
    id: int
    before: str | None
    after: str

    def as_json(self) -> str:
        return f'{{"entity":"{self.entity}","id":{self.id},"before":{self.before or "null"},"after":{self.after}}}'


@dataclass(slots=True)
class Changed(Generic[Shape]):
    """What a write did: one result for each item, in the order of the request."""

    results: Sequence[Done | TodoError]
    touched: Sequence[Touched] = ()
    undoes: int | None = None
    """The change that this one reverts."""
    secret: str | None = None
    """Shown in the first answer only; never stored."""
    change_id: int | None = None
    """Names the change for `undo`; None when nothing changed."""
    replayed: bool = field(default=False, compare=False)
    """Whether this is the first answer again."""
    dry_run: bool = False
    """Whether nothing of it happened."""

    def one(self) -> Done:
        """The result of a request with a single item.

        Raises:
            TodoError: The item was refused.
        """
        (result,) = self.results
        if isinstance(result, TodoError):
            raise result
        return result
