"""The command line: `todo-mcp`.

Exit codes: 0 done, 1 a check or the work failed, 2 a wrong configuration or command line.
Answers go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from typing import Annotated, Any, Final, TypeVar

import anyio
import typer

from todo_core.settings import ConfigurationError, Settings

T = TypeVar("T")

app = typer.Typer(
    name="todo-mcp",
    help="Todos for people and their AI agents: MCP tools and a REST API over one PostgreSQL.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
token_app = typer.Typer(help="API tokens of local users.", no_args_is_help=True)
app.add_typer(token_app, name="token")

_DURATION: Final = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """Run the command line; a mistake of the person is one line, not a traceback."""
    import asyncpg

    from todo_core.errors import InvalidInput, TodoError

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was begun is ended
    try:
        app()
    except ConfigurationError as error:
        _fail(str(error), 2)
    except TodoError as error:
        code = 2 if isinstance(error, InvalidInput) else 1
        found = "".join(f" {problem.field} {problem.message}." for problem in error.problems)
        _fail(f"{error.detail}{found or ' ' + error.next_step}", code)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        _fail(f"The database cannot be used ({type(error).__name__}); check TODO_DATABASE_URL.", 1)


def _fail(message: str, code: int) -> None:
    for line in message.splitlines():
        print(f"todo-mcp: {line}", file=sys.stderr)
    raise SystemExit(code)


def _with_database(
    work: Callable[[Settings, str], Coroutine[Any, Any, T]],
    settings: Settings,
    *,
    migrated: bool = True,
    leave_at_once: bool = False,
) -> T:
    """Run something on the configured or embedded database, migrated first.

    With `leave_at_once` a signal ends the process without waiting for a thread that reads standard input.
    """
    from todo_app.embedded import database_url

    with ExitStack() as stack:
        url = stack.enter_context(database_url(settings))
        if leave_at_once:

            def leave(*_: object) -> None:
                stack.close()
                os._exit(0)

            signal.signal(signal.SIGTERM, leave)
            signal.signal(signal.SIGINT, leave)

        async def run() -> T:
            if migrated:
                await _migrate_if_behind(url)
            return await work(settings, url)

        return anyio.run(run)


async def _migrate_if_behind(url: str) -> None:
    from migrations.state import is_current

    if not await is_current(url):
        from migrations.run import migrate

        await migrate(url)


def _load() -> Settings:
    from todo_app import logs

    settings = Settings.load()
    logs.configure(settings.log_level)
    return settings


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    only: Annotated[str | None, typer.Option(help="Serve just one face: rest or mcp.", metavar="rest|mcp")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Serve REST, MCP and API docs on one port; PostgreSQL starts by itself if none is configured."""
    from todo_app import serve as server
    from todo_app.application import Address
    from todo_app.embedded import database_url

    if only not in (None, "rest", "mcp"):
        raise typer.BadParameter("takes rest or mcp", param_hint="--only")
    settings = _load()
    address = Address(host, port)
    address.hosts(settings)
    if not address.is_free():
        _fail(f"Port {port} of {host} is taken; choose another with --port.", 1)
    with database_url(settings) as url:

        async def prepare() -> str:
            await _migrate_if_behind(url)
            return await server.welcome(settings, url, address, only)  # type: ignore[arg-type]  # checked above

        print(anyio.run(prepare), flush=True)
        server.run(settings, url, address, only, workers)  # type: ignore[arg-type]


@app.command()
def stdio() -> None:
    """Serve MCP on standard input and output, for the local user TODO_USER (Claude Desktop and the like)."""
    from todo_app.stdio import serve_stdio

    _with_database(serve_stdio, _load(), leave_at_once=True)


@app.command()
def demo() -> None:
    """Show the tools at work: a real MCP client on a server in a temporary folder."""
    from todo_app.demo import run

    _load()
    raise SystemExit(run())


