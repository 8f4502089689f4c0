"""Items of a mixed batch: different things to do with todos, in the order in which they were done."""

from __future__ import annotations

from typing import Annotated, Literal, Required

from pydantic import Field
from typing_extensions import TypeAliasType, TypedDict

from todo_core.models.fields import STRICT, Line, Version
from todo_core.models.todos import TodoCreate, TodoId, TodoKey, TodoPatch

CompletedAt = Annotated[
    str,
    Line(max_length=40),
    Field(
        description="When it was done, if not now: at most 30 days ago, with an offset or Z.",
        json_schema_extra={"format": "date-time"},
    ),
]


class MixedAdd(TodoCreate):
    """An item of a mixed batch: add a todo."""

    action: Literal["add"]


class _Meant(TypedDict, total=False):
    """Which todo an item of a mixed batch means: by its id, or by its key."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: TodoId
    key: Annotated[TodoKey, Field(description="Or its `key`; one that an earlier item has given it, too.")]
    if_version: Version


class MixedUpdate(_Meant, TodoPatch, total=False):
    """An item of a mixed batch: change fields of a todo."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    action: Required[Literal["update"]]


class MixedComplete(_Meant, total=False):
    """An item of a mixed batch: set a todo done."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    action: Required[Literal["complete"]]
    completed_at: CompletedAt


class MixedVerb(_Meant, total=False):
    """An item of a mixed batch: open a todo again, trash it, restore it, or skip its occurrence."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    action: Required[Literal["reopen", "delete", "restore", "skip"]]


MixedItem = TypeAliasType(
    "MixedItem",
    Annotated[
        MixedAdd | MixedUpdate | MixedComplete | MixedVerb,
        Field(discriminator="action", description="An item of a mixed batch: `action` says what is done."),
    ],
)
