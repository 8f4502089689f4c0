"""Tags: list, rename, merge, delete. They are made on first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from todo_core.database import json_text
from todo_core.errors import Conflict, FieldProblem, InvalidInput, NotFound, NotOwner, UndoRefused
from todo_core.models.tags import TagRead
from todo_core.operation import Tx, operation
from todo_core.ownership import missing
from todo_core.queries import tags as queries
from todo_core.results import Changed, Done, Found, Page, Touched
from todo_core.text import name_key

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
    return await _write(tx, tag_id, name, deleted=False)


@operation(effect="changes", scope="todos:write", raises=(InvalidInput, NotFound, NotOwner), destructive=True)
async def merge(tx: Tx, tag_id: int, into: int) -> Changed[TagRead]:
    """Merge a tag into another: everything that has the first gets the second, and the first is deleted."""
    if tag_id == into:
        raise InvalidInput(problems=[FieldProblem("into", "is the same tag; name another one")])
    source = await _present(tx, tag_id)
    await _present(tx, into)
    todos = await tx.value(queries.MERGE, id=tag_id, into=into)
    merged = await _write(tx, tag_id, source["name"], deleted=True, linked={"into": into, "todos": sorted(todos)})
    return Changed([Done((await _present(tx, into))["row"])], merged.touched)


@operation(effect="changes", scope="todos:write", raises=(NotFound, NotOwner), destructive=True)
async def delete(tx: Tx, tag_id: int) -> Changed[TagRead]:
    """Delete a tag: it goes from everything that has it. Undo brings it back everywhere."""
    present = await _present(tx, tag_id)
    return await _write(tx, tag_id, present["name"], deleted=True)


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


async def _write(
    tx: Tx, tag_id: int, name: str, *, deleted: bool, linked: Mapping[str, Any] | None = None
) -> Changed[TagRead]:
    key = name_key(name)
    other = None if deleted else await tx.value(queries.BY_KEY, name_key=key)
    if other not in (None, tag_id):
        raise Conflict("There is a tag of that name already; merge the two instead.", extra={"existing_id": other})
    row = await tx.one(queries.REVISE, id=tag_id, name=name, name_key=key, deleted=deleted)
    if row["after"] is None:
        return Changed([Done(row["before"], changed=False)])
    before = {"name": row["name"], "deleted": row["was_deleted"], "version": row["version"]}
    after = {"name": name, "deleted": deleted, "version": row["new_version"]}
    if linked is not None:
        after["linked"] = linked
    return Changed([Done(row["after"])], [Touched(ENTITY, tag_id, json_text(before), json_text(after))])


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TagRead]:
    """Put tags back as they were before a change; one that was made on first use goes if nothing uses it.

    Raises:
        UndoRefused: A tag changed since, or its name is taken.
    """
    reverted: Changed[TagRead] = Changed([])
    for entry in entries:
        part = await _revert(tx, entry["id"], entry["before"], entry["after"])
        reverted = Changed([*reverted.results, *part.results], [*reverted.touched, *part.touched])
    return reverted


async def _revert(tx: Tx, tag_id: int, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Changed[TagRead]:
    state = await tx.row(queries.STATE, id=tag_id)
    if before is None:
        if state is None or state["version"] != after["version"] or await tx.value(queries.IS_USED, id=tag_id):
            return Changed([])
        return await _write(tx, tag_id, state["name"], deleted=True)
    if state is None or (state["name"], state["is_deleted"]) != (after["name"], after["deleted"]):
        raise _in_the_way(tag_id)
    undone, linked = after.get("linked"), before.get("linked")
    if undone is not None:
        await tx.rows(queries.UNLINK, **undone)
    if linked is not None:  # it is merged once more, with all that has it now
        into = linked["into"]
        if await tx.row(queries.ONE, id=into) is None:
            raise _in_the_way(into)
        linked = {"into": into, "todos": sorted(await tx.value(queries.MERGE, id=tag_id, into=into))}
    try:
        part = await _write(tx, tag_id, before["name"], deleted=before["deleted"], linked=linked)
    except Conflict:
        raise _in_the_way(tag_id) from None
    if undone is None:
        return part
    # What is undone here can be done again.
    (touched,) = part.touched
    seen = json_text(after)
    return Changed(part.results, [Touched(ENTITY, tag_id, seen, touched.after)])


def _in_the_way(tag_id: int) -> UndoRefused:
    return UndoRefused("A later change is in the way.", extra={"entity": ENTITY, "id": tag_id})
