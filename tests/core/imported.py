"""What an import of somebody did, and an export in a form in which ids and times of import do not count."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final, cast

import orjson

from tests.core.furnished import exported
from todo_core.boundary.caller import Caller
from todo_core.models.imports import ImportFile, ImportFormat, ImportQuery
from todo_core.operations import imports
from todo_core.rules.importing import formats
from todo_core.rules.importing.formats.texts import decoded

_KEY_OF_AN_ID: Final = re.compile(r"todo-\d+@[0-9a-f]{16}\.todo-mcp")


def read_here(content: bytes, form: ImportFormat | None = None) -> ImportFile:
    """A file that is read already, in this process: to start another takes longer than all else.

    Raises:
        UnreadableError: It cannot be read.
    """
    file = ImportFile(content)
    text, remarks = decoded(content)
    found, parts = formats.read(text, form)
    file.parts = cast("ImportFormat", found), [*remarks, *parts]
    return file


async def import_(
    me: Caller, content: bytes | str, form: ImportFormat | None = None, into: str | None = None
) -> dict[str, Any]:
    """Import a file, and return what was said of it, with its change."""
    raw = content.encode() if isinstance(content, str) else content
    changed = await me.perform(imports.make, ImportQuery(format=form, list=into), ImportFile(raw))
    said: dict[str, Any] = changed.one().as_dict() | {"change_id": changed.change_id}
    return said


async def standard(me: Caller) -> dict[str, Any]:
    """Return an export of somebody in its normal form.

    A todo is named by its path: its list, its place there, its place below that, and so on; a list by its place.
    """
    content = orjson.loads(await exported(me))
    lists = {row["id"]: place for place, row in enumerate(content["lists"])}
    siblings: defaultdict[tuple[int, int | None], list[dict[str, Any]]] = defaultdict(list)
    for row in content["todos"]:
        siblings[lists[row["list_id"]], row["parent_id"]].append(row)
    paths: dict[int, tuple[int, ...]] = {}

    def walk(path: tuple[int, ...], parent: int | None) -> None:
        for place, row in enumerate(siblings[path[0], parent]):
            paths[row["id"]] = (*path, place)
            walk(paths[row["id"]], row["id"])

    for place in lists.values():
        walk((place,), None)
    changing = ("id", "updated_at", "version")
    profile = {
        name: value
        for name, value in content["profile"].items()
        if name not in (*changing, "email", "role", "created_at")
    }
    live = {row["id"] for row in content["lists"] if row["deleted_at"] is None}  # a deleted one means the inbox
    default = profile["default_list_id"]
    profile["default_list_id"] = lists[default] if default in live else None
    return {
        "profile": profile,
        "lists": [_without(row, changing + (("created_at",) if row["is_inbox"] else ())) for row in content["lists"]],
        "tags": [row["name"] for row in content["tags"]],
        "todos": {
            paths[row["id"]]: _without(row, (*changing, "parent_id", "list_id"))
            | {"follows_id": paths.get(row["follows_id"])}
            | ({"key": None} if row["key"] and _KEY_OF_AN_ID.fullmatch(row["key"]) else {})
            for row in content["todos"]
        },
        "notes": sorted(
            ((paths[row["todo_id"]], _without(row, ("todo_id",))) for row in content["notes"]), key=lambda one: one[0]
        ),
    }


def _without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}
