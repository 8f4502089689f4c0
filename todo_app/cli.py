"""The command line: `todo-mcp`.

Exit codes: 0 done, 1 a check or the work failed, 2 a wrong configuration or command line.
Answers go to standard output, everything else to standard error.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import typer
from typer.main import get_command

from todo_app.agent_commands import commands as agent_commands
from todo_app.calendar_commands import commands as calendar_commands
from todo_app.output import say, say_json
from todo_app.running import AsJson, User, as_user, fail, load, loading, with_database
from todo_app.token_commands import commands as token_commands
from todo_app.user_commands import commands as user_commands
from todo_core import ENV_FILE

if TYPE_CHECKING:
    from todo_app.backups.archive import Content
    from todo_core.errors import FieldError
    from todo_core.settings import Settings

app = typer.Typer(
    name="todo-mcp",
    help="Todos for people and their AI agents: MCP tools and a REST API over one PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(token_commands, name="token")
app.add_typer(calendar_commands, name="calendar")
app.add_typer(user_commands, name="user")
app.add_typer(agent_commands, name="agent")


def _name_file(path: Path | None) -> None:
    """Name the file of settings to this process and to those that it starts."""
    if path is not None:
        os.environ[ENV_FILE] = str(path)


@app.callback()
def options(
    context: typer.Context,
    _: Annotated[
        Path | None,
        typer.Option(
            "--env-file",
            envvar=ENV_FILE,
            exists=True,
            dir_okay=False,
            resolve_path=True,
            callback=_name_file,
            expose_value=False,
            help="Read more settings from this file, a NAME=value on each line.",
        ),
    ] = None,
) -> None:
    """Take the options of every command."""
    if context.invoked_subcommand != "serve":  # which checks it, and alone makes traces
        with loading():
            from todo_app.measuring import otel_settings
            from todo_core.queries import put_off_loading
            from todo_core.storage import compiling

        otel_settings.forget_what_imports_read()
        compiling.put_off()
        put_off_loading()
    if context.invoked_subcommand not in ("stdio", "watch"):  # which have nothing to clean up until `with_database`
        _run_finally_blocks()


def _run_finally_blocks() -> None:
    """Have SIGTERM and SIGINT raise an exception from now on (`__main__.py` has SIGINT end the process)."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _command_line() -> Any:
    """Return the command line as click has it, whose commands each take the options of all."""
    whole = get_command(app)

    def pass_on(group: Any) -> None:
        for command in getattr(group, "commands", {}).values():
            command.params += [option for option in whole.params if "--env-file" in option.opts]
            pass_on(command)

    pass_on(whole)
    return whole


def main() -> None:
    """Run the command line. Print a mistake of the person as one line, without a traceback."""
    try:
        _command_line()()
    except Exception as error:
        ending = _ending(error)
        if ending is None:
            raise
        fail(*ending)


def _ending(error: Exception) -> tuple[str, int] | None:
    """Return what to say of an error of the person or of the database, and the exit code; None of one of ours."""
    import asyncpg

    from todo_app.backups import BackupError
    from todo_core.errors import InvalidInput, TodoError
    from todo_core.schema import SchemaError
    from todo_core.settings import ConfigurationError
    from todo_core.storage.faults import cause

    if isinstance(error, ConfigurationError):
        return str(error), 2
    if isinstance(error, TodoError):
        code = 2 if isinstance(error, InvalidInput) else 1
        fields = "".join(f" {_of_field(wrong)}" for wrong in error.errors)
        return f"{error.detail}{fields or ' ' + error.next_step}", code
    if isinstance(error, SchemaError | BackupError):
        return str(error), 1
    if isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError):
        return f"The database cannot be used ({cause(error)}); check TODO_DATABASE_URL.", 1
    return None


