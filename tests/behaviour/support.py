"""What tests of behaviour ask of a transport."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest

from tests.faces import Face, Json, RefusedError


async def titles(me: Face, text: str | None = None, **wanted: object) -> list[str]:
    """Return the titles on the first page of a filter, in its order."""
    searched = {} if text is None else {"text": text}
    return [todo["title"] for todo in (await me.list(**searched, **wanted)).todos]


async def refusal(request: Awaitable[object]) -> Json:
    """Return what was told of a request that must be refused, with its code as `code` over every transport."""
    with pytest.raises(RefusedError) as refused:
        await request
    return {**refused.value.told, "code": refused.value.code}
