"""Find lists and tags by the names that a request gives in place of ids.

Names are compared as `text.name_key` folds them. Digits alone are an id, unless a name is just these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar, cast

import orjson

from todo_core.boundary.operation import Tx
from todo_core.errors import MOST_LISTED, FieldError, InvalidInput, TodoError
from todo_core.models.fields import MAX_ID
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.queries import lists as list_queries
from todo_core.queries import tags as tag_queries
from todo_core.text import name_key

T = TypeVar("T", bound=Mapping[str, Any])

_DIGITS: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_NEAREST: Final = 3
"""Names like the one that is not there, which come first."""
_ALIKE: Final = 50
"""How much alike they are at least, in percent (`rapidfuzz.fuzz.WRatio`)."""


class Names:
    """The live lists, or tags, of a person, by name."""

    def __init__(self, kind: str, names: Mapping[int, str], *, may_list: bool = True) -> None:
        """Take the names of rows.

        Args:
            kind: What the rows are, for refusals.
            names: The names by id, in the order in which a refusal lists them.
        """
        self._kind = kind
        self._may_list = may_list
        self._names = names
        self._ids = {name_key(name): row_id for row_id, name in names.items()}
        self._refused: set[str] = set()
        """Names that nothing has, in their form for comparisons: what there is instead is told once."""

    @classmethod
    async def of_lists(cls, tx: Tx) -> Names:
        """Load the names of all lists, archived ones too."""
        rows = [row for row in await tx.rows(list_queries.STATE) if not row["is_deleted"]]
        in_order = sorted(rows, key=lambda row: (row["is_archived"], row["position"], row["id"]))
        return cls("list", {row["id"]: row["name"] for row in in_order}, may_list=tx.caller.may_read)

    @classmethod
    async def of_tags(cls, tx: Tx) -> Names:
        """Load the names of all tags."""
        rows = orjson.loads((await tx.one(tag_queries.ALL))["rows"])
        return cls("tag", {row["id"]: row["name"] for row in rows}, may_list=tx.caller.may_read)

    def id_of(self, ref: int | str, field: str) -> int:
        """Return the id that a name or an id stands for.

        Args:
            ref: What the request gives.
            field: Where.

        Raises:
            InvalidInput: Nothing has this name, or the digits are the name of one row and the id of another.
        """
        if isinstance(ref, int):
            return ref
        named = self._ids.get(name_key(ref))
        number = int(ref) if _DIGITS.fullmatch(ref.strip()) else None
        if number is not None and number <= MAX_ID:
            if named is None:
                return number
            if number in self._names and number != named:
                message = f"is the name of one {self._kind} and the id of another; send the id as a number"
                raise InvalidInput(errors=[FieldError(field, message, code="unclear")])
        if named is None:
            raise self._unknown(ref, field)
        return named

    def _unknown(self, ref: str, field: str) -> InvalidInput:
        """Return the refusal of a name that nothing has: the nearest names first, then what else there is."""
        from rapidfuzz import fuzz, process  # it takes a while to load, and most names are there

        if name_key(ref) in self._refused:
            return InvalidInput(errors=[FieldError(field, f"is no {self._kind} of yours, as before", code="not_found")])
        self._refused.add(name_key(ref))
        if not self._may_list:
            return InvalidInput(errors=[FieldError(field, f"is no {self._kind} of yours", code="not_found")])
        keys = process.extract(name_key(ref), [*self._ids], scorer=fuzz.WRatio, limit=_NEAREST, score_cutoff=_ALIKE)
        nearest = [self._names[self._ids[key]] for key, *_ in keys]
        others = [name for name in self._names.values() if name not in nearest]
        allowed = [*nearest, *others][:MOST_LISTED]
        message = f"is no {self._kind} of yours"
        if nearest:
            message += f"; the nearest {'comes' if len(nearest) == 1 else 'come'} first in `allowed`"
        if len(allowed) < len(self._names):
            message += f", which has {len(allowed)} of {len(self._names)}"
        return InvalidInput(errors=[FieldError(field, message, allowed, "not_found")])


async def list_ids(tx: Tx, refs: Sequence[tuple[str, int | str]]) -> list[int]:
    """Return the ids of lists that a request names, each by field and name or id.

    Raises:
        InvalidInput: A name is no list's.
    """
    if all(isinstance(ref, int) for _, ref in refs):
        return [ref for _, ref in refs if isinstance(ref, int)]
    names = await Names.of_lists(tx)
    return [names.id_of(ref, field) for field, ref in refs]


async def tag_ids(tx: Tx, refs: Sequence[tuple[str, int | str]]) -> list[int]:
    """Return the ids of tags, as `list_ids` does those of lists."""
    if all(isinstance(ref, int) for _, ref in refs):
        return [ref for _, ref in refs if isinstance(ref, int)]
    names = await Names.of_tags(tx)
    return [names.id_of(ref, field) for field, ref in refs]


async def in_known_list(tx: Tx, wanted: TodoFilter) -> TodoFilter:
    """Return a filter with the id of a list in place of its name.

    Raises:
        InvalidInput: The name is no list's.
    """
    ref = cast("int | str | None", wanted.list_id)  # the filter of a face that takes names
    if not isinstance(ref, str):
        return wanted
    (list_id,) = await list_ids(tx, [("list_id", ref)])
    return wanted.model_copy(update={"list_id": list_id})


async def in_known_lists(tx: Tx, todos: Iterable[TodoCreate | InvalidInput]) -> list[TodoCreate | TodoError]:
    """Return new todos with the ids of lists in place of names; a refusal for each whose list there is not."""
    items: list[TodoCreate | TodoError] = [*todos]
    if not any(isinstance(item, TodoCreate) and isinstance(item.list_id, str) for item in items):
        return items
    names = await Names.of_lists(tx)

    def placed(todo: TodoCreate | TodoError) -> TodoCreate | TodoError:
        if isinstance(todo, TodoError) or todo.list_id is None:
            return todo
        try:
            return todo.model_copy(update={"list_id": names.id_of(todo.list_id, "list_id")})
        except InvalidInput as refused:
            return refused

    return [placed(item) for item in items]


async def with_known_lists(tx: Tx, field: str, patches: Iterable[T | TodoError]) -> list[T | TodoError]:
    """Return patches with the ids of lists in place of names in a field; a refusal for each whose list there is not."""
    items = [*patches]
    if not any(not isinstance(item, TodoError) and isinstance(item.get(field), str) for item in items):
        return items
    names = await Names.of_lists(tx)

    def known(patch: T | TodoError) -> T | TodoError:
        if isinstance(patch, TodoError) or patch.get(field) is None:
            return patch
        try:
            return {**patch, field: names.id_of(patch[field], field)}  # type: ignore[return-value]  # the same shape
        except InvalidInput as refused:
            return refused

    return [known(item) for item in items]


async def known_lists(tx: Tx, refs: Iterable[int | str | TodoError]) -> list[int | TodoError]:
    """Return the ids of lists in place of names; a refusal for each name that is no list's."""
    items: list[Mapping[str, Any] | TodoError] = [ref if isinstance(ref, TodoError) else {"id": ref} for ref in refs]
    patches = await with_known_lists(tx, "id", items)
    return [patch if isinstance(patch, TodoError) else patch["id"] for patch in patches]
