"""The people of the model: what each has, what a write of theirs answers, and what the record keeps of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.model.dates import Json, start_of
from tests.model.lists import Lists, is_shown, joined, seen
from tests.model.model import Done, State, Writing, name_key
from tests.model.order import beside
from tests.model.rows import Change, Entity, Entry, Todo

PRIORITIES = ("low", "medium", "high", "urgent")
_PAST, _FUTURE = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
TIMES = {"created_at": "created", "updated_at": "updated", "completed_at": "completed", "deleted_at": "deleted"}


@dataclass(slots=True)
class Outcome:
    """What a write is to answer: for each item what was done, or why not."""

    results: list[Any]
    entries: list[Entry]
    changed: frozenset[tuple[Entity, int]]
    """The rows that are different."""

    @property
    def has_next(self) -> bool:
        """Whether an item has a next occurrence."""
        return any(isinstance(one, Done) and one.next for one in self.results)


@dataclass(slots=True)
class Person:
    """Somebody, with every row, and everything that was ever changed."""

    name: str
    state: State
    changes: dict[int, Change] = field(default_factory=dict)
    recent: int = 0
    """The todo that a write changed last."""
    through_mcp: set[int] = field(default_factory=set)
    """The changes that came through MCP, but for those that the person approved."""
    made_by_helper: set[int] = field(default_factory=set)
    """The lists that this agent made."""
    of_helper: set[int] = field(default_factory=set)
    """The changes of the agent that has a mandate."""

    def seen_by(self, lists: Lists | None) -> Person:
        """What an agent sees that sees these lists; None for all."""
        return self if lists is None else replace(self, state=seen(self.state, lists))

    def trashed_lately(self, *, by_helper: bool, lists: Lists | None) -> int:
        """How many todos an agent moved to the trash, but for what was undone, and what it does not see."""
        changes = (self.changes[one] for one in self.through_mcp if (one in self.of_helper) == by_helper)
        entries = [entry for change in changes if change.undone_by is None for entry in change.entries]
        return sum(
            (lists is None or is_shown(one, self.state, lists))
            and isinstance(one.before, Todo)
            and isinstance(one.after, Todo)
            and one.before.is_live
            and not one.after.is_live
            for one in entries
        )

    def near_first(self) -> dict[int, Todo]:
        """All todos, those of the family that changed last before others: what touches is what may clash."""
        todos = self.state.todos
        if self.recent not in todos:
            return todos
        top = [todos[self.recent], *self.state.above(self.recent)][-1]
        return {todo.id: todo for todo in (top, *self.state.below(top.id))} | todos

    def owns(self, entity: Entity, row_id: int) -> bool:
        state = self.state
        rows: dict[str, Any] = {
            "todo": state.todos,
            "list": state.lists,
            "tag": state.tags,
            "change": self.changes,
        }
        return row_id in rows[entity]

    def try_out(self, w: Writing, run: Callable[[Writing], Any]) -> tuple[State, Outcome]:
        """What a write would do: the state it would leave, and its outcome; `self` stays as it is."""
        rest = w.hidden
        results = run(w) or []
        if rest is not None:
            w.state = joined(w.state, rest)
        entries = list(differences(self.state, w))
        for entry in entries:
            replace_row(w.state, entry)
        return w.state, Outcome(results, entries, frozenset((one.entity, one.after.id) for one in entries))

    # --- reading ----------------------------------------------------------------------------------

    def todo(self, todo_id: int) -> Json:
        """A todo as it is read, without its times."""
        state, todo = self.state, self.state.todos[todo_id]
        return {
            "id": todo.id,
            "title": todo.title,
            "description": todo.description,
            "priority": todo.priority,
            "list_id": todo.list_id,
            "parent_id": todo.parent_id,
            "tags": list(state.tags_of(todo.id)),
            "start": todo.start.isoformat() if todo.start else None,
            "due": todo.due.read(state.zone) if todo.due else None,
            "repeat": todo.repeat.read() if todo.repeat else None,
            "is_completed": todo.completed is not None,
            "all_subtasks": sum(child.is_live for child in state.children(todo.id)),
            "open_subtasks": sum(child.is_open for child in state.children(todo.id)),
            "done_subtasks": sum(child.is_live and not child.is_open for child in state.children(todo.id)),
            "key": todo.key,
            "source": todo.source,
            "note_count": len(state.notes_on(todo.id)),
            "version": todo.version,
        }

    def lists(self, archived: str) -> list[Json]:
        """Lists as they are read, in their order; the place counts archived ones too."""
        return [
            {
                "id": one.id,
                "name": one.name,
                "color": one.color,
                "position": place,
                "is_inbox": one.is_inbox,
                "open_todos": self.state.open_in(one.id),
                "version": one.version,
            }
            for place, one in enumerate(self.state.live_lists(), 1)
            if archived == "include" or one.is_archived == (archived == "only")
        ]

    def tags(self) -> list[Json]:
        """Tags as they are read, in alphabetical order."""
        return [
            {"id": one.id, "name": one.name, "open_todos": self.open_with(one.id), "version": one.version}
            for one in self.state.live_tags()
        ]

    def open_with(self, tag_id: int) -> int:
        return sum(self.state.todos[todo].is_open for todo in self.state.has_tag(tag_id))

    def find(self, wanted: Json, now: datetime) -> list[int]:
        """The ids of todos that a filter finds, in its order. Bounds of dates are days or moments of Python."""
        state, status = self.state, wanted.get("status", "open")
        names_it = wanted.keys() & {"list_id", "parent_id", "ids", "key"}
        hides_archived = not (names_it or wanted.get("archived") or status == "trashed")
        chosen = {
            "open": lambda todo: todo.is_open,
            "done": lambda todo: todo.is_live and todo.completed is not None,
            "all": lambda todo: todo.is_live,
            "trashed": lambda todo: not todo.is_live,
        }[status]
        conditions: list[Callable[[Any], bool]] = [chosen]
        if hides_archived:
            conditions.append(lambda todo: not state.lists[todo.list_id].is_archived)
        if "list_id" in wanted:
            conditions.append(lambda todo: todo.list_id == wanted["list_id"])
        if "parent_id" in wanted:
            conditions.append(lambda todo: todo.parent_id == wanted["parent_id"])
        if "ids" in wanted:
            conditions.append(lambda todo: todo.id in wanted["ids"])
        if "key" in wanted:
            conditions.append(lambda todo: todo.key == wanted["key"])
        if "priority" in wanted:
            conditions.append(lambda todo: todo.priority in wanted["priority"])
        if wanted.get("top_level"):
            conditions.append(lambda todo: todo.parent_id is None)
        if "tags" in wanted:
            keys = {name_key(name) for name in wanted["tags"]}
            match = all if wanted.get("tags_match") == "all" else any
            conditions.append(
                lambda todo: match(key in {name_key(name) for name in state.tags_of(todo.id)} for key in keys)
            )
        having: dict[str, Callable[[Any], bool]] = {
            "has_due": lambda todo: todo.due is not None,
            "has_tags": lambda todo: bool(state.tags_of(todo.id)),
            "has_list": lambda todo: todo.list_id != state.inbox,
            "has_subtasks": lambda todo: any(child.is_live for child in state.children(todo.id)),
            "repeats": lambda todo: todo.repeat is not None,
            "started": lambda todo: not self._is_later(todo, now),
        }
        if status in ("open", "all") and not wanted.keys() & {"ids", "key"}:
            wanted = {"started": True} | wanted
        asked = [(having[name], wanted[name]) for name in having if name in wanted]
        conditions.append(lambda todo: all(has(todo) == is_asked for has, is_asked in asked))
        conditions += self._due_conditions(wanted, now)
        found = [todo for todo in state.todos.values() if all(holds(todo) for holds in conditions)]
        sort = wanted.get("sort", "created")
        descending = wanted.get("direction", "asc" if sort in ("start", "due", "title", "manual") else "desc") == "desc"
        never = _PAST if descending else _FUTURE  # what is not due comes last in either direction
        keys_of: dict[str, Callable[[Any], Any]] = {
            "created": lambda todo: todo.created,
            "updated": lambda todo: todo.updated,
            "priority": lambda todo: PRIORITIES.index(todo.priority),
            "title": lambda todo: todo.title.lower(),
            "due": lambda todo: todo.due.at(state.zone) if todo.due else never,
            "start": lambda todo: todo.start or never.date(),
            "manual": lambda todo: todo.place,
            "pressing": lambda todo: self._pressing(todo, now),
        }
        found.sort(key=lambda todo: (keys_of[sort](todo), todo.id), reverse=descending)
        return [todo.id for todo in found]

    def _is_later(self, todo: Todo, now: datetime) -> bool:
        """Whether an open todo, or one above it, starts after today."""
        today = now.astimezone(self.state.zone).date()
        line = [todo, *self.state.above(todo.id)] if todo.is_open else []
        return any(one.start is not None and one.start > today for one in line)

    def _pressing(self, todo: Todo, now: datetime) -> tuple[bool, int, float]:
        """Due by the end of today and open; then the priority; then how early it is due."""
        zone = self.state.zone
        at = todo.due.at(zone) if todo.due else _FUTURE
        is_now = todo.completed is None and at.astimezone(zone).date() <= now.astimezone(zone).date()
        return is_now, PRIORITIES.index(todo.priority), -at.timestamp()

    def _due_conditions(self, wanted: Json, now: datetime) -> Sequence[Callable[[Any], bool]]:
        zone = self.state.zone
        conditions: list[Callable[[Any], bool]] = []
        if wanted.get("overdue"):
            conditions.append(lambda todo: todo.due is not None and todo.due.at(zone) < now and todo.completed is None)
        if "due_after" in wanted:
            first = wanted["due_after"]
            conditions.append(lambda todo: todo.due is not None and todo.due.at(zone) >= start_of(first, zone))
        if "due_before" in wanted:
            last = wanted["due_before"]
            conditions.append(lambda todo: todo.due is not None and todo.due.at(zone).astimezone(zone).date() <= last)
        return conditions


def differences(before: State, w: Writing) -> Any:
    """Every row that a write touched, its version one higher."""
    state = w.state
    for list_id, one in state.lists.items():
        if one != before.lists.get(list_id):
            yield _entry("list", before.lists.get(list_id), one)
    for todo_id, todo in state.todos.items():
        old = before.todos.get(todo_id)
        if old is None:
            yield Entry("todo", None, todo)
        elif todo != old or todo_id in w.retagged:
            moved = todo
            if todo.version == old.version:  # else it counted its own
                moved = replace(todo, version=old.version + 1, updated=w.moment + (2 if todo_id in w.late else 0))
            tags, tags_after = w.retagged.get(todo_id, (None, ()))
            between = None if todo_id in w.swept else beside(before, old)
            yield Entry("todo", old, moved, tags, tags_after, between, w.is_partial)
    for tag_id, tag in state.tags.items():
        if tag != before.tags.get(tag_id):
            entry = _entry("tag", before.tags.get(tag_id), tag)
            yield replace(entry, merged=w.merged.get(tag_id), unmerged=w.unmerged.get(tag_id))
    yield from (
        Entry("note", before.notes.get(one.id), one) for one in state.notes.values() if one != before.notes.get(one.id)
    )
    if state.profile != before.profile:
        yield _entry("user", before.profile, state.profile)


def _entry(entity: Entity, before: Any, after: Any) -> Entry:
    has_counted = before is None or after.version != before.version
    return Entry(entity, before, after if has_counted else replace(after, version=before.version + 1))


def replace_row(state: State, entry: Entry) -> None:
    row: Any = entry.after
    if entry.entity == "user":
        state.profile = row
    else:
        tables: dict[str, Any] = {"list": state.lists, "todo": state.todos, "tag": state.tags, "note": state.notes}
        tables[entry.entity][row.id] = row
