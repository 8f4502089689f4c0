"""Where things are in the project, and its product code."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
SPECS: Final = ROOT / "specs"
TOOLS: Final = frozenset(path.stem for path in (SPECS / "mcp" / "tools").glob("*.json"))
"""The tools of the contract."""
PACKAGES: Final = ("todo_core", "http_edge", "rest_api", "mcp_server", "todo_app")
"""What a wheel installs."""

Compare = Callable[..., None]
"""Holds the file of a snapshot to what it shows, which is JSON with sorted keys but for `sort=False`, or text: the
fixture `compare`."""


def product_files() -> list[Path]:
    """Every Python file of the product."""
    return sorted(path for folder in (*PACKAGES, "migrations") for path in (ROOT / folder).rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """A file as Python reads it."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def strings(path: Path) -> Iterator[ast.Constant]:
    """Every string of a file that is not documentation."""
    documentation = {
        id(node.value)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node


def suite_files() -> list[Path]:
    """Every file with tests."""
    return sorted((ROOT / "tests").rglob("test_*.py"))


@cache
def proofs_in(path: Path) -> list[str]:
    """The names of a file's tests, those of its classes too."""
    return re.findall(r"^ *(?:async )?def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)


def name_of(path: Path) -> str:
    """A file's path in the project."""
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Yield the top names that a file imports, wherever in it."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
