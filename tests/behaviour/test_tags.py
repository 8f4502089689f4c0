"""Tags: names that todos share."""

from __future__ import annotations

import pytest

from tests.behaviour.rows import item_of, tags_of, todo_of, todos_of
from tests.behaviour.support import refusal
from tests.faces import Face, Json, Written
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("LT2")


async def tagged(owner: Caller) -> list[list[str]]:
    """The tags of each todo."""
    return [row["tags"] for row in await todos_of(owner)]


async def counts(owner: Caller) -> dict[str, int]:
    return {name: row["open_todos"] for name, row in (await tags_of(owner)).items()}


async def ids_of(owner: Caller) -> dict[str, int]:
    return {name: row["id"] for name, row in (await tags_of(owner)).items()}


def of(todo_id: int, **fields: object) -> Json:
    return {"id": todo_id, **fields}


# --- on todos ----------------------------------------------------------------------------------


@pytest.mark.requirement("TD1", "TD2")
async def test_a_tag_is_made_on_first_use_and_shared_after_that(me: Face, ann: Caller) -> None:
    (first,) = (await me.add({"title": "a", "tags": ["work", "Home", "work"]})).accepted
    made = await ids_of(ann)
    await me.add({"title": "b", "tags": ["WORK"]}, {"title": "c"})

    assert await tagged(ann) == [["Home", "work"], ["work"], []]
    assert await ids_of(ann) == made
    assert await counts(ann) == {"Home": 1, "work": 2}
    assert (await todo_of(ann, first))["tags"] == ["Home", "work"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("ÄRGER", "ärger"), ("straße", "STRASSE"), ("ﬁn", "FIN"), ("ΣΊΣΥΦΟΣ", "σίσυφος"), ("é", "E\u0301")],
)
async def test_case_and_spelling_do_not_make_another_tag(me: Face, ann: Caller, one: str, other: str) -> None:
    (todo,) = (await me.add({"title": "a", "tags": [one]})).accepted

    await me.add({"title": "b", "tags": [other]})

    assert await tagged(ann) == [[one], [one]]
    assert [row["id"] for row in (await me.list(tags=[other])).todos][-1] == todo
    await me.update(of(todo, remove_tags=[other]))
    assert await tagged(ann) == [[], [one]]


@pytest.mark.parametrize("field", ["tags", "add_tags"])
async def test_of_two_spellings_in_one_request_the_first_counts(me: Face, ann: Caller, field: str) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    await me.update(of(todo, **{field: ["Straße", "STRASSE", "strasse"]}))

    assert await tagged(ann) == [["Straße"]]


@pytest.mark.requirement("TD5")
async def test_tags_are_added_removed_or_replaced(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["one", "two"]})).accepted

    for patch, wanted in (
        ({"add_tags": ["three", "ONE"]}, ["one", "three", "two"]),
        ({"remove_tags": ["Two", "never"]}, ["one", "three"]),
        ({"add_tags": ["four"], "remove_tags": ["one"]}, ["four", "three"]),
        ({"tags": ["five", "three"]}, ["five", "three"]),
        ({"title": "renamed"}, ["five", "three"]),
        ({"tags": []}, []),
    ):
        written = await me.update(of(todo, **patch))
        assert written.errors == [None]
        assert await tagged(ann) == [wanted]


@pytest.mark.requirement("TD5")
async def test_tags_that_are_there_already_change_nothing(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["one", "two"]})).accepted
    before = await todos_of(ann)

    for patch in ({"add_tags": ["ONE"]}, {"remove_tags": ["three"]}, {"tags": ["Two", "one"]}):
        written = await me.update(of(todo, **patch))
        assert (written.unchanged, written.change_id) == ([True], None)

    assert await todos_of(ann) == before
    assert [*await tags_of(ann)] == ["one", "two"]


