"""The one row that belongs to the installation and to no user."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, LargeBinary, SmallInteger, column
from sqlmodel import Field, SQLModel


class Installation(SQLModel, table=True):
    """The only row: the key that seals cursors, shared by every process that uses this database."""

    __tablename__ = "installation"
    __table_args__ = (CheckConstraint(column("id") == 1, name="single_row"),)

    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    cursor_key: bytes = Field(sa_type=LargeBinary)
