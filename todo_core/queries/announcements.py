"""Notifications, in SQL."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.storage.statements import Statement, parameter

CHANNEL: Final = "todo_changes"
"""The payload is `<user id>:<change id>`, the user's latest change."""

NOTIFY = Statement(select(func.pg_notify(CHANNEL, func.unnest(parameter("payloads", ARRAY(Text))))))
"""Send each of the `payloads` to whoever listens on the channel."""
