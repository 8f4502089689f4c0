"""Somebody's rows, and what a stranger tries on them: at least one attempt at every operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.core.support import proposing, row_of, told
from todo_core.boundary.agents import AgentKey
from todo_core.boundary.caller import Caller
from todo_core.boundary.operation import OPERATIONS, Operation
from todo_core.boundary.results import Changed, Found
from todo_core.models.accounts import AccountQuery
from todo_core.models.calendars import CalendarCreate
from todo_core.models.changes import ChangeFilter
from todo_core.models.exports import ExportQuery
from todo_core.models.imports import ImportFile, ImportQuery
from todo_core.models.lists import ListCreate, ListQuery, ListRemoval
from todo_core.models.mixed import MixedAdd
from todo_core.models.notes import NoteQuery
from todo_core.models.proposals import ProposalQuery
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.models.tokens import TokenCreate
from todo_core.operations import (
    accounts,
    agents,
    analytics,
    calendars,
    changes,
    events,
    exports,
    imports,
    lists,
    notes,
    proposals,
    reviews,
    search,
    tags,
    todos,
    tokens,
    users,
)
from todo_core.rules.exporting.reading import installation
from todo_core.text.json_text import json_text

MARK = "words of hers"
SHARED = "shared"
"""The name of a tag that everybody has, and the beginning of keys."""


@dataclass(frozen=True)
class Own:
    """Rows of the stranger's."""

    todo: int
    list: int
    tag: int

    @classmethod
    async def of(cls, stranger: Caller) -> Own:
        (kept,) = told(await stranger.perform(lists.add, [ListCreate(name="mine")]))
        made = await stranger.perform(todos.add, [TodoCreate(title="mine", tags=["mine"])])
        ids = {entry.entity: entry.id for entry in made.touched}
        return cls(ids["todo"], kept["id"], ids["tag"])


@dataclass(frozen=True)
class Rows:
    """Somebody's rows, of each kind."""

    open: int
    done: int
    trashed: int
    subtask: int
    """Of `open`; it repeats."""
    list: int
    deleted_list: int
    tag: int
    merged_tag: int
    """It is no more: everything that had it has `tag`."""
    token: int
    agent: int
    calendar: int
    proposal: int
    changes: tuple[int, ...]
    """Every change there was, one after the other."""
    user: int

    @property
    def todos(self) -> Sequence[int]:
        return [self.open, self.done, self.trashed, self.subtask]

    @classmethod
    async def of(cls, somebody: Caller) -> Rows:
        """Make them."""
        recorded: list[int] = []

        async def perform(operation: Operation[..., Changed[Any]], *args: Any, key: str | None = None) -> Changed[Any]:
            changed = await somebody.once(key).perform(operation, *args)
            assert changed.change_id is not None
            recorded.append(changed.change_id)
            return changed

        added = told(await perform(lists.add, [ListCreate(name=f"{MARK} {n}") for n in range(2)]))
        kept, emptied = (row["id"] for row in added)
        common = {"list_id": kept, "due": "2020-01-02"}
        new = [
            TodoCreate(title=f"{MARK} {n}", description=MARK, tags=[MARK, SHARED], key=f"{SHARED} {n}", **common)
            for n in range(3)
        ]
        made = await perform(todos.add, new, key="a key")
        (tag,) = (one.id for one in made.touched if one.entity == "tag" and MARK in one.after)
        opened, done, trashed = (one.id for one in made.touched if one.entity == "todo")
        await perform(notes.add, opened, MARK)
        below = TodoCreate(
            title=MARK, parent_id=opened, start="2199-01-01", due="2199-01-01", repeat="daily", tags=[f"{MARK} too"]
        )
        elsewhere = TodoCreate(title=MARK, list_id=emptied)
        merged, subtask, _ = (one.id for one in (await perform(todos.add, [below, elsewhere])).touched)
        await perform(tags.rename, merged, f"{MARK} as well")
        await perform(tags.merge, merged, tag)
        await perform(todos.complete, [done])
        await perform(todos.delete, [trashed])
        await perform(lists.delete, [emptied], ListRemoval(todos="trash"))
        token = await perform(tokens.create, TokenCreate(name=MARK))
        agent = await somebody.core.agents.find(somebody.principal.user_id, AgentKey.of_program("test", MARK), None)
        assert agent is not None
        await somebody.perform(agents.update, agent.id, {"name": f"{MARK} too"})
        calendar = await perform(calendars.create, CalendarCreate(name=MARK, list_id=kept))
        proposed = await (await proposing(somebody)).perform(todos.complete, [opened])
        await perform(users.update, {"display_name": MARK, "default_list_id": kept})
        return cls(
            opened,
            done,
            trashed,
            subtask,
            kept,
            emptied,
            tag,
            merged,
            row_of(token)["id"],
            agent.id,
            row_of(calendar)["id"],
            proposed.proposal.id if proposed.proposal else 0,
            tuple(recorded),
            somebody.principal.user_id,
        )