@pytest.mark.requirement("TD5")
async def test_a_change_of_tags_is_a_change_of_the_todo(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    written = await me.update(of(todo, add_tags=["one"]))

    assert (await todo_of(ann, todo))["version"] == 2
    (change,) = await me.changes(limit=1)
    assert change["id"] == written.change
    rows = change.get("entries", change.get("rows"))
    assert {row.get("entity") or ("tag" if "tag" in row else "todo") for row in rows} == {"todo", "tag"}


@pytest.mark.requirement("TD1")
@pytest.mark.parametrize("tags", [[""], ["  "], ["x" * 51], ["a\x00"], [1], "work", [f"tag {n}" for n in range(21)]])
async def test_odd_tags_are_refused(me: Face, ann: Caller, tags: object) -> None:
    (todo,) = (await me.add({"title": "a"})).accepted

    for write in (
        me.add({"title": "b", "tags": tags}),
        me.update(of(todo, tags=tags)),
        me.update(of(todo, add_tags=tags)),
    ):
        assert (await write).errors == ["invalid_input"]

    assert await tagged(ann) == [[]]
    assert await tags_of(ann) == {}


@pytest.mark.requirement("TD5")
async def test_no_todo_has_more_than_20_tags(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "tags": [f"tag {n:02}" for n in range(20)]})).accepted

    assert (await me.update(of(todo, add_tags=["another"]))).errors == ["invalid_input"]
    assert (await me.update(of(todo, add_tags=["another"], remove_tags=["tag 00"]))).errors == [None]
    assert len((await todo_of(ann, todo))["tags"]) == 20


@pytest.mark.requirement("TD3")
async def test_a_page_can_have_any_or_all_of_some_tags(me: Face) -> None:
    await me.add(
        {"title": "a", "tags": ["x"]}, {"title": "b", "tags": ["y", "x"]}, {"title": "c", "tags": ["y"]}, {"title": "d"}
    )

    async def found(**wanted: object) -> list[str]:
        return sorted(todo["title"] for todo in (await me.list(**wanted)).todos)

    assert await found(tags=["x"]) == ["a", "b"]
    assert await found(tags=["x", "Y"]) == ["a", "b", "c"]
    assert await found(tags=["x", "Y"], tags_match="all") == ["b"]
    assert await found(tags=["x", "X"], tags_match="all") == ["a", "b"]
    assert await found(tags=["x", "never"], tags_match="all") == []
    assert await found(tags=["never"]) == []


@pytest.mark.requirement("SA3")
async def test_undoing_a_new_todo_takes_the_tags_with_it_that_it_made(me: Face, ann: Caller) -> None:
    await me.add({"title": "a", "tags": ["old"]})
    added = await me.add({"title": "b", "tags": ["old", "new"]})

    undone = await me.undo(added.change)
    assert [*await tags_of(ann)] == ["old"]

    redone = await me.undo(undone.change)
    assert await tagged(ann) == [["old"], ["new", "old"]]
    assert await counts(ann) == {"new": 1, "old": 2}
    await me.undo(redone.change)
    assert [*await tags_of(ann)] == ["old"]


@pytest.mark.requirement("SA3")
async def test_a_tag_that_others_use_by_now_stays_when_what_made_it_is_undone(me: Face, ann: Caller) -> None:
    added = await me.add({"title": "a", "tags": ["new"]})
    await me.add({"title": "b", "tags": ["new"]})

    await me.undo(added.change)

    assert await counts(ann) == {"new": 1}
    assert await tagged(ann) == [["new"]]


@pytest.mark.requirement("SA3")
@pytest.mark.parametrize("patch", [{"add_tags": ["new"]}, {"remove_tags": ["old"]}, {"tags": ["new"]}, {"tags": []}])
async def test_undoing_a_change_of_tags_puts_them_back(me: Face, ann: Caller, patch: Json) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["old", "kept"]})).accepted
    written = await me.update(of(todo, **patch))
    after, names = await tagged(ann), [*await tags_of(ann)]

    undone = await me.undo(written.change)
    assert await tagged(ann) == [["kept", "old"]]
    assert [*await tags_of(ann)] == ["kept", "old"]

    await me.undo(undone.change)
    assert await tagged(ann) == after
    assert [*await tags_of(ann)] == names


# --- counts ------------------------------------------------------------------------------------


