"""Todos: the table, the input shapes and the output shapes."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Required, get_args

from pydantic import Field
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    UniqueConstraint,
    column,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field as TableField
from sqlmodel import SQLModel
from typing_extensions import TypedDict

from todo_core.models.dues import (
    DUE_CHANGE_WORDS,
    DUE_WORDS,
    REPEAT_WORDS,
    START_WORDS,
    Due,
    DueInput,
    RepeatInput,
    RepeatRead,
    StartText,
)
from todo_core.models.fields import (
    GAP_BITS,
    MAX_BATCH,
    STRICT,
    Cursor,
    Id,
    Input,
    Key,
    Limit,
    Line,
    Lines,
    Link,
    Name,
    Output,
    Version,
    id_column,
    instant_column,
    owner_column,
    version_column,
)
from todo_core.models.lists import Archived, ListId
from todo_core.models.notes import NoteRead, NoteText
from todo_core.models.tags import TagName, TagNames
from todo_core.validation import Tried

Priority = Literal["low", "medium", "high", "urgent"]
PRIORITIES: tuple[Priority, ...] = get_args(Priority)
"""Stored as their position, counted from 1: PostgreSQL's enum operators are not leakproof, so
row-level security would keep them out of index conditions."""

Status = Literal["open", "done", "all", "trashed"]
Sort = Literal["created", "updated", "start", "due", "priority", "title", "manual", "pressing", "match"]
Direction = Literal["asc", "desc"]

_LIVE = text("deleted_at IS NULL")
_OPEN = text("deleted_at IS NULL AND completed_at IS NULL")
_DUE_KEY = text("(\nCASE\n    WHEN due_at IS NULL THEN 'infinity'::timestamp with time zone\n    ELSE due_at\nEND)")
"""Deadlines in their order, todos without one last. Written as PostgreSQL prints it: a test compares it with the
migrated schema."""
_BEHIND = text(f"(nextval('todos_id_seq'::regclass) << {GAP_BITS})")
"""The place behind all others, for who writes rows without one."""
MAX_DESCRIPTION = 1000
"""Characters of a description."""
MAX_DEPTH = 5
"""Levels of subtasks below a todo that is no subtask."""


class Todo(SQLModel, table=True):
    """A todo. It is done if it has `completed_at`, and in the trash if it has `deleted_at`."""

    __tablename__ = "todos"
    __table_args__ = (
        UniqueConstraint("user_id", "id"),
        ForeignKeyConstraint(
            ["user_id", "list_id"],
            ["lists.user_id", "lists.id"],
            name="fk_todos_list_id",
            deferrable=True,
            initially="DEFERRED",
        ),
        ForeignKeyConstraint(
            ["user_id", "parent_id"], ["todos.user_id", "todos.id"], name="fk_todos_parent_id", ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["user_id", "follows_id"],
            ["todos.user_id", "todos.id"],
            name="fk_todos_follows_id",
            ondelete="SET NULL (follows_id)",
        ),
        CheckConstraint(func.char_length(column("title")).between(1, 200), name="title_length"),
        CheckConstraint(func.char_length(column("description")) <= 1000, name="description_length"),
        CheckConstraint(column("priority").between(1, len(PRIORITIES)), name="priority_known"),
        CheckConstraint(column("version") >= 1, name="version_positive"),
        CheckConstraint(column("parent_id") != column("id"), name="parent_is_another"),
        CheckConstraint("due_date IS NULL OR due_at IS NOT NULL", name="due_date_has_moment"),
        CheckConstraint("due_time IS NULL OR due_date IS NOT NULL", name="due_time_has_date"),
        CheckConstraint("repeat IS NULL OR due_at IS NOT NULL", name="repeat_has_due"),
        CheckConstraint(func.char_length(column("key")).between(1, 200), name="key_length"),
        CheckConstraint(func.char_length(column("source")) <= 2000, name="source_length"),
        Index("ix_todos_open_created", "user_id", "created_at", "id", postgresql_where=_OPEN),
        Index("ix_todos_live_created", "user_id", "created_at", "id", postgresql_where=_LIVE),
        Index("ix_todos_trashed", "user_id", "deleted_at", postgresql_where=text("deleted_at IS NOT NULL")),
        Index("ix_todos_open_list", "user_id", "list_id", "created_at", "id", postgresql_where=_OPEN),
        Index(
            "ix_todos_open_due",
            "user_id",
            _DUE_KEY,
            "id",
            postgresql_where=_OPEN,
        ),
        Index(
            "ix_todos_start",
            "user_id",
            "start",
            postgresql_where=text("deleted_at IS NULL AND completed_at IS NULL AND start IS NOT NULL"),
        ),
        Index("ix_todos_place", "user_id", "list_id", "place", postgresql_where=text("parent_id IS NULL")),
        Index("ix_todos_parent", "user_id", "parent_id", postgresql_where=text("parent_id IS NOT NULL")),
        Index("ix_todos_words", "words", postgresql_using="gin", postgresql_with={"fastupdate": "off"}),
        Index("ix_todos_open_alike", "user_id", "alike_key", "same_key", postgresql_where=_OPEN),
        Index("ix_todos_follows", "user_id", "follows_id", postgresql_where=text("follows_id IS NOT NULL")),
        Index("ix_todos_completed", "user_id", "completed_at", postgresql_where=text("completed_at IS NOT NULL")),
        Index("uq_todos_key", "user_id", "key", unique=True, postgresql_where=text("key IS NOT NULL")),
    )

    id: int = TableField(sa_column=id_column())
    user_id: int = TableField(sa_column=owner_column())
    title: str = TableField(sa_type=Text)
    description: str | None = TableField(sa_type=Text)
    priority: int = TableField(sa_column=Column(SmallInteger, nullable=False, server_default="2"))
    """Place in `PRIORITIES`, from 1."""
    completed_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    deleted_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    updated_at: datetime = TableField(sa_column=instant_column(now=True))
    version: int = TableField(sa_column=version_column())
    list_id: int = TableField(sa_type=BigInteger)
    parent_id: int | None = TableField(sa_type=BigInteger)
    start: date | None
    """The day before which it is left out where nobody asks for it, wherever the user is; null: from the first."""
    due_date: date | None
    """The day of the deadline, wherever the user is; null for a moment."""
    due_time: time | None
    """The wall-clock time of that day; null where only the day counts, and for a moment."""
    due_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """The moment by which: of a day its last microsecond, in the user's time zone as it is now."""
    repeat: dict[str, Any] | None = TableField(sa_column=Column(JSONB))
    """How it repeats, as `todo_core.recurrence.Repeat.as_json` writes it."""
    follows_id: int | None = TableField(sa_type=BigInteger)
    """Of a repeating todo: the occurrence before this one."""
    language: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "simple"})
    """The text search configuration, by the user's locale when title and description were last written."""
    words: str = TableField(sa_column=Column(TSVECTOR, nullable=False))
    """What it is found by: its words, other forms of them, and its owner. A trigger of PostgreSQL writes it
    (`docs/decisions/0037-words.md`)."""
    title_key: str = TableField(sa_type=Text)
    """Its place in the order by title: the title without case and accents. The same trigger writes it."""
    alike_key: int = TableField(sa_type=BigInteger)
    """A hash that titles share which may look the same. The same trigger writes it
    (`docs/decisions/0060-looking-the-same.md`)."""
    same_key: int = TableField(sa_type=BigInteger)
    """A hash of the telling words of its title, whatever their order; by the same trigger."""
    place: int = TableField(sa_column=Column(BigInteger, nullable=False, server_default=_BEHIND))
    """Its place among its siblings, lower ones first: its id with a gap behind it, until it is moved."""
    chosen_place: int | None = TableField(sa_type=BigInteger)
    """The place as it was chosen, where it was given another since to make room."""
    key: str | None = TableField(sa_type=Text)
    """What it is called elsewhere. One todo of a user has it: of a series the occurrence that was made last."""
    source: str | None = TableField(sa_type=Text)
    """The address of the page that it comes from."""
    note_count: int = TableField(sa_column_kwargs={"server_default": "0"})
    """Notes on it: a read looks for them only where there are some."""


