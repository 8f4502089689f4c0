"""Entity tags as the API has them: the version of a row, and a digest of all that it shows."""

from __future__ import annotations

import re
from typing import Final

import httpx2

_ENTITY_TAG: Final = re.compile(r'"([1-9][0-9]*)\.[0-9a-f]{8}"', re.ASCII)


def version_of(response: httpx2.Response) -> int:
    """The version in the response's entity tag."""
    tag = _ENTITY_TAG.fullmatch(response.headers["etag"])
    assert tag is not None, response.headers["etag"]
    return int(tag[1])
