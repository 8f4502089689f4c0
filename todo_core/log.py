"""Load structlog for everything here that logs, and leave out rich, which it would load to print in colours.

We log JSON. With rich come its highlighter and all that this needs: 3 MB that each process would keep, and most of the
time that loading structlog takes. So nothing else here imports structlog: whoever did it first would have rich loaded.
"""

from __future__ import annotations

import sys
from typing import Any, Final

_RICH: Final[Any] = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # to Python, a module that cannot be found
try:
    import structlog
finally:
    del sys.modules["rich"]
    if _RICH is not None:
        sys.modules["rich"] = _RICH

__all__ = ["structlog"]
