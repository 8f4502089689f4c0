"""Whatever two people do, in any order and over any transport, the product is what a model of it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as how_much
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from tests.faces import FaceName
from tests.model import strategies
from tests.model import todos as model_todos
from tests.model import undo as model_undo
from tests.model.dates import Json, When
from tests.model.lists import is_shown
from tests.model.machine import Ground
from tests.model.model import Refused, Result, Writing
from tests.model.proposals import Mandate
from tests.model.rows import Change, Todo
from tests.model.server import START, Server
from tests.model.strategies import FACE, IDS, PEOPLE, ROW, SEEN, WAY, Way
from tests.model.wire import How, Request, nulled
from todo_core.settings import Settings

STEPS: Final = 40
LEAST_STEPS: Final = 0.5 * STEPS
"""What must have run on average: Hypothesis ends some examples early."""
MOST_TODOS: Final = 18
MOST_LISTS: Final = 5
LONGEST_WAIT: Final = timedelta(days=40)
NOBODYS: Final = 1_000_000_000
"""Ids from here on are nobody's."""
FAMILIES: Final[list[Json]] = [
    {"title": "alpha", "tags": ["red"]},
    {"title": "Beta", "parent_index": 0, "tags": ["blue"]},
    {"title": "gamma", "parent_index": 1, "due": strategies.MOMENT},
    {"title": "delta", "due": strategies.TOMORROW_5PM, "repeat": strategies.DAILY, "tags": ["red"], "key": "k"},
    {"title": "Alpha", "parent_index": 3, "due": strategies.TOMORROW},
    {"title": "gamma", "parent_index": 3, "repeat": strategies.DAILY, "start": strategies.TODAY},
    {"title": "Beta", "parent_index": 0, "repeat": strategies.DAILY},
    {"title": "delta", "start": strategies.TOMORROW},
    {"title": "gamma"},
]
LISTS: Final[list[Json]] = [{"name": "Home"}]
Meant = Callable[[Todo], bool]
"""Which todos a write is mostly about."""
ByIds = Callable[[Writing, list[int], int | None], list[Result]]


