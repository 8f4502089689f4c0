"""Undo what a change did to tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed
from todo_core.errors import UndoRefused
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.rules.tagging import TagRevision, merge_links, name_holders, revise_tags


async def revert(tx: Tx, entries: Sequence[Mapping[str, Any]]) -> Changed[TagRead]:
    """Put tags back as they were before a change; one that was made on first use goes if nothing uses it.

    Raises:
        UndoRefused: A tag changed since, or its name is taken.
    """
    ids = [entry["id"] for entry in entries]
    present = {row["id"]: row for row in await tx.rows(queries.STATE, ids=ids)}
    made = [entry["id"] for entry in entries if entry["before"] is None]
    used = {row["id"] for row in await tx.rows(queries.USED, ids=made)} if made else set()
    revisions: list[TagRevision] = []
    for entry in entries:
        tag_id, before, after = entry["id"], entry["before"], entry["after"]
        state = present.get(tag_id)
        if before is None:
            if state is not None and state["version"] == after["version"] and tag_id not in used:
                revisions.append(TagRevision(tag_id, state["name"], deleted=True))
            continue
        if state is None or (state["name"], state["is_deleted"]) != (after["name"], after["deleted"]):
            raise UndoRefused.in_the_way("tag", tag_id)
        unlinked, linked = after.get("linked"), before.get("linked")
        if unlinked is not None:
            await tx.rows(queries.UNLINK, **unlinked)
        if linked is not None:  # it is merged once more, with all that has it now
            linked = await _link(tx, tag_id, linked["into"])
        revisions.append(TagRevision(tag_id, before["name"], before["deleted"], linked, unlinked))
    for tag_id in await name_holders(tx, revisions):
        raise UndoRefused.in_the_way("tag", tag_id)
    return await revise_tags(tx, revisions)


async def _link(tx: Tx, tag_id: int, into: int) -> dict[str, Any]:
    """Merge a tag once more.

    Raises:
        UndoRefused: The other one is gone.
    """
    if await tx.row(queries.ONE, id=into) is None:
        raise UndoRefused.in_the_way("tag", into)
    return await merge_links(tx, tag_id, into)
