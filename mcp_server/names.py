"""Take lists and tags by name or by id: a model knows the name from the person, and the id from nowhere else."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from mcp_server.spelling import whole
from todo_core.models.fields import MAX_BATCH, Id
from todo_core.models.lists import ListName
from todo_core.models.tags import TagName
from todo_core.validation import AS_NUMBER, AS_TEXT, Tried


def _form(value: Any) -> str:
    return AS_TEXT if isinstance(value, str) else AS_NUMBER


_TEXT = WithJsonSchema({"type": "string"})
"""One type, for the libraries that know no alternatives. A number is taken all the same."""
ListRef = Annotated[
    Annotated[Annotated[ListName, Tag(AS_TEXT)] | Annotated[Id, Tag(AS_NUMBER)], Discriminator(_form)],
    BeforeValidator(whole),
    _TEXT,
    Field(description="Its name or id."),
]
ListRefs = Annotated[
    list[Tried[ListRef]], Field(min_length=1, max_length=MAX_BATCH, description="Names or ids of lists.")
]
TagRef = Annotated[
    Annotated[Annotated[TagName, Tag(AS_TEXT)] | Annotated[Id, Tag(AS_NUMBER)], Discriminator(_form)],
    BeforeValidator(whole),
    _TEXT,
    Field(description="Its name or id."),
]
