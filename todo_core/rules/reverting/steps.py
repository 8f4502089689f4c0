"""The steps of an undo, and their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import InsufficientScope
from todo_core.identity.scopes import Scope
from todo_core.models.changes import Entity
from todo_core.rules.reverting import lists, tags, todos, users
from todo_core.rules.reverting.entries import Entry


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an undo: it puts back rows of one kind."""

    entity: Entity
    """The kind of row."""
    scope: Scope
    """What the caller's token must allow."""
    revert: Callable[[Tx, Sequence[Entry]], Awaitable[Changed[Any]]]
    rows: Literal["all", "changed", "made"] = "all"
    """Which rows of the kind: all, those that were there before the change, or those that it made."""

    def reverts(self, entry: Entry) -> bool:
        """Return whether this step puts back a row of a change."""
        kind = "made" if entry.before is None else "changed"
        return entry.entity == self.entity and self.rows in ("all", kind)


STEPS: Final = (
    Step("list", "todos:write", lists.revert),
    Step("tag", "todos:write", tags.revert_changed, rows="changed"),
    Step("todo", "todos:write", todos.revert),
    Step("tag", "todos:write", tags.revert_made, rows="made"),
    Step("user", "profile", users.revert),
)
"""Lists and tags come before the todos that refer to them, tags that the change made after the todos that lose them.

API tokens and accounts cannot be reverted: a revoked token must never work again, and of a deleted account nothing is
kept.
"""


def can_revert(entries: Iterable[Entry]) -> bool:
    """Return whether there is a step for every row of a change."""
    return {entry.entity for entry in entries} <= {step.entity for step in STEPS}


async def revert(tx: Tx, entries: Sequence[Entry]) -> Changed[Any]:
    """Put the rows of a change back as they were before it.

    Raises:
        InsufficientScope: The token does not allow a step.
        UndoRefused: A later change is in the way of a row.
    """
    reverted: Changed[Any] = Changed([])
    for step in STEPS:
        rows = [entry for entry in entries if step.reverts(entry)]
        if not rows:
            continue
        if not tx.caller.may(step.scope):
            raise InsufficientScope(step.scope)
        part = await step.revert(tx, rows)
        reverted = Changed([*reverted.results, *part.results], [*reverted.touched, *part.touched])
    return reverted
