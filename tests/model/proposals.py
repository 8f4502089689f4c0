"""What an agent may do, what it proposes, and when that is stale: it would do something else than was shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tests.model.dates import Json
from tests.model.model import Refused, State, Writing
from tests.model.people import Outcome
from tests.model.rows import Entry, Note, Profile, Tag, Todo, TodoList
from tests.model.wire import How, Request

EVERY: Final = frozenset({"add", "complete", "change", "delete"})
"""The verbs of writes."""
NEEDED: Final[dict[str, set[str]]] = {
    "add": {"add"},
    "add_lists": {"add"},
    "complete": {"complete"},
    "reopen": {"complete"},
    "skip": {"complete"},
    "delete": {"delete"},
    "restore": {"change"},
    "note": {"change"},
    "update_lists": {"change"},
    "delete_lists": {"delete"},
    "rename_tag": {"change"},
    "merge_tag": {"change", "delete"},
    "delete_tag": {"delete"},
    "undo": {*EVERY},
    "undo_several": {*EVERY},
    "profile": {"change"},
}
"""What an agent must be allowed to do for a write; updates and mixed batches say it by their items."""
OF_ALL_LISTS: Final = ("rename_tag", "merge_tag", "delete_tag", "profile")
"""Writes that are not about lists."""
_OF_ACTIONS: Final = {
    "add": "add",
    "complete": "complete",
    "reopen": "complete",
    "skip": "complete",
    "delete": "delete",
}


@dataclass(frozen=True, slots=True)
class Mandate:
    """What an agent may do."""

    verbs: frozenset[str] = EVERY
    proposes: bool = False
    lists: frozenset[int] | None = None
    """The lists that it names; None for all."""
    own_lists: bool = True
    """Whether it sees those that it makes, too."""

    def require(self, request: Request, *, is_dry: bool) -> None:
        """Refuse what it does not allow."""
        if not needed(request) <= self.verbs or (request.kind == "profile" and self.proposes and not is_dry):
            raise Refused("outside_mandate")
        if self.lists is not None and request.kind in OF_ALL_LISTS:
            raise Refused("outside_mandate")
        if request.kind == "add_lists" and not self.own_lists:
            raise Refused("outside_mandate")

    def sees(self, own: frozenset[int]) -> frozenset[int] | None:
        """The lists that it shows to an agent that has made those of `own`; None for all."""
        return None if self.lists is None else self.lists | (own if self.own_lists else frozenset())


def needed(request: Request) -> set[str]:
    if request.kind == "update":
        return {verb for item in request.items for verb in _of_update(item)}
    if request.kind == "mix":
        return {verb for item in request.items for verb in _of_item(item)}
    return NEEDED[request.kind]


def _of_update(item: Json) -> set[str]:
    completes = {"complete"} if "is_completed" in item else set()
    changes = {"change"} if item.keys() - {"id", "if_version", "is_completed", "action"} else set()
    return completes | changes or {"change"}


def _of_item(item: Json) -> set[str]:
    if item["action"] == "update":
        return _of_update(item)
    return {_OF_ACTIONS.get(item["action"], "change")}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A write that waits for its person."""

    id: int
    how: How
    request: Request
    run: Callable[[Writing], Any]
    undoes: list[int]
    said_at: datetime
    effects: Effects


def require_whole(outcome: Outcome, *, is_proposed: bool) -> None:
    """Refuse to keep a batch of which an item is refused."""
    if is_proposed and any(isinstance(one, Refused) for one in outcome.results):
        raise Refused("invalid_input")


Key = tuple[str, int]
Effects = tuple[dict[Key, tuple[Any, ...]], Counter[tuple[Any, ...]]]
"""What a write does to each row that was there, and the rows that it makes."""


def effects(state: State, outcome: Outcome) -> Effects:
    """What a write does, without what differs from time to time.

    Args:
        state: What it leaves.
        outcome: What it does.
    """
    made = [entry for entry in outcome.entries if entry.before is None]
    names = {(entry.entity, entry.after.id): f"new {number}" for number, entry in enumerate(made)}
    later = _later(outcome)
    rows: dict[Key, tuple[Any, ...]] = {}
    new: Counter[tuple[Any, ...]] = Counter()
    for entry in outcome.entries:
        row_id = entry.after.id
        is_later = row_id in later if entry.before is None else _goes_on(entry)
        becomes = _becomes(state, entry, names, is_later=is_later)
        if entry.before is None:
            new[becomes] += 1
        else:
            rows[entry.entity, row_id] = (getattr(entry.before, "version", None), becomes)
    return rows, new


def _later(outcome: Outcome) -> set[int]:
    """New todos that come after others, and what is made below them."""
    new = {entry.after.id: entry.after for entry in outcome.entries if entry.before is None}
    todos = {row_id: row for row_id, row in new.items() if isinstance(row, Todo)}
    later = {row_id for row_id, row in todos.items() if row.follows is not None}
    while below := {row_id for row_id, row in todos.items() if row.parent_id in later and row_id not in later}:
        later |= below
    return later


def _goes_on(entry: Entry) -> bool:
    """Whether a todo goes on to another occurrence."""
    before, after = entry.before, entry.after
    if not isinstance(before, Todo) or not isinstance(after, Todo) or before.repeat is None or after.repeat is None:
        return False
    return before.repeat.scheduled != after.repeat.scheduled


def _becomes(state: State, entry: Entry, names: dict[Any, str], *, is_later: bool) -> tuple[Any, ...]:
    row = entry.after
    own = () if entry.before is None else (row.id,)
    match row:
        case Todo() if entry.is_partial:
            return "todo", *own, row.list_id, row.deleted is not None
        case Todo():
            due = None if row.due is None else tuple(row.due.read(state.zone).items())
            repeat = None if row.repeat is None else tuple(row.repeat.read().items())
            if is_later:
                due, start = None, None
                repeat = repeat and tuple(pair for pair in repeat if pair[0] in ("rule", "counts_from"))
            else:
                start = row.start
            where = names.get(("list", row.list_id), row.list_id), names.get(("todo", row.parent_id), row.parent_id)
            plain = row.title, row.description, row.priority, row.key, row.source, state.tags_of(row.id)
            return "todo", *own, *where, *plain, due, start, repeat, row.completed is not None, row.deleted is not None
        case TodoList():
            before = entry.before
            hides = isinstance(before, TodoList) and row.is_archived and not before.is_archived
            todos = {one.id for one in state.todos.values() if one.is_live and one.list_id == row.id} if hides else ()
            return "list", *own, row.name, row.color, row.is_archived, row.is_deleted, frozenset(todos)
        case Tag():
            goes = isinstance(entry.before, Tag) and row.is_deleted and not entry.before.is_deleted
            todos = {one for one in state.has_tag(row.id) if state.todos[one].is_live} if goes else ()
            return "tag", *own, row.name, row.is_deleted, entry.merged, frozenset(todos)
        case Note():
            return "note", *own, names.get(("todo", row.todo_id), row.todo_id), row.text, row.is_deleted
        case Profile():
            chosen = row.display_name, row.time_zone, row.locale, row.week_start, row.default_list_id, row.new_todos
            return "user", *own, *chosen
