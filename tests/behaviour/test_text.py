"""What may be in a text, whichever field and transport it comes through (`specs/domain/todos.md`, Text)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.behaviour.support import titles
from tests.core.support import connected
from tests.faces import Face, FaceName, Json, RefusedError, Written
from tests.texts import BREAKS, DECOMPOSED, HONEST, HOSTILE, INVISIBLE, TAGS
from todo_core.text import escaped, name_key

SENT = {name: row for name, row in HOSTILE.items() if name != "lone surrogate"}
"""What every client can send; tests of each transport send the rest."""
_SOME = {name: SENT[name] for name in ("escape sequence", "override", "tags", "selectors behind an emoji", "NUL")}

ONE_LINE: dict[str, Callable[[Face, str], Awaitable[Any]]] = {
    "title": lambda me, text: me.add({"title": text}),
    "tags.0": lambda me, text: me.add({"title": "a", "tags": [text]}),
    "due": lambda me, text: me.add({"title": "a", "due": text}),
    "repeat": lambda me, text: me.add({"title": "a", "repeat": text}),
    "name": lambda me, text: me.add_list(text),
    "display_name": lambda me, text: me.update_profile(display_name=text),
    "text": lambda me, text: me.list(text=text),
    "due_before": lambda me, text: me.list(due_before=text),
}
"""How a text of one line is sent, by the end of the field that a refusal names."""
NAMES = ("title", "tags.0", "name", "display_name")


async def problem(request: Awaitable[Any]) -> Json:
    """What was told of the one field of a request that was refused, whole or in its only item."""
    try:
        answer = await request
    except RefusedError as refused:
        told: Json | None = refused.told
    else:
        assert isinstance(answer, Written)
        assert answer.errors == ["invalid_input"]
        (told,) = answer.refusals
    assert told is not None
    (found,) = told["errors"]
    return dict(found)


@pytest.mark.requirement("TD1", "LT1", "LT2", "LT3", "RS3", "MC4")
@pytest.mark.parametrize("field", ONE_LINE)
async def test_what_hides_is_refused_by_field_kind_and_place(me: Face, field: str) -> None:
    for text, what, place in SENT.values() if field == "title" else _SOME.values():
        told = await problem(ONE_LINE[field](me, text))

        assert told["field"].endswith(field)
        assert told["message"] == f"must not contain {what} (character {place})"
    assert (await me.list(status="all")).total == 0


@pytest.mark.requirement("TD1", "RS3", "MC4")
async def test_what_hides_in_a_description_is_refused(me: Face) -> None:
    written = await me.add(*({"title": "a", "description": text} for text, _, _ in SENT.values()))

    assert written.change_id is None
    for refusal, (text, what, place) in zip(written.refusals, SENT.values(), strict=True):
        assert refusal is not None
        assert refusal["errors"] == [
            {"field": "description", "code": "invalid", "message": f"must not contain {what} (character {place})"}
        ]
        assert text not in str(refusal)


@pytest.mark.requirement("TD5", "LT1", "LT2")
async def test_what_hides_is_refused_in_changes_too(me: Face) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["old"]})).accepted
    (kept,) = (await me.add_list("Home")).accepted
    ((tag,),) = [[tag["id"] for tag in (await me.overview())["tags"]]]
    text, what, place = HOSTILE["tags"]
    message = f"must not contain {what} (character {place})"

    for changed in ({"title": text}, {"description": text}, {"tags": [text]}, {"add_tags": [text]}, {"due": text}):
        assert (await problem(me.update({"id": todo, **changed})))["message"] == message
    assert (await problem(me.update_list(kept, name=text)))["message"] == message
    assert (await problem(me.rename_tag(tag, text)))["message"] == message


@pytest.mark.requirement("TD1", "LT1", "LT2", "LT3")
@pytest.mark.parametrize("field", ONE_LINE)
async def test_a_line_has_no_breaks(me: Face, field: str) -> None:
    for text in BREAKS.values():
        told = await problem(ONE_LINE[field](me, text))
        assert told["message"] == "must not contain a line break or a tab (character 2)"


@pytest.mark.requirement("TD1", "LT1", "LT2", "LT3")
@pytest.mark.parametrize("field", NAMES)
async def test_names_and_titles_have_something_to_see(me: Face, field: str) -> None:
    for text in INVISIBLE.values():
        told = await problem(ONE_LINE[field](me, text))
        assert told["message"] == "must have at least one visible character"


@pytest.mark.requirement("TD16")
async def test_a_note_has_something_to_see(me: Face) -> None:
    """Nobody could take one back that nobody sees, and models read it."""
    (todo,) = (await me.add({"title": "a"})).accepted

    for text in INVISIBLE.values():
        told = await problem(me.update({"id": todo, "add_note": f"{text}\n{text}"}))
        assert told["message"] == "must have at least one visible character"


@pytest.mark.requirement("TD1")
async def test_what_people_write_comes_back_as_it_was(me: Face) -> None:
    todos = [{"title": text, "description": f"{text}\n\t{text}", "tags": [text]} for text in HONEST.values()]

    await me.add(*todos)

    listed = (await me.list(sort="created", direction="asc", limit=200)).todos
    assert [{name: todo[name] for name in todos[0]} for todo in listed] == todos
    assert {*list(HONEST.values())[:20]} <= {*_texts(await me.changes(limit=1))}


@pytest.mark.requirement("LT1", "LT2", "LT3")
async def test_names_of_people_lists_and_tags_come_back_as_they_were(me: Face) -> None:
    (todo,) = (await me.add({"title": "a", "tags": ["a"]})).accepted
    (tag,) = [tag["id"] for tag in (await me.overview())["tags"]]
    for text in HONEST.values():
        await me.add_list(text)
        await me.rename_tag(tag, text)
        assert (await me.update_profile(display_name=text)).row["display_name"] == text
        assert (await me.list(ids=[todo])).todos[0]["tags"] == [text]
    assert [kept["name"] for kept in (await me.overview())["lists"]][1:] == [*HONEST.values()]


@pytest.mark.requirement("TD1")
async def test_lines_end_in_newlines(me: Face) -> None:
    await me.add({"title": "a", "description": " one\r\ntwo\rthree\u2028four\n\n\tfive\r\n"})

    assert (await me.list()).todos[0]["description"] == "one\ntwo\nthree\nfour\n\n\tfive"


@pytest.mark.requirement("TD1", "TD12")
@pytest.mark.parametrize(("text", "composed"), DECOMPOSED.values(), ids=DECOMPOSED)
async def test_texts_are_kept_and_found_in_nfc(me: Face, text: str, composed: str) -> None:
    await me.add({"title": f"{text} xyz", "description": text}, {"title": "other"})

    (todo,) = (await me.list(text="xyz")).todos
    assert (todo["title"], todo["description"]) == (f"{composed} xyz", composed)
    assert await titles(me, text) == await titles(me, composed) == [f"{composed} xyz"]


@pytest.mark.requirement("TD1")
async def test_texts_are_measured_in_nfc(me: Face) -> None:
    decomposed, composed = "e\u0302\u0301", "ế"
    fits, too_long = await me.add({"title": decomposed * 200}), await me.add({"title": decomposed * 201})

    assert (await me.list(ids=fits.accepted)).todos[0]["title"] == composed * 200
    assert too_long.errors == ["invalid_input"]
    assert (await me.add({"title": "\u0958" * 101})).errors == ["invalid_input"]  # in NFC it is two characters


@pytest.mark.requirement("LT1", "LT2")
@pytest.mark.parametrize(("text", "composed"), DECOMPOSED.values(), ids=DECOMPOSED)
async def test_names_are_the_same_in_every_normal_form(me: Face, text: str, composed: str) -> None:
    assert name_key(text) == name_key(composed)
    await me.add_list(text)
    with pytest.raises(RefusedError) as refused:
        await me.add_list(composed)
    assert refused.value.code == "conflict"

    await me.add({"title": "a", "tags": [text, composed]}, {"title": "b", "tags": [composed]})
    assert [tag["name"] for tag in (await me.overview())["tags"]] == [composed]
    for wanted in (text, composed):
        assert (await me.list(tags=[wanted])).total == 2


@pytest.mark.requirement("TD4")
async def test_a_cursor_counts_byte_for_byte(me: Face) -> None:
    await me.add(*({"title": "a"} for _ in range(3)))
    cursor = (await me.list(limit=1)).next_cursor
    assert cursor is not None

    assert len((await me.list(limit=1, cursor=cursor)).todos) == 1
    for changed in (f"{cursor}\u0301", f"{cursor}\u200b", f"\x00{cursor}", cursor.replace("A", "\u0410") + "\u0410"):
        told = await problem(me.list(limit=1, cursor=changed))
        assert (told["field"], told["message"].split(" ")[:5]) == ("cursor", ["is", "not", "a", "cursor", "of"])


# --- what is stored from before ------------------------------------------------------------------

OLD_TITLE, OLD_NAME = f"Buy milk{TAGS}\n\u202eklim", "\x1b[2Jroot\u200b\u200b\u200b\u200b"
OLD_DESCRIPTION = f"one\r\ntwo\x07{TAGS}"


@pytest.fixture
async def old(me: Face, database_url: str) -> dict[str, int]:
    """The ids of a todo, its list and its tag, whose texts are from before there were rules for them."""
    (kept,) = (await me.add_list("home")).accepted
    (todo,) = (await me.add({"title": "a", "tags": ["t"], "list_id": kept, "description": "d"})).accepted
    (tag,) = [tag["id"] for tag in (await me.overview())["tags"]]
    async with connected(database_url) as admin:
        await admin.execute(
            "UPDATE todos SET title = $2, description = $3 WHERE id = $1", todo, OLD_TITLE, OLD_DESCRIPTION
        )
        await admin.execute(
            "UPDATE lists SET name = $2, name_key = $3 WHERE id = $1", kept, OLD_NAME, name_key(OLD_NAME)
        )
        await admin.execute("UPDATE tags SET name = $2, name_key = $3 WHERE id = $1", tag, OLD_NAME, name_key(OLD_NAME))
        await admin.execute(
            "UPDATE users SET display_name = $2 WHERE id = (SELECT user_id FROM todos WHERE id = $1)", todo, "\u3164"
        )
    return {"todo": todo, "list": kept, "tag": tag}


def shown(face_name: FaceName, text: str, *, several_lines: bool = False) -> str:
    """An old text as a transport shows it: REST as it is stored."""
    return text if face_name == "rest" else escaped(text, several_lines=several_lines)


@pytest.mark.requirement("SA2", "MC3")
async def test_an_old_text_is_escaped_for_models(me: Face, face_name: FaceName, old: dict[str, int]) -> None:
    (todo,) = (await me.list()).todos
    overview = await me.overview()

    assert todo["title"] == shown(face_name, OLD_TITLE)
    assert todo["description"] == shown(face_name, OLD_DESCRIPTION, several_lines=True)
    assert todo["tags"] == [shown(face_name, OLD_NAME)]
    assert {kept["name"] for kept in overview["lists"]} >= {shown(face_name, OLD_NAME)}
    assert [tag["name"] for tag in overview["tags"]] == [shown(face_name, OLD_NAME)]
    assert overview["display_name"] == shown(face_name, "\u3164")
    assert old["todo"] == todo["id"]


@pytest.mark.requirement("SA2", "SA3", "TD5")
async def test_an_old_text_ends_with_the_next_one_and_comes_back_with_its_undo(
    me: Face, face_name: FaceName, old: dict[str, int]
) -> None:
    await me.update({"id": old["todo"], "priority": "high"})
    assert (await me.list()).todos[0]["title"] == shown(face_name, OLD_TITLE)

    changed = await me.update({"id": old["todo"], "title": "Buy milk", "description": "one"})
    (todo,) = (await me.list()).todos
    assert (todo["title"], todo["description"]) == ("Buy milk", "one")
    assert shown(face_name, OLD_TITLE) in _texts(await me.changes(limit=1))
    assert face_name == "rest" or OLD_TITLE not in _texts(await me.changes(limit=1))

    await me.undo(changed.change)
    assert (await me.list()).todos[0]["title"] == shown(face_name, OLD_TITLE)


@pytest.mark.requirement("LT1", "LT2", "LT3")
async def test_an_old_name_ends_with_the_next_one(me: Face, old: dict[str, int]) -> None:
    await me.update_list(old["list"], name="home")
    await me.rename_tag(old["tag"], "t")
    await me.update_profile(display_name="Ann")

    overview = await me.overview()
    assert "home" in {kept["name"] for kept in overview["lists"]}
    assert ([tag["name"] for tag in overview["tags"]], overview["display_name"]) == (["t"], "Ann")


@pytest.mark.requirement("TD8", "MC4")
async def test_the_row_of_a_conflict_is_escaped_for_models(me: Face, face_name: FaceName, old: dict[str, int]) -> None:
    (refusal,) = (await me.update({"id": old["todo"], "title": "b", "if_version": 7})).refusals

    assert refusal is not None
    assert refusal["current"]["title"] == shown(face_name, OLD_TITLE)


def _texts(value: Any) -> list[str]:
    """Every text in JSON."""
    if isinstance(value, dict):
        value = [*value.values()]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
