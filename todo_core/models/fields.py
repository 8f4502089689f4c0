"""Define the field types, base classes and columns that several models share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic_core import PydanticKnownError
from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Integer, func
from sqlmodel import SQLModel

from todo_core import text

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

MAX_ID = 2**63 - 1
"""Largest value of PostgreSQL's `bigint`."""
GAP_BITS = 20
"""Bits of the gap between two rows that come one after the other to the same end of an order."""
MAX_BATCH = 50
"""Items in one request."""
MAX_PAGE = 200
"""Rows on one page."""

CALLED: Final[dict[str, bool]] = {"called": True}
"""The context in which a call is read that was written down (`boundary.calls`)."""


def _as_called(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
    """Return a field's value; in a call that was written down it may be in the form that faces made of it."""
    return value if info.context is CALLED and isinstance(value, str | list) else handler(value)


AsCalled: Final = WrapValidator(_as_called)
"""Lets a name pass where operations take one in the place of an id, and several versions in the place of one: clients
send neither in these shapes, but faces hand them on, and so does a call that was written down."""

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Version = Annotated[
    Annotated[int, Field(ge=1, le=2**31 - 1, description="Version seen; refused if outdated.")],
    AsCalled,
]
Limit = Annotated[int, Field(ge=1, le=MAX_PAGE)]
Offset = Annotated[int, Field(ge=0, le=10_000_000, description="Rows to skip; a cursor is faster.")]
Cursor = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
"""Where the page before ended, byte for byte: `Cursors.open` takes what `Cursors.make` made, and nothing else."""

_DECOMPOSED: Final = 4
"""Most characters of a text that NFC may make one of."""


class Line(StringConstraints):
    """A text of one line, trimmed and in NFC, in which nothing is that cannot be seen; measured so (`text.line`)."""

    def __iter__(self) -> Iterator[Any]:
        """Yield what pydantic applies, in this order."""
        yield AfterValidator(self._kept)
        yield from super().__iter__()

    def _kept(self, value: str) -> str:
        """Return a text as it is kept. One that is too long in any case is refused before anybody looks through it."""
        assert self.max_length is not None
        if len(value.strip()) > _DECOMPOSED * self.max_length:
            raise PydanticKnownError("string_too_long", {"max_length": self.max_length})
        return self.keep(value)

    def keep(self, value: str) -> str:
        """Return a text as it is kept, or refuse it."""
        return text.line(value)


class Lines(Line):
    """A text of several lines."""

    def keep(self, value: str) -> str:
        return text.lines(value)


class VisibleLines(Lines):
    """A text of several lines that stands by itself, with something to see."""

    def keep(self, value: str) -> str:
        return text.note(value)


class Name(Line):
    """A name or a title: one line, with something to see."""

    def keep(self, value: str) -> str:
        return text.name(value)


class Key(Line):
    """A name from outside, which is kept and compared as it came: no text, so in no normal form (`text.key`)."""

    def keep(self, value: str) -> str:
        return text.key(value)


class Link(Line):
    """The address of a page, as it came (`text.link`)."""

    def keep(self, value: str) -> str:
        return text.link(value)


STRICT = ConfigDict(extra="forbid", strict=True)
"""Take no string for a number, and refuse unknown fields."""


class Input(BaseModel):
    """An input shape: its types are strict, and an unknown field is refused by name."""

    model_config = STRICT | ConfigDict(frozen=True)


class Output(BaseModel):
    """An output shape. No field has a default: every answer has every field. Later versions may add some."""

    # Few are ever validated: those of REST, whose contract is made of them.
    model_config = ConfigDict(defer_build=True)


def only_required(*names: str) -> ConfigDict:
    """Return the configuration of an output shape of which only these fields are always there."""

    def declare(schema: dict[str, Any]) -> None:
        schema["required"] = [*names]
        if not names:
            del schema["required"]

    return ConfigDict(json_schema_extra=declare)


Shape = TypeVar("Shape", bound=BaseModel)
"""The shape of the rows in an answer."""


def id_column() -> Column[int]:
    """Make a primary key that PostgreSQL numbers; an insert may also give the id itself."""
    return Column(BigInteger, Identity(always=False), primary_key=True)


def version_column() -> Column[int]:
    """Make a counter of a row's changes, from 1."""
    return Column(Integer, nullable=False, server_default="1")


def owner_column(*, primary_key: bool = False) -> Column[int]:
    """Make the column of the user who owns the row; deleting the user deletes the row."""
    return Column(BigInteger, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key)


def instant_column(*, nullable: bool = False, now: bool = False, index: bool = False) -> Column[Any]:
    """Make a column for a moment, stored in UTC; with `now`, the start of the inserting transaction by default."""
    return Column(DateTime(timezone=True), nullable=nullable, index=index, server_default=func.now() if now else None)
