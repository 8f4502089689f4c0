"""Print answers and messages. Whoever wrote what is in them has no say over the terminal: it is escaped."""

from __future__ import annotations

import json
import sys
from typing import Any

from todo_core.text import escaped


def say(*fields: object, apart: bool = False) -> None:
    """Print a line: fields with two spaces between them, each escaped, so that none makes a line or a field of its own.

    Args:
        fields: What to print.
        apart: Whether it goes to standard error, which is for everything but answers.
    """
    stream = sys.stderr if apart else sys.stdout
    line = "  ".join(escaped(str(field)) for field in fields)
    encoding = stream.encoding or "utf-8"  # what it cannot spell, such as emoji on some consoles, is escaped, too
    print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


def say_json(value: Any) -> None:
    """Print a value as JSON in visible ASCII characters."""
    print(json.dumps(value), flush=True)
