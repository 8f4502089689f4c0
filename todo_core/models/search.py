"""Search: todos by their words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from todo_core.models.fields import Output
from todo_core.models.todos import SearchText, TodoQuery, TodoRead


class SearchQuery(TodoQuery):
    """Words, and the filters of a list, as a URL's query string."""

    text: SearchText


class Near(Output):
    """What somebody may have meant who found nothing."""

    did_you_mean: Annotated[str, Field(description="Words that the user's todos have.")]
    items: Annotated[list[TodoRead], Field(description="The best five todos with them.")]
