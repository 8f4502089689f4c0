"""The operations that servers ran before decision 21, when a flag made three of them their opposites.

Through the boundary they record and keep their answers just as those servers did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from todo_core.boundary.operation import Operation, Tx
from todo_core.boundary.results import Changed
from todo_core.operations import accounts, todos

Versions = list[int] | None


async def _complete(tx: Tx, ids: Sequence[int], completed: bool = True, if_version: Versions = None) -> Changed[Any]:
    return await (todos.complete if completed else todos.reopen).run(tx, ids, if_version)


async def _delete(tx: Tx, ids: Sequence[int], deleted: bool = True, if_version: Versions = None) -> Changed[Any]:
    return await (todos.delete if deleted else todos.restore).run(tx, ids, if_version)


async def _suspend(tx: Tx, user_id: int, suspended: bool = True) -> Changed[Any]:
    return await (accounts.suspend if suspended else accounts.reactivate).run(tx, user_id)


COMPLETE: Final[Operation[..., Any]] = replace(todos.complete, run=_complete, formerly=None)
DELETE: Final[Operation[..., Any]] = replace(todos.delete, run=_delete, formerly=None)
SUSPEND: Final[Operation[..., Any]] = replace(accounts.suspend, run=_suspend, formerly=None)
