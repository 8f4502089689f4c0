"""Which text may come in, and how one that may not is shown (decision 27)."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator

import pytest

from tests.pauses import fastest
from tests.tables import each
from tests.texts import BREAKS, DECOMPOSED, HONEST, HOSTILE, INVISIBLE, flag
from todo_core.text import MOST_MARKS, MOST_UNSEEN, escaped, is_visible, line, lines, name, name_key, told_name

EVERY_TYPE = each("kept", [line, lines, name])


@EVERY_TYPE
@pytest.mark.requirement("RS3", "MC4")
@each(("text", "what", "place"), HOSTILE.values(), ids=HOSTILE)
def test_what_hides_is_refused_with_its_kind_and_place(
    kept: Callable[[str], str], text: str, what: str, place: int
) -> None:
    for given, at in ((text, place), (f"\n  {text} ", place + 3)):
        with pytest.raises(ValueError, match=rf"^must not contain {re.escape(what)} \(character {at}\)$"):
            kept(given)


@EVERY_TYPE
@each("text", HONEST.values(), ids=HONEST)
def test_what_people_write_is_kept_as_it_is(kept: Callable[[str], str], text: str) -> None:
    assert unicodedata.is_normalized("NFC", text)
    assert kept(f" {text}\n") == text


@EVERY_TYPE
@pytest.mark.parametrize(("text", "composed"), DECOMPOSED.values(), ids=DECOMPOSED)
def test_every_text_is_kept_in_nfc(kept: Callable[[str], str], text: str, composed: str) -> None:
    assert kept(text) == composed
    assert name_key(text) == name_key(composed)


@pytest.mark.parametrize("kept", [line, name])
@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
def test_a_line_has_no_breaks(kept: Callable[[str], str], text: str) -> None:
    for given, at in ((text, 2), (f"\u2003\t{text}\r\n", 4)):
        with pytest.raises(ValueError, match=rf"^must not contain a line break or a tab \(character {at}\)$"):
            kept(given)


@pytest.mark.parametrize("text", BREAKS.values(), ids=BREAKS)
def test_several_lines_have_newlines_and_tabs_and_no_other_breaks(text: str) -> None:
    assert lines(text) == ("a\tb" if "\t" in text else "a\nb")


def test_line_ends_of_every_system_are_one_newline_each() -> None:
    assert lines("\r\na\r\n\r\nb\rc\n\rd\u2028e\r") == "a\n\nb\nc\n\nd\ne"


@pytest.mark.parametrize("text", INVISIBLE.values(), ids=INVISIBLE)
def test_a_name_has_something_to_see(text: str) -> None:
    assert not is_visible(text)
    with pytest.raises(ValueError, match=r"^must have at least one visible character$"):
        name(text)
    assert line(text) == lines(text) == unicodedata.normalize("NFC", text)
    assert is_visible(name(f"{text}x"))


def test_an_empty_name_is_left_to_its_length() -> None:
    assert name("") == name(" \n\u3000") == ""


@pytest.mark.parametrize("unseen", ["\u200d", "\u200b", "\xad", "\u2060", "\u1160", "\u3164", "\u034f", "\ufeff"])
def test_three_in_a_row_are_allowed_and_no_more(unseen: str) -> None:
    assert line(f"a{unseen * MOST_UNSEEN}b") == f"a{unseen * MOST_UNSEEN}b"
    with pytest.raises(ValueError, match=r"in a row that show nothing \(character 2\)"):
        line(f"a{unseen * (MOST_UNSEEN + 1)}b")


@pytest.mark.parametrize("code", ["gbeng", "ustx", "jp13", "001a", "frx"])
def test_the_flag_of_a_region_is_a_flag(code: str) -> None:
    assert name(flag(code)) == flag(code) == escaped(flag(code))


@pytest.mark.parametrize("code", ["", "gb", "g", "gbenglan", "gb eng", "1gb", "GBENG", "gb\u0065ng!"])
def test_what_is_no_code_of_a_region_is_no_flag(code: str) -> None:
    with pytest.raises(ValueError, match=r"a tag character outside of a flag \(character 2\)"):
        name(flag(code))


SHOWN = {"\u0600", "\u06dd", "\u070f", "\u08e2", "\U000110bd"}
"""Some of the format characters that show, such as the Arabic number sign."""


def every() -> Iterator[str]:
    """Every character there is; a list of them took 90 MB of each process that collects this file."""
    return map(chr, range(sys.maxunicode + 1))


def test_every_format_character_is_refused_unseen_or_shows() -> None:
    formats = {character for character in every() if unicodedata.category(character) == "Cf"}

    left = {character for character in formats if not (_is_refused(character) or _is_unseen(character))}
    assert left >= SHOWN
    assert all(re.match(r"ARABIC|SYRIAC|KAITHI|EGYPTIAN", unicodedata.name(character)) for character in left)
    assert all(_is_unseen(character) for character in "\u200b\u200c\u200d\u2060\ufeff\xad\u034f\u115f\u3164\ufe00")


def test_what_is_looked_for_first_misses_nothing() -> None:
    printable = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0" + "".join(
        chr(code) for code in (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))
    )
    assert printable.isprintable()
    assert all(_is_refused(character * (MOST_UNSEEN + 1)) for character in printable)
    assert all(not re.match(r"[\w\s]", character) for character in every() if unicodedata.combining(character))


def test_every_control_surrogate_and_noncharacter_is_refused() -> None:
    kept = {
        character
        for character in every()
        if unicodedata.category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE
        if not _is_refused(character)
    }

    assert kept == {"\t", "\n", "\r"}


def _is_refused(character: str) -> bool:
    try:
        lines(f"a{character}b")
    except ValueError:
        return True
    return False


def _is_unseen(character: str) -> bool:
    """Whether there may be few of them in a row."""
    return not _is_refused(character) and _is_refused(character * (MOST_UNSEEN + 1))


@pytest.mark.requirement("RS3")
@pytest.mark.parametrize("run", ["\u0316\u0301", "\u0301\u0316", "\u0301", "\u0f71\u0f72\u0f39"])
def test_the_longest_run_of_marks_is_refused_at_once(run: str) -> None:
    text = "a" + run * (120_000 // len(run))

    def read() -> None:
        with pytest.raises(ValueError, match=f"more than {MOST_MARKS} marks"):
            lines(text)

    assert fastest(read) < 0.1  # 120,000 of them in NFC take seconds


# --- shown -------------------------------------------------------------------------------------


@pytest.mark.requirement("SA2", "OP1")
@each("text", [text for text, what, _ in HOSTILE.values() if "marks" not in what])
@each("several_lines", [False, True])
def test_what_hides_is_shown_escaped(text: str, several_lines: bool) -> None:
    shown = escaped(text, several_lines=several_lines)

    assert lines(shown) == shown.strip()
    assert re.search(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U000[0-9a-f]{5}|U0010ffff)", shown)
    assert escaped(shown, several_lines=several_lines) == shown


@each("text", HONEST.values(), ids=HONEST)
def test_what_people_write_is_shown_as_it_is(text: str) -> None:
    assert escaped(text) == escaped(text, several_lines=True) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bob\x1b[2J\n99  root", r"bob\x1b[2J\n99  root"),
        ("a\u202eb\x7f\x85", r"a\u202eb\x7f\x85"),
        ("a\U000e0041", r"a\U000e0041"),
        ("a\tb\u2028c", r"a\tb\u2028c"),
        ("a" + "\u200b" * 5 + "b\u200b", "a" + r"\u200b" * 5 + "b\u200b"),
        ("\u200b", r"\u200b"),
        ("\u3164 \u2800", r"\u3164 \u2800"),
        ("\u0301", r"\u0301"),
        ("", ""),
        ("  ", "  "),
        ("\\x1b é", "\\x1b é"),
    ],
)
def test_an_escape_is_pythons(text: str, shown: str) -> None:
    assert escaped(text) == shown


def test_several_lines_are_shown_with_newlines() -> None:
    assert escaped("a\r\nb\tc\x1b\n\u2029", several_lines=True) == "a\nb\tc\\x1b\n\n"


@pytest.mark.requirement("SA2", "LT3")
@pytest.mark.parametrize(
    ("told", "kept"),
    [
        (" Claude Code ", "Claude Code"),
        ("lone\ud800", r"lone\ud800"),
        ("a\x00b", r"a\x00b"),
        ("x" * 30, "x" * 20),
        ("x" * 19 + "\u202e", "x" * 19 + "\\"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("\u200b\u3164", None),
        ("\x1b", None),
        (" ", None),
        ("", None),
    ],
)
def test_a_name_that_others_tell_is_escaped_and_cut(told: str, kept: str | None) -> None:
    assert told_name(told, 20) == kept
