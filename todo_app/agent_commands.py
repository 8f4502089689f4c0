"""`todo-mcp agent`: who acts for a local user, and what each may do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from todo_app.output import say, say_json
from todo_app.running import AsJson, load, with_database

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller
    from todo_core.settings import Settings

commands = typer.Typer(help="Agents that act for a local user, and what each may do.", no_args_is_help=True)

AgentId = Annotated[int, typer.Argument(help="Id, as `agent list` shows it.", min=1, max=2**63 - 1)]
Mode = Literal["act", "propose"]
User = Annotated[str | None, typer.Option(help="Local user. Default: TODO_USER.")]


def _perform(user: str | None, work: Callable[[Caller], Awaitable[Any]]) -> Any:
    """Run `work` as a local user, and return its result."""

    async def run(settings: Settings, url: str) -> Any:
        from todo_app.local import acting_for

        async with acting_for(settings, url, user or settings.user, make=False) as me:
            return await work(me)

    return with_database(run, load())


@commands.command("list")
def agent_list(user: User = None, as_json: AsJson = False) -> None:
    """List agents, the one used last first."""
    from todo_core.operations import agents

    async def work(me: Caller) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((await me.perform(agents.list_)).json)
        return rows

    rows = _perform(user, work)
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

    wanted: dict[str, Any] = {} if mode is None else {"mode": mode}
    if verb is not None:
        wanted["verbs"] = None if verb == ["all"] else verb
    if rows_per_day is not None:
        wanted["rows_per_day"] = (
            int(rows_per_day) if rows_per_day.isascii() and rows_per_day.isdigit() else rows_per_day
        )
        wanted["rows_per_day"] = None if rows_per_day == "any" else wanted["rows_per_day"]
    if until is not None:
        wanted["until"] = None if until == "never" else until
    if own_lists is not None:
        wanted["own_lists"] = own_lists

    async def work(me: Caller) -> bool:
        if lists is not None:
            wanted["lists"] = await named_lists(me, lists)
        try:
            patch: Any = TypeAdapter(AgentPatch).validate_python(wanted)
        except ValidationError as error:
            raise refuse(error) from None
        return (await me.perform(agents.update, agent_id, patch)).one().changed

    say("changed" if _perform(user, work) else "was so already")


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

    async def work(me: Caller) -> dict[str, Any]:
        row: dict[str, Any] = json.loads((await me.perform(agents.get, agent_id)).json)
        return row

    row = _perform(user, work)
    if as_json:
        say_json(row)
        return
    for name, value in row.items():
        say(name, "-" if value is None else value)


@commands.command("block")
def agent_block(agent_id: AgentId, user: User = None) -> None:
    """Block an agent: it is refused at once, everywhere."""
    from todo_core.operations import agents

    async def work(me: Caller) -> bool:
        return (await me.perform(agents.block, agent_id)).one().changed

    say("blocked" if _perform(user, work) else "was blocked already")


@commands.command("unblock")
def agent_unblock(agent_id: AgentId, user: User = None) -> None:
    """Let a blocked agent in again."""
    from todo_core.operations import agents

    async def work(me: Caller) -> bool:
        return (await me.perform(agents.unblock, agent_id)).one().changed

    say("unblocked" if _perform(user, work) else "was not blocked")