def _of_field(wrong: FieldError) -> str:
    """Return what is wrong with a field, and what is allowed, to which the message may point."""
    allowed = f" `allowed`: {', '.join(wrong.allowed)}." if wrong.allowed else ""
    return f"{wrong.field} {wrong.message}.{allowed}"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    only: Annotated[str | None, typer.Option(help="Serve just one face: rest or mcp.", metavar="rest|mcp")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Serve REST, MCP and API docs on one port; PostgreSQL starts by itself if none is configured."""
    from todo_app.measuring import otel_settings

    otel_settings.check()  # before what reads these variables while it is imported
    from todo_app import serve as server
    from todo_app.address import Address
    from todo_app.embedded import opened
    from todo_app.measuring.exporting import exporting
    from todo_app.migrating import bring_up, tell
    from todo_app.waiting import wait_for
    from todo_core.settings import ConfigurationError

    if only not in (None, "rest", "mcp"):
        raise typer.BadParameter("takes rest or mcp", param_hint="--only")
    settings = load()
    address = Address(host, port)
    address.hosts(settings)
    if not address.is_free():
        fail(f"Port {port} of {host} is taken; choose another with --port.", 1)
    if settings.metrics_port == port:
        raise ConfigurationError("TODO_METRICS_PORT must be another port than the one that is served on")
    with opened(settings) as database, exporting(settings) as metrics:

        async def prepare() -> tuple[str, str]:
            await wait_for(database.url, settings.database_wait, tell)
            await bring_up(settings, database.url, *([] if metrics is None else [metrics.backfilled]))
            url = await database.url_of_requests()
            return url, await server.welcome(settings, url, address, only)  # type: ignore[arg-type]  # checked above

        url, welcome = anyio.run(prepare)
        for line in welcome.split("\n"):
            say(line)
        if workers > 1 and settings.redis_url is None:
            tell(f"without TODO_REDIS_URL each of the {workers} workers counts the rate limits by itself")

        def keep(lost: Callable[[], None]) -> AbstractContextManager[None]:
            return database.kept(tell, lost)

        server.run(settings, url, address, only, workers=workers, keep=keep, metrics=metrics)  # type: ignore[arg-type]


@app.command()
def stdio() -> None:
    """Serve MCP on standard input and output, for the local user TODO_USER (Claude Desktop and the like)."""
    settings = load()

    async def work(settings: Settings, url: str) -> None:
        from todo_app.stdio import serve_stdio

        await serve_stdio(settings, url)

    def tell_place(place: str) -> None:
        from todo_app.migrating import tell

        tell(f"serving the todos of {settings.user!r}, in {place}")

    with_database(work, settings, meanwhile="todo_app.stdio", leave_at_once=True, tell_place=tell_place)


@app.command()
def watch(as_json: AsJson = False) -> None:
    """Print what changes in the todos of the local user TODO_USER, a line each, as it happens, until Ctrl-C."""
    from todo_app.watching import watch as work

    async def run(settings: Settings, url: str) -> int:
        return await work(settings, url, as_json=as_json)

    raise SystemExit(with_database(run, load(), leave_at_once=True))


@app.command()
def demo() -> None:
    """Show the tools at work: a real MCP client on a server in a temporary folder."""
    from todo_app.demo import run

    load()
    raise SystemExit(run())


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when behind.")] = False,
    finish: Annotated[bool, typer.Option("--finish", help="Also the step that ends older versions.")] = False,
    to: Annotated[str | None, typer.Option(help="Revision to go to, up or down; `base` takes everything down.")] = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Also beside the tables of another program.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a downgrade.")] = False,
) -> None:
    """Bring the database to this version's schema, while this version and the one before serve."""
    from todo_app import migrating

    if finish and to is not None:
        raise typer.BadParameter("goes with no --to", param_hint="--finish")
    if check:
        raise SystemExit(with_database(migrating.check, load(), migrated=False))

    async def work(settings: Settings, url: str) -> int:
        return await migrating.go(settings, url, to, finish=finish, adopt=adopt, yes=yes)

    raise SystemExit(with_database(work, load(), migrated=False))


@app.command()
def purge() -> None:
    """Delete for good old trash (TODO_TRASH_DAYS), old changes (TODO_HISTORY_DAYS) and expired retry answers."""
    from rich.console import Console

    from todo_core.core import Core

    async def work(settings: Settings, url: str) -> dict[str, int]:
        with Console(stderr=True).status("Purging") as status:  # shows nothing where no terminal is
            async with Core.open(settings, url) as core:
                return await core.purges.purge(lambda purged: status.update(f"Purging: {_counts(purged)}"))

    say_json(with_database(work, load()))


def _counts(rows: Mapping[str, int]) -> str:
    """Return numbers of rows in words, such as `5,000 todos, 2 lists`."""
    return ", ".join(f"{count:,} {kind}" for kind, count in rows.items() if count)


@app.command()
def doctor() -> None:
    """Check issuers, server, roles and schema, a line each, and say how to mend what is wrong."""
    from todo_app.doctor import examine

    raise SystemExit(with_database(examine, load(), migrated=False))


@app.command()
def backup(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", allow_dash=True, resolve_path=True, help="A new file; not standard output."),
    ],
) -> None:
    """Write everybody's rows into FILE, a backup in pg_dump's custom format. Programs serve meanwhile."""
    from todo_app.backups.backup import back_up

    if file.name == "-":
        raise typer.BadParameter("a backup is read back before it counts; name a file", param_hint="FILE")
    if os.path.lexists(file):
        raise typer.BadParameter("is there already; name a new file", param_hint="FILE")
    _with_backup("Backing up", back_up, file)


