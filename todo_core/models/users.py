"""People: who owns the rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Text, UniqueConstraint, column, func
from sqlmodel import Field, SQLModel

from todo_core.models.fields import id_column, instant_column


class User(SQLModel, table=True):
    """A person, made at the first valid token, keyed by its issuer and subject."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        CheckConstraint(func.length(column("subject")).between(1, 255), name="subject_length"),
    )

    id: int = Field(sa_column=id_column())
    issuer: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    time_zone: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "UTC"})
    created_at: datetime = Field(sa_column=instant_column(now=True))
