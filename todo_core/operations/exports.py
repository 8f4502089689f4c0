"""Take everything along: an export."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from anyio import WouldBlock

from todo_core.boundary.operation import Tx, operation
from todo_core.errors import FieldError, InvalidInput, TooManyRequests
from todo_core.models.exports import ExportQuery
from todo_core.models.fields import MAX_BATCH
from todo_core.rules.exporting import as_csv, as_icalendar, as_json
from todo_core.rules.exporting.file import ExportFile
from todo_core.rules.exporting.reading import Owner

_RETRY_AFTER: Final = 5
_RUNNING: Final = "An export of yours is being made or fetched; one at a time is."
_CROWDED: Final = "Others export at this moment."


@operation(
    effect="reads",
    scope="todos:read",
    raises=(InvalidInput,),
    snapshot=True,
    weight=MAX_BATCH,
    verbs=("read",),
)
async def make(tx: Tx, query: ExportQuery) -> ExportFile:
    """Export all your todos with their lists, tags and notes, done ones and the trash too, as of one moment.

    JSON has everything, and the profile if the token has the scope `profile`; a table (CSV) and iCalendar have the
    todos. One export of yours at a time.
    """
    if query.history and query.format != "json":
        raise InvalidInput(errors=[FieldError("history", "goes with the format json alone", code="conflicting")])
    user_id = tx.caller.principal.user_id
    if not tx.core.exporting.take(user_id):
        raise TooManyRequests(_RETRY_AFTER, _RUNNING)
    leave = partial(tx.core.exporting.leave, user_id)
    try:
        tx.core.making_exports.acquire_nowait()
    except WouldBlock:
        leave()
        raise TooManyRequests(_RETRY_AFTER, _CROWDED) from None
    try:
        return await _made(tx, query, leave)
    finally:
        tx.core.making_exports.release()


async def _made(tx: Tx, query: ExportQuery, leave: Callable[[], None]) -> ExportFile:
    """Make the file; where that fails, nothing of it is left."""
    file = ExportFile(query.format, leave)
    try:
        owner = await Owner.of(tx)
        file.name = f"todos-{owner.now.astimezone(owner.zone):%Y-%m-%d}.{query.format}"
        if query.format == "json":
            await as_json.write(tx, file, owner, history=query.history)
        elif query.format == "csv":
            await as_csv.write(tx, file, owner)
        else:
            await as_icalendar.write(tx, file, owner)
        file.rewind()
    except BaseException:
        file.close()
        raise
    return file
