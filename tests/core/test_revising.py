"""A statement for some fields does what the one for all fields does."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.core.support import add
from todo_core.boundary.caller import Caller
from todo_core.models.todos import TodoCreate
from todo_core.operations import todos
from todo_core.queries import revising
from todo_core.storage.statements import Statement
from todo_core.storage.transactions import Transaction
from todo_core.text.json_text import json_text

MOMENTS = ("updated_at", "completed_at", "deleted_at")


async def _rehearsed(transaction: Transaction, statement: Statement, patches: list[dict[str, Any]]) -> list[Any]:
    """The rows of a statement, with whether there is a moment in place of each: statements have their own."""
    async with transaction.rehearsal():
        ids = [patch["id"] for patch in patches]
        rows = await transaction.rows(statement, items=json_text(patches), ids=ids, trash_too=True)
    told = []
    for row in rows:
        shown = [orjson.loads(row[name] or "null") for name in ("before", "after")]
        told.append(
            [row["id"], row["version"], *(one and one | {m: one[m] is not None for m in MOMENTS} for one in shown)]
        )
    return told


@pytest.mark.requirement("TD8")
async def test_a_statement_for_some_fields_gives_what_that_for_all_gives(ann: Caller) -> None:
    (parent,) = await add(ann, "parent")
    tagged = {"tags": ["home"], "due": "2026-12-24", "priority": "high"}
    family = [TodoCreate(title=f"subtask {n}", parent_id=parent, **tagged) for n in range(3)]
    made = await ann.perform(todos.add, family)
    first, second, third = [orjson.loads(result.json)["id"] for result in made.results]  # type: ignore[union-attr]
    await ann.perform(todos.complete, [third])
    everybody = (parent, first, second, third)
    cases: list[tuple[Statement, list[dict[str, Any]]]] = [
        *(
            (revising.REVISE_FLAGS, [{"id": one, flag: value} for one in some])
            for flag in ("is_completed", "is_deleted")
            for value in (True, False)
            for some in (everybody, (parent,), (third, first))
        ),
        (revising.REVISE_FLAGS, [{"id": parent, "completed_at": "2026-11-20T10:00:00Z"}, {"id": 2**62}]),
        (revising.REVISE_FLAGS, [{"id": first, "is_deleted": True, "if_version": [7]}]),
        (revising.REVISE_TEXTS, [{"id": one, "title": "new", "description": None} for one in everybody]),
        (revising.REVISE_TEXTS, [{"id": parent, "priority": 4, "if_version": 1}, {"id": first, "source": "mail"}]),
        (revising.REVISE_TEXTS, [{"id": parent, "title": "parent"}, {"id": first, "title": "x", "if_version": [9]}]),
    ]
    async with ann.core.database.begin(user_id=ann.principal.user_id) as transaction:
        for statement, patches in cases:
            least = await _rehearsed(transaction, statement, patches)
            assert least == await _rehearsed(transaction, revising.REVISE, patches), patches
            assert len(least) == len(patches)
