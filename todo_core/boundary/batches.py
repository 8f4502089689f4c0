"""Batches: each item by itself, in the order of the request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from todo_core.errors import FieldProblem, InvalidInput, TodoError

Patch = Mapping[str, Any]
"""A change to the row of its `id`."""


def once_each(patches: Iterable[Patch | TodoError]) -> list[Patch | TodoError]:
    """The patches of a batch; a row that is named twice is refused the second time."""
    seen: set[int] = set()
    kept: list[Patch | TodoError] = []
    for patch in patches:
        if isinstance(patch, TodoError):
            kept.append(patch)
        elif patch["id"] in seen:
            kept.append(InvalidInput(problems=[FieldProblem("id", "is named twice in this batch; name each one once")]))
        else:
            seen.add(patch["id"])
            kept.append(patch)
    return kept


def same_for_each(ids: Iterable[int | InvalidInput], patch: Patch) -> list[Patch | TodoError]:
    """The same patch for every id."""
    return once_each([one if isinstance(one, InvalidInput) else {"id": one, **patch} for one in ids])


def accepted_versions(patch: Patch, present: int) -> Sequence[int]:
    """The versions that a patch may change; `present` is the row's."""
    wanted = patch.get("if_version", present)
    return wanted if isinstance(wanted, list) else [wanted]


def condition(if_version: int | list[int] | None) -> dict[str, Any]:
    """The part of a patch that names versions."""
    return {} if if_version is None else {"if_version": if_version}
