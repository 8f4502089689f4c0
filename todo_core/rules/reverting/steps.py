"""The steps of an undo, and their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done
from todo_core.boundary.turns import in_turns
from todo_core.errors import InsufficientScope
from todo_core.identity.scopes import Scope
from todo_core.models.changes import Entity
from todo_core.rules.reverting import lists, notes, tags, todos, users
from todo_core.rules.reverting.entries import Entries
from todo_core.rules.reverting.names import name_tags
from todo_core.storage.transactions import Row


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an undo: it puts back rows of one kind."""

    entity: Entity
    """The kind of row."""
    scope: Scope
    """What the caller's token must allow."""
    revert: Callable[[Tx, Entries], Awaitable[Changed[Any]]]
    which: Callable[[Row], bool] | None = None
    """Tells which rows of the kind, as the record has them; None for all that no step before has taken."""


STEPS: Final = (
    Step("list", "todos:write", lists.revert, lists.was_there),
    Step("tag", "todos:write", tags.revert_changed, tags.was_there),
    Step("note", "todos:write", notes.revert),
    Step("todo", "todos:write", todos.revert),
    Step("list", "todos:write", lists.revert),
    Step("tag", "todos:write", tags.revert_made),
    Step("user", "profile", users.revert),
)
"""Lists and tags come before the todos that refer to them, notes before the todos that count them, and tags that the
change made after the todos that lose them.

API tokens, agents and accounts cannot be reverted: a revoked token must never work again, what an agent may do is said
anew, and of a deleted account nothing is kept.
"""

ENTITIES: Final = frozenset(step.entity for step in STEPS)
"""The kinds of rows that can be reverted."""


def require_scopes(tx: Tx, entities: Collection[str]) -> None:
    """Refuse who may not take every step of an undo.

    Args:
        tx: The transaction.
        entities: The kinds of rows that it reverts.

    Raises:
        InsufficientScope: The token does not allow a step.
    """
    for step in STEPS:
        if step.entity in entities and not tx.caller.may(step.scope):
            raise InsufficientScope(step.scope)


def may_take(tx: Tx, entities: Collection[str]) -> bool:
    """Return whether the caller may take every step of an undo of rows of these kinds."""
    return all(tx.caller.may(step.scope) for step in STEPS if step.entity in entities)


async def revert(tx: Tx, entries: Entries) -> Changed[Any]:
    """Put the rows of a change back as they were before it; none of `entries` is left.

    Raises:
        UndoRefused: A later change is in the way of a row.
    """
    await name_tags(tx, entries)
    entries.made_tags = frozenset(row["id"] for row in entries.of("tag") if row["before"] is None)
    reverted: Changed[Any] = Changed([])
    for step in STEPS:
        of_step = entries.take(step.entity, step.which)
        if not of_step:
            continue
        part = await step.revert(tx, of_step)
        results = [replace(done, entity=step.entity) async for done in in_turns(part.results) if isinstance(done, Done)]
        reverted = Changed([*reverted.results, *results], [*reverted.touched, *part.touched])
    return reverted
