"""Move what a local user has into a file and out of one, for `todo-mcp export` and `todo-mcp import`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import typer

from todo_app.output import say
from todo_app.running import fail
from todo_core.settings import Settings

MOST_ITEMS: Final = 50_000
"""Todos of a file."""
MOST_BYTES: Final = 100 * 1024 * 1024
"""Bytes of a file."""
_SHOWN: Final = 20
"""Remarks that a preview shows."""

if TYPE_CHECKING:
    from todo_core.models.exports import ExportQuery
    from todo_core.models.imports import ImportQuery
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


async def import_(settings: Settings, url: str, user: str, query: ImportQuery, file: Path, *, yes: bool) -> int:
    """Show what an import of a file would do, and do it if somebody agrees; return the exit code.

    Args:
        settings: The configuration.
        url: The database.
        user: The local user.
        query: How the file is read.
        file: The file.
        yes: Whether somebody agreed already.

    Raises:
        typer.BadParameter: The file cannot be read, or is too large.
    """
    from dataclasses import replace

    from rich.console import Console
    from rich.progress import Progress

    from todo_app.local import acting_for
    from todo_core.models.imports import ImportFile
    from todo_core.operations import imports

    taken = ImportFile(_content(file), most_items=MOST_ITEMS)
    console = Console(stderr=True)
    async with acting_for(settings, url, user) as me:
        with console.status("Reading"):  # shows nothing where no terminal is
            preview = await replace(me, dry_run=True).perform(imports.make, query, taken)
        told = preview.one()
        _tell(told.as_dict())
        if not told.changed:
            say("Nothing is new.")
            return 0
        if not yes and not sys.stdin.isatty():
            fail("Nothing was imported: pass --yes to import this.", 2)
        if not yes and not typer.confirm("Import this?"):
            return 1
        with Progress(console=console) as progress:
            task = progress.add_task("Importing", total=None)
            taken.tell = lambda done, total: progress.update(task, completed=done, total=total)
            made = await me.perform(imports.make, query, taken)
        say(f"imported; to take it back, undo change {made.change_id}")
    return 0


def _content(file: Path) -> bytes:
    """Return what is in a file.

    Raises:
        typer.BadParameter: It cannot be read, or is too large.
    """
    try:
        with file.open("rb") as source:
            content = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise typer.BadParameter(f"cannot be read ({error.strerror})", param_hint="FILE") from None
    if len(content) > MOST_BYTES:
        raise typer.BadParameter(f"is larger than {MOST_BYTES >> 20} MB; split it", param_hint="FILE")
    return content


def _tell(told: dict[str, Any]) -> None:
    """Print what an import does (`ImportRead`)."""
    names = ("todos", "done", "trashed", "notes", "lists", "tags", "existing", "existing_in_trash", "left_out")
    counts = [f"{told[name]:,} {name.replace('_', ' ')}" for name in names if told[name] or name == "todos"]
    say(told["format"], ", ".join(counts) + (", profile" if told["profile"] else ""))
    for one in told["summary"][:_SHOWN]:
        say(f"{one['count']:,} x", one["kind"].replace("_", " "), one["field"], one["message"])
    for one in told["remarks"][:_SHOWN]:
        say(one["at"], one["kind"].replace("_", " "), one["field"], one["message"])
    more = told["more_remarks"] + max(len(told["remarks"]) - _SHOWN, 0)
    if more:
        say(f"and {more:,} more")
