"""Tags: list, rename, merge, delete. They are made on first use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Found, Page
from todo_core.errors import Conflict, FieldError, InvalidInput, NotFound, NotOwner, VersionConflict
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.rules.naming import tag_ids
from todo_core.rules.tagging import TagRevision, merge_links, name_holders, revise_tags


@operation(
    effect="reads",
    scope="todos:read",
    verbs=("read",),
    within_lists=True,
)
async def list_(tx: Tx) -> Page[TagRead]:
    """List tags in alphabetical order, each with the number of open todos that have it."""
    row = await tx.one(queries.ALL)
    return Page(row["rows"], row["total"], row["total"], None)


@operation(
    effect="reads",
    scope="todos:read",
    raises=(NotFound, NotOwner),
    verbs=("read",),
    within_lists=True,
)
async def get(tx: Tx, tag_id: int) -> Found[TagRead]:
    """Read one tag."""
    return Found((await _present(tx, tag_id))["row"])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, Conflict, VersionConflict),
    verbs=("change",),
)
async def rename(tx: Tx, tag_id: int | str, name: str, if_version: Sequence[int] | None = None) -> Changed[TagRead]:
    """Rename a tag: everything that has it shows the new name. To join two tags, merge them."""
    (known_id,) = await tag_ids(tx, [("id", tag_id)])
    await _present(tx, known_id, if_version)
    revision = TagRevision(known_id, name, deleted=False)
    for existing_id in (await name_holders(tx, [revision])).values():
        raise Conflict(
            "There is a tag of that name already; merge the two instead.", extra={"existing_id": existing_id}
        )
    return await revise_tags(tx, [revision])


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput, NotFound, NotOwner, VersionConflict),
    destructive=True,
    verbs=("change", "delete"),
)
async def merge(
    tx: Tx, tag_id: int | str, into: int | str, if_version: Sequence[int] | None = None
) -> Changed[TagRead]:
    """Merge a tag into another: everything that has the first gets the second, and the first is deleted."""
    source_id, target_id = await tag_ids(tx, [("id", tag_id), ("into", into)])
    if source_id == target_id:
        raise InvalidInput(errors=[FieldError("into", "is the same tag; name another one", code="conflicting")])
    source = await _present(tx, source_id, if_version)
    await _present(tx, target_id)
    linked = await merge_links(tx, source_id, target_id)
    merged = await revise_tags(tx, [TagRevision(source_id, source["name"], deleted=True, linked=linked)])
    return Changed([Done((await _present(tx, target_id))["row"])], merged.touched)


@operation(
    effect="changes",
    scope="todos:write",
    raises=(NotFound, NotOwner, VersionConflict),
    destructive=True,
    verbs=("delete",),
)
async def delete(tx: Tx, tag_id: int | str, if_version: Sequence[int] | None = None) -> Changed[TagRead]:
    """Delete a tag: it goes from everything that has it. Undo brings it back everywhere."""
    (known_id,) = await tag_ids(tx, [("id", tag_id)])
    present = await _present(tx, known_id, if_version)
    return await revise_tags(tx, [TagRevision(known_id, present["name"], deleted=True)])


async def _present(tx: Tx, tag_id: int, if_version: Sequence[int] | None = None) -> Any:
    """Return the row of a tag.

    Raises:
        NotFound, NotOwner: There is none.
        VersionConflict: It is of another version than those named.
    """
    row = await tx.row(queries.ONE, id=tag_id)
    if row is None:
        raise (await missing(tx, "tag", [tag_id]))[tag_id]
    if if_version is not None and (current := orjson.loads(row["row"]))["version"] not in if_version:
        raise VersionConflict(extra={"current": current})
    return row
