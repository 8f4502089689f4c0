"""What several formats share: bytes to text, JSON, tables, moments and days, and keys."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

from todo_core.rules.importing.items import LeftOut, Part, Remark, UnreadableError

_PACKED: Final = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"(\xb5/\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
}
_LARGEST_CELL: Final = 256 * 1024
"""Characters of a cell of a table; of a larger one the row is left out."""
_LONGEST_KEY: Final = 200
_NOT_READ: Final = "cannot be read"
_TROUBLE: Final = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError, OSError)
"""What reading a part of a file may raise that is otherwise than its format says; the name of a time zone is looked for
as a file (OSError)."""


def decoded(content: bytes) -> tuple[str, list[Remark]]:
    """Return the text of a file, and what to tell of its encoding: UTF-8, UTF-16, or Latin-1 as Windows has it.

    Raises:
        UnreadableError: It is packed, or empty.
    """
    if any(content.startswith(magic) for magic in _PACKED):
        raise UnreadableError("is packed; unpack it, and send a file that is in it")
    remarks: list[Remark] = []
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", "replace")
    elif (order := _utf_16(content[:200])) is not None:
        text = content.decode(order, "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("cp1252", "replace")
            remarks.append(Remark("file", "changed", "encoding", "It is not UTF-8, and was read as Windows-1252."))
    if "\0" in text:
        text = text.replace("\0", "")
        remarks.append(Remark("file", "changed", "encoding", "It has NUL characters, which were left out."))
    if not text.strip():
        raise UnreadableError("is empty")
    return text, remarks


def _utf_16(head: bytes) -> str | None:
    """Return the byte order of UTF-16 without a mark, where every other byte is NUL; None of other texts."""
    if len(head) < 4:
        return None
    half = len(head) // 2
    if head[1::2].count(0) > half * 0.8 and head[0::2].count(0) < half * 0.2:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > half * 0.8 and head[1::2].count(0) < half * 0.2 else None


def json_of(text: str) -> Any:
    """Parse JSON.

    Raises:
        UnreadableError: It is none, or nests too deep.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise UnreadableError("nests too deep") from None
    except ValueError:
        raise UnreadableError("is no whole JSON; export it again") from None


def each(records: Iterable[tuple[str, Any]], part_of: Callable[[str, Any], Iterable[Part]]) -> Iterator[Part]:
    """Yield the parts of each record; one that is otherwise than its format says is left out, and the others are not.

    Args:
        records: Each with its place.
        part_of: Returns the parts of one.
    """
    for at, record in records:
        try:
            parts = [*part_of(at, record)]
        except _TROUBLE:
            yield LeftOut.of(at, "item", _NOT_READ)
        else:
            yield from parts


def members(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield the items of an array of JSON with their paths; nothing of what is no array."""
    if isinstance(value, list):
        yield from ((f"{path}.{number}", item) for number, item in enumerate(value))


def rows(text: str, *names: str) -> Iterator[tuple[str, dict[str, str] | None]]:
    """Yield the rows of a table below its header, by the names of columns in capitals; None for one that is unreadable.

    Args:
        text: The table.
        names: Columns by which the header is known.

    Raises:
        UnreadableError: It has no header.
    """
    csv.field_size_limit(_LARGEST_CELL)
    header: list[str] | None = None
    for delimiter in (",", ";", "\t"):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for row in _safely(reader, 50):
            if row is not None and {*names} <= {*(columns := [cell.strip().upper() for cell in row])}:
                header = columns
                break
        if header is not None:
            break
    if header is None:
        raise UnreadableError(f"has no header with the columns {' and '.join(names)}")
    before = reader.line_num
    for row in _safely(reader):
        at, before = f"line {before + 1}", reader.line_num
        if row is None:
            yield at, None
        elif any(cell.strip() for cell in row):
            yield at, dict(zip(header, [*row, *[""] * (len(header) - len(row))], strict=False))


def _safely(reader: Any, most: int | None = None) -> Iterator[list[str] | None]:
    """Yield rows of a table, and None for those that cannot be read."""
    number = 0
    while most is None or number < most:
        number += 1
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield None


_FRACTION: Final = re.compile(r"(\.\d{6})\d+")


def moment(text: Any, zone: str | None = "UTC") -> str | None:
    """Return a moment in UTC as ISO 8601; None of what is none.

    Args:
        text: The moment, as ISO 8601 or nearly so.
        zone: The time zone of one without an offset; None: it is none.
    """
    if not isinstance(text, str) or not text.strip():
        return None
    try:
        when = datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()))
        if when.tzinfo is None:
            if zone is None:
                return None
            when = when.replace(tzinfo=ZoneInfo(zone))
        return when.astimezone(UTC).isoformat()
    except _TROUBLE:
        return None


def nearest_day(text: str) -> str | None:
    """Return the day that a midnight somewhere stands for: the one whose midnight in UTC is nearest."""
    when = moment(text)
    return None if when is None else (datetime.fromisoformat(when) + timedelta(hours=12)).date().isoformat()


def day(text: Any) -> str | None:
    """Return the date with which a text begins, as ISO 8601; None where there is none."""
    try:
        return date.fromisoformat(str(text)[:10]).isoformat()
    except ValueError:
        return None


def known_zone(name: str | None) -> str | None:
    """Return a time zone that is known here by its IANA name, or by that of Windows, in any case; None for others."""
    if not name:
        return None
    try:
        return ZoneInfo(name).key
    except _TROUBLE:
        return _zones().get(name.casefold())


@cache
def _zones() -> Mapping[str, str]:
    """Return the IANA names of zones by these, and by those of Windows, case folded."""
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    known = WINDOWS_TO_OLSON | {zone: zone for zone in available_timezones()}
    return {name.casefold(): zone for name, zone in known.items()}


class Digests:
    """Keys of what its origin gives no name: by what tells it apart, and which one of the same in the file it is."""

    def __init__(self, origin: str) -> None:
        """Begin with none.

        Args:
            origin: Comes before each.
        """
        self._origin = origin
        self._counts: Counter[str] = Counter()

    def key(self, *facts: object) -> str:
        """Return the key of the next thing with these facts."""
        text = "\x1f".join(map(str, facts))
        self._counts[text] += 1
        named = f"{text}\x1e{self._counts[text]}"
        return f"{self._origin}:{hashlib.blake2b(named.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


def key_of(origin: str, name: Any) -> str | None:
    """Return the key of what has a name at its origin; None of what has none."""
    text = str(name).strip() if isinstance(name, str | int) else ""
    if not text:
        return None
    whole = f"{origin}:{text}" if origin else text
    if len(whole) <= _LONGEST_KEY and whole.isascii() and whole.isprintable():
        return whole
    return Digests(origin or "key").key(text)


def text_of(record: Mapping[str, Any], name: str) -> str:
    """Return a text of a record of JSON; an empty one where there is none."""
    value = record.get(name)
    return value if isinstance(value, str) else ""
