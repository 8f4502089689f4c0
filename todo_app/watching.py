"""`todo-mcp watch`: print the changes of the local user as they happen."""

from __future__ import annotations

from typing import Any, Final

from todo_app.local import acting_for
from todo_app.output import say, say_json
from todo_core.operations import events
from todo_core.settings import Settings
from todo_core.upkeep.live.follower import OverError
from todo_core.upkeep.live.view import Form

_NAMED: Final = 3
"""Rows of a change that a line names."""


async def watch(settings: Settings, database_url: str, *, as_json: bool) -> int:
    """Print each change from now on, and return an exit code once nothing more is told: the user may not read it."""
    form: Form[dict[str, Any]] = Form(rows=False, make=lambda change: change)
    async with acting_for(settings, database_url, settings.user, make=False) as me:
        position = await me.perform(events.follow)
        with me.core.live.following(me, position, form) as follower:
            say("Watching. Ctrl+C ends it.", apart=True)
            try:
                while True:
                    for event in await follower.next(None):
                        if as_json:
                            say_json(event.told)
                        else:
                            say(*_line(event.told))
            except OverError:
                return 1


def _line(change: dict[str, Any]) -> list[str]:
    """Return what a line says of a change: when, what, of which rows, and who did it."""
    entries = change["entries"]
    names = [entry["title"] or f"{entry['entity']} {entry['id']}" for entry in entries[:_NAMED]]
    more = len(entries) - len(names) + change["more_entries"]
    rows = ", ".join(names) + (f" and {more} more" if more else "")
    who = change["via"] if change["client"] is None else f"{change['via']} ({change['client']})"
    return [change["at"][:19] + "Z", change["operation"], rows, who]
