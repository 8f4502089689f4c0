"""Words: which a text has, which a question asks for, and what finds what (`migrations/versions/0008_words.py`)."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Iterator
from random import Random
from string import ascii_lowercase, digits
from typing import Final

import asyncpg
import orjson
import pytest

from tests.core.found_words import KINDS, STEMS
from tests.core.support import acting_as, add
from tests.pauses import longest_pause
from todo_core.boundary.caller import Caller
from todo_core.boundary.results import Near
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import search, todos, users

pytestmark = pytest.mark.requirement("TD12")

Row = tuple[str, str, bool]


async def found(caller: Caller, text: str) -> list[str]:
    """The titles that have all words of a question."""
    page = await caller.perform(search.find, TodoFilter(text=text, limit=200))
    return [row["title"] for row in orjson.loads(page.json)]


async def near(caller: Caller, text: str) -> tuple[str, list[str]] | None:
    """What a question that finds nothing may have meant, and the titles that are offered."""
    page = await caller.perform(search.find, TodoFilter(text=text))
    assert page.total == 0
    return _told(page.near)


def _told(told: Near | None) -> tuple[str, list[str]] | None:
    return None if told is None else (told.words, [row["title"] for row in orjson.loads(told.json)])


async def mistaken(caller: Caller, rows: list[Row]) -> list[Row]:
    """The rows of which the opposite is true, when the titles of all are written."""
    titles = [*dict.fromkeys(title for title, _, _ in rows)]
    for start in range(0, len(titles), 50):
        await add(caller, *titles[start : start + 50])
    kept = {unicodedata.normalize("NFC", title): title for title in titles}
    wrong = []
    for title, question, expected in rows:
        if (title in [kept[one] for one in await found(caller, question)]) is not expected:
            wrong.append((title, question, expected))
    return wrong


async def test_what_was_written_is_found_by_what_people_type_and_by_nothing_else(ann: Caller) -> None:
    assert sum(map(len, KINDS.values())) >= 120
    assert await mistaken(ann, [row for rows in KINDS.values() for row in rows]) == []


async def test_words_are_found_by_their_stems_in_every_kind_of_language(ann: Caller) -> None:
    wrong = []
    for locale, rows in STEMS.items():
        await ann.perform(users.update, {"locale": locale})
        wrong += await mistaken(ann, rows)
    assert wrong == []


# --- the function ------------------------------------------------------------------------------

_SPLIT: Final = """
SELECT c FROM unnest($1::text[]) AS c WHERE array_remove((word_forms('a' || c || 'b', 'simple')).words, '') <> '{a,b}'
"""
_JOINED: Final = """
SELECT c FROM unnest($1::text[]) AS c WHERE cardinality((word_forms('a' || c || 'b', 'simple')).words) <> 1
"""
_CASED: Final = """
SELECT c FROM unnest($1::text[], $2::text[]) AS _ (c, small)
WHERE without_accents(normal_form(c)) <> without_accents(normal_form(small))
"""
_UNSTABLE: Final = """
SELECT word FROM unnest((word_forms($1, 'english')).words) AS word
WHERE word <> '' AND (word_forms(word, 'english')).words <> ARRAY[word]
"""
_DIFFERENT: Final = """
SELECT t FROM unnest($1::text[]) AS t
WHERE strip(search_lexemes(t, 'english', 'A', 'C'))
    <> strip(ts_delete(search_lexemes(t || ' \u00f8', 'english', 'A', 'C'), '{o,oe}'::text[]))
