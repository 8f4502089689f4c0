"""The person's profile."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from mcp_types import CallToolResult
from pydantic import Field

from mcp_server import tool_results
from mcp_server.caller import Me
from mcp_server.names import ListRef
from mcp_server.toolbox import Toolbox
from todo_core.errors import FieldError, InvalidInput
from todo_core.models.fields import Input, Version
from todo_core.models.users import (
    DEFAULT_LIST_WORDS,
    LOCALE_WORDS,
    NAME_WORDS,
    NEW_TODOS_WORDS,
    PATCHABLE,
    WEEK_WORDS,
    ZONE_WORDS,
    DisplayName,
    Locale,
    NewTodos,
    ProfilePatch,
    TimeZone,
    WeekStart,
)
from todo_core.operations import users as operations

tools = Toolbox()

PROFILE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "profile": {"type": "object"},
        "todos_shown_otherwise": {"type": "integer"},
        "change_id": {"type": "integer"},
    },
    "required": ["profile"],
}


class ProfileEdit(Input):
    """A change to the profile; what is left out stays."""

    display_name: Annotated[DisplayName | None, Field(description=NAME_WORDS)] = None
    time_zone: Annotated[TimeZone | None, Field(description=ZONE_WORDS)] = None
    locale: Annotated[Locale | None, Field(description=LOCALE_WORDS)] = None
    week_start: Annotated[WeekStart | None, Field(description=WEEK_WORDS)] = None
    default_list_id: Annotated[ListRef | None, Field(description=DEFAULT_LIST_WORDS)] = None
    new_todos: Annotated[NewTodos | None, Field(description=NEW_TODOS_WORDS)] = None
    clear: Annotated[
        list[Literal["display_name", "default_list_id"]], Field(max_length=2, description="Fields to empty.")
    ] = []  # noqa: RUF012  # pydantic copies it
    if_version: Version | None = None

    def as_patch(self) -> ProfilePatch:
        """Return the patch with null for each field that `clear` names.

        Raises:
            InvalidInput: One of these is set, too.
        """
        if both := [name for name in self.clear if getattr(self, name) is not None]:
            message = f"names {both[0]}, which is set, too; do one of the two"
            raise InvalidInput(errors=[FieldError("clear", message, code="conflicting")])
        changes: dict[str, Any] = {name: value for name in PATCHABLE if (value := getattr(self, name)) is not None}
        return {**changes, **dict.fromkeys(self.clear)}  # type: ignore[typeddict-item]


@tools.expose(
    operations.update,
    title="Update profile",
    answer=PROFILE_SCHEMA,
    words="""
    Change your person's profile: "I'm Anna, call me Ann. I live in Lisbon, use its time zone. My week should start on
    sunday, my weeks begin monday." New todos go in its default list unless they name one.
    """,
)
async def update_profile(me: Me, edit: ProfileEdit) -> CallToolResult:
    versions = None if edit.if_version is None else [edit.if_version]
    changed = await me.perform(operations.update, edit.as_patch(), versions)
    row = changed.one().as_dict()
    profile = {name: row[name] for name in (*PATCHABLE, "version") if row[name] is not None}
    facts = {"todos_shown_otherwise": shown} if (shown := row["todos_shown_otherwise"]) else {}
    return tool_results.payload({"profile": profile} | facts | tool_results.change_facts(changed))
