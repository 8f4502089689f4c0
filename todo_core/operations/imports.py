"""Bring everything along: an import."""

from __future__ import annotations

from todo_core.boundary.operation import Tx, operation
from todo_core.boundary.results import Changed
from todo_core.errors import InvalidInput
from todo_core.models.fields import MAX_BATCH
from todo_core.models.imports import ImportFile, ImportQuery, ImportRead
from todo_core.rules.importing.adding import import_file
from todo_core.rules.importing.reading import read


@operation(
    effect="changes",
    scope="todos:write",
    raises=(InvalidInput,),
    weight=MAX_BATCH,
    first=read,
    verbs=("add", "change"),
    proposable=False,
)
async def make(tx: Tx, query: ImportQuery, file: ImportFile) -> Changed[ImportRead]:
    """Import the todos of a file, with their lists, tags and notes, as one change. What is here already stays as it is.

    A todo is known by its key, its name where the file comes from: the same file again, or a later one, adds what is
    new. What cannot be kept is told. The profile of an export of this program is taken where nothing is here yet.
    """
    return await import_file(tx, query, file)
