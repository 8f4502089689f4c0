"""An agent that sees some lists only: what is there for it, what its writes leave of the rest, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.model.model import Refused, State, Writing, name_key
from tests.model.people import Person
from tests.model.rows import Change, Entry, Note, Todo, TodoList

NOT_OF_LISTS: Final = frozenset({"rename_tag", "merge_tag", "delete_tag", "profile"})
"""Writes that are about all lists."""


@dataclass(frozen=True, slots=True)
class Sight:
    """The lists that an agent sees."""

    lists: frozenset[int]

    def of(self, state: State) -> State:
        """What is there for the agent: its lists, all that is in them, and the tags on that."""
        todos = {one.id: one for one in state.todos.values() if one.list_id in self.lists}
        links = frozenset(link for link in state.links if link[0] in todos)
        used = {tag for _, tag in links}
        return State(
            state.profile,
            {one.id: one for one in state.lists.values() if one.id in self.lists},
            tuple(one for one in state.order if one in self.lists),
            todos,
            {one.id: one for one in state.tags.values() if one.id in used},
            links,
            {one.id: one for one in state.notes.values() if one.todo_id in todos},
        )

    def person(self, person: Person) -> Person:
        """Somebody as the agent sees them."""
        return replace(person, state=self.of(person.state))

    def writing(self, kind: str, run: Callable[[Writing], Any]) -> Callable[[Writing], Any]:
        """A write as the agent does it: to what it sees, with the rest as it was."""

        def limited(w: Writing) -> Any:
            if kind in NOT_OF_LISTS:
                raise Refused("outside_mandate")
            full = w.state
            w.state = self.of(full)
            shown = w.state.copy()
            w.hidden_tags = {name_key(one.name): one for one in full.live_tags() if one.id not in shown.tags}
            w.hidden_names = frozenset(name_key(one.name) for one in full.live_lists() if one.id not in self.lists)
            results = run(w)
            w.state = _together(full, shown, w.state)
            return results

        return limited

    def change(self, state: State, change: Change) -> Change:
        """What an agent undoes of a change.

        Raises:
            Refused: It sees nothing of it; or it touched more than the agent sees, tags aside that it made.
        """
        shown = self.entries(state, change)
        if not shown:
            raise Refused("not_found")
        self.require(state, change)
        return replace(change, entries=shown)

    def entries(self, state: State, change: Change) -> list[Entry]:
        """What an agent is shown of a change."""
        return [entry for entry in change.entries if self._shows(state, entry)]

    def require(self, state: State, change: Change) -> None:
        """Refuse a change that touched more."""
        whole = (self._is_whole(state, one) or (one.entity == "tag" and one.before is None) for one in change.entries)
        if not all(whole):
            raise Refused("outside_mandate")

    def _shows(self, state: State, entry: Entry) -> bool:
        return any(self._holds(state, row) for row in (entry.before, entry.after) if row is not None)

    def _is_whole(self, state: State, entry: Entry) -> bool:
        return all(self._holds(state, row) for row in (entry.before, entry.after) if row is not None)

    def _holds(self, state: State, row: Any) -> bool:
        """Whether a row, as it was, is in a list that is seen; of a note where its todo is now."""
        if isinstance(row, Todo):
            return row.list_id in self.lists
        if isinstance(row, Note):
            return state.todos[row.todo_id].list_id in self.lists
        return isinstance(row, TodoList) and row.id in self.lists


def _together(full: State, shown: State, left: State) -> State:
    """All rows of somebody, once an agent has changed some of those that it saw."""
    lists = full.lists | left.lists
    live = sorted((one for one in lists.values() if not one.is_deleted), key=lambda one: (one.position, one.id))
    return State(
        left.profile,
        lists,
        tuple(one.id for one in live),
        full.todos | left.todos,
        full.tags | left.tags,
        full.links - shown.links | left.links,
        full.notes | left.notes,
    )
