"""Load structlog for everything here that logs, and leave out what it would load to no end.

We log JSON, so rich, by which it prints in colours, is not needed: with its highlighter and all that this needs it is
3 MB that each process would keep, and most of the time that loading structlog takes. Nor is greenlet, another MB, which
SQLAlchemy brings along: no context of ours lives in a greenlet. So nothing else here imports structlog: whoever did it
first would have both loaded.
"""

from __future__ import annotations

from todo_core.loading.modules import absent

with absent("rich", "greenlet"):
    import structlog

__all__ = ["structlog"]
