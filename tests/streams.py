"""A client of an answer that does not end, past the network: it reads what the application sends as it is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from starlette.types import ASGIApp, Message

from tests.faces import ADDRESS


@dataclass
class Stream:
    """An answer that is being read."""

    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    text: str = ""
    """What was received and not taken."""

    async def start(self) -> tuple[int, dict[str, str]]:
        """Status and headers."""
        with anyio.fail_after(10):
            message = await self.messages.get()
        assert message["type"] == "http.response.start"
        return message["status"], {name.decode(): value.decode() for name, value in message["headers"]}

    async def block(self) -> dict[str, str]:
        """The next block of an event stream, by the names of its fields; a comment is under the empty name."""
        with anyio.fail_after(10):
            while "\n\n" not in self.text:
                message = await self.messages.get()
                assert message.get("more_body"), "the stream has ended"
                self.text += message["body"].decode()
        block, _, self.text = self.text.partition("\n\n")
        return {name: value.removeprefix(" ") for name, _, value in (line.partition(":") for line in block.split("\n"))}

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The data of the next events, each under its own id."""
        found = []
        while len(found) < count:
            block = await self.block()
            if "data" in block:
                found.append(json.loads(block["data"]))
                assert (block["event"], block["id"]) == ("change", str(found[-1]["id"]))
        return found

    async def end(self) -> str:
        """All that comes until the regular end."""
        with anyio.fail_after(10):
            while True:
                message = await self.messages.get()
                self.text += message["body"].decode()
                if not message.get("more_body"):
                    return self.text


@asynccontextmanager
async def streaming(app: ASGIApp, token: str, path: str, method: str = "GET", **headers: str) -> AsyncIterator[Stream]:
    """Somebody who reads until the block ends, and then goes. Headers are named with underscores."""
    stream = Stream()
    asked = {"host": f"{ADDRESS.host}:{ADDRESS.port}", "authorization": f"Bearer {token}"} | headers
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in asked.items()],
        "client": ("127.0.0.1", 1),
        "server": (ADDRESS.host, ADDRESS.port),
    }
    whole = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        for message in whole:
            return message
        await stream.gone.wait()
        return {"type": "http.disconnect"}

    serving = asyncio.create_task(app(scope, receive, stream.messages.put))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        stream.gone.set()
        with anyio.fail_after(10):
            await serving
