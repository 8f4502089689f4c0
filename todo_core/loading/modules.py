"""Keep libraries from loading modules that they do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Have Python find no modules of these names in this block: for libraries that do without what is not installed.

    Modules that are loaded already are there again after it.
    """
    loaded: dict[str, Any] = {name: sys.modules[name] for name in names if name in sys.modules}
    sys.modules.update(dict.fromkeys(names))  # type: ignore[arg-type]  # to Python, None cannot be found
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(loaded)
