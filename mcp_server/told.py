"""Make the result of each row of a write: id, title, exactly the fields that changed, and what changed with it.

Facts that all results of a batch share are given once, in `all`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from mcp_server.tool_results import dates, similar, todo
from todo_core.boundary.results import Done
from todo_core.text.json_text import json_text

Json = dict[str, Any]
Tell = Callable[[Done], Json]
"""Makes the result of a row."""

SHORTENED: Final = 80
"""Most characters of a text in a result: the model has just sent it."""
_WORDED: Final = frozenset({"start", "due", "repeat", "completed_at", "is_completed", "deleted_at"})
"""Fields of a todo that a result shows in another form (`dates`, `status`)."""
_FOLLOWS: Final = frozenset(
    {"version", "created_at", "updated_at", "all_subtasks", "open_subtasks", "done_subtasks", "open_todos"}
)
"""Fields that no request sets: a result does not show them."""
_BESIDE: Final = frozenset({"id", "title", "subtasks_changed", "next", "existing", "similar", "todos_shown_otherwise"})


@dataclass(frozen=True, slots=True)
class Items:
    """The items of a batch by the call's own names, for the results of refused ones."""

    paths: Sequence[str]
    """The path of each item in the arguments: `todos[0]`."""
    ids: Sequence[int | str | None]
    """The id or the name of a row that each item gives; None where it gives none that can be read."""
    nulls: Sequence[Sequence[str]] = ()
    """The clearable fields of each item that were null; empty if no item has any."""

    @classmethod
    def of(cls, argument: str, items: Sequence[Any]) -> Items:
        """Return the items of an argument: ids, changes with an `id`, or new rows."""
        paths = [f"{argument}[{number}]" for number in range(len(items))]
        return cls(paths, [item.get("id") if isinstance(item, Mapping) else _id(item) for item in items])


def _id(item: Any) -> int | str | None:
    return item if isinstance(item, int | str) else None


def of_todo(item: Done) -> Json:
    """Return the result of a todo."""
    row = item.as_dict()
    short: Json = {"id": row["id"], "title": row["title"]}
    if row["existing"]:
        status = "trashed" if row["deleted_at"] else "done" if row["completed_at"] else "open"
        return {**short, "existing": True, "status": status} | todo(row, "concise")
    if item.changed:
        if item.before is None:
            short |= dates(row) | _named(item.told, "list")
        else:
            short |= _changes_of_todo(orjson.loads(item.before), row, item.told)
        short |= _named(item.told, "new_tags")
        if row["similar"]:
            short["similar"] = similar(row["similar"])
    if row["subtasks_changed"]:
        short["subtasks"] = row["subtasks_changed"]
    if (following := row["next"]) is not None:
        short["next"] = {"id": following["id"]} | dates(following)
    return short


def _named(told: Mapping[str, Any], name: str) -> Json:
    return {name: told[name]} if name in told else {}


def _changes_of_todo(before: Json, after: Json, told: Mapping[str, Any]) -> Json:
    """Return the fields of a todo that a write changed, as they are now."""
    changes = _status(before, after)
    goes_by_name = "list" in told and before["list_id"] != after["list_id"]
    changes |= _changes(before, after, [*_WORDED, "list_id"] if goes_by_name else _WORDED)
    if goes_by_name:
        changes["list"] = told["list"]
    when, was = dates(after), dates(before)
    changes |= {name: value for name, value in when.items() if was.get(name) != value}
    cleared = [name for name in was if name not in when and name != "due_at"]
    if cleared:
        changes["cleared"] = [*changes.pop("cleared", ()), *cleared]
    is_elsewhere = any(before[name] != after[name] for name in ("list_id", "parent_id"))
    return changes | ({"moved": True} if told.get("moved") and not is_elsewhere else {})


def _status(before: Json, after: Json) -> Json:
    """Return whether a todo went to the trash, came back from there, was completed, or opened again."""
    for field, gained, lost in (("deleted_at", "trashed", "restored"), ("completed_at", "done", "open again")):
        if bool(before[field]) != bool(after[field]):
            return {"status": gained if after[field] else lost}
    return {}


