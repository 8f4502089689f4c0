"""What each write makes of todos: who goes along, where a todo may be put, and how it repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from tests.model.dates import Due, Json, Often, Repeat, When, day_of
from tests.model.model import Done, Refused, Result, Writing, name_key
from tests.model.order import FIELDS, move, stand_at_end, target_of
from tests.model.rows import Note, Todo
from tests.model.series import following_of, go_on, later_start, place_what_is_still_to_come, still_to_come, untick

MAX_DEPTH: Final = 5
MAX_TAGS: Final = 20


def one_by_one(w: Writing, items: Sequence[Json], apply: Callable[[Writing, Json], Done]) -> list[Result]:
    """Apply each item to what those before it left; a refused one leaves no trace."""
    results: list[Result] = []
    named: set[int] = set()
    for item in items:
        before = w.state.copy(), dict(w.retagged)
        try:
            results.append(apply(w, _unnamed(item, named)))
        except Refused as refused:
            w.state, w.retagged = before
            results.append(refused)
        named |= {item["id"]} if "id" in item else set()
    return results


def _unnamed(item: Json, named: set[int]) -> Json:
    if item.get("id") in named:
        raise Refused("invalid_input")
    return item


# --- adding ---------------------------------------------------------------------------------------


def add(w: Writing, items: Sequence[Json]) -> list[Result]:
    """Make todos, in order."""
    made: dict[int, int] = {}
    ends: dict[int, str] = {}
    numbers = iter(range(len(items)))

    def make(w: Writing, item: Json) -> Done:
        n = next(numbers)
        if not item.get("title", "").strip():
            raise Refused("invalid_input")
        if (known := _with_key(w, item.get("key"))) is not None:
            made[n] = known
            return Done(known, existing=True)
        due, repeat = _dates(w, None, item)
        start = _start(w, None, item, due)
        if item.get("list_id") is not None:
            w.live_list(item["list_id"])
        parent_id = item.get("parent_id")
        if (place := item.get("parent_index")) is not None:
            if parent_id is not None or place not in made:
                raise Refused("invalid_input")
            parent_id = made[place]
        list_id = item.get("list_id") or w.default_list()
        if parent_id is not None:
            list_id = _place_below(w, parent_id, item.get("list_id"))
        todo = Todo(w.new_id("todo", item["title"]), item["title"], list_id, w.moment, w.moment)
        w.state.todos[todo.id] = todo
        w.put(
            todo.id,
            description=item.get("description") or None,
            priority=item.get("priority", "medium"),
            parent_id=parent_id,
            start=start,
            due=due,
            repeat=repeat,
            key=item.get("key"),
            source=item.get("source"),
        )
        w.tag(todo.id, item.get("tags", ()))
        made[n] = todo.id
        if item.get("place") is not None:
            ends[todo.id] = item["place"]
        return Done(todo.id)

    results = one_by_one(w, items, make)
    stand_at_end(w, [one.id for one in results if isinstance(one, Done) and not one.existing], ends)
    return results


def _with_key(w: Writing, key: str | None) -> int | None:
    """The todo that has a key, wherever it is."""
    if key is not None and w.hidden and any(todo.key == key for todo in w.hidden.todos.values()):
        raise Refused("conflict")
    return next((todo.id for todo in w.state.todos.values() if key is not None and todo.key == key), None)


def _place_below(w: Writing, parent_id: int, list_id: int | None, todo: Todo | None = None) -> int:
    """The list of a subtask, if it may be put right below `parent_id`."""
    parent = w.live_todo(parent_id)
    chain = [parent.id, *(one.id for one in w.state.above(parent.id))]
    height = 0 if todo is None else _height(w, todo.id)
    if (todo and todo.id in chain) or parent.completed is not None or len(chain) + height > MAX_DEPTH:
        raise Refused("invalid_input")
    if list_id not in (None, parent.list_id):
        raise Refused("invalid_input")
    return parent.list_id


def _height(w: Writing, todo_id: int) -> int:
    return max((1 + _height(w, child.id) for child in w.state.children(todo_id)), default=0)


# --- changing -------------------------------------------------------------------------------------


def update(w: Writing, items: Sequence[Json]) -> list[Result]:
    """Change fields of todos; a field left out stays as it is."""
    before = w.state.copy()
    for item in items:
        if (target := target_of(item)) is not None:
            w.coming.setdefault(item["id"], target)
    results = one_by_one(w, items, _change)
    for todo in before.todos.values():  # what was done and is done was so all the time
        if todo.completed is not None and w.state.todos[todo.id].completed is not None:
            w.put(todo.id, completed=todo.completed)
    place_what_is_still_to_come(w, go_on(w, before.todos, results), results)
    return _counted(results)


def complete(w: Writing, ids: Iterable[int], *, completed: bool, if_version: int | None = None) -> list[Result]:
    return update(w, [{"id": one, "is_completed": completed} | _condition(if_version) for one in ids])


def _condition(if_version: int | None) -> Json:
    return {} if if_version is None else {"if_version": if_version}


def _seen(todo: Todo, item: Json) -> None:
    if item.get("if_version", todo.version) != todo.version:
        raise Refused("version_conflict")


def _change(w: Writing, item: Json) -> Done:
    w.coming.pop(item["id"], None)
    todo = w.live_todo(item["id"])
    _seen(todo, item)
    due, repeat = _dates(w, todo, item)
    start = _start(w, todo, item, due)
    names = _tag_names(w, todo, item)
    done = Done(todo.id)
    _move(w, todo, item, done)
    fields = {name: item[name] for name in ("title", "description", "priority", "source") if name in item}
    if "description" in fields:
        fields["description"] = fields["description"] or None
    w.put(todo.id, start=start, due=due, repeat=repeat, **fields)
    w.tag(todo.id, names)
    if "is_completed" in item:
        _set_completed(w, todo.id, item["is_completed"], done)
    if "add_note" in item:
        note(w, todo.id, item["add_note"])
        done.noted = True
    return done


def note(w: Writing, todo_id: int, text: str) -> list[int]:
    """Add a note to a todo that is not in the trash; the todo stays as it is."""
    added = Note(w.new_id("note", text), w.live_todo(todo_id).id, text)
    w.state.notes[added.id] = added
    return [added.id]


def _move(w: Writing, todo: Todo, item: Json, done: Done) -> None:
    """To another list or parent; everything below goes along."""
    given = item.get("list_id")
    if given is not None:
        w.live_list(given)
    list_id, parent_id = given or todo.list_id, todo.parent_id
    if "parent_id" in item:
        parent_id = item["parent_id"]
        if parent_id is not None:
            list_id = _place_below(w, parent_id, given, todo)
    elif todo.parent_id is not None and list_id != todo.list_id:
        raise Refused("invalid_input")
    w.put(todo.id, parent_id=parent_id)
    if list_id != todo.list_id:
        for one in [w.state.todos[todo.id], *w.state.below(todo.id)]:
            w.put(one.id, list_id=list_id)
            done.along.add(one.id)
    _stand(w, todo, item)


def _stand(w: Writing, todo: Todo, item: Json) -> None:
    """Among its siblings; `todo` as it was."""
    target, now = target_of(item), w.state.todos[todo.id]
    if target is None and any(item.get(name) is not None for name in FIELDS):
        raise Refused("invalid_input")
    if target is not None and target[0] != "place":
        neighbour = w.live_todo(target[1])
        if neighbour.id == todo.id or neighbour.siblings != now.siblings:
            raise Refused("invalid_input")
    if target is not None or now.siblings != todo.siblings:
        move(w, todo.id, todo.siblings, target)


def _set_completed(w: Writing, todo_id: int, completed: bool, done: Done) -> None:
    """Subtasks are completed with a todo; opening one opens what is above it."""
    if completed:
        later = still_to_come(w, todo_id)
        changed = [w.state.todos[todo_id], *(one for one in w.state.below(todo_id) if one.id not in later)]
    else:
        changed = [w.state.todos[todo_id], *w.state.above(todo_id)]
    for one in changed:
        if one.is_live and (one.completed is None) == completed:
            w.put(one.id, completed=w.moment if completed else None)
            done.along.add(one.id)


def _tag_names(w: Writing, todo: Todo, item: Json) -> list[str]:
    names = {name_key(name): name for name in item.get("tags", w.state.tags_of(todo.id))}
    for name in item.get("remove_tags", ()):
        names.pop(name_key(name), None)
    for name in item.get("add_tags", ()):
        names.setdefault(name_key(name), name)
    if len(names) > MAX_TAGS:
        raise Refused("invalid_input")
    return list(names.values())


def _counted(results: list[Result]) -> list[Result]:
    """Each relative counts once, for the item that took it first, and none that is an item itself."""
    seen = {one.id for one in results if isinstance(one, Done)}
    for one in results:
        if isinstance(one, Done):
            one.along -= seen
            seen |= one.along
    return results


# --- dates ----------------------------------------------------------------------------------------


def _dates(w: Writing, todo: Todo | None, item: Json) -> tuple[Due | None, Repeat | None]:
    """What `due` and `repeat` of a request make of a todo's; `item` has them as `When` and `Often`."""
    due, repeat = (None, None) if todo is None else (todo.due, todo.repeat)
    wall = w.wall_said()
    if "due" in item:
        given: Any = item["due"]
        due = given and given.due(wall, w.state.zone, due)
        if given is not None and due is None:
            raise Refused("invalid_input")
    if "repeat" in item:
        often: Often | None = item["repeat"]
        if often is None:
            repeat = None
        elif often.rule is None:
            raise Refused("invalid_input")
        else:
            start = due.local(w.state.zone) if due else wall.date()
            before = None if todo is None or todo.due is None else todo.due.local(w.state.zone)
            repeat = often.first(start, wall, before, is_said=item.get("due") is not None)
            if repeat is None:
                raise Refused("invalid_input")
            due = Due.of(repeat.scheduled)
    if repeat is not None and due is None:
        raise Refused("invalid_input")
    return due, repeat


