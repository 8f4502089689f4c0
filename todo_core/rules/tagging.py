"""Tags: made on first use, renamed, merged, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import orjson

from todo_core.boundary.chunks import chunks, chunks_of_links
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.models.tags import TagRead
from todo_core.queries import tags as queries
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text


@dataclass(frozen=True, slots=True)
class MadeTags:
    """Tags that a request made."""

    touched: Sequence[Touched]
    """The tags, for the record of changes."""
    told: Mapping[str, str]
    """The names that the answer calls new, by `name_key`. For an agent with a mandate on lists these are also the tags
    that exist, but on no todo that it sees."""


NO_TAGS: Final = MadeTags((), {})
"""What a request made that has no new tags."""


async def ensure_tags(tx: Tx, names: Mapping[int, Sequence[str]]) -> tuple[dict[int, list[int]], MadeTags]:
    """Find the tags of several todos by name, and make those that do not exist.

    Args:
        tx: The transaction.
        names: The names of each todo's tags, by anything that tells the todos apart.

    Returns:
        The ids of each todo's tags, in order, by the same keys; the tags that were made.
    """
    spellings: dict[str, str] = {}
    for todos_names in names.values():
        for name in todos_names:
            spellings.setdefault(name_key(name), name)
    items = [{"name": name, "name_key": key} for key, name in spellings.items()]
    if not items:
        return {key: [] for key in names}, NO_TAGS
    if tx.caller.has_lists:
        rows = await tx.rows(queries.ENSURE_WITHIN, names=json_text(items))
        new = [row["id"] for row in rows if row["is_new"]]
        made = {row["id"]: row["row"] for row in await tx.rows(queries.ROWS, ids=new)} if new else {}
        unknown = [row["name_key"] for row in rows if not row["is_known"]]
    else:
        rows = await tx.rows(queries.ENSURE, names=json_text(items))
        made = {row["id"]: row["made"] for row in rows if row["made"] is not None}
        unknown = [row["name_key"] for row in rows if row["made"] is not None]
    ids = {row["name_key"]: row["id"] for row in rows}
    touched = [Touched("tag", tag_id, None, row) for tag_id, row in made.items()]
    told = MadeTags(touched, {key: spellings[key] for key in unknown})
    return {key: sorted({ids[name_key(name)] for name in todos_names}) for key, todos_names in names.items()}, told


def told_of_tags(names: Sequence[str] | None, made: MadeTags) -> dict[str, Any]:
    """Return which tags of a todo are new, as `Done.told` has it.

    Args:
        names: The names of its tags.
        made: The tags that the request made.
    """
    if not names or not made.told:
        return {}
    keys = {name_key(name) for name in names}
    new = [name for key, name in made.told.items() if key in keys]
    return {"new_tags": new} if new else {}


@dataclass(frozen=True, slots=True)
class TagRevision:
    """A tag as it is to become."""

    id: int
    name: str
    deleted: bool
    linked: Mapping[str, Any] | None = None
    """Which todos a merge gave another tag, and which tag; recorded, so that undo takes it from just these."""
    unlinked: Mapping[str, Any] | None = None
    """From which todos the undo of a merge took a tag; recorded, so that undoing the undo merges again."""
    into_gone: bool = False
    """Whether that tag was deleted by then; recorded, so that undoing the undo does not miss it."""
    apart: Sequence[int] = ()
    """Which todos had the merged tag without that one by then; recorded, so that undoing the undo leaves them so."""

    def as_item(self) -> dict[str, Any]:
        """Return the revision as the statement takes it."""
        return {"id": self.id, "name": self.name, "name_key": name_key(self.name), "deleted": self.deleted}


async def name_holders(tx: Tx, revisions: Sequence[TagRevision]) -> dict[int, int]:
    """Return, for each revision whose name another tag has, the other tag's id by the revision's."""
    ids = {name_key(revision.name): revision.id for revision in revisions if not revision.deleted}
    rows = await tx.rows(queries.BY_KEYS, keys=sorted(ids)) if ids else []
    return {ids[row["name_key"]]: row["id"] for row in rows if ids[row["name_key"]] != row["id"]}


async def revise_tags(tx: Tx, revisions: Sequence[TagRevision]) -> Changed[TagRead]:
    """Write revisions of tags, whose names must be free. One that changes nothing leaves the version as it is; it is
    recorded where it gave todos another tag: a deleted tag can be merged again."""
    rows: dict[int, Row] = {}
    for chunk in chunks(revisions):
        items = json_text([revision.as_item() for revision in chunk])
        ids = [revision.id for revision in chunk]
        rows |= {row["id"]: row for row in await tx.rows(queries.REVISE, items=items, ids=ids)}
    pairs = [(revision, rows[revision.id]) for revision in revisions]
    results = [Done.of(row["before"], row["after"]) for _, row in pairs]
    changed = [(revision, row) for revision, row in pairs if row["after"] is not None or _has_links(revision)]
    return Changed(results, [_touched(revision, row) for revision, row in changed])


def _has_links(revision: TagRevision) -> bool:
    """Return whether a revision gave todos another tag, or took it from them."""
    return any(links is not None and links["todos"] for links in (revision.linked, revision.unlinked))


async def exchange_names(tx: Tx, revisions: Sequence[TagRevision], changing: Sequence[int]) -> Changed[TagRead]:
    """Write revisions of tags that may have names of each other so far.

    Args:
        tx: The transaction.
        revisions: How they are to become.
        changing: The ids of those that are different so far.
    """
    for chunk in chunks(changing):
        await tx.rows(queries.RELEASE_NAMES, ids=list(chunk))
    return await revise_tags(tx, revisions)


def _touched(revision: TagRevision, row: Row) -> Touched:
    """Return what the change record keeps of a tag that was revised."""
    before = _recorded(row["before"], row["was_deleted"], revision.unlinked, revision.into_gone, revision.apart)
    after = _recorded(row["after"] or row["before"], revision.deleted, revision.linked)
    return Touched("tag", revision.id, before, after)


def _recorded(
    tag: str, deleted: bool, linked: Mapping[str, Any] | None, into_gone: bool = False, apart: Sequence[int] = ()
) -> str:
    """Return what the change record keeps of a tag: `row`, which is shown, and beside it what undo needs.

    Args:
        tag: Its read shape.
        deleted: Whether it is deleted.
        linked: What a merge did, or the undo of one.
        into_gone: Whether the tag that it was merged into was deleted.
        apart: The todos that had it without that tag.
    """
    row = orjson.loads(tag)
    state = {"row": row | {"is_deleted": deleted}, "name": row["name"], "deleted": deleted, "version": row["version"]}
    state |= {"into_gone": True} if into_gone else {}
    state |= {"apart": [*apart]} if apart else {}
    return json_text(state if linked is None else state | {"linked": linked})


async def merge_links(tx: Tx, tag_id: int, into: int, apart: Collection[int] = ()) -> dict[str, Any]:
    """Give every todo that has one tag another, too, but for those with ids in `apart`; return that tag, and the todos
    that did not have it before."""
    tagged = sorted({*await tx.value(queries.TAGGED, id=tag_id, into=into)}.difference(apart))
    merged = [await tx.value(queries.MERGE, id=tag_id, into=into, todos=chunk) for chunk in chunks_of_links(tagged)]
    return {"into": into, "todos": sorted(chain.from_iterable(merged))}