def _changes(before: Json, after: Json, otherwise: Iterable[str]) -> Json:
    """Return the fields that changed, with their new values; the names of those that are empty now are in `cleared`.

    Args:
        before: A row.
        after: The same row now.
        otherwise: Fields to leave out, because the result shows them in another form.
    """
    left_out = _FOLLOWS | _BESIDE | {*otherwise}
    names = [name for name in before if name not in left_out and name in after and before[name] != after[name]]
    changes = {name: shortened(after[name]) for name in names if after[name] not in (None, [])}
    cleared = [name for name in names if name not in changes]
    return changes | ({"cleared": cleared} if cleared else {})


def shortened(value: Any) -> Any:
    """Return a text cut after `SHORTENED` characters, with … behind it; any other value as it is."""
    is_long = isinstance(value, str) and len(value) > SHORTENED
    return f"{value[:SHORTENED]}…" if is_long else value


def of_list(item: Done) -> Json:
    """Return the result of a list."""
    row = item.as_dict()
    short: Json = {"id": row["id"], "name": row["name"]}
    if not item.changed or item.before is None:
        return short
    before = orjson.loads(item.before)
    short |= _changes(before, row, ["name", "archived_at", *(() if item.told.get("moved") else ("position",))])
    if bool(before["archived_at"]) != bool(row["archived_at"]):
        short["archived"] = bool(row["archived_at"])
        short["hides" if row["archived_at"] else "shows"] = row["open_todos"]
    return short | {name: value for name, value in item.told.items() if name in ("todos_trashed", "todos_moved")}


def of_undone(item: Done) -> Json:
    """Return the result of a row that an undo put back; one that is no todo has its `kind`."""
    row = item.as_dict()
    if "title" in row:
        return of_todo(item)
    kind = "profile" if item.entity == "user" else item.entity
    named = {name: shortened(row[name]) for name in ("name", "text") if name in row}
    changes = _changes(orjson.loads(item.before), row, ("name",)) if item.before and item.changed else {}
    return {"id": row["id"], "kind": kind} | named | changes


def kept(item: Done, nulls: Sequence[str]) -> Json:
    """Return which fields of a todo kept their value though the call gave null, and how to empty them."""
    row = item.as_dict()
    names = [name for name in nulls if row.get(name) not in (None, [])]
    return {"kept": names, "next_step": f"To empty, send clear: {json_text(names)}."} if names else {}


def results(items: Sequence[Json], refused: Sequence[bool]) -> tuple[list[Json], Json]:
    """Return the results of a batch without the facts that all accepted ones share, and these facts.

    Args:
        items: The result of each item.
        refused: Whether each was refused.
    """
    accepted = [item for item, is_refused in zip(items, refused, strict=True) if not is_refused]
    if len(accepted) < 2:
        return [*items], {}
    shared = dict(_shared(accepted))
    lean = [
        item if is_refused else {name: value for name, value in item.items() if name not in shared}
        for item, is_refused in zip(items, refused, strict=True)
    ]
    return lean, shared


def _shared(accepted: Sequence[Json]) -> Iterator[tuple[str, Any]]:
    first, *others = accepted
    for name, value in first.items():
        if name not in ("id", "title", "name") and all(name in other and other[name] == value for other in others):
            yield name, value


def located(described: Json, path: str) -> Json:
    """Return a refusal whose fields are named by their whole paths: `due` of the first item is `todos[0].due`.

    Args:
        described: The refusal of an item (`tool_results.describe`).
        path: The path of the item. Each id of a list is an item of its own.
    """
    is_id = path.startswith("ids") or "].ids[" in path
    for problem in described.get("errors", ()):
        is_whole = problem["field"] == "item" or (is_id and problem["field"] == "id")
        shared = path.partition(".ids[")[0]  # what is the same for each of the ids stands beside them
        problem["field"] = path if is_whole else f"{shared}.{problem['field']}"
    return described
