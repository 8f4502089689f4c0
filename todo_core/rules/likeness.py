"""Find open todos that look the same as new ones: by a key in the database, then by the words of their titles.

PostgreSQL finds the few titles that have the same key (`docs/decisions/0060-looking-the-same.md`). This module decides
which of them look the same.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

import orjson

from todo_core.boundary.chunks import chunks
from todo_core.boundary.operation import Tx
from todo_core.queries import likeness as queries
from todo_core.rules.writing import WrittenRow
from todo_core.storage.transactions import Row

SHOWN: Final = 3
"""Most todos that are named as looking the same as one."""
_NAMING: Final = ("id", "title", "list_id", "list")
"""The fields of `SimilarTodo`."""
COMPARED: Final = 20
"""Most items of the same request that one is compared with."""
TYPED: Final = 6
"""Characters from which on a word may have a letter too many or too few, or two that changed places: of shorter ones,
too many are words of their own."""
MISTYPED: Final = 9
"""Characters from which on it may have a wrong letter, by which even more words become others."""
SOON: Final = frozenset(
    (
        *("today", "tonight", "tomorrow", "now", "soon", "asap", "urgent", "urgently", "heute", "morgen", "jetzt"),
        *("bald", "dringend", "demain", "maintenant", "hoy", "manana", "ahora", "urgente", "oggi", "domani", "subito"),
        *("hoje", "amanha", "agora", "vandaag", "nu", "idag", "imorgon", "dzisiaj", "jutro"),
        *("\u0441\u0435\u0433\u043e\u0434\u043d\u044f", "\u0437\u0430\u0432\u0442\u0440\u0430"),
    )
)
"""Words that say how soon, without accents. A title with one may mean the same as a title with none."""
ORDERED: Final = frozenset(
    (
        *("from", "before", "after", "von", "vom", "vor", "nach", "desde", "avant", "apres", "depuis", "van", "vanaf"),
        *("\u0438\u0437", "\u043e\u0442"),
    )
)
"""Words by which the order of all words counts: "from A to B"."""
_NONE: Final = "[]"
"""The ids of todos with the same key, as JSON, where there are none."""
_UNSPACED: Final = "\u0e00"
"""Single letters from here on are of a script without spaces: there, too, the order counts."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What decides whether a todo looks the same as another: its words, and its place in its family."""

    id: int
    """Its id; of an item of the request `-1 - number`."""
    parent: int | None
    """The id of its parent, which may be an item, too."""
    root: int | None = None
    """Of an item: the id of the topmost todo above it; None if there is none."""
    words: Sequence[str] = ()
    """The telling words of its title, in their order."""

    def with_words(self, words: Sequence[str]) -> Looks:
        """Return a copy with these words."""
        return Looks(self.id, self.parent, self.root, words)


def same_words(one: Sequence[str], other: Sequence[str]) -> bool:
    """Return whether titles with these telling words look the same.

    They do if they have the same words, or all but one: that is mistyped in one of them, or is in one of them alone
    and says how soon.
    """
    here, there = {*one}, {*other}
    if not _is_in_one_order(one, other, here & there):
        return False
    less, more = sorted((here - there, there - here), key=len)
    if not more:
        return True
    if not less:
        return more <= SOON and not here & there & SOON
    return len(less) == len(more) == 1 and _is_mistyped(*less, *more)


def _is_in_one_order(one: Sequence[str], other: Sequence[str], shared: set[str]) -> bool:
    """Return whether the words that two titles share come in one order, or need not."""
    if not any(word in ORDERED or (len(word) == 1 and word >= _UNSPACED and word.isalpha()) for word in shared):
        return True
    return [word for word in one if word in shared] == [word for word in other if word in shared]


