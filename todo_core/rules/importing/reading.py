"""Have a file read by a process of its own, and take what it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, Final

import orjson
from anyio import fail_after, to_thread

from todo_core.boundary.caller import Caller
from todo_core.boundary.turns import in_turns
from todo_core.errors import FieldError, InvalidInput, TooManyRequests, Unavailable
from todo_core.log import structlog
from todo_core.models.imports import ImportFile, ImportQuery
from todo_core.rules.importing.items import PARTS, Item, LeftOut, Remark

_SECONDS: Final = 20
"""Most seconds of processor time for a file of up to `_ITEMS` items; with more, in proportion."""
_WAIT: Final = 3
"""How many times as long the reading may take by the clock: other work may share the processor."""
_MEGABYTES: Final = 512
"""Most memory for a file of up to twice `_ITEMS` items; with more, in proportion."""
_ITEMS: Final = 5_000
_PATIENCE: Final = 5.0
"""Seconds for which a file waits for another one to be read."""
_CROWDED: Final = "Others import at this moment."
_RETRY_AFTER: Final = 5
"""Seconds of `Retry-After` for each file that is ahead: with one number for all, all would come back at once."""
_LAST: Final = 24
"""Most files ahead that are counted for it."""
_TOO_LONG: Final = getattr(signal, "SIGXCPU", 0)
"""The signal that ends a process which has used up its processor time; 0 where there is none (Windows)."""
_WORKER: Final = "todo_core.rules.importing.worker"
_log = structlog.get_logger()


async def read(caller: Caller, query: ImportQuery, file: ImportFile) -> None:
    """Read a file in a process of its own, outside of any transaction, and store the result in `file.parts`.

    Raises:
        InvalidInput: It cannot be read, takes too long, or has too many items.
        TooManyRequests: Other files are being read, for longer than `_PATIENCE`.
        Unavailable: No process can be started.
    """
    if file.parts is not None:
        return
    reading = caller.core.reading_imports
    ahead = min(reading.statistics().tasks_waiting, _LAST)
    try:
        with fail_after(_PATIENCE):
            await reading.acquire()
    except TimeoutError:
        raise TooManyRequests(_RETRY_AFTER * (ahead + 1), _CROWDED) from None
    try:
        lines = await to_thread.run_sync(_lines, query.format or "", file)
    finally:
        reading.release()
    parts: list[Any] = []
    form: Any = None
    async for line in in_turns(lines):
        record = orjson.loads(line)
        if (refused := record.get("refused")) is not None:
            raise _refusal(refused)
        if form is None:
            form = record["format"]
        else:
            parts.append(_part(record["kind"], record["part"]))
    if form is None:
        raise _refusal("takes too much memory; split it")
    file.parts = form, parts


def _lines(form: str, file: ImportFile) -> list[bytes]:
    """Run the process, and return the lines that it writes.

    Raises:
        InvalidInput: It takes too long, or ends before it is done.
        Unavailable: It cannot be started.
    """
    scale = max(file.most_items / _ITEMS, 1)
    # Isolated: neither the working directory nor the environment names modules.
    seconds, megabytes = int(_SECONDS * scale), int(_MEGABYTES * max(scale / 2, 1))
    bounds = map(str, (file.most_items, megabytes, seconds))
    words = [sys.executable, "-I", "-m", _WORKER, form, *bounds]
    try:
        done = subprocess.run(  # noqa: S603  # our own module
            words, input=file.content, capture_output=True, timeout=_WAIT * seconds, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        raise _too_long() from None
    except OSError as error:
        _log.error("import_not_read", reason=error.strerror)
        raise Unavailable("The file cannot be read right now.") from None
    if done.returncode and done.returncode == -_TOO_LONG:
        raise _too_long()
    if done.returncode:
        _log.warning("import_not_read", exit_code=done.returncode)
        raise _refusal("cannot be read; export it again, or split it")
    return done.stdout.splitlines()


def _environment() -> dict[str, str]:
    """Return the environment of the process: what it needs to start, and no secret, for it parses foreign input."""
    return {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}


def _part(kind: str, fields: dict[str, Any]) -> Any:
    """Return the part that a line of the process describes.

    Args:
        kind: The name of its class.
        fields: Its fields.
    """
    if kind == LeftOut.__name__:
        return LeftOut(Remark(**fields["remark"]))
    if kind == Item.__name__:
        fields["remarks"] = [Remark(**remark) for remark in fields["remarks"]]
    return PARTS[kind](**fields)


def _too_long() -> InvalidInput:
    return _refusal("takes too long to read; split it")


def _refusal(message: str) -> InvalidInput:
    return InvalidInput(errors=[FieldError("file", message)])