"""
UNSPACED: Final = (
    "CJK",
    "HIRAGANA",
    "KATAKANA",
    "HANGUL",
    "BOPOMOFO",
    "YI ",
    "THAI",
    "LAO ",
    "MYANMAR",
    "KHMER",
    "IDEOGRAPHIC",
    "MASU",
    "HENTAIGANA",
)
OUT_OF_USE: Final = (
    "GLAGOLITIC",
    "COPTIC",
    "OLD ",
    "VITHKUQI",
    "WARANG",
    "MEDEFAIDRIN",
    "TURNED",
    "ROMAN",
    "LATIN",
    "CYRILLIC",
    "GREEK",
)
"""Names of scripts that begin so have letters that nobody writes any more; of the last three not the first ones."""


def characters(*categories: str) -> Iterator[str]:
    """Every character of some categories that Python knows and NFKC leaves as it is, outside of ASCII."""
    for code in range(0x80, sys.maxunicode + 1):
        character = chr(code)
        if unicodedata.category(character) in categories and unicodedata.normalize("NFKC", character) == character:
            yield character


async def test_every_mark_splits_and_no_letter_does(admin: asyncpg.Connection) -> None:
    """As Unicode's own properties have it: PostgreSQL has only ranges that somebody wrote down."""
    marks = characters("Cc", "Zs", "Zl", "Zp", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc")
    first = [one for one in marks if ord(one) < 0x10000 and not 0x2600 <= ord(one) < 0x27C0]  # those are pictures
    assert len(first) > 1_000
    assert [row["c"] for row in await admin.fetch(_SPLIT, first)] == []

    letters = [one for one in characters("Ll", "Lo", "Nd") if not unicodedata.name(one, "").startswith(UNSPACED)]
    assert len(letters) > 10_000
    assert [row["c"] for row in await admin.fetch(_JOINED, letters)] == []


_UNFOUND: Final = """
SELECT c FROM unnest($1::text[]) AS c, question_terms(c, 'english') AS asked
WHERE asked.parts = '{}'
    OR NOT search_lexemes('xa' || c || 'xb', 'english', 'A', 'C') @@
        array_to_string(asked.parts || '{xa,xb}', ' & ')::tsquery
"""
_LOST: Final = """
SELECT t FROM unnest($1::text[]) AS t
WHERE NOT tsvector_to_array(search_lexemes('\u21a0 ' || t, 'english', 'A', 'C'))
    @> (tsvector_to_array(search_lexemes(t, 'english', 'A', 'C')) || '\u21a0'::text)
"""
_ASKED: Final = "SELECT c FROM unnest($1::text[]) AS c WHERE (question_terms(c, 'english')).parts <> '{}'"
EMOJI: Final = "©®‼⁉™\u2139↔↕↖↗↘↙↩↪Ⓜ▪▫▶◀◻◼◽◾⤴⤵〰〽㊗㊙"
"""What has the property Emoji (Unicode 14) and is neither ASCII nor a picture of schema 0008."""
OF_A_SCRIPT: Final = (
    *("COPTIC", "CJK RADICAL", "YI ", "SYLOTI", "MYANMAR", "ARABIC", "GREEK", "NOMISMA", "PALMYRENE", "MANICHAEAN"),
    *(
        "AHOM",
        "TAMIL",
        "PAHAWH",
        "DUPLOYAN",
        "SIGNWRITING",
        "NYIAKENG",
        "ROMAN",
        "ASCIA",
        "PHAISTOS",
        "INDIC",
        "OTTOMAN",
    ),
)
"""Names of symbols that one script alone has begin so."""
LATER: Final = {*range(0x2427, 0x242A), *range(0x2FFC, 0x3000), 0x31E4, 0x31E5, 0x31EF, *range(0x1CC00, 0x1CEB4)}
"""Symbols that Unicode 15 and 16 have added."""
LIKE_MARKS: Final = "\u2212\u2215\u2216\u2217\u2219\u2223\u2236\u223c\u22c5"
"""Operators that look like a mark of ASCII and are typed as one: minus, slashes, stars, dots, bar, colon, tilde."""


async def test_every_symbol_is_found_by_itself_and_hides_no_word_beside_it(admin: asyncpg.Connection) -> None:
    """As Unicode's own properties have it."""
    symbols = [
        one
        for one in characters("So", "Sm")
        if ord(one) >= 0x2100
        and ord(one) not in LATER
        and not unicodedata.name(one).startswith(OF_A_SCRIPT)
        and one not in LIKE_MARKS + "\ufffc\ufffd"
    ]

    assert len(symbols) > 5_000
    assert [row["c"] for row in await admin.fetch(_UNFOUND, [*symbols, *EMOJI])] == []


async def test_no_mark_is_looked_for(admin: asyncpg.Connection) -> None:
    """Also none that is typed between words or with numbers, though Unicode has it among its symbols."""
    marks = characters("Cc", "Zs", "Zl", "Zp", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sc")
    first = [one for one in marks if ord(one) < 0x10000 and not 0x2600 <= ord(one) < 0x27C0 and one not in EMOJI]

    assert len(first) > 400
    assert [
        row["c"] for row in await admin.fetch(_ASKED, [*first, *LIKE_MARKS, *"¦¬°±\u00d7÷\u2044\ufffc\ufffd"])
    ] == []


async def test_the_words_of_letters_are_the_same_beside_signs(admin: asyncpg.Connection) -> None:
    """A text gets the words of its signs and loses none, so what was found before is found."""
    texts = [title for kind, rows in KINDS.items() if kind != "signs" for title, _, _ in rows]

    assert [row["t"] for row in await admin.fetch(_LOST, texts)] == []


def is_in_use(letter: str) -> bool:
    code = ord(letter)
    basic = code < 0x250 or 0x386 <= code < 0x3D0 or 0x400 <= code < 0x460 or 0x48A <= code < 0x530
    return basic or not unicodedata.name(letter, "").startswith(OUT_OF_USE)


async def test_case_makes_no_difference_in_any_script_in_use(admin: asyncpg.Connection) -> None:
    capitals = [one for one in characters("Lu", "Lt") if len(one.lower()) == 1 and is_in_use(one)]

    assert len(capitals) > 600
    assert [row["c"] for row in await admin.fetch(_CASED, capitals, [one.lower() for one in capitals])] == []


async def test_a_word_that_was_made_is_made_of_itself_again(admin: asyncpg.Connection) -> None:
    """What may have been meant is asked for in the words of the index."""
    titles = {title for kind, rows in KINDS.items() if kind != "unspaced" for title, _, _ in rows}

    assert {
        title: [row["word"] for row in found] for title in titles if (found := await admin.fetch(_UNSTABLE, title))
    } == {}


async def test_ascii_has_the_same_words_by_itself_as_beside_another_letter(admin: asyncpg.Connection) -> None:
    """The quick way of most texts."""
    random = Random(3)  # noqa: S311
    letters = ascii_lowercase.replace("o", "") + "eeeee" + digits * 4 + "   ./-_@:#<>&;%+~"
    texts = ["".join(random.choices(letters, k=60)) for _ in range(2_000)]

    assert [row["t"] for row in await admin.fetch(_DIFFERENT, texts)] == []


# --- more than anybody writes ------------------------------------------------------------------

HOSTILE: Final = {
    "five hundred words": "a " * 500,
    "a word that PostgreSQL takes no lexeme of": "\U00010400" * 1000,
    "one letter that NFKC makes 18 of": "\ufdfa" * 1000,
    "one run without spaces": "中" * 1000,
    "nothing but accents": "e" + "\u0301" * 29 + "a" + "\u0301" * 29,
    "nothing but pictures": "🎉" * 1000,
    "nothing but marks": "-/" * 500,
    "nothing but signs": "→©" * 500,
    "different signs": "".join(map(chr, range(0x2190, 0x2400))),
    "letters in circles": "ⓗ" * 1000,
    "nothing but keys": "#\ufe0f\u20e3" * 333,
    "letters that are two": "ß" * 1000,
    "quotes": "'\\:*&|!() " * 100,
}


async def test_no_text_is_too_much_and_takes_long(ann: Caller) -> None:
    for kind, text in HOSTILE.items():
        began = time.monotonic()
        added = await ann.perform(todos.add, [TodoCreate(title="hostile", description=text) for _ in range(10)])
        assert len(added.results) == 10
        assert time.monotonic() - began < 5, kind
        assert (await ann.perform(search.find, TodoFilter(text=text[:200].strip() or "-"))).page_size == 50, kind
    assert len(await found(ann, "hostile")) == 10 * len(HOSTILE)
    assert len(await found(ann, "x" * 200)) == 0


async def test_a_question_of_marks_alone_finds_nothing_and_offers_nothing(ann: Caller) -> None:
    await add(ann, "milk", "%")

    for question in ("%", "-- ! ?", "'", "…", "\u200b", "·" * 200, "€", "\u2212 °"):
        assert await near(ann, question) is None


async def many_words(caller: Caller, admin: asyncpg.Connection) -> None:
    """Give a user 10,000 different words in the newest todos."""
    texts = [" ".join(f"w{todo}x{word}" for word in range(100)) for todo in range(100)]
    async with acting_as(admin, "todo_app", caller.principal.user_id):
        await admin.execute(
            "INSERT INTO todos (user_id, title, description, list_id)"
            " SELECT $1, 'many', text, (SELECT id FROM lists WHERE is_inbox) FROM unnest($2::text[]) AS text",
            caller.principal.user_id,
            texts,
        )


async def test_ten_thousand_words_keep_nobody_waiting(ann: Caller, admin: asyncpg.Connection) -> None:
    await many_words(ann, admin)
    await add(ann, "Dentist")
    question = " ".join(f"{one}{two}zzzzzz" for one in "bcdfg" for two in "hjkl")

    began = time.monotonic()
    pause = await longest_pause(lambda: ann.perform(search.find, TodoFilter(text=question)), below=0.05)

    assert pause < 0.05
    assert time.monotonic() - began < 10
    assert await near(ann, "dentits") == ("dentist", ["Dentist"])


# --- near --------------------------------------------------------------------------------------


async def test_a_sentence_offers_the_todos_with_most_of_its_words(ann: Caller) -> None:
    await add(
        ann, "Buy milk for the party", "Book a venue for the party", "Call mum", "The end", "明日は東京タワーに行く"
    )

    assert await near(ann, "when do I have to buy the milk for the birthday party?") == (
        "buy the milk for the party",
        ["Buy milk for the party", "Book a venue for the party"],
    )
    assert await near(ann, "please find the mum") == ("mum", ["Call mum"])
    assert await near(ann, "what is the") == (
        "the",
        ["The end", "Book a venue for the party", "Buy milk for the party"],
    )
    assert await near(ann, "whose are these") is None
    assert await near(ann, "東京タワーの予定") == ("東京タワー", ["明日は東京タワーに行く"])


async def test_a_typing_error_is_corrected_and_another_word_is_not_offered(ann: Caller) -> None:
    await add(
        ann, "urgent letter", "Dentist appointment", "Crème brûlée", "Buy 1234 nails", "Running shoes", "silky tofu"
    )

    assert await near(ann, "dentits") == ("dentist", ["Dentist appointment"])
    assert await near(ann, "apointmnet") == ("appointment", ["Dentist appointment"])
    assert await near(ann, "dentits apointment") == ("dentist appointment", ["Dentist appointment"])
    assert await near(ann, "brulee creem") == ("brulee creme", ["Crème brûlée"])
    assert await near(ann, "runnign") == ("running", ["Running shoes"])
    for other in ("jurgen", "1235", "milky way", "apt", "gunning"):
        assert await near(ann, other) is None, other


async def test_at_most_five_are_offered_the_best_first_and_only_ones_own(ann: Caller, bob: Caller) -> None:
    await add(bob, "red apple pie")
    await add(ann, *(f"apple {n}" for n in range(6)), "apple pie")

    told = await near(ann, "red apple pie")
    assert told is not None
    assert told[0] == "apple pie"
    assert told[1] == ["apple pie", *(f"apple {n}" for n in (5, 4, 3, 2))]


# --- in the order of titles --------------------------------------------------------------------


@pytest.mark.requirement("TD3", "TD4")
async def test_titles_are_in_the_order_of_their_letters_without_case_and_accents_on_every_page(ann: Caller) -> None:
    expected = ["ähnlich", "Äpfel", "apple", "Łódź", "lodz", "oben", "Öl", "Strasse", "Straße", "straßen", "Zebra"]
    long = ["𐐀" * 199, "𐐀" * 200, "\ufdfa" * 200]  # no cursor has room for more than a part of these
    await add(ann, *long)
    for title in reversed(expected):
        await add(ann, title)
    expected[3:5], expected[7:9] = ["lodz", "Łódź"], ["Straße", "Strasse"]  # the same letters: the older first

    at_once = await _pages(ann, 200)
    assert [one for one in at_once if one not in long] == expected
    assert sorted(at_once) == sorted([*expected, *long])
    for limit in (1, 2, 3):
        assert await _pages(ann, limit) == at_once


async def _pages(caller: Caller, limit: int) -> list[str]:
    """All titles in their order, so many at a time."""
    page = await caller.perform(todos.list_, TodoFilter(sort="title", limit=limit))
    rows = orjson.loads(page.json)
    while page.next_cursor is not None:
        assert len(page.next_cursor) <= 500
        page = await caller.perform(todos.list_, TodoFilter(sort="title", limit=limit, cursor=page.next_cursor))
        rows += orjson.loads(page.json)
    return [row["title"] for row in rows]