async def exported(me: Caller, query: ExportQuery) -> Found[Any]:
    """What an export has, as a read tells it."""
    with closing(await me.perform(exports.make, query)) as file:
        return Found(b"".join(iter(file.read, b"")).decode())


Attempt = Callable[[Caller, Rows, Own], Awaitable[Any]]
"""As whom, on what, and with what of one's own."""

ATTEMPTS: dict[str, list[Attempt]] = {
    "todos.list": [
        lambda me, _, __: me.perform(todos.list_, TodoFilter(status="all", archived="include")),
        lambda me, _, __: me.perform(todos.list_, TodoFilter(status="trashed")),
        lambda me, _, __: me.perform(todos.list_, TodoFilter(started=False, archived="include")),
        lambda me, its, _: me.perform(todos.list_, TodoFilter(status="all", ids=[*its.todos], text=MARK)),
        lambda me, its, _: me.perform(todos.list_, TodoFilter(status="all", list_id=its.list, overdue=True)),
        lambda me, its, _: me.perform(
            todos.list_, TodoFilter(status="all", parent_id=its.open, due_after="2020-01-01")
        ),
        lambda me, _, __: me.perform(todos.list_, TodoFilter(status="all", tags=[MARK, SHARED], tags_match="all")),
        lambda me, _, __: me.perform(todos.list_, TodoFilter(status="all", tags=[MARK, SHARED])),
        lambda me, _, __: me.perform(todos.list_, TodoFilter(status="all", key=f"{SHARED} 0")),
    ],
    "todos.get": [lambda me, its, _: me.perform(todos.get, its.open)],
    "todos.add": [
        lambda me, _, __: me.perform(todos.add, [TodoCreate(title="mine", tags=[SHARED])]),
        lambda me, _, __: me.perform(todos.add, [TodoCreate(title="mine", key=f"{SHARED} {n}") for n in range(3)]),
        lambda me, its, _: me.perform(todos.add, [TodoCreate(title="mine", list_id=its.list)]),
        lambda me, its, _: me.perform(todos.add, [TodoCreate(title="mine", parent_id=its.open)]),
    ],
    "todos.update": [
        lambda me, its, _: me.perform(
            todos.update, [{"id": one, "title": "stolen", "if_version": 1} for one in its.todos]
        ),
        lambda me, its, _: me.perform(todos.update, [{"id": its.open, "description": None}]),
        lambda me, its, _: me.perform(todos.update, [{"id": its.open, "add_tags": [SHARED], "due": "2020-01-03"}]),
        lambda me, its, own: me.perform(todos.update, [{"id": its.open, "list_id": own.list}]),
        lambda me, its, own: me.perform(todos.update, [{"id": its.open, "parent_id": own.todo}]),
        lambda me, its, own: me.perform(todos.update, [{"id": own.todo, "list_id": its.list}]),
        lambda me, its, own: me.perform(todos.update, [{"id": own.todo, "parent_id": its.open}]),
        lambda me, _, own: me.perform(todos.update, [{"id": own.todo, "add_tags": [SHARED], "remove_tags": [MARK]}]),
        lambda me, its, _: me.perform(todos.update, [{"id": one, "add_note": "stolen"} for one in its.todos]),
    ],
    "notes.list": [lambda me, its, _: me.perform(notes.list_, its.open, NoteQuery())],
    "notes.add": [
        lambda me, its, _: me.perform(notes.add, its.open, "stolen"),
        lambda me, its, _: me.perform(notes.add, its.trashed, "stolen"),
    ],
    "todos.complete": [lambda me, its, _: me.perform(todos.complete, its.todos)],
    "todos.reopen": [lambda me, its, _: me.perform(todos.reopen, its.todos)],
    "todos.mix": [
        lambda me, its, _: me.perform(
            todos.mix,
            [
                *(
                    {"action": verb, "id": its.todos[0]}
                    for verb in ("update", "complete", "reopen", "delete", "restore")
                ),
                {"action": "delete", "key": "theirs"},
                MixedAdd(action="add", title="mine", parent_id=its.todos[0]),
            ],
        )
    ],
    "todos.skip": [lambda me, its, _: me.perform(todos.skip, [its.subtask])],
    "todos.delete": [lambda me, its, _: me.perform(todos.delete, its.todos)],
    "todos.restore": [lambda me, its, _: me.perform(todos.restore, its.todos)],
    "lists.list": [lambda me, _, __: me.perform(lists.list_, ListQuery(archived="include"))],
    "lists.get": [
        lambda me, its, _: me.perform(lists.get, its.list),
        lambda me, its, _: me.perform(lists.get, its.deleted_list),
    ],
    "lists.add": [lambda me, _, __: me.perform(lists.add, [ListCreate(name="another", position=1)])],
    "lists.update": [
        lambda me, its, _: me.perform(lists.update, [{"id": its.list, "name": "stolen", "position": 1}]),
        lambda me, its, _: me.perform(lists.update, [{"id": its.list, "is_archived": True, "if_version": 1}]),
        lambda me, its, _: me.perform(lists.update, [{"id": its.deleted_list, "color": "red"}]),
    ],
    "lists.delete": [
        lambda me, its, _: me.perform(lists.delete, [its.list], ListRemoval(todos="trash")),
        lambda me, its, own: me.perform(lists.delete, [its.list], ListRemoval(todos="move", move_to=own.list)),
        lambda me, its, own: me.perform(lists.delete, [own.list], ListRemoval(todos="move", move_to=its.list)),
    ],
    "tags.list": [lambda me, _, __: me.perform(tags.list_)],
    "tags.get": [
        lambda me, its, _: me.perform(tags.get, its.tag),
        lambda me, its, _: me.perform(tags.get, its.merged_tag),
    ],
    "tags.rename": [
        lambda me, its, _: me.perform(tags.rename, its.tag, "stolen"),
        lambda me, its, _: me.perform(tags.rename, its.merged_tag, "stolen"),
        lambda me, _, own: me.perform(tags.rename, own.tag, "not hers"),
    ],
    "tags.merge": [
        lambda me, its, own: me.perform(tags.merge, its.tag, own.tag),
        lambda me, its, own: me.perform(tags.merge, own.tag, its.tag),
    ],
    "tags.delete": [lambda me, its, _: me.perform(tags.delete, its.tag)],
    "search.find": [
        lambda me, _, __: me.perform(search.find, TodoFilter(text=MARK, status="all")),
        lambda me, its, _: me.perform(search.find, TodoFilter(text=f"user:{its.user}", status="trashed")),
        lambda me, _, __: me.perform(search.find, TodoFilter(text="wrods of heers", status="all")),
    ],
    "tokens.create": [lambda me, _, __: me.perform(tokens.create, TokenCreate(name="mine"))],
    "tokens.list": [lambda me, _, __: me.perform(tokens.list_)],
    "tokens.rotate": [lambda me, its, _: me.perform(tokens.rotate, its.token)],
    "tokens.revoke": [lambda me, its, _: me.perform(tokens.revoke, its.token)],
    "agents.list": [lambda me, _, __: me.perform(agents.list_)],
    "agents.get": [lambda me, its, _: me.perform(agents.get, its.agent)],
    "agents.update": [lambda me, its, _: me.perform(agents.update, its.agent, {"name": "stolen"})],
    "agents.unblock": [lambda me, its, _: me.perform(agents.unblock, its.agent)],
    "agents.block": [lambda me, its, _: me.perform(agents.block, its.agent)],
    "calendars.create": [
        lambda me, _, __: me.perform(calendars.create, CalendarCreate(name="mine")),
        lambda me, its, _: me.perform(calendars.create, CalendarCreate(name="mine", list_id=its.list)),
    ],
    "calendars.list": [lambda me, _, __: me.perform(calendars.list_)],
    "calendars.revoke": [lambda me, its, _: me.perform(calendars.revoke, its.calendar)],
    "changes.list": [
        lambda me, _, __: me.perform(changes.list_, ChangeFilter()),
        lambda me, its, _: me.perform(changes.list_, ChangeFilter(agent=its.agent)),
        lambda me, its, _: me.perform(changes.list_, ChangeFilter(agent=its.agent, since=0)),
        lambda me, _, __: me.perform(changes.list_, ChangeFilter(since=0)),
        lambda me, its, _: me.perform(changes.list_, ChangeFilter(entity_id=its.open)),
        lambda me, its, _: me.perform(changes.list_, ChangeFilter(entity_id=its.open, since=0)),
        lambda me, _, __: me.perform(changes.list_, ChangeFilter(entity="list", when="last hour")),
        lambda me, _, __: me.perform(changes.list_, ChangeFilter(entity="list", since=0)),
    ],
    "proposals.list": [
        lambda me, _, __: me.perform(proposals.list_, ProposalQuery(status="any")),
        lambda me, _, __: me.perform(proposals.list_, ProposalQuery(agent_id=2**40)),
    ],
    "reviews.get": [lambda me, _, __: me.perform(reviews.get)],
    "reviews.mark": [lambda me, _, __: me.perform(reviews.mark, 1)],
    "proposals.get": [lambda me, its, _: me.perform(proposals.get, its.proposal)],
    "proposals.reject": [lambda me, its, _: me.perform(proposals.reject, its.proposal, "stolen")],
    "proposals.reject_several": [lambda me, its, _: me.perform(proposals.reject_several, [its.proposal])],
    "proposals.approve": [lambda me, its, _: me.perform(proposals.approve, its.proposal)],
    "proposals.approve_several": [lambda me, its, _: me.perform(proposals.approve_several, [its.proposal])],
    "events.follow": [
        lambda me, _, __: me.perform(events.follow),
        lambda me, its, _: me.perform(events.follow, its.changes[0]),
    ],
    "changes.get": [lambda me, its, _: me.perform(changes.get, its.changes[0])],
    "changes.undo": [
        (lambda me, its, _, n=n: me.perform(changes.undo, its.changes[n]))  # type: ignore[misc]
        for n in range(-12, 0)
    ],
    "changes.undo_several": [lambda me, its, _: me.perform(changes.undo_several, its.changes[-12:])],
    "users.get": [lambda me, _, __: me.perform(users.get)],
    "users.capabilities": [lambda me, _, __: me.perform(users.capabilities)],
    "users.update": [
        lambda me, _, __: me.perform(users.update, {"display_name": "mine", "locale": "fr"}),
        lambda me, _, __: me.perform(users.update, {"display_name": None}, [1, 2, 3]),
        lambda me, _, __: me.perform(users.update, {"time_zone": "Asia/Tokyo"}),
        lambda me, its, _: me.perform(users.update, {"default_list_id": its.list}),
    ],
    "users.prepare_deletion": [lambda me, _, __: me.perform(users.prepare_deletion)],
    "users.delete": [lambda me, _, __: me.perform(users.delete, "no code")],
    "analytics.streaks": [lambda me, _, __: me.perform(analytics.streaks)],
    "analytics.summary": [lambda me, _, __: me.perform(analytics.summary)],
    "analytics.weekly_report": [
        lambda me, _, __: me.perform(analytics.weekly_report),
        lambda me, _, __: me.perform(analytics.weekly_report, "last week"),
    ],
    "analytics.report": [lambda me, _, __: me.perform(analytics.report)],
    "exports.make": [
        lambda me, _, __: exported(me, ExportQuery(history=True)),
        lambda me, _, __: exported(me, ExportQuery(format="csv")),
        lambda me, _, __: exported(me, ExportQuery(format="ics")),
    ],
    "imports.make": [
        lambda me, its, _: me.perform(
            imports.make,
            ImportQuery(),
            ImportFile(
                json_text(
                    {
                        "format": "todo-mcp",
                        "version": 1,
                        "origin": installation(me.core.secret),
                        "todos": [
                            {"id": its.open, "title": "x"},
                            {"id": 1, "title": "x", "parent_id": its.open, "key": "shared"},
                        ],
                    }
                ).encode()
            ),
        ),
    ],
    "overview.get": [lambda me, _, __: me.perform(OPERATIONS["overview.get"])],
}
"""The overview is the last: it counts what is there after all of them."""

ON_ACCOUNTS: dict[str, list[Attempt]] = {
    "accounts.list": [
        lambda me, _, __: me.perform(accounts.list_, AccountQuery()),
        lambda me, its, _: me.perform(accounts.list_, AccountQuery(status="active", cursor=its.user - 1, limit=1)),
    ],
    "accounts.get": [lambda me, its, _: me.perform(accounts.get, its.user)],
    "accounts.suspend": [lambda me, its, _: me.perform(accounts.suspend, its.user)],
    "accounts.reactivate": [
        lambda me, its, _: me.perform(accounts.reactivate, its.user),
        lambda me, _, __: me.perform(accounts.reactivate, me.principal.user_id),
    ],
    "accounts.delete": [lambda me, its, _: me.perform(accounts.delete, its.user)],
}
