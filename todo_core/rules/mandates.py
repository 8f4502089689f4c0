"""What an agent must be allowed to do for a batch, by its items; and the lists that a mandate may name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.errors import FieldError, InvalidInput, TodoError
from todo_core.models.agents import Verb
from todo_core.models.mixed import MixedAdd
from todo_core.rules.lists import Lists

_NO_CHANGE: Final = frozenset({"id", "key", "action", "if_version", "is_completed"})
"""Fields of an update that say which todo, or set it done or open."""
_OF_ACTIONS: Final[Mapping[str, Verb]] = {
    "complete": "complete",
    "reopen": "complete",
    "skip": "complete",
    "delete": "delete",
    "restore": "change",
}


def verbs_of_updates(items: Sequence[Mapping[str, Any] | TodoError]) -> set[Verb]:
    """Return what updates of todos are: completing, changing, or both. Refused items are nothing."""
    return {verb for item in items if not isinstance(item, TodoError) for verb in _of_update(item)}


def verbs_of_mixed(items: Sequence[Any]) -> set[Verb]:
    """Return what the items of a mixed batch are. Refused items are nothing."""
    return {verb for item in items if not isinstance(item, TodoError) for verb in _of_mixed(item)}


def _of_update(item: Mapping[str, Any]) -> set[Verb]:
    completes: set[Verb] = {"complete"} if "is_completed" in item else set()
    changes: set[Verb] = {"change"} if item.keys() - _NO_CHANGE else set()
    return completes | changes or {"change"}


def _of_mixed(item: Any) -> set[Verb]:
    if isinstance(item, MixedAdd):
        return {"add"}
    return _of_update(item) if item["action"] == "update" else {_OF_ACTIONS[item["action"]]}


async def mandated_lists(tx: Tx, lists: Sequence[int] | None, own_lists: bool, within: str = "") -> dict[str, Any]:
    """Return the part of a mandate that is about lists, each list once.

    Args:
        tx: The transaction.
        lists: Ids of lists; None for all.
        own_lists: Whether the agent sees the lists that it makes.
        within: Where the mandate is in the request, with a dot behind.

    Raises:
        NotFound, NotOwner: The person has no such list.
        InvalidInput: The agent would see nothing; or all lists, and not its own.
    """
    if lists is None and not own_lists:
        message = "goes with `lists`: an agent that may see all lists sees its own"
        raise InvalidInput(errors=[FieldError(f"{within}own_lists", message, code="conflicting")])
    if lists is not None and not lists and not own_lists:
        message = "must name a list, or let the agent make its own; to stop it, block it"
        raise InvalidInput(errors=[FieldError(f"{within}lists", message, code="required")])
    ids = None if lists is None else sorted({*lists})
    present = await Lists.of(tx, ids or [])
    for list_id in ids or ():
        present.require(list_id, f"{within}lists")
    return {"lists": ids, "own_lists": own_lists}
