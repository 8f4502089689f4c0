"""From which change on to follow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from todo_core.models.fields import Input

SinceChange = Annotated[int, Field(ge=0, le=2**63 - 1)]


class EventQuery(Input):
    """From which change on to follow."""

    since: Annotated[
        SinceChange | None,
        Field(description="Changes after this change id, which is the last one that you know. Left out: from now on."),
    ] = None
