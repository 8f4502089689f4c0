"""The same key and request gives the first answer again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from tests.faces import Face, RefusedError, Written
from tests.tables import each

pytestmark = pytest.mark.requirement("SA1")

Write = Callable[[Face, int, str | None], Awaitable[Written]]

WRITES: dict[str, Write] = {
    "add": lambda me, _, key: me.add({"title": "new"}, {"title": "newer"}, key=key),
    "add with a bad item": lambda me, _, key: me.add({"title": "new"}, {"title": ""}, key=key),
    "add of nothing acceptable": lambda me, _, key: me.add({"title": "  "}, {"title": ""}, key=key),
    "update": lambda me, todo, key: me.update({"id": todo, "title": "changed"}, key=key),
    "complete": lambda me, todo, key: me.complete(todo, 2**62, key=key),
    "reopen, which is nothing new": lambda me, todo, key: me.complete(todo, completed=False, key=key),
    "delete": lambda me, todo, key: me.delete(todo, key=key),
    "restore, which is nothing new": lambda me, todo, key: me.delete(todo, deleted=False, key=key),
}


async def everything(me: Face) -> object:
    return [(await me.list(status=status)).todos for status in ("all", "trashed")], len(await me.changes())


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
async def test_a_repetition_gets_the_first_answer_and_happens_once(me: Face, write: Write) -> None:
    (todo,) = (await me.add({"title": "old"})).accepted

    first = await write(me, todo, "key-1")
    state = await everything(me)
    again = await write(me, todo, "key-1")

    assert not first.replayed
    # A refusal as a whole has no room for the mark over MCP, and repeating it does nothing either way.
    assert again.replayed or not any(first.ids)
    assert replace(again, replayed=False) == first
    assert await everything(me) == state


async def test_a_repeated_undo_gets_the_first_answer_and_happens_once(me: Face) -> None:
    added = await me.add({"title": "a"})

    first = await me.undo(added.change, key="undo-1")
    state = await everything(me)
    again = await me.undo(added.change, key="undo-1")

    assert again == replace(first, replayed=True)
    assert await everything(me) == state


async def test_without_a_key_or_with_another_one_it_happens_again(me: Face) -> None:
    for key in (None, None, "a", "b"):
        assert not (await me.add({"title": "x"}, key=key)).replayed

    assert (await me.list()).total == 4


async def test_a_key_used_for_another_request_is_refused(me: Face) -> None:
    (todo,) = (await me.add({"title": "first"}, key="k")).accepted

    for write in (lambda: me.add({"title": "second"}, key="k"), lambda: me.complete(todo, key="k")):
        with pytest.raises(RefusedError) as refused:
            await write()
        assert refused.value.code == "idempotency_key_reused"

    assert [todo["title"] for todo in (await me.list()).todos] == ["first"]


async def test_a_request_refused_as_a_whole_does_not_use_up_its_key(me: Face) -> None:
    with pytest.raises(RefusedError):
        await me.undo(2**62, key="k")

    assert not (await me.add({"title": "x"}, key="k")).replayed


@pytest.mark.requirement("OW1")
async def test_two_users_may_use_the_same_key(me: Face, other: Face) -> None:
    mine = await me.add({"title": "x"}, key="same")
    theirs = await other.add({"title": "x"}, key="same")

    assert not theirs.replayed
    assert mine.ids != theirs.ids


@each("key", ["", "k" * 256, "with space", "ümlaut", "tab\t"])
async def test_what_is_no_key_is_refused_by_name(me: Face, key: str) -> None:
    with pytest.raises((RefusedError, UnicodeEncodeError)) as refused:
        await me.add({"title": "x"}, key=key)

    if isinstance(refused.value, RefusedError):
        (problem,) = refused.value.told["errors"]
        assert problem["field"].replace("-", "_") == "idempotency_key"
    assert (await me.list()).total == 0
