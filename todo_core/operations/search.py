"""Find todos by their words."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from anyio import to_thread

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Near, Page
from todo_core.errors import InvalidInput
from todo_core.models.todos import TodoFilter, TodoRead
from todo_core.queries import search as queries
from todo_core.rules.finding import find_nearest, find_todos
from todo_core.rules.naming import in_known_list

COMPARED: Final = 8
"""How many of the words that were looked for, and that no todo has, are compared with the known ones at most."""
_AT_A_TIME: Final = 1_000
"""With how many known words a word is compared at a time; it takes some 0.2 ms."""
_LONG: Final = 8
"""Characters from which on a word may have two typing errors, and anywhere. A shorter one has one, and not in its first
letter: of "jurgen" and "milky", "urgent" and "silky" are no misspellings."""
_DIGIT: Final = re.compile("[0-9]")

Asked = dict[str, Any]
"""A word that was looked for: `word`, `follows` and `is_known`, as `queries.search.WORDS` gives them."""


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput,),
    verbs=("read",),
    within_lists=True,
)
async def find(tx: Tx, wanted: TodoFilter, offset: int = 0) -> Page[TodoRead]:
    """Search todos by words in title, description and notes, the best match first.

    Every word must be there, the last may be the beginning of one. The filters of a list hold. If nothing is found,
    the answer has the todos with most of the words, or with words that may have been meant.
    """
    wanted = await in_known_list(tx, wanted)
    page = await find_todos(tx, wanted, offset)
    if page.total or wanted.text is None:
        return page
    return replace(page, near=await _near(tx, wanted, wanted.text))


async def _near(tx: Tx, wanted: TodoFilter, text: str) -> Near | None:
    """Return the todos with most of the words that were looked for, or with words like them; None if there are none."""
    row = await tx.one(queries.WORDS, text=text)
    asked: list[Asked] = orjson.loads(row["asked"])
    unknown = [one["word"] for one in asked if not one["is_known"]]
    meant = await to_thread.run_sync(_meant, unknown, row["known"] or "", limiter=tx.core.comparing)
    words: list[str] = [meant.get(one["word"]) or one["word"] for one in asked]
    if len(unknown) == len(asked) and not meant:  # words of the newest todos alone are known
        return None
    nearest = await find_nearest(tx, wanted, " ".join(words))
    had = [number - 1 for number in nearest["had"]]
    return Near(_together(words, asked, had), nearest["rows"]) if had else None


def _together(words: Sequence[str], asked: Sequence[Asked], had: Sequence[int]) -> str:
    """Return some of the words of a question as they are written: pairs that follow each other are one run.

    Args:
        words: All words, in order.
        asked: The same as they were asked for.
        had: The places of those that are returned, in order.
    """
    parts: list[str] = []
    for before, place in zip([None, *had], had, strict=False):
        if asked[place]["follows"] and before == place - 1:
            parts[-1] += words[place][-1]
        else:
            parts.append(words[place])
    return " ".join(parts)


def _meant(unknown: Sequence[str], known: str) -> dict[str, str]:
    """Return known words that may have been meant, by the unknown word in place of which each stands.

    It runs in a thread.

    Args:
        unknown: Words that were looked for; those with digits mean themselves.
        known: The known ones, with spaces between them.
    """
    choices = known.split()
    parts = [choices[start : start + _AT_A_TIME] for start in range(0, len(choices), _AT_A_TIME)]
    wrong = [word for word in dict.fromkeys(unknown) if len(word) >= queries.SHORTEST and not _DIGIT.search(word)]
    best = {word: _most_alike(word, parts) for word in wrong[:COMPARED]}
    return {word: match for word, match in best.items() if match is not None}


def _most_alike(word: str, parts: Sequence[Sequence[str]]) -> str | None:
    """Return the known word with the fewest typing errors between it and another; None if all have too many.

    An error is a character too many, too few or wrong, or two that changed places (optimal string alignment). Of words
    with as many, it is the first.

    Args:
        word: The other.
        parts: The known words, in parts: between two of them the event loop can have the interpreter.
    """
    from rapidfuzz import process  # it takes a while to load, and most searches find something
    from rapidfuzz.distance import OSA

    is_long = len(word) >= _LONG
    best, most = None, 2 if is_long else 1
    for part in parts:
        likely = part if is_long else [one for one in part if one[0] in word[:2]]
        match = process.extractOne(word, likely, scorer=OSA.distance, score_cutoff=most)
        if match is not None:
            best, most = match[0], int(match[1]) - 1
        if most <= 0:
            break
        time.sleep(0)
    return best
