"""Series of subtasks: what of them is done with a todo, what comes again with the next, and what is left."""

from __future__ import annotations

from datetime import date, timedelta

from tests.model.dates import Due, Repeat, day_of
from tests.model.model import Done, Result, Writing
from tests.model.rows import Todo


def still_to_come(w: Writing, todo_id: int) -> set[int]:
    """What is not done with a todo: occurrences whose day has not come and is not of this round, and all below them."""
    state = w.state
    today = w.now.astimezone(state.zone).date()
    found: set[int] = set()
    for one in state.below(todo_id):
        above = list(state.above(one.id))
        above = above[: [parent.id for parent in above].index(todo_id) + 1]
        if found & {parent.id for parent in above}:
            found.add(one.id)
        elif one.is_open and one.repeat is not None and one.due is not None:
            day = day_of(one.due.local(state.zone))
            round_of = next((parent for parent in above if parent.repeat is not None), state.todos[todo_id])
            after_round = round_of.due is not None and day > day_of(round_of.due.local(state.zone))
            before = state.todos.get(one.follows or 0)
            if day > today and (after_round or (before is not None and before.parent_id == one.parent_id)):
                found.add(one.id)
    return found


def following_of(w: Writing, todo: Todo) -> Repeat | None:
    if todo.repeat is None or todo.due is None:
        return None
    wall = w.now.astimezone(w.state.zone).replace(tzinfo=None)
    return todo.repeat.next(todo.due.local(w.state.zone), wall)


def later_start(w: Writing, todo: Todo, following: Repeat) -> date | None:
    """As many days later as the due."""
    assert todo.due is not None
    return todo.start and todo.start + (day_of(following.scheduled) - day_of(todo.due.local(w.state.zone)))


def go_on(w: Writing, before: dict[int, Todo], results: list[Result]) -> dict[int, int]:
    """Make the next occurrence of what was completed by itself, not with its parent; it may be there already.

    It returns which todo was made after which.
    """
    present = [todo for todo in w.state.todos.values() if todo.is_live]
    made: dict[int, int] = {}
    for done in results:
        if not isinstance(done, Done):
            continue
        todo = w.state.todos[done.id]
        parent = w.state.todos.get(todo.parent_id or 0)
        is_done_now = before[done.id].completed is None and todo.completed is not None
        if not is_done_now or todo.repeat is None or (parent and parent.completed):
            continue
        there = [one.id for one in present if one.follows == done.id]
        if there:  # it was opened again, and goes on as it did
            done.next = frozenset(there)
        elif (following := following_of(w, todo)) is not None:
            made |= _make_next(w, before, todo, following, todo.parent_id)
            done.next = frozenset([made[todo.id]])
    return made


def _make_next(
    w: Writing, before: dict[int, Todo], todo: Todo, following: Repeat, parent_id: int | None
) -> dict[int, int]:
    """The next occurrence with its subtasks, all of them open, their dates later by as many days."""
    assert todo.due is not None
    due = Due.of(following.scheduled)
    made = {todo.id: _copy(w, todo, parent_id, due, following)}
    w.put(made[todo.id], start=later_start(w, todo, following), follows=todo.id, key=todo.key)
    w.put(todo.id, key=None)
    later = day_of(following.scheduled) - day_of(todo.due.local(w.state.zone))
    return made | _copy_below(w, before, todo, later, made[todo.id])


def _copy_below(w: Writing, before: dict[int, Todo], todo: Todo, later: timedelta, parent_id: int) -> dict[int, int]:
    """Copies of what is below; a series goes on there by its own rule, if this is its last occurrence."""
    zone = w.state.zone
    made: dict[int, int] = {}
    for one in sorted(w.state.children(todo.id), key=lambda child: child.id):
        if not one.is_live or one.is_open:  # an open one is still to come
            continue
        if one.repeat is None:
            due = None if one.due is None else one.due.on_day(day_of(one.due.local(zone)) + later, zone)
            made[one.id] = _copy(w, one, parent_id, due, None)
            w.put(made[one.id], start=one.start and one.start + later)
            made |= _copy_below(w, before, one, later, made[one.id])
        elif not _has_gone_on(w, before, one) and (following := following_of(w, one)) is not None:
            made |= _make_next(w, before, one, following, parent_id)
    return made


def _has_gone_on(w: Writing, before: dict[int, Todo], one: Todo) -> bool:
    """Whether a series goes on elsewhere, or was ended: what came next went to the trash while its parent was open."""
    later = [todo for todo in w.state.todos.values() if todo.follows == one.id]
    if any(todo.is_live for todo in later):
        return True
    beside = [todo.deleted for todo in sorted(later, key=lambda todo: todo.id) if todo.parent_id == one.parent_id]
    if before[one.id].completed is None or not beside or beside[-1] is None:
        return False
    parent = w.state.todos[one.parent_id or 0]
    return parent.completed is None or beside[-1] < parent.completed


def _copy(w: Writing, one: Todo, parent_id: int | None, due: Due | None, repeat: Repeat | None) -> int:
    made = Todo(w.new_id("todo", one.title), one.title, one.list_id, w.moment + 1, w.moment + 1)
    w.state.todos[made.id] = made
    w.put(made.id, description=one.description, priority=one.priority, parent_id=parent_id, due=due, repeat=repeat)
    w.put(made.id, place=one.place, chosen=one.place)
    w.put(made.id, source=one.source)
    w.tag(made.id, w.state.tags_of(one.id))
    return made.id


def place_what_is_still_to_come(w: Writing, made: dict[int, int], results: list[Result]) -> None:
    """What is open below something done goes below what was made after that; otherwise to the trash."""
    state = w.state
    for one in list(state.todos.values()):
        parent = state.todos.get(one.parent_id or 0)
        if parent is None or not one.is_open or parent.completed is None:
            continue
        family = [one, *(sub for sub in state.below(one.id) if sub.is_live)]
        w.late |= {relative.id for relative in family}
        done = next(done for done in results if isinstance(done, Done))  # the sum of all is what is told
        if parent.id in made:
            w.put(one.id, parent_id=made[parent.id])
            done.along.add(one.id)
        else:
            for relative in family:
                w.put(relative.id, deleted=w.moment + 2)
                done.along.add(relative.id)


def untick(w: Writing, todo_id: int, done: Done) -> None:
    """Open what is done below, down to what repeats."""
    for one in w.state.children(todo_id):
        if one.is_live and one.repeat is None:
            if one.completed is not None:
                w.put(one.id, completed=None)
                done.along.add(one.id)
            untick(w, one.id, done)
