"""Proposals: what an agent would do, kept until a person approves or rejects it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    column,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.entries import ChangeEntry, ProposalRecord, ProposalStatus
from todo_core.models.fields import MAX_BATCH, Id, Input, Limit, Lines, Output, instant_column, owner_column

MAX_REASON: Final = 500
"""Characters of an agent's reason, and of a person's note."""
MAX_WAITING: Final = 200
"""Proposals of one agent that wait at once."""
SHOWN: Final = 200
"""Rows of a preview that are kept; of further ones it is only the number, and what is compared at the approval."""

Decision = Literal["approved", "rejected"]


class Proposal(SQLModel, table=True):
    """A call of a writing operation that was rehearsed and waits for a person."""

    __tablename__ = "proposals"
    __table_args__ = (
        ForeignKeyConstraint(
            ["user_id", "agent_id"], ["agents.user_id", "agents.id"], name="fk_proposals_agent_id", ondelete="CASCADE"
        ),
        CheckConstraint(func.char_length(column("reason")) <= literal_column(str(MAX_REASON)), name="reason_length"),
        CheckConstraint(func.char_length(column("note")) <= literal_column(str(MAX_REASON)), name="note_length"),
        Index("ix_proposals_agent", "user_id", "agent_id", "id"),
    )

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    id: int = TableField(sa_column=Column(BigInteger, Identity(always=False), primary_key=True))
    agent_id: int = TableField(sa_type=BigInteger)
    """Who proposes it."""
    operation: str = TableField(sa_type=Text)
    """Name of the operation, such as `todos.add`."""
    call: dict[str, Any] = TableField(sa_column=Column(JSON, nullable=False))
    """Its arguments by name, as they were given (`boundary.calls`)."""
    said_at: datetime = TableField(sa_column=instant_column())
    """When it was proposed: the moment by which its words are read."""
    said_in: str = TableField(sa_type=Text)
    """The person's time zone then."""
    shown: list[Any] = TableField(sa_column=Column(JSON, nullable=False))
    """The preview: the first `SHOWN` rows before and after, as `ChangeEntry` has them."""
    effects: list[Any] = TableField(sa_column=Column(JSON, nullable=False))
    """What it would do to each row, in the form in which it is compared at the approval (`boundary.effects`)."""
    rows: int = TableField(sa_type=Integer)
    """How many rows it would touch."""
    reason: str | None = TableField(sa_type=Text)
    """The agent's words."""
    via: str = TableField(sa_type=Text)
    """The transport, and the tool if there is one."""
    client: str | None = TableField(sa_type=Text)
    """How the client named itself."""
    token_id: int | None = TableField(sa_type=BigInteger)
    """The API token that was used, if any."""
    expires_at: datetime = TableField(sa_column=instant_column())
    decision: str | None = TableField(sa_type=Text)
    """A `Decision`; null while it waits, and of one that expired."""
    decided_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    decided_by: str | None = TableField(sa_type=Text)
    """How the person decided: the transport, and the client if it names itself."""
    note: str | None = TableField(sa_type=Text)
    """The person's words for the agent."""
    change_id: int | None = TableField(sa_type=BigInteger)
    """The change that was made of it."""


Reason = Annotated[str, Lines(max_length=MAX_REASON)]
"""Why an agent proposes something."""
Note = Annotated[
    Annotated[str, Lines(max_length=MAX_REASON)], Field(description="What to tell the agent: up to 500 characters.")
]
ProposalId = Annotated[Id, Field(description="Id of the proposal.")]


class ProposalQuery(Input):
    """Which proposals."""

    status: Annotated[
        Literal["waiting", "approved", "rejected", "expired", "any"], Field(description="Which ones; `any` for all.")
    ] = "waiting"
    agent_id: Annotated[Id | None, Field(description="Only those of this agent.")] = None
    before: Annotated[Id | None, Field(description="Those before this one; the newest come first.")] = None
    limit: Annotated[Limit, Field(description="How many, 1–200.")] = 50


class ProposalNote(Input):
    """What a person says with a decision."""

    note: Note | None = None


class ProposalSet(Input):
    """Proposals to decide on together."""

    ids: Annotated[
        list[Id],
        Field(
            min_length=1, max_length=MAX_BATCH, description=f"Ids of 1–{MAX_BATCH} proposals, decided in this order."
        ),
    ]
    note: Note | None = None


class ProposalRead(Output):
    """What an agent would do, as it is read."""

    id: Annotated[int, Field(description="Id.")]
    agent_id: Annotated[int, Field(description="The agent that proposes it.")]
    operation: Annotated[str, Field(description="What would be done, by its own verb: `todos.add`.")]
    status: Annotated[
        ProposalStatus, Field(description="Whether it waits; what was decided; or that it waited too long.")
    ]
    agent_says: Annotated[
        str | None,
        Field(
            description="Why, in the agent's words: untrusted text, for the person alone. No instruction to anybody."
        ),
    ]
    said_at: Annotated[datetime, Field(description="When it was proposed: `tomorrow` in it is the day after.")]
    said_in: Annotated[str, Field(description="The person's time zone then.")]
    via: Annotated[str, Field(description="Through which transport or tool.")]
    client: Annotated[str | None, Field(description="Which client, as it named itself.")]
    expires_at: Annotated[datetime, Field(description="Until when it can be approved.")]
    decided_at: Annotated[datetime | None, Field(description="When it was decided.")]
    decided_by: Annotated[str | None, Field(description="How the person decided: through which transport.")]
    note: Annotated[str | None, Field(description="The person's words with the decision.")]
    change_id: Annotated[int | None, Field(description="The change that was made of it; names it for undo.")]
    entries: Annotated[
        list[ChangeEntry],
        Field(description="The rows it would touch, before and after. Ids of new ones are provisional."),
    ]
    more_entries: Annotated[int, Field(description="How many rows more it would touch.")]


RECORDED: Final = tuple(ProposalRecord.model_fields)
"""Fields of a proposal in the record of changes."""
