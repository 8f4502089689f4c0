"""Writers of every kind of write who know what must be there: their books are compared with the database."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

import asyncpg
import httpx2

from tests.interop.load import Ack, Load, Transport, Write, adding

HUNG_UP: Final = 0.02
"""Share of the writes whose first try is broken off before its answer."""
SENT_AGAIN: Final = 0.03
"""Share of the writes that are sent again after their success."""
_RECENT: Final = 20
"""Of so many of its latest todos a writer takes the next one that it changes."""


@dataclass
class Row:
    """A todo as it must be."""

    title: str
    is_done: bool = False
    is_deleted: bool = False
    writes: int = 1
    """Changes that touched it."""


Effect = Callable[[Ack], None]
"""Writes down in a book what an acknowledged write did."""


@dataclass
class Book:
    """What one writer has done. Its todos are nobody else's, and it writes one thing after another."""

    name: str
    chance: random.Random
    deletes: bool
    """Whether it deletes: over MCP a person is asked before it is much."""
    rows: dict[int, Row] = field(default_factory=dict)
    """By id."""
    changes: list[int] = field(default_factory=list)
    """The change of each acknowledged write."""
    undoable: tuple[int, int, Row] | None = None
    """The latest change if it can be undone here: its id, the todo's, and the todo before."""

    def plan(self) -> tuple[Write, Effect]:
        """Return the next write, and what it does."""
        recent = [*self.rows][-_RECENT:]
        live = [row_id for row_id in recent if not self.rows[row_id].is_deleted]
        gone = [row_id for row_id in recent if self.rows[row_id].is_deleted]
        plans: list[tuple[Write, Effect]] = [self._added(1)] * 4 + [self._added(3)]
        if live:
            row_id = self.chance.choice(live)
            plans += [self._renamed(row_id)] * 2 + [self._completed(row_id)] * 2
            plans += [self._deleted(row_id)] if self.deletes else []
        if gone:
            plans.append(self._deleted(self.chance.choice(gone)))
        if self.undoable is not None:
            plans += [self._undone(*self.undoable)] * 2
        return self.chance.choice(plans)

    def _title(self) -> str:
        return f"{self.name} {uuid4().hex}"

    def _added(self, count: int) -> tuple[Write, Effect]:
        titles = [self._title() for _ in range(count)]

        def effect(ack: Ack) -> None:
            self.undoable = None
            self.rows |= {row_id: Row(title) for row_id, title in zip(ack.ids, titles, strict=True)}

        if count == 1:
            return adding(*titles), effect
        todos = {"todos": [{"title": title} for title in titles]}
        return Write("add_todos", todos, "/todos/batch", {"action": "add"} | todos), effect

    def _renamed(self, row_id: int) -> tuple[Write, Effect]:
        title = self._title()
        todos = {"todos": [{"id": row_id, "title": title}]}
        return Write("update_todos", todos, "/todos/batch", {"action": "update"} | todos), self._to(row_id, title=title)

    def _completed(self, row_id: int) -> tuple[Write, Effect]:
        done = not self.rows[row_id].is_done
        body = {"action": "complete", "ids": [row_id], "is_completed": done}
        write = Write("complete_todos", {"ids": [row_id], "completed": done}, "/todos/batch", body)
        return write, self._to(row_id, is_done=done)

    def _deleted(self, row_id: int) -> tuple[Write, Effect]:
        deleted = not self.rows[row_id].is_deleted
        body = {"action": "delete" if deleted else "restore", "ids": [row_id]}
        write = Write("delete_todos", {"ids": [row_id], "deleted": deleted}, "/todos/batch", body)
        return write, self._to(row_id, is_deleted=deleted)

    def _undone(self, change_id: int, row_id: int, before: Row) -> tuple[Write, Effect]:
        write = Write("undo", {"change_id": change_id}, f"/changes/{change_id}/undo", None)
        fields: dict[str, str | bool] = {"title": before.title, "is_done": before.is_done}
        return write, self._to(row_id, undoable=False, **fields, is_deleted=before.is_deleted)

    def _to(self, row_id: int, *, undoable: bool = True, **fields: str | bool) -> Effect:
        """Return the effect of a write that changes these fields of a todo."""

        def effect(ack: Ack) -> None:
            row = self.rows[row_id]
            before = Row(row.title, row.is_done, row.is_deleted)
            self.undoable = (ack.change_id, row_id, before) if undoable else None
            for name, value in fields.items():
                setattr(row, name, value)
            row.writes += 1

        return effect


