"""What a server is asked in a case, and which answers are right."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from bench import load, wire
from bench.cases import ADDS, Asks, new_todo
from bench.database import Actor
from bench.load import Measured, WrongAnswer

LIST_TODOS: Final = "list_todos, 25 rows"
ADD_TODOS: Final = "add_todos, one"
_SAMPLE: Final = 32
_PASS_SECONDS: Final = 10
"""How long a server may take at most to answer all requests once, before it is measured."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests that one server is sent, round and round."""

    port: int
    requests: Sequence[bytes]
    accept: Callable[[int, Any], bool]
    """Whether an answer (JSON) is right, by the request's place and the answer."""

    def measure(self, connections: int, seconds: float, first: int = 0) -> Measured:
        """Send requests as fast as they are answered, beginning with the one at `first` (modulo their number)."""
        first %= len(self.requests)
        return load.run(self.port, [*self.requests[first:], *self.requests[:first]], connections, seconds)

    def repeat(self, connections: int) -> None:
        """Send each request twice, so that a server which remembers what is asked for again has done so."""
        for _ in range(2):
            load.send_all(self.port, self.requests, connections, _PASS_SECONDS)

    def check(self, name: str) -> None:
        """Send some requests, one after another, to the server of that name.

        Raises:
            WrongAnswer: An answer is not what was asked for.
        """
        with closing(load.Client(self.port)) as client:
            for turn, request in enumerate(self.requests[:_SAMPLE]):
                body = client.read(request)
                if not self.accept(turn, json.loads(body)):
                    raise WrongAnswer(f"{name} answered {request.splitlines()[0]!r} wrongly: {body[:500]!r}")


def rest(
    port: int, identify: wire.Identify, actors: Sequence[Actor], asks: Asks, is_right: Callable[[Any], bool] = bool
) -> Workload:
    """Return the REST requests of a case; where a request says how many rows its page has, that is what is right."""
    asked = wire.in_turn(actors, asks)

    def accept(turn: int, answer: Any) -> bool:
        rows = asked[turn][1].rows
        return is_right(answer) if rows is None else len(answer["items"]) == rows

    return Workload(port, wire.rest(asked, port, identify), accept)


def list_todos(port: int, actors: Sequence[Actor]) -> Workload:
    """Return MCP calls for the first page of open todos."""
    return _calls(port, actors, "list_todos", {}, lambda text: len(json.loads(text)["todos"]) == 25)


def add_todos(port: int, actors: Sequence[Actor]) -> Workload:
    """Return MCP calls that add a todo with title and description."""
    requests = [
        wire.call("add_todos", {"todos": [new_todo()]}, port, [wire.by_token(actor)])
        for _ in range(ADDS)
        for actor in actors
    ]
    return _right(port, requests, lambda text: "change_id" in json.loads(text))


def echo(port: int, actors: Sequence[Actor]) -> Workload:
    """Return MCP calls of a tool that says its argument again."""
    return _calls(port, actors, "echo", {"text": "hello"}, lambda text: "hello" in text)


def echo_of_rows(port: int, actors: Sequence[Actor]) -> Workload:
    """Return MCP calls of a tool that says a page of todos which it has already."""
    return _calls(port, actors, "rows", {}, lambda text: len(json.loads(text)["todos"]) == 25)


def echo_that_adds(port: int, actors: Sequence[Actor]) -> Workload:
    """Return MCP calls of a tool that adds a todo by one statement, and does nothing else."""
    requests = [wire.call("add", new_todo() | {"user": actor.user_id}, port) for _ in range(ADDS) for actor in actors]
    return _right(port, requests, lambda text: "id" in json.loads(text))


def _calls(
    port: int, actors: Sequence[Actor], tool: str, arguments: dict[str, Any], is_right: Callable[[str], bool]
) -> Workload:
    return _right(port, wire.tool_calls(tool, arguments, port, actors), is_right)


def _right(port: int, requests: Sequence[bytes], is_right: Callable[[str], bool]) -> Workload:
    return Workload(port, requests, lambda _, answer: is_right(_text(answer)))


def _text(answer: dict[str, Any]) -> str:
    """What a tool call answered; nothing if that is an error."""
    result = answer.get("result")
    if not isinstance(result, dict) or result.get("isError"):
        return "{}"
    return str(result["content"][0]["text"])
