"""Search: todos by their words."""

from __future__ import annotations

import pytest

from tests.behaviour.rows import todo_of
from tests.behaviour.support import titles
from tests.faces import Face, Json, McpFace, RefusedError, RestFace
from tests.tables import each
from todo_core.boundary.caller import Caller

pytestmark = pytest.mark.requirement("TD12")


async def search(me: Face, text: str, **wanted: object) -> Json:
    """What a search answers: the titles, and what may have been meant."""
    if isinstance(me, RestFace):
        response = await me.http.get("/api/v1/search", params={"text": text, **wanted})
        told = response.json()
        assert response.status_code == 200, told
        near = told["near"]
        return {
            "titles": [row["title"] for row in told["items"]],
            "meant": None if near is None else near["did_you_mean"],
            "near": [] if near is None else [row["title"] for row in near["items"]],
        }
    assert isinstance(me, McpFace)
    told = await me.call("list_todos", text=text, **wanted)
    return {
        "titles": [row["title"] for row in told["todos"]],
        "meant": told.get("did_you_mean"),
        "near": [row["title"] for row in told.get("near", [])],
    }


async def test_every_word_must_be_there_in_title_or_description(me: Face) -> None:
    await me.add(
        {"title": "buy milk", "description": "in the old town"},
        {"title": "milk the cows"},
        {"title": "town hall"},
    )

    assert await titles(me, "milk town") == ["buy milk"]
    assert sorted(await titles(me, "milk")) == ["buy milk", "milk the cows"]
    assert await titles(me, "MILK cows") == ["milk the cows"]
    assert await titles(me, "milk hall") == []


async def test_the_last_word_may_be_the_beginning_of_one_and_no_other_word(me: Face) -> None:
    await me.add({"title": "dentist appointment"})

    assert await titles(me, "dentist app") == ["dentist appointment"]
    assert await titles(me, "den") == ["dentist appointment"]
    assert await titles(me, "app dentist") == []
    assert await titles(me, "dentist zapp") == []


async def test_a_word_in_the_title_counts_more_than_one_in_the_description(me: Face) -> None:
    await me.add(
        {"title": "a", "description": "invoice"},
        {"title": "invoice"},
        {"title": "b", "description": "the invoice of an invoice for the invoice"},
    )

    assert (await titles(me, "invoice"))[0] == "invoice"
    assert (await titles(me, "invoice", sort="match", direction="asc"))[-1] == "invoice"
    assert await titles(me, "invoice", sort="title") == ["a", "b", "invoice"]


@pytest.mark.parametrize(
    ("locale", "title", "found", "missed"),
    [
        ("en", "Running shoes", ["run shoe", "runs", "running"], ["rennen"]),
        ("de-AT", "Häuser streichen", ["Haus", "häusern", "streiche"], ["houses"]),
        ("ja", "Running shoes", ["running", "shoes", "run"], ["runs shoes"]),
    ],
)
async def test_words_are_found_by_their_stems_in_the_users_language(
    me: Face, locale: str, title: str, found: list[str], missed: list[str]
) -> None:
    await me.update_profile(locale=locale)
    await me.add({"title": title})

    for text in found:
        assert await titles(me, text) == [title], text
    for text in missed:
        assert await titles(me, text) == [], text


async def test_a_word_is_found_as_it_is_written_in_any_language(me: Face) -> None:
    """Stop words, too: what somebody wrote can be found."""
    await me.add({"title": "The Who"}, {"title": "東京 へ 行く"}, {"title": "Ænima café №5"})

    assert await titles(me, "the who") == ["The Who"]
    assert await titles(me, "東京") == ["東京 へ 行く"]
    assert await titles(me, "café") == ["Ænima café №5"]


async def test_new_words_are_found_and_old_ones_are_not_after_an_update(me: Face) -> None:
    (todo,) = (await me.add({"title": "milk"})).accepted

    await me.update({"id": todo, "title": "bread", "description": "rye"})

    assert await titles(me, "milk") == []
    assert await titles(me, "bread") == await titles(me, "rye") == ["bread"]


