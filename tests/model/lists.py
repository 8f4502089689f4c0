"""What an agent sees whose mandate names lists, and what becomes of the rest where it writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tests.model.model import State, Writing
from tests.model.rows import Change, Entry, Note, Todo, TodoList

Lists = frozenset[int]
"""The lists that an agent sees, deleted ones, too."""


def seen(state: State, lists: Lists) -> State:
    """What is in these lists: nothing else is there."""
    todos = {one.id: one for one in state.todos.values() if one.list_id in lists}
    links = frozenset((todo, tag) for todo, tag in state.links if todo in todos)
    tags = {tag: state.tags[tag] for _, tag in links}
    notes = {one.id: one for one in state.notes.values() if one.todo_id in todos}
    order = tuple(one for one in state.order if one in lists)
    shown = {one.id: one for one in state.lists.values() if one.id in lists}
    return State(state.profile, shown, order, todos, dict(sorted(tags.items())), links, notes)


def hidden(state: State, lists: Lists) -> State:
    """What an agent does not see, and meets all the same: names of lists and tags, and keys."""
    part = seen(state, lists)
    return State(
        state.profile,
        {i: row for i, row in state.lists.items() if i not in part.lists},
        tuple(i for i in state.order if i not in part.lists),
        {i: row for i, row in state.todos.items() if i not in part.todos},
        {i: row for i, row in state.tags.items() if i not in part.tags},
        state.links - part.links,
        {i: row for i, row in state.notes.items() if i not in part.notes},
    )


def joined(part: State, rest: State) -> State:
    """All there is, once an agent has written what it sees."""
    lists = rest.lists | part.lists
    live = sorted((one for one in lists.values() if not one.is_deleted), key=lambda one: (one.position, one.id))
    return State(
        part.profile,
        dict(sorted(lists.items())),
        tuple(one.id for one in live),
        dict(sorted((rest.todos | part.todos).items())),
        dict(sorted((rest.tags | part.tags).items())),
        rest.links | part.links,
        dict(sorted((rest.notes | part.notes).items())),
    )


def _sides(entry: Entry) -> list[int]:
    """The lists that a row was and is in."""
    rows = [row for row in (entry.before, entry.after) if row is not None]
    return [row.list_id if isinstance(row, Todo) else row.id for row in rows if isinstance(row, Todo | TodoList)]


def is_shown(entry: Entry, state: State, lists: Lists) -> bool:
    """Whether an agent sees a row of a change: on either side it is in its lists; a note, if its todo is."""
    if isinstance(entry.after, Note):
        return state.todos[entry.after.todo_id].list_id in lists
    return any(one in lists for one in _sides(entry))


def is_within(entry: Entry, state: State, lists: Lists) -> bool:
    """Whether a row was and is in these lists; tags that it made aside, which count for none."""
    if entry.entity == "tag" and entry.before is None:
        return True
    if isinstance(entry.after, Note):
        return state.todos[entry.after.todo_id].list_id in lists
    return isinstance(entry.after, Todo | TodoList) and all(one in lists for one in _sides(entry))


def beyond(changes: Iterable[Change], state: State, lists: Lists) -> list[Change]:
    """The changes that touched more than an agent sees."""
    return [one for one in changes if not all(is_within(entry, state, lists) for entry in one.entries)]


def sight(w: Writing, lists: Lists) -> Writing:
    """A write of an agent that sees these lists."""
    return replace(w, state=seen(w.state, lists), hidden=hidden(w.state, lists), sees=lists)
