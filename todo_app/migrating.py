"""Bring the database to this version's schema: by itself at a start, and as `todo-mcp migrate`."""

from __future__ import annotations

import sys
from collections.abc import Callable

import asyncpg
import typer

from todo_app.embedded import is_shared
from todo_app.output import say
from todo_core.schema import OF_OTHERS, SchemaError
from todo_core.schema.state import Position, current, position
from todo_core.schema.versions import is_up_to_date, serves, standing
from todo_core.settings import Settings


def tell(line: str) -> None:
    """Print a line about the migration to standard error."""
    say(f"todo-mcp: {line}", apart=True)


async def bring_up(
    settings: Settings, url: str, tell_rows: Callable[[str, int, float], None] = lambda *_: None
) -> None:
    """Migrate a database that is behind, so that this code can serve. Import Alembic only then: it is slow to import.

    The embedded database is finished, too, if no other process uses it. What is left to do after this code can serve
    is no reason not to: any fault there is told and left to `todo-mcp migrate`.

    Args:
        settings: The configuration.
        url: The database.
        tell_rows: Takes, for each chunk of a backfill, the table, the rows and the share of the table that was seen.

    Raises:
        SchemaError: This code cannot serve: the database is of a later version, or cannot be migrated.
        OSError: PostgreSQL cannot be reached.
        asyncpg.PostgresError: It refuses a connection that is needed before this code can serve.
    """
    finish = settings.database_url is None and not is_shared(settings)
    revision, is_partly_undone, is_others = await position(url)
    if settings.database_url is None and revision is None and not is_others and await _made(url):
        return
    if is_partly_undone or not is_up_to_date(revision, finish=finish):
        from todo_core.schema.migrate import migrate

        try:
            await migrate(url, finish=finish, serving=True, tell=tell, tell_rows=tell_rows)
        except Exception as error:
            if not (serves(revision) or serves(await current(url))):
                raise
            tell(str(error) if isinstance(error, SchemaError) else _left(error))
    elif is_others:
        raise SchemaError(OF_OTHERS)
    elif not serves(revision):
        raise SchemaError(f"The database is at schema {revision}, {standing(revision)}.")


async def _made(url: str) -> bool:
    """Make the whole schema in an empty database, and return whether that was done; where it failed, the steps say why.

    Raises:
        OSError: PostgreSQL cannot be reached.
    """
    from todo_core.schema import all_steps

    try:
        return await all_steps.make(url)
    except asyncpg.PostgresError:
        return False


def _left(error: Exception) -> str:
    """Return in words what a fault other than a SchemaError leaves to do; its own message may quote anything."""
    name = type(error).__name__
    return f"A later step of the schema failed ({name}) and is not needed to serve. Run `todo-mcp migrate`."


async def check(_: Settings, url: str) -> int:
    """Print where the database stands. Return the exit code: 1 if there is something to do."""
    here = await position(url)
    say(_in_words(here))
    return 0 if is_up_to_date(here.revision) and serves(here.revision) and not here.is_partly_undone else 1


def _in_words(here: Position) -> str:
    """Return in words where a database stands."""
    how = "partly undone: `todo-mcp migrate` does it again" if here.is_partly_undone else standing(here.revision)
    return f"{here.revision or 'empty'} ({how})"


async def go(settings: Settings, url: str, to: str | None, *, finish: bool, adopt: bool, yes: bool) -> int:
    """Migrate, and print where the database stands then. Return the exit code.

    Args:
        settings: The configuration.
        url: The database.
        to: The revision to go to, or None; see `todo_core.schema.migrate`.
        finish: No process of the version before runs any more.
        adopt: Make our tables beside those of another program.
        yes: Delete without asking what a downgrade deletes.

    Raises:
        SchemaError: The database cannot be brought there.
        typer.BadParameter: There is no such revision.
    """
    from todo_core.schema.migrate import BASE, migrate, revisions

    if to is not None:
        known = (*revisions(), BASE)
        if to not in known:
            raise typer.BadParameter(f"is not a revision; there are {', '.join(known)}", param_hint="--to")
        await _ask(url, to, yes=yes)
    is_finished = settings.database_url is None and not is_shared(settings)
    await migrate(url, to, finish=finish or is_finished, adopt=adopt, tell=tell)
    say(_in_words(await position(url)))
    return 0


async def _ask(url: str, to: str, *, yes: bool) -> None:
    """Ask before a downgrade, which deletes what only newer versions can hold.

    Raises:
        SchemaError: There is nobody to ask.
        typer.Abort: The answer is no.
    """
    from todo_core.schema.losses import goes_down, losses
    from todo_core.schema.migrate import revisions

    present = await current(url)
    if present not in revisions() or not goes_down(present, to):
        return
    lost = ", ".join(await losses(url, to, present, tell=tell))
    warning = f"From {present} down to {to} {f'deletes for good: {lost}' if lost else 'deletes nothing'}."
    if yes:
        tell(warning)
    elif sys.stdin.isatty():
        typer.confirm(f"{warning} Programs of a newer version then fail. Go down?", abort=True, err=True)
    else:
        raise SchemaError(f"{warning} Say --yes to go down without being asked.")
