"""Store what a file contains, as one change: profile, lists, tags, todos and notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.boundary.turns import in_turns
from todo_core.models.fields import GAP_BITS
from todo_core.models.imports import ImportFile, ImportQuery, ImportRead
from todo_core.models.users import ProfilePatch
from todo_core.queries import imports as queries
from todo_core.rules.exporting.reading import installation
from todo_core.rules.families import Family
from todo_core.rules.importing.dates import date_columns, past_moment, state_columns
from todo_core.rules.importing.families import Existing, Node, in_order, link, settle
from todo_core.rules.importing.items import Item, LeftOut, ListItem, ProfileItem, Remark, TagItem
from todo_core.rules.importing.lists import ListsOfFile
from todo_core.rules.importing.report import Report
from todo_core.rules.importing.texts import notes_of, tag_name, tag_names, text_columns
from todo_core.rules.profiles import revise_profile
from todo_core.rules.schedules import Calendar
from todo_core.rules.tagging import ensure_tags
from todo_core.storage.transactions import Row
from todo_core.text import name_key
from todo_core.text.json_text import json_text

MOST_TAGS: Final = 5_000
"""Most different tags that are taken from a file: as many as it may have todos."""
_PROFILE: Final[TypeAdapter[Any]] = TypeAdapter(ProfilePatch)


async def import_file(tx: Tx, query: ImportQuery, file: ImportFile) -> Changed[ImportRead]:
    """Store those items of a file that the person does not have yet; return the report (`ImportRead`).

    Args:
        tx: The transaction.
        query: The options of the request.
        file: The file, with the `parts` that `reading.read` found in it.
    """
    assert file.parts is not None  # `reading.read` comes first
    form, read = file.parts
    parts = [part.fresh() if isinstance(part, Item) else part async for part in in_turns(read)]
    report = Report(form)
    account = await tx.one(queries.ACCOUNT)
    now: datetime = account["now"]
    latest = max(now, tx.core.clock())
    report.tell(_of(parts, Remark))
    profile, default_list = await _import_profile(tx, parts, account, report)
    nodes, existing = await _nodes(tx, _of(parts, Item), report, latest)
    await link(nodes, existing)
    lists = await ListsOfFile.of(tx, _of(parts, ListItem), [node.item for node in nodes], query.list, account)
    if lists.left_out:
        report.tell(
            [Remark("file", "changed", "list", "It has very many lists; of some, todos go to the default list.")]
        )
    list_rows = await lists.save(tx, now)
    family = await Family.of(tx, {node.parent_id for node in nodes if node.parent_id is not None})
    ordered = in_order(nodes)
    await settle(ordered, lists, family)
    await _number(tx, nodes, comes_first=(await tx.one(queries.ACCOUNT))["comes_first"])
    tag_ids, tag_rows = await _tags(tx, nodes, parts)
    todo_rows = await _add_todos(tx, ordered, tag_ids, now, file)
    note_rows = await _add_notes(tx, nodes, now)
    if default_list in lists.ids and lists.ids[default_list] not in lists.deleted:
        revised = await revise_profile(tx, {"default_list_id": lists.ids[default_list]})
        profile = _merged(profile, revised.touched)
    async for remark in in_turns(_remarks(parts)):
        report.tell([remark])
    report.counts.update(
        todos=len(nodes),
        done=sum(node.columns["completed_at"] is not None and node.is_live for node in nodes),
        trashed=sum(not node.is_live for node in nodes),
        notes=len(note_rows),
        lists=sum(row.before is None for row in list_rows),
        tags=len(tag_rows),
    )
    touched = [*list_rows, *tag_rows, *todo_rows, *note_rows, *profile]
    return Changed([Done(json_text(report.as_dict()), changed=bool(touched))], touched)


def _of(parts: Iterable[Any], kind: type[Any]) -> list[Any]:
    return [part for part in parts if isinstance(part, kind)]


def _remarks(parts: Sequence[Any]) -> Iterator[Remark]:
    """Yield the remarks on the items of a file, in its order."""
    for part in parts:
        if isinstance(part, Item):
            yield from part.remarks
        elif isinstance(part, LeftOut):
            yield part.remark


async def _import_profile(
    tx: Tx, parts: Sequence[Any], account: Row, report: Report
) -> tuple[list[Touched], str | None]:
    """Take over the profile of the file if the account is empty and the caller may change the profile.

    Returns:
        The rows that changed, and the `ref` of the default list in the file.
    """
    profiles = _of(parts, ProfileItem)
    if not profiles:
        return [], None
    if not account["is_empty"]:
        report.tell(
            [Remark("profile", "lost", "profile", "There are todos or lists here, so the profile stays as it is.")]
        )
        return [], None
    if not tx.caller.may("profile"):
        report.tell([Remark("profile", "lost", "profile", "This token may not change the profile.")])
        return [], None
    fields = {**profiles[0].fields}
    default = fields.pop("default_list_id", None)
    try:
        patch = _PROFILE.validate_python(fields)
    except ValidationError:
        report.tell([Remark("profile", "lost", "profile", "It is not understood.")])
        return [], None
    changed = await revise_profile(tx, patch)
    report.profile = True
    return [*changed.touched], None if default is None else str(default)


def _merged(first: Sequence[Touched], second: Sequence[Touched]) -> list[Touched]:
    """Join the changes that two steps made to the profile: the state before the first, and after the second."""
    if not (first and second):
        return [*first, *second]
    return [Touched("user", first[0].id, first[0].before, second[0].after)]


async def _existing(tx: Tx, items: Sequence[Item]) -> tuple[dict[str, Existing], dict[int, Existing]]:
    """Return those todos of a file that the person has, by key; and by id, if this installation exported the file.

    Args:
        tx: The transaction.
        items: The todos of the file.
    """
    keys = sorted({name for item in items for name in (item.key, item.parent) if name})
    rows = [row for chunk in chunks(keys) for row in await tx.rows(queries.KEYED, keys=list(chunk))]
    here = installation(tx.core.secret)
    ids = sorted({item.own_id for item in items if item.own_id is not None and item.origin == here})
    of_here = [row for chunk in chunks(ids) for row in await tx.rows(queries.WITH_IDS, ids=list(chunk))]
    return {row["key"]: _found(row) for row in rows}, {row["id"]: _found(row) for row in of_here}


def _found(row: Row) -> Existing:
    return Existing(row["id"], row["is_trashed"], row["is_done"])


async def _nodes(
    tx: Tx, items: Sequence[Item], report: Report, now: datetime
) -> tuple[list[Node], dict[str, Existing]]:
    """Return the new todos of a file, with their columns; and the existing ones, by their ids and keys in the file."""
    by_key, by_id = await _existing(tx, items)
    calendar = await Calendar.of(tx)
    here = installation(tx.core.secret)
    existing = {**by_key}
    nodes: list[Node] = []
    keys: set[str] = set()
    async for item in in_turns(items):
        there = by_key.get(item.key or "")
        if there is None and item.own_id is not None and item.origin == here:
            there = by_id.get(item.own_id)
        if there is not None:
            report.counts["existing"] += 1
            report.counts["existing_in_trash"] += there.is_trashed
            if item.id is not None:
                existing[item.id] = there
            continue
        if item.key is not None and item.key in keys:
            item.remarks = [Remark(item.at, "left_out", "key", "It is in the file twice.")]
            continue
        columns = date_columns(item, calendar) | state_columns(item, now)  # first: dates not understood become notes
        columns |= text_columns(item)
        if columns["key"] is not None:
            keys.add(columns["key"])
        nodes.append(Node(item, columns, tag_names(item), notes_of(item)))
    return nodes, existing


async def _tags(tx: Tx, nodes: Sequence[Node], parts: Sequence[Any]) -> tuple[dict[int, list[int]], list[Touched]]:
    """Find the tags, make those that do not exist, and return the tag ids by todo id, and the new tags."""
    by_itself = _bounded(nodes, [name for part in _of(parts, TagItem) if (name := tag_name(part.name)) is not None])
    named: dict[int, Sequence[str]] = {-1 - number: [name] for number, name in enumerate(by_itself)}
    named |= {node.id: node.tags for node in nodes if node.tags}
    ids: dict[int, list[int]] = {}
    made: list[Touched] = []
    for chunk in chunks([*named.items()]):
        found, new = await ensure_tags(tx, dict(chunk))
        ids |= found
        made += new.touched
    return ids, made


def _bounded(nodes: Sequence[Node], by_itself: Sequence[str]) -> list[str]:
    """Keep at most `MOST_TAGS` different tags of a file; a todo that loses some gets a remark.

    Args:
        nodes: The todos.
        by_itself: Names of the tags that the file lists, whether a todo has them or not; they count first.

    Returns:
        Those of `by_itself` that are kept.
    """
    kept: set[str] = set()

    def keeps(name: str) -> bool:
        key = name_key(name)
        if key not in kept and len(kept) < MOST_TAGS:
            kept.add(key)
        return key in kept

    alone = [name for name in by_itself if keeps(name)]
    for node in nodes:
        tags = [name for name in node.tags if keeps(name)]
        if len(tags) < len(node.tags):
            node.tags = tags
            node.item.lost("tags", f"A file brings at most {MOST_TAGS:,} different tags.")
    return alone


async def _number(tx: Tx, nodes: Sequence[Node], *, comes_first: bool) -> None:
    """Give todos their ids and places: in the order of their field `order`, those without one in the file's order.

    Args:
        tx: The transaction.
        nodes: The todos, in the order of the file.
        comes_first: Whether they come before the todos that the person has, or after them.
    """
    ordered = sorted(nodes, key=lambda node: (node.item.order is None, node.item.order or 0.0))
    ids: list[int] = await tx.value(queries.IDS, count=len(ordered)) if ordered else []
    for number, node in enumerate(ordered):
        node.id = ids[number]
        node.columns["place"] = -(ids[-1 - number] << GAP_BITS) if comes_first else node.id << GAP_BITS


async def _add_todos(
    tx: Tx,
    ordered: Sequence[Node],
    tag_ids: Mapping[int, list[int]],
    now: datetime,
    file: ImportFile,
) -> list[Touched]:
    """Insert todos, each after its parent; return them for the change record, in the order of their ids."""
    zone = (await Calendar.of(tx)).zone.key
    unwritten = {node.id for node in ordered}
    touched: list[Touched] = []
    late: list[dict[str, int]] = []
    for chunk in chunks(ordered):
        unwritten -= {node.id for node in chunk}
        items = [_as_item(node, tag_ids.get(node.id, [])) async for node in in_turns(chunk)]
        for item in items:
            if item["follows_id"] is not None and item["follows_id"] in unwritten:
                late.append({"id": item["id"], "follows_id": item["follows_id"]})
                item["follows_id"] = None
        rows = await tx.rows(queries.ADD_TODOS, items=json_text(items), now=now, zone=zone)
        touched += [Touched("todo", row["id"], None, row["after"]) for row in rows]
        file.tell(len(touched), len(ordered))
    for part in chunks(late):
        await tx.rows(queries.FOLLOW, items=json_text(part), ids=[item["id"] for item in part])
    return sorted(touched, key=lambda one: one.id)


def _as_item(node: Node, tag_ids: list[int]) -> dict[str, Any]:
    """Return a todo as `queries.imports.ADD_TODOS` takes it."""
    return node.columns | {
        "id": node.id,
        "parent_id": node.parent_id if node.parent is None else node.parent.id,
        "follows_id": node.follows_id if node.follows is None else node.follows.id,
        "note_count": len(node.notes),
        "tag_ids": tag_ids,
        "open_subtasks": node.open_subtasks,
        "live_subtasks": node.live_subtasks,
    }


async def _add_notes(tx: Tx, nodes: Sequence[Node], now: datetime) -> list[Touched]:
    """Insert the notes of todos, and return them for the change record."""
    items = [
        {**note, "todo_id": node.id, "created_at": past_moment(note["created_at"], now)}
        for node in nodes
        for note in node.notes
    ]
    touched: list[Touched] = []
    for chunk in chunks([item | {"n": n} for n, item in enumerate(items)]):
        rows = await tx.rows(queries.ADD_NOTES, items=json_text(chunk), now=now)
        touched += [Touched("note", row["id"], None, row["after"]) for row in rows]
    return touched
