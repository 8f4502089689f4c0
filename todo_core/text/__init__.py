"""Say which text may come in, show what may not, and fold names for comparison.

Why just these characters is told in `docs/decisions/0027-text-that-comes-in.md`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

MOST_UNSEEN: Final = 3
"""Characters in a row that show nothing. Emoji need two (selector, joiner), no script needs more than three."""
MOST_MARKS: Final = 30
"""Combining marks in a row (UAX #15, Stream-Safe Text Format): the time of normalizing grows with their square."""

_UNSEEN: Final = (
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that show nothing, inside of a regular expression's brackets.

Source: Default_Ignorable_Code_Point in DerivedCoreProperties.txt of the Unicode Character Database, which Python lacks.
"""
_BLANK: Final = re.compile(rf"[{_UNSEEN}\u2800\U0001d159]")
"""The same, and two symbols that are drawn as nothing: the Braille pattern without dots, the null note head."""
_NOT_BY_ITSELF: Final = frozenset({"Cc", "Cf", "Cs", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})
"""Categories of characters that show nothing without others: controls, formatting, surrogates, marks, separators."""
_NO_CHARACTERS: Final = r"\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
"""Noncharacters (The Unicode Standard, section 23.7), inside of brackets."""
_SELECTOR: Final = r"\ufe00-\ufe0f\U000e0100-\U000e01ef"
_IDEOGRAPH: Final = r"\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FLAG: Final = (
    r"\U0001f3f4(?:[\U000e0061-\U000e007a]{2}|[\U000e0030-\U000e0039]{3})"
    r"[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,4}\U000e007f"
)
"""The flag of a region's subdivision (UTS #51, ED-14a): a black flag, and the region's code spelled in tag characters.

A code has no more than 7 characters; otherwise the tags of a flag would have room for a sentence.
"""
_REFUSED: Final[dict[str, str]] = {
    "a NUL character": r"\x00",
    "a lone surrogate": r"[\ud800-\udfff]",
    "a control character": r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "a character that turns the direction of text": r"[\u202a-\u202e\u2066-\u2069]",
    "a tag character outside of a flag": r"[\U000e0000-\U000e007f]",
    "a variation selector that varies nothing": rf"(?<=[{_SELECTOR}])[{_SELECTOR}]"
    rf"|(?<![{_IDEOGRAPH}])[\U000e0100-\U000e01ef]",
    "a formatting character that shows nothing": r"[\u2065\u206a-\u206f\ufff0-\ufffb\U000e0080-\U000e00ff"
    r"\U000e01f0-\U000e0fff]",
    "a code point that is no character": rf"[{_NO_CHARACTERS}]",
    f"more than {MOST_UNSEEN} characters in a row that show nothing": rf"[{_UNSEEN}]{{{MOST_UNSEEN + 1},}}",
}
"""What no text may contain, in words and as a regular expression without groups; the first that fits counts."""
_FOUND: Final = re.compile("|".join([_FLAG, *(f"({pattern})" for pattern in _REFUSED.values())]))
"""A flag without a group, or what is refused in the group of its place in `_REFUSED`."""
_SPECIAL: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\U0001f3f4"
    + "".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
"""Characters with which something may begin that is refused, or a flag, although `str.isprintable` takes them."""
_MANY_MARKS: Final = re.compile(rf"[^\w\s]{{{MOST_MARKS + 1}}}")
"""What any run of more than `MOST_MARKS` marks is, and few other texts have: marks belong to no words."""
_LINE_END: Final = re.compile(r"\r\n?|\u2028|\u2029")
"""Other spellings of a newline. U+2028 is what some editors write within a paragraph."""
_BREAK: Final = re.compile(r"[\t\n\r\u2028\u2029]")
"""What does not belong into one line."""
_NOT_IN_A_LINK: Final = re.compile(r'[\s\\<>"]')
"""What no address has as it is (RFC 3986, section 2), and readers take for its end or for something else."""


def line(text: str) -> str:
    """Return a text of one line as it is kept: without white space around it, in NFC.

    Raises:
        ValueError: It has a character of `_REFUSED`, a line break or a tab; the message has the place, from 1.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    _require_honest(text)
    stripped = text.strip()
    if found := _BREAK.search(stripped):
        raise _refusal("a line break or a tab", text.index(stripped) + found.end())
    return unicodedata.normalize("NFC", stripped)


def lines(text: str) -> str:
    """Return a text of several lines as it is kept: with newlines between them, without white space around it, in NFC.

    Raises:
        ValueError: It has a character of `_REFUSED`; the message has the place, from 1.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    _require_honest(text)
    return unicodedata.normalize("NFC", _LINE_END.sub("\n", text).strip())


def name(text: str) -> str:
    """Return a name or a title as it is kept: a line in which there is something to see.

    Raises:
        ValueError: It is no such line, or shows nothing. An empty one is returned, for its length to be refused.
    """
    kept = line(text)
    if kept and not (kept.isascii() or is_visible(kept)):
        raise ValueError("must have at least one visible character")
    return kept


def note(text: str) -> str:
    """Return a note as it is kept: lines in which there is something to see, for nobody can take back what nobody sees.

    Raises:
        ValueError: They are no such lines, or show nothing. An empty one is returned, for its length to be refused.
    """
    kept = lines(text)
    if kept and not (kept.isascii() or is_visible(kept)):
        raise ValueError("must have at least one visible character")
    return kept


def key(text: str) -> str:
    """Return a key from outside as it came: keys are the same only if every character of them is.

    Raises:
        ValueError: It is no name, or has white space around it, which nobody would see.
    """
    name(text)
    if text != text.strip():
        raise ValueError("must not begin or end with white space")
    return text


def link(text: str) -> str:
    """Return the address of a page as it came, but for white space around it: in another form it may lead elsewhere.

    Raises:
        ValueError: It is no line, or no address of http or https (RFC 9110, section 4.2); or it names a user, behind
            whom it would hide where it leads.
    """
    line(text)
    address = text.strip()
    try:
        parts = urlsplit(address)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of what stands where host and port do
        is_address = False
    if not is_address or _NOT_IN_A_LINK.search(address):
        raise ValueError("must be a link that begins with https:// or http://, without white space in it")
    if "@" in parts.netloc:
        raise ValueError("must have no user name or password before the host")
    return address


def is_visible(text: str) -> bool:
    """Return whether a text has a character that shows by itself; a space or a combining mark does not.

    One that Python's tables do not know counts as visible: emoji may be newer than they are.
    """
    return any(
        unicodedata.category(character) not in _NOT_BY_ITSELF and not _BLANK.match(character) for character in text
    )


def _require_honest(text: str) -> None:
    """Refuse a text that has a character of `_REFUSED`, or too many marks in a row."""
    if _is_usual(text):
        return
    for found in _hidden(text):
        assert found.lastindex is not None
        raise _refusal([*_REFUSED][found.lastindex - 1], found.start() + 1)
    marks = 0
    for place, character in enumerate(text, 1):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > MOST_MARKS:
            raise _refusal(f"more than {MOST_MARKS} marks on one character", place)


def _is_usual(text: str) -> bool:
    """Return whether a text has nothing that can be refused, which takes a tenth of the time to find out."""
    flat = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
    return flat.isprintable() and (flat.isascii() or (_SPECIAL.isdisjoint(flat) and not _MANY_MARKS.search(flat)))


def _hidden(text: str) -> Iterator[re.Match[str]]:
    """Yield what a text has of `_REFUSED`, from left to right.

    All of it begins with a character that is not printable or special; to look from these on is quicker than from every
    character. A flag is passed over as a whole.
    """
    end = 0
    for place, character in enumerate(text):
        if place >= end and (character in _SPECIAL or not character.isprintable()):
            found = _FOUND.match(text, place)
            if found is not None:
                end = found.end()
                if found.lastindex is not None:
                    yield found


def _refusal(what: str, place: int) -> ValueError:
    return ValueError(f"must not contain {what} (character {place})")


def escaped(text: str, *, several_lines: bool = False) -> str:
    r"""Return a text from before these rules, or from elsewhere, as it is shown: what no text may contain as `\u202e`.

    A text with nothing to see is escaped as a whole.

    Args:
        text: The text.
        several_lines: Leave tabs and newlines as they are, and make newlines of other line ends.
    """
    if text.isprintable() and (text.isascii() or (text[0].isalnum() and _is_usual(text))):  # most are
        return text
    if text.strip() and not is_visible(text):
        return _spelled(text)
    if not _is_usual(text):
        end, parts = 0, []
        for found in _hidden(text):
            parts += [text[end : found.start()], _spelled(found[0])]
            end = found.end()
        text = "".join([*parts, text[end:]])
    if several_lines:
        return _LINE_END.sub("\n", text)
    return _BREAK.sub(lambda found: _spelled(found[0]), text)


_TRIES: Final = 5
"""How often a text is cleaned: what is taken out may leave something next to each other that no text may contain."""


def cleaned(text: str, *, several_lines: bool = False) -> str:
    """Return a text from elsewhere, which nobody can be asked to correct, as it is kept, without what it may not have.

    Args:
        text: The text.
        several_lines: Leave line breaks; else they are spaces.
    """
    keep = lines if several_lines else line
    if not several_lines:
        text = " ".join(_BREAK.split(text.strip()))
    for _ in range(_TRIES):
        try:
            return keep(text)
        except ValueError:
            text = _without_hidden(text)
    return keep("".join(one for one in text if one.isalnum() or one in " \n.,;:!?-()'\""))


def _without_hidden(text: str) -> str:
    """Return a text without what is refused in it, and without marks where there are too many."""
    end, parts = 0, []
    for found in _hidden(text):
        if found.lastindex is not None:
            parts.append(text[end : found.start()])
            end = found.end()
    kept, marks = [], 0
    for one in "".join([*parts, text[end:]]):
        marks = marks + 1 if unicodedata.combining(one) else 0
        if marks <= MOST_MARKS:
            kept.append(one)
    return "".join(kept)


def _spelled(text: str) -> str:
    return text.encode("unicode_escape").decode()


def told_name(text: str, most: int) -> str | None:
    """Return a name that others tell us, and nobody can be asked to correct, as it is kept; None if it shows nothing.

    Args:
        text: The name: of a client, or in a token's claims.
        most: The longest that is kept, in characters; the rest is cut off.
    """
    cut = text.strip()[:most]
    if not is_visible(cut):
        return None
    return unicodedata.normalize("NFC", escaped(cut))[:most].strip()


def is_storable(text: str) -> bool:
    """Return whether PostgreSQL's `text` can hold a text: it has no NUL and no lone UTF-16 surrogate."""
    return not re.search(r"[\x00\ud800-\udfff]", text)


def name_key(name: str) -> str:
    """Fold a name, so that spellings that differ in case or compatibility variants are equal.

    Source: Unicode Standard, section 3.13, compatibility caseless matching; here with NFKC instead of NFKD.
    """
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
