"""Read a file in a process of its own: `python -m todo_core.rules.importing.worker`.

A file may be made to take very long, or very much memory. Here that is this process's alone, which has an end: whoever
starts it kills it, and the system refuses it more memory. It takes the file on standard input, and writes a line of
JSON for each part: first the format, or why the file cannot be read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import chain
from typing import Any

from todo_core.rules.importing import formats
from todo_core.rules.importing.formats.texts import decoded
from todo_core.rules.importing.items import Item, LeftOut, Part, UnreadableError


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
    """Yield parts.

    Raises:
        UnreadableError: They have too many items.
    """
    count = 0
    for part in parts:
        count += isinstance(part, Item | LeftOut)
        if count > most_items:
            raise UnreadableError(f"has more than {most_items:,} items; split it")
        yield part


def _bound(megabytes: int, seconds: int) -> None:
    """Take no more memory and time than that, where the system can tell (not on Windows)."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def _write(line: dict[str, Any]) -> None:
    """Write a line of JSON. What UTF-8 cannot spell is a question mark: halves of surrogates."""
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
