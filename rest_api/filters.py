"""Check filters of a list that a URL makes ambiguous."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from todo_core.boundary.caller import Caller
from todo_core.errors import FieldError, InvalidInput
from todo_core.operations import tags
from todo_core.text import name_key


async def require_single_tags(me: Caller, names: Collection[str]) -> None:
    """Refuse a name with a comma that no tag has: whoever sends `tags=a,b` means two, and would find nothing.

    Raises:
        InvalidInput: There is such a name.
    """
    joined = [name for name in names if "," in name]
    if not joined:
        return
    there = {name_key(tag["name"]) for tag in orjson.loads((await me.perform(tags.list_)).json)}
    if any(name_key(name) not in there for name in joined):
        raise InvalidInput(
            errors=[FieldError("tags", "no tag has this name; send `tags` once for each tag", code="not_found")]
        )
