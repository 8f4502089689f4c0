"""Arrange the todos of a file as subtasks, within the rules: five levels, one list, no open todo below a done one."""

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
    """A todo of the file that the person has already."""

    id: int
    is_trashed: bool
    is_done: bool


@dataclass(slots=True, eq=False)
class Node:
    """A todo of the file that is to be inserted."""

    item: Item
    columns: dict[str, Any]
    """Columns as they are stored; those of relatives, list and place are added later."""
    tags: list[str]
    notes: list[dict[str, Any]]
    parent: Node | None = None
    parent_id: int | None = None
    """The id of its parent, if that is an existing todo; else `parent` counts."""
    follows: Node | None = None
    follows_id: int | None = None
    depth: int = 0
    """How many parents it has."""
    id: int = 0
    """0 until `adding` gives it one."""
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
    """Set the parents of todos, and the occurrences that they follow: todos of the file, or existing ones.

    Args:
        nodes: The todos.
        existing: Existing todos, by their ids and keys in the file.
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
    """Return todos in an order in which each comes after its parent; circles of parents or occurrences are cut."""
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
    """Set the list, the depth and the counts of subtasks of todos, and make their states agree with their parents'.

    Args:
        nodes: The todos, each after its parent.
        lists: The lists of the file.
        family: The families of the parents that exist already.
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
    """Set the list and the depth of a todo; one that would be too deep becomes a sibling of its parent."""
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
