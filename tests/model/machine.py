"""The state machine's ground: it sends a request, has the model do the same, and compares all that can be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import count
from typing import Any

import httpx2
from hypothesis import note
from hypothesis.stateful import RuleBasedStateMachine

from tests.faces import FaceName
from tests.model.comparing import Comparison, Write, same
from tests.model.dates import Json
from tests.model.lists import Lists, is_shown, sight
from tests.model.model import Refused, State, Writing
from tests.model.people import Outcome, Person
from tests.model.proposals import Mandate, Proposal, effects, require_whole
from tests.model.rows import Entity, Row, Todo
from tests.model.server import START, Recorded, Server
from tests.model.strategies import GONE, NO_SUCH_ID, STRANGE, UNKNOWN
from tests.model.wire import Answer, How, Request, read, send, tool

MOST_PARTS = 10
"""Parts of a mixed batch, each with moments of its own."""
WAITS = timedelta(days=7)
"""How long a proposal waits for its person."""
Run = Callable[[Writing], Any]


@dataclass(frozen=True)
class Kept:
    """A write that was accepted under an idempotency key."""

    who: str
    how: How
    key: str
    request: Request
    answer: Answer


class Ground(RuleBasedStateMachine):
    """Two people, and the server."""

    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.server.now = START
        self.people: dict[str, Person] = {}
        self.https: dict[str, httpx2.AsyncClient] = {}
        self.helpers: dict[str, httpx2.AsyncClient] = {}
        self.mandates = dict.fromkeys(("ann", "bob"), Mandate())
        self.waiting: list[tuple[str, Proposal]] = []
        """Proposals, with whose they are."""
        self.kept: list[Kept] = []
        self.is_agreed = True
        """Whether the product and the model agreed until now."""
        self._moments = count(3, 3 * MOST_PARTS)
        self.compare = Comparison()

    def meet(self) -> None:
        for name in ("ann", "bob"):
            person, http, helper = self.server.run(self.server.new_person(name))
            self.people[name], self.https[name], self.helpers[name] = person, http, helper

    def teardown(self) -> None:
        for name in self.people if self.is_agreed else ():
            self.look_around(name, "rest")
            self.look_around(name, "rest", by_helper=True)

    def some(self, holds: Callable[[Todo], bool]) -> bool:
        """Whether there is such a todo."""
        return any(holds(todo) for person in self.people.values() for todo in person.state.todos.values())

    # --- ids --------------------------------------------------------------------------------------

    def _other(self, who: str) -> Person:
        return self.people["bob" if who == "ann" else "ann"]

    def _pick(self, who: str, number: int, rows: Callable[[Person], tuple[list[int], list[int]]]) -> int:
        """The row that a drawn number means; `rows` gives the ids of live and of deleted ones."""
        if number == STRANGE:
            live, _ = rows(self._other(who))
            return live[0] if live else NO_SUCH_ID
        live, gone = rows(self.people[who])
        own = gone if number == GONE and gone else live
        return own[number % len(own)] if own and number != UNKNOWN else NO_SUCH_ID

    def todo_id(self, who: str, number: int) -> int:
        return self._pick(who, number, lambda one: _split(one.near_first(), lambda todo: todo.is_live))

    def list_id(self, who: str, number: int) -> int:
        return self._pick(who, number, lambda one: _split(one.state.lists, lambda row: not row.is_deleted))

    def tag_id(self, who: str, number: int) -> int:
        return self._pick(who, number, lambda one: _split(one.state.tags, lambda tag: not tag.is_deleted))

    def change_id(self, who: str, number: int) -> int:
        """The latest first."""
        return self._pick(who, number, lambda one: (sorted(one.changes, reverse=True), []))

    def named(self, who: str, drawn: Json) -> Json:
        """An item with ids in place of drawn numbers."""
        item = dict(drawn)
        for name in item.keys() & {"id", "parent_id", "before", "after"}:
            item[name] = self.todo_id(who, item[name])
        for name in item.keys() & {"list_id", "default_list_id"}:
            item[name] = self.list_id(who, item[name])
        if "items" in item:
            item["items"] = [self.named(who, one) for one in item["items"]]
        if "ids" in item:
            item["ids"] = [self.todo_id(who, one) for one in item["ids"]]
        return item

    def seen(self, row: Row | None, seen: int | None) -> Json:
        """The condition that a drawn number means: the row's present version, or the one before."""
        return {} if seen is None or row is None else {"if_version": max(1, row.version - seen)}

    # --- writing ----------------------------------------------------------------------------------

    def write(self, who: str, how: How, request: Request, run: Run, *, undoes: Sequence[int] = ()) -> None:
        """Do it, have the model do it, and compare answers and records."""
        self.is_agreed = False
        person, http = self.people[who], (self.helpers if how.by_helper else self.https)[who]
        mandate = self.mandates[who] if how.by_helper else Mandate()
        lists = self.sight(who) if how.by_helper else None
        key = f"key-{len(self.kept)}-{next(self._moments)}" if how.has_key else None
        answer = self.server.run(send(http, request, how, key))
        note(f"{who} {how}: {request} -> {answer}")
        change_id = answer.change_id
        record = None if change_id is None else self.server.run(read(self.https[who], f"/changes/{change_id}"))
        w = self._writing(who, record, lists)
        proposes = mandate.proposes and not how.dry_run
        w.is_confirmed = how.face == "rest" or how.dry_run or proposes
        w.trashed_lately = person.trashed_lately(by_helper=how.by_helper, lists=lists)
        try:
            mandate.require(request, is_dry=how.dry_run)
            state, outcome = person.try_out(w, run)
            require_whole(outcome, is_proposed=proposes)
        except Refused as refused:
            same("refusal", (answer.code, answer.change_id, answer.proposal_id), (refused.code, None, None))
        else:
            if proposes:
                said = Proposal(0, how, request, run, undoes, self.server.now, effects(state, outcome))  # type: ignore[arg-type]
                self._kept(who, said, answer, outcome)
            else:
                self._compare(who, Write(person, how, request, answer, outcome, undoes), state, record)
            if key is not None and answer.code is None and not how.dry_run:
                self.kept.append(Kept(who, how, key, request, answer))
        self.is_agreed = True

    def sight(self, who: str) -> Lists | None:
        """The lists that somebody's helper sees; None for all."""
        return self.mandates[who].sees(frozenset(self.people[who].made_by_helper))

    def _writing(self, who: str, record: Json | None, lists: Lists | None = None) -> Writing:
        """A write that begins, with what is known of it by its record, of an agent that sees `lists`, or all."""
        recorded = Recorded(record)
        w = Writing(
            self.people[who].state.copy(),
            next(self._moments),
            self.server.now,
            recorded.new_id,
            lambda entity, row_id: self._code(who, entity, row_id),
            recorded.position_of,
            recorded.place_of,
        )
        return w if lists is None else sight(w, lists)

    # --- proposals --------------------------------------------------------------------------------

    def _kept(self, who: str, said: Proposal, answer: Answer, outcome: Outcome) -> None:
        """What would change something waits, and has changed nothing."""
        same("refusal", (answer.code, answer.change_id), (None, None))
        same("is kept", answer.proposal_id is not None, bool(outcome.entries))
        if answer.proposal_id is not None:
            self.waiting.append((who, replace(said, id=answer.proposal_id)))

    def decide(self, number: int, *, approve: bool) -> None:
        """A person approves or rejects a proposal: approved, it does what was shown, or nothing."""
        self.is_agreed = False
        who, said = self.waiting[number % len(self.waiting)]
        person = self.people[who]
        code, change_id = self.server.run(self.server.decide(who, said.id, approve=approve))
        note(f"{who} decides, approve {approve}: {said.request} -> {code} {change_id}")
        record = None if change_id is None else self.server.run(read(self.https[who], f"/changes/{change_id}"))
        if said.said_at + WAITS <= self.server.now:
            same("expired", code, "proposal_decided")
            self.waiting.remove((who, said))
        elif not approve:
            same("rejected", code, None)
            self.waiting.remove((who, said))
        elif self._is_stale(who, said):
            same("stale", code, "proposal_stale")
        else:
            same("approved", code, None)
            self._performed(who, said, Answer(None, [], change_id), record)
        assert len(person.changes) == len({*person.changes})
        self.is_agreed = True

    def _is_stale(self, who: str, said: Proposal) -> bool:
        w = self._writing(who, None, self.sight(who))
        w.said = said.said_at
        try:
            self.mandates[who].require(said.request, is_dry=True)
            state, outcome = self.people[who].try_out(w, said.run)
        except Refused:
            return True
        is_refused = any(isinstance(one, Refused) for one in outcome.results)
        return is_refused or effects(state, outcome) != said.effects

    def _performed(self, who: str, said: Proposal, answer: Answer, record: Json | None) -> None:
        """The change is the agent's, by what it called, and one; the person has approved it."""
        person = self.people[who]
        w = self._writing(who, record, self.sight(who))
        w.said = said.said_at
        if isinstance(said.undoes, list):
            said.undoes.clear()
        state, outcome = person.try_out(w, said.run)
        person.state = state
        assert record is not None
        same("approved", (record["proposal_id"], record["approved_by"]), (said.id, "test"))
        write = Write(person, said.how, said.request, answer, outcome, said.undoes)
        self.compare.record(write, record)
        person.of_helper.add(record["id"])
        self._lists_made(person, outcome)
        self.waiting.remove((who, said))

    def _compare(self, who: str, write: Write, state: State, record: Json | None) -> None:
        if write.how.dry_run:
            same("change of a dry run", write.answer.change_id, None)
        else:
            write.person.state = state
            write.person.recent = min(
                (row_id for entity, row_id in write.outcome.changed if entity == "todo"), default=write.person.recent
            )
            self.compare.record(write, record)
            if write.how.face != "rest" and write.answer.change_id is not None:
                write.person.through_mcp.add(write.answer.change_id)
            if write.how.by_helper and write.answer.change_id is not None:
                write.person.of_helper.add(write.answer.change_id)
                self._lists_made(write.person, write.outcome)
                self._told_of(who, write.answer.change_id, write.outcome)
        lists = self.sight(who) if write.how.by_helper else None
        self.compare.answer(replace(write, person=write.person.seen_by(lists)))

    def _lists_made(self, person: Person, outcome: Outcome) -> None:
        person.made_by_helper |= {one.after.id for one in outcome.entries if one.entity == "list" and not one.before}

    def _told_of(self, who: str, change_id: int, outcome: Outcome) -> None:
        """An agent that sees some lists only is told of the rows in these."""
        if (lists := self.sight(who)) is not None:
            told = self.server.run(read(self.helpers[who], f"/changes/{change_id}"))["entries"]
            state = self.people[who].state
            shown = [(one.entity, one.after.id) for one in outcome.entries if is_shown(one, state, lists)]
            same("rows that the agent is told of", sorted((one["entity"], one["id"]) for one in told), sorted(shown))

    def _code(self, who: str, entity: Entity, row_id: int) -> str:
        """Why somebody does not have a row."""
        return "not_owner" if self._other(who).owns(entity, row_id) else "not_found"

    # --- idempotency ------------------------------------------------------------------------------

    def repeat(self, kept: Kept) -> None:
        """The same request under the same key gets the first answer, and changes nothing."""
        self.is_agreed = False
        answer = self.server.run(send(self.https[kept.who], kept.request, kept.how, kept.key))
        note(f"{kept.who} again {kept.how} {kept.request} -> {answer}")
        assert answer.is_replayed
        assert (answer.code, answer.items, answer.change_id) == (None, kept.answer.items, kept.answer.change_id)
        self.is_agreed = True

    def reuse(self, kept: Kept, how: How) -> None:
        """Another request under the key is refused."""
        self.is_agreed = False
        request = Request("add", {"todos": [{"title": "another"}]})
        answer = self.server.run(send(self.https[kept.who], request, how, kept.key))
        assert (answer.code, answer.change_id) == ("idempotency_key_reused", None)
        self.is_agreed = True

    # --- reading ----------------------------------------------------------------------------------

    def _reader(self, who: str, *, by_helper: bool) -> tuple[Person, httpx2.AsyncClient]:
        """Whoever reads, a person or their helper: what they have, as far as they see it, and their client."""
        person = self.people[who]
        return (person.seen_by(self.sight(who)), self.helpers[who]) if by_helper else (person, self.https[who])

    def find(self, who: str, face: FaceName, wanted: Json, limit: int, *, by_helper: bool = False) -> None:
        """Read every page of a filter, and compare ids, order, total and rows."""
        self.is_agreed = False
        person, http = self._reader(who, by_helper=by_helper)
        query = {name: value.isoformat() if isinstance(value, date) else value for name, value in wanted.items()}
        expected = person.find(wanted, self.server.now)
        found: list[int] = []
        cursor: Json = {}
        while True:
            rows, total, next_cursor = self.server.run(_page(http, face, query | cursor | {"limit": limit}))
            found += [row["id"] for row in rows]
            note(f"{who} {face} finds {query} -> {found} of {total}, expected {expected}")
            same("total", total, len(expected))
            for row in rows:
                (self.compare.row if face == "rest" else self.compare.brief)(person, row)
            if next_cursor is None:
                break
            assert len(rows) == limit
            cursor = {"cursor": next_cursor}
        same("order", found, expected)
        self.is_agreed = True

    def get_one(self, who: str, todo_id: int, *, by_helper: bool = False) -> None:
        self.is_agreed = False
        person, http = self._reader(who, by_helper=by_helper)
        todo = person.state.todos.get(todo_id)
        told = self.server.run(read(http, f"/todos/{todo_id}"))
        if todo is not None and todo.is_live:
            assert "notes" in told
            self.compare.row(person, told)
        else:
            same("refusal", told, self._code(who, "todo", todo_id))
        self.is_agreed = True

    def look_around(self, who: str, face: FaceName, *, by_helper: bool = False) -> None:
        """Compare everything that somebody has, and that it is as it must always be."""
        person, http = self._reader(who, by_helper=by_helper)
        for status in ("all", "trashed"):
            self.find(who, face, {"status": status, "archived": "include"}, 200, by_helper=by_helper)
        self.find(who, face, {"started": False, "archived": "include"}, 200, by_helper=by_helper)
        self.is_agreed = False
        lists = self.server.run(read(http, "/lists", archived="include"))["items"]
        same("lists", [row["id"] for row in lists], [row["id"] for row in person.lists("include")])
        for expected, told in zip(person.lists("include"), lists, strict=True):
            self.compare.shape(expected, told)
            assert (told["archived_at"] is not None) == person.state.lists[told["id"]].is_archived
        tags = self.server.run(read(http, "/tags"))["items"]
        same("tags", [row["id"] for row in tags], [row["id"] for row in person.tags()])
        for expected, told in zip(person.tags(), tags, strict=True):
            self.compare.shape(expected, told)
        for todo_id in dict.fromkeys(one.todo_id for one in person.state.notes.values()):
            if person.state.todos[todo_id].is_live:
                told = self.server.run(read(http, f"/todos/{todo_id}/notes"))
                same("number of notes", told["total"], len(told["items"]))
                self.compare.notes(person, todo_id, told["items"])
        self.compare.families(person)
        self.is_agreed = True


def _split(rows: dict[int, Any], is_live: Callable[[Any], bool]) -> tuple[list[int], list[int]]:
    """The ids of live rows and of others."""
    return [i for i, row in rows.items() if is_live(row)], [i for i, row in rows.items() if not is_live(row)]


async def _page(http: httpx2.AsyncClient, face: FaceName, query: Json) -> tuple[list[Json], int, str | None]:
    if face == "rest":
        told = await read(http, "/todos", **query)
        return told["items"], told["total"], told["next_cursor"]
    is_error, told = await tool(http, face, "list_todos", query | {"detail": "full"})
    assert not is_error, told
    return told["todos"], int(told["showing"].partition(" of ")[2]), told.get("next_cursor")
