"""One story that every client tells: add, list, update, complete, delete, undo, and a mistake."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.app.program import Program
from tests.contract.project import TOOLS

Json = dict[str, Any]


class Client(Protocol):
    """Whatever can call a tool."""

    def tools(self) -> Json: ...
    def call(self, tool: str, **arguments: Any) -> Json: ...


class Bridge:
    """A client in a process of its own, that takes a JSON line for each request."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.about = self._answer()

    def _answer(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the client ended"
        told: Json = json.loads(line)
        return told

    def _ask(self, tool: str | None, arguments: Json) -> Json:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"tool": tool, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def tools(self) -> Json:
        return self._ask(None, {})

    def call(self, tool: str, **arguments: Any) -> Json:
        return self._ask(tool, arguments)

    def listen(self, *uris: str) -> Json:
        """Follow resources; answers which of them the server tells of."""
        return self._ask("listen", {"resourceSubscriptions": uris})

    def heard(self) -> list[str]:
        """Wait until one of them has changed, and say which did."""
        told: Any = self._ask("heard", {})
        return list(told)


@contextmanager
def bridge(command: list[str], program: Program, folder: Path) -> Iterator[Bridge]:
    """Start a client; it has a minute for everything."""
    with (program.folder / "client.err").open("w") as stderr:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=program.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        yield Bridge(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=15) == 0
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _told(result: Json) -> Json:
    """The answer of a call that must succeed: the text is the same JSON as the structured content."""
    assert result.get("isError", False) is False, result
    (content,) = result["content"]
    assert content["type"] == "text"
    told: Json = json.loads(content["text"])
    assert result["structuredContent"] == told
    return told


def tell(client: Client) -> None:
    """Work todos through a client, and check each answer."""
    listed = client.tools()["tools"]
    assert {tool["name"] for tool in listed} == TOOLS
    assert not any("additionalProperties" in tool["inputSchema"] for tool in listed)

    key = "the-story"
    wanted = [{"title": "Write", "priority": "high"}, {"title": " "}, {"title": "Read ☕", "description": "a book"}]
    added = _told(client.call("add_todos", todos=wanted, idempotency_key=key))
    write, refused, read = added["results"]
    assert refused["error"]["code"] == "invalid_input"
    again = _told(client.call("add_todos", todos=wanted, idempotency_key=key))
    assert again == added | {"replayed": True}

    page = _told(client.call("list_todos", sort="title", direction="asc"))
    assert page == {
        "todos": [
            {"id": read["id"], "title": "Read ☕", "has_description": True},
            {"id": write["id"], "title": "Write", "priority": "high"},
        ],
        "list_id": page["list_id"],
        "showing": "2 of 2",
    }

    updated = _told(
        client.call("update_todos", todos=[{"id": read["id"], "title": "Read it", "clear": ["description"]}])
    )
    assert updated["results"] == [{"id": read["id"], "title": "Read it", "cleared": ["description"], "version": 2}]
    completed = _told(client.call("complete_todos", ids=[read["id"]]))
    known = {"id": read["id"], "title": "Read it"}
    assert completed["results"] == [known | {"status": "done"}]
    assert _told(client.call("complete_todos", ids=[read["id"]]))["results"] == [known | {"unchanged": True}]
    deleted = _told(client.call("delete_todos", ids=[write["id"]]))
    assert _told(client.call("list_todos"))["showing"] == "0 of 0"

    undone = _told(client.call("undo", change_id=deleted["change_id"]))
    assert [item["id"] for item in undone["results"]] == [write["id"]]
    page = _told(client.call("list_todos", status="all", sort="title", direction="asc"))
    assert [(todo["id"], todo["title"]) for todo in page["todos"]] == [
        (read["id"], "Read it"),
        (write["id"], "Write"),
    ]
    assert page["todos"][0]["completed_at"]
    assert "has_description" not in page["todos"][0]

    mistake = client.call("complete_todos", ids=[2**53 - 1])
    assert mistake["isError"] is True
    told = json.loads(mistake["content"][0]["text"])
    assert told["code"] == "not_found"
    assert told["next_step"]
