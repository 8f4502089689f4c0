"""What undo makes of rows, and when a later change is in its way (SA3).

A row goes back to what it was if it is as the change left it, whatever came and went in between. What a change made
goes to the trash. Nothing may come out of it that no write allows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from tests.model.lists import beyond, joined
from tests.model.model import Refused, State, Writing, name_key
from tests.model.order import put_back
from tests.model.people import differences, replace_row
from tests.model.rows import CHOSEN, Change, Entry, Moment, Note, Profile, Row, Tag, Todo, TodoList
from tests.model.todos import MAX_DEPTH

_IN_THE_WAY = "undo_refused"


def undo(w: Writing, change: Change) -> None:
    """Undo a change."""
    begin = w.state.copy()
    _revert(w, change)
    _settle(w, begin, [change])


def _settle(w: Writing, begin: State, changes: Sequence[Change]) -> None:
    """Leave no tag that was made and that nothing has, and record tags as they are named before the undo and after."""
    if w.hidden is None:
        for tag_id in [*w.state.tags.keys() - begin.tags.keys()]:
            if not any(w.state.todos[todo].is_live for todo in w.state.has_tag(tag_id)):
                del w.state.tags[tag_id]
                w.state.links = frozenset(link for link in w.state.links if link[1] != tag_id)
    if _changed_tags(changes):
        gone = {one.id for one in begin.live_tags() if w.state.tags[one.id].is_deleted}
        w.retagged = {one: (begin.tags_of(one), w.state.tags_of(one, gone)) for one in w.retagged}


def _changed_tags(changes: Sequence[Change]) -> list[Entry]:
    """What changes did to tags that were there."""
    return [entry for change in changes for entry in change.entries if isinstance(entry.before, Tag)]


def _revert(w: Writing, *changes: Change) -> None:
    """Put the rows of a change back; or of several as one, the latest first, each on what the later ones have left."""
    if w.hidden is not None and beyond(changes, joined(w.state, w.hidden), w.sees):
        raise Refused("outside_mandate")
    if any(change.undone_by is not None for change in changes):
        raise Refused(_IN_THE_WAY)
    entries = [entry for change in changes for entry in change.entries]
    if w.hidden is not None:  # tags that it made stay: they belong to all lists
        entries = [entry for entry in entries if entry.entity != "tag"]
    _lists(w, [entry for entry in entries if entry.entity == "list"])
    tags = [entry for entry in entries if entry.entity == "tag"]
    changed = [entry for entry in tags if entry.before is not None]
    gone = {one.after.id for one in changed if not _is_deleted(one.before) and _is_deleted(one.after)}
    todos = [entry.after.id for entry in entries if entry.entity == "todo"]
    w.shown = {one: w.state.tags_of(one, gone) for one in todos} if changed else {}
    _tags(w, changed)
    for entry in entries:
        if entry.entity == "note":
            _note(w, entry)
    _todos(w, [entry for entry in entries if entry.entity == "todo"])
    w.shown = {}
    _tags(w, [entry for entry in tags if entry.before is None])
    for entry in entries:
        if entry.entity == "user":
            _profile(w, entry)
    w.ask(sum(_goes_to_trash(entry) for entry in entries if entry.entity == "todo"))


def undo_all(w: Writing, changes: list[Change], *, skips: bool = False) -> list[Change]:
    """Undo changes, the latest first, each on what the later ones have left; all, or none, or those that can be.

    Return those that were undone, the latest first.

    Those that follow each other go at once, at one moment, where that is the same (`_runs`): then a row that several of
    them touched has one version more, else one for each. In the record it goes from before the first to after the last.
    """
    going, begin = _Going(w), w.state.copy()
    standing = sorted((one for one in changes if one.undone_by is None), key=lambda one: one.id, reverse=True)
    outside = [] if w.hidden is None else beyond(standing, joined(w.state, w.hidden), w.sees)
    if outside and not skips:
        raise Refused("outside_mandate")
    standing = [one for one in standing if one not in outside]
    for run in _runs(standing):
        going.undo(run)
    if len(going.done) < len(changes) and not skips:
        raise Refused(_IN_THE_WAY)
    mixes = bool(_changed_tags(standing))
    w.retagged |= {todo_id: names for todo_id, names in going.retagged.items() if mixes or names[0] != names[1]}
    _settle(w, begin, standing)
    w.ask(_gone(going.done))
    return sorted(going.done, key=lambda one: -one.id)


def _runs(changes: list[Change]) -> list[list[Change]]:
    """Changes that go at once. Those of todos go on beside those of lists."""
    ended: list[list[Change]] = []
    going: list[list[Change]] = [[], []]
    for change in changes:
        kind = _kind(change)
        place = int(kind in ("lists", "new lists"))
        if kind in _BESIDE and (not going[0] or _kind(going[0][0]) == "todos"):
            last = -1 if _fits_in(going[place], change) else place
        else:
            last = -1 if not going[1] and _fits_in(going[0], change) else 1
        for n in range(last + 1):
            ended.append(going[n])
            going[n] = []
        going[place].append(change)
    return [run for run in (*ended, *going) if run]


_BESIDE = ("todos", "lists", "new lists")


def _fits_in(run: list[Change], change: Change) -> bool:
    kind = _kind(change)
    rows = {(entry.entity, entry.after.id) for one in run for entry in one.entries}
    is_apart = kind != "notes" or rows.isdisjoint((entry.entity, entry.after.id) for entry in change.entries)
    return not run or (kind is not None and kind == _kind(run[0]) and is_apart)


def _kind(change: Change) -> str | None:
    """Of which kind all rows of a change are; None for one that goes by itself."""
    kinds = {(entry.entity, entry.before is None) for entry in change.entries}
    for entry in change.entries:
        before, after = entry.before, entry.after
        if isinstance(before, Todo) and isinstance(after, Todo) and not entry.beside and before.chosen != after.chosen:
            return None
        if isinstance(before, TodoList) and isinstance(after, TodoList) and before.is_deleted != after.is_deleted:
            return None
        if entry.merged is not None or entry.unmerged is not None:
            return None
    among = {
        "todos": {("todo", False), ("todo", True), ("tag", True)},
        "notes": {("note", False), ("note", True)},
        "lists": {("list", False)},
        "new lists": {("list", True)},
        "tags": {("tag", False)},
        "profile": {("user", False)},
    }
    return next((name for name, those in among.items() if kinds <= those), None)


@dataclass(slots=True)
class _Going:
    """An undo of several, as far as it has come."""

    w: Writing
    parts: int = 0
    done: list[Change] = field(default_factory=list)
    retagged: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    def undo(self, run: list[Change]) -> None:
        """Undo changes at once. Where that is refused, those whose todos changed since are left out, or else it is one
        half after the other, and one that is alone not at all."""
        w, left = self.w, self.w.state.copy()
        step = self._step()
        self.parts += 1
        try:
            _revert(step, *run)
        except Refused as refused:
            if refused.code != _IN_THE_WAY:
                raise
            half = len(run) // 2
            if half and 0 < len(as_left := self._as_left(run)) < len(run):
                self.undo(as_left)
            elif half and as_left:
                self.undo(run[:half])
                self.undo(run[half:])
            return
        step.retagged = {todo_id: names for todo_id, names in step.retagged.items() if names[0] != names[1]}
        for entry in differences(left, step):
            replace_row(step.state, entry)
            if entry.entity == "tag":
                tag_id = entry.after.id
                w.merged.pop(tag_id, None)
                w.merged |= {} if entry.merged is None else {tag_id: entry.merged}
                w.unmerged |= {} if entry.unmerged is None or tag_id in self.seen else {tag_id: entry.unmerged}
                self.seen.add(tag_id)
        for todo_id, (names, after) in step.retagged.items():
            self.retagged[todo_id] = (self.retagged.get(todo_id, (names, after))[0], after)
        w.state = step.state
        self.done += run

    def _step(self) -> Writing:
        moment = self.w.moment + 3 * self.parts
        nothing: dict[str, Any] = {"retagged": {}, "merged": {}, "unmerged": {}}
        return replace(self.w, state=self.w.state.copy(), moment=moment, is_confirmed=True, **nothing)

    def _as_left(self, run: list[Change]) -> list[Change]:
        """Those of several changes whose todos are as they left them, once the later ones of these are undone."""
        step, found = self._step(), []
        for change in run:
            kept = step.state.copy()
            try:
                for entry in change.entries:
                    if entry.entity == "todo":
                        _put_back_todo(step, entry, None)
            except Refused:
                step.state = kept
            else:
                found.append(change)
        return found


def _gone(changes: list[Change]) -> int:
    """How many todos the undo of several changes moves to the trash."""
    was_away: dict[int, bool] = {}
    is_there: dict[int, bool] = {}
    for change in sorted(changes, key=lambda one: one.id):
        for before, after in [(entry.before, entry.after) for entry in change.entries if entry.entity == "todo"]:
            assert isinstance(after, Todo)
            if before is None or (isinstance(before, Todo) and before.deleted != after.deleted):
                was_away.setdefault(after.id, not isinstance(before, Todo) or not before.is_live)
                is_there[after.id] = after.is_live
    return sum(was_away[todo_id] and is_there[todo_id] for todo_id in was_away)


def _goes_to_trash(entry: Entry) -> bool:
    """Whether the undo moves a todo to the trash: the change made it, or took it out of there."""
    before, after = entry.before, entry.after
    assert isinstance(after, Todo)
    return before is None or (isinstance(before, Todo) and not before.is_live and after.is_live)


def _lists(w: Writing, entries: list[Entry]) -> None:
    for entry in entries:
        before, after = entry.before, entry.after
        one = w.state.lists[after.id]
        if _content(one) != _content(after):
            raise Refused(_IN_THE_WAY)
        if before is None:
            if any(todo.is_live and todo.list_id == one.id for todo in w.state.todos.values()):
                raise Refused(_IN_THE_WAY)
            w.remove_list(one.id)
            continue
        assert isinstance(before, TodoList)
        others = [other for other in w.state.live_lists() if other.id != one.id]
        w.state.lists[one.id] = replace(before, version=one.version)
        if before.is_deleted:
            w.remove_list(one.id)
        elif one.is_deleted or one.position != before.position:
            _put_back(w, one.id, others)
    names = [name_key(one.name) for one in w.state.live_lists()]
    if len(names) > len({*names}):
        raise Refused(_IN_THE_WAY)


def _put_back(w: Writing, list_id: int, others: list[TodoList]) -> None:
    """Put a list where it was among the others; right before one that has its position now, and then with a new one."""
    position = w.state.lists[list_id].position
    order = [one.id for one in others]
    order.insert(sum(one.position < position for one in others), list_id)
    w.state.order = tuple(order)
    if any(one.position == position for one in others):
        w.take_position(list_id)


def _todos(w: Writing, entries: list[Entry]) -> None:
    earliest = {entry.after.id: entry for entry in entries}
    if not earliest.keys() <= w.state.todos.keys():  # one is where the agent sees nothing
        raise Refused(_IN_THE_WAY)
    back = {entry.before.key for entry in earliest.values() if isinstance(entry.before, Todo)} - {None}
    deleted = {todo_id: w.state.todos[todo_id].deleted for todo_id in earliest}
    for entry in entries:
        _put_back_todo(w, entry, deleted[entry.after.id])
        todo = w.state.todos[entry.after.id]
        if entry.before is None and todo.key in back:
            w.put(todo.id, key=None)
    if not all(_fits(w, entry.after.id) for entry in entries):
        raise Refused(_IN_THE_WAY)


def _put_back_todo(w: Writing, entry: Entry, deleted: Moment | None) -> None:
    """Put a todo back; one that was made goes to the trash, unless it is there since a moment."""
    if not _is_as_left(w, entry):
        raise Refused(_IN_THE_WAY)
    before, todo = entry.before, w.state.todos[entry.after.id]
    if before is None:
        w.put(todo.id, deleted=deleted or w.moment)
        return
    assert isinstance(before, Todo)
    if entry.is_partial:
        before = replace(todo, list_id=before.list_id, deleted=before.deleted, chosen=before.chosen)
    w.state.todos[todo.id] = replace(
        before, version=todo.version, updated=todo.updated, place=todo.place, chosen=todo.chosen
    )
    if before.chosen != entry.after.chosen:
        put_back(w, entry, before.chosen)
    if entry.tags is not None:
        w.tag(todo.id, entry.tags)


def _content(row: Row) -> Row:
    """A row without what every write counts up."""
    assert not isinstance(row, Note)
    return (
        replace(row, version=0, updated=0, place=Fraction(), chosen=Fraction())
        if isinstance(row, Todo)
        else replace(row, version=0)
    )


def _is_as_left(w: Writing, entry: Entry) -> bool:
    """Whether a todo is as a change left it; its place and its tags count where the change was about them."""
    after, todo = entry.after, w.state.todos.get(entry.after.id)
    assert isinstance(after, Todo)
    if todo is None:
        return False
    if isinstance(entry.before, Todo) and entry.before.chosen != after.chosen != todo.chosen:
        return False
    if entry.is_partial:
        return (todo.list_id, todo.deleted) == (after.list_id, after.deleted)
    if entry.tags is not None and w.shown.get(todo.id, w.state.tags_of(todo.id)) != entry.tags_after:
        return False
    return _content(todo) == _content(after)


def _fits(w: Writing, todo_id: int) -> bool:
    """Whether a todo fits with its list, with what is above it and with what is right below it."""
    state = w.state
    todo = state.todos[todo_id]
    if todo.is_live and state.lists[todo.list_id].is_deleted:
        return False
    pairs = [(todo, child) for child in state.children(todo_id)]
    if todo.parent_id is not None:
        pairs.append((state.todos[todo.parent_id], todo))
    for parent, child in pairs:
        if parent.list_id != child.list_id and child.is_live:
            return False
        if (child.is_live and not parent.is_live) or (child.is_open and parent.completed is not None):
            return False
    return _is_shallow(w, todo_id)


def _is_shallow(w: Writing, todo_id: int) -> bool:
    """Whether neither the todo nor anything below it is too deep, or below itself."""
    above, parent_id = 0, w.state.todos[todo_id].parent_id
    while parent_id is not None and above <= MAX_DEPTH:
        above, parent_id = above + 1, w.state.todos[parent_id].parent_id
    level = [todo_id]
    while level and above <= MAX_DEPTH:
        level = [child.id for one in level for child in w.state.children(one)]
        above += bool(level)
    return above <= MAX_DEPTH


def _tags(w: Writing, entries: list[Entry]) -> None:
    """Put tags back, and then see whether each has a name of its own: they may have exchanged them."""
    for entry in entries:
        _tag(w, entry)
    names = [name_key(one.name) for one in w.state.live_tags()]
    if len(names) > len({*names}):
        raise Refused(_IN_THE_WAY)


def _is_deleted(row: Row | None) -> bool:
    return isinstance(row, Tag) and row.is_deleted


def _tag(w: Writing, entry: Entry) -> None:
    """Put a tag back; one that was made goes, if no todo outside the trash has it."""
    before, after, state = entry.before, entry.after, w.state
    tag = state.tags[after.id]
    if before is None:
        is_used = any(state.todos[todo].is_live for todo in state.has_tag(tag.id))
        if isinstance(after, Tag) and tag.name == after.name and not is_used:
            state.tags[tag.id] = replace(tag, is_deleted=True)
        return
    if _content(tag) != _content(after):
        raise Refused(_IN_THE_WAY)
    assert isinstance(before, Tag)
    if entry.merged is not None:
        into, todos = entry.merged
        had = state.has_tag(into)
        lost = todos - had
        state.links -= {(todo, tag.id) for todo in lost} | {(todo, into) for todo in todos}
        w.unmerged[tag.id] = into, state.has_tag(tag.id) - had
    if entry.unmerged is not None:
        into, apart = entry.unmerged
        if state.tags[into].is_deleted:
            raise Refused(_IN_THE_WAY)
        w.join_tags(tag.id, into, apart)
    state.tags[tag.id] = replace(before, version=tag.version)


def _note(w: Writing, entry: Entry) -> None:
    """Take away a note that was added, and add one again that was taken away."""
    after, present = entry.after, w.state.notes[entry.after.id]
    assert isinstance(after, Note)
    if present != after:
        raise Refused(_IN_THE_WAY)
    w.state.notes[after.id] = replace(after, is_deleted=not after.is_deleted)


def _profile(w: Writing, entry: Entry) -> None:
    """Put back what a change of the profile changed, if what the person chose is still the same."""
    before, after, present = entry.before, entry.after, w.state.profile
    assert isinstance(before, Profile)
    assert isinstance(after, Profile)
    changed = [name for name in CHOSEN if getattr(before, name) != getattr(after, name)]
    chosen = [name for name in CHOSEN if name in changed or getattr(after, name) is not None]
    if any(getattr(present, name) != getattr(after, name) for name in chosen):
        raise Refused(_IN_THE_WAY)
    back = {name: getattr(before, name) for name in changed}
    list_id = back.get("default_list_id")
    if list_id is not None and list_id not in w.state.lists:
        raise Refused(_IN_THE_WAY)
    w.state.profile = replace(present, **back)
