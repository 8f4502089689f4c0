"""Stories of more kinds of steps, by agents and proposals, too: sets are undone, and that is undone, and again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import orjson
import pytest

from tests.core.imported import read_here
from tests.core.support import proposing
from tests.core.test_mandates import bounded
from tests.core.test_undo_runs import everything
from tests.core.test_undo_stories import NAMES, Story, me
from tests.core.test_undo_stories import _cause as cause
from tests.core.test_undo_stories import _require_causes as require_causes
from todo_core.boundary.caller import Caller
from todo_core.errors import TodoError
from todo_core.models.changes import UndoChoice
from todo_core.models.imports import ImportQuery
from todo_core.models.notes import NoteQuery
from todo_core.models.todos import TodoCreate, TodoFilter
from todo_core.operations import changes, imports, notes, proposals, todos, users

__all__ = ["me"]

pytestmark = pytest.mark.requirement("SA3", "SA7", "ID9", "SA6")

KEYS: Final = ("k1", "k2", "k3", None)
DUES: Final = ("2026-12-01", "2026-12-03 09:00", "2027-01-15", None)
REPEATS: Final = ("daily", "every 2 weeks", "every 3 days from completion", None)
ZONES: Final = ("UTC", "Europe/Vienna", "America/New_York", "Asia/Tokyo")
TODOIST: Final = """TYPE,CONTENT,PRIORITY,INDENT,AUTHOR,RESPONSIBLE,DATE,DATE_LANG,TIMEZONE
task,import {0} @{1},4,1,,,2026-12-05,en,UTC
task,below {1},4,2,,,,en,UTC
note,hello {0},,,,,,,
"""
FOUND: Final = (76, 82, 102, 127, 10480)
"""Stories that went back to another state once: shared places, and unused tags."""
BEFORE: Final = 8
MEANWHILE: Final = 14


@dataclass
class WiderStory(Story):
    """Somebody with an agent that sees one list, and another that proposes."""

    agent: Caller | None = None
    proposer: Caller | None = None

    async def go_on(self, steps: int) -> None:
        plain = (self.tag, self.add, self.change, self.put, self.end, self.note, self.key, self.complete, self.family)
        mine = (self.schedule, self.start, self.beside, self.several, self.change_a_tag, self.change_a_list)
        others = (self.bring, self.change_the_profile, self.undo_one, self.by_agent, self.by_proposal)
        for _ in range(steps):
            step = self.draw.choice((*plain, *mine, *others))
            with suppress(TodoError):
                if (change_id := (await step()).change_id) is not None:
                    self.ids.append(change_id)

    async def note(self) -> Any:
        return await self.me.perform(notes.add, await self._todo(), f"note {self.draw.randrange(100)}")

    async def key(self) -> Any:
        new = TodoCreate(title="keyed", key=self.draw.choice(KEYS), tags=self._names())
        return await self.me.perform(todos.add, [new])

    async def family(self) -> Any:
        repeat, key = self.draw.choice(REPEATS), self.draw.choice(KEYS)
        child = TodoCreate(title="child", parent_id=await self._todo("open"), due="2026-12-02", repeat=repeat, key=key)
        return await self.me.perform(todos.add, [child, TodoCreate(title="below", parent_index=0, tags=self._names())])

    async def schedule(self) -> Any:
        due, repeat = self.draw.choice(DUES), self.draw.choice(REPEATS)
        how: dict[str, Any] = self.draw.choice(({"due": due, "repeat": repeat}, {"due": due}, {"repeat": repeat}))
        return await self.me.perform(todos.update, [{"id": await self._todo(), **how}])

    async def start(self) -> Any:
        start = self.draw.choice(("2026-11-01", "2026-12-01", None))
        return await self.me.perform(todos.update, [{"id": await self._todo(), "start": start}])

    async def beside(self) -> Any:
        one, other = await self._todo(), await self._todo()
        return await self.me.perform(todos.update, [{"id": one, self.draw.choice(("before", "after")): other}])

    async def complete(self) -> Any:
        operation: Any = self.draw.choice((todos.complete, todos.complete, todos.skip, todos.reopen))
        return await self.me.perform(operation, sorted({await self._todo() for _ in range(2)}))

    async def several(self) -> Any:
        more = {"is_completed": bool(self.draw.randrange(2)), "add_note": "with", "add_tags": self._names()}
        return await self.me.perform(todos.update, [{"id": await self._todo(), **more}])

    async def bring(self) -> Any:
        first, second = self.draw.sample(NAMES, 2)
        file = read_here(TODOIST.format(first, second).encode(), "todoist")
        return await self.me.perform(imports.make, ImportQuery(format="todoist", list=f"list {first}"), file)

    async def change_the_profile(self) -> Any:
        zone, end = {"time_zone": self.draw.choice(ZONES)}, {"new_todos": self.draw.choice(("first", "last"))}
        where = {"default_list_id": self.draw.choice((await self._list(), None))}
        return await self.me.perform(users.update, self.draw.choice((zone, end, where)))

    async def undo_one(self) -> Any:
        return await self.me.perform(changes.undo, self.draw.choice(self.ids or [2**50]))

    async def by_agent(self) -> Any:
        if self.agent is None:
            self.agent = await bounded(self.me, lists=[await self._list()])
        steps = (self.tag, self.add, self.change, self.put, self.end, self.note, self.key, self.complete, self.family)
        return await self._as(self.agent, self.draw.choice((*steps, self.schedule)))

    async def by_proposal(self) -> Any:
        if self.proposer is None:
            self.proposer = await proposing(self.me)
        steps = (self.tag, self.add, self.change, self.put, self.end, self.note, self.key, self.complete, self.family)
        more = (self.change_a_list, self.change_a_tag, self.schedule, self.undo_one)
        kept = await self._as(self.proposer, self.draw.choice((*steps, *more)))
        return await self.me.perform(proposals.approve, kept.proposal_id)

    async def _as(self, agent: Caller, step: Any) -> Any:
        person, self.me = self.me, agent
        try:
            return await step()
        finally:
            self.me = person


async def seen(me: Caller, *, trash: bool = True) -> list[Any]:
    """What a person sees, with notes, and with the trash, which is in no order."""
    rows = await everything(me)
    noted = [row["id"] for row in rows if row.get("note_count")]
    texts = [orjson.loads((await me.perform(notes.list_, one, NoteQuery(limit=200))).json) for one in sorted(noted)]
    if trash:
        page = await me.perform(todos.list_, TodoFilter(status="trashed", archived="include", limit=200))
        gone = [{name: row[name] for name in row.keys() - {"version", "updated_at"}} for row in orjson.loads(page.json)]
        rows += sorted(gone, key=lambda row: row["id"])
    return [*rows, *texts]


async def require_there_and_back(me: Caller, seed: int, *, half: bool) -> None:
    story = WiderStory(me, Random(seed))  # noqa: S311
    await story.go_on(BEFORE)
    first, begin = await seen(me, trash=False), len(story.ids)
    await story.go_on(MEANWHILE)
    last, meant = await seen(me), story.ids[begin:]
    if not meant:
        return
    await require_causes(me, meant)
    if half:
        ids = story.draw.sample(meant, (len(meant) + 1) // 2)
        undone = await me.perform(changes.undo_several, ids, UndoChoice(skip_conflicts=True))
        assert all(cause(one) for one in undone.skipped), undone.skipped
    else:
        since = orjson.loads((await me.perform(changes.get, meant[0])).json)["at"]
        undone = await me.perform(changes.undo_several, [], UndoChoice(made_after=since))
        assert await seen(me, trash=False) == first
    left, change_id = await seen(me), undone.change_id
    for expected in (last, left, last):
        if change_id is not None:
            change_id = (await me.perform(changes.undo, change_id)).change_id
            assert change_id is not None
            assert await seen(me) == expected


@pytest.mark.parametrize("seeds", [[*range(8), *FOUND], pytest.param(range(8, 200), marks=pytest.mark.exhaustive)])
async def test_whatever_happened_a_set_is_undone_and_its_undo_and_all_is_the_same(
    seeds: Sequence[int], me: Caller
) -> None:
    """All since a moment, or half of it by ids without what cannot be undone."""
    failed: dict[int, str] = {}
    for seed in seeds:
        somebody = Caller(me.core, await me.core.identity.local(f"story {seed}"), "test")
        try:
            await require_there_and_back(somebody, seed, half=seed % 2 == 1)
        except (AssertionError, TodoError) as problem:
            failed[seed] = f"{problem!r}"[:300]
    assert not failed
