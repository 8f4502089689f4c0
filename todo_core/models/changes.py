"""The change record, which is audit log, undo log and delta feed at once, and the answers kept for retries."""

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
    LargeBinary,
    Text,
    column,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Field as TableField
from sqlmodel import SQLModel

from todo_core.models.entries import ChangeEntry
from todo_core.models.fields import MAX_BATCH, Id, Input, Limit, Line, Output, instant_column, owner_column
from todo_core.models.todos import Bound


class Change(SQLModel, table=True):
    """An operation that changed something; the rows that it touched are in `change_entries`.

    The ids of one user's changes are in commit order, because the user's writes are serialized.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index("ix_changes_id", "id"),
        Index("ix_changes_at", "user_id", "at", "id"),
        Index("ix_changes_agent_id", "user_id", "agent_id", "id", postgresql_where=column("agent_id").is_not(None)),
    )

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    id: int = TableField(sa_column=Column(BigInteger, Identity(always=False), primary_key=True))
    at: datetime = TableField(sa_column=instant_column(now=True))
    operation: str = TableField(sa_type=Text)
    """Name of the operation, such as `todos.add`."""
    via: str = TableField(sa_type=Text)
    """`rest`, `cli`, or `mcp:` and the name of the tool."""
    client: str | None = TableField(sa_type=Text)
    """How the client names itself."""
    token_id: int | None = TableField(sa_type=BigInteger)
    """The API token that was used, if any."""
    undoes: int | None = TableField(sa_type=BigInteger)
    """The change that this one reverts, of several the latest: all of them are in `undone_changes`."""
    agent_id: int | None = TableField(sa_type=BigInteger)
    """The agent that made it; null for the person, and for what an older version recorded."""
    request_id: str | None = TableField(sa_type=Text)
    """The id of the request, as its answer and the log have it."""
    proposal_id: int | None = TableField(sa_type=BigInteger)
    """The proposal that was performed by it. The purge may have deleted that."""
    approved_by: str | None = TableField(sa_type=Text)
    """How the person approved the proposal: the transport, and the client if it names itself."""


class UndoneChange(SQLModel, table=True):
    """A change that was reverted, once and by one change."""

    __tablename__ = "undone_changes"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "undone_by"], ["changes.user_id", "changes.id"], ondelete="CASCADE"),
        Index("ix_undone_changes_by", "user_id", "undone_by"),
    )

    user_id: int = TableField(sa_type=BigInteger, primary_key=True)
    change_id: int = TableField(sa_type=BigInteger, primary_key=True)
    """What was reverted. The purge of old changes may have deleted it."""
    undone_by: int = TableField(sa_type=BigInteger)
    """What reverted it."""


class ChangedRow(SQLModel, table=True):
    """A row that a change touched, before and after."""

    __tablename__ = "change_entries"
    __table_args__ = (
        ForeignKeyConstraint(["user_id", "change_id"], ["changes.user_id", "changes.id"], ondelete="CASCADE"),
        Index("ix_change_entries_entity", "user_id", "entity", "entity_id", "change_id"),
        Index(
            "ix_change_entries_kind",
            "user_id",
            "entity",
            "change_id",
            postgresql_where=column("entity") != literal_column("'todo'"),
        ),
    )

    user_id: int = TableField(sa_type=BigInteger, primary_key=True)
    change_id: int = TableField(sa_type=BigInteger, primary_key=True)
    number: int = TableField(sa_type=Integer, primary_key=True)
    """Its place within the change, from 1."""
    entity: str = TableField(sa_type=Text)
    """What kind of row: an `Entity`."""
    entity_id: int = TableField(sa_type=BigInteger)
    list_before: int | None = TableField(sa_type=BigInteger)
    """The list that a todo was in, or the list itself; null for other rows and for a new one."""
    list_after: int | None = TableField(sa_type=BigInteger)
    """The list that a todo is in, or the list itself; null for other rows."""
    before: dict[str, Any] | None = TableField(sa_column=Column(JSON(none_as_null=True)))
    """The row before; null for a new one."""
    after: dict[str, Any] = TableField(sa_column=Column(JSON, nullable=False))
    """The row after."""


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a request, kept for 24 hours so that a retry gets it again."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (CheckConstraint(func.char_length(column("key")).between(1, 255), name="key_length"),)

    user_id: int = TableField(sa_column=owner_column(primary_key=True))
    key: str = TableField(sa_type=Text, primary_key=True)
    """The client's `Idempotency-Key`, or what stands for it where another has the same (`boundary.idempotency`)."""
    fingerprint: bytes = TableField(sa_type=LargeBinary)
    """SHA-256 of the operation and its arguments: another request cannot take the answer."""
    reply: dict[str, Any] = TableField(sa_column=Column(JSON, nullable=False))
    """The answer, as `boundary.idempotency` writes it."""
    created_at: datetime = TableField(sa_column=instant_column(now=True, index=True))
    agent_id: int | None = TableField(sa_type=BigInteger)
    """Whose it is: an agent's, or 0 for the person's own; null for one that an older version kept: anybody's."""


