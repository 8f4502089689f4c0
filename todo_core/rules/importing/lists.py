"""Find the lists of a file by their names, and make those that do not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, get_args

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Touched
from todo_core.models.lists import Color, ListCreate
from todo_core.queries import imports as queries
from todo_core.rules.importing.dates import past_moment
from todo_core.rules.importing.items import Item, ListItem
from todo_core.rules.importing.texts import list_name
from todo_core.rules.lists import Lists, ListState, recorded
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text

MOST: Final = 500
"""Lists that one import makes: each is compared with all others."""


@dataclass(slots=True)
class ListsOfFile:
    """The lists to which the todos of a file go."""

    ids: dict[str, int]
    """List ids by the `list_ref` of the file's todos; negative for a list that is not stored yet."""
    default: int
    """The id of the list for todos that name none."""
    deleted: set[int]
    """The ids of those that are deleted: only todos in the trash go there."""
    _lists: Lists
    _by_key: dict[str, int]
    """The ids of lists that are not deleted, by `name_key`."""
    _moments: dict[int, dict[str, Any]] = field(default_factory=dict)
    """When new lists were made, archived and deleted, by their ids."""
    left_out: int = 0
    """How many lists beyond `MOST` were not made; their todos go to the default list."""

    @classmethod
    async def of(
        cls, tx: Tx, items: Sequence[ListItem], todos: Sequence[Item], name: str | None, account: Row
    ) -> ListsOfFile:
        """Find the lists of a file, and make in memory those that do not exist; `save` stores them.

        Args:
            tx: The transaction.
            items: The lists of the file.
            todos: Its new todos.
            name: The name of the list for todos that name none; None for the default list.
            account: The row of `queries.imports.ACCOUNT`.
        """
        lists = await Lists.of(tx)
        made = cls({}, 0, set(), lists, {state.name_key: state.id for state in lists.live})
        default = account["default_list_id"]
        state = None if default is None else lists.known(default)
        is_usable = state is not None and not (state.is_archived or state.is_deleted)
        made.default = default if is_usable else lists.inbox
        used = dict.fromkeys(todo.list_ref for todo in todos if todo.list_ref is not None)
        live = [item for item in items if item.deleted_at is None]
        inbox = next((item for item in live if item.is_inbox), None)
        if inbox is not None:
            made._take_inbox(inbox, as_it_is=not account["is_empty"])
        for item in items:
            if item.deleted_at is None and item is not inbox:
                made.ids[item.ref] = made._named(item, account["now"])
            elif item.deleted_at is not None and (item.ref in used or account["is_empty"]):
                made._add_deleted(item, account["now"])
        if inbox is not None and account["is_empty"]:
            lists.place(lists.inbox, live.index(inbox) + 1)
        for ref in used:
            if ref not in made.ids:
                made.ids[ref] = made._named(ListItem(ref, ref), account["now"])
        if name is not None:
            made.default = made._named(ListItem(name, name), account["now"])
        return made

    def _named(self, item: ListItem, now: datetime) -> int:
        """Return the id of the list with the name of an item; make it in memory if there is none."""
        name = list_name(item.name)
        key = name_key(name)
        if key in self._by_key:
            return self._by_key[key]
        if len(self._moments) >= MOST:
            self.left_out += 1
            return self.default
        state = self._lists.add(ListCreate(name=name, color=_color(item)))
        self._lists.put(replace(state, is_archived=item.archived_at is not None))
        self._keep_moments(state.id, item, now)
        self._by_key[key] = state.id
        return state.id

    def _add_deleted(self, item: ListItem, now: datetime) -> None:
        if len(self._moments) >= MOST:
            self.left_out += 1
            return
        name = list_name(item.name)
        list_id = self._lists.next_id
        state = ListState(
            id=list_id,
            name=name,
            name_key=name_key(name),
            colour=_color(item),
            position=Decimal(-list_id),
            chosen_position=None,
            is_inbox=False,
            is_archived=item.archived_at is not None,
            is_deleted=True,
            version=1,
        )
        self._lists.put(state)
        self._keep_moments(list_id, item, now)
        self.ids[item.ref] = list_id
        self.deleted.add(list_id)

    def _take_inbox(self, item: ListItem, *, as_it_is: bool) -> None:
        """Let the inbox of the file stand for the person's own inbox.

        Args:
            item: The inbox of the file.
            as_it_is: Whether the person's inbox keeps its name and color; else it takes those of the file.
        """
        inbox = self._lists.get(self._lists.inbox)
        self.ids[item.ref] = inbox.id
        if not as_it_is:
            name = list_name(item.name)
            del self._by_key[inbox.name_key]
            self._lists.put(replace(inbox, name=name, name_key=name_key(name), colour=_color(item)))
            self._by_key[name_key(name)] = inbox.id

    def _keep_moments(self, list_id: int, item: ListItem, now: datetime) -> None:
        names = ("archived_at", "deleted_at", "created_at")
        moments = {name: getattr(item, name) for name in names}
        self._moments[list_id] = {
            name: None if text is None else past_moment(text, now) or now for name, text in moments.items()
        }

    async def save(self, tx: Tx, now: datetime) -> list[Touched]:
        """Store the lists, and return the new and the changed ones. From then on, all ids are the stored ones."""
        changed = await self._lists.save(tx)  # first: a new list may have the name that the inbox had
        new = self._lists.new
        items = [state.as_item() | self._moments[state.id] | {"n": n} for n, state in enumerate(new)]
        ids: list[int] = []
        for chunk in chunks(items):
            ids += [row["id"] for row in await tx.rows(queries.ADD_LISTS, items=json_text(chunk), now=now)]
        written = {state.id: list_id for state, list_id in zip(new, ids, strict=True)}
        self.ids = {ref: written.get(list_id, list_id) for ref, list_id in self.ids.items()}
        self.default = written.get(self.default, self.default)
        self.deleted = {written[list_id] for list_id in self.deleted}
        states = dict(zip(ids, new, strict=True))
        made: list[Touched] = []
        for chunk_of_ids in chunks(ids):
            rows = await recorded(tx, {list_id: states[list_id] for list_id in chunk_of_ids})
            made += [Touched("list", list_id, None, rows[list_id]) for list_id in chunk_of_ids]
        return [*made, *changed]


def _color(item: ListItem) -> Color:
    return next((color for color in get_args(Color) if color == item.color), "grey")