def _is_mistyped(one: str, other: str) -> bool:
    """Return whether of two words one may be the other with a typing error, or its plural."""
    longest = max(len(one), len(other))
    if longest < TYPED or one[0] != other[0] or any(letter.isdigit() for letter in one + other):
        return False
    from rapidfuzz.distance import OSA, Hamming  # it takes a while to load, and most todos look like no other

    if OSA.distance(one, other, score_cutoff=1) > 1:
        return False
    return longest >= MISTYPED or len(one) != len(other) or Hamming.distance(one, other) > 1


def _is_comparable(item: Looks, other: Looks) -> bool:
    """Return whether an item may be the same as another todo: one that is not above it, nor a subtask elsewhere."""
    if item.parent is None or other.parent is None:
        return other.id != item.root
    return item.parent == other.parent


def _most_alike(item: Looks, others: Iterable[Looks]) -> list[Looks]:
    """Return what looks the same as an item, the most alike first, of those the newest; at most `SHOWN`."""
    newest = sorted((other for other in others if _is_comparable(item, other)), key=lambda other: -abs(other.id))
    equal = [other for other in newest if other.words == item.words]
    if len(equal) >= SHOWN:
        return equal[:SHOWN]
    spelled = {tuple(other.words) for other in newest if other.words != item.words}
    alike = [words for words in spelled if same_words(item.words, words)]
    likeness: dict[tuple[str, ...], float] = {}
    if alike:
        from rapidfuzz import fuzz

        title = " ".join(item.words)
        likeness = {words: fuzz.ratio(title, " ".join(words)) for words in alike}
    same = [other for other in newest if tuple(other.words) in likeness]
    same.sort(key=lambda other: -likeness[tuple(other.words)])
    return [*equal, *same][:SHOWN]


@dataclass(frozen=True, slots=True)
class _Asked:
    """An item of the request that is compared with open todos."""

    alike_key: int
    words: Sequence[str]
    alike: Collection[int]
    """Ids of open todos with its `alike_key`."""