TodoId = Annotated[Id, Field(description="Id of the todo.")]
TodoIds = Annotated[
    list[Tried[Id]],
    Field(min_length=1, max_length=MAX_BATCH, description=f"Ids of 1–{MAX_BATCH} todos; results keep this order."),
]
Title = Annotated[str, Name(min_length=1, max_length=200), Field(description="Its title.")]
Description = Annotated[str, Lines(max_length=1000), Field(description="Details.")]
End = Literal["first", "last"]
BeforeTodo = Annotated[TodoId, Field(description="Right before this sibling.")]
AfterTodo = Annotated[TodoId, Field(description="Right after this sibling.")]
AtEnd = Annotated[End, Field(description="Among its siblings.")]
ChosenPriority = Annotated[Priority, Field(description="From low to urgent.")]


TodoKey = Annotated[str, Key(min_length=1, max_length=200)]
KEY_WORDS = "Id of a mail or an issue: with a known key nothing is made, `existing` is that todo."
SourceLink = Annotated[str, Link(min_length=1, max_length=2000)]
SOURCE_WORDS = "A link to its origin."


IfSimilar = Annotated[
    Literal["add", "return", "refuse"],
    Field(description="If an open todo looks the same."),
]


def if_similar_too(if_similar: IfSimilar) -> dict[str, Any]:
    """Return an argument of an addition; none by default, for the version before computes a fingerprint without it."""
    return {} if if_similar == "add" else {"if_similar": if_similar}


