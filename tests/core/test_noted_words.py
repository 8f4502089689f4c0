"""Words of notes: what finds a todo by them, and for how long (`migrations/versions/0012_note_words_backfill.py`)."""

from __future__ import annotations

import time
from typing import Final

import asyncpg
import orjson
import pytest

from tests.core.support import acting_as, add
from tests.core.test_words import found, near
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, notes, search, todos, users

pytestmark = pytest.mark.requirement("TD12", "TD16")

LONGEST: Final = 4_000
SO_MANY: Final = 400
"""Notes of the most characters with different words: more than a `tsvector` takes."""

_MANY: Final = """
INSERT INTO todos (user_id, title, list_id, note_count)
SELECT $1, 'many ' || i, (SELECT id FROM lists WHERE is_inbox), 1 FROM generate_series(1, 2100) AS i
"""
_NOTE_EACH: Final = (
    "INSERT INTO notes (user_id, todo_id, text) SELECT user_id, id, 'each is noted' FROM todos WHERE title ~ '^many '"
)
_NOTES: Final = """
INSERT INTO notes (user_id, todo_id, text) SELECT $1, $2, text FROM unnest($3::text[]) AS text
"""


async def test_words_of_notes_are_found_with_those_of_their_todo_and_of_its_other_notes(
    ann: Caller, bob: Caller
) -> None:
    dentist, other, theirs = *(await add(ann, "Dentist", "Groceries")), *(await add(bob, "Dentist"))
    await ann.perform(notes.add, dentist, "Called on Monday: report.final.pdf is missing; Crème für Łódź")
    await ann.perform(notes.add, dentist, "明日は東京タワーに行く, not paid 🎉")
    await ann.perform(notes.add, other, "milk/eggs")
    await bob.perform(notes.add, theirs, "Called on Tuesday")

    for question in (
        "monday", "called", "calling", "final", "creme", "fuer", "lodz", "タワー", "not", "🎉", "pai", "on",
        "dentist monday", "monday dent", "monday タワー", "東京 not paid called dentist", "not monday", "dentist not",
    ):  # fmt: skip
        assert await found(ann, question) == ["Dentist"], question
    assert await found(ann, "eggs") == ["Groceries"]
    for question in ("tuesday", "dentist eggs", "monday milk", "タワ monday groceries", "@", "京東", "dentist the"):
        assert await found(ann, question) == [], question


