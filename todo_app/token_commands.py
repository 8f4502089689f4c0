"""`todo-mcp token`: API tokens of local users."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Annotated, Final

import typer

from todo_app.output import say, say_json
from todo_app.running import AsJson, User, as_user, load, with_database
from todo_core.identity.scopes import ALL_SCOPES

if TYPE_CHECKING:
    from todo_core.identity.issuers import UserRole
    from todo_core.settings import Settings

commands = typer.Typer(help="API tokens of local users.", no_args_is_help=True)

_DURATION: Final = re.compile(r"([1-9][0-9]{0,3})d", re.ASCII)
_MAX_DAYS: Final = 3650


@commands.command("create")
def token_create(
    *,
    user: Annotated[str | None, typer.Option(help="Local user; made if new. Default: TODO_USER.")] = None,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scope: Annotated[
        list[str], typer.Option(help="Repeat for more: todos:read, todos:write, todos:propose, profile, admin.")
    ] = [  # noqa: B006
        "todos:read",
        "todos:write",
    ],
    expires: Annotated[str, typer.Option(help="Lifetime in days, such as 90d, or never.")] = "90d",
    verb: Annotated[
        list[str] | None, typer.Option(help="Repeat for more: read, add, complete, change, delete. Default: all.")
    ] = None,
    propose: Annotated[bool, typer.Option("--propose", help="What it writes is only proposed.")] = False,
    rows_per_day: Annotated[int | None, typer.Option(help="Rows that it may change in 24 hours.")] = None,
    lists: Annotated[
        list[str] | None,
        typer.Option("--list", help="Name or id; repeat for more. own: only those that it makes. Default: all."),
    ] = None,
    own_lists: Annotated[
        bool, typer.Option("--own-lists/--no-own-lists", help="Whether it sees the lists that it makes, too.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Make an API token and print it, the only time it is shown. With the scope admin, the user becomes an admin."""
    from todo_app.local import acting_for, create_token, named_lists

    days = _days(expires)
    mandate: dict[str, object] = {
        "verbs": verb,
        "mode": "propose" if propose else "act",
        "rows_per_day": rows_per_day,
        "own_lists": own_lists,
    }
    if any(name not in ALL_SCOPES for name in scope):
        raise typer.BadParameter("takes " + ", ".join(ALL_SCOPES), param_hint="--scope")

    async def work(settings: Settings, url: str) -> dict[str, object]:
        role: UserRole | None = "admin" if "admin" in scope else None
        async with acting_for(settings, url, user or settings.user, role) as me:
            if lists is not None:
                mandate["lists"] = await named_lists(me, lists)
            return await create_token(me, name, scope, days, mandate)  # type: ignore[arg-type]  # checked above

    made = with_database(work, load())
    if as_json:
        say_json(made)
    else:
        say(made["token"])


def _days(expires: str) -> int | None:
    """Return the days of `90d`; None for `never`."""
    if expires == "never":
        return None
    match = _DURATION.fullmatch(expires)
    if match is None or int(match[1]) > _MAX_DAYS:
        raise typer.BadParameter(f"takes days such as 90d, at most {_MAX_DAYS}d, or never", param_hint="--expires")
    return int(match[1])


@commands.command("list")
def token_list(
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """List a user's API tokens."""
    from todo_core.operations import tokens

    rows = json.loads(as_user(user, lambda me: me.perform(tokens.list_)).json)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        state = "revoked" if row["revoked_at"] else f"expires {(row['expires_at'] or 'never')[:10]}"
        say(row["id"], f"{row['hint']}…", row["name"], " ".join(row["scopes"]), state)


@commands.command("rotate")
def token_rotate(
    token_id: Annotated[int, typer.Argument(help="Id, as `token list` shows it.", min=1, max=2**63 - 1)],
    user: User = None,
    as_json: AsJson = False,
) -> None:
    """Give an API token a new secret and print it, the only time it is shown. The old one stops working at once."""
    from todo_app.local import rotate_token

    made = as_user(user, lambda me: rotate_token(me, token_id))
    if as_json:
        say_json(made)
    else:
        say(made["token"])


@commands.command("revoke")
def token_revoke(
    token_id: Annotated[int, typer.Argument(help="Id, as `token list` shows it.", min=1, max=2**63 - 1)],
    user: User = None,
) -> None:
    """Revoke an API token; it stops working at once."""
    from todo_core.operations import tokens

    done = as_user(user, lambda me: me.perform(tokens.revoke, token_id))
    say("revoked" if done.one().changed else "was revoked already")
