"""What tests of MCP share."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
from mcp import MCPError

from tests.faces import Json


async def refused_request(request: Awaitable[object]) -> Json:
    """Return what was told of a request, no tool's, that must be refused: invalid parameters in JSON-RPC."""
    with pytest.raises(MCPError) as found:
        await request
    told: Json = found.value.data
    assert (found.value.code, found.value.message) == (-32602, told["message"])
    return told
