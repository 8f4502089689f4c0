"""Rows as the record of changes shows them: in the shape in which they are read, and whether they are deleted."""

from __future__ import annotations

from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import Field, RootModel

from todo_core.models.accounts import AccountRead
from todo_core.models.agents import AgentRead
from todo_core.models.calendars import CalendarRead
from todo_core.models.fields import Output, Shape, only_required
from todo_core.models.lists import ListRecorded
from todo_core.models.notes import NoteRecorded
from todo_core.models.tags import TagRead
from todo_core.models.todos import TodoRead
from todo_core.models.tokens import TokenRead
from todo_core.models.users import ProfileRead

Kind = TypeVar("Kind", bound=str)


PARTLY: Final = only_required()
"""Fields may be missing: of very many rows the record keeps what changed, and older versions kept less of some."""
IsDeleted = Annotated[bool, Field(description="Whether it is deleted.")]


class Place(Output):
    """A place in the order by hand."""

    number: Annotated[int, Field(description="Lower ones come first, among siblings.")]


class TodoRecord(TodoRead):
    """A todo as the record of changes has it."""

    model_config = PARTLY
    place: Annotated[Place, Field(description="Its place, where the change is about it.")]


class ListRecord(ListRecorded):
    """A list as the record of changes has it."""

    model_config = PARTLY
    place: Annotated[Place, Field(description="What its position follows from.")]


class Linked(Output):
    """What the merge of a tag did."""

    into: Annotated[int, Field(description="Id of the tag that stayed.")]
    todos: Annotated[list[int], Field(description="Ids of the todos that got it.")]


class TagRecord(TagRead):
    """A tag as the record of changes has it."""

    model_config = PARTLY
    is_deleted: IsDeleted
    linked: Annotated[Linked, Field(description="After a merge, and before its undo: the tag that it went into.")]


class NoteRecord(NoteRecorded):
    """A note as the record of changes has it."""

    model_config = PARTLY


class TokenRecord(TokenRead):
    """An API token as the record of changes has it."""

    model_config = PARTLY


class AgentRecord(AgentRead):
    """An agent as the record of changes has it."""

    model_config = PARTLY


class CalendarRecord(CalendarRead):
    """A calendar address as the record of changes has it."""

    model_config = PARTLY


ProposalStatus = Literal["waiting", "approved", "rejected", "expired"]


class ProposalRecord(Output):
    """A proposal as the record of changes has it: what became of it, and nothing of its rows."""

    model_config = PARTLY

    id: Annotated[int, Field(description="Id.")]
    agent_id: Annotated[int, Field(description="The agent that proposed it.")]
    operation: Annotated[str, Field(description="What would be done.")]
    status: Annotated[ProposalStatus, Field(description="What became of it.")]
    note: Annotated[str | None, Field(description="The person's words with the decision.")]
    change_id: Annotated[int | None, Field(description="The change that was made of it.")]


class ProfileRecord(ProfileRead):
    """A profile as the record of changes has it: what the user chose."""

    model_config = PARTLY


class AccountRecord(AccountRead):
    """An account as the record of changes has it: nothing personal."""

    model_config = PARTLY
    is_deleted: IsDeleted


class Entry(Output, Generic[Kind, Shape]):
    """A row that a change touched."""

    entity: Annotated[Kind, Field(description="What kind of row.")]
    id: Annotated[int, Field(description="Its id.")]
    title: Annotated[
        str | None, Field(description="Its title or name since, of a note that of its todo; null where it has none.")
    ]
    number: Annotated[int, Field(description="Its place within the change, from 1.")]
    is_new: Annotated[bool, Field(description="Whether the change made it.")]
    before: Annotated[Shape | None, Field(description="The row before; null when it was made, and without `rows`.")]
    after: Annotated[Shape | None, Field(description="The row after; null without `rows`.")]


class TodoEntry(Entry[Literal["todo"], TodoRecord]):
    """A todo that a change touched."""


class ListEntry(Entry[Literal["list"], ListRecord]):
    """A list that a change touched."""


class TagEntry(Entry[Literal["tag"], TagRecord]):
    """A tag that a change touched."""


class NoteEntry(Entry[Literal["note"], NoteRecord]):
    """A note that a change touched."""


class TokenEntry(Entry[Literal["token"], TokenRecord]):
    """An API token that a change touched."""


class AgentEntry(Entry[Literal["agent"], AgentRecord]):
    """An agent that a change touched."""


class CalendarEntry(Entry[Literal["calendar"], CalendarRecord]):
    """A calendar address that a change touched."""


class ProposalEntry(Entry[Literal["proposal"], ProposalRecord]):
    """A proposal that was made, or rejected."""


class ProfileEntry(Entry[Literal["user"], ProfileRecord]):
    """A profile that a change touched."""


class AccountEntry(Entry[Literal["account"], AccountRecord]):
    """An account that a change touched."""


_AnyEntry = Annotated[
    TodoEntry
    | ListEntry
    | TagEntry
    | NoteEntry
    | TokenEntry
    | CalendarEntry
    | AgentEntry
    | ProposalEntry
    | ProfileEntry
    | AccountEntry,
    Field(discriminator="entity"),
]


class ChangeEntry(RootModel[_AnyEntry]):
    """One row that a change touched; `entity` tells its shape."""
