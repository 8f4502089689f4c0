"""How todos are made: what a request means for each of them, and one statement that writes it all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import FieldProblem, InvalidInput, TodoError
from todo_core.models.todos import MAX_DEPTH, PRIORITIES, TodoCreate, TodoWritten
from todo_core.queries import revisions as queries
from todo_core.rules import tagging
from todo_core.rules.families import ENTITY, Family, too_deep
from todo_core.rules.lists import Lists
from todo_core.rules.revising import chosen_list, written
from todo_core.rules.schedules import Calendar
from todo_core.text import json_text
from todo_core.validation import Tried


async def add(tx: Tx, todos: Sequence[Tried[TodoCreate]]) -> Changed[TodoWritten]:
    """Make todos, in order; a bad one never fails the good ones, but takes its subtasks in the request along."""
    accepted = [todo for todo in todos if isinstance(todo, TodoCreate)]
    nursery = await _Nursery.of(tx, accepted)
    refused: dict[int, TodoError] = {}
    for n, todo in enumerate(todos):
        try:
            if isinstance(todo, InvalidInput):
                raise todo
            nursery.take(n, todo)
        except TodoError as error:
            refused[n] = error
    tag_ids, made = await tagging.ensure_each(tx, nursery.tags)
    items = [item | {"n": n, "tag_ids": tag_ids.get(n, ())} for n, item in nursery.items.items()]
    rows = iter(await tx.rows(queries.ADD, items=json_text(items)) if items else ())
    results: list[Done | TodoError] = []
    touched: list[Touched] = made
    for n in range(len(todos)):
        if n in refused:
            results.append(refused[n])
        else:
            row = next(rows)
            results.append(written(row["after"]))
            touched.append(Touched(ENTITY, row["id"], None, row["after"]))
    return Changed(results, touched)


class _Nursery:
    """Todos about to be made, by their number in the request."""

    def __init__(self, family: Family | None, lists: Lists | None, calendar: Calendar | None) -> None:
        self._family = family
        self._lists = lists
        self._calendar = calendar
        self._depths: dict[int, int] = {}
        self.items: dict[int, dict[str, Any]] = {}
        self.tags: dict[int, list[str]] = {}

    @classmethod
    async def of(cls, tx: Tx, todos: Sequence[TodoCreate]) -> _Nursery:
        """Load what the todos refer to, and nothing for those that refer to nothing."""
        parents = [todo.parent_id for todo in todos if todo.parent_id is not None]
        lists = [todo.list_id for todo in todos if todo.list_id is not None]
        dated = any(todo.due or todo.repeat for todo in todos)
        return cls(
            await Family.of(tx, parents) if parents else None,
            await Lists.of(tx, lists) if lists else None,
            await Calendar.of(tx) if dated else None,
        )

    def take(self, n: int, todo: TodoCreate) -> None:
        """See what a new todo means.

        Raises:
            TodoError: It is refused.
        """
        columns: dict[str, Any] = {
            "title": todo.title,
            "description": todo.description or None,
            "priority": PRIORITIES.index(todo.priority) + 1,
        }
        if self._calendar is not None:
            given = {name: text for name in ("due", "repeat") if (text := getattr(todo, name)) is not None}
            columns |= self._calendar.columns(given)
        if self._lists is not None and todo.list_id is not None:
            self._lists.require(todo.list_id)
        place, depth = self._place(todo)
        self.items[n] = columns | place
        self._depths[n] = depth
        if todo.tags:
            self.tags[n] = todo.tags

    def _place(self, todo: TodoCreate) -> tuple[dict[str, Any], int]:
        """List and parent, and how deep that is."""
        given = {"list_id": todo.list_id}
        if todo.parent_index is not None:
            if todo.parent_id is not None:
                raise InvalidInput(problems=[FieldProblem("parent_index", "cannot be given together with parent_id")])
            parent = self.items.get(todo.parent_index)
            if parent is None:
                message = "is no earlier item of this call that was accepted"
                raise InvalidInput(problems=[FieldProblem("parent_index", message)])
            depth = self._depths[todo.parent_index] + 1
            if depth > MAX_DEPTH:
                raise too_deep("parent_index")
            return {"parent_n": todo.parent_index, "list_id": chosen_list(given, parent["list_id"])}, depth
        if todo.parent_id is not None and self._family is not None:
            list_id, depth = self._family.place_below(todo.parent_id)
            return {"parent_id": todo.parent_id, "list_id": chosen_list(given, list_id)}, depth
        return given, 0
