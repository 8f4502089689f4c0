"""Batches: each item is accepted or refused by itself, and answered in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from todo_core.boundary.results import Done
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, InvalidInput, TodoError

Item = TypeVar("Item")
Result = TypeVar("Result")

Patch = Mapping[str, Any]
"""A change to the row whose id is its `id`."""


class Batch(Generic[Item]):
    """The items of one request, in its order, and the refusals of those that were refused so far."""

    def __init__(self, items: Iterable[Item | TodoError]) -> None:
        self._items = tuple(items)

    @property
    def items(self) -> Sequence[Item | TodoError]:
        """All items in the order of the request, a refusal in the place of each that was refused."""
        return self._items

    @property
    def accepted(self) -> list[Item]:
        """The items that are not refused, in the order of the request."""
        return [item for item in self._items if not isinstance(item, TodoError)]

    def numbered(self) -> Batch[tuple[int, Item]]:
        """Return the batch with each item's number in the request, from 0; refused ones count."""
        numbered = enumerate(self._items)
        return Batch(item if isinstance(item, TodoError) else (number, item) for number, item in numbered)

    def each(self, step: Callable[[Item], Result]) -> Batch[Result]:
        """Take a step with each accepted item, in order, and return the batch of what the steps return.

        Args:
            step: Takes an item. A TodoError that it raises refuses this item alone.
        """
        return Batch([item if isinstance(item, TodoError) else _tried(step, item) for item in self._items])

    async def each_in_turns(self, step: Callable[[Item], Awaitable[Result]]) -> Batch[Result]:
        """Do the same as `each` with a step that may take a while: other requests have a turn between two items."""
        results: list[Result | TodoError] = []
        async for item in in_turns(self._items):
            try:
                results.append(item if isinstance(item, TodoError) else await step(item))
            except TodoError as error:
                results.append(error)
        return Batch(results)

    def answer(self, results: Iterable[Done | TodoError]) -> list[Done | TodoError]:
        """Return one result for each item of the request, in its order.

        Args:
            results: Those of the accepted items, in order.
        """
        remaining = iter(results)
        return [item if isinstance(item, TodoError) else next(remaining) for item in self._items]


def _tried(step: Callable[[Item], Result], item: Item) -> Result | TodoError:
    try:
        return step(item)
    except TodoError as error:
        return error


def once_each(patches: Iterable[Patch | TodoError]) -> Batch[Patch]:
    """Return the batch of patches. An item that names the row of an earlier one is refused."""
    return Batch(patches).each(_first_time())


def same_for_each(ids: Iterable[int | InvalidInput], patch: Patch) -> Batch[Patch]:
    """Return the batch that applies the same patch to every id; an id that comes again is refused."""
    return Batch(ids).each(lambda row_id: {"id": row_id, **patch}).each(_first_time())


def _first_time() -> Callable[[Patch], Patch]:
    """Return a step that refuses the patch of a row that an earlier patch names."""
    seen: set[int] = set()

    def take(patch: Patch) -> Patch:
        if patch["id"] in seen:
            raise InvalidInput(
                errors=[FieldError("id", "is named twice in this batch; name each one once", code="repeated")]
            )
        seen.add(patch["id"])
        return patch

    return take


def accepted_versions(patch: Patch, present: int) -> Sequence[int]:
    """Return the versions that a patch may change.

    Args:
        patch: Names them in `if_version`, one or a list; without it, any version will do.
        present: The row's version.
    """
    versions = patch.get("if_version", present)
    return versions if isinstance(versions, list) else [versions]


def condition(if_version: int | list[int] | None) -> dict[str, Any]:
    """Return the part of a patch that names the versions it may change: nothing for None."""
    return {} if if_version is None else {"if_version": if_version}
