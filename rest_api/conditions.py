"""Conditional requests: entity tags are versions (RFC 9110 §13)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Header
from pydantic import StringConstraints

from http_edge.entity_tags import as_given_out

IfMatch = Annotated[
    Annotated[str, StringConstraints(max_length=200)] | None,
    Header(description="The `ETag` you saw: change it only if it is still that version (RFC 9110 §13.1.1)."),
]
IfNoneMatch = Annotated[
    Annotated[str, StringConstraints(max_length=200)] | None,
    Header(description="The `ETag` you have: 304 if it is still that version (RFC 9110 §13.1.2)."),
]
_VERSION = re.compile(r'("?)(?P<version>[1-9][0-9]{0,8})(?:\.[0-9a-f]{8})?\1', re.ASCII)


def versions(if_match: str | None) -> list[int] | None:
    """Return the versions that the header accepts; an entity tag that is not ours matches nothing.

    What follows the version in an entity tag is for caches, as is what a proxy makes of it on the way: the version is
    what we compare, so a weak one will do (RFC 9110 §13.1.1 has it compared strongly, where it is all there is). So
    will one without quotes, as a row has it, and as clients send it that take tags apart.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = [_VERSION.fullmatch(as_given_out(tag)) for tag in if_match.split(",")]
    return [int(tag["version"]) for tag in found if tag]
