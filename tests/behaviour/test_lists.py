"""Lists: where todos are kept."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.behaviour.rows import item_of, lists_of, todo_of, todos_of
from tests.behaviour.support import refusal
from tests.faces import Face, Json
from tests.support import moment_of
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("LT1")


async def names(owner: Caller) -> list[str]:
    return [row["name"] for row in await lists_of(owner)]


async def list_named(me: Face, name: str, *titles: str) -> tuple[int, list[int]]:
    """A list and the todos in it."""
    (made,) = (await me.add_list(name)).accepted
    ids = (await me.add(*({"title": title, "list_id": made} for title in titles))).accepted if titles else []
    return made, ids


# --- the inbox ---------------------------------------------------------------------------------


async def test_everybody_has_an_inbox_where_todos_go_that_name_no_list(me: Face, ann: Caller) -> None:
    (inbox,) = await lists_of(ann)
    (todo,) = (await me.add({"title": "x"})).accepted

    assert (inbox["name"], inbox["is_inbox"], inbox["position"]) == ("Inbox", True, 1)
    assert (await todo_of(ann, todo))["list_id"] == inbox["id"]


@pytest.mark.requirement("LT3")
async def test_the_default_list_takes_the_inboxs_place_for_new_todos_until_it_is_gone(me: Face, ann: Caller) -> None:
    (inbox,) = await lists_of(ann)
    work, _ = await list_named(me, "work")
    await me.update_profile(default_list_id=work)
    (first,) = (await me.add({"title": "x"})).accepted
    await me.delete_list(work, todos="trash")
    (second,) = (await me.add({"title": "y"})).accepted

    assert (await todo_of(ann, first))["list_id"] == work
    assert (await todo_of(ann, second))["list_id"] == inbox["id"]


async def test_the_inbox_can_be_neither_deleted_nor_archived_but_renamed(me: Face, ann: Caller) -> None:
    (inbox,) = await lists_of(ann)

    for write in (
        me.delete_list(inbox["id"]),
        me.delete_list(inbox["id"], todos="trash"),
        me.update_list(inbox["id"], is_archived=True),
    ):
        assert (await refusal(write))["code"] == "conflict"

    await me.update_list(inbox["id"], name="Eingang", color="blue")
    (row,) = await lists_of(ann)
    assert (row["name"], row["color"], row["is_inbox"], row["archived_at"]) == ("Eingang", "blue", True, None)


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("taken", "wanted"), [("Work", "wORK"), ("Größe", "GRÖSSE"), ("ﬁne", "FINE"), ("Inbox", "x")])
async def test_a_name_is_taken_whatever_its_case(me: Face, ann: Caller, taken: str, wanted: str) -> None:
    if taken == "Inbox":
        taken, wanted = "x", "inbox"
    existing, _ = await list_named(me, taken)
    other, _ = await list_named(me, "other")
    before = await lists_of(ann)

    for write in (me.add_list(wanted), me.update_list(other, name=f" {wanted} ")):
        told = await refusal(write)
        assert told["code"] == "conflict"
        assert told["existing_id"] in {existing, before[0]["id"]}

    assert await lists_of(ann) == before


async def test_the_case_of_a_lists_own_name_can_be_changed(me: Face, ann: Caller) -> None:
    work, _ = await list_named(me, "work")

    await me.update_list(work, name="WORK")

    assert await names(ann) == ["Inbox", "WORK"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\x00b"])
async def test_a_name_has_1_to_100_characters(me: Face, ann: Caller, name: str) -> None:
    work, _ = await list_named(me, "work")

    for write in (me.add_list(name), me.update_list(work, name=name)):
        assert (await refusal(write))["code"] == "invalid_input"

    assert await names(ann) == ["Inbox", "work"]


async def test_the_name_of_a_deleted_list_is_free_again(me: Face, ann: Caller) -> None:
    work, _ = await list_named(me, "work")
    deleted = await me.delete_list(work)
    again, _ = await list_named(me, "Work")

    assert again != work
    assert (await refusal(me.undo(deleted.change)))["code"] == "undo_refused"
    await me.delete_list(again)
    await me.undo(deleted.change)
    assert await names(ann) == ["Inbox", "work"]


async def test_a_color_is_one_of_ten(me: Face, ann: Caller) -> None:
    told = await refusal(me.add_list("x", color="mauve"))

    assert told["code"] == "invalid_input"
    (problem,) = told["errors"]
    assert len(problem["allowed"]) == 10
    await me.add_list("y", color="teal")
    assert (await lists_of(ann))[1]["color"] == "teal"


# --- the order ---------------------------------------------------------------------------------


async def test_lists_keep_the_order_that_was_chosen(me: Face, ann: Caller) -> None:
    ids = {name: (await list_named(me, name))[0] for name in "abc"}
    assert await names(ann) == ["Inbox", "a", "b", "c"]

    await me.update_list(ids["c"], position=1)
    assert await names(ann) == ["c", "Inbox", "a", "b"]
    await me.update_list(ids["c"], position=3)
    assert await names(ann) == ["Inbox", "a", "c", "b"]
    await me.update_list(ids["a"], position=999)
    assert await names(ann) == ["Inbox", "c", "b", "a"]
    await me.add_list("d", position=2)
    assert await names(ann) == ["Inbox", "d", "c", "b", "a"]
    assert [row["position"] for row in await lists_of(ann)] == [1, 2, 3, 4, 5]


async def test_moving_a_list_rewrites_that_list_alone(me: Face, ann: Caller) -> None:
    ids = {name: (await list_named(me, name))[0] for name in "abcd"}
    before = {row["id"]: row["version"] for row in await lists_of(ann)}

    await me.update_list(ids["d"], position=2)

    after = {row["id"]: row["version"] for row in await lists_of(ann)}
    assert after == before | {ids["d"]: 2}


async def test_a_list_that_is_moved_to_where_it_is_stays_as_it_is(me: Face, ann: Caller) -> None:
    ids = {name: (await list_named(me, name))[0] for name in "abc"}
    before = await names(ann)

    await me.update_list(ids["b"], position=3)

    assert await names(ann) == before


# --- archiving ---------------------------------------------------------------------------------


@pytest.mark.requirement("TD3")
async def test_an_archived_list_and_its_todos_show_only_where_they_are_asked_for(me: Face) -> None:
    work, (todo,) = await list_named(me, "work", "hidden words")
    (other,) = (await me.add({"title": "x"})).accepted

    archived = await me.update_list(work, is_archived=True)

    assert [row["id"] for row in (await me.list()).todos] == [other]
    assert [row["id"] for row in (await me.list(status="all", text="hidden")).todos] == []
    assert [row["id"] for row in (await me.list(ids=[todo])).todos] == [todo]
    assert [row["id"] for row in (await me.list(list_id=work)).todos] == [todo]
    assert (await me.list(archived="include")).total == 2
    overview = await me.overview()
    assert [row["name"] for row in overview["lists"]] == ["Inbox"]

    await me.undo(archived.change)
    assert (await me.list()).total == 2


async def test_archiving_twice_keeps_the_first_date_and_changes_nothing(me: Face, ann: Caller) -> None:
    work, _ = await list_named(me, "work")
    await me.update_list(work, is_archived=True)
    before = await lists_of(ann)

    again = await me.update_list(work, is_archived=True)

    assert (again.unchanged, again.change_id) == ([True], None)
    assert await lists_of(ann) == before
    await me.update_list(work, is_archived=False)
    assert (await lists_of(ann))[1]["archived_at"] is None


@pytest.mark.requirement("SA3")
async def test_who_takes_back_that_a_list_is_archived_no_more_gets_the_date_of_before(me: Face, ann: Caller) -> None:
    work, _ = await list_named(me, "work")
    await me.update_list(work, is_archived=True)
    before = (await lists_of(ann))[1]["archived_at"]
    opened = await me.update_list(work, is_archived=False)

    undone = await me.undo(opened.change)
    assert (await lists_of(ann))[1]["archived_at"] == before

    await me.undo(undone.change)
    again = await me.update_list(work, is_archived=True)
    assert moment_of((await lists_of(ann))[1], "archived_at") > datetime.fromisoformat(before)

    await me.undo(again.change)
    assert (await lists_of(ann))[1]["archived_at"] is None


@pytest.mark.requirement("SA3", "SA4")
@pytest.mark.parametrize("beside", [{}, {"name": "job"}])
async def test_who_takes_back_that_dates_were_put_back_gets_the_later_date(
    me: Face, ann: Caller, beside: dict[str, str]
) -> None:
    work, _ = await list_named(me, "work")
    await me.update_list(work, is_archived=True)
    before = (await lists_of(ann))[1]["archived_at"]
    opened = await me.update_list(work, is_archived=False)
    again = await me.update_list(work, is_archived=True, **beside)
    after = (await lists_of(ann))[1]["archived_at"]

    undone = await me.undo_all(opened.change, again.change)
    assert (await lists_of(ann))[1]["archived_at"] == before

    await me.undo(undone.change)
    assert (await lists_of(ann))[1]["archived_at"] == after
    assert datetime.fromisoformat(after) > datetime.fromisoformat(before)


# --- deleting ----------------------------------------------------------------------------------


async def test_deleting_a_list_takes_its_todos_to_the_trash_and_undo_brings_all_back(me: Face, ann: Caller) -> None:
    work, (first, second) = await list_named(me, "work", "a", "b")
    below, trashed, elsewhere = (
        await me.add({"title": "c", "parent_id": first}, {"title": "d", "list_id": work}, {"title": "e"})
    ).accepted
    await me.complete(second)
    await me.delete(trashed)
    before, lists_before = await todos_of(ann), await lists_of(ann)

    deleted = await me.delete_list(work, todos="trash")

    assert [row["id"] for row in await todos_of(ann)] == [elsewhere]
    assert {row["id"] for row in await todos_of(ann, status="trashed")} == {first, second, below, trashed}
    assert await names(ann) == ["Inbox"]

    undone = await me.undo(deleted.change)
    assert without_versions(await todos_of(ann)) == without_versions(before)
    assert without_versions(await lists_of(ann)) == without_versions(lists_before)
    assert [row["id"] for row in await todos_of(ann, status="trashed")] == [trashed]

    redone = await me.undo(undone.change)
    assert [row["id"] for row in await todos_of(ann)] == [elsewhere]
    assert await names(ann) == ["Inbox"]
    await me.undo(redone.change)
    assert without_versions(await todos_of(ann)) == without_versions(before)


def without_versions(rows: list[Json]) -> list[Json]:
    return [{name: value for name, value in row.items() if name not in ("version", "updated_at")} for row in rows]


async def test_deleting_a_list_can_move_its_todos_to_another(me: Face, ann: Caller) -> None:
    work, ids = await list_named(me, "work", "a", "b")
    home, _ = await list_named(me, "home")
    await me.complete(ids[1])
    before = await todos_of(ann)

    deleted = await me.delete_list(work, todos="move", move_to=home)

    assert [(row["id"], row["list_id"]) for row in await todos_of(ann)] == [(one, home) for one in ids]
    assert await names(ann) == ["Inbox", "home"]

    undone = await me.undo(deleted.change)
    assert without_versions(await todos_of(ann)) == without_versions(before)
    assert await names(ann) == ["Inbox", "work", "home"]
    await me.undo(undone.change)
    assert {row["list_id"] for row in await todos_of(ann)} == {home}


async def test_the_caller_says_what_becomes_of_the_todos(me: Face, ann: Caller) -> None:
    work, (todo,) = await list_named(me, "work", "a")
    home, _ = await list_named(me, "home")
    before = [await todos_of(ann), await lists_of(ann)]

    told = await refusal(me.delete_list(work))
    assert told["code"] == "invalid_input"
    assert told["errors"][0]["field"] == "todos"
    assert set(told["errors"][0]["allowed"]) == {"trash", "move"}
    for wrong in ({"todos": "move"}, {"move_to": home}, {"todos": "trash", "move_to": home}):
        assert (await refusal(me.delete_list(work, **wrong)))["code"] == "invalid_input"
    assert (await refusal(me.delete_list(work, todos="move", move_to=work)))["code"] == "invalid_input"
    assert (await refusal(me.delete_list(work, todos="move", move_to=2**62)))["code"] == "not_found"
    assert [await todos_of(ann), await lists_of(ann)] == before

    await me.delete(todo)
    await me.delete_list(work)  # what is in the trash is nobody's concern
    assert await names(ann) == ["Inbox", "home"]


async def test_a_deleted_list_is_not_there_any_more(me: Face) -> None:
    work, _ = await list_named(me, "work")
    (todo,) = (await me.add({"title": "x"})).accepted
    await me.delete_list(work)

    assert (await refusal(me.update_list(work, name="x")))["code"] == "not_found"
    assert (await refusal(me.delete_list(work)))["code"] == "not_found"
    assert (await me.add({"title": "y", "list_id": work})).errors == ["not_found"]
    assert (await me.update({"id": todo, "list_id": work})).errors == ["not_found"]


@pytest.mark.requirement("TD7")
async def test_a_todo_of_a_deleted_list_is_restored_into_the_inbox_with_its_family(me: Face, ann: Caller) -> None:
    (inbox,) = await lists_of(ann)
    work, (top,) = await list_named(me, "work", "top")
    (below,) = (await me.add({"title": "below", "parent_id": top})).accepted
    await me.delete_list(work, todos="trash")

    await me.delete(below, deleted=False)

    assert {row["id"]: row["list_id"] for row in await todos_of(ann)} == {top: inbox["id"], below: inbox["id"]}


@pytest.mark.requirement("TD7")
async def test_a_subtask_that_is_restored_goes_to_where_its_parent_is_now(me: Face, ann: Caller) -> None:
    work, (top,) = await list_named(me, "work", "top")
    home, _ = await list_named(me, "home")
    (below,) = (await me.add({"title": "below", "parent_id": top})).accepted
    await me.delete(below)
    await me.delete_list(work, todos="move", move_to=home)

    await me.delete(below, deleted=False)

    assert {row["id"]: row["list_id"] for row in await todos_of(ann)} == {top: home, below: home}


# --- every write -------------------------------------------------------------------------------


@pytest.mark.requirement("TD8")
async def test_a_list_that_somebody_changed_since_is_left_alone_and_shown(me: Face, ann: Caller) -> None:
    work, _ = await list_named(me, "work")
    await me.update_list(work, color="red")

    told = await refusal(me.update_list(work, name="x", if_version=1))

    assert told["code"] == "version_conflict"
    assert told["current"]["color"] == "red"
    assert await names(ann) == ["Inbox", "work"]


@pytest.mark.requirement("SA1", "SA2", "SA3")
@pytest.mark.parametrize("verb", ["add", "update", "delete", "move"])
async def test_a_write_happens_once_under_a_key_is_recorded_and_can_be_undone(me: Face, ann: Caller, verb: str) -> None:
    work, _ = await list_named(me, "work", "a")
    home, _ = await list_named(me, "home")

    async def write(key: str, name: str = "new") -> object:
        if verb == "add":
            return await me.add_list(name, key)
        if verb == "update":
            return await me.update_list(work, key, name=name, position=1)
        afterwards = {"todos": "trash"} if verb == "delete" else {"todos": "move", "move_to": home}
        return await me.delete_list(work, key, **afterwards)

    before = [without_versions(await lists_of(ann)), without_versions(await todos_of(ann))]
    first = await write("key")
    after = [await lists_of(ann), await todos_of(ann)]
    again = await write("key")

    assert (first.replayed, again.replayed) == (False, True)  # type: ignore[attr-defined]
    assert first.change == again.change  # type: ignore[attr-defined]
    assert first.items == again.items  # type: ignore[attr-defined]
    assert [await lists_of(ann), await todos_of(ann)] == after
    if verb in ("add", "update"):
        told = await refusal(write("key", "another"))
        assert told["code"] == "idempotency_key_reused"
    (change,) = await me.changes(limit=1)
    assert change["id"] == first.change  # type: ignore[attr-defined]
    assert change["operation"] == {"add": "lists.add", "update": "lists.update"}.get(verb, "lists.delete")
    entries = change.get("entries", change.get("rows"))
    assert len(entries) == {"add": 1, "update": 1}.get(verb, 2)

    undone = await me.undo(first.change)  # type: ignore[attr-defined]
    assert [without_versions(await lists_of(ann)), without_versions(await todos_of(ann))] == before
    await me.undo(undone.change)
    redone = [without_versions(await lists_of(ann)), without_versions(await todos_of(ann))]
    assert redone == [without_versions(rows) for rows in after]


@pytest.mark.requirement("SA3")
async def test_undoing_a_new_list_is_refused_while_there_are_todos_in_it(me: Face, ann: Caller) -> None:
    made = await me.add_list("work")
    (todo,) = (await me.add({"title": "x", "list_id": made.accepted[0]})).accepted

    assert (await refusal(me.undo(made.change)))["code"] == "undo_refused"
    await me.delete(todo)
    await me.undo(made.change)
    assert await names(ann) == ["Inbox"]


@pytest.mark.requirement("SA3")
async def test_undoing_a_deletion_is_refused_when_one_of_its_todos_went_elsewhere_since(me: Face, ann: Caller) -> None:
    work, (first, _) = await list_named(me, "work", "a", "b")
    home, _ = await list_named(me, "home")
    other, _ = await list_named(me, "other")
    deleted = await me.delete_list(work, todos="move", move_to=home)
    await me.update({"id": first, "list_id": other})
    before = [await lists_of(ann), await todos_of(ann)]

    assert (await refusal(me.undo(deleted.change)))["code"] == "undo_refused"

    assert [await lists_of(ann), await todos_of(ann)] == before


@pytest.mark.requirement("SA3")
async def test_undoing_a_deletion_keeps_what_else_changed_in_its_todos_since(me: Face, ann: Caller) -> None:
    work, (first, second) = await list_named(me, "work", "a", "b")
    home, _ = await list_named(me, "home")
    deleted = await me.delete_list(work, todos="move", move_to=home)
    await me.update({"id": first, "title": "A"})

    await me.undo(deleted.change)

    found = [(row["id"], row["title"], row["list_id"]) for row in await todos_of(ann)]
    assert found == [(first, "A", work), (second, "b", work)]


async def test_counts_are_of_open_todos(me: Face, ann: Caller) -> None:
    work, (_, second, third) = await list_named(me, "work", "a", "b", "c")
    await me.complete(second)
    await me.delete(third)

    assert {row["name"]: row["open_todos"] for row in await lists_of(ann)} == {"Inbox": 0, "work": 1}
    assert (await me.overview())["lists"][1] == {"id": work, "name": "work", "open": 1}


async def test_the_answer_to_a_new_list_names_it(me: Face, ann: Caller) -> None:
    written = await me.add_list("work")

    assert item_of(written)["id"] == (await lists_of(ann))[1]["id"]