def _is_left_out(value: object) -> bool:
    """Return whether a field is left out of the fingerprint of a request: the version before does not know it."""
    return value is None


class TodoCreate(Input):
    """A new todo. The server sets everything that is not here."""

    title: Title
    description: Annotated[Description | None, Field(description="Details.")] = None
    priority: ChosenPriority = "medium"
    list_id: Annotated[ListId | None, Field(description="Its list; left out: the default list.")] = None
    parent_id: Annotated[TodoId | None, Field(description="Its parent.")] = None
    parent_index: Annotated[
        Annotated[int, Field(ge=0, le=MAX_BATCH - 1)] | None,
        Field(description="Or its parent's place in this call, from 0."),
    ] = None
    parent_key: Annotated[TodoKey | None, Field(description="Or its parent's `key`.", exclude_if=_is_left_out)] = None
    start: Annotated[StartText | None, Field(description=START_WORDS, exclude_if=_is_left_out)] = None
    due: Annotated[DueInput | None, Field(description=DUE_WORDS)] = None
    repeat: Annotated[RepeatInput | None, Field(description=REPEAT_WORDS)] = None
    before: Annotated[BeforeTodo | None, Field(exclude_if=_is_left_out)] = None
    after: Annotated[AfterTodo | None, Field(exclude_if=_is_left_out)] = None
    place: Annotated[AtEnd | None, Field(exclude_if=_is_left_out)] = None
    # A factory, for pydantic makes a deep copy of a default for each todo, which takes as long as all other fields.
    tags: TagNames = Field(
        default_factory=list, description="Names of tags, new or not.", json_schema_extra={"default": []}
    )
    # Left out where they are null: a request without them has the fingerprint that the version before computes.
    key: Annotated[TodoKey | None, Field(description=KEY_WORDS, exclude_if=_is_left_out)] = None
    source: Annotated[SourceLink | None, Field(description=SOURCE_WORDS, exclude_if=_is_left_out)] = None


