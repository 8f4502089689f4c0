"""Where a grammar refuses a text, and which texts lead there."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

Place = tuple[str, int]
"""A file, and the line where it raises."""


def places_of(package: ModuleType, *, but: Iterable[str] = ()) -> dict[Place, range]:
    """Every place in a package that refuses a text, with its lines: each `raise`, but of a plain `ValueError`.

    Args:
        package: The package.
        but: Names of functions that read no text of a person.
    """
    found: dict[Place, range] = {}
    for path in sorted(Path(str(package.__file__)).parent.glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(function, ast.FunctionDef) or function.name in but:
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Raise) and _raised(node) not in ("", "ValueError"):
                    assert node.end_lineno is not None
                    found[path.name, node.lineno] = range(node.lineno, node.end_lineno + 1)
    return found


def _raised(node: ast.Raise) -> str:
    """The name of what is raised: a class, or a function that makes the error."""
    if isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
        return node.exc.func.id
    return ""


def reached(read: Callable[[str], object], texts: Iterable[str], error: type[Exception]) -> set[Place]:
    """The places where `read` refuses one of the texts."""
    found: set[Place] = set()
    for text in texts:
        try:
            read(text)
        except error as refused:
            trace = refused.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            assert trace is not None
            found.add((Path(trace.tb_frame.f_code.co_filename).name, trace.tb_lineno))
    return found


def not_reached(places: dict[Place, range], found: set[Place]) -> set[Place]:
    """The places that no text leads to."""
    return {place for place, lines in places.items() if not any((place[0], line) in found for line in lines)}
