"""Whose a row is that was not found, in SQL."""

from __future__ import annotations

from sqlalchemy import BigInteger, Text, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from todo_core.storage.statements import Statement, parameter

BELONG_TO_ANOTHER = Statement(
    select(func.belong_to_another(parameter("entity", Text()), parameter("ids", ARRAY(BigInteger))))
)
"""Return those of `ids` that are rows of other users, as an array. `entity`: the kind, such as `todo`."""
