"""Add, read, change, complete and trash todos."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from todo_core.database import json_text
from todo_core.errors import FieldProblem, InvalidInput, NotFound, NotOwner, TodoError, UndoRefused, VersionConflict
from todo_core.models.todos import (
    PRIORITIES,
    TodoCreate,
    TodoFilter,
    TodoRead,
    TodoUpdate,
)
from todo_core.operation import Tx, operation
from todo_core.ownership import missing
from todo_core.queries import todos as queries
from todo_core.results import Changed, Done, Found, Page, Touched
from todo_core.validation import Tried

ENTITY: Final = "todo"


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def find(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """List todos: filtered, ordered, a page at a time, with the true total.

    The trash shows only with status `trashed`. `next_cursor` leads to the next page at the same
    cost however deep it is; the last page has none.
    """
    given = {name: value for name in queries.CONDITIONS if (value := getattr(wanted, name)) is not None}
    if "priority" in given:
        given["priority"] = [PRIORITIES.index(word) + 1 for word in given["priority"]]
    if "text" in given:
        given["text"] = _like_literal(given["text"])
    descending = wanted.direction == "desc"
    scope = json_text([tx.caller.principal.user_id, wanted.status, wanted.sort, descending, given])
    place: dict[str, Any] = {}
    if wanted.cursor is not None:
        key, place["after_id"] = tx.core.cursors.open(wanted.cursor, scope)
        place["after_key"] = datetime.fromisoformat(key) if wanted.sort in ("created", "updated") else key
    statement = queries.page(wanted.status, frozenset(given), wanted.sort, descending, bool(place))
    row = await tx.one(statement, limit=wanted.limit, offset=offset, **given, **place)
    cursor = tx.core.cursors.make([orjson.loads(row["key"]), row["id"]], scope) if row["more"] else None
    return Page(row["rows"], row["total"], wanted.limit, cursor)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, todo_id: int) -> Found[TodoRead]:
    """Read one todo, with all its fields. A todo in the trash is not found: list the trash or restore it."""
    row = await tx.row(queries.ONE, id=todo_id)
    if row is None:
        raise (await missing(tx, ENTITY, [todo_id]))[todo_id]
    return Found(row["row"])


def _like_literal(words: str) -> str:
    for special in ("\\", "%", "_"):
        words = words.replace(special, "\\" + special)
    return words


@operation(effect="changes", scope="todos:write", raises=(InvalidInput,), idempotent=False)
async def add(tx: Tx, todos: Sequence[Tried[TodoCreate]]) -> Changed[TodoRead]:
    """Add todos, in order. The server sets id, times and version."""
    items = [
        {
            "n": n,
            "title": todo.title,
            "description": todo.description or None,
            "priority": PRIORITIES.index(todo.priority) + 1,
        }
        for n, todo in enumerate(todos)
        if isinstance(todo, TodoCreate)
    ]
    rows = iter(await tx.rows(queries.ADD, items=json_text(items)) if items else ())
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for todo in todos:
        if isinstance(todo, InvalidInput):
            results.append(todo)
        else:
            row = next(rows)
            results.append(Done(row["after"]))
            touched.append(Touched(ENTITY, row["id"], None, row["after"]))
    return Changed(results, touched)


async def _revise(
    tx: Tx, patches: Sequence[Mapping[str, Any] | TodoError], *, trash_too: bool = False
) -> Changed[TodoRead]:
    """Apply each patch to its todo in one statement; a patch that changes nothing leaves the version as it is."""
    items = [patch for patch in patches if not isinstance(patch, TodoError)]
    ids = [patch["id"] for patch in items]
    found = await tx.rows(queries.REVISE, items=json_text(items), ids=ids, trash_too=trash_too) if items else []
    gone = [todo_id for todo_id, row in zip(ids, found, strict=True) if row["id"] is None]
    refused = await missing(tx, ENTITY, gone)
    rows = iter(found)
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for patch in patches:
        if isinstance(patch, TodoError):
            results.append(patch)
            continue
        row = next(rows)
        if row["id"] is None:
            results.append(refused[patch["id"]])
        elif row["version"] not in _accepted_versions(patch, row["version"]):
            results.append(VersionConflict(extra={"current": orjson.loads(row["before"])}))
        elif row["after"] is None:
            results.append(Done(row["before"], changed=False))
        else:
            results.append(Done(row["after"]))
            touched.append(Touched(ENTITY, row["id"], row["before"], row["after"]))
    return Changed(results, touched)


def _accepted_versions(patch: Mapping[str, Any], present: int) -> Sequence[int]:
    wanted = patch.get("if_version", present)
    return wanted if isinstance(wanted, list) else [wanted]


def _once_each(ids: Iterable[int | InvalidInput], patch: Mapping[str, Any]) -> list[Mapping[str, Any] | TodoError]:
    """The same patch for every id; an id that is named twice is refused the second time."""
    return _distinct([one if isinstance(one, InvalidInput) else {"id": one, **patch} for one in ids])


def _distinct(patches: Iterable[Mapping[str, Any] | TodoError]) -> list[Mapping[str, Any] | TodoError]:
    seen: set[int] = set()
    kept: list[Mapping[str, Any] | TodoError] = []
    for patch in patches:
        if isinstance(patch, TodoError):
            kept.append(patch)
        elif patch["id"] in seen:
            kept.append(
                InvalidInput(problems=[FieldProblem("id", "is named twice in this batch; name each todo once")])
            )
        else:
            seen.add(patch["id"])
            kept.append(patch)
    return kept


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner, VersionConflict))
async def update(tx: Tx, todos: Sequence[Tried[TodoUpdate]]) -> Changed[TodoRead]:
    """Change fields of todos; a field left out stays as it is.

    With the version you saw, a todo that somebody changed since is left alone and shown.
    """
    patches = [todo if isinstance(todo, InvalidInput) else _columns(todo) for todo in todos]
    return await _revise(tx, _distinct(patches))


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """A patch in the words of callers, as the statement takes it."""
    patch = dict(given)
    if "priority" in patch:
        patch["priority"] = PRIORITIES.index(patch["priority"]) + 1
    if "description" in patch:
        patch["description"] = patch["description"] or None
    return patch


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner, VersionConflict))
async def complete(
    tx: Tx, ids: Sequence[Tried[int]], completed: bool = True, if_version: int | list[int] | None = None
) -> Changed[TodoRead]:
    """Set todos done, or open again with `completed` false. It sets and never toggles: a repeat changes nothing."""
    return await _revise(tx, _once_each(ids, {"is_completed": completed} | _condition(if_version)))


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner, VersionConflict), destructive=True)
async def delete(
    tx: Tx, ids: Sequence[Tried[int]], deleted: bool = True, if_version: int | list[int] | None = None
) -> Changed[TodoRead]:
    """Move todos to the trash, or restore them with `deleted` false. The trash is emptied after the retention time."""
    return await _revise(tx, _once_each(ids, {"is_deleted": deleted} | _condition(if_version)), trash_too=True)


def _condition(if_version: int | list[int] | None) -> dict[str, Any]:
    return {} if if_version is None else {"if_version": if_version}


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TodoRead]:
    """Put todos back as they were before a change; one that was made goes to the trash.

    Raises:
        UndoRefused: A todo changed since, or is gone; nothing is reverted then.
    """
    patches: list[Mapping[str, Any]] = []
    for entry in entries:
        seen = {"id": entry["id"], "if_version": entry["after"]["version"]}
        if entry["before"] is None:
            patches.append(seen | {"is_deleted": True})
        else:
            before = {name: entry["before"][name] for name in queries.PATCHABLE}
            patches.append(seen | _columns(before))
    reverted = await _revise(tx, patches, trash_too=True)
    for entry, result in zip(entries, reverted.results, strict=True):
        if isinstance(result, TodoError):
            raise UndoRefused("A later change is in the way.", extra={"entity": ENTITY, "id": entry["id"]})
    return reverted
