"""`todo-mcp agent`: who acts for a local user, and what each may do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from todo_app.output import say, say_json
from todo_app.running import AsJson, User, as_user

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller

commands = typer.Typer(help="Agents that act for a local user, and what each may do.", no_args_is_help=True)

AgentId = Annotated[int, typer.Argument(help="Id, as `agent list` shows it.", min=1, max=2**63 - 1)]
Mode = Literal["act", "propose"]
_UNBOUNDED: Final[dict[str, Any]] = {"verbs": ["all"], "rows_per_day": "any", "until": "never"}
"""By field of a mandate, the option that takes its bound away."""


@commands.command("list")
def agent_list(user: User = None, as_json: AsJson = False) -> None:
    """List agents, the one used last first."""
    from todo_core.operations import agents

    rows = json.loads(as_user(user, lambda me: me.perform(agents.list_)).json)
    if as_json:
        say_json(rows)
        return
    for row in rows:
        say(
            row["id"],
            row["name"],
            row["kind"],
            f"last used {row['last_used_at'][:10]}",
            f"{row['changes']} changes",
            _state(row),
        )


@commands.command("mandate")
def agent_mandate(
    agent_id: AgentId,
    *,
    verb: Annotated[
        list[str] | None, typer.Option(help="Repeat for more: read, add, complete, change, delete; or all.")
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help="act, or propose: what it writes is not done.")] = None,
    rows_per_day: Annotated[str | None, typer.Option(help="Rows that it may change in 24 hours, or any.")] = None,
    until: Annotated[
        str | None, typer.Option(help="As if blocked from then on: 2026-12-24T18:00+01:00, or never.")
    ] = None,
    lists: Annotated[
        list[str] | None,
        typer.Option(
            "--list", help="Name or id; repeat for more. own: those that it makes, or none to name. all: all."
        ),
    ] = None,
    own_lists: Annotated[
        bool | None, typer.Option("--own-lists/--no-own-lists", help="Whether it sees the lists that it makes, too.")
    ] = None,
    user: User = None,
) -> None:
    """Change what an agent may do; what is not named stays."""
    from pydantic import TypeAdapter, ValidationError

    from todo_app.local import named_lists
    from todo_core.models.agents import AgentPatch
    from todo_core.operations import agents
    from todo_core.validation import refuse

    options: dict[str, Any] = {
        "verbs": verb,
        "mode": mode,
        "rows_per_day": rows_per_day if rows_per_day is None else _number(rows_per_day),
        "until": until,
        "own_lists": own_lists,
    }
    fields = {
        name: None if value == _UNBOUNDED.get(name) else value for name, value in options.items() if value is not None
    }

    async def work(me: Caller) -> bool:
        if lists is not None:
            fields["lists"] = await named_lists(me, lists)
        try:
            patch: Any = TypeAdapter(AgentPatch).validate_python(fields)
        except ValidationError as error:
            raise refuse(error) from None
        return (await me.perform(agents.update, agent_id, patch)).one().changed

    say("changed" if as_user(user, work) else "was so already")


def _number(text: str) -> int | str:
    """Return digits as a number; any other text as it is, for the shape to refuse."""
    return int(text) if text.isascii() and text.isdigit() else text


def _state(row: dict[str, Any]) -> str:
    """Return whether an agent may act."""
    if row["blocked_at"]:
        return f"blocked {row['blocked_at'][:10]}"
    bounds = [] if row["verbs"] is None else [", ".join(row["verbs"])]
    bounds += [] if row["lists"] is None else [_lists(row)]
    bounds += ["proposes"] if row["mode"] == "propose" else []
    bounds += [] if row["rows_per_day"] is None else [f"{row['rows_per_day']} rows a day"]
    bounds += [f"until {row['until'][:16].replace('T', ' ')}"] if row["until"] else []
    return "; ".join(bounds) or "active"


def _lists(row: dict[str, Any]) -> str:
    """Return which lists an agent may see."""
    named = ", ".join(str(list_id) for list_id in row["lists"])
    own = "its own" if row["own_lists"] else ""
    return f"lists {' and '.join(part for part in (named, own) if part)}"


@commands.command("show")
def agent_show(agent_id: AgentId, user: User = None, as_json: AsJson = False) -> None:
    """Show an agent, and what it may do."""
    from todo_core.operations import agents

    row = json.loads(as_user(user, lambda me: me.perform(agents.get, agent_id)).json)
    if as_json:
        say_json(row)
        return
    for name, value in row.items():
        say(name, "-" if value is None else value)


@commands.command("block")
def agent_block(agent_id: AgentId, user: User = None) -> None:
    """Block an agent: it is refused at once, everywhere."""
    from todo_core.operations import agents

    done = as_user(user, lambda me: me.perform(agents.block, agent_id))
    say("blocked" if done.one().changed else "was blocked already")


@commands.command("unblock")
def agent_unblock(agent_id: AgentId, user: User = None) -> None:
    """Let a blocked agent in again."""
    from todo_core.operations import agents

    done = as_user(user, lambda me: me.perform(agents.unblock, agent_id))
    say("unblocked" if done.one().changed else "was not blocked")
