"""The model has every write of the domain."""

from __future__ import annotations

from typing import Final

from tests.model import comparing
from todo_core.boundary.operation import OPERATIONS

OUTSIDE: Final = ("accounts", "agents", "calendars", "proposals", "reviews", "tokens", "users.delete", "imports")
"""Who may call, and not what they have (what an agent may do, and what it proposes, the machine knows by itself); and
what each example ends with: what it has made goes out and in again."""


def test_every_write_of_the_domain_is_in_the_model() -> None:
    writes = {name for name, known in OPERATIONS.items() if known.effect == "changes"}

    inside = {name for name in writes if name not in OUTSIDE and name.partition(".")[0] not in OUTSIDE}
    assert set(comparing.OPERATIONS.values()) == inside
