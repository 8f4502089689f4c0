"""The Python client of mcp 1.27, driven line by line: a JSON request comes in, a JSON answer goes out.

It runs in an environment of its own: `bridge.py http URL TOKEN`, or `bridge.py stdio COMMAND [ARGUMENT…]`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client


def say(value: object) -> None:
    print(json.dumps(value), flush=True)


async def main(kind: str, target: str, *rest: str) -> None:
    async with AsyncExitStack() as stack:
        if kind == "http":
            transport = streamablehttp_client(target, headers={"Authorization": f"Bearer {rest[0]}"})
        else:
            transport = stdio_client(StdioServerParameters(command=target, args=[*rest], env={**os.environ}))
        read, write, *_ = await stack.enter_async_context(transport)
        name = types.Implementation(name="python-v1", version="1.27")
        session = await stack.enter_async_context(ClientSession(read, write, client_info=name))
        about = await session.initialize()
        say({"server": about.serverInfo.model_dump(mode="json"), "protocol": about.protocolVersion})
        while line := await asyncio.to_thread(sys.stdin.readline):
            wanted = json.loads(line)
            if wanted["tool"] is None:
                answer: types.Result = await session.list_tools()
            else:
                answer = await session.call_tool(wanted["tool"], wanted["arguments"])
            say(answer.model_dump(mode="json", by_alias=True, exclude_none=True))


asyncio.run(main(*sys.argv[1:]))
