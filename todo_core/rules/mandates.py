"""What an agent must be allowed to do for a batch, by its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from todo_core.errors import TodoError
from todo_core.models.agents import Verb
from todo_core.models.mixed import MixedAdd

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