async def test_what_few_and_what_many_todos_and_notes_are_asked_for_is_the_same(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    """A user with many has them looked for by an index, of todos and of notes each by themselves."""
    (todo,) = await add(ann, "Dentist the third")
    await ann.perform(notes.add, todo, "Called on Monday")
    await ann.perform(notes.add, todo, "東京タワー")
    questions = {
        "monday": 1,
        "dentist mon": 1,
        "dentist on": 1,
        "the call": 1,
        "タワー dentist": 1,
        "the タ": 1,
        "京タ": 1,
    }
    missed = {"dentist called tuesday": 0, "the not": 0, "京東": 0}

    async def ask() -> dict[str, int]:
        return {question: len(await found(ann, question)) for question in questions | missed}

    few = await ask()
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        await admin.execute(_MANY, ann.principal.user_id)
    many_todos = await ask()
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        await admin.execute(_NOTE_EACH)
    assert few == many_todos == await ask() == questions | missed
    assert (await ann.perform(search.find, TodoFilter(text="many each"))).total == 2100


async def test_the_title_counts_more_than_a_note_and_a_note_as_much_as_the_description(ann: Caller) -> None:
    await add(ann, "invoice", "in a note", "invoice of which a note tells")
    ids = {row["title"]: row["id"] for row in orjson.loads((await ann.perform(todos.list_, TodoFilter())).json)}
    await ann.perform(todos.add, [TodoCreate(title="described", description="invoice")])
    await ann.perform(notes.add, ids["in a note"], "invoice")
    await ann.perform(notes.add, ids["invoice of which a note tells"], "the invoice")

    assert await found(ann, "invoice") == ["invoice of which a note tells", "invoice", "described", "in a note"]


async def test_a_note_finds_its_todo_as_long_as_it_is_there(ann: Caller, admin: asyncpg.Connection) -> None:
    (todo,) = await add(ann, "Dentist")
    added = await ann.perform(notes.add, todo, "monday")
    assert await found(ann, "monday") == ["Dentist"]

    assert added.change_id is not None
    undone = await ann.perform(changes.undo, added.change_id)
    assert (await found(ann, "monday"), await near(ann, "mondya")) == ([], None)
    assert undone.change_id is not None
    await ann.perform(changes.undo, undone.change_id)
    assert await found(ann, "monday") == ["Dentist"]

    await ann.perform(todos.update, [{"id": todo, "title": "Doctor", "description": "tuesday"}])
    assert await found(ann, "monday tuesday doc") == ["Doctor"]
    await ann.perform(todos.delete, [todo])
    assert await found(ann, "monday") == []
    trashed = await ann.perform(search.find, TodoFilter(text="monday", status="trashed"))
    assert trashed.total == 1
    await ann.perform(todos.restore, [todo])
    assert await found(ann, "monday") == ["Doctor"]
    await admin.execute("DELETE FROM todos WHERE id = $1", todo)  # as the purge does
    assert await found(ann, "monday") == []
    assert await admin.fetchval("SELECT count(*) FROM notes WHERE todo_id = $1", todo) == 0


async def test_a_note_is_stemmed_in_the_language_in_which_it_was_added(ann: Caller) -> None:
    (todo,) = await add(ann, "a")
    await ann.perform(users.update, {"locale": "de"})
    await ann.perform(notes.add, todo, "Häuser streichen")

    assert await found(ann, "haus streichen") == ["a"]
    await ann.perform(users.update, {"locale": "en"})
    assert await found(ann, "haus streichen") == ["a"]
    await ann.perform(notes.add, todo, "Wohnungen")
    await ann.perform(users.update, {"locale": "de"})
    assert await found(ann, "häuser wohnung") == ["a"]  # as the beginning of one
    assert await found(ann, "wohnung häuser") == []


async def test_near_results_have_words_of_notes(ann: Caller) -> None:
    first, second, gone = await add(ann, "Dentist", "Groceries", "gone")
    await ann.perform(notes.add, first, "called on monday, bring the insurance")
    await ann.perform(notes.add, second, "called the shop")
    await ann.perform(notes.add, gone, "zeppelins")
    await ann.perform(todos.delete, [gone])

    assert await near(ann, "please bring the dentist insurance card") == ("bring the dentist insurance", ["Dentist"])
    assert await near(ann, "insuranxe") == ("insurance", ["Dentist"])
    assert await near(ann, "monday called tuesday") == ("monday called", ["Dentist", "Groceries"])
    assert await near(ann, "zepelins") is None


async def test_a_todo_with_more_words_in_notes_than_postgresql_takes_in_one_is_found_by_each(
    ann: Caller, admin: asyncpg.Connection
) -> None:
    (todo,) = await add(ann, "Dentist")
    texts = [" ".join(f"w{note}x{word}" for word in range(480))[:LONGEST].rpartition(" ")[0] for note in range(SO_MANY)]
    assert sum(map(len, texts)) > 1_500_000
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        await admin.execute(_NOTES, ann.principal.user_id, todo, texts)
        await admin.execute("UPDATE todos SET note_count = $2 WHERE id = $1", todo, len(texts))

    began = time.monotonic()
    await ann.perform(notes.add, todo, "w999x0 " * 500)
    await ann.perform(todos.complete, [todo])
    await ann.perform(todos.reopen, [todo])
    assert time.monotonic() - began < 2

    for question in ("w0x0", "w300x99", "w999x0", "w3x1 w370x80 w399x1", "dentist w12x3 w1", "w5x"):
        began = time.monotonic()
        assert await found(ann, question) == ["Dentist"], question
        assert time.monotonic() - began < 2, question
    began = time.monotonic()
    assert await found(ann, " ".join(f"w{n}x1" for n in range(0, SO_MANY, 16))) == ["Dentist"]
    assert await near(ann, "w3x1 w370x80 nowhere") is not None
    assert time.monotonic() - began < 10


HOSTILE: Final = {
    "one run without spaces": "中文字典" * 1_000,
    "nothing but pictures": "🎉" * LONGEST,
    "one letter that NFKC makes 18 of": "\ufdfa" * LONGEST,
    "a word that PostgreSQL takes no lexeme of": "\U00010400" * LONGEST,
    "different words": " ".join(f"q{n}" for n in range(700)),
    "quotes": "'\\:*&|!() " * 380,
}


async def test_no_note_is_too_much_and_takes_long(ann: Caller) -> None:
    (todo,) = await add(ann, "hostile")
    for kind, text in HOSTILE.items():
        began = time.monotonic()
        await ann.perform(notes.add, todo, text.strip())
        assert await found(ann, f"hostile {text[:20]}") == ["hostile"], kind
        assert time.monotonic() - began < 3, kind


async def test_a_question_in_ascii_asks_for_the_same_by_itself_as_beside_another_letter(
    admin: asyncpg.Connection,
) -> None:
    """The quick way of most questions."""
    questions = ["milk", "buying milk", "not the milk", "PROJ-1234 fixes", "1e5 c++ running", "to be or not to be", "%"]
    plain = "SELECT terms FROM question_terms($1, $2)"
    beside = "SELECT terms FROM question_terms('\u0142 ' || $1, $2)"
    for language in ("english", "german", "russian", "simple"):
        for question in questions:
            terms = await admin.fetchval(plain, question, language)
            assert (await admin.fetchval(beside, question, language))[-len(terms) or 1 :] == terms, question
