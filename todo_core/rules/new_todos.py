"""Find out what the items of a request to add todos mean: the lists, parents, keys, neighbours and dates they name.

Everything they refer to is loaded once for all of them; then each is taken by itself, in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todo_core.boundary.batches import Batch
from todo_core.boundary.operation import Tx
from todo_core.errors import TAKEN, Conflict, FieldError, InvalidInput, SimilarExists
from todo_core.models.todos import MAX_DEPTH, PRIORITIES, IfSimilar, TodoCreate
from todo_core.queries import adding
from todo_core.queries import todos as queries
from todo_core.rules.families import Family, list_of_subtask, too_deep
from todo_core.rules.likeness import Likeness, Looks
from todo_core.rules.lists import Lists
from todo_core.rules.order import Order
from todo_core.rules.schedules import Calendar
from todo_core.rules.spots import TARGETS, siblings_of, target_of
from todo_core.rules.starts import date_columns
from todo_core.rules.writing import (
    WrittenRow,
    read_todos,
)

_DATES: Final = ("start", "due", "repeat")
_RANKS: Final = {priority: rank for rank, priority in enumerate(PRIORITIES, 1)}
"""How priorities are stored, by their words."""
_PLAIN: Final = frozenset({"title", "description", "priority", "source", "tags"})
"""Fields of a new todo that refer to nothing."""
_ASKED_BEFORE: Final = ("return", "refuse")
"""What to do where a todo looks the same, if that is asked before any is made."""


@dataclass(slots=True)
class NewTodo:
    """A todo about to be made. Nobody changes one; it is not frozen for the reason that `Done` has."""

    number: int
    """Of its item in the request, from 0; of the first item, where further ones have its key."""
    columns: dict[str, Any]
    """As `insert_todos` takes them, without its tags."""
    depth: int
    """How many parents it has."""
    tags: Sequence[str]

    def as_item(self, tag_ids: Sequence[int]) -> dict[str, Any]:
        """Return the todo as `insert_todos` takes it, with the ids of its tags."""
        return {**self.columns, "tag_ids": tag_ids}


@dataclass(slots=True)
class ExistingTodo:
    """A todo that has the key of an item, or looks the same and is returned instead."""

    id: int
    row: str
    """Its read shape as JSON; of one that looks the same it is read afterwards."""


class Request:
    """What the items of a request refer to, and those that were accepted so far."""

    def __init__(
        self,
        family: Family | None,
        lists: Lists | None,
        calendar: Calendar | None,
        order: Order | None,
        keyed: Mapping[str, NewTodo | ExistingTodo],
        *,
        likeness: Likeness | None,
        if_similar: IfSimilar | None,
        taken: frozenset[str] = frozenset(),
    ) -> None:
        self._family = family
        self._order = order
        self._lists = lists
        self._calendar = calendar
        self._keyed = {**keyed}
        """The todos that have a key of the request, those of accepted items too."""
        self._taken = taken
        """Keys of todos that the agent does not see."""
        self._likeness = likeness
        """What looks the same as items, where that is decided before they are made."""
        self._if_similar = if_similar
        self._accepted: dict[int, NewTodo | ExistingTodo] = {}
        self._looks: dict[int, Looks] = {}
        """How new todos look, by the numbers of their items."""
        self._returned: list[ExistingTodo] = []
        """Todos that look the same as an item and are its result."""
        self._refused: list[tuple[SimilarExists, Sequence[Looks]]] = []
        """The refusals of items, each with what looks the same."""

    @classmethod
    async def load(cls, tx: Tx, items: Batch[TodoCreate], if_similar: IfSimilar | None) -> Request:
        """Load what the items refer to, and nothing for those that refer to nothing."""
        todos = items.accepted
        if if_similar not in _ASKED_BEFORE and all(todo.model_fields_set <= _PLAIN for todo in todos):
            return cls(
                family=None, lists=None, calendar=None, order=None, keyed={}, likeness=None, if_similar=if_similar
            )
        keyed = await _keyed(tx, [key for todo in todos for key in (todo.key, todo.parent_key) if key is not None])
        new_keys = {todo.key for todo in todos if todo.key is not None} - keyed.keys()
        likeness = None
        if if_similar in _ASKED_BEFORE:
            likeness = await Likeness.before(tx, {number: todo.title for number, todo in items.numbered().accepted})
        parents = [todo.parent_id for todo in todos if todo.parent_id is not None]
        if any(todo.parent_index is not None or todo.parent_key is not None for todo in todos):
            parents += [todo.id for todo in keyed.values()]
            parents += likeness.ids if likeness is not None else ()
        lists = [todo.list_id for todo in todos if todo.list_id is not None]
        neighbours = [one for todo in todos for one in (todo.before, todo.after) if one is not None]
        is_dated = any(getattr(todo, name) is not None for todo in todos for name in _DATES)
        return cls(
            await Family.of(tx, parents) if parents else None,
            await Lists.of(tx, lists) if lists else None,
            await Calendar.of(tx) if is_dated else None,
            await Order.of(tx, {}, neighbours, len(todos)) if neighbours else None,
            keyed,
            likeness=likeness,
            if_similar=if_similar,
            taken=await _taken(tx, new_keys) if tx.caller.has_lists and new_keys else frozenset(),
        )

    async def read_returned(self, tx: Tx) -> None:
        """Read the todos that are the results of items which look the same."""
        if self._returned:
            rows = await read_todos(tx, [todo.id for todo in self._returned])
            for todo in self._returned:
                todo.row = rows[todo.id]["row"]

    async def similar_to(
        self, tx: Tx, new: Iterable[NewTodo], made: Mapping[int, WrittenRow]
    ) -> dict[int, Sequence[Mapping[str, Any]]]:
        """Return what looks the same as new todos, earlier ones of the request too, by the numbers of their items.

        Args:
            tx: The transaction.
            new: The new todos, in order.
            made: What was inserted, by the numbers of the items.
        """
        likeness = await Likeness.after(tx, made)
        if not likeness.numbers:
            return {}
        similar: dict[int, Sequence[Mapping[str, Any]]] = {}
        for todo in new:
            looks = self._looks_of(todo.number, todo.columns)
            if found := likeness.find(looks):
                similar[todo.number] = likeness.named(found)
            likeness.accept(looks)
        return similar

    async def name_similar(self, tx: Tx, made: Mapping[int, WrittenRow]) -> None:
        """Have each refusal say what looks the same as its item.

        Args:
            tx: The transaction.
            made: What was inserted, by the numbers of the items.
        """
        if self._refused:
            assert self._likeness is not None  # it was asked for them
            earlier = {-1 - one.id for _, found in self._refused for one in found if one.id < 0}
            await self._likeness.made(tx, {number: made[number] for number in earlier})
            for error, found in self._refused:
                error.extra["similar"] = self._likeness.named(found)

    def told_of(self, todo: NewTodo) -> dict[str, Any]:
        """Return the name of the list that a new todo goes to, where the request names lists."""
        return {} if self._lists is None else self._lists.told_of(todo.columns.get("list_id"))

    async def accept(self, item: tuple[int, TodoCreate]) -> NewTodo | ExistingTodo:
        """Find out what an item means: the todo that has its key, or a new one.

        Args:
            item: Its number in the request, and the todo.

        Raises:
            TodoError: The item is refused.
        """
        number, todo = item
        accepted = self._keyed.get(todo.key) if todo.key is not None else None
        if todo.key in self._taken:
            raise Conflict(TAKEN, errors=[FieldError("key", "is taken", code="conflicting")])
        if accepted is None:
            accepted = await self._new_or_similar(number, todo)
            if todo.key is not None:
                self._keyed[todo.key] = accepted
        self._accepted[number] = accepted
        return accepted

    async def _new_or_similar(self, number: int, todo: TodoCreate) -> NewTodo | ExistingTodo:
        """Return the new todo of an item, or the open one that looks the same and is to be returned instead.

        Raises:
            SimilarExists: One looks the same, and the item is to be refused then.
            TodoError: The item is refused.
        """
        if self._likeness is None:
            return await self._new(number, todo)
        looks = self._looks_of(number, self._place(todo)[0])
        if found := self._likeness.find(looks):
            if self._if_similar == "refuse":
                self._refused.append((error := SimilarExists(), found))
                raise error
            if found[0].id < 0:
                return self._accepted[-1 - found[0].id]
            self._returned.append(one := ExistingTodo(found[0].id, ""))
            return one
        new = await self._new(number, todo)
        self._likeness.accept(looks)
        return new

    def _looks_of(self, number: int, columns: Mapping[str, Any]) -> Looks:
        """Return what is below what, of a new todo: its title is read by the database.

        Args:
            number: The number of its item.
            columns: Its `parent_id` or `parent_n`, if it has one.
        """
        looks = Looks(-1 - number, None)
        if (parent_n := columns.get("parent_n")) is not None:
            above = self._looks[parent_n]
            looks = Looks(-1 - number, above.id, above.id if above.root is None else above.root)
        elif (parent_id := columns.get("parent_id")) is not None:
            assert self._family is not None  # loaded wherever there is such a parent
            looks = Looks(-1 - number, parent_id, self._family.root(parent_id))
        self._looks[number] = looks
        return looks

    async def _new(self, number: int, todo: TodoCreate) -> NewTodo:
        """Return the new todo of an item.

        Raises:
            TodoError: The item is refused.
        """
        columns: dict[str, Any] = {
            "n": number,
            "title": todo.title,
            "description": todo.description or None,
            "priority": _RANKS[todo.priority],
        }
        if todo.key:
            columns["key"] = todo.key
        if todo.source:
            columns["source"] = todo.source
        if self._calendar is not None:
            dates = {name: given for name in _DATES if (given := getattr(todo, name)) is not None}
            columns |= date_columns(self._calendar, dates)
        if self._lists is not None and todo.list_id is not None:
            self._lists.require(todo.list_id)
        place, depth = self._place(todo)
        columns |= place
        if todo.place is not None or self._order is not None:
            columns |= await self._stand(number, todo, columns)
        return NewTodo(number, columns, depth, todo.tags)

    async def _stand(self, number: int, todo: TodoCreate, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Return the columns of a todo's place among its siblings, and of its list where only a neighbour says it."""
        target = target_of({name: getattr(todo, name) for name in TARGETS})
        if target is None:
            return {}
        if todo.place is not None or self._order is None:
            return {"comes_first": todo.place == "first"}
        if todo.parent_index is not None or "parent_n" in columns:
            field = "parent_key" if todo.parent_index is None else "parent_index"
            message = f"cannot be given together with {field}; use place"
            raise InvalidInput(errors=[FieldError(target[0], message, code="conflicting")])
        parent_id = columns.get("parent_id")
        list_id = columns["list_id"]
        if list_id is None:
            list_id = self._order.list_of_neighbour(target)
        new_id = -1 - number
        await self._order.move(new_id, siblings_of(list_id, parent_id), target)
        return {"list_id": list_id, "place": self._order.place(new_id)}

    def _place(self, todo: TodoCreate) -> tuple[dict[str, Any], int]:
        """Return the columns of list and parent, and the depth."""
        chosen = {"list_id": todo.list_id}
        if todo.parent_id is None and todo.parent_key is None and todo.parent_index is None:  # most have no parent
            return chosen, 0
        named = [name for name in ("parent_id", "parent_key", "parent_index") if getattr(todo, name) is not None]
        if len(named) > 1:
            raise InvalidInput(
                errors=[FieldError(named[1], f"cannot be given together with {named[0]}", code="conflicting")]
            )
        if todo.parent_index is not None:
            parent = self._accepted.get(todo.parent_index)
            return self._place_below_item(parent, "parent_index", "is no earlier item of this call", chosen)
        if todo.parent_key is not None:
            parent = self._keyed.get(todo.parent_key)
            return self._place_below_item(parent, "parent_key", "is the key of no todo, nor of an earlier item", chosen)
        assert todo.parent_id is not None  # one of the three is
        return self._place_below(todo.parent_id, "parent_id", chosen)

    def _place_below(self, parent_id: int, field: str, chosen: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Return the columns and the depth of a todo below one that was there, which a field of the request names."""
        assert self._family is not None  # loaded wherever there is such a parent
        list_id, depth = self._family.place_below(parent_id, field=field)
        return {"parent_id": parent_id, "list_id": list_of_subtask(chosen, list_id)}, depth

    def _place_below_item(
        self, parent: NewTodo | ExistingTodo | None, field: str, absent: str, chosen: dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        """Return the columns and the depth of a todo below an earlier item, or below the todo that has a key.

        Args:
            parent: The item or the todo; None where there is none.
            field: The field of the request that names it.
            absent: What to say where there is none.
            chosen: The list that was asked for.
        """
        if parent is None:
            raise InvalidInput(errors=[FieldError(field, f"{absent} that was accepted", code="not_found")])
        if isinstance(parent, ExistingTodo):
            return self._place_below(parent.id, field, chosen)
        if parent.depth == MAX_DEPTH:
            raise too_deep(field)
        list_id = list_of_subtask(chosen, parent.columns["list_id"])
        return {"parent_n": parent.number, "list_id": list_id}, parent.depth + 1


async def _taken(tx: Tx, keys: Collection[str]) -> frozenset[str]:
    """Return those of some keys that todos have which the agent that acts does not see."""
    async with tx.rehearsal():
        rows = await tx.rows(adding.FREE, keys=sorted(keys))
    return frozenset(keys) - {row["key"] for row in rows}


async def _keyed(tx: Tx, keys: Sequence[str]) -> dict[str, ExistingTodo]:
    """Return the todos that have one of some keys, by the key."""
    rows = await tx.rows(queries.KEYED, keys=keys) if keys else []
    return {row["key"]: ExistingTodo(row["id"], row["row"]) for row in rows}
