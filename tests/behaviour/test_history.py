"""The history narrows down to a time, a client, a kind of row and a row, both ways, with a title in each row."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces import Face, FaceName, Json, RefusedError
from tests.tables import each

pytestmark = pytest.mark.requirement("SA8")


def asked(face: FaceName, **wanted: Any) -> Json:
    """A filter as a face spells it."""
    if face == "rest":
        return wanted
    return {{"entity_id": "id"}.get(name, name): value for name, value in wanted.items()}


def rows(change: Json) -> list[tuple[str, int]]:
    """The rows that a change shows: kind and id."""
    if "entries" in change:
        return [(entry["entity"], entry["id"]) for entry in change["entries"]]
    kinds = ("note", "todo", "list", "tag", "user")
    return [next((kind, row[kind]) for kind in kinds if kind in row) for row in change["rows"]]


@pytest.mark.usefixtures("noon")
async def test_a_time_in_words_says_which_changes(me: Face) -> None:
    made = [(await me.add({"title": str(n)})).change for n in range(3)]

    for words in (
        "last hour",
        "today",
        "since yesterday",
        "past 5 minutes",
        "an hour ago",
        "this week",
        "2000-01-01/2199-01-01",
    ):
        assert [one["id"] for one in await me.changes(when=words, limit=3)] == made[::-1], words
    for words in (
        "yesterday",
        "until yesterday",
        "before today",
        "last week",
        "since tomorrow",
        "2020-01-01/2020-02-01",
        "2020-01-01T10:00+01:00[Europe/Berlin]/2020-02-01T10:00+01:00[Europe/Berlin]",
    ):
        assert await me.changes(when=words) == [], words
    assert [one["id"] for one in await me.changes(when="last hour", since=made[0])] == made[1:]
    assert [one["id"] for one in await me.changes(when="last hour", before=made[2], limit=2)] == [made[1], made[0]]


async def test_the_history_of_a_row_is_that_row_in_both_directions(me: Face, face_name: FaceName) -> None:
    added = await me.add({"title": "a"}, {"title": "b"})
    first, second = added.accepted
    both = await me.update({"id": first, "title": "A"}, {"id": second, "title": "B"})
    await me.update({"id": second, "priority": "high"})
    done = await me.complete(first)
    mine = [added.change, both.change, done.change]

    found = await me.changes(**asked(face_name, entity_id=first))

    assert [change["id"] for change in found] == mine[::-1]
    assert [rows(change) for change in found] == [[("todo", first)]] * 3
    assert [change.get("more_entries", change.get("more_rows", 0)) for change in found] == [0, 1, 1]
    assert [one["id"] for one in await me.changes(**asked(face_name, entity_id=first, since=0))] == mine
    assert [one["id"] for one in await me.changes(**asked(face_name, entity_id=first, before=mine[2], limit=1))] == [
        mine[1]
    ]
    assert await me.changes(**asked(face_name, entity="list", entity_id=first)) == []


async def test_a_kind_of_row_shows_only_such_rows(me: Face) -> None:
    await me.add({"title": "a"})
    made = await me.add_list("L")
    (list_id,) = made.accepted
    tagged = await me.add({"title": "b", "tags": ["t"], "list_id": list_id})
    gone = await me.delete_list(list_id, todos="trash")

    found = await me.changes(entity="list", limit=2)
    assert [change["id"] for change in found] == [gone.change, made.change]
    assert [rows(change) for change in found] == [[("list", list_id)]] * 2
    assert [one["id"] for one in await me.changes(entity="tag", limit=1)] == [tagged.change]
    assert [one["id"] for one in await me.changes(entity="list", since=made.change)] == [gone.change]
    (latest,) = await me.changes(entity="todo", limit=1)
    assert (latest["id"], {kind for kind, _ in rows(latest)}) == (gone.change, {"todo"})


async def test_every_row_has_a_title_also_where_the_record_kept_less(me: Face, face_name: FaceName) -> None:
    (list_id,) = (await me.add_list("L")).accepted
    (todo,) = (await me.add({"title": "a", "list_id": list_id})).accepted
    await me.update({"id": todo, "title": "called so", "due": "2030-01-15 17:00"})
    renamed, *_ = await me.changes(limit=1)
    await me.delete_list(list_id, todos="trash")
    (gone,) = await me.changes(limit=1)

    if face_name == "rest":
        assert [entry["title"] for entry in gone["entries"]] == ["L", "called so"]
    else:
        assert [row.get("title") or row.get("name") for row in gone["rows"]] == ["L", "called so"]
        (row,) = renamed["rows"]
        assert row == {
            "todo": todo,
            "title": "called so",
            "before": {"title": "a", "due": None},
            "after": {"title": "called so", "due": "2030-01-15 Tue 17:00"},
        }


async def test_a_client_is_found_by_a_part_of_its_name(me: Face) -> None:
    change = (await me.add({"title": "a"})).change
    name = (await me.changes(limit=1))[0]["client"]

    for part in (name, name[1:].upper(), name[:-1]):
        assert [one["id"] for one in await me.changes(client=part, limit=1)] == [change]
    for none in ("%", "_", name + "x", "nobody"):
        assert await me.changes(client=none) == []


@each(
    ("wanted", "field"),
    [
        ({"when": "soonish"}, "when"),
        ({"when": "since last week or so"}, "when"),
        ({"when": "2026-13-01/2026-14-01"}, "when"),
        ({"when": ""}, "when"),
        ({"when": "x" * 101}, "when"),
        ({"entity": "todos"}, "entity"),
        ({"client": ""}, "client"),
        ({"when": "today", "since": 1, "before": 3}, "before"),
    ],
)
async def test_what_is_unclear_or_does_not_go_together_is_refused_by_name(me: Face, wanted: Json, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.changes(**wanted)

    assert refused.value.code == "invalid_input"
    assert refused.value.told["errors"][0]["field"] == field
    assert "soonish" not in str(refused.value.told)