async def test_counts_are_of_open_todos(me: Face, ann: Caller) -> None:
    _, done, trashed = (await me.add(*({"title": "a", "tags": ["x"]} for _ in range(3)))).accepted
    await me.complete(done)
    await me.delete(trashed)

    assert await counts(ann) == {"x": 1}
    (told,) = (await me.overview())["tags"]
    assert (told["name"], told["open"]) == ("x", 1)


# --- rename, merge, delete ---------------------------------------------------------------------


async def test_everything_that_has_a_tag_shows_its_new_name(me: Face, ann: Caller) -> None:
    await me.add({"title": "a", "tags": ["work"]}, {"title": "b", "tags": ["work", "home"]})
    versions = [row["version"] for row in await todos_of(ann)]

    written = await me.rename_tag((await ids_of(ann))["work"], "Job")

    assert item_of(written)["name"] == "Job"
    assert await tagged(ann) == [["Job"], ["home", "Job"]]
    assert [row["version"] for row in await todos_of(ann)] == versions
    undone = await me.undo(written.change)
    assert await tagged(ann) == [["work"], ["home", "work"]]
    await me.undo(undone.change)
    assert await tagged(ann) == [["Job"], ["home", "Job"]]


async def test_a_tag_cannot_take_the_name_of_another_but_change_its_own_case(me: Face, ann: Caller) -> None:
    await me.add({"title": "a", "tags": ["Straße", "home"]})
    ids = await ids_of(ann)

    told = await refusal(me.rename_tag(ids["home"], "STRASSE"))
    assert (told["code"], told["existing_id"]) == ("conflict", ids["Straße"])

    await me.rename_tag(ids["Straße"], "STRASSE")
    assert await tagged(ann) == [["home", "STRASSE"]]
    assert (await me.rename_tag(ids["home"], "home")).change_id is None


@pytest.mark.parametrize("name", ["", "  ", "x" * 51, "a\x00"])
async def test_an_odd_name_is_refused(me: Face, ann: Caller, name: str) -> None:
    await me.add({"title": "a", "tags": ["work"]})

    assert (await refusal(me.rename_tag((await ids_of(ann))["work"], name)))["code"] == "invalid_input"
    assert await tagged(ann) == [["work"]]


async def test_what_had_a_merged_tag_has_the_other_once(me: Face, ann: Caller) -> None:
    await me.add(
        {"title": "a", "tags": ["work"]}, {"title": "b", "tags": ["work", "job"]}, {"title": "c", "tags": ["job"]}
    )
    ids = await ids_of(ann)

    written = await me.merge_tag(ids["work"], ids["job"])

    assert written.ids == [ids["job"]]
    assert await tagged(ann) == [["job"], ["job"], ["job"]]
    assert await counts(ann) == {"job": 3}

    undone = await me.undo(written.change)
    assert await tagged(ann) == [["work"], ["job", "work"], ["job"]]
    redone = await me.undo(undone.change)
    assert await tagged(ann) == [["job"], ["job"], ["job"]]
    assert await counts(ann) == {"job": 3}
    await me.undo(redone.change)
    assert await tagged(ann) == [["work"], ["job", "work"], ["job"]]


async def test_a_tag_cannot_be_merged_into_itself_or_into_none(me: Face, ann: Caller) -> None:
    await me.add({"title": "a", "tags": ["work"]})
    work = (await ids_of(ann))["work"]

    assert (await refusal(me.merge_tag(work, work)))["code"] == "invalid_input"
    assert (await refusal(me.merge_tag(work, 2**62)))["code"] == "not_found"
    assert await tagged(ann) == [["work"]]


async def test_a_deleted_tag_goes_from_everything_and_undo_brings_it_back_everywhere(me: Face, ann: Caller) -> None:
    first, _, trashed = (await me.add(*({"title": "a", "tags": ["work", "home"]} for _ in range(3)))).accepted
    await me.delete(trashed)
    versions = [row["version"] for row in await todos_of(ann)]

    written = await me.delete_tag((await ids_of(ann))["work"])

    assert await tagged(ann) == [["home"], ["home"]]
    assert [row["version"] for row in await todos_of(ann)] == versions
    assert (await me.list(tags=["work"])).total == 0
    await me.update(of(first, title="changed since"))

    undone = await me.undo(written.change)
    assert await tagged(ann) == [["home", "work"], ["home", "work"]]
    assert (await todo_of(ann, trashed))["tags"] == ["home", "work"]
    await me.undo(undone.change)
    assert await tagged(ann) == [["home"], ["home"]]