class TodoPatch(TypedDict, total=False):
    """A change to one todo: a field left out stays as it is; `null` clears."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    title: Title
    description: Annotated[Description | None, Field(description="Details.")]
    priority: ChosenPriority
    is_completed: Annotated[bool, Field(description="Whether it is completed.")]
    list_id: Annotated[ListId, Field(description="Move it there, with its subtasks.")]
    parent_id: Annotated[TodoId | None, Field(description="Make it a subtask of this todo.")]
    before: BeforeTodo
    after: AfterTodo
    place: AtEnd
    start: Annotated[StartText | None, Field(description=START_WORDS)]
    due: Annotated[DueInput | None, Field(description=DUE_CHANGE_WORDS)]
    repeat: Annotated[RepeatInput | None, Field(description=REPEAT_WORDS)]
    source: Annotated[SourceLink | None, Field(description=SOURCE_WORDS)]
    tags: Annotated[TagNames, Field(description="All its tags, in place of those it has.")]
    add_tags: Annotated[TagNames, Field(description="Tag it with these, too.")]
    remove_tags: Annotated[TagNames, Field(description="Tags to take away.")]
    append_description: Annotated[
        str,
        Lines(min_length=1, max_length=MAX_DESCRIPTION),
        Field(description="A line to add to the description."),
    ]
    add_note: Annotated[NoteText, Field(description="A note to add; notes are never changed.")]


class TodoUpdate(TodoPatch, total=False):
    """One item of a batch of updates."""

    __pydantic_config__ = STRICT  # type: ignore[misc]

    id: Required[TodoId]
    if_version: Version


SearchText = Annotated[
    Annotated[str, Line(min_length=1, max_length=200)],
    Field(description="Words in title, description or notes; it may end mid-word."),
]
Bound = Annotated[str, Line(min_length=1, max_length=100)]
"""A day, a moment or a period, as ISO 8601 or in words; resolved when the list is read."""


class TodoFilter(Input):
    """Which todos, in which order, and which page of them. Dates are ISO 8601 or words: monday, nov 1, last 7 days."""

    status: Annotated[Status, Field(description="trashed: only what is in trash.")] = "open"
    priority: Annotated[
        Annotated[list[Priority], Field(min_length=1, max_length=len(PRIORITIES))] | None,
        Field(description="Of these priorities."),
    ] = None
    list_id: Annotated[ListId | None, Field(description="In this list.")] = None
    tags: Annotated[
        Annotated[list[TagName], Field(min_length=1, max_length=20)] | None, Field(description="With these tags.")
    ] = None
    tags_match: Annotated[Literal["any", "all"], Field(description="Any, or all.")] = "any"
    parent_id: Annotated[TodoId | None, Field(description="Subtasks of this todo.")] = None
    top_level: Annotated[bool, Field(description="Without subtasks.")] = False
    ids: Annotated[Annotated[list[Id], Field(min_length=1, max_length=200)] | None, Field(description="These ids.")] = (
        None
    )
    key: Annotated[TodoKey | None, Field(description="With this key.")] = None
    text: Annotated[SearchText | None, Field(description="With all these words; it may end mid-word.")] = None
    has_due: Annotated[bool | None, Field(description="With a due, or (false) without.")] = None
    has_tags: Annotated[bool | None, Field(description="With tags, or without.")] = None
    has_list: Annotated[bool | None, Field(description="Outside inbox, or in.")] = None
    has_subtasks: Annotated[bool | None, Field(description="With subtasks, or without.")] = None
    repeats: Annotated[bool | None, Field(description="What repeats, or does not.")] = None
    started: Annotated[bool | None, Field(description="Started, or (false) not yet.")] = None
    overdue: Annotated[bool, Field(description="Past its due.")] = False
    due_after: Annotated[
        Bound | None, Field(description="Due then or later: monday is next monday, this week a period.")
    ] = None
    due_before: Annotated[Bound | None, Field(description="Due before it; of a day, by its end, here and below.")] = (
        None
    )
    created_after: Annotated[
        Bound | None,
        Field(description="Created then or later: monday is last monday."),
    ] = None
    created_before: Annotated[Bound | None, Field(description="Created before.")] = None
    updated_after: Annotated[Bound | None, Field(description="Changed then or later.")] = None
    updated_before: Annotated[Bound | None, Field(description="Changed before.")] = None
    completed_after: Annotated[Bound | None, Field(description="Completed then or later.")] = None
    completed_before: Annotated[Bound | None, Field(description="Completed before.")] = None
    archived: Annotated[Archived, Field(description="In archived lists too, or only.")] = "exclude"
    sort: Annotated[
        Sort | None,
        Field(
            description="Default created, with text match, best first. priority: urgent first. due: without "
            "one last. pressing: overdue and due today, then by priority and due. manual: by hand."
        ),
    ] = None
    direction: Annotated[Direction | None, Field(description="Default asc for start, due, title, manual.")] = None
    limit: Annotated[Limit, Field(description="Rows on a page, 1–200.")] = 50
    cursor: Annotated[
        Cursor | None,
        Field(description="`next_cursor`, with same filters."),
    ] = None

    @property
    def shows_notes(self) -> bool:
        """Whether each row has its newest notes (`TodoDetail`); a face may ask for that."""
        return False


class TodoRead(Output):
    """A todo as it is read."""

    id: Annotated[int, Field(description="Id, unique in the whole system.")]
    title: Annotated[str, Field(description="What to do.")]
    description: Annotated[str | None, Field(description="Details.")]
    priority: ChosenPriority
    list_id: Annotated[int, Field(description="Its list.")]
    parent_id: Annotated[int | None, Field(description="The todo it is a subtask of.")]
    tags: Annotated[list[str], Field(description="Names of its tags, in alphabetical order.")]
    start: Annotated[date | None, Field(description="The day before which lists leave it out.")]
    due: Annotated[Due | None, Field(description="When it is due.")]
    repeat: Annotated[RepeatRead | None, Field(description="How it repeats.")]
    is_completed: Annotated[bool, Field(description="Whether it is done.")]
    completed_at: Annotated[datetime | None, Field(description="When it was completed.")]
    created_at: Annotated[datetime, Field(description="When it was made.")]
    updated_at: Annotated[datetime, Field(description="When it last changed.")]
    deleted_at: Annotated[datetime | None, Field(description="When it went to the trash.")]
    all_subtasks: Annotated[int, Field(description="Todos right below it, open and done.")]
    open_subtasks: Annotated[int, Field(description="Open ones of these.")]
    done_subtasks: Annotated[int, Field(description="Done ones of these.")]
    key: Annotated[str | None, Field(description="Its name elsewhere.")]
    source: Annotated[str | None, Field(description="A link to where it comes from.")]
    note_count: Annotated[int, Field(description="Notes on it.")]
    version: Annotated[int, Field(description="Counts changes, from 1.")]


class TodoDetail(TodoRead):
    """A todo with its newest notes."""

    notes: Annotated[list[NoteRead], Field(description="The newest three notes on it, the newest first.")]


class SimilarTodo(Output):
    """An open todo that looks the same as a new one."""

    id: Annotated[int, Field(description="Its id.")]
    title: Annotated[str, Field(description="Its title.")]
    list_id: Annotated[int, Field(description="Its list.")]
    list: Annotated[str, Field(description="The name of that.")]


class TodoWritten(TodoRead):
    """A todo as a write left it, and what went along with it."""

    subtasks_changed: Annotated[int, Field(description="Subtasks that went along: completed, trashed, moved, …")]
    next: Annotated[TodoRead | None, Field(description="The next occurrence, made by completing a repeating todo.")]
    existing: Annotated[
        bool,
        Field(description="Whether it had the key of what was to be added, or looked the same: nothing was made."),
    ]
    similar: Annotated[
        list[SimilarTodo], Field(description="Of a new one: up to three open todos that look the same, the best first.")
    ]
