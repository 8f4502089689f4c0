"""Find todos by their words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from anyio import to_thread

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Near, Page
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoFilter, TodoRead
from todo_core.queries import search as queries
from todo_core.rules.finding import find_todos

SHOWN: Final = 5
"""How many near matches are offered at most."""
ASKED: Final = 8
"""How many of the words that were looked for, and that no todo has, are compared with the known ones at most."""
_AT_A_TIME: Final = 1_000
"""With how many known words a word is compared at a time; it takes some 0.2 ms."""
_ALIKE: Final = 60
"""How much a known word must be like one that was looked for, of 100 (RapidFuzz's ratio)."""


@operation(effect="reads", scope="todos:read", raises=(InvalidInput,))
async def find(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """Search todos by words in title and description, the best match first.

    Every word must be there, the last may be the beginning of one. The filters of a list hold. If nothing is found,
    the answer has what may have been meant.
    """
    page = await find_todos(tx, wanted, offset)
    if page.total or wanted.text is None:
        return page
    return replace(page, near=await _near(tx, wanted, wanted.text))


async def _near(tx: Tx, wanted: TodoFilter, text: str) -> Near | None:
    """Return todos with words like those that were looked for; None if there are none."""
    known: str | None = await tx.value(queries.WORDS)
    words = text.casefold().split()
    if known is None:
        return None
    meant = await to_thread.run_sync(_meant, words, known, limiter=tx.core.comparing)
    if meant is None:
        return None
    nearest = wanted.model_copy(update={"text": meant, "limit": SHOWN, "cursor": None, "sort": None, "direction": None})
    page = await find_todos(tx, nearest)
    return Near(meant, page.json) if page.total else None


def _meant(words: Sequence[str], known: str) -> str | None:
    """Return words with known ones in place of those that are not known; None if none of these is like a known one.

    It runs in a thread.

    Args:
        words: Those that were looked for, in lower case.
        known: The known ones, with spaces between them.
    """
    choices = known.split(" ")
    present = {*choices}
    parts = [choices[start : start + _AT_A_TIME] for start in range(0, len(choices), _AT_A_TIME)]
    asked = [word for word in dict.fromkeys(words) if word not in present][:ASKED]
    best = {word: _most_alike(word, parts) for word in asked}
    if not any(best.values()):
        return None
    return " ".join(best.get(word) or word for word in words)


def _most_alike(word: str, parts: Sequence[Sequence[str]]) -> str | None:
    """Return the known word that is most like another; None if none is like it.

    Args:
        word: The other.
        parts: The known words, in parts: between two of them the event loop can have the interpreter.
    """
    from rapidfuzz import fuzz, process  # it takes a while to load, and most searches find something

    best, score = None, float(_ALIKE)
    for part in parts:
        match = process.extractOne(word, part, scorer=fuzz.ratio, score_cutoff=score)
        if match is not None and (best is None or match[1] > score):
            best, score = match[0], match[1]
        time.sleep(0)
    return best