def _start(w: Writing, todo: Todo | None, item: Json, due: Due | None) -> date | None:
    """What `start` of a request makes of a todo's: a day, and not after that of the due, as it is now."""
    start, zone = None if todo is None else todo.start, w.state.zone
    if "start" in item:
        given: When | None = item["start"]
        named = given and given.due(w.wall_said(), zone, None)
        if given is not None and (named is None or named.wall or named.moment):
            raise Refused("invalid_input")
        start = named and named.on
    day = None if due is None else day_of(due.local(zone))
    old = None if todo is None or todo.due is None else day_of(todo.due.local(zone))
    is_other = todo is None or (start, day) != (todo.start, old)
    if is_other and start is not None and day is not None and start > day:
        raise Refused("invalid_input")
    return start


def skip(w: Writing, ids: Iterable[int], if_version: int | None = None) -> list[Result]:
    """Each goes on to its next date and stays open."""

    def one(w: Writing, item: Json) -> Done:
        todo = w.live_todo(item["id"])
        _seen(todo, item)
        following = following_of(w, todo) if todo.is_open else None
        if following is None:
            raise Refused("invalid_input")
        start = later_start(w, todo, following)
        w.put(todo.id, start=start, due=Due.of(following.scheduled), repeat=following)
        done = Done(todo.id)
        untick(w, todo.id, done)
        return done

    return _counted(one_by_one(w, [{"id": todo_id} | _condition(if_version) for todo_id in ids], one))


