"""Read a file in a process of its own: `python -m todo_core.rules.importing.worker`.

A file can be made so that it takes very long to parse, or very much memory. That harms this process alone: its parent
kills it after a time, and the system bounds its memory. The file comes on standard input. A line of JSON for each part
goes to standard output; the first line has the format, or why the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import Any, Final

from pydantic import TypeAdapter

from todo_core.rules.importing import formats
from todo_core.rules.importing.formats.texts import decoded
from todo_core.rules.importing.items import PARTS, Item, LeftOut, ListItem, Part, TagItem, UnreadableError

_SHAPES: Final[dict[type[Any], TypeAdapter[Any]]] = {kind: TypeAdapter(kind) for kind in PARTS.values()}
LARGEST: Final = 262_144
"""Most characters of the texts of an item: cleaning longer ones would keep the event loop busy."""


def main(name: str, most_items: int, megabytes: int, seconds: int) -> None:
    """Read a file, and write its parts.

    Args:
        name: The format; empty to find it out.
        most_items: How many todos it may have.
        megabytes: How much memory this may take.
        seconds: How much time of a processor.
    """
    _bound(megabytes, seconds)
    try:
        text, remarks = decoded(sys.stdin.buffer.read())
        form, parts = formats.read(text, name or None)
        lines: list[dict[str, Any]] = [{"format": form}]
        lines += (
            {"kind": type(part).__name__, "part": asdict(part)} for part in _up_to(most_items, chain(remarks, parts))
        )
    except UnreadableError as error:
        lines = [{"refused": str(error)}]
    except MemoryError:
        lines = [{"refused": "takes too much memory; split it"}]
    for line in lines:
        _write(line)


def _up_to(most_items: int, parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts of a file, each made sound (`_sound`); an item whose texts are too long is left out.

    Raises:
        UnreadableError: There are too many items, or too many lists and tags.
    """
    items = others = 0
    for part in map(_sound, parts):
        items += isinstance(part, Item | LeftOut)
        others += isinstance(part, ListItem | TagItem)
        if items > most_items:
            raise UnreadableError(f"has more than {most_items:,} items; split it")
        if others > most_items:
            raise UnreadableError(f"has more than {most_items:,} lists and tags; split it")
        if isinstance(part, Item) and _size(part) > LARGEST:
            yield LeftOut.of(part.at, "size", "Its texts are longer than 256 KiB.")
        else:
            yield part


def _sound(part: Part) -> Part:
    """Return a part without NUL, which PostgreSQL cannot store; `LeftOut` if a value has another type than it must.

    Most formats are JSON, where any value may stand in place of a text.
    """
    values = _without_nul(asdict(part))
    try:
        line = json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        sound: Part = _SHAPES[type(part)].validate_json(line, strict=True)
    except ValueError:
        return LeftOut.of(getattr(part, "at", type(part).__name__), "value", "It has a value of a wrong kind.")
    return sound


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, list):
        return [_without_nul(one) for one in value]
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(one) for name, one in value.items()}
    return value


def _size(item: Item) -> int:
    """Return how many characters the texts of an item have together; each tag and note counts as one at least."""
    texts = (item.title, item.description or "", item.key or "", item.source or "", *item.tags)
    notes = [len(str(note.get("text"))) + len(str(note.get("author"))) for note in item.notes]
    return sum(map(len, texts)) + len(item.tags) + sum(notes) + len(notes)


def _bound(megabytes: int, seconds: int) -> None:
    """Bound the memory and the processor time of this process, where the system can (not on Windows)."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _write(line: dict[str, Any]) -> None:
    """Write a line of JSON. What UTF-8 cannot spell is a question mark: halves of surrogates."""
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
