"""The statements of the product, with the names and the docstrings that the code gives them."""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import pairwise
from types import ModuleType
from typing import Any, Final

from tests.contract.project import ROOT, tree
from todo_core import queries
from todo_core.queries import search, todos
from todo_core.storage.statements import Statement

_FILTERS: Final = frozenset(todos.CONDITIONS | todos.STARTS)
SHAPES: Final[dict[Callable[..., Statement], dict[str, tuple[Any, ...]]]] = {
    todos.page: {
        "plainest": ("open", frozenset(), "created", True, False),
        "fullest": ("open", _FILTERS | {"shows_notes"}, "due", False, True),
        "of_known_total": ("open", frozenset({"knows_total"}), "created", True, False),
        "search_plainest": ("open", frozenset({"text"}), "match", True, False),
        "search_of_known_total": ("open", frozenset({"text", "knows_total"}), "match", True, True),
        "search_fullest": ("open", _FILTERS | {"text"}, "match", True, True),
    },
    search.nearest: {"plainest": ("open", frozenset()), "fullest": ("open", _FILTERS)},
}
"""Functions that make statements, and for which arguments their statements are shown."""


@dataclass(frozen=True)
class Named:
    """A statement, or one of those that a function makes."""

    name: str
    """`<module>/<constant>`, or `<module>/<function>.<shape>`."""
    documentation: str
    statement: Statement

    @property
    def indexes(self) -> set[str]:
        """The indexes that its docstring says it reads."""
        return {*re.findall(r"\b(?:ix|uq|pk)_\w+", self.documentation)}


def modules() -> Iterator[ModuleType]:
    """Every module of queries, in the order of names."""
    for found in pkgutil.iter_modules(queries.__path__):
        yield import_module(f"{queries.__name__}.{found.name}")


def documentation(module: ModuleType) -> dict[str, str]:
    """The docstring that follows each constant of a module."""
    source = tree(ROOT / f"{module.__name__.replace('.', '/')}.py").body
    return {
        node.targets[0].id: inspect.cleandoc(text.value.value)
        for node, text in pairwise(source)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def makers(module: ModuleType) -> list[Callable[..., Statement]]:
    """The public functions of a module that return a statement."""
    return [
        value
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
        if inspect.signature(value).return_annotation == "Statement"
    ]


def _named() -> Iterator[Named]:
    for module in modules():
        feature, documented = module.__name__.rpartition(".")[2], documentation(module)
        for name, value in vars(module).items():
            if isinstance(value, Statement):
                yield Named(f"{feature}/{name}", documented.get(name, ""), value)
        for make in makers(module):
            for shape, arguments in SHAPES.get(make, {}).items():
                written = inspect.cleandoc(make.__doc__ or "")
                yield Named(f"{feature}/{make.__name__}.{shape}", written, make(*arguments))


STATEMENTS: Final = {one.name: one for one in _named()}
"""Every statement by its name."""
