"""`todo-mcp demo`: show a real MCP client at work on a real server, step by step, in a temporary folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from rich.console import Console

from todo_app.address import Address
from todo_app.embedded import free_port
from todo_core.settings import ConfigurationError


class OrderlyConsole(Console):
    """Prints, and goes on in silence once nobody reads: the server and its folder are still to be cleared away."""

    def on_broken_pipe(self) -> None:
        """Print nothing more. rich would exit right here, in the midst of a task group."""
        self.quiet = True
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


class Demonstration:
    """Calls tools, and prints each call and its answer."""

    def __init__(self, client: Client, console: Console) -> None:
        self._client = client
        self._console = console
        self._step = 0

    async def call(self, why: str, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, print the call and the answer, and return the answer.

        Raises:
            RuntimeError: The answer is an error.
        """
        self._step += 1
        self._console.print(f"\n[bold]{self._step}. {why}[/bold]")
        self._console.print(f"   {tool}({json.dumps(arguments)})", markup=False, highlight=False)
        result = await self._client.call_tool(tool, arguments)
        text = getattr(result.content[0], "text", "")
        self._console.print(f"   → {text}", markup=False, highlight=False)
        if result.is_error:
            raise RuntimeError(f"{tool} was refused")
        answer: dict[str, Any] = json.loads(text)
        return answer


def run() -> int:
    """Run the demonstration, and return the exit code."""
    console = OrderlyConsole(soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="todo-mcp-demo-") as folder:
        console.print("Starting PostgreSQL and the server in a temporary folder …")
        with _server(Path(folder)) as (address, token):
            anyio.run(_show, address.url("/mcp"), token, console)
    console.print("\n[bold]That is all.[/bold] Everything was real, and nothing of it is left.")
    return 0


@contextmanager
def _server(folder: Path) -> Iterator[tuple[Address, str]]:
    """Run a server on a free port while the block lasts. Yield its address and an API token.

    Raises:
        ConfigurationError: It does not start, with what it said.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TODO_", "DATABASE_URL"))}
    environment["TODO_DATA_DIR"] = str(folder)
    command = [sys.executable, "-m", "todo_app"]
    scopes = [f"--scope={scope}" for scope in ("todos:read", "todos:write", "profile")]  # all that tools ask for
    address = Address("127.0.0.1", free_port())
    said = tempfile.TemporaryFile()  # noqa: SIM115  # the server writes into it
    serving = subprocess.Popen(  # noqa: S603  # our own program
        [*command, "serve", "--port", str(address.port)],
        env=environment,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        if not anyio.run(_is_ready, address.url("/readyz"), serving):
            said.seek(0)
            raise ConfigurationError(said.read().decode(errors="replace").strip().removeprefix("todo-mcp: "))
        made = subprocess.run(  # noqa: S603  # our own program
            [*command, "token", "create", *scopes],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        yield address, made.stdout.strip()
    finally:
        serving.terminate()
        serving.wait(timeout=30)
        said.close()


async def _is_ready(url: str, serving: subprocess.Popen[bytes]) -> bool:
    """Wait, up to 60 seconds, until the server is ready; return False if it ended instead."""
    async with httpx2.AsyncClient() as http:
        with anyio.fail_after(60):
            while serving.poll() is None:
                with suppress(httpx2.TransportError):
                    if (await http.get(url)).status_code == 200:
                        return True
                await anyio.sleep(0.1)
    return False


async def _show(url: str, token: str, console: Console) -> None:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        tools = (await client.list_tools()).tools
        console.print(f"Connected. {len(tools)} tools: {', '.join(tool.name for tool in tools)}")
        show = Demonstration(client, console)
        await show.call("What day is it, and what waits?", "get_overview")
        added = await show.call(
            "Add three todos at once",
            "add_todos",
            todos=[
                {"title": "Book the train to Vienna", "priority": "high", "due": "tomorrow 5pm", "tags": ["travel"]},
                {"title": "Water the plants", "repeat": "every 3 days"},
                {"title": "Renew the passport", "description": "Old one expires in March", "priority": "urgent"},
            ],
        )
        train, plants, passport = (result["id"] for result in added["results"])
        await show.call("List them, most urgent first", "list_todos", sort="priority")
        await show.call("Find one by its words", "list_todos", text="vien")
        await show.call("Change one", "update_todos", todos=[{"id": train, "title": "Book the night train to Vienna"}])
        await show.call("Finish one: it repeats, so the next comes back", "complete_todos", ids=[plants])
        await show.call("Finish it again: it sets, it never toggles", "complete_todos", ids=[plants])
        deleted = await show.call("Delete one …", "delete_todos", ids=[passport])
        await show.call("… which was a mistake: undo it", "undo", change_id=deleted["change_id"])
        await show.call("What happened, newest first", "list_changes", limit=3)
        await show.call("What is open now", "list_todos")