class Likeness:
    """The open todos that may look the same as items of a request, and the items that were accepted so far."""

    def __init__(self, asked: Mapping[int, _Asked], there: Mapping[int, Looks], named: Mapping[int, Row]) -> None:
        """Begin with no item accepted.

        Args:
            asked: The items that something may look the same as, by their numbers.
            there: How todos look that were there before, by id.
            named: Rows that say how todos are named, by the ids that `Looks` has.
        """
        self._asked = asked
        self._there = there
        self._named = {**named}
        self._earlier: defaultdict[int, list[Looks]] = defaultdict(list)
        """The items that were accepted, by `alike_key`."""

    @property
    def numbers(self) -> Collection[int]:
        """The numbers of the items that something may look the same as."""
        return self._asked.keys()

    @property
    def ids(self) -> Collection[int]:
        """The ids of the todos that were there before."""
        return self._there.keys()

    @classmethod
    async def before(cls, tx: Tx, titles: Mapping[int, str]) -> Likeness:
        """Look for what looks the same as items that are not made yet.

        Args:
            tx: The transaction.
            titles: Their titles, by their numbers.
        """
        rows = await tx.rows(queries.ALIKE, titles=[*titles.values()]) if titles else []
        numbers = [*titles]
        asked = {numbers[row["n"] - 1]: _Asked(row["alike_key"], row["words"], _alike(row)) for row in rows}
        there, named = await _looks(tx, (todo_id for one in asked.values() for todo_id in one.alike))
        return cls(asked, there, named)

    @classmethod
    async def after(cls, tx: Tx, rows: Mapping[int, WrittenRow]) -> Likeness:
        """Look for what looks the same as items that were just made.

        The newest todos are read first: if these have the same words, no others are shown.

        Args:
            tx: The transaction.
            rows: What was inserted (`compared`), by the numbers of the items.
        """
        if not _may_be_alike(rows.values()):
            return cls({}, {}, {})
        common = Counter(row["alike_key"] for row in rows.values())
        alike = {number: _alike(row) for number, row in rows.items()}
        matter = {number: row for number, row in rows.items() if alike[number] or common[row["alike_key"]] > 1}
        newest = {number: nlargest(SHOWN, alike[number]) for number in matter}
        first = (todo_id for number, row in matter.items() for todo_id in (row["id"], *newest[number]))
        looks, named = await _looks(tx, first)
        others: set[int] = set()
        for number, row in matter.items():
            if not _is_all_said(looks.get(row["id"]), [looks.get(todo_id) for todo_id in newest[number]]):
                others |= alike[number]
        if others := others - looks.keys():
            more_looks, more_named = await _looks(tx, others)
            looks |= more_looks
            named |= more_named
        asked: dict[int, _Asked] = {}
        for number, row in matter.items():
            item = looks.pop(row["id"], None)
            if item is not None:  # in an archived list nothing is compared
                asked[number] = _Asked(row["alike_key"], item.words, alike[number])
                named[-1 - number] = named.pop(row["id"])
        return cls(asked, looks, named)

    def find(self, item: Looks) -> list[Looks]:
        """Return what looks the same as an item, the most alike first.

        Args:
            item: The item; of its own words those count that were read.
        """
        asked = self._asked.get(-1 - item.id)
        if asked is None:
            return []
        there = [self._there[todo_id] for todo_id in asked.alike if todo_id in self._there]
        earlier = self._earlier[asked.alike_key][:COMPARED]
        return _most_alike(item.with_words(asked.words), [*there, *earlier])

    def accept(self, item: Looks) -> None:
        """Have later items compared with an item."""
        asked = self._asked.get(-1 - item.id)
        if asked is not None:
            self._earlier[asked.alike_key].append(item.with_words(asked.words))

    async def made(self, tx: Tx, rows: Mapping[int, WrittenRow]) -> None:
        """Read the title and the list of items that were inserted since, for `named`.

        Args:
            tx: The transaction.
            rows: The inserted rows, by the numbers of their items.
        """
        _, named = await _looks(tx, (row["id"] for row in rows.values()))
        self._named |= {-1 - number: named[row["id"]] for number, row in rows.items() if row["id"] in named}

    def named(self, looks: Iterable[Looks]) -> list[Mapping[str, Any]]:
        """Return todos in the form of `SimilarTodo`; those that could not be read are left out."""
        rows = (self._named[one.id] for one in looks if one.id in self._named)
        return [{name: row[name] for name in _NAMING} for row in rows]


def _is_all_said(item: Looks | None, newest: Sequence[Looks | None]) -> bool:
    """Return whether no older todo need be read for an item: `SHOWN` newer ones have exactly its words.

    Args:
        item: The item; None if it is in an archived list, where nothing is compared.
        newest: The newest todos with its key. Subtasks do not count, for whether they are compared is decided later.
    """
    if item is None:
        return True
    return len(newest) == SHOWN and all(
        one is not None and one.words == item.words and one.parent is item.parent is None for one in newest
    )


def _may_be_alike(rows: Collection[WrittenRow]) -> bool:
    """Return whether another todo, or another one of them, has the same key as one of some inserted todos."""
    return any(row["alike"] != _NONE for row in rows) or len({row["alike_key"] for row in rows}) < len(rows)


def _alike(row: Row | WrittenRow) -> set[int]:
    """Return the ids of the todos with the same key, from a row of `ALIKE` or an inserted row."""
    return {*orjson.loads(row["alike"])}


async def _looks(tx: Tx, ids: Iterable[int]) -> tuple[dict[int, Looks], dict[int, Row]]:
    """Read todos, except those in archived lists; return their looks, and the rows with title and list, by id."""
    looks: dict[int, Looks] = {}
    named: dict[int, Row] = {}
    for chunk in chunks(sorted({*ids})):
        rows = await tx.rows(queries.LOOKS, ids=list(chunk))
        words = {row["title"]: row["words"] for row in rows if row["words"] is not None}
        for row in rows:
            looks[row["id"]] = Looks(row["id"], row["parent_id"], words=words[row["title"]])
            named[row["id"]] = row
    return looks, named