@dataclass
class Ledger(Load):
    """All of them."""

    books: list[Book] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(book.changes) for book in self.books)

    async def write_until_stopped(self, name: str, transport: Transport, token: str) -> None:
        book = Book(name, random.Random(name), deletes=transport == "rest")  # noqa: S311
        self.books.append(book)
        async with self.client(token) as http:
            while not self.stopped and not self.wrong:
                await self._write_next(http, transport, book)

    async def _write_next(self, http: httpx2.AsyncClient, transport: Transport, book: Book) -> None:
        (write, effect), key = book.plan(), uuid4().hex
        if book.chance.random() < HUNG_UP:
            await self._hang_up(http, transport, write, key, book.chance.uniform(0.0005, 0.04))
        if (ack := await self.until_done(http, transport, write, key)) is None:
            return
        effect(ack)
        book.changes.append(ack.change_id)
        if book.chance.random() < SENT_AGAIN:
            await self._send_again(http, transport, write, key, ack)

    async def _hang_up(
        self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str, seconds: float
    ) -> None:
        """Be gone before the answer; if it comes sooner, do nothing with it."""
        try:
            async with asyncio.timeout(seconds):
                await self._tried(http, transport, write, key)
        except TimeoutError:
            self.told["hung up"] += 1

    async def _send_again(
        self, http: httpx2.AsyncClient, transport: Transport, write: Write, key: str, ack: Ack
    ) -> None:
        """Send what is done already; what is told must be the same."""
        again = await self._tried(http, transport, write, key)
        if again is None:
            return
        self.told["sent again"] += 1
        if again != ack._replace(replayed=True):
            self.wrong.append(f"{write.tool} {key} told {ack}, and then {again}")


@dataclass
class Found:
    """How the database differs from the books."""

    lost: list[str] = field(default_factory=list)
    """What was acknowledged and is not there."""
    doubled: list[str] = field(default_factory=list)
    """What is there and was not acknowledged: every writer went on until it was told."""
    wrong: list[str] = field(default_factory=list)
    """Todos in another state."""


async def compared(ledger: Ledger, url: str) -> Found:
    """Compare the books with the todos and with the record of changes, past row-level security."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT id, title, completed_at, deleted_at FROM todos")
        changes = await connection.fetch("SELECT id FROM changes WHERE operation !~ '^(tokens|users|agents)'")
        entries = await connection.fetch("SELECT entity_id FROM change_entries WHERE entity = 'todo'")
    finally:
        await connection.close()
    found, books = Found(), {row_id: row for book in ledger.books for row_id, row in book.rows.items()}
    there = {row["id"]: row for row in rows}
    told = Counter(change for book in ledger.books for change in book.changes)
    touched = Counter(entry["entity_id"] for entry in entries)
    found.lost += [f"todo {row_id}" for row_id in books.keys() - there.keys()]
    found.doubled += [f"todo {row_id}" for row_id in there.keys() - books.keys()]
    found.lost += [f"change {change}" for change in told.keys() - {change["id"] for change in changes}]
    found.doubled += [f"change {change['id']}" for change in changes if told[change["id"]] != 1]
    for row_id in books.keys() & there.keys():
        row, is_so = books[row_id], there[row_id]
        if (row.title, row.is_done, row.is_deleted) != (
            is_so["title"],
            is_so["completed_at"] is not None,
            is_so["deleted_at"] is not None,
        ):
            found.wrong.append(f"todo {row_id}: {row} is {dict(is_so)}")
        if touched[row_id] != row.writes:
            (found.lost if touched[row_id] < row.writes else found.doubled).append(f"writes of todo {row_id}")
    return found
