"""The record of changes over every transport: nothing that the token's scopes do not cover (S12)."""

from __future__ import annotations

import json

import pytest

from tests.faces import Face, FaceName, face
from tests.support import token_of
from todo_app.application import Application
from todo_core.boundary.caller import Caller
from todo_core.models.tokens import TokenCreate
from todo_core.operations import tokens, users

pytestmark = pytest.mark.requirement("ID4", "SA4")


async def seen(me: Face) -> tuple[str, int]:
    """All that the list of changes tells, and how many there are."""
    latest = await me.changes(limit=200)
    since, _ = await me.changes_since(0, 200)
    assert [change["id"] for change in latest] == [change["id"] for change in since][::-1]
    return json.dumps([latest, since]), len(latest)


async def test_a_token_sees_only_what_its_scopes_cover(face_name: FaceName, app: Application, ann: Caller) -> None:
    await ann.perform(tokens.create, TokenCreate(name="a name to hide"))
    await ann.perform(users.update, {"display_name": "a person to hide"})
    narrow, wide = await token_of(ann, "todos:read"), await token_of(ann, "todos:read", "profile")

    async with face(face_name, app, narrow) as reader, face(face_name, app, wide) as person:
        told, count = await seen(reader)
        assert (count, "to hide" in told) == (0, False)

        told, count = await seen(person)
        assert count == 4
        assert "a name to hide" in told
        assert "a person to hide" in told
