"""Users, who own the rows of every other table."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints
from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Text, UniqueConstraint, column, func, text
from sqlmodel import Field as TableField
from sqlmodel import SQLModel
from typing_extensions import TypedDict

from todo_core.identity.issuers import UserRole
from todo_core.identity.scopes import Scope
from todo_core.models.fields import STRICT, Id, Name, Output, id_column, instant_column, version_column
from todo_core.models.lists import ListId
from todo_core.notations import known_time_zone

WeekStart = Literal["monday", "sunday", "saturday"]
"""First day of the week. CLDR has one of these for every country but one."""
NewTodos = Literal["first", "last"]
"""Where todos come in the order by hand that are added or moved without a place."""

LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?", re.ASCII)
"""A BCP 47 language tag: language, and perhaps script and region."""


class User(SQLModel, table=True):
    """A person, found by the issuer and the subject of a token, and made at the first valid one."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        CheckConstraint(func.length(column("subject")).between(1, 255), name="subject_length"),
        CheckConstraint(column("role").in_(["user", "admin"]), name="role_known"),
        CheckConstraint(column("week_start").in_(["monday", "sunday", "saturday"]), name="week_start_known"),
        CheckConstraint(column("new_todos").in_(["first", "last"]), name="new_todos_known"),
        CheckConstraint(func.char_length(column("display_name")).between(1, 100), name="display_name_length"),
        CheckConstraint(func.char_length(column("email")).between(1, 320), name="email_length"),
        ForeignKeyConstraint(
            ["id", "default_list_id"],
            ["lists.user_id", "lists.id"],
            name="fk_users_default_list_id",
            ondelete="SET NULL (default_list_id)",
            use_alter=True,
        ),
    )

    id: int = TableField(sa_column=id_column())
    issuer: str = TableField(sa_type=Text)
    """The identity provider."""
    subject: str = TableField(sa_type=Text)
    """The user's id there."""
    role: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "user"})
    """The role of the latest token that gave one; `queries.roles` says whether `admin` counts."""
    email: str | None = TableField(sa_type=Text)
    """The address of the latest token that gave one."""
    display_name: str | None = TableField(sa_type=Text)
    is_name_chosen: bool = TableField(sa_column_kwargs={"server_default": "false"})
    """Whether the user set or cleared `display_name`: tokens do not change it any more."""
    time_zone: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "UTC"})
    locale: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "en"})
    week_start: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "monday"})
    suspended_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    created_at: datetime = TableField(sa_column=instant_column(now=True))
    updated_at: datetime = TableField(sa_column=instant_column(now=True))
    version: int = TableField(sa_column=version_column())
    default_list_id: int | None = TableField(sa_type=BigInteger)
    reviewed_through: int = TableField(sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    """The last change up to which the person has reviewed what agents did."""
    changes_deleted_through: int = TableField(sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    """The latest change that the purge deleted; 0 while all are kept."""
    role_until: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """When the token that gave the role ends, and `admin` with it. It means nothing for users of the command line."""
    role_issued_at: datetime | None = TableField(sa_column=instant_column(nullable=True))
    """When the latest token that said something of the role was issued: an older one does not count."""
    new_todos: str = TableField(sa_type=Text, sa_column_kwargs={"server_default": "last"})
    """At which end of their siblings todos come: a `NewTodos`."""


def _known_locale(tag: str) -> str:
    if not LANGUAGE_TAG.fullmatch(tag):
        raise ValueError("must be a language tag such as en, de-AT or zh-Hant-TW")
    return tag


DisplayName = Annotated[str, Name(min_length=1, max_length=100)]
TimeZone = Annotated[str, AfterValidator(known_time_zone)]
Locale = Annotated[
    str,
    StringConstraints(max_length=35),
    AfterValidator(_known_locale),
    Field(json_schema_extra={"pattern": f"^{LANGUAGE_TAG.pattern}$"}),
]

UserId = Annotated[Id, Field(description="Id of the user.")]

NAME_WORDS = "Name, 1–100 characters."
ZONE_WORDS = "IANA time zone, such as Europe/Berlin."
LOCALE_WORDS = "Language by BCP 47, such as en or de-CH."
WEEK_WORDS = "First weekday."
NEW_TODOS_WORDS = "Place of new todos, sorted manually."
DEFAULT_LIST_WORDS = "Its default list, else inbox."


class ProfilePatch(TypedDict, total=False):
    """A change to the profile: a field left out stays as it is; `null` clears the display name or the default list."""

    __pydantic_config__ = STRICT  # type: ignore[misc]  # how pydantic configures a TypedDict

    display_name: Annotated[DisplayName | None, Field(description=NAME_WORDS)]
    time_zone: Annotated[TimeZone, Field(description=ZONE_WORDS)]
    locale: Annotated[Locale, Field(description=LOCALE_WORDS)]
    week_start: Annotated[WeekStart, Field(description=WEEK_WORDS)]
    default_list_id: Annotated[ListId | None, Field(description=DEFAULT_LIST_WORDS)]
    new_todos: Annotated[NewTodos, Field(description=NEW_TODOS_WORDS)]


PATCHABLE: Final = tuple(ProfilePatch.__annotations__)
"""Fields of the profile that the user may change."""


class ProfileRead(Output):
    """A person's own profile."""

    id: Annotated[int, Field(description="Id of the user.")]
    display_name: Annotated[str | None, Field(description="What to call the person.")]
    email: Annotated[str | None, Field(description="E-mail, if the identity provider gave it.")]
    role: Annotated[UserRole, Field(description="Role; `admin` until the token that gave it ends.")]
    time_zone: Annotated[str, Field(description="IANA time zone.")]
    locale: Annotated[str, Field(description="BCP 47 language tag.")]
    week_start: Annotated[WeekStart, Field(description=WEEK_WORDS)]
    default_list_id: Annotated[int | None, Field(description=DEFAULT_LIST_WORDS)]
    new_todos: Annotated[NewTodos, Field(description=NEW_TODOS_WORDS)]
    created_at: Annotated[datetime, Field(description="First seen.")]
    updated_at: Annotated[datetime, Field(description="When the profile last changed.")]
    version: Annotated[int, Field(description="Goes up with every change of the profile.")]


class Rate(Output):
    """How much may be sent."""

    requests: Annotated[int, Field(description="Requests, an item of a batch counts as one.")]
    seconds: Annotated[int, Field(description="In so many seconds.")]


class Bounds(Output):
    """What this server takes and keeps."""

    rate: Annotated[Rate | None, Field(description="Of all your tokens together; null: no limit.")]
    batch_items: Annotated[int, Field(description="Most items of a batch.")]
    page_rows: Annotated[int, Field(description="Most rows of a page.")]
    retry_hours: Annotated[int, Field(description="How long an answer is kept under its idempotency key.")]
    offline_days: Annotated[int, Field(description="How long ago `completed_at` may be.")]
    trash_days: Annotated[int, Field(description="How long a todo stays in the trash.")]
    history_days: Annotated[int | None, Field(description="How long changes are kept; null: for ever.")]


class Capabilities(Output):
    """What a token may do."""

    kind: Annotated[
        Literal["session", "app", "api_token"], Field(description="A session, an app that acts for you, an API token.")
    ]
    scopes: Annotated[list[Scope], Field(description="What it allows.")]
    expires_at: Annotated[datetime | None, Field(description="When it expires; null: not by itself.")]
    mandate: Annotated[
        str | None, Field(description="What you may do, if you are an agent that may not do everything.")
    ]
    limits: Annotated[Bounds, Field(description="What this server takes and keeps.")]


class ProfileWritten(ProfileRead):
    """A profile as a write left it."""

    todos_shown_otherwise: Annotated[
        int,
        Field(description="Open todos that show another date or time in the new time zone: due at a fixed moment."),
    ]
