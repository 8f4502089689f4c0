"""Search for todos by their words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from todo_core.models.fields import Output
from todo_core.models.todos import TodoRead


class Near(Output):
    """What somebody may have meant who found nothing."""

    did_you_mean: Annotated[str, Field(description="Words of the question, or like them, that the first one has.")]
    items: Annotated[list[TodoRead], Field(description="The best five todos with most of the words.")]
