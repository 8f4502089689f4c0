"""`todo-mcp user`: accounts, for whoever runs the service."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from todo_app.output import say, say_json
from todo_app.running import AsJson, load, with_database

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller
    from todo_core.boundary.operation import Operation
    from todo_core.boundary.results import Changed
    from todo_core.models.accounts import AccountRead
    from todo_core.settings import Settings

commands = typer.Typer(
    help="Accounts: who they are and how much they hold, nothing of what is in it.", no_args_is_help=True
)

UserId = Annotated[int, typer.Argument(help="Id, as `user list` shows it.", min=1, max=2**63 - 1)]
Status = Literal["all", "active", "suspended"]


def _operate(work: Callable[[Caller], Awaitable[Any]]) -> Any:
    """Run `work` as the caller who administers accounts, and return its result."""

    async def run(settings: Settings, url: str) -> Any:
        from todo_app.local import operating

        async with operating(settings, url) as me:
            return await work(me)

    return with_database(run, load())


@commands.command("list")
def user_list(
    status: Annotated[Status, typer.Option(help="all, active or suspended.")] = "all", as_json: AsJson = False
) -> None:
    """List accounts with the number of their todos and tokens."""
    from todo_core.models.accounts import AccountQuery
    from todo_core.operations import accounts

    async def work(me: Caller) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor: str | None = "0"
        while cursor is not None:
            page = await me.perform(accounts.list_, AccountQuery(status=status, cursor=int(cursor), limit=200))
            rows += json.loads(page.json)
            cursor = page.next_cursor
        return rows

    rows = _operate(work)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        name = row["email"] or row["display_name"] or row["subject"]
        state = "suspended" if row["suspended_at"] else row["role"]
        say(row["id"], name, row["issuer"], state, f"{row['open_todos']} open, {row['done_todos']} done")


@commands.command("suspend")
def user_suspend(user_id: UserId) -> None:
    """Suspend an account: it is refused at once, everywhere."""
    from todo_core.operations import accounts

    say("suspended" if _changes(accounts.suspend, user_id) else "was suspended already")


@commands.command("reactivate")
def user_reactivate(user_id: UserId) -> None:
    """Let a suspended account in again."""
    from todo_core.operations import accounts

    say("reactivated" if _changes(accounts.reactivate, user_id) else "was active already")


def _changes(operation: Operation[[int], Changed[AccountRead]], user_id: int) -> bool:
    """Perform an operation on an account. Return whether it changed anything."""

    async def work(me: Caller) -> bool:
        return (await me.perform(operation, user_id)).one().changed

    return bool(_operate(work))


@commands.command("delete")
def user_delete(
    user_id: Annotated[int | None, typer.Argument(help="Id, as `user list` shows it.", min=1, max=2**63 - 1)] = None,
    user: Annotated[str | None, typer.Option(help="A local user, by name, in place of an id.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete an account with everything in it, for good: by its id, or a local user by name."""
    if (user_id is None) == (user is None):
        raise typer.BadParameter("takes an id, or --user NAME", param_hint="USER_ID")
    if user is None:
        _delete_as_operator(user_id or 0, yes=yes)
    else:
        _delete_local(user, yes=yes)
    say("deleted")


def _delete_as_operator(user_id: int, *, yes: bool) -> None:
    from todo_core.operations import accounts

    if not yes:
        typer.confirm(f"Delete account {user_id} with all its todos? This cannot be undone", abort=True)

    async def work(me: Caller) -> None:
        (await me.perform(accounts.delete, user_id)).one()

    _operate(work)


def _delete_local(user: str, *, yes: bool) -> None:
    """Delete a local user as that user: nobody else is asked."""
    from todo_app.local import acting_for
    from todo_core.operations import users

    async def work(settings: Settings, url: str) -> None:
        async with acting_for(settings, url, user, make=False) as me:
            told = json.loads((await me.perform(users.prepare_deletion)).json)
            if not yes:
                held = ", ".join(f"{count:,} {kind.replace('_', ' ')}" for kind, count in told["held"].items() if count)
                typer.confirm(f"Delete this user with {held or 'nothing'}? This cannot be undone", abort=True)
                told = json.loads((await me.perform(users.prepare_deletion)).json)  # thinking it over takes time
            await me.perform(users.delete, told["code"])

    with_database(work, load())
