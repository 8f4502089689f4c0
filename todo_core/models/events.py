"""From which change on to follow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from todo_core.models.changes import ChangesSince
from todo_core.models.fields import Input


class EventQuery(Input):
    """From which change on to follow."""

    since: Annotated[
        ChangesSince | None,
        Field(description="Changes after this change id, which is the last one that you know. Left out: from now on."),
    ] = None
