"""Find todos by their words."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Near, Page
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoFilter, TodoRead
from todo_core.queries import search as queries
from todo_core.rules.finding import find_todos

SHOWN: Final = 5
"""How many near matches are offered at most."""
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
    from rapidfuzz import fuzz, process  # it takes a while to load, and most searches find something

    known = await tx.value(queries.WORDS)
    words = text.casefold().split()
    best = [process.extractOne(word, known, scorer=fuzz.ratio, score_cutoff=_ALIKE) for word in words]
    meant = " ".join(word if match is None else match[0] for word, match in zip(words, best, strict=True))
    if not any(best) or meant == text.casefold():
        return None
    nearest = wanted.model_copy(update={"text": meant, "limit": SHOWN, "cursor": None, "sort": None, "direction": None})
    page = await find_todos(tx, nearest)
    return Near(meant, page.json) if page.total else None
