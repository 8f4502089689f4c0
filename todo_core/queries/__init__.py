"""The statements, one file a feature: SQLAlchemy expressions, compiled once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


class _PutOff(MetaPathFinder):
    """Finds the modules of this package, and has each loaded when something of it is first used."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(f"{__name__}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def put_off_loading() -> None:
    """Load modules of statements that are imported from now on when they are first needed.

    It is for programs that put off compiling, too (`storage.statements`): to make the expressions takes a tenth of a
    start. `from todo_core.queries.lists import LISTS` uses the module at once; `from todo_core.queries import lists`
    does not.
    """
    sys.meta_path.insert(0, _PutOff())
