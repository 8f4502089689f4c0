"""Show a person what agents did and would do, and ask about each proposal: `todo-mcp review`.

It asks on a terminal alone. Nothing that is piped in answers, and no option does: an agent that runs commands could
send either. One that types on a terminal as the same system user is the person, as far as any program can tell.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson
import typer
from anyio import to_thread

from todo_app.output import say
from todo_app.running import fail

if TYPE_CHECKING:
    from todo_core.boundary.caller import Caller

Json = dict[str, Any]

_ONLY_A_TERMINAL: Final = "review asks a person, on a terminal; it takes no answers from a pipe or a file"
_BOOKKEEPING: Final = frozenset(
    {"id", "version", "created_at", "updated_at", "all_subtasks", "open_subtasks", "done_subtasks", "is_completed"}
    | {"note_count", "open_todos", "place"}
)
"""Fields of a row that follow from others, or are told in other words."""
_TITLES: Final = 5
"""Rows of a change that are named."""


def require_terminal() -> None:
    """End the program unless a person sits before it."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        fail(_ONLY_A_TERMINAL, 2)


async def review(me: Caller) -> None:
    """Show what a local user's agents did, then each proposal that waits, and do what the person answers."""
    await _tell_what_was_done(me)
    waiting, names = await _waiting(me), await _lists(me)
    say(f"{len(waiting)} proposals wait" if len(waiting) != 1 else "1 proposal waits")
    for proposal in waiting:
        for line in told(proposal, names):
            say(*line)
        if not await _decide(me, proposal["id"]):
            return


async def _tell_what_was_done(me: Caller) -> None:
    """Print what agents did since the person last looked, and ask whether that is reviewed."""
    from todo_core.operations import reviews

    found = orjson.loads((await me.perform(reviews.get)).json)
    active = [agent for agent in found["agents"] if agent["done"]]
    for agent in active:
        counts = ", ".join(f"{done['changes']} x {done['operation']}" for done in agent["done"])
        say(f"{agent['name']}: {counts}")
        for change in agent["changes"]:
            titles = ", ".join(str(entry["title"] or entry["entity"]) for entry in change["entries"][:_TITLES])
            more = len(change["entries"]) - _TITLES + change["more_entries"]
            say("  ", f"change {change['id']}", change["operation"], titles + (f" and {more} more" if more > 0 else ""))
        if agent["more_changes"]:
            say("  ", f"and {agent['more_changes']:,} changes before these")
    if active and (await _asked("Reviewed? Then the next review begins after this. [y/n]")).strip().lower() == "y":
        await me.perform(reviews.mark, found["through"])


async def _waiting(me: Caller) -> list[Json]:
    """Return the proposals that wait, the oldest first."""
    from todo_core.models.proposals import ProposalQuery
    from todo_core.operations import proposals

    found: list[Json] = []
    before: str | None = None
    while True:
        query = ProposalQuery(limit=200, before=None if before is None else int(before))
        page = await me.perform(proposals.list_, query)
        found += orjson.loads(page.json)
        before = page.next_cursor
        if before is None:
            return found[::-1]


async def _lists(me: Caller) -> dict[int, str]:
    """Return the names of the person's lists by id."""
    from todo_core.models.lists import ListQuery
    from todo_core.operations import lists

    page = await me.perform(lists.list_, ListQuery(archived="include"))
    return {row["id"]: row["name"] for row in orjson.loads(page.json)}


async def _decide(me: Caller, proposal_id: int) -> bool:
    """Ask about a proposal and do what the person answers; return whether to go on to the next."""
    from todo_core.errors import TodoError
    from todo_core.operations import proposals

    answer = (await _asked("  approve, reject, skip or quit? [a/r/s/q]")).strip().lower()[:1]
    if answer not in ("a", "r"):
        return answer != "q"
    operation = proposals.approve if answer == "a" else proposals.reject
    note = None if answer == "a" else (await _asked("  a note for the agent (may be empty)")).strip() or None
    try:
        decided = (await me.perform(operation, proposal_id, note)).one().as_dict()
    except TodoError as refused:
        say("  ", refused.detail)
        for one in refused.extra.get("differences", ()):
            say("    ", one["entity"], one["title"] or one["id"] or "a new one", one["message"])
    else:
        undo = f"change {decided['change_id']}" if decided["change_id"] is not None else ""
        say("  ", decided["status"], undo)
    return True


async def _asked(question: str) -> str:
    """Return what the person types, while the program goes on with its other tasks."""
    return str(await to_thread.run_sync(lambda: typer.prompt(question, default="", show_default=False)))


def told(proposal: Json, lists: Mapping[Any, str]) -> Iterator[tuple[object, ...]]:
    """Yield the lines that show a proposal, as `say` takes them.

    Args:
        proposal: Its read shape.
        lists: The names of lists by id.
    """
    client = proposal["client"] or proposal["via"]
    yield (f"#{proposal['id']}", f"agent {proposal['agent_id']} ({client})", proposal["operation"])
    yield ("  ", f"said {_minute(proposal['said_at'])} UTC, until {_minute(proposal['expires_at'])}")
    if proposal["agent_says"] is not None:
        yield ("  ", "the agent says:", proposal["agent_says"])
    for entry in proposal["entries"]:
        yield ("    ", *_row(entry, lists))
    if proposal["more_entries"]:
        yield ("    ", f"and {proposal['more_entries']:,} rows more")


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _row(entry: Json, lists: Mapping[Any, str]) -> Iterator[object]:
    """Yield what happens to a row: what it is called, and the fields that change, each with its old and new value.

    What a person approves is all that they were shown, so nothing is shortened.
    """
    name = entry["title"] if entry["title"] is not None else entry["id"]
    before, after = entry["before"], entry["after"]
    yield f"{'+' if before is None else '~'} {entry['entity']} {name}"
    was = before or {}
    for field, value in after.items():
        if field in _BOOKKEEPING or value == was.get(field) or (before is None and value in (None, [], name, "medium")):
            continue
        is_list = field == "list_id"
        old, new = (lists.get(one, str(one)) if is_list else one for one in (was.get(field), value))
        label = "list" if is_list else field
        told_old, told_new = _value(old), _value(new)
        if told_old == told_new:  # they differ in what the words leave out
            told_old, told_new = (orjson.dumps(one).decode() for one in (old, new))
        yield f"{label}: {told_new}" if before is None else f"{label}: {told_old} → {told_new}"
    yield from _beside(was, after)


def _beside(before: Json, after: Json) -> Iterator[str]:
    """Yield what happens to a row that no field of its own says: where it goes, and what goes from sight with it."""
    was, is_now = (state.get("place") for state in (before, after))
    is_among_the_same = all(before.get(name) == after.get(name) for name in ("list_id", "parent_id"))
    if was and is_now and was["number"] != is_now["number"] and is_among_the_same:
        yield f"moved {'up' if is_now['number'] < was['number'] else 'down'} among its neighbours"
    goes = any(after.get(name) and not before.get(name) for name in ("is_deleted", "archived_at"))
    if before and goes and after.get("open_todos") is not None:
        yield f"it has {after['open_todos']:,} open todos"


def _value(value: Any) -> str:
    """Return a value in words: a due as its date and time, a repeat as it is said, the tag that one goes into."""
    if value is None or value == []:
        return "none"
    if isinstance(value, dict):
        if "date" in value:
            return " ".join(filter(None, (value["date"], value.get("time"))))
        if "into" in value:
            return f"into tag {value['into']}, which {len(value['todos']):,} todos get"
        return str(value.get("words", orjson.dumps(value).decode()))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