@app.command()
def migrate(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit 1 when behind.")] = False,
    to: Annotated[str, typer.Option(help="Revision to go to; `base` takes everything down.")] = "head",
) -> None:
    """Bring the database to this version's schema."""
    from alembic.util import CommandError

    from migrations.run import migrate as go
    from migrations.state import current
    from todo_core.core import SCHEMA_REVISION

    async def work(_: Settings, url: str) -> int:
        if not check:
            try:
                await go(url, to)
            except CommandError:
                raise typer.BadParameter("is not a revision", param_hint="--to") from None
        revision = await current(url)
        behind = revision != SCHEMA_REVISION
        print(f"{revision or 'empty'} ({'behind ' + SCHEMA_REVISION if behind else 'up to date'})")
        return 1 if check and behind else 0

    raise SystemExit(_with_database(work, _load(), migrated=False))


@app.command()
def purge() -> None:
    """Delete for good what has been in the trash longer than TODO_TRASH_DAYS, and expired retry answers."""
    from todo_core.core import Core
    from todo_core.retention import purge as delete_for_good

    async def work(settings: Settings, url: str) -> dict[str, int]:
        async with Core.open(settings, url) as core:
            return await delete_for_good(core)

    print(json.dumps(_with_database(work, _load())))


@app.command()
def doctor() -> None:
    """Check configuration, database, roles, row-level security and migrations; one line each."""
    from todo_app.doctor import examine

    raise SystemExit(_with_database(examine, _load(), migrated=False))


@token_app.command("create")
def token_create(
    user: Annotated[str | None, typer.Option(help="Local user; made if new. Default: TODO_USER.")] = None,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scope: Annotated[list[str], typer.Option(help="Repeat for more: todos:read, todos:write, profile.")] = [  # noqa: B006
        "todos:read",
        "todos:write",
    ],
    expires: Annotated[str, typer.Option(help="Lifetime in days, such as 90d, or never.")] = "90d",
    as_json: JsonFlag = False,
) -> None:
    """Make an API token and print it, the only time it is shown."""
    from todo_app.local import acting_for, create_token

    days = _days(expires)
    known = ("todos:read", "todos:write", "profile")
    if any(one not in known for one in scope):
        raise typer.BadParameter("takes " + ", ".join(known), param_hint="--scope")

    async def work(settings: Settings, url: str) -> dict[str, object]:
        async with acting_for(settings, url, user or settings.user) as me:
            return await create_token(me, name, scope, days)  # type: ignore[arg-type]  # checked above

    made = _with_database(work, _load())
    print(json.dumps(made) if as_json else made["token"])


def _days(expires: str) -> int | None:
    if expires == "never":
        return None
    found = _DURATION.fullmatch(expires)
    if found is None or int(found[1]) > 3650:
        raise typer.BadParameter("takes days such as 90d, at most 3650d, or never", param_hint="--expires")
    return int(found[1])


@token_app.command("list")
def token_list(
    user: Annotated[str | None, typer.Option(help="Local user. Default: TODO_USER.")] = None,
    as_json: JsonFlag = False,
) -> None:
    """List a user's API tokens."""
    from todo_app.local import acting_for
    from todo_core.operations import tokens

    async def work(settings: Settings, url: str) -> list[dict[str, Any]]:
        async with acting_for(settings, url, user or settings.user) as me:
            rows: list[dict[str, Any]] = json.loads((await me.perform(tokens.find)).json)
            return rows

    rows = _with_database(work, _load())
    if as_json:
        print(json.dumps(rows))
        return
    for row in rows:
        state = "revoked" if row["revoked_at"] else f"expires {(row['expires_at'] or 'never')[:10]}"
        print(f"{row['id']}  {row['hint']}…  {row['name']}  {' '.join(row['scopes'])}  {state}")


@token_app.command("revoke")
def token_revoke(
    token_id: Annotated[int, typer.Argument(help="Id, as `token list` shows it.", min=1, max=2**63 - 1)],
    user: Annotated[str | None, typer.Option(help="Local user. Default: TODO_USER.")] = None,
) -> None:
    """Revoke an API token; it stops working at once."""
    from todo_app.local import acting_for
    from todo_core.operations import tokens

    async def work(settings: Settings, url: str) -> bool:
        async with acting_for(settings, url, user or settings.user) as me:
            return (await me.perform(tokens.revoke, token_id)).one().changed

    print("revoked" if _with_database(work, _load()) else "was revoked already")