async def test_the_name_of_a_deleted_tag_makes_a_new_one_and_undo_is_refused_then(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["work"]})).accepted
    old = (await ids_of(ann))["work"]
    deleted = await me.delete_tag(old)
    await me.update(of(todo, add_tags=["Work"]))

    assert (await ids_of(ann)).keys() == {"Work"}
    assert (await ids_of(ann))["Work"] != old
    assert (await refusal(me.undo(deleted.change)))["code"] == "undo_refused"
    assert await tagged(ann) == [["Work"]]


@pytest.mark.parametrize("verb", ["rename", "merge", "delete"])
async def test_a_tag_that_is_gone_is_not_found(me: Face, ann: Caller, verb: str) -> None:
    await me.add({"title": "a", "tags": ["work", "home"]})
    ids = await ids_of(ann)
    await me.delete_tag(ids["work"])

    assert (await refusal(write(me, verb, ids["work"], ids["home"])))["code"] == "not_found"


async def write(me: Face, verb: str, tag: int, into: int, key: str | None = None) -> Written:
    if verb == "rename":
        return await me.rename_tag(tag, "renamed", key)
    return await (me.merge_tag(tag, into, key) if verb == "merge" else me.delete_tag(tag, key))


@pytest.mark.requirement("SA1", "SA2", "SA3")
@pytest.mark.parametrize("verb", ["rename", "merge", "delete"])
async def test_a_write_happens_once_under_a_key_is_recorded_and_can_be_undone(me: Face, ann: Caller, verb: str) -> None:
    await me.add({"title": "a", "tags": ["work"]}, {"title": "b", "tags": ["work", "home"]})
    ids, before = await ids_of(ann), [await tagged(ann), await counts(ann)]

    first = await write(me, verb, ids["work"], ids["home"], "key")
    after = [await tagged(ann), await counts(ann)]
    again = await write(me, verb, ids["work"], ids["home"], "key")

    assert (first.replayed, again.replayed) == (False, True)
    assert (again.change_id, again.items) == (first.change, first.items)
    assert after != before
    assert (await refusal(me.delete_tag(ids["home"], "key")))["code"] == "idempotency_key_reused"
    (change,) = await me.changes(limit=1)
    assert (change["id"], change["operation"]) == (first.change, f"tags.{verb}")

    undone = await me.undo(first.change)
    assert [await tagged(ann), await counts(ann)] == before
    await me.undo(undone.change)
    assert [await tagged(ann), await counts(ann)] == after


@pytest.mark.requirement("SA3")
@pytest.mark.parametrize("verb", ["rename", "merge", "delete"])
async def test_undo_is_refused_when_the_tag_was_changed_since(me: Face, ann: Caller, verb: str) -> None:
    await me.add({"title": "a", "tags": ["work"]}, {"title": "b", "tags": ["home"]})
    ids = await ids_of(ann)
    first = await write(me, verb, ids["work"], ids["home"])
    undone = await me.undo(first.change)
    await me.rename_tag(ids["work"], "later")
    before = [await tagged(ann), await counts(ann)]

    assert (await refusal(me.undo(undone.change)))["code"] == "undo_refused"
    assert [await tagged(ann), await counts(ann)] == before


@pytest.mark.requirement("SA3")
async def test_undoing_a_merge_leaves_alone_what_was_tagged_since(me: Face, ann: Caller) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["work"]})).accepted
    await me.add({"title": "b", "tags": ["job"]})
    ids = await ids_of(ann)
    merged = await me.merge_tag(ids["work"], ids["job"])
    await me.add({"title": "c", "tags": ["job"]})

    await me.undo(merged.change)

    assert await tagged(ann) == [["work"], ["job"], ["job"]]
    assert (await todo_of(ann, todo))["tags"] == ["work"]
