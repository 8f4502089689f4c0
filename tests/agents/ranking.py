"""Rank tools by the words of a request, as clients do that show a model only some of many tools.

It is BM25 (Robertson and Zaragoza, 2009, section 3.2) with the weights of Lucene, over whole lower-case words. The
libraries do more: rank-bm25 replaces the weights of frequent words, bm25s drops words of one letter and needs NumPy.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from math import log
from typing import Any, Final

Json = dict[str, Any]
K1: Final = 1.2
B: Final = 0.75


def words(text: str) -> list[str]:
    """Return the words of a text, in lower case; no stems."""
    return re.findall(r"\w+", text.lower())


def document(tool: Json) -> list[str]:
    """Return the words of a tool: its name, its description, and those of its arguments at any depth."""
    return words(" ".join([tool["name"], tool["description"], *_arguments(tool["inputSchema"])]))


def _arguments(schema: Json) -> Iterator[str]:
    for name, argument in schema.get("properties", {}).items():
        yield name
        yield argument.get("description", "")
        yield from _arguments(argument)
    if "items" in schema:
        yield from _arguments(schema["items"])


class Ranking:
    """Tools by what is said of them."""

    def __init__(self, tools: Sequence[Json]) -> None:
        """Count the words of tools, as `tools/list` has them."""
        self._counts = {tool["name"]: Counter(document(tool)) for tool in tools}
        self._lengths = {name: counts.total() for name, counts in self._counts.items()}
        self._average = sum(self._lengths.values()) / len(tools)
        self._tools_with = Counter(word for counts in self._counts.values() for word in counts)

    def of(self, request: str) -> list[tuple[str, float]]:
        """Return all tools with what they score for a request, the best first; a tool that shares no word has zero."""
        scores = [(name, sum(self._score(name, word) for word in words(request))) for name in self._counts]
        return sorted(scores, key=lambda found: -found[1])

    def _score(self, name: str, word: str) -> float:
        count, tools_with = self._counts[name][word], self._tools_with[word]
        weight = log(1 + (len(self._counts) - tools_with + 0.5) / (tools_with + 0.5))
        return weight * count * (K1 + 1) / (count + K1 * (1 - B + B * self._lengths[name] / self._average))
