"""The rows that belong to the installation and to no user."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Column, LargeBinary, SmallInteger, column
from sqlmodel import Field, SQLModel

from todo_core.models.fields import instant_column


class Installation(SQLModel, table=True):
    """The only row: the key that signs cursors, shared by every process that uses this database."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint(column("id") == 1, name="single_row"),)

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    cursor_key: bytes = Field(sa_type=LargeBinary)


class WriteProbe(SQLModel, table=True):
    """The only row: `upkeep.readiness` writes it after a write that the database did not take."""

    __tablename__ = "write_probe"
    __table_args__ = (CheckConstraint(column("id") == 1, name="single_row"),)

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    written_at: datetime = Field(sa_column=instant_column(now=True))
