"""SQL in lines that people can read, and whose changes a diff shows.

Only white space changes: what is shown is what is sent. The formatters on the registry either rewrite the text or
leave INSERT and UPDATE as they are (`docs/decisions/0022-statements-in-files.md`).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from textwrap import indent
from typing import Final

WIDTH: Final = 100
"""A line is broken where it would be longer, if it can be."""

_QUOTED: Final = r"""'(?:[^']|'')*'|"[^"]*\""""
_SPACE: Final = re.compile(rf"({_QUOTED})|\s+")
_NESTING: Final = re.compile(rf"{_QUOTED}|[(\[]|[)\]]|\bCASE\b|\bEND\b")
_OPENING: Final = ("(", "[", "CASE")
_CLOSING: Final = (")", "]", "END")
_NESTED: Final = re.compile(r"(?<=[(\[])\0+|(?<=CASE)\0+")
_BETWEEN: Final = re.compile(r"\bBETWEEN .*?\bAND\b")
_CLAUSE: Final = re.compile(
    r"\b(?:SELECT|INSERT INTO|VALUES|DELETE FROM|USING|SET|WHERE|GROUP BY|HAVING|ORDER BY|LIMIT|OFFSET|RETURNING"
    r"|FOR UPDATE|(?<!FOR )(?<!DO )UPDATE|(?<!DISTINCT )(?<!DELETE )FROM|UNION(?: ALL)?|EXCEPT|ON CONFLICT"
    r"|LEFT OUTER JOIN|CROSS JOIN|(?<!OUTER )(?<!CROSS )JOIN)\b"
)
_LIST: Final = re.compile(r"(?:WITH(?: RECURSIVE)?|SELECT(?: DISTINCT)?|SET|FROM|GROUP BY|ORDER BY|RETURNING)\b")
_CONDITION: Final = re.compile(r"(?:WHERE|HAVING)\b")
_COMMA: Final = re.compile(r"(?<=,) ")
_LOGIC: Final = tuple(re.compile(rf"\b{word}\b") for word in ("ON", "THEN", "OR", "AND"))
"""The loosest binding first."""
_BRANCH: Final = re.compile(r"\b(?:WHEN|ELSE)\b")


@cache  # one test shows it, others look at it
def lay_out(sql: str) -> str:
    """Return a statement in lines, with one space for any white space within a line."""
    return _block(_SPACE.sub(lambda found: found[1] or " ", sql.strip()), 0)


def _block(text: str, column: int) -> str:
    """Lay out a statement, or what stands in brackets or in a CASE, indented by `column`."""
    if len(text) + column <= WIDTH:
        return text
    clauses = _parts(text, _CLAUSE)
    if len(clauses) > 1 or _CLAUSE.match(text):
        return "\n".join(_clause(clause, column) for clause in clauses)
    return "\n".join(_expression(part, column) for part in _parts(text, _BRANCH if _BRANCH.match(text) else _COMMA))


def _clause(text: str, column: int) -> str:
    """Lay out a clause: on a line, or its parts on lines of their own."""
    if len(text) + column <= WIDTH:
        return text
    keyword, parts = "", []
    if found := _LIST.match(text):
        keyword, parts = found[0], _parts(text[found.end() :], _COMMA)
    elif found := _CONDITION.match(text):
        keyword, parts = found[0], _conditions(text[found.end() :])
    elif not text.startswith("ON CONFLICT"):
        keyword, *parts = _conditions(text)
    if not parts or (found and len(parts) == 1):
        return _expression(text, column)
    lines = "\n".join(_expression(part, column + 4) for part in parts)
    return f"{_expression(keyword, column)}\n{_indented(lines)}"


def _expression(text: str, column: int) -> str:
    """Lay out an expression: broken where it is least tightly bound, else within the brackets that do not fit."""
    if len(text) + column <= WIDTH:
        return text
    parts = _conditions(text)
    if len(parts) > 1:
        return "\n".join(_clause(part, column) for part in parts)
    brackets = [found.span() for found in _NESTED.finditer(_masked(text))]
    if not brackets:
        return text
    start, end = next((span for span in brackets if span[1] + column > WIDTH), brackets[-1])
    inner = _indented(_block(text[start:end].strip(), column + 4))
    return f"{text[:start]}\n{inner}\n{text[end]}{_expression(text[end + 1 :], column + 1)}"


def _parts(text: str, before: re.Pattern[str]) -> list[str]:
    """Split a text before each match that is not nested."""
    starts = [0, *(found.start() for found in before.finditer(_masked(text)))]
    ends = [*starts[1:], len(text)]
    return [part for start, end in zip(starts, ends, strict=True) if (part := text[start:end].strip())]


def _conditions(text: str) -> list[str]:
    """Split a text at the loosest of ON, THEN, OR and AND that it has."""
    return next((parts for word in _LOGIC if len(parts := _parts(text, word)) > 1), [text])


@lru_cache(maxsize=1)  # a text is split at several words, one after the other
def _masked(text: str) -> str:
    """Return the text with NUL for every character that is quoted, in brackets or in a CASE."""
    masked, depth, last = "", 0, 0
    for found in _NESTING.finditer(text):
        word, between = found[0], text[last : found.start()]
        masked += "\0" * len(between) if depth else between
        if word in _CLOSING:
            depth -= 1
        masked += "\0" * len(word) if depth or word.startswith(("'", '"')) else word
        if word in _OPENING:
            depth += 1
        last = found.end()
    return _BETWEEN.sub(lambda found: found[0][:-3] + "\0\0\0", masked + text[last:])


def _indented(lines: str) -> str:
    return indent(lines, "    ")