Entity = Literal["todo", "list", "tag", "note", "token", "calendar", "agent", "proposal", "user", "account"]
"""The kinds of rows that a change can touch."""
OWN_ACCOUNT: Final = "own account"
"""Stands beside the kinds of rows for one account: what an admin did to it, its person may see."""
ClientPart = Annotated[str, Line(min_length=1, max_length=100)]
ChangesSince = Annotated[int, Field(ge=0, le=2**63 - 1)]
"""The id of a change, or 0 for before the first."""
ChangeId = Annotated[Id, Field(description="Id of the change, as every write returns it.")]


class ChangeFilter(Input):
    """Which changes: what came after one you know, the latest, or what came before one; of those, which are meant."""

    since: Annotated[
        ChangesSince | None,
        Field(description="Changes after this change id, oldest first. Left out: the latest, newest first."),
    ] = None
    before: Annotated[ChangeId | None, Field(description="Changes before this change id, newest first.")] = None
    limit: Annotated[Limit, Field(description="How many, 1–200.")] = 50
    when: Annotated[
        Bound | None, Field(description="Only those of a time: this morning, last hour, since yesterday, until monday.")
    ] = None
    made_after: Annotated[Bound | None, Field(description="Only those made then or later.")] = None
    made_before: Annotated[Bound | None, Field(description="Only those made before it; of a day, by its end.")] = None
    client: Annotated[
        ClientPart | None, Field(description="Only those of clients with this in their name, in any case.")
    ] = None
    agent: Annotated[Id | None, Field(description="Only those of the agent with this id.")] = None
    entity: Annotated[Entity | None, Field(description="Only those of this kind of row, and of each only such.")] = None
    entity_id: Annotated[
        Id | None, Field(description="Only those of the row with this id, a todo unless `entity` says otherwise.")
    ] = None


class UndoChoice(Input):
    """Which changes to undo together, besides or in place of their ids; each part narrows the others."""

    agent: Annotated[Id | None, Field(description="Those of the agent with this id.")] = None
    when: Annotated[
        Bound | None, Field(description="Those of a time: this morning, last hour, since yesterday, until monday.")
    ] = None
    made_after: Annotated[Bound | None, Field(description="Those made then or later.")] = None
    made_before: Annotated[Bound | None, Field(description="Those made before it; of a day, by its end.")] = None
    skip_conflicts: Annotated[
        bool, Field(description="Whether to undo the others where some cannot be undone, instead of none.")
    ] = False

    @property
    def selects(self) -> bool:
        """Whether it says which changes, and not only how."""
        return any(value is not None for value in (self.agent, self.when, self.made_after, self.made_before))


class ChangeSet(UndoChoice):
    """Changes to undo together: those with some ids, of an agent, of a time, or of these together."""

    change_ids: Annotated[
        list[Id] | None,
        Field(
            min_length=1,
            max_length=MAX_BATCH,
            description=f"Ids of 1–{MAX_BATCH} changes; in whatever order, the latest is undone first.",
        ),
    ] = None

    @property
    def choice(self) -> UndoChoice | None:
        """What it says besides ids; None where that is nothing."""
        names = self.model_fields_set - {"change_ids"}
        said = {name: value for name in sorted(names) if (value := getattr(self, name)) not in (None, False)}
        return UndoChoice(**said) if said else None


EntryForm = Literal["rows", "titles"]
"""Whether entries have the rows before and after, or only say what they are called."""
EntryRows = Annotated[bool, Field(description="False leaves `before` and `after` out of the entries: both are null.")]


class ChangePart(Input):
    """Which part of a change that touched very many rows, and how much of it."""

    after: Annotated[
        int, Field(ge=0, le=2**31 - 1, description="`next_entry` of the part before; left out: the first part.")
    ] = 0
    rows: EntryRows = True


class ChangeRead(Output):
    """A change as it is read: by whom, when, before and after."""

    id: Annotated[int, Field(description="Id; later changes have higher ids.")]
    at: Annotated[datetime, Field(description="When it was committed.")]
    operation: Annotated[str, Field(description="What was done, by its own verb: `todos.restore`.")]
    via: Annotated[str, Field(description="Through which transport or tool.")]
    client: Annotated[str | None, Field(description="Which client, as it named itself.")]
    token_id: Annotated[int | None, Field(description="Which API token, if one was used.")]
    agent_id: Annotated[int | None, Field(description="Which agent; null for the person.")]
    request_id: Annotated[str | None, Field(description="The id of the request, as `X-Request-Id` told it.")]
    proposal_id: Annotated[int | None, Field(description="The proposal that was performed by it, if it was one.")]
    approved_by: Annotated[
        str | None, Field(description="How the person approved the proposal: through which transport.")
    ]
    undoes: Annotated[int | None, Field(description="The change that this one reverted, of several the latest.")]
    undoes_also: Annotated[list[int], Field(description="The others that it reverted with it, the latest first.")]
    undone_by: Annotated[int | None, Field(description="The change that reverted this one.")]
    entries: Annotated[list[ChangeEntry], Field(description="The rows it touched, or a part of them.")]
    more_entries: Annotated[int, Field(description="How many rows follow these.")]
    next_entry: Annotated[
        int | None, Field(description="The `after` of the next part, at `GET /changes/{change_id}`; null at the end.")
    ]
