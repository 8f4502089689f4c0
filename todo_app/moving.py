"""Write what a local user has into a file, for `todo-mcp export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from todo_app.running import fail
from todo_core.settings import Settings

if TYPE_CHECKING:
    from todo_core.models.exports import ExportQuery
    from todo_core.rules.exporting.file import ExportFile


async def export(settings: Settings, url: str, user: str, query: ExportQuery, file: Path | None) -> int:
    """Write what a local user has into a new file, or to standard output, and return how many todos are in it.

    Raises:
        typer.BadParameter: The file cannot be made.
    """
    from rich.console import Console

    from todo_app.local import acting_for
    from todo_core.operations import exports

    with Console(stderr=True).status("Exporting"):  # shows nothing where no terminal is
        async with acting_for(settings, url, user, make=False) as me:
            with closing(await me.perform(exports.make, query)) as made:
                try:
                    _copy(made, file)
                except OSError as error:
                    fail(f"The export cannot be written ({error.strerror}).", 1)
                return made.todos


def _copy(made: ExportFile, file: Path | None) -> None:
    if file is None:
        while block := made.read():
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
        return
    with _new(file) as target:
        while block := made.read():
            target.write(block)


@contextmanager
def _new(file: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that nobody else may read; it is gone again if the block fails.

    Raises:
        typer.BadParameter: It is there already, or cannot be there.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise typer.BadParameter(f"cannot be made ({error.strerror}); name a new file", param_hint="FILE") from None
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target
    except BaseException:
        file.unlink(missing_ok=True)
        raise