@pytest.mark.requirement("TD3", "TD4")
async def test_the_filters_of_a_page_hold(me: Face) -> None:
    _, high, done, trashed, tagged = (
        await me.add(
            {"title": "milk low", "priority": "low"},
            {"title": "milk high", "priority": "high"},
            {"title": "milk done"},
            {"title": "milk trashed"},
            {"title": "milk tagged", "tags": ["x"], "due": "2020-01-01"},
        )
    ).accepted
    await me.complete(done)
    await me.delete(trashed)

    assert sorted(await titles(me, "milk")) == ["milk high", "milk low", "milk tagged"]
    assert await titles(me, "milk", priority=["high"]) == ["milk high"]
    assert await titles(me, "milk", status="done") == ["milk done"]
    assert await titles(me, "milk", status="trashed") == ["milk trashed"]
    assert await titles(me, "milk", tags=["X"], due_before="2021-01-01") == ["milk tagged"]
    assert await titles(me, "milk", ids=[high, tagged], sort="title") == ["milk high", "milk tagged"]


@pytest.mark.requirement("TD4")
async def test_pages_of_a_search_show_everything_once_with_the_true_total(me: Face) -> None:
    await me.add(*({"title": f"milk {n}", "description": "milk " * (n % 3)} for n in range(7)), {"title": "bread"})

    page = await me.list(text="milk", limit=3)
    shown = [todo["title"] for todo in page.todos]
    while page.next_cursor is not None:
        assert page.total == 7
        page = await me.list(text="milk", limit=3, cursor=page.next_cursor)
        shown += [todo["title"] for todo in page.todos]

    assert sorted(shown) == [f"milk {n}" for n in range(7)]
    assert shown == await titles(me, "milk")
    with pytest.raises(RefusedError) as refused:
        await me.list(text="bread", limit=3, cursor=(await me.list(text="milk", limit=3)).next_cursor)
    assert refused.value.code == "invalid_input"


ODD = [
    "'",
    "''",
    '"',
    "\\",
    "!",
    "a & b",
    "a | !b",
    "(",
    ":*",
    "a:*",
    "<->",
    "%",
    "_",
    "--",
    "; DROP TABLE todos",
    "$1",
]
ODD += ["\u200b", "🙂", "a\u0301", "\u200f", "-" * 200, "x" * 200, "1/2", "mail@example.test", "https://a.test/b?c=d"]


@each("text", ODD)
async def test_odd_words_are_no_error(me: Face, text: str) -> None:
    await me.add({"title": "milk"})

    assert await titles(me, text) == []
    assert (await search(me, text))["titles"] == []


@pytest.mark.parametrize("text", ["mail@example.test", "https://a.test/b?c=d", "C++", "foo-bar", "3.14", "it's", "a/b"])
async def test_what_was_written_is_found_by_the_same_words(me: Face, text: str) -> None:
    await me.add({"title": f"see {text}"}, {"title": "milk"})

    assert await titles(me, text) == [f"see {text}"]


@each("text", ["", "   ", "x" * 201, "a\x00b", "\u202e"])
async def test_a_search_without_words_or_with_too_many_is_refused(me: Face, text: str) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(text=text)

    assert refused.value.code == "invalid_input"
    assert [problem["field"] for problem in refused.value.told["errors"]] == ["text"]


async def test_the_order_by_match_goes_with_words(me: Face) -> None:
    with pytest.raises(RefusedError) as refused:
        await me.list(sort="match")

    assert [problem["field"] for problem in refused.value.told["errors"]] == ["sort"]


async def test_a_search_that_finds_nothing_suggests_what_may_have_been_meant(me: Face) -> None:
    await me.add({"title": "Dentist appointment"}, {"title": "milk"})

    told = await search(me, "dentits")

    assert told["titles"] == []
    assert told["meant"] == "dentist"
    assert told["near"] == ["Dentist appointment"]
    assert await search(me, "qqqqq") == {"titles": [], "meant": None, "near": []}
    assert await search(me, "dentist") == {"titles": ["Dentist appointment"], "meant": None, "near": []}


async def test_what_may_have_been_meant_obeys_the_filters(me: Face) -> None:
    (todo,) = (await me.add({"title": "Dentist"})).accepted
    await me.complete(todo)

    assert (await search(me, "dentits"))["near"] == []
    assert (await search(me, "dentits", status="all"))["near"] == ["Dentist"]


async def test_one_finds_only_ones_own(me: Face, other: Face, ann: Caller) -> None:
    (hers,) = (await me.add({"title": "secret milk"})).accepted
    await other.add({"title": "bread"})

    assert await titles(other, "milk") == []
    assert await search(other, "mlik") == {"titles": [], "meant": None, "near": []}
    assert await titles(me, "milk") == [(await todo_of(ann, hers))["title"]]