class Domain(Ground):
    """Every write and every read of the domain."""

    steps: ClassVar[int] = 0

    def teardown(self) -> None:
        super().teardown()
        if self.is_agreed and self.people:
            self.server.run(self.server.require_round_trip("ann"))

    @invariant()
    def count(self) -> None:
        type(self).steps += 1

    @initialize(zone=st.sampled_from(strategies.ZONES), due=strategies.SAID)
    def begin(self, zone: str, due: When) -> None:
        """Two people, who have something to do already; one has been elsewhere since, and has moved an occurrence."""
        self.meet()
        self._write(("ann", How()), "add", {"todos": FAMILIES}, lambda w: model_todos.add(w, FAMILIES))
        self._write(("ann", How()), "add_lists", {"lists": LISTS}, lambda w: _each(LISTS, w.add_list))
        self._write(("bob", How()), "add", {"todos": FAMILIES[:1]}, lambda w: model_todos.add(w, FAMILIES[:1]))
        moved = {"time_zone": zone}
        self._write(("ann", How()), "profile", moved, lambda w: w.update_profile(moved, None))
        series = next(todo.id for todo in self.people["ann"].state.todos.values() if todo.repeat)
        todos = [{"id": series, "due": due}]
        self._write(("ann", How()), "update", {"todos": todos}, lambda w: model_todos.update(w, todos))

    # --- todos ------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.people["ann"].state.todos) < MOST_TODOS)
    @rule(way=WAY, items=st.lists(strategies.NEW_TODO, min_size=1, max_size=3))
    def add(self, way: Way, items: list[Json]) -> None:
        self._add(way, [self.named(way[0], item) for item in items])

    def _add(self, way: Way, todos: list[Json]) -> None:
        self._write(way, "add", {"todos": todos}, lambda w: model_todos.add(w, todos))

    @rule(way=WAY, number=ROW, change=strategies.CHANGE, seen=SEEN)
    def update(self, way: Way, number: int, change: Json, seen: int | None) -> None:
        self._update(way, [{"id": number, **change}], seen)

    @precondition(lambda self: self.some(lambda todo: todo.is_open and todo.due is not None))
    @rule(way=WAY, number=st.sampled_from((0, 2, 4, 6)), due=strategies.SAID, of_a_series=st.booleans())
    def say_of_a_due(self, way: Way, number: int, due: When, of_a_series: bool) -> None:
        """Change a part of what there is, of a moment, or of a series: the next of that is where the series has it."""

        def meant(todo: Todo) -> bool:
            return todo.is_open and bool(todo.repeat if of_a_series else todo.due and todo.due.moment)

        (todo_id,) = self._ids(way, [number], meant)
        todos = [{"id": todo_id, "due": due}]
        self._write(way, "update", {"todos": todos}, lambda w: model_todos.update(w, todos))
        if of_a_series:
            self._by_ids(way, "complete", [todo_id], None, _completing(True))

    @rule(way=WAY, number=ROW, change=strategies.MOVE)
    def move(self, way: Way, number: int, change: Json) -> None:
        self._update(way, [{"id": number, **change}])

    @rule(way=WAY, changes=st.lists(st.tuples(ROW, strategies.CHANGE), min_size=2, max_size=3))
    def update_several(self, way: Way, changes: list[tuple[int, Json]]) -> None:
        self._update(way, [{"id": number, **change} for number, change in changes])

    @rule(way=WAY, number=ROW, side=strategies.SIDE, sibling=ROW)
    def arrange(self, way: Way, number: int, side: str, sibling: int) -> None:
        self._arrange(way, [number], side, sibling)

    @rule(way=WAY, numbers=st.lists(ROW, min_size=2, max_size=4), side=strategies.SIDE, sibling=ROW)
    def arrange_several(self, way: Way, numbers: list[int], side: str, sibling: int) -> None:
        self._arrange(way, numbers, side, sibling)

    def _arrange(self, way: Way, numbers: list[int], side: str, sibling: int) -> None:
        """Todos of the inbox go beside another of it, or to an end; then all are looked at in their order."""
        state = self.people[way[0]].state
        here = [todo.id for todo in state.todos.values() if todo.is_live and todo.siblings == (state.inbox, None)]
        if here:
            where = {side: here[sibling % len(here)]} if side in ("before", "after") else {"place": side}
            ids = dict.fromkeys(here[number % len(here)] for number in numbers)
            self._send_update(way, [{"id": todo_id, **where} for todo_id in ids])
            self.find(way[0], "rest", {"status": "all", "sort": "manual"}, 200)

    def _update(self, way: Way, items: list[Json], seen: int | None = None) -> None:
        named = [self.named(way[0], item) for item in items]
        present = self.people[way[0]].state.todos
        self._send_update(way, [todo | self.seen(present.get(todo["id"]), seen) for todo in named])

    def _send_update(self, way: Way, todos: list[Json]) -> None:
        meant = [nulled(todo) for todo in todos]
        self._write(way, "update", {"todos": todos}, lambda w: model_todos.update(w, meant))

    @rule(way=WAY, number=ROW, texts=st.lists(strategies.NOTE, min_size=1, max_size=4))
    def note(self, way: Way, number: int, texts: list[str]) -> None:
        todo_id = self.todo_id(way[0], number)
        for text in texts:
            if way[1].face == "rest":
                self._write(
                    way, "note", {"id": todo_id, "text": text}, lambda w, text=text: model_todos.note(w, todo_id, text)
                )
            else:
                self._update(way, [{"id": number, "add_note": text}])
        self.get_one(way[0], todo_id)

    @rule(way=WAY, numbers=IDS, seen=SEEN)
    def complete(self, way: Way, numbers: list[int], seen: int | None) -> None:
        ids = self._ids(way, numbers, lambda todo: todo.is_open)
        self._by_ids(way, "complete", ids, seen, _completing(True))

    @precondition(lambda self: self.some(lambda todo: todo.is_live and todo.completed is not None))
    @rule(way=WAY, numbers=IDS, seen=SEEN)
    def reopen(self, way: Way, numbers: list[int], seen: int | None) -> None:
        ids = self._ids(way, numbers, lambda todo: todo.is_live and todo.completed is not None)
        self._by_ids(way, "reopen", ids, seen, _completing(False))

    @precondition(lambda self: self.some(lambda todo: todo.is_open and todo.repeat is not None))
    @rule(way=WAY, numbers=IDS, seen=SEEN)
    def skip(self, way: Way, numbers: list[int], seen: int | None) -> None:
        self._by_ids(way, "skip", self._ids(way, numbers, lambda todo: bool(todo.repeat)), seen, model_todos.skip)

    @rule(way=WAY, numbers=IDS, seen=SEEN)
    def delete(self, way: Way, numbers: list[int], seen: int | None) -> None:
        self._by_ids(way, "delete", self._ids(way, numbers, lambda todo: todo.is_live), seen, model_todos.delete)

    @precondition(lambda self: self.some(lambda todo: not todo.is_live))
    @rule(way=WAY, numbers=IDS, seen=SEEN)
    def restore(self, way: Way, numbers: list[int], seen: int | None) -> None:
        self._by_ids(way, "restore", self._ids(way, numbers, lambda todo: not todo.is_live), seen, model_todos.restore)

    @precondition(lambda self: any(self._series(name) for name in self.people))
    @rule(way=WAY, number=ROW, steps=st.lists(strategies.ROUND, min_size=2, max_size=5))
    def go_round(self, way: Way, number: int, steps: list[str]) -> None:
        """What happens to a subtask that repeats, and to what is above it, one thing after the other."""
        for step in steps:
            if not (series := self._series(way[0])):
                return
            below, above = series[number % len(series)]
            plain = [one.id for one in self.people[way[0]].state.children(above) if one.is_open and one.repeat is None]
            what, _, which = step.partition(" ")
            run = {"complete": _completing(True), "skip": model_todos.skip, "delete": model_todos.delete}[what]
            self._by_ids(way, what, {"below": [below], "above": [above], "beside": plain or [below]}[which], None, run)

    def _series(self, who: str) -> list[tuple[int, int]]:
        """Each open subtask that repeats, with its parent."""
        found = self.people[who].near_first().values()
        return [(todo.id, todo.parent_id) for todo in found if todo.is_open and todo.repeat and todo.parent_id]

    def _ids(self, way: Way, numbers: list[int], meant: Meant) -> list[int]:
        """Ids: even numbers are for todos that are meant, if there are any."""
        who = way[0]
        among = [todo.id for todo in self.people[who].near_first().values() if meant(todo)]
        is_meant = [bool(among) and number in range(0, strategies.LIVE, 2) for number in numbers]
        return [
            among[number // 2 % len(among)] if is_one else self.todo_id(who, number)
            for number, is_one in zip(numbers, is_meant, strict=True)
        ]

    def _by_ids(self, way: Way, kind: str, ids: list[int], seen: int | None, run: ByIds) -> None:
        who, how = way
        condition: Json = {}
        if how.face == "rest" and len(ids) == 1:
            condition = self.seen(self.people[who].state.todos.get(ids[0]), seen)
        arguments = {"ids": ids} | condition
        self._write(way, kind, arguments, lambda w: run(w, ids, condition.get("if_version")))

    @precondition(lambda self: len(self.people["ann"].state.todos) < MOST_TODOS)
    @rule(way=WAY, drawn=strategies.MIXED)
    def mix(self, way: Way, drawn: list[Json]) -> None:
        who, how = way
        meant = [self.named(who, item) for item in drawn]
        items = [{name: value for name, value in item.items() if name != "ago"} | self._ago(item) for item in meant]
        self._write((who, replace(how, face="rest")), "mix", {"items": items}, lambda w: model_todos.mix(w, meant))

    def _ago(self, item: Json) -> Json:
        """The moment at which an item says that its todo was completed, so many days ago."""
        if "ago" not in item:
            return {}
        return {"completed_at": (self.server.now - timedelta(days=item["ago"])).isoformat()}

    # --- lists, tags, the profile -----------------------------------------------------------------

    @precondition(lambda self: len(self.people["ann"].state.live_lists()) < MOST_LISTS)
    @rule(way=WAY, items=st.lists(strategies.NEW_LIST, min_size=1, max_size=2))
    def add_lists(self, way: Way, items: list[Json]) -> None:
        lists = items[:1] if way[1].face == "rest" else items
        self._write(way, "add_lists", {"lists": lists}, lambda w: _each(lists, w.add_list))

    @rule(way=WAY, numbers=st.lists(ROW, min_size=1, max_size=2), change=strategies.LIST_CHANGE, seen=SEEN)
    def change_lists(self, way: Way, numbers: list[int], change: Json, seen: int | None) -> None:
        who, how = way
        ids = [self.list_id(who, number) for number in numbers[: 1 if how.face == "rest" else None]]
        if "afterwards" in change:
            self._delete_lists(way, ids, *change["afterwards"])
        else:
            present = self.people[who].state.lists
            lists = [{"id": one, **change, **self.seen(present.get(one), seen)} for one in dict.fromkeys(ids)]
            self._write(way, "update_lists", {"lists": lists}, lambda w: _each(lists, w.update_list))

    def _delete_lists(self, way: Way, ids: list[int], todos: str | None, number: int | None) -> None:
        move_to = None if number is None else self.list_id(way[0], number)
        arguments = {"ids": ids, "todos": todos, "move_to": move_to}
        self._write(way, "delete_lists", arguments, lambda w: w.delete_lists(ids, todos, move_to))

    @rule(way=WAY, number=ROW, change=strategies.TAG_CHANGE)
    def change_tag(self, way: Way, number: int, change: tuple[str, Any]) -> None:
        tag_id = self.tag_id(way[0], number)
        action, given = change
        if action == "rename":
            self._write(way, "rename_tag", {"id": tag_id, "name": given}, lambda w: w.rename_tag(tag_id, given))
        elif action == "merge":
            into = self.tag_id(way[0], given)
            self._write(way, "merge_tag", {"id": tag_id, "into": into}, lambda w: w.merge_tag(tag_id, into))
        else:
            self._write(way, "delete_tag", {"id": tag_id}, lambda w: w.delete_tag(tag_id))

    @rule(way=WAY, change=strategies.PROFILE, seen=SEEN)
    def update_profile(self, way: Way, change: Json, seen: int | None) -> None:
        given, condition = self.named(way[0], change), self.seen(self.people[way[0]].state.profile, seen)
        fields, if_version = nulled(given), condition.get("if_version")
        self._write(way, "profile", given | condition, lambda w: w.update_profile(fields, if_version))

    # --- undo, retries, time ----------------------------------------------------------------------

    @rule(way=WAY, number=st.one_of(st.just(0), ROW))
    def undo(self, way: Way, number: int) -> None:
        self._undo(way, self.change_id(way[0], number))

    def _undo(self, way: Way, change_id: int) -> None:
        who = way[0]

        def run(w: Writing) -> None:
            change = self.people[who].changes.get(change_id)
            if change is None:
                raise Refused(w.code_of("change", change_id))
            if way[1].by_helper and not self._is_told(who, change):
                raise Refused("not_found")
            model_undo.undo(w, change)

        self._write(way, "undo", {"change_id": change_id}, run, undoes=(change_id,))

    @rule(
        way=WAY,
        numbers=st.lists(st.one_of(st.integers(0, 2), ROW), min_size=1, max_size=4),
        skips=st.sampled_from(({}, {}, {"skip_conflicts": True})),
    )
    def undo_several(self, way: Way, numbers: list[int], skips: Json) -> None:
        who = way[0]
        ids = [*dict.fromkeys(self.change_id(who, number) for number in numbers)]
        known = self.people[who].changes
        undone: list[int] = []

        def run(w: Writing) -> None:
            absent = [change_id for change_id in sorted(ids, reverse=True) if change_id not in known]
            if absent:
                raise Refused(w.code_of("change", absent[0]))
            own = self.people[who].of_helper
            if way[1].by_helper and not all(one in own or self._is_told(who, known[one]) for one in ids):
                raise Refused("not_found")
            if any((one in self.people[who].of_helper) != way[1].by_helper for one in ids):
                raise Refused("invalid_input")
            undone.clear()
            undone.extend(one.id for one in model_undo.undo_all(w, [known[one] for one in ids], skips=bool(skips)))

        self._write(way, "undo_several", {"change_ids": ids} | skips, run, undoes=undone)

    def _is_told(self, who: str, change: Change) -> bool:
        """Whether somebody's helper sees a row of a change."""
        lists, state = self.sight(who), self.people[who].state
        return lists is None or any(is_shown(entry, state, lists) for entry in change.entries)

    # --- what an agent may do, and what it proposes -----------------------------------------------

    @rule(who=PEOPLE, mandate=strategies.MANDATE, numbers=st.sets(ROW, max_size=2), own=st.booleans())
    def bound_to_lists(self, who: str, mandate: Mandate, numbers: set[int], own: bool) -> None:
        """From now on the agent sees some lists, those that it makes among them or not."""
        live = self.people[who].state.order
        lists = frozenset(live[number % len(live)] for number in numbers)
        self._bound(who, replace(mandate, lists=lists, own_lists=own or not lists))

    @rule(who=PEOPLE, mandate=strategies.MANDATE)
    def bound(self, who: str, mandate: Mandate) -> None:
        self._bound(who, mandate)

    def _bound(self, who: str, mandate: Mandate) -> None:
        if self.mandates[who] != mandate:
            self.mandates[who] = mandate
            self.server.run(self.server.bound(who, mandate))

    @rule(number=ROW, face=FACE, own=st.booleans(), what=strategies.WITHIN)
    def work_within_lists(self, number: int, face: FaceName, own: bool, what: str) -> None:
        """An agent that sees one list does something at its border, and looks at what it sees."""
        me, way = ("ann", How()), ("ann", How(face, by_helper=True))
        state = self.people["ann"].state
        here = state.order[number % len(state.order)]
        self._bound("ann", Mandate(lists=frozenset({here}), own_lists=own, proposes=what == "propose"))
        inside, outside = self._at_border(here)
        if what == "undo of both":
            self._send_update(me, [{"id": one, "title": f"{number} at once"} for one in (*inside, *outside)])
            self._undo(way, self.change_id("ann", 0))
        elif what == "undo of a move" and inside:
            self._send_update(me, [{"id": one, "list_id": self._elsewhere(here)} for one in inside])
            self._undo(way, self.change_id("ann", 0))
        elif what == "tag of others":
            nobodys = [{"id": NOBODYS + number}]
            self._send_update(me, [{"id": one, "add_tags": ["unseen"]} for one in outside] or nobodys)
            self._add(way, [{"title": "gamma", "list_id": here, "tags": ["Unseen"]}])
        elif what == "list":
            self._write(way, "add_lists", {"lists": [{"name": "Own"}]}, lambda w: _each([{"name": "Own"}], w.add_list))
        elif what == "propose" and inside:
            self._send_update(way, [{"id": one, "title": "omega"} for one in inside])
            self._bound("ann", Mandate(proposes=True, lists=frozenset({self._elsewhere(here)})))
            if self.waiting:
                self.decide(-1, approve=True)
        else:
            self._add(way, [{"title": "gamma"}])
            self._send_update(way, [{"id": one, "title": "omega"} for one in outside] or [{"id": NOBODYS + number}])
        self.look_around("ann", "rest", by_helper=True)

    def _at_border(self, here: int) -> tuple[list[int], list[int]]:
        """An open todo of a list, and one of another; none where there is none."""
        todos = [one for one in self.people["ann"].near_first().values() if one.is_open]
        return [t.id for t in todos if t.list_id == here][:1], [t.id for t in todos if t.list_id != here][:1]

    def _elsewhere(self, here: int) -> int:
        """Another list, if there is one."""
        return next((one for one in self.people["ann"].state.order if one != here), here)

    @precondition(lambda self: self.waiting)
    @rule(number=ROW, approve=st.sampled_from((True, True, True, False)))
    def decide_on_a_proposal(self, number: int, approve: bool) -> None:
        self.decide(-1 - number, approve=approve)

    @rule(number=ROW, face=FACE, what=strategies.PROPOSED, meanwhile=strategies.MEANWHILE)
    def propose(self, number: int, face: FaceName, what: str, meanwhile: str) -> None:
        """An agent proposes; something happens, or nothing, and the person approves."""
        way, kept = ("ann", How(face, by_helper=True)), len(self.waiting)
        self._bound("ann", Mandate(proposes=True))
        (todo_id,) = self._ids(way, [number], lambda todo: todo.is_open)
        self._propose(way, what, todo_id, number)
        self._meanwhile(meanwhile, todo_id)
        if len(self.waiting) > kept:
            self.decide(-1, approve=True)

    def _propose(self, way: Way, what: str, todo_id: int, number: int) -> None:
        if what == "add":
            todos: list[Json] = [{"title": "gamma", "due": strategies.TOMORROW, "tags": ["red"]}]
            self._write(way, "add", {"todos": todos}, lambda w: model_todos.add(w, todos))
        elif what == "update":
            self._send_update(way, [{"id": todo_id, "title": "omega", "due": strategies.TOMORROW}])
        elif what == "archive":
            lists = [{"id": self.list_id(way[0], number), "is_archived": True}]
            self._write(way, "update_lists", {"lists": lists}, lambda w: _each(lists, w.update_list))
        elif what == "delete_tag":
            tag_id = self.tag_id(way[0], number)
            self._write(way, "delete_tag", {"id": tag_id}, lambda w: w.delete_tag(tag_id))
        else:
            run = {"complete": _completing(True), "delete": model_todos.delete}[what]
            self._by_ids(way, what, [todo_id], None, run)

    def _meanwhile(self, what: str, todo_id: int) -> None:
        me: Way = ("ann", How())
        if what == "rename":
            self._send_update(me, [{"id": todo_id, "title": "delta"}])
        elif what == "tag another":
            others = [one.id for one in self.people["ann"].state.todos.values() if one.is_open and one.id != todo_id]
            self._send_update(me, [{"id": one, "add_tags": ["red", "blue"]} for one in others[:1]] or [{"id": todo_id}])
        elif what == "wait":
            self.wait(1)
        elif what == "forbid":
            self._bound("ann", Mandate(frozenset({"add"}), proposes=True))

    @precondition(lambda self: self.kept)
    @rule(number=ROW, how=strategies.HOW, is_same=st.booleans())
    def use_a_key_again(self, number: int, how: How, is_same: bool) -> None:
        kept = self.kept[number % len(self.kept)]
        if is_same:
            self.repeat(kept)
        else:
            self.reuse(kept, replace(how, dry_run=False))

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        self.server.now = min(self.server.now + timedelta(days=days), START + LONGEST_WAIT)

    def _write(
        self, way: Way, kind: str, arguments: Json, run: Callable[[Writing], Any], *, undoes: Sequence[int] = ()
    ) -> None:
        self.write(*way, Request(kind, strategies.as_sent(arguments, way[1])), run, undoes=undoes)

    # --- reading ----------------------------------------------------------------------------------

    @rule(who=PEOPLE, face=FACE, wanted=strategies.FILTER, order=strategies.ORDER, limit=st.integers(3, 9))
    def find_todos(self, who: str, face: FaceName, wanted: Json, order: Json, limit: int) -> None:
        self.find(who, face, self.named(who, wanted) | order, limit)

    @rule(who=PEOPLE, face=FACE)
    def look(self, who: str, face: FaceName) -> None:
        self.look_around(who, face)

    @rule(who=PEOPLE, number=ROW)
    def get(self, who: str, number: int) -> None:
        self.get_one(who, self.todo_id(who, number))

    @rule(who=PEOPLE, face=FACE, wanted=strategies.FILTER, order=strategies.ORDER, number=ROW)
    def read_as_helper(self, who: str, face: FaceName, wanted: Json, order: Json, number: int) -> None:
        self.find(who, face, self.named(who, wanted) | order, 5, by_helper=True)
        self.get_one(who, self.todo_id(who, number), by_helper=True)
        self.look_around(who, face, by_helper=True)


def _completing(completed: bool) -> ByIds:
    return lambda w, ids, if_version: model_todos.complete(w, ids, completed=completed, if_version=if_version)


def _each(items: list[Json], apply: Callable[[Json], int]) -> list[int | Refused]:
    results: list[int | Refused] = []
    for item in items:
        try:
            results.append(apply(item))
        except Refused as refused:
            results.append(refused)
    return results


@pytest.fixture(scope="module")
def server(settings: Settings, database_url: str) -> Iterator[Server]:
    found = Server(settings, database_url)
    yield found
    found.close()


@pytest.mark.parametrize("examples", [25, pytest.param(400, marks=pytest.mark.exhaustive)])
def test_the_product_is_what_the_model_is(server: Server, examples: int) -> None:
    machine = type("Domain", (Domain,), {"server": server})
    run_state_machine_as_test(
        machine,
        settings=how_much(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            derandomize=True,
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
        ),
    )
    assert machine.steps >= examples * LEAST_STEPS
