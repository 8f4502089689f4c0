"""Agents: what acts for a person, and what each may do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Integer,
    Text,
    UniqueConstraint,
    and_,
    column,
    func,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field as TableField
from sqlmodel import SQLModel
from typing_extensions import TypedDict

from todo_core.models.fields import (
    STRICT,
    Id,
    Input,
    Name,
    Output,
    id_column,
    instant_column,
    owner_column,
    version_column,
)

Kind = Literal["token", "client", "program"]
"""By what an agent is known: an API token, an OAuth client, or the name of a program that a person signed in."""
Verb = Literal["read", "add", "complete", "change", "delete"]
"""What an agent may do."""
VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
Mode = Literal["act", "propose"]
"""Whether what an agent does is done, or proposed."""
Part = Literal["verbs", "mode", "rows_per_day", "lists"]
"""What of a mandate may keep an agent from something."""
MAX_ROWS_PER_DAY: Final = 1_000_000
MAX_LISTS: Final = 200
"""Lists that a mandate names."""
MAX_NAME_LENGTH: Final = 200
"""Characters of a name, as a client may have chosen it."""


class Agent(SQLModel, table=True):
    """Something that acts for a person: one row for each, made when it is first seen."""

    __tablename__ = "agents"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        UniqueConstraint("user_id", "kind", "known_as"),
        CheckConstraint(column("kind").in_(["token", "client", "program"]), name="kind"),
        CheckConstraint(column("mode").in_(["act", "propose"]), name="mode"),
        CheckConstraint(func.char_length(column("name")).between(1, MAX_NAME_LENGTH), name="name_length"),
        CheckConstraint(column("rows_per_day") >= 0, name="rows_per_day"),
        CheckConstraint(
            or_(column("own_lists"), and_(column("lists").is_not(None), func.cardinality(column("lists")) > 0)),
            name="own_lists",
        ),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    kind: str = TableField(sa_type=Text)
    """A `Kind`."""
    known_as: str = TableField(sa_type=Text)
    """What tells it from others of its kind (`boundary.agents.AgentKey`)."""
    name: str = TableField(sa_type=Text)
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    """When it was first seen."""
    last_used_at: datetime = TableField(sa_column=instant_column(now=True))
    """To the minute: a later use within it writes nothing."""
    changes: int = TableField(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """How many changes it made, as counted at its last use."""
    counted_through: int = TableField(sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The change up to which they are counted."""
    blocked_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    verbs: list[str] | None = TableField(sa_column=Column(ARRAY(Text)))
    """What it may do; null for all."""
    mode: str = TableField(sa_column=Column(Text, nullable=False, server_default=text("'act'")))
    """Whether what it does is done, or proposed."""
    rows_per_day: int | None = TableField(sa_type=Integer)
    """How many rows it may change in 24 hours; null for any number."""
    until: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """From then on it is as if blocked."""
    lists: list[int] | None = TableField(sa_column=Column(ARRAY(BigInteger)))
    """Ids of the lists that it may see and change; null for all. Some may be gone since."""
    own_lists: bool = TableField(sa_column_kwargs={"server_default": "true"})
    """Whether the lists that it makes are among them."""
    updated_at: datetime = TableField(sa_column=instant_column(now=True))
    version: int = TableField(sa_column=version_column())


AgentId = Annotated[Id, Field(description="Id of the agent.")]


_VERBS_WORDS: Final = "What it may do; null for everything."
_MODE_WORDS: Final = "act: what it does is done. propose: it is not."
_ROWS_WORDS: Final = "How many rows it may change in 24 hours; null for any number."
_LISTS_WORDS: Final = "Ids of the lists that it may see and change; null for all."
_OWN_WORDS: Final = "Whether the lists that it makes are among them."
_Lists = Annotated[list[Id], Field(max_length=MAX_LISTS)]
_Verbs = Annotated[list[Verb], Field(min_length=1, max_length=len(VERBS))]
_RowsPerDay = Annotated[int, Field(ge=0, le=MAX_ROWS_PER_DAY)]


class Mandate(Input):
    """What an agent may do."""

    verbs: Annotated[_Verbs | None, Field(description=_VERBS_WORDS)] = None
    mode: Annotated[Mode, Field(description=_MODE_WORDS)] = "act"
    rows_per_day: Annotated[_RowsPerDay | None, Field(description=_ROWS_WORDS)] = None
    # Left out of the fingerprint of a request where the version before, which does not know them, would have no other.
    lists: Annotated[_Lists | None, Field(description=_LISTS_WORDS, exclude_if=lambda lists: lists is None)] = None
    own_lists: Annotated[bool, Field(description=_OWN_WORDS, exclude_if=lambda own: own is True)] = True


def _text(value: object) -> object:
    """Refuse a number: seconds since when, nobody has said."""
    if not isinstance(value, str | datetime):
        raise ValueError("must be a date-time such as 2027-01-31T17:00:00Z")  # noqa: TRY004  # what pydantic reports
    return value


def _in_utc(value: datetime) -> datetime:
    """Return a moment in UTC, where PostgreSQL and Python have its year."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1 to 9999 in UTC") from None


_Moment = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_text), AfterValidator(_in_utc)]


class AgentPatch(TypedDict, total=False):
    """A change of an agent: a field left out stays as it is; `null` takes a bound away."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    name: Annotated[str, Name(min_length=1, max_length=MAX_NAME_LENGTH), Field(description="What to call it.")]
    verbs: Annotated[_Verbs | None, Field(description=_VERBS_WORDS)]
    mode: Annotated[Mode, Field(description=_MODE_WORDS)]
    rows_per_day: Annotated[_RowsPerDay | None, Field(description=_ROWS_WORDS)]
    until: Annotated[
        _Moment | None,
        Field(description="From then on it is as if blocked; null for never."),
    ]
    lists: Annotated[_Lists | None, Field(description=_LISTS_WORDS)]
    own_lists: Annotated[bool, Field(description=_OWN_WORDS)]


PATCHABLE: Final = tuple(AgentPatch.__annotations__)
"""Fields of an agent that the person may change."""


class AgentRead(Output):
    """An agent, and what it may do."""

    id: Annotated[int, Field(description="Id of the agent.")]
    kind: Annotated[Kind, Field(description="By what it is known: an API token, an OAuth client, a program.")]
    known_as: Annotated[
        str,
        Field(description="Id of the API token, or issuer and id of the client, or issuer and name of the program."),
    ]
    name: Annotated[str, Field(description="What it is called.")]
    created_at: Annotated[datetime, Field(description="First use.")]
    last_used_at: Annotated[datetime, Field(description="Last use, to the minute.")]
    changes: Annotated[int, Field(description="How many changes it made.")]
    blocked_at: Annotated[datetime | None, Field(description="Since when it is blocked.")]
    verbs: Annotated[list[Verb] | None, Field(description=_VERBS_WORDS)]
    mode: Annotated[Mode, Field(description=_MODE_WORDS)]
    rows_per_day: Annotated[int | None, Field(description=_ROWS_WORDS)]
    until: Annotated[datetime | None, Field(description="From then on it is as if blocked.")]
    lists: Annotated[list[int] | None, Field(description=_LISTS_WORDS)]
    own_lists: Annotated[bool, Field(description=_OWN_WORDS)]
    version: Annotated[int, Field(description="Counts its changes.")]
