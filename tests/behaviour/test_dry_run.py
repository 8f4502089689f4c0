"""A dry run answers as if it were done, and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.behaviour.rows import lists_of, tags_of
from tests.core.support import connected, everything_of
from tests.faces import Face, Json, Profile, RefusedError, Written
from todo_core.boundary.caller import Caller
from todo_core.models.changes import ChangeFilter
from todo_core.operations import changes

pytestmark = pytest.mark.requirement("MC8")


@dataclass(frozen=True)
class Prepared:
    """Rows to write to."""

    open: int
    done: int
    repeating: int
    trashed: int
    work: int
    home: int
    tag: int
    other_tag: int
    change: int


@pytest.fixture
async def rows(me: Face, ann: Caller) -> Prepared:
    (work,) = (await me.add_list("work")).accepted
    (home,) = (await me.add_list("home")).accepted
    opened, done, repeating, trashed = (
        await me.add(
            {"title": "open", "tags": ["x", "y"], "list_id": work},
            {"title": "done"},
            {"title": "repeating", "repeat": "daily"},
            {"title": "trashed"},
        )
    ).accepted
    await me.add({"title": "below", "parent_id": opened})
    await me.complete(done)
    await me.delete(trashed)
    change = (await me.update({"id": opened, "description": "d"})).change
    found = await tags_of(ann)
    return Prepared(opened, done, repeating, trashed, work, home, found["x"]["id"], found["y"]["id"], change)


Write = Callable[[Face, Prepared, str | None], Awaitable[Written | Profile]]

WRITES: dict[str, Write] = {
    "add": lambda me, _, key: me.add({"title": "new", "tags": ["new", "x"], "due": "tomorrow"}, key=key),
    "update": lambda me, at, key: me.update({"id": at.open, "title": "b", "list_id": at.home, "tags": ["z"]}, key=key),
    "complete": lambda me, at, key: me.complete(at.open, at.repeating, key=key),
    "reopen": lambda me, at, key: me.complete(at.done, completed=False, key=key),
    "skip": lambda me, at, key: me.skip(at.repeating, key=key),
    "delete": lambda me, at, key: me.delete(at.open, key=key),
    "restore": lambda me, at, key: me.delete(at.trashed, deleted=False, key=key),
    "add a list": lambda me, _, key: me.add_list("new", key),
    "update a list": lambda me, at, key: me.update_list(at.work, key, name="new", position=1, is_archived=True),
    "delete a list": lambda me, at, key: me.delete_list(at.work, key, todos="trash"),
    "empty a list": lambda me, at, key: me.delete_list(at.work, key, todos="move", move_to=at.home),
    "rename a tag": lambda me, at, key: me.rename_tag(at.tag, "new", key),
    "merge tags": lambda me, at, key: me.merge_tag(at.tag, at.other_tag, key),
    "delete a tag": lambda me, at, key: me.delete_tag(at.tag, key),
    "undo": lambda me, at, key: me.undo(at.change, key),
    "profile": lambda me, at, key: me.update_profile(
        time_zone="Asia/Tokyo", display_name="new", default_list_id=at.home, key=key
    ),
}
VOLATILE = ("updated_at", "created_at", "completed_at", "deleted_at", "archived_at", "id", "version")


def shape(told: Written | Profile) -> object:
    """An answer without ids, times and the change."""
    if isinstance(told, Profile):
        return told.row
    return [told.errors, [_steady(item) for item in told.items]]


def _steady(item: Json | None) -> Json | None:
    if item is None:
        return None
    steady = {name: value for name, value in item.items() if name not in VOLATILE}
    if isinstance(steady.get("next"), dict):
        steady["next"] = _steady(steady["next"])
    return steady


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
@pytest.mark.requirement("SA1")
async def test_a_dry_run_changes_nothing_answers_as_the_write_does_and_leaves_its_key_free(
    me: Face, ann: Caller, rows: Prepared, write: Write, database_url: str
) -> None:
    async with connected(database_url) as admin:
        before = await everything_of(admin, ann.principal.user_id)
        latest = (await ann.perform(changes.list_, ChangeFilter(limit=1))).json

        rehearsed = await write(me.rehearsing(), rows, None)
        with_key = await write(me.rehearsing(), rows, "key")

        after = await everything_of(admin, ann.principal.user_id)
    # That a token was used is no part of it.
    for snapshot in (before, after):
        snapshot.pop("api_tokens")
    assert after == before
    assert after["todos"]
    assert rehearsed.change_id is with_key.change_id is None
    assert (await ann.perform(changes.list_, ChangeFilter(limit=1))).json == latest

    done = await write(me, rows, "key")

    assert not done.replayed
    assert done.change_id is not None
    assert shape(rehearsed) == shape(with_key) == shape(done)
    if isinstance(rehearsed, Written) and isinstance(done, Written):
        assert (rehearsed.dry_run, done.dry_run) == (True, False)
    assert (await write(me, rows, "key")).replayed


async def test_a_dry_run_is_refused_as_the_write_would_be(me: Face, rows: Prepared, ann: Caller) -> None:
    rehearsal = me.rehearsing()
    (inbox, *_) = await lists_of(ann)

    assert (await rehearsal.add({"title": ""}, {"title": "ok"})).errors == ["invalid_input", None]
    assert (await rehearsal.update({"id": 2**62, "title": "x"})).errors == ["not_found"]
    assert (await rehearsal.skip(rows.open)).errors == ["invalid_input"]
    for write, code in (
        (rehearsal.add_list("WORK"), "conflict"),
        (rehearsal.delete_list(inbox["id"]), "conflict"),
        (rehearsal.merge_tag(rows.tag, rows.tag), "invalid_input"),
        (rehearsal.undo(2**62), "not_found"),
    ):
        with pytest.raises(RefusedError) as refused:
            await write
        assert refused.value.code == code


async def test_a_dry_run_of_more_than_is_deleted_unasked_needs_no_confirmation(me: Face) -> None:
    ids = (await me.add(*({"title": "x"} for _ in range(11)))).accepted

    told = await me.rehearsing().delete(*ids)

    assert told.errors == [None] * 11
    assert (await me.list()).total == 11
