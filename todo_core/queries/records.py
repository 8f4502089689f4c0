"""Rows of the change record, as every version wrote them, in the shapes in which they are read, in SQL."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Text, and_, case, cast, func, literal_column, or_
from sqlalchemy.dialects.postgresql import JSON, JSONB

_MOMENT: Final = """'("(at|[a-z]+_at)" ?: ?"[^"]*)[+]00:00"'"""
"""A moment under its name, as a regular expression: in a text of somebody's, quotes have a backslash before them."""


def _member(recorded: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    return recorded.op("->")(literal_column(f"'{name}'"))


def _renamed(recorded: ColumnElement[Any], **names: str) -> ColumnElement[Any]:
    """Return a JSON object of members of what was recorded, under other names."""
    members: list[ColumnElement[Any]] = []
    for shown, kept in names.items():
        members += (literal_column(f"'{shown}'"), _member(recorded, kept))
    return func.json_build_object(*members)


def as_read(recorded: ColumnElement[Any], entity: ColumnElement[str]) -> ColumnElement[Any]:
    """Return the row that was recorded in the shape in which it is read.

    Of lists and tags it stands in `row`, beside what undo needs. Earlier versions recorded nothing but that, called a
    list's color `colour`, and wrote moments with `+00:00`.

    Args:
        recorded: The row as the record has it, JSON or null.
        entity: What kind of row.
    """
    is_list, is_tag, is_account = (entity == literal_column(f"'{kind}'") for kind in ("list", "tag", "account"))
    was_deleted = _member(recorded, "deleted").is_not(None)
    row, linked = _member(recorded, "row"), _member(recorded, "linked")
    with_link = func.jsonb_set(cast(row, JSONB), literal_column("'{linked}'"), cast(linked, JSONB))
    earlier_list = _renamed(
        recorded, name="name", color="colour", is_archived="is_archived", is_deleted="is_deleted", version="version"
    )
    text = cast(recorded, Text)
    in_utc = func.regexp_replace(text, literal_column(_MOMENT), literal_column("'\\1Z\"'"), literal_column("'g'"))
    return case(
        (recorded.is_(None), literal_column("NULL::json")),
        (and_(is_tag, row.is_not(None), linked.is_not(None)), cast(with_link, JSON)),
        (and_(or_(is_list, is_tag), row.is_not(None)), row),
        (is_list, earlier_list),
        (
            and_(is_tag, was_deleted, linked.is_not(None)),
            _renamed(recorded, name="name", is_deleted="deleted", version="version", linked="linked"),
        ),
        (and_(is_tag, was_deleted), _renamed(recorded, name="name", is_deleted="deleted", version="version")),
        (and_(is_account, was_deleted), _renamed(recorded, is_deleted="deleted")),
        (text.like(literal_column("'%+00:00\"%'")), cast(in_utc, JSON)),
        else_=recorded,
    )
