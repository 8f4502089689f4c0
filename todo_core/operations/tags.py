"""Tags: list, rename, merge, delete. They are made on first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Found, Page, Touched
from todo_core.errors import Conflict, FieldProblem, InvalidInput, NotFound, NotOwner, TodoError, UndoRefused
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.text import json_text, name_key

ENTITY: Final = "tag"


@operation(effect="reads", scope="todos:read")
async def find(tx: Tx) -> Page[TagRead]:
    """List tags in alphabetical order, each with the number of open todos that have it."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(effect="reads", scope="todos:read", raises=(NotFound, NotOwner))
async def get(tx: Tx, tag_id: int) -> Found[TagRead]:
    """Read one tag."""
    return Found((await _present(tx, tag_id))["row"])


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner, Conflict))
async def rename(tx: Tx, tag_id: int, name: str) -> Changed[TagRead]:
    """Rename a tag: everything that has it shows the new name. To join two tags, merge them."""
    await _present(tx, tag_id)
    revision = _Revision(tag_id, name, deleted=False)
    for existing_id in (await _taken(tx, [revision])).values():
        raise Conflict(
            "There is a tag of that name already; merge the two instead.", extra={"existing_id": existing_id}
        )
    return await _write(tx, [revision])


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner), destructive=True)
async def merge(tx: Tx, tag_id: int, into: int) -> Changed[TagRead]:
    """Merge a tag into another: everything that has the first gets the second, and the first is deleted."""
    if tag_id == into:
        raise InvalidInput(problems=[FieldProblem("into", "is the same tag; name another one")])
    source = await _present(tx, tag_id)
    await _present(tx, into)
    linked = await _merge(tx, tag_id, into)
    merged = await _write(tx, [_Revision(tag_id, source["name"], deleted=True, linked=linked)])
    return Changed([Done((await _present(tx, into))["row"])], merged.touched)


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner), destructive=True)
async def delete(tx: Tx, tag_id: int) -> Changed[TagRead]:
    """Delete a tag: it goes from everything that has it. Undo brings it back everywhere."""
    present = await _present(tx, tag_id)
    return await _write(tx, [_Revision(tag_id, present["name"], deleted=True)])


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


async def _present(tx: Tx, tag_id: int) -> Any:
    row = await tx.row(queries.ONE, id=tag_id)
    if row is None:
        raise (await missing(tx, ENTITY, [tag_id]))[tag_id]
    return row


@dataclass(frozen=True, slots=True)
class _Revision:
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


async def _taken(tx: Tx, revisions: Sequence[_Revision]) -> dict[int, int]:
    """The tags whose names are others', each with that other."""
    wanted = {name_key(one.name): one.id for one in revisions if not one.deleted}
    found = await tx.rows(queries.BY_KEYS, keys=sorted(wanted)) if wanted else []
    return {wanted[row["name_key"]]: row["id"] for row in found if wanted[row["name_key"]] != row["id"]}


async def _write(tx: Tx, revisions: Sequence[_Revision]) -> Changed[TagRead]:
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


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TagRead]:
    """Put tags back as they were before a change; one that was made on first use goes if nothing uses it.

    Raises:
        UndoRefused: A tag changed since, or its name is taken.
    """
    ids = [entry["id"] for entry in entries]
    present = {row["id"]: row for row in await tx.rows(queries.STATE, ids=ids)}
    made = [entry["id"] for entry in entries if entry["before"] is None]
    used = {row["id"] for row in await tx.rows(queries.USED, ids=made)} if made else set()
    revisions: list[_Revision] = []
    for entry in entries:
        tag_id, before, after = entry["id"], entry["before"], entry["after"]
        state = present.get(tag_id)
        if before is None:
            if state is not None and state["version"] == after["version"] and tag_id not in used:
                revisions.append(_Revision(tag_id, state["name"], deleted=True))
            continue
        if state is None or (state["name"], state["is_deleted"]) != (after["name"], after["deleted"]):
            raise UndoRefused.in_the_way(ENTITY, tag_id)
        unlinked, linked = after.get("linked"), before.get("linked")
        if unlinked is not None:
            await tx.rows(queries.UNLINK, **unlinked)
        if linked is not None:  # it is merged once more, with all that has it now
            linked = await _link(tx, tag_id, linked["into"])
        revisions.append(_Revision(tag_id, before["name"], before["deleted"], linked, unlinked))
    for tag_id in await _taken(tx, revisions):
        raise UndoRefused.in_the_way(ENTITY, tag_id)
    return await _write(tx, revisions)


async def _link(tx: Tx, tag_id: int, into: int) -> dict[str, Any]:
    """Merge a tag once more.

    Raises:
        UndoRefused: The other one is gone.
    """
    if await tx.row(queries.ONE, id=into) is None:
        raise UndoRefused.in_the_way(ENTITY, into)
    return await _merge(tx, tag_id, into)


async def _merge(tx: Tx, tag_id: int, into: int) -> dict[str, Any]:
    """Give everything that has a tag another; whose it became."""
    return {"into": into, "todos": sorted(await tx.value(queries.MERGE, id=tag_id, into=into))}