# --- the trash ------------------------------------------------------------------------------------


def delete(w: Writing, ids: Sequence[int], if_version: int | None = None) -> list[Result]:
    """To the trash, with all subtasks."""

    def one(w: Writing, item: Json) -> Done:
        todo = _known(w, item)
        done = Done(todo.id)
        for gone in [todo, *w.state.below(todo.id)] if todo.is_live else ():
            if gone.is_live:
                w.put(gone.id, deleted=w.moment)
                done.along.add(gone.id)
        return done

    results = _counted(one_by_one(w, [{"id": todo_id} | _condition(if_version) for todo_id in ids], one))
    gone = sum(todo.deleted == w.moment for todo in w.state.todos.values())
    w.ask(gone)
    return results


def _known(w: Writing, item: Json) -> Todo:
    """A todo, in the trash or not."""
    todo = w.state.todos.get(item["id"])
    if todo is None:
        raise Refused(w.code_of("todo", item["id"]))
    _seen(todo, item)
    return todo


def restore(w: Writing, ids: Sequence[int], if_version: int | None = None) -> list[Result]:
    """Out of the trash: with what went there at the same moment below, and all that is above.

    An open todo opens what is above it. It comes back to the list of its family; if that is gone, all go to the inbox.
    """
    before = w.state.copy()

    def one(w: Writing, item: Json) -> Done:
        todo = _known(w, item)
        done = Done(todo.id)
        if (moment := before.todos[todo.id].deleted) is None:
            return done
        back = [todo, *(sub for sub in before.below(todo.id) if sub.deleted == moment)]
        for relative in [*back, *before.above(todo.id)]:
            w.put(relative.id, deleted=None)
            done.along.add(relative.id)
        for returned in [*back, *before.above(todo.id)]:
            if returned.completed is None:
                _set_completed(w, returned.id, False, done)
        top = [w.state.todos[todo.id], *w.state.above(todo.id)][-1]
        home = w.state.inbox if w.state.lists[top.list_id].is_deleted else top.list_id
        if (todo.list_id, top.list_id) != (home, home):
            for relative in [top, *w.state.below(top.id)]:
                w.put(relative.id, list_id=home)
                done.along.add(relative.id)
            if top.list_id != home:
                move(w, top.id, top.siblings, None)
        return done

    return _counted(one_by_one(w, [{"id": todo_id} | _condition(if_version) for todo_id in ids], one))


