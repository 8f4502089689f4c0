"""The domain as a model: a person's rows in plain Python, and what each write makes of lists, tags and the profile.

It follows the words of `specs/domain/todos.md`, not the code. Rows are immutable, so a state is copied by copying its
dictionaries; the record of changes is the difference between the states before and after a write. What the model cannot
know, the ids of new rows, the positions of lists and the moments of writes, it takes from the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from tests.model.dates import Json
from tests.model.order import sweep
from tests.model.rows import Entity, Moment, Note, Profile, Siblings, Tag, Target, Todo, TodoList

MOST_UNASKED = 10
"""Todos that an agent may trash without a person's word (MC8)."""


class Refused(Exception):
    """A request, or an item of one, was refused."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Done:
    """An item that was accepted."""

    id: int
    along: set[int] = field(default_factory=set)
    """Relatives that went along, if nobody before took them."""
    next: frozenset[int] = frozenset()
    """The next occurrence; several, where any of them may be it."""
    existing: bool = False
    """Whether it had the key of what was to be added."""
    noted: bool = False
    """Whether a note was added."""


Result = Done | Refused


@dataclass(slots=True)
class State:
    """Every row of a person, deleted ones too."""

    profile: Profile
    lists: dict[int, TodoList]
    order: tuple[int, ...]
    """The ids of live lists, in their order."""
    todos: dict[int, Todo] = field(default_factory=dict)
    tags: dict[int, Tag] = field(default_factory=dict)
    links: frozenset[tuple[int, int]] = frozenset()
    """Which todo has which tag."""
    notes: dict[int, Note] = field(default_factory=dict)

    def copy(self) -> State:
        rows = (dict(self.todos), dict(self.tags), self.links, dict(self.notes))
        return State(self.profile, dict(self.lists), self.order, *rows)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.profile.time_zone)

    @property
    def inbox(self) -> int:
        """Its id; 0 where it is not seen."""
        return next((one.id for one in self.lists.values() if one.is_inbox), 0)

    def live_lists(self) -> list[TodoList]:
        """In their order."""
        return [self.lists[list_id] for list_id in self.order]

    def live_tags(self) -> list[Tag]:
        """In alphabetical order."""
        return sorted((one for one in self.tags.values() if not one.is_deleted), key=lambda one: name_key(one.name))

    def tags_of(self, todo_id: int, gone: Collection[int] = ()) -> tuple[str, ...]:
        """The names of its tags, of deleted ones those with the ids `gone`."""
        named = sorted(self.tags.values(), key=lambda one: name_key(one.name))
        shown = (tag for tag in named if not tag.is_deleted or tag.id in gone)
        return tuple(tag.name for tag in shown if (todo_id, tag.id) in self.links)

    def notes_on(self, todo_id: int) -> list[str]:
        """The texts of the notes on a todo, the newest first."""
        found = (one for one in self.notes.values() if one.todo_id == todo_id and not one.is_deleted)
        return [one.text for one in sorted(found, key=lambda one: -one.id)]

    def has_tag(self, tag_id: int) -> frozenset[int]:
        """The todos with a tag."""
        return frozenset(todo for todo, tag in self.links if tag == tag_id)

    def children(self, todo_id: int) -> list[Todo]:
        return [one for one in self.todos.values() if one.parent_id == todo_id]

    def below(self, todo_id: int) -> Iterator[Todo]:
        """Every subtask, before its own subtasks, in the order of ids."""
        for child in sorted(self.children(todo_id), key=lambda one: one.id):
            yield child
            yield from self.below(child.id)

    def above(self, todo_id: int) -> Iterator[Todo]:
        """The parent, its parent, and so on."""
        parent_id = self.todos[todo_id].parent_id
        while parent_id is not None:
            yield self.todos[parent_id]
            parent_id = self.todos[parent_id].parent_id

    def open_in(self, list_id: int) -> int:
        return sum(one.is_open and one.list_id == list_id for one in self.todos.values())


def name_key(name: str) -> str:
    """Return what two spellings of one name share: NFKC, casefold, NFKC (`specs/domain/todos.md`)."""
    return normalize("NFKC", normalize("NFKC", name).casefold())


@dataclass(slots=True)
class Writing:
    """A write under way: the state that it leaves, and what it needs to know."""

    state: State
    moment: Moment
    """Of the write; what it makes after it has written has the next one."""
    now: datetime
    new_id: Callable[[Entity, str], int]
    """The id of a new row, by its title or name."""
    code_of: Callable[[Entity, int], str]
    """Why there is no such row."""
    position_of: Callable[[int], Fraction | None]
    """The position of a list after the write; None where the record has none."""
    place_of: Callable[[int], Fraction | None]
    """The place that a todo was moved to; None where the record has none."""
    said: datetime | None = None
    """When it was said, if it was proposed then; None for now."""
    is_confirmed: bool = True
    trashed_lately: int = 0
    """Todos that agents of the person moved to the trash, unasked, and that no undo brought back."""
    retagged: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    """The tags before and after, of todos whose tags were changed."""
    is_partial: bool = False
    """Whether of todos only the list and the trash are recorded."""
    late: set[int] = field(default_factory=set)
    """Todos that are written after what the write makes: at the moment after that."""
    merged: dict[int, tuple[int, frozenset[int]]] = field(default_factory=dict)
    unmerged: dict[int, tuple[int, frozenset[int]]] = field(default_factory=dict)
    coming: dict[int, Target] = field(default_factory=dict)
    """The todos whose turn is still to come, with where they go."""
    latest: dict[tuple[Siblings, Target], int] = field(default_factory=dict)
    """The todo that went last to where several go."""
    shown: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The tags of todos as they were before an undo that changes tags, too."""
    hidden: State | None = None
    """What an agent does not see whose mandate names lists; None for whoever sees all."""
    sees: frozenset[int] = frozenset()
    """The lists that such an agent sees."""
    swept: set[int] = field(default_factory=set)
    """Todos that moved with all the others of their list."""

    def wall_said(self) -> datetime:
        """What the clock showed when it was said, where the person is now."""
        return (self.said or self.now).astimezone(self.state.zone).replace(tzinfo=None)

    def put(self, todo_id: int, **fields: Any) -> None:
        self.state.todos[todo_id] = replace(self.state.todos[todo_id], **fields)

    def live_todo(self, todo_id: int) -> Todo:
        todo = self.state.todos.get(todo_id)
        if todo is None:
            raise Refused(self.code_of("todo", todo_id))
        if not todo.is_live:
            raise Refused("not_found")
        return todo

    def live_list(self, list_id: int) -> TodoList:
        one = self.state.lists.get(list_id)
        if one is None:
            raise Refused(self.code_of("list", list_id))
        if one.is_deleted:
            raise Refused("not_found")
        return one

    def live_tag(self, tag_id: int) -> Tag:
        tag = self.state.tags.get(tag_id)
        if tag is None:
            raise Refused(self.code_of("tag", tag_id))
        if tag.is_deleted:
            raise Refused("not_found")
        return tag

    def default_list(self) -> int:
        """The list of a todo for which none was named: the one chosen in the profile, or the inbox."""
        chosen = self.state.lists.get(self.state.profile.default_list_id or 0)
        if chosen and not chosen.is_deleted and not chosen.is_archived:
            return chosen.id
        open_lists = [one.id for one in self.state.live_lists() if not one.is_archived]
        if not self.state.inbox and len(open_lists) != 1:
            raise Refused("invalid_input")
        return self.state.inbox or open_lists[0]

    def ensure_tags(self, names: Iterable[str]) -> set[int]:
        """The ids of tags; those that were not there are made."""
        unseen = {name_key(one.name): one for one in self.hidden.live_tags()} if self.hidden else {}
        present = {name_key(one.name): one.id for one in self.state.live_tags()}
        found = set()
        for name in names:
            if name_key(name) in unseen and name_key(name) not in present:
                known = unseen[name_key(name)]
                self.state.tags[known.id] = known
                present[name_key(name)] = known.id
            if name_key(name) not in present:
                made = Tag(self.new_id("tag", name), name)
                self.state.tags[made.id] = made
                present[name_key(name)] = made.id
            found.add(present[name_key(name)])
        return found

    def tag(self, todo_id: int, names: Iterable[str]) -> None:
        """Have a todo have these tags; a link to a deleted one stays, for it may come back."""
        state = self.state
        live = {one.id for one in state.live_tags()}
        wanted = self.ensure_tags(names)
        before = {tag for todo, tag in state.links if todo == todo_id and tag in live}
        if wanted != before:
            names = state.tags_of(todo_id)
            state.links = state.links - {(todo_id, tag) for tag in before} | {(todo_id, tag) for tag in wanted}
            self.retagged[todo_id] = (self.retagged.get(todo_id, (names, ()))[0], state.tags_of(todo_id))

    # --- lists ------------------------------------------------------------------------------------

    def add_list(self, item: Json) -> int:
        self._require_free(item["name"], None)
        made = TodoList(self.new_id("list", item["name"]), item["name"], Fraction(), item.get("color", "grey"))
        self.state.lists[made.id] = made
        self._place(made.id, item.get("position"))
        return made.id

    def update_list(self, item: Json) -> int:
        one = self.live_list(item["id"])
        if item.get("if_version", one.version) != one.version:
            raise Refused("version_conflict")
        if item.get("is_archived") and one.is_inbox:
            raise Refused("conflict")
        if "name" in item:
            self._require_free(item["name"], one.id)
        new: Json = {name: item[name] for name in ("name", "color", "is_archived") if name in item}
        self.state.lists[one.id] = replace(one, **new)
        if "position" in item:
            self._place(one.id, item["position"])
        return one.id

    def _require_free(self, name: str, list_id: int | None) -> None:
        others = [*self.state.live_lists(), *(self.hidden.live_lists() if self.hidden else ())]
        if any(one.id != list_id and name_key(one.name) == name_key(name) for one in others):
            raise Refused("conflict")

    def _place(self, list_id: int, place: int | None) -> None:
        """Put a list at a place, counted from 1, or at the end."""
        others = [one for one in self.state.order if one != list_id]
        others.insert(len(others) if place is None else place - 1, list_id)
        self.state.order = tuple(others)
        self.take_position(list_id)

    def take_position(self, list_id: int) -> None:
        """Have a list have the position that the record tells, if it tells one."""
        if (position := self.position_of(list_id)) is not None:
            self.state.lists[list_id] = replace(self.state.lists[list_id], position=position)

    def remove_list(self, list_id: int) -> None:
        """Mark a list as deleted; it has no place any more."""
        self.state.lists[list_id] = replace(self.state.lists[list_id], is_deleted=True)
        self.state.order = tuple(one for one in self.state.order if one != list_id)

    def delete_lists(self, ids: list[int], todos: str | None, move_to: int | None) -> list[int | Refused]:
        """Delete lists; what is in them, but for the trash, goes to the trash with them, or moves."""
        if (todos == "move") != (move_to is not None) or move_to in ids:
            raise Refused("invalid_input")
        if move_to is not None:
            self.live_list(move_to)
        self.is_partial = True
        results = [self._delete_list(one) for one in ids]
        inside = [one for one in self.state.todos.values() if one.is_live and one.list_id in results]
        if inside and todos is None:
            raise Refused("invalid_input")
        if move_to is None:
            for todo in inside:
                self.put(todo.id, deleted=self.moment)
        else:
            sweep(self, sorted(inside, key=lambda todo: (ids.index(todo.list_id), todo.place, todo.id)), move_to)
        if move_to is None:
            self.ask(len(inside))
        return results

    def ask(self, gone: int) -> None:
        """Refuse to move too many todos to the trash unless somebody confirmed."""
        if gone and gone + self.trashed_lately > MOST_UNASKED and not self.is_confirmed:
            raise Refused("confirmation_required")

    def _delete_list(self, list_id: int) -> int | Refused:
        try:
            one = self.live_list(list_id)
        except Refused as refused:
            return refused
        if one.is_inbox:
            return Refused("conflict")
        self.remove_list(one.id)
        return one.id

    # --- tags -------------------------------------------------------------------------------------

    def rename_tag(self, tag_id: int, name: str) -> None:
        tag = self.live_tag(tag_id)
        if any(one.id != tag_id and name_key(one.name) == name_key(name) for one in self.state.live_tags()):
            raise Refused("conflict")
        self.state.tags[tag_id] = replace(tag, name=name)

    def merge_tag(self, tag_id: int, into: int) -> None:
        if tag_id == into:
            raise Refused("invalid_input")
        tag = self.live_tag(tag_id)
        self.live_tag(into)
        self.state.tags[tag_id] = replace(tag, is_deleted=True)
        self.join_tags(tag_id, into)

    def join_tags(self, tag_id: int, into: int, apart: frozenset[int] = frozenset()) -> None:
        """Give everything that has one tag another, but for some todos."""
        moved = self.state.has_tag(tag_id) - self.state.has_tag(into) - apart
        self.state.links |= {(todo, into) for todo in moved}
        self.merged[tag_id] = (into, moved)

    def delete_tag(self, tag_id: int) -> None:
        self.state.tags[tag_id] = replace(self.live_tag(tag_id), is_deleted=True)

    # --- profile ----------------------------------------------------------------------------------

    def update_profile(self, fields: Json, if_version: int | None) -> None:
        if if_version not in (None, self.state.profile.version):
            raise Refused("version_conflict")
        if fields.get("default_list_id") is not None:
            self.live_list(fields["default_list_id"])
        self.state.profile = replace(self.state.profile, **fields)
