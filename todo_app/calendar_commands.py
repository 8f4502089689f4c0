"""`todo-mcp calendar`: calendar addresses of local users."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from todo_app.output import say, say_json
from todo_app.running import AsJson, User, as_user

commands = typer.Typer(help="Calendar addresses of local users.", no_args_is_help=True)


@commands.command("create")
def calendar_create(
    user: User = None,
    name: Annotated[str, typer.Option(help="What the address is for.")] = "command line",
    list_id: Annotated[
        int | None, typer.Option("--list", help="Id of the list to show. Default: all.", min=1, max=2**63 - 1)
    ] = None,
    shows: Annotated[Literal["events", "todos"], typer.Option(help="What todos are there.")] = "events",
    as_json: AsJson = False,
) -> None:
    """Make an address for calendar programs and print it, the only time it is shown. Who has it reads along.

    It begins with TODO_PUBLIC_URL; without that setting, put the server's address before it.
    """
    from todo_app.local import create_calendar

    made = as_user(user, lambda me: create_calendar(me, name, list_id, shows))
    if as_json:
        say_json(made)
    else:
        say(made["address"])


@commands.command("list")
def calendar_list(user: User = None, as_json: AsJson = False) -> None:
    """List a user's calendar addresses."""
    from todo_core.operations import calendars

    rows = json.loads(as_user(user, lambda me: me.perform(calendars.list_)).json)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        shown = row["shows"] if row["list_id"] is None else f"{row['shows']} of list {row['list_id']}"
        state = "revoked" if row["revoked_at"] else f"used {(row['last_used_at'] or 'never')[:10]}"
        say(row["id"], f"{row['hint']}…", row["name"], shown, state)


@commands.command("revoke")
def calendar_revoke(
    calendar_id: Annotated[int, typer.Argument(help="Id, as `calendar list` shows it.", min=1, max=2**63 - 1)],
    user: User = None,
) -> None:
    """Revoke a calendar address; nothing is there any more, at once."""
    from todo_core.operations import calendars

    done = as_user(user, lambda me: me.perform(calendars.revoke, calendar_id))
    say("revoked" if done.one().changed else "was revoked already")
