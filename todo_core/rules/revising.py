"""How todos change: what a request means for each of them, who goes along, and one statement that writes it all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from todo_core.boundary.batches import Patch, accepted_versions
from todo_core.boundary.operation import Tx
from todo_core.boundary.ownership import missing
from todo_core.boundary.results import Changed, Done, Touched
from todo_core.errors import FieldProblem, InvalidInput, TodoError, VersionConflict
from todo_core.models.tags import MAX_TAGS
from todo_core.models.todos import PRIORITIES, TodoWritten
from todo_core.queries import revisions as queries
from todo_core.recurrence import Repeat
from todo_core.rules import tagging
from todo_core.rules.cascades import cascade
from todo_core.rules.families import ENTITY, Family, Member
from todo_core.rules.lists import Lists
from todo_core.rules.occurrences import next_occurrences
from todo_core.rules.schedules import Calendar, due_columns, due_of
from todo_core.storage.database import Row
from todo_core.text import json_text, name_key

_PLAIN: Final = frozenset({"id", "if_version", "title", "description", "priority"})
"""Fields that need nothing but the todo itself."""
_DATES: Final = frozenset({"due", "repeat", "skip"})
_TAGS: Final = frozenset({"tags", "add_tags", "remove_tags"})
_FLAGS: Final = frozenset({"is_completed", "is_deleted"})


def written(row: str, *, changed: bool = True, subtasks: int = 0, following: str | None = None) -> Done:
    """Return a todo's result as `TodoWritten` has it.

    Args:
        row: Its read shape.
        changed: False when it was so already.
        subtasks: How many subtasks changed with it.
        following: The read shape of its next occurrence, if completing it made one.
    """
    upcoming = None if following is None else orjson.loads(following)
    return Done(row, changed, {"subtasks_changed": subtasks, "next": upcoming})


async def revise(tx: Tx, patches: Sequence[Patch | TodoError], *, trash_too: bool = False) -> Changed[TodoWritten]:
    """Apply each patch to its todo. One that changes nothing leaves the version as it is.

    Args:
        tx: The transaction.
        patches: In the words of callers, each todo at most once, or why an item was refused.
        trash_too: Whether todos in the trash can be meant.
    """
    if all(isinstance(patch, TodoError) or patch.keys() <= _PLAIN for patch in patches):
        return await write(tx, [patch if isinstance(patch, TodoError) else _plain(patch) for patch in patches])
    plan = await _Plan.of(tx, patches, trash_too=trash_too)
    tag_ids, made = await tagging.ensure_each(tx, plan.tags)
    rows = await _write(tx, plan.items(tag_ids), trash_too=True)
    return await plan.outcome(tx, rows, made)


async def write(tx: Tx, patches: Sequence[Patch | TodoError], *, trash_too: bool = False) -> Changed[TodoWritten]:
    """Write patches of columns, each to its todo alone, in one statement."""
    rows = iter(await _write(tx, [one for one in patches if not isinstance(one, TodoError)], trash_too=trash_too))
    found = [(patch, None if isinstance(patch, TodoError) else next(rows)) for patch in patches]
    refused = await missing(tx, ENTITY, [patch["id"] for patch, row in found if row is not None and row["id"] is None])  # type: ignore[index]
    results: list[Done | TodoError] = []
    touched: list[Touched] = []
    for patch, row in found:
        if row is None or isinstance(patch, TodoError):
            results.append(patch)  # type: ignore[arg-type]
        elif row["id"] is None:
            results.append(refused[patch["id"]])
        elif row["version"] not in accepted_versions(patch, row["version"]):
            results.append(VersionConflict(extra={"current": orjson.loads(row["before"])}))
        else:
            results.append(_done(row))
            touched += _touched(row)
    return Changed(results, touched)


async def _write(tx: Tx, items: Sequence[Patch], *, trash_too: bool) -> list[Row]:
    if not items:
        return []
    ids = [item["id"] for item in items]
    return await tx.rows(queries.REVISE, items=json_text(items), ids=ids, trash_too=trash_too)


def _done(row: Row, subtasks: int = 0, following: str | None = None) -> Done:
    if row["after"] is None:
        return written(row["before"], changed=subtasks > 0, subtasks=subtasks)
    return written(row["after"], subtasks=subtasks, following=following)


def _touched(row: Row) -> list[Touched]:
    return [] if row["after"] is None else [Touched(ENTITY, row["id"], row["before"], row["after"])]


def _plain(patch: Patch) -> dict[str, Any]:
    """The fields that need nothing but the todo itself, as they are stored."""
    columns = {name: patch[name] for name in _PLAIN & patch.keys()}
    if "priority" in columns:
        columns["priority"] = PRIORITIES.index(columns["priority"]) + 1
    if "description" in columns:
        columns["description"] = columns["description"] or None
    return columns


def refer(patches: Sequence[Patch], name: str) -> list[int]:
    """The ids that a field of patches refers to."""
    return [patch[name] for patch in patches if patch.get(name) is not None]


def chosen_list(given: Mapping[str, Any], parents: int | None) -> int | None:
    """The list of a subtask: its parent's; None for the default one.

    Raises:
        InvalidInput: Another one was named.
    """
    if given.get("list_id", parents) not in (parents, None):
        raise InvalidInput(problems=[FieldProblem("list_id", "of a subtask is its parent's; leave it out")])
    return parents


@dataclass(slots=True)
class _Plan:
    """What a request does, gathered before anything is written."""

    patches: Sequence[Patch | TodoError]
    family: Family
    lists: Lists | None
    calendar: Calendar | None
    own: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What was asked for, as columns, by todo."""
    columns: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What becomes of each todo, those that go along included; of two patches the later one counts."""
    refused: dict[int, TodoError] = field(default_factory=dict)
    """By the number of the patch."""
    cause: dict[int, int] = field(default_factory=dict)
    """With whom a relative goes along."""
    tags: dict[int, list[str]] = field(default_factory=dict)
    """The names of all tags of a todo whose tags change."""

    @classmethod
    async def of(cls, tx: Tx, patches: Sequence[Patch | TodoError], *, trash_too: bool) -> _Plan:
        """Load what the patches are about, and see what each of them means."""
        wanted = [patch for patch in patches if not isinstance(patch, TodoError)]
        fields = frozenset[str]().union(*wanted)
        family = await Family.of(tx, [*refer(wanted, "id"), *refer(wanted, "parent_id")])
        has_lists = "list_id" in fields or any(patch.get("is_deleted") is False for patch in wanted)
        lists = await Lists.of(tx, refer(wanted, "list_id")) if has_lists else None
        is_dated = bool(fields & _DATES) or ("is_completed" in fields and family.repeats)
        plan = cls(patches, family, lists, await Calendar.of(tx) if is_dated else None)
        for n, patch in enumerate(patches):
            try:
                if isinstance(patch, TodoError):
                    raise patch
                plan._take(patch["id"], plan._columns(patch, trash_too=trash_too))
            except TodoError as error:
                plan.refused[n] = error
        return plan

    def _take(self, todo_id: int, columns: dict[str, Any]) -> None:
        """Let a patch and what goes along with it be true for the patches after it."""
        if "parent_id" in columns:
            self.family.change(todo_id, {"parent_id": columns["parent_id"]})
        along = cascade(self.family, todo_id, columns)
        self.own[todo_id] = columns
        for one, part in ((todo_id, columns), *along):
            self.columns.setdefault(one, {"id": one}).update(part)
            self.family.change(one, part)
            self.cause.setdefault(one, todo_id)

    def _columns(self, patch: Patch, *, trash_too: bool) -> dict[str, Any]:
        """What a patch means for its todo.

        Raises:
            TodoError: It is refused.
        """
        member = self.family.get(patch["id"], trash_too=trash_too)
        row = orjson.loads(member.row)
        if member.version not in accepted_versions(patch, member.version):
            raise VersionConflict(extra={"current": row})
        columns = _plain(patch) | {name: patch[name] for name in _FLAGS & patch.keys()}
        columns.pop("if_version", None)
        if self.calendar is not None:
            columns |= _skipped(self.calendar, row) if "skip" in patch else self.calendar.columns(patch, row)
        names = _tag_names(patch, row["tags"]) if _TAGS & patch.keys() else None
        columns |= self._place(patch, member)
        if names is not None:  # nothing is refused any more: a refused item makes no tags
            self.tags[member.id] = names
        return columns

    def _place(self, patch: Patch, member: Member) -> dict[str, Any]:
        """The list and the parent that a patch puts a todo to."""
        if self.lists is not None and patch.get("list_id") is not None:
            self.lists.require(patch["list_id"])
        if "parent_id" in patch:
            parent_id = patch["parent_id"]
            if parent_id is not None:
                list_id, _ = self.family.place_below(parent_id, member.id)
                place = {"list_id": chosen_list(patch, list_id)}
            else:
                place = {"list_id": patch["list_id"]} if "list_id" in patch else {}
            return place | {"parent_id": parent_id}
        if "list_id" in patch:
            return {"list_id": patch["list_id"] if member.parent_id is None else chosen_list(patch, member.list_id)}
        if patch.get("is_deleted") is False and self.lists is not None:
            # Back to where its family is now; the list may be gone.
            top = [member, *self.family.above(member.id)][-1].list_id
            list_id = top if self.lists.is_live(top) else self.lists.inbox
            return {} if list_id == member.list_id == top else {"list_id": list_id}
        return {}

    def items(self, tag_ids: Mapping[int, list[int]]) -> list[dict[str, Any]]:
        """What is to be written."""
        for todo_id, ids in tag_ids.items():
            self.columns[todo_id]["tag_ids"] = ids
        return [*self.columns.values()]

    async def outcome(self, tx: Tx, rows: Sequence[Row], made: Sequence[Touched]) -> Changed[TodoWritten]:
        """What came of it."""
        found = {row["id"]: row for row in rows}
        for row in rows:
            if row["after"] is not None:
                self.family.show(row["id"], row["after"])
        relatives = (one for one in self.columns if one not in self.own and found[one]["after"] is not None)
        taken = Counter(self.cause[one] for one in relatives)
        following, spawned = await next_occurrences(tx, self._completed(found), self.family, self.calendar)
        results: list[Done | TodoError] = []
        for n, patch in enumerate(self.patches):
            if n in self.refused or isinstance(patch, TodoError):
                results.append(self.refused[n])
            else:
                todo_id = patch["id"]
                results.append(_done(found[todo_id], taken[todo_id], following.get(todo_id)))
        return Changed(results, [*made, *(one for row in rows for one in _touched(row)), *spawned])

    def _completed(self, found: Mapping[int, Row]) -> list[dict[str, Any]]:
        """Repeating todos that are done now, and whose parent, if they have one, is not."""
        done: list[dict[str, Any]] = []
        for todo_id, columns in self.own.items():
            after = found[todo_id]["after"]
            if columns.get("is_completed") is True and self.family.was_open(todo_id) and after is not None:
                row = orjson.loads(after)
                parent = found.get(row["parent_id"])
                is_below_done = parent is not None and parent["after"] and orjson.loads(parent["after"])["is_completed"]
                if row["repeat"] is not None and row["is_completed"] and not is_below_done:
                    done.append(row)
        return done


def _skipped(calendar: Calendar, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a todo that goes on to its next occurrence.

    Raises:
        InvalidInput: It does not repeat, is done, or this was the last occurrence.
    """
    due = due_of(row)
    if row["repeat"] is None or due is None or row["is_completed"]:
        raise InvalidInput(problems=[FieldProblem("id", "is no open todo that repeats")])
    following = calendar.following(Repeat.from_json(row["repeat"]), due)
    if following is None:
        raise InvalidInput(problems=[FieldProblem("id", "is the last occurrence; complete or delete it instead")])
    return due_columns(calendar.moment(following.scheduled)) | {"repeat": following.as_json()}


def _tag_names(patch: Patch, present: Sequence[str]) -> list[str]:
    """The names of all tags that a todo is to have.

    Raises:
        InvalidInput: They are too many.
    """
    names = {name_key(name): name for name in patch.get("tags", present)}
    for name in patch.get("remove_tags", ()):
        names.pop(name_key(name), None)
    names |= {key: name for name in patch.get("add_tags", ()) if (key := name_key(name)) not in names}
    if len(names) > MAX_TAGS:
        raise InvalidInput(problems=[FieldProblem("add_tags", f"makes more than {MAX_TAGS} tags on one todo")])
    return list(names.values())
