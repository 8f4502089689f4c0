"""Cursors: opaque, signed, and refused in so many words when they are not ours."""

from __future__ import annotations

import base64

import pytest

from todo_core.boundary.paging import Cursors
from todo_core.errors import InvalidInput

PLACE = ["2026-11-21T09:00:00.123456+00:00", 42]
CURSORS = Cursors(b"k" * 32)


def refusal_of(cursor: str, scope: str = "scope", cursors: Cursors = CURSORS) -> dict[str, object]:
    with pytest.raises(InvalidInput) as refused:
        cursors.open(cursor, scope)
    (problem,) = refused.value.errors
    assert problem.field == "cursor"
    return problem.as_dict()


@pytest.mark.requirement("TD4")
@pytest.mark.parametrize("place", [PLACE, ["ünicode 🎉 title", 2**63 - 1], [3, 1]])
def test_a_cursor_opens_to_the_place_it_was_made_of(place: list[object]) -> None:
    cursor = CURSORS.make(place, "scope")

    assert CURSORS.open(cursor, "scope") == place
    assert cursor.isascii()
    assert "=" not in cursor


@pytest.mark.requirement("TD4")
def test_any_process_with_the_installations_key_opens_it() -> None:
    assert Cursors(b"k" * 32).open(CURSORS.make(PLACE, "scope"), "scope") == PLACE


@pytest.mark.requirement("TD4")
def test_every_changed_character_is_noticed() -> None:
    cursor = CURSORS.make(PLACE, "scope")

    for position, character in enumerate(cursor):
        for other in "AZaz09-_":
            if other != character:
                refusal_of(cursor[:position] + other + cursor[position + 1 :])


@pytest.mark.requirement("TD4")
def test_a_cursor_of_another_list_or_another_installation_is_refused() -> None:
    cursor = CURSORS.make(PLACE, "scope")

    assert refusal_of(cursor, "scope of another filter") == refusal_of(cursor, cursors=Cursors(b"x" * 32))


@pytest.mark.requirement("TD4")
def test_a_place_signed_with_no_key_is_refused() -> None:
    forged = Cursors(b"").make(PLACE, "scope")

    assert "leave it out" in str(refusal_of(forged)["message"])


@pytest.mark.requirement("TD4")
@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "A",
        "AAAA",
        "=",
        "====",
        "ü",
        "\ud800",
        "\x00",
        "a b",
        "+/+/",
        "A" * 500,
        base64.b64encode(b"x" * 40).decode(),
    ],
)
def test_garbage_is_refused_like_a_changed_cursor(garbage: str) -> None:
    assert refusal_of(garbage) == refusal_of("AAAA")


@pytest.mark.requirement("TD4")
@pytest.mark.parametrize("change", ["{}=", "{}==", "{}\n", " {}", "{}A", "{}AAAA"])
def test_a_cursor_has_one_spelling(change: str) -> None:
    refusal_of(change.format(CURSORS.make(PLACE, "scope")))
