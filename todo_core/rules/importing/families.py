"""Put the todos of a file below each other as todos can be: five levels, in one list, none open below a done one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from todo_core.boundary.turns import in_turns
from todo_core.errors import TodoError
from todo_core.models.todos import MAX_DEPTH
from todo_core.rules.families import Family
from todo_core.rules.importing.items import Item
from todo_core.rules.importing.lists import ListsOfFile

_OPENED = "An open subtask is below it, so it is open, too."


@dataclass(slots=True)
class Existing:
    """A todo that is here already, which the file has, too."""

    id: int
    is_trashed: bool
    is_done: bool


@dataclass(slots=True, eq=False)
class Node:
    """A todo about to be made."""

    item: Item
    columns: dict[str, Any]
    """As they are stored; relatives, list and place come later."""
    tags: list[str]
    notes: list[dict[str, Any]]
    parent: Node | None = None
    parent_id: int | None = None
    """Its parent, where that is here already."""
    follows: Node | None = None
    follows_id: int | None = None
    depth: int = 0
    """How many parents it has."""
    id: int = 0
    """Once it is drawn."""
    open_subtasks: int = 0
    live_subtasks: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it is neither done nor in the trash."""
        return self.columns["completed_at"] is None and self.columns["deleted_at"] is None

    @property
    def is_live(self) -> bool:
        """Whether it is not in the trash."""
        return self.columns["deleted_at"] is None


async def link(nodes: Sequence[Node], existing: Mapping[str, Existing]) -> None:
    """Name the parents of todos, and what they follow: others of the file, or todos that are here.

    Args:
        nodes: The todos.
        existing: Todos that are here, by what the file calls them.
    """
    by_id: dict[str, Node] = {}
    async for node in in_turns(nodes):
        if node.item.id is not None:
            by_id.setdefault(node.item.id, node)
    async for node in in_turns(nodes):
        item = node.item
        if item.parent is not None:
            node.parent = by_id.get(item.parent)
            there = existing.get(item.parent)
            if node.parent is None and there is not None:
                node.parent_id = there.id
                if there.is_trashed or (there.is_done and node.is_open):
                    node.parent_id = None
                    item.changed("parent", "Its parent is done here or in the trash; it is no subtask.")
            elif node.parent is None or node.parent is node:
                node.parent = None
                item.changed("parent", "Its parent is not in the file; it is no subtask.")
        if item.follows is not None:
            node.follows = by_id.get(item.follows)
            if node.follows is None and (before := existing.get(item.follows)) is not None:
                node.follows_id = before.id


def in_order(nodes: Sequence[Node]) -> list[Node]:
    """Return todos so that each comes after its parent; where parents, or occurrences, go in a circle, it is cut."""
    _cut_circles(nodes, "parent")
    _cut_circles(nodes, "follows")
    ordered: dict[int, Node] = {}
    for node in nodes:
        chain = [node]
        while (above := chain[-1].parent) is not None and id(above) not in ordered:
            chain.append(above)
        ordered |= {id(one): one for one in reversed(chain) if id(one) not in ordered}
    return [*ordered.values()]


def _cut_circles(nodes: Sequence[Node], name: str) -> None:
    """Cut each circle in which todos name each other, at the todo that was reached last."""
    settled: set[int] = set()
    for first in nodes:
        path: set[int] = set()
        node: Node | None = first
        while node is not None and id(node) not in settled:
            path.add(id(node))
            following: Node | None = getattr(node, name)
            if following is not None and id(following) in path:
                setattr(node, name, None)
                node.item.changed(name, "It goes in a circle, which is cut.")
                following = None
            node = following
        settled |= path


async def settle(nodes: Sequence[Node], lists: ListsOfFile, family: Family) -> None:
    """Give todos their lists and depths, and have them agree with their parents.

    Args:
        nodes: The todos, each after its parent.
        lists: Those of the file.
        family: Of the parents that are here.
    """
    async for node in in_turns(nodes):
        _place(node, lists, family)
        parent = node.parent
        if parent is not None and node.is_live and not parent.is_live:
            node.columns["deleted_at"] = parent.columns["deleted_at"]
            node.item.changed("deleted", "Its parent is in the trash, so it is, too.")
        if node.columns["list_id"] in lists.deleted and node.is_live:
            node.columns["list_id"] = lists.default
            node.item.changed("list", "Its list was deleted; it goes to the default list.")
    async for node in in_turns(reversed(nodes)):
        parent = node.parent
        if parent is None:
            continue
        if node.is_open and parent.is_live and not parent.is_open:
            parent.columns["completed_at"] = None
            parent.item.changed("completed", _OPENED)
        parent.open_subtasks += node.is_open
        parent.live_subtasks += node.is_live


def _place(node: Node, lists: ListsOfFile, family: Family) -> None:
    """Give a todo its list and its depth; one that is too deep goes beside its parent."""
    ref = node.item.list_ref
    node.columns["list_id"] = lists.default if ref is None else lists.ids.get(ref, lists.default)
    if node.parent_id is not None:
        try:
            node.columns["list_id"], node.depth = family.place_below(node.parent_id, field="parent")
        except TodoError:
            node.parent_id = None
            node.item.changed("parent", "There are no more than five levels of subtasks; it is none.")
    elif node.parent is not None:
        beside = node.parent
        node.columns["list_id"] = beside.columns["list_id"]
        if beside.depth < MAX_DEPTH:
            node.depth = beside.depth + 1
            return
        node.parent, node.parent_id, node.depth = beside.parent, beside.parent_id, beside.depth
        node.item.changed("parent", "There are no more than five levels of subtasks; it is beside its parent.")
