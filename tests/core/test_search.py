"""Search in PostgreSQL: the function that finds ids, whoever has how many todos."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import orjson
import pytest

from tests.core.support import CoreOpener, acting_as, add, on_the_wire
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoFilter
from todo_core.operations import search, todos, users

pytestmark = pytest.mark.requirement("TD12")

MANY = 2_001
"""From here on the full-text index is faster than looking at all of a user's todos."""


async def titles(caller: Caller, text: str, **wanted: object) -> list[str]:
    page = await caller.perform(search.find, TodoFilter(text=text, **wanted))
    return [row["title"] for row in orjson.loads(page.json)]


@pytest.fixture
async def busy(ann: Caller, bob: Caller, admin: asyncpg.Connection) -> Caller:
    """Ann, with many todos; Bob has some with the same words."""
    await add(bob, "needle in his haystack", "haystack")
    async with acting_as(admin, "todo_app", ann.principal.user_id):
        await admin.execute(
            "INSERT INTO todos (user_id, title, list_id)"
            " SELECT $1, 'haystack ' || n, (SELECT id FROM lists WHERE is_inbox) FROM generate_series(1, $2) AS n",
            ann.principal.user_id,
            MANY,
        )
    return ann


@pytest.mark.requirement("OW1", "OW2")
async def test_who_has_many_todos_finds_the_same_as_who_has_few(busy: Caller, bob: Caller) -> None:
    await add(busy, "needle", "a Needle in barn")

    assert sorted(await titles(busy, "needle")) == ["a Needle in barn", "needle"]
    assert await titles(busy, "needle ba") == ["a Needle in barn"]
    assert await titles(busy, "needle haystack") == []
    assert await titles(busy, "haystack 2001") == ["haystack 2001"]
    assert sorted(await titles(bob, "haystack")) == ["haystack", "needle in his haystack"]
    page = await busy.perform(search.find, TodoFilter(text="haysta", limit=1))
    assert page.total == MANY


@pytest.mark.requirement("OW2")
async def test_the_name_of_the_owner_in_the_index_is_no_word_to_search_for(busy: Caller, bob: Caller) -> None:
    for caller in (busy, bob):
        for user in (busy.principal.user_id, bob.principal.user_id):
            for text in (f"user:{user}", f"'user:{user}'", f"user {user}"):
                assert await titles(caller, text) == []


@pytest.mark.parametrize("text", ["needle her", "needle do", "needle a"])
async def test_the_beginning_of_a_word_counts_even_if_it_is_a_common_word(ann: Caller, text: str) -> None:
    """A stop word of the language, while somebody is still typing."""
    found = {"needle her": "needle herbs", "needle do": "needle dots", "needle a": "needle art"}[text]
    await add(ann, "needle", found)

    assert await titles(ann, text) == [found]


@pytest.mark.requirement("DB4")
async def test_a_search_costs_a_constant_number_of_statements(busy: Caller) -> None:
    with on_the_wire() as wire:
        assert await titles(busy, "haystack", limit=200)
    assert len(wire.sent) == 1
    with on_the_wire() as wire:
        assert await titles(busy, "hastyack") == []
    assert len(wire.sent) == 3  # nothing found, the words there are, what may have been meant


async def test_words_are_found_as_they_were_when_they_were_written(ann: Caller) -> None:
    """A change of the locale counts for what is written after it; words as they are, are found always."""
    await add(ann, "Running shoes")
    await ann.perform(users.update, {"locale": "de"})
    (german,) = await add(ann, "Häuser")

    assert await titles(ann, "running") == ["Running shoes"]
    assert await titles(ann, "haus") == ["Häuser"]
    await ann.perform(users.update, {"locale": "en"})
    assert await titles(ann, "run") == ["Running shoes"]
    await ann.perform(todos.update, [{"id": german, "title": "Houses"}])
    assert await titles(ann, "house") == ["Houses"]


@pytest.mark.parametrize("locale", ["en", "de-AT", "zh-Hant-TW", "fr", "tr", "xx", "sr-Latn-RS", "no", "nb"])
async def test_every_locale_can_search(ann: Caller, locale: str) -> None:
    await ann.perform(users.update, {"locale": locale})
    await add(ann, "milk")

    assert await titles(ann, "milk") == ["milk"]


async def test_the_rank_puts_the_title_first_on_every_page(ann: Caller, another_core: CoreOpener) -> None:
    async with another_core(database_pooler="on") as core:
        me = replace(ann, core=core)
        await add(me, *(f"milk {n}" for n in range(5)))
        first = await me.perform(search.find, TodoFilter(text="milk", limit=2))
        second = await me.perform(search.find, TodoFilter(text="milk", limit=2, cursor=first.next_cursor))

    ids = [row["id"] for page in (first, second) for row in orjson.loads(page.json)]
    assert len(set(ids)) == 4
    assert ids == sorted(ids, reverse=True)
    assert (first.total, second.total) == (5, 5)