@app.command()
def restore(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, resolve_path=True, help="A backup.")
    ],
) -> None:
    """Restore the rows of FILE into an empty database, with tables and roles of this program's making."""
    from todo_app.backups.restore import restore as work

    _with_backup("Restoring", work, file)


@app.command()
def export(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A new file. Default, and -: standard output.")
    ] = None,
    form: Annotated[Literal["json", "csv", "ics"], typer.Option("--format", help="json has everything.")] = "json",
    history: Annotated[bool, typer.Option("--history", help="With the record of changes; json alone.")] = False,
    user: User = None,
) -> None:
    """Export a local user's todos with all that belongs to them, as of one moment."""
    from todo_app import moving
    from todo_core.models.exports import ExportQuery

    target = None if file in (None, "-") else Path(file).resolve()
    if target is not None and os.path.lexists(target):
        raise typer.BadParameter("is there already; name a new file", param_hint="FILE")
    query = ExportQuery(format=form, history=history)

    async def work(settings: Settings, url: str) -> int:
        return await moving.export(settings, url, user or settings.user, query, target)

    say(f"{with_database(work, load()):,} todos", apart=True)


@app.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, resolve_path=True, help="A file.")
    ],
    form: Annotated[
        Literal["json", "ics", "todoist", "microsoft", "google", "ticktick"] | None,
        typer.Option("--format", help="Default: it is found."),
    ] = None,
    into: Annotated[
        str | None, typer.Option("--list", help="List of todos that name none; made if new. Default: the default list.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Local user; made if new. Default: TODO_USER.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Import the todos of FILE for a local user: first shows what becomes of it, then asks."""
    from pydantic import ValidationError

    from todo_app import moving
    from todo_core.models.imports import ImportQuery
    from todo_core.validation import refuse

    try:
        query = ImportQuery(format=form, list=into)
    except ValidationError as error:
        raise refuse(error) from None

    async def work(settings: Settings, url: str) -> int:
        return await moving.import_(settings, url, user or settings.user, query, file, yes=yes)

    raise SystemExit(with_database(work, load()))


@app.command()
def review(user: User = None) -> None:
    """Show what a local user's agents did and propose, and ask about each proposal; on a terminal alone."""
    from todo_app import reviewing

    reviewing.require_terminal()
    as_user(user, reviewing.review)


def _with_backup(
    doing: str, work: Callable[[Settings, str, Path, Callable[[str], None]], Awaitable[Content]], file: Path
) -> None:
    """Back up or restore, and print what the backup has."""
    from rich.console import Console

    from todo_app.migrating import tell

    async def run(settings: Settings, url: str) -> Content:
        with Console(stderr=True).status(doing):  # shows nothing where no terminal is
            return await work(settings, url, file, tell)

    content = with_database(run, load(), migrated=False)
    say(f"{sum(content.rows.values()):,} rows of {len(content.rows)} tables, schema {content.revision}")
