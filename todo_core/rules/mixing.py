"""Apply a batch of different writes in its order, by the rules of each, as one change.

Neighbouring items with the same action are applied together, like a batch of that action, as long as no todo is named
twice. So each item finds the state that the items before it have left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Batch, Patch
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import FieldError, InvalidInput, NotFound, TodoError
from todo_core.models.mixed import MixedAdd, MixedComplete, MixedUpdate, MixedVerb
from todo_core.models.todos import IfSimilar, TodoWritten
from todo_core.queries import todos as queries
from todo_core.rules.adding import add_todos
from todo_core.rules.completing import completion
from todo_core.rules.notes import revise_and_note
from todo_core.rules.touching import once_each
from todo_core.validation import Tried

_Item = MixedAdd | MixedUpdate | MixedComplete | MixedVerb

_SETS: Final[dict[str, Mapping[str, Any]]] = {
    "update": {},
    "complete": {"is_completed": True},
    "reopen": {"is_completed": False},
    "delete": {"is_deleted": True},
    "restore": {"is_deleted": False},
    "skip": {"skip": True},
}
"""What each action sets, in the fields of a patch (`revise`)."""


async def mix(tx: Tx, items: Sequence[Tried[_Item]], if_similar: IfSimilar = "add") -> Changed[TodoWritten]:
    """Apply the items in order; return a result for each. A refused item does not affect the others.

    A result shows its todo as that item left it, even if a later item has changed it again.
    """
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    batch: Batch[_Item] = Batch(items)
    for run in _runs(batch.each(_meant).items):
        changed = await _apply(tx, run, results, if_similar)
        results += changed.results
        touched += changed.touched
    return Changed(results, once_each(touched))


async def _apply(
    tx: Tx, run: Sequence[_Item | TodoError], results: Sequence[Done | TodoError], if_similar: IfSimilar
) -> Changed[TodoWritten]:
    """Apply a run of items; `results` are those of the items before them."""
    batch: Batch[_Item] = Batch(run)
    if any(isinstance(item, MixedAdd) for item in run):
        new = batch.each(lambda item: _new(item, results))
        added = await add_todos(tx, new.items, if_similar=if_similar)
        return replace(added, results=[*map(_as_sent, run, new.items, added.results)])
    keys = [item["key"] for item in batch.accepted if not isinstance(item, MixedAdd) and "key" in item]
    ids = {row["key"]: row["id"] for row in await tx.rows(queries.KEYED, keys=keys)} if keys else {}
    now = tx.said_at
    return await revise_and_note(tx, batch.each(lambda item: _patch(item, ids, now)))


def _meant(item: _Item) -> _Item:
    """Return an item that names its todo by id or by key.

    Raises:
        InvalidInput: It has neither, or both.
    """
    if isinstance(item, MixedAdd) or len(item.keys() & {"id", "key"}) == 1:
        return item
    if "id" in item:
        raise InvalidInput(errors=[FieldError("key", "cannot be given together with id", code="conflicting")])
    raise InvalidInput(errors=[FieldError("id", "is required, or key: which todo is meant", code="required")])


def _runs(items: Iterable[_Item | TodoError]) -> Iterator[list[_Item | TodoError]]:
    """Yield runs of neighbouring items with one action, which name their todos all by id or all by key, each once."""
    run: list[_Item | TodoError] = []
    kind: tuple[str, str] | None = None
    names: set[int | str] = set()
    for item in items:
        if not isinstance(item, TodoError):
            its_kind, name = _name(item)
            if kind not in (None, its_kind) or name in names:
                yield run
                run, names = [], set()
            kind = its_kind
            names |= set() if name is None else {name}
        run.append(item)
    if run:
        yield run


def _name(item: _Item) -> tuple[tuple[str, str], int | str | None]:
    """Return an item's action with `id` or `key`, by which it names its todo, and the name; None for a new todo."""
    if isinstance(item, MixedAdd):
        return (item.action, ""), None
    by = "id" if "id" in item else "key"
    return (item["action"], by), item["id"] if "id" in item else item["key"]


def _new(item: _Item, results: Sequence[Done | TodoError]) -> MixedAdd:
    """Return a new todo for `add_todos`, with its parent as an index within this run, or as an id.

    Args:
        item: The item; its `parent_index` counts from the first item of the request.
        results: The results of the items before this run.

    Raises:
        InvalidInput: Its parent is an item that was refused.
    """
    assert isinstance(item, MixedAdd)  # no other is written together with one
    index = item.parent_index
    if index is None or item.parent_id is not None:  # with both it is refused
        return item
    if index >= len(results):
        return item.model_copy(update={"parent_index": index - len(results)})
    parent = results[index]
    if isinstance(parent, TodoError):
        raise InvalidInput(
            errors=[FieldError("parent_index", "is no earlier item of this call that was accepted", code="not_found")]
        )
    return item.model_copy(update={"parent_index": None, "parent_id": orjson.loads(parent.row)["id"]})


def _as_sent(sent: _Item | TodoError, taken: _Item | TodoError, result: Done | TodoError) -> Done | TodoError:
    """Return a result whose refusal names the parent by the field that was sent (`_new`)."""
    was_index = isinstance(sent, MixedAdd) and isinstance(taken, MixedAdd) and sent.parent_id != taken.parent_id
    if not was_index or not isinstance(result, TodoError):
        return result
    result.errors = tuple(
        replace(error, field="parent_index") if error.field == "parent_id" else error for error in result.errors
    )
    return result


def _patch(item: _Item, ids: Mapping[str, int], now: datetime) -> Patch:
    """Return an item as `revise` takes it.

    Args:
        item: The item.
        ids: The todos that have the keys of items.
        now: The present moment.

    Raises:
        NotFound: No todo has its key.
        InvalidInput: Its `completed_at` is not accepted.
    """
    assert not isinstance(item, MixedAdd)  # see `_new`
    todo_id = ids.get(item["key"]) if "key" in item else item["id"]
    if todo_id is None:
        raise NotFound(
            errors=[
                FieldError("key", "is the key of no todo, nor of an earlier item that was accepted", code="not_found")
            ]
        )
    patch: dict[str, Any] = {name: value for name, value in item.items() if name not in ("action", "key")}
    if "completed_at" in patch:
        patch["completed_at"] = completion(patch["completed_at"], now)
    return patch | {"id": todo_id, **_SETS[item["action"]]}
