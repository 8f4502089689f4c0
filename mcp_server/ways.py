"""Say in a refusal what to send instead, where that follows from what was sent and from the tool (MC4).

Models send `""`, `"none"` or 0 where they mean nothing, names that are nearly those of arguments, and words in place of
an id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, Final

import orjson
from mcp_types import CallToolResult

from mcp_server.spelling import Spelling
from mcp_server.tool_results import payload, refused

Json = dict[str, Any]
_Alike = dict[tuple[str, tuple[str, ...]], list[str]]
"""The known names that are most like another, by that and all known ones."""

_NOTHING: Final = frozenset(
    ("null", "none", "nil", "nothing", "undefined", "unset", "n/a", "na", "-", "never", "no", "remove", "clear")
) | {"delete", "stop", "once"}
"""Texts that say that there is no value, or that there shall be none."""
_NO: Final = re.compile(
    r"(?:no|without)(?: an?| any)? (?:due|date|due date|deadline|start|start date|repeat|parent|list)s?"
)
_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_NEAR: Final = 80
"""How much alike an unknown name and a known one are at least, in percent (`rapidfuzz.fuzz.ratio`)."""
_MOST_NEAR: Final = 3
_SHORT: Final = 4
"""So many allowed values are told again."""
_HELPED: Final = 100
"""Of so many problems the way on is looked for: whoever has more has the same ones again and again."""
_LEAVE: Final = "leave it out if nothing is meant"
_SOURCES: Final = {"change_id": "list_changes", "change_ids": "list_changes"} | dict.fromkeys(
    ("id", "ids", "parent_id", "before", "after"), "list_todos"
)
"""Where an argument that is a whole number and stands for a row is told, by its name."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was sent at a path, and what the schema says of it."""

    name: str
    """The argument: of an item of a list, that of the list."""
    value: Any
    schema: Mapping[str, Any]
    is_optional: bool
    clearable: Sequence[str]
    """Names beside it that `clear` takes."""


def with_ways(result: CallToolResult, given: Json, schema: Json) -> CallToolResult:
    """Return the result of a tool, with a way on for each refused argument of which one is known.

    Args:
        result: The result; one that refuses nothing comes back as it is.
        given: The arguments.
        schema: Those that the tool takes.
    """
    (content,) = result.content
    text = getattr(content, "text", "")
    if '"errors":' not in text:
        return result
    told: Json = orjson.loads(text)
    problems = [*_problems(told)]
    near = _say(problems[:_HELPED], given, schema)
    listed: set[tuple[str, ...]] = set()
    for problem, names in zip(problems, chain(near, repeat(())), strict=False):
        _list_once(problem, names, listed)
    return refused(told) if result.is_error else payload(told)


def _say(problems: Sequence[Json], given: Json, schema: Json) -> list[Sequence[str]]:
    """Add the way on to the message of each problem; return the known names nearest to an unknown one of each."""
    read: Any = None
    alike: _Alike = {}
    nearest_names: list[Sequence[str]] = []
    for problem in problems:
        near = _nearest_field(problem, alike)
        nearest_names.append(near)
        if near:
            problem["message"] += _said_of(near)
        elif problem["code"] != "unknown":  # what the schema does not know is nowhere in it
            read = Spelling().read(given, schema) if read is None else read
            if (sent := _at(problem["field"], read, schema)) is not None and (way := _way(problem, sent)):
                problem["message"] = _joined(problem["message"], way)
    return nearest_names


def _nearest_field(problem: Json, alike: _Alike) -> list[str]:
    """Return the known names that are most like that of an unknown field; look for them once for all items."""
    if problem["code"] != "unknown" or "allowed" not in problem:
        return []
    name, known = problem["field"].rpartition(".")[2], tuple(problem["allowed"])
    if (name, known) not in alike:
        alike[name, known] = nearest(name, known)
    return alike[name, known]


def _list_once(problem: Json, near: Sequence[str], listed: set[tuple[str, ...]]) -> None:
    """List allowed values with the nearest first; the others not again that an earlier problem has.

    Fifty items with the same slip would be 60 kB.
    """
    values = tuple(problem.get("allowed", ()))
    if len(values) <= _SHORT or values not in listed:
        if near:
            problem["allowed"] = [*near, *(value for value in values if value not in near)]
    elif near:
        problem["allowed"] = [*near]
    else:
        del problem["allowed"]
        problem["message"] += ", as above"
    listed.add(values)


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Return the known names that are most like another, at most three, the likest first.

    Case and what separates words count for nothing: `dueBefore` is like `due_before`.
    """
    from rapidfuzz import fuzz  # it takes a while to load, and most names are known

    wanted = _folded(name)
    likeness = {other: fuzz.ratio(wanted, _folded(other)) for other in known}
    alike = [other for other in known if likeness[other] >= _NEAR or _begins(wanted, _folded(other))]
    return sorted(alike, key=lambda other: -likeness[other])[:_MOST_NEAR]


def nearest_first(name: str, known: Sequence[str]) -> tuple[list[str], str]:
    """Return known names, the nearest first, and how a refusal goes on to say so; nothing if none is like it."""
    near = nearest(name, known)
    return [*near, *(other for other in known if other not in near)], _said_of(near)


def _said_of(near: Sequence[str]) -> str:
    """Return how a refusal goes on that lists these first."""
    return f"; the nearest {'comes' if len(near) == 1 else 'come'} first in `allowed`" if near else ""


def _begins(one: str, other: str) -> bool:
    """Return whether one of two names begins the other, as `due` does `duedate`."""
    return min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one))


def _folded(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold()) or name


def _problems(told: Json) -> Iterator[Json]:
    """Yield each refused field, those of refused items, too."""
    yield from told.get("errors", ())
    for row in told.get("results", ()):
        yield from row.get("error", {}).get("errors", ())


def _at(path: str, value: Any, schema: Mapping[str, Any]) -> _Sent | None:
    """Return what was sent at a path such as `todos[0].due`; None where nothing was that the schema knows."""
    name, is_optional, clearable = "", False, ()
    for index, field in _PART.findall(path):
        if index:
            if not isinstance(value, list) or int(index) >= len(value) or "items" not in schema:
                return None
            value, schema, is_optional = value[int(index)], schema["items"], False
            continue
        properties = schema.get("properties", {})
        if not isinstance(value, dict) or field not in value or field not in properties:
            return None
        clearable = properties.get("clear", {}).get("items", {}).get("enum", ())
        name, is_optional = field, field not in schema.get("required", ())
        value, schema = value[field], properties[field]
    return _Sent(name, value, schema, is_optional, clearable)


def _way(problem: Json, sent: _Sent) -> str:
    """Return what to send instead of a refused value; empty if nothing is known."""
    if sent.is_optional and _says_nothing(sent.value):
        return f'to empty it, send clear: ["{sent.name}"]' if sent.name in sent.clearable else _LEAVE
    is_number = sent.schema.get("type") == "integer"
    if is_number and problem["code"] == "wrong_type" and isinstance(sent.value, str) and sent.name in _SOURCES:
        return f"take it from {_SOURCES[sent.name]}"
    return ""


def _says_nothing(value: Any) -> bool:
    """Return whether a value stands for none."""
    if isinstance(value, str):
        word = " ".join(value.lower().split())
        return not word or word in _NOTHING or _NO.fullmatch(word) is not None
    return value in (0, False) or value == []


def _joined(message: str, way: str) -> str:
    """Return a message with a way on: as another sentence, or as a part of the one that it is."""
    if message.endswith("."):
        return f"{message} {way[0].upper()}{way[1:]}."
    return f"{message}; {way}"
