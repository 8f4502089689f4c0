"""Tell from the name of a revision which schema it belongs to, and whether this code serves on it.

A schema has up to three revisions (`docs/decisions/0023-migrations-that-roll.md`): `0005` before the deploy of the code
that needs it, `0005_backfill` after it, and `0005_finish` after the last process of the version before has ended.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Final, NamedTuple

from todo_core.schema import SCHEMA_REVISION, SCHEMA_STEPS

_NAME: Final = re.compile(r"([0-9]{4})(?:_(backfill|finish))?")


class Kind(IntEnum):
    """When a step runs, in the order in which the steps of a schema do."""

    BEFORE = 0
    BACKFILL = 1
    FINISH = 2


class Place(NamedTuple):
    """Where a revision stands: places compare as their revisions follow each other."""

    schema: int
    kind: Kind


def place(revision: str) -> Place:
    """Return where a revision stands.

    Raises:
        ValueError: It has another kind of name than ours.
    """
    match = _NAME.fullmatch(revision)
    if match is None:
        raise ValueError("not the name of a revision")
    return Place(int(match[1]), Kind[match[2].upper()] if match[2] else Kind.BEFORE)


def goal(steps: tuple[str, ...] = SCHEMA_STEPS, *, finish: bool = False) -> str:
    """Return the last step, or with `finish` unset the last that the version before can serve on.

    Args:
        steps: Revisions, oldest first.
        finish: Whether no process of the version before runs any more.
    """
    is_last_open = finish or place(steps[-1]).kind is not Kind.FINISH
    return steps[-1] if is_last_open else steps[-2]


def serves(revision: str | None) -> bool:
    """Return whether this code serves on a database at `revision`: of its own schema, or the next before its finish."""
    needed = place(SCHEMA_REVISION)
    try:
        return revision is not None and needed <= place(revision) <= Place(needed.schema + 1, Kind.BACKFILL)
    except ValueError:
        return False


def is_newer(revision: str | None) -> bool:
    """Return whether `revision` is one that this code does not know: of a later version, or of another project."""
    try:
        return revision is not None and place(revision) > place(SCHEMA_STEPS[-1])
    except ValueError:
        return True


def is_up_to_date(revision: str | None, *, finish: bool = False) -> bool:
    """Return whether no step is left for a database at `revision`; for `finish` see `goal`."""
    return is_newer(revision) or (revision is not None and place(revision) >= place(goal(finish=finish)))


def standing(revision: str | None) -> str:
    """Return in words where a database at `revision` stands, seen from this code."""
    if is_newer(revision):
        if serves(revision):
            return f"ahead of {SCHEMA_REVISION}; this version serves on it"
        return f"ahead of what this version serves on ({SCHEMA_REVISION}): use a newer one"
    if not is_up_to_date(revision):
        return f"behind {goal()}"
    if not is_up_to_date(revision, finish=True):
        return "up to date; `todo-mcp migrate --finish` once no process of an older version runs"
    return "up to date"
