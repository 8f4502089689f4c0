"""Declare a route: everything about it that follows from its operation follows here.

`rest_api.running` runs the route, by its signature. `rest_api.describing` describes it for the contract.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import FastAPI, Response

from rest_api.responses import JSON
from rest_api.running import DirectRoute
from todo_core.boundary.operation import Operation

Handler = TypeVar("Handler", bound=Callable[..., Any])

EXPOSED: Final[dict[str, list[str]]] = {}
"""Routes of each operation, by its name; the parity test reads it."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A route, as `Routes.expose` was told of it; what the fields are stands there."""

    operations: Sequence[Operation[..., Any]]
    handler: Callable[..., Any]
    method: str
    path: str
    tag: str
    shape: Any
    status: int
    summary: str
    also: tuple[int, ...]
    words: str
    by_item: bool
    other_types: Mapping[str, str]
    is_file: bool
    takes: Mapping[str, str]
    stream: type[Response] | None

    def basics(self) -> dict[str, Any]:
        """Return what FastAPI takes of a route, whether it is to run or to be described."""
        stream = {} if self.stream is None else {"response_class": self.stream}
        name = self.handler.__name__
        return {"methods": [self.method], "status_code": self.status, "operation_id": name, **stream}

    def running(self, prefix: str) -> DirectRoute:
        """Return the route below a prefix, for requests."""
        types = (*((JSON,) if self.shape is not None else ()), *self.other_types)
        return DirectRoute(prefix + self.path, self.handler, media_types=types, **self.basics())


class Routes:
    """Routes of one feature, to be served under a prefix."""

    def __init__(self, prefix: str, tag: str) -> None:
        self._prefix = prefix
        self._tag = tag
        self.declared: Final[list[Declaration]] = []
        self._made: dict[str, list[DirectRoute]] = {}
        """The routes by prefix: they know nothing of an application, and take long to make."""

    def serve(self, app: FastAPI, prefix: str) -> None:
        """Add the routes to `app`, below `prefix`."""
        if prefix not in self._made:
            self._made[prefix] = [declaration.running(prefix) for declaration in self.declared]
        app.router.routes += self._made[prefix]

    def expose(
        self,
        operations: Operation[..., Any] | Sequence[Operation[..., Any]],
        method: str,
        path: str,
        *,
        shape: Any,
        status: int = 200,
        summary: str,
        also: tuple[int, ...] = (),
        words: str = "",
        by_item: bool = False,
        other_types: Mapping[str, str] | None = None,
        is_file: bool = False,
        takes: Mapping[str, str] | None = None,
        stream: type[Response] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a route for an operation, or for several of which the body chooses one.

        Args:
            operations: What it does; the docstring and the refusals become the OpenAPI text. Nobody has to
                confirm anything here: that is for agents.
            method: The HTTP method.
            path: The path below the prefix.
            shape: The body of a success; None has no body.
            status: The status of a success.
            summary: The title of the route in OpenAPI, a few words.
            also: Further statuses of a success, with the same body.
            words: The OpenAPI text, where it is not that of the first operation.
            by_item: Whether the operations' own refusals come in the answer of a batch, one for each refused item,
                and not as the status of the whole.
            other_types: Media types that a success may have instead of JSON, each with what it shows.
            is_file: Whether a success is a download (`Content-Disposition` with a file name).
            takes: For a body that is a file, which the handler reads itself: its media types, each with what it has.
            stream: The response class of an endless success (server-sent events), for routes without a `shape`; its
                media type is in `other_types`.
        """
        served = [operations] if isinstance(operations, Operation) else operations
        for operation in served:
            EXPOSED.setdefault(operation.name, []).append(f"{method} {self._prefix}{path.replace(':member', '')}")

        def declare(handler: Handler) -> Handler:
            declaration = Declaration(
                operations=served,
                handler=handler,
                method=method,
                path=self._prefix + path,
                tag=self._tag,
                shape=shape,
                status=status,
                summary=summary,
                also=also,
                words=words,
                by_item=by_item,
                other_types=other_types or {},
                is_file=is_file,
                takes=takes or {},
                stream=stream,
            )
            self.declared.append(declaration)
            return handler

        return declare