# --- different writes in one request --------------------------------------------------------------


def mix(w: Writing, items: Sequence[Json]) -> list[Result]:
    """What each item is by itself, to what those before it left; those of one action in a row are one batch."""
    results: list[Result] = []
    for part in _parts(items):
        before = w.state.copy()
        results += _part(w, part)
        for todo in [*w.state.todos.values()]:
            if (old := before.todos.get(todo.id)) is not None and todo != old:
                w.put(todo.id, version=old.version + 1, updated=w.moment + (2 if todo.id in w.late else 0))
        w.late.clear()
        w.moment += 3
    return results


def _parts(items: Sequence[Json]) -> Iterator[list[Json]]:
    part: list[Json] = []
    for item in items:
        names = [one.get("id") for one in part if "id" in one]
        if part and (
            item["action"] != part[0]["action"] or item.get("id") in names or item.get("ago") != part[0].get("ago")
        ):
            yield part
            part = []
        part.append(item)
    yield part


def _part(w: Writing, part: list[Json]) -> list[Result]:
    action, ids = part[0]["action"], [item.get("id", 0) for item in part]
    plain = [{name: value for name, value in item.items() if name not in ("action", "ago")} for item in part]
    if action == "add":
        return add(w, plain)
    if action == "update":
        return update(w, plain)
    if action == "complete":
        return _complete_then(w, ids, timedelta(days=part[0].get("ago", 0)))
    if action == "reopen":
        return complete(w, ids, completed=False)
    return {"skip": skip, "delete": delete, "restore": restore}[action](w, ids)


def _complete_then(w: Writing, ids: list[int], ago: timedelta) -> list[Result]:
    """Complete todos as they were completed so long ago: what follows is reckoned from that day."""
    now, w.now = w.now, w.now - ago
    results = complete(w, ids, completed=True)
    w.now = now
    if ago:
        for todo in [*w.state.todos.values()]:
            if todo.completed == w.moment:
                w.put(todo.id, completed=w.moment - 1)
    return results
