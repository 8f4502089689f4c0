"""Tags: made on first use, renamed, merged, deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import TodoError
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.text import json_text, name_key

ENTITY: Final = "tag"


async def ensure(tx: Tx, names: Iterable[str]) -> tuple[dict[str, int], list[Touched]]:
    """The ids of tags by `name_key`; those that were not there are made."""
    wanted: dict[str, str] = {}
    for name in names:
        wanted.setdefault(name_key(name), name)
    if not wanted:
        return {}, []
    given = json_text([{"name": name, "name_key": key} for key, name in wanted.items()])
    rows = await tx.rows(queries.ENSURE, names=given)
    made = [Touched(ENTITY, row["id"], None, row["made"]) for row in rows if row["made"] is not None]
    return {row["name_key"]: row["id"] for row in rows}, made


async def ensure_each(tx: Tx, wanted: Mapping[int, Sequence[str]]) -> tuple[dict[int, list[int]], list[Touched]]:
    """The ids of several rows' tags, each row's in order; those that were not there are made."""
    ids, made = await ensure(tx, [name for names in wanted.values() for name in names])
    return {row: sorted({ids[name_key(name)] for name in names}) for row, names in wanted.items()}, made


@dataclass(frozen=True, slots=True)
class TagRevision:
    """What becomes of a tag."""

    id: int
    name: str
    deleted: bool
    linked: Mapping[str, Any] | None = None
    """What a merge gave to another tag; it is recorded, so that an undo takes just that."""
    unlinked: Mapping[str, Any] | None = None
    """What the undo of a merge took from there; it is recorded, so that the merge can be done again."""

    def as_item(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "name_key": name_key(self.name), "deleted": self.deleted}


async def taken(tx: Tx, revisions: Sequence[TagRevision]) -> dict[int, int]:
    """The tags whose names are others', each with that other."""
    wanted = {name_key(one.name): one.id for one in revisions if not one.deleted}
    found = await tx.rows(queries.BY_KEYS, keys=sorted(wanted)) if wanted else []
    return {wanted[row["name_key"]]: row["id"] for row in found if wanted[row["name_key"]] != row["id"]}


async def revise_tags(tx: Tx, revisions: Sequence[TagRevision]) -> Changed[TagRead]:
    if not revisions:
        return Changed([])
    items = json_text([one.as_item() for one in revisions])
    rows = {row["id"]: row for row in await tx.rows(queries.REVISE, items=items, ids=[one.id for one in revisions])}
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for one in revisions:
        row = rows[one.id]
        if row["after"] is None:
            results.append(Done(row["before"], changed=False))
            continue
        before = _recorded(row["name"], row["was_deleted"], row["version"], one.unlinked)
        after = _recorded(one.name, one.deleted, row["new_version"], one.linked)
        results.append(Done(row["after"]))
        touched.append(Touched(ENTITY, one.id, before, after))
    return Changed(results, touched)


def _recorded(name: str, deleted: bool, version: int, linked: Mapping[str, Any] | None) -> str:
    """What the record of changes keeps of a tag."""
    state = {"name": name, "deleted": deleted, "version": version}
    return json_text(state if linked is None else state | {"linked": linked})


async def merge_links(tx: Tx, tag_id: int, into: int) -> dict[str, Any]:
    """Give everything that has a tag another; whose it became."""
    return {"into": into, "todos": sorted(await tx.value(queries.MERGE, id=tag_id, into=into))}
