"""Reads the few forms of Markdown that the contracts in `specs/` and `docs/` use."""

from __future__ import annotations

import json
import re
from typing import Any

_BLOCK = re.compile(r"```json\n(.*?)\n\s*```", re.DOTALL)
_CODE = re.compile(r"`([^`]+)`")


def sections(text: str, level: int) -> dict[str, str]:
    """The text below each heading of a level, up to the next heading of that level or above."""
    found: dict[str, str] = {}
    title = None
    for line in text.splitlines():
        heading = re.match(r"(#+) (.+)", line)
        if heading and len(heading[1]) <= level:
            title = heading[2] if len(heading[1]) == level else None
            if title is not None:
                assert title not in found, f"two sections are called {title!r}"
                found[title] = ""
        elif title is not None:
            found[title] += line + "\n"
    return found


def value(section: str, name: str) -> str:
    """What follows `**name**:` in its line."""
    found = re.search(rf"^\*\*{re.escape(name)}\*\*:(.+)$", section, re.MULTILINE)
    assert found, f"**{name}** is missing"
    return found[1].strip()


def following(section: str, name: str) -> str:
    """All that follows the list item `**name**:`, up to the next item of the same kind."""
    found = re.search(rf"^- \*\*{name}\*\*:(.*?)(?=^- \*\*|\Z)", section, re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def tables(section: str) -> list[list[dict[str, str]]]:
    """Every table, its rows by column."""
    found: list[list[dict[str, str]]] = []
    lines = [line.strip() for line in section.splitlines()]
    header: list[str] | None = None
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("|"):
            header = None
        elif re.fullmatch(r"[|\s:-]+", line) and header is None:
            header = _cells(before)
            found.append([])
        elif header is not None:
            cells = _cells(line)
            assert len(cells) == len(header), f"a row does not fit its table: {line}"
            found[-1].append(dict(zip(header, cells, strict=True)))
    return found


def table(section: str) -> list[dict[str, str]]:
    """The first table; no rows if there is none."""
    found = tables(section)
    return found[0] if found else []


def tools(readme: str) -> list[str]:
    """Return every tool of the README's table."""
    (listed,) = [rows for rows in tables(readme) if "tool" in rows[0]]
    return [tool for row in listed for tool in codes(row["tool"])]


def blocks(section: str) -> list[Any]:
    """Every block of JSON."""
    return [json.loads(text) for text in _BLOCK.findall(section)]


def codes(text: str) -> list[str]:
    """Everything in backticks."""
    return _CODE.findall(text)


def code(text: str) -> str:
    """The only thing in backticks."""
    (found,) = codes(text)
    return found


def _cells(line: str) -> list[str]:
    return [
        cell.strip().replace("\\|", "|")
        for cell in re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
    ]
