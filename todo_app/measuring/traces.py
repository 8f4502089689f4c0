"""Traces: a span for each request, for a message of MCP in it, for each operation and each statement.

A span has no value that a caller chose: names are templates, tools, operations and statements that there are, and SQL
is sent without its parameters. The tracer is our own, not the process's: what libraries would say stays unsaid.
Imported only where traces are asked for (`otel_settings`).
"""

from __future__ import annotations

import os
import pkgutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import anyio
from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from starlette.types import ASGIApp, Receive, Scope, Send

from http_edge.repeated import only
from http_edge.requests import Answered
from todo_app.application import Watch
from todo_core import __version__, queries
from todo_core.core import Core
from todo_core.errors import TodoError
from todo_core.storage.statements import Statement

_CARRIED: Final = ("traceparent", "tracestate", "baggage")
"""Headers of the W3C by which a trace goes on here."""
_OF_A_TRANSACTION: Final = ("BEGIN", "COMMIT")
_FLUSH_SECONDS: Final = 2.0
"""How long the last spans may take to leave, once the server has ended its requests."""


class Traces:
    """The spans of a process that serves."""

    def __init__(self, processor: SpanProcessor) -> None:
        """Begin no span yet.

        Args:
            processor: Takes the spans that end.
        """
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("todo-mcp", __version__)
        self._names = statement_names()

    @classmethod
    def exported(cls) -> Traces:
        """Send spans by OTLP, as the variables `OTEL_…` say, in a thread: where nobody takes them they are dropped."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        return cls(BatchSpanProcessor(OTLPSpanExporter()))

    def also(self, watch: Watch) -> Watch:
        """Return what looks on already, and traces."""
        return Watch(
            watchers=[*watch.watchers, self._answered],
            around=self._around,
            message=self._message,
            hooks=replace(watch.hooks, operation=self._operation, statement=self._statement),
            samples=[*watch.samples, self._flush],
        )

    def _around(self, app: ASGIApp) -> ASGIApp:
        """Return an application of which each request has a span, which goes on with the trace of its headers."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            given = {name: only(scope["headers"], name.encode()) for name in _CARRIED}
            context = propagate.extract({name: value.decode("latin1") for name, value in given.items() if value})
            with self._span("request", trace.SpanKind.SERVER, context):
                await app(scope, receive, send)

        return traced

    def _answered(self, answered: Answered) -> None:
        """Say on the span of a request what it was and what it came to."""
        span, exchange = trace.get_current_span(), answered.exchange
        span.update_name(f"{answered.method} {answered.route or 'none'}")
        span.set_attributes(
            {
                "http.request.method": answered.method,
                "http.response.status_code": answered.status,
                "todo.request_id": answered.request_id,
            }
        )
        optional = {
            "http.route": answered.route,
            "todo.tool": exchange.asked,
            "enduser.id": None if exchange.caller is None else str(exchange.caller.principal.user_id),
            "error.type": exchange.refused,
        }
        span.set_attributes({name: value for name, value in optional.items() if value is not None})
        if answered.outcome >= 500:
            span.set_status(trace.StatusCode.ERROR)

    def _message(self, name: str, meta: Mapping[str, Any] | None) -> AbstractContextManager[object]:
        """Return a span for a message of MCP, which goes on with the trace in its `_meta` (SEP-414), if there is one.

        The span of the HTTP request is its parent otherwise, and linked to in any case.
        """
        around = trace.get_current_span().get_span_context()
        told = {key: value for key in _CARRIED if isinstance(value := (meta or {}).get(key), str)}
        context = propagate.extract(told) if told else None
        if context is None or not trace.get_current_span(context).get_span_context().is_valid:
            return self._span(name, trace.SpanKind.SERVER)
        links = [trace.Link(around)] if around.is_valid else []
        return self._span(name, trace.SpanKind.SERVER, context, links=links)

    async def _flush(self, _: Core) -> None:
        """Send the last spans once the application ends, as far as that is possible in `_FLUSH_SECONDS`."""
        try:
            await anyio.sleep_forever()
        finally:
            sending = threading.Thread(target=self._provider.force_flush, daemon=True, name="send the last spans")
            sending.start()
            sending.join(_FLUSH_SECONDS)

    def _operation(self, name: str) -> AbstractContextManager[object]:
        return self._span(name, trace.SpanKind.INTERNAL, attributes={"todo.operation": name})

    def _statement(self, sql: str) -> AbstractContextManager[object]:
        name = sql if sql in _OF_A_TRANSACTION else self._names.get(sql, "statement")
        attributes = {"db.system.name": "postgresql", "db.query.text": sql}
        return self._span(name, trace.SpanKind.CLIENT, attributes=attributes)

    @contextmanager
    def _span(
        self, name: str, kind: trace.SpanKind, context: Context | None = None, **more: Any
    ) -> Iterator[trace.Span]:
        """Make a span for a block. What is raised there is told by its kind alone: its message may quote anything."""
        with self._tracer.start_as_current_span(
            name, context, kind, record_exception=False, set_status_on_exception=False, **more
        ) as span:
            try:
                yield span
            except Exception as error:
                span.set_attribute("error.type", error.code if isinstance(error, TodoError) else type(error).__name__)
                if not isinstance(error, TodoError) or error.status >= 500:
                    span.set_status(trace.StatusCode.ERROR)
                raise


def _resource() -> Resource:
    """Return what the spans are of; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first."""
    told = Resource.create({"service.version": __version__, "process.pid": os.getpid()})
    is_named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return told if is_named else told.merge(Resource({"service.name": "todo-mcp"}))


def statement_names() -> dict[str, str]:
    """Return the name of each statement, such as `todos.LIST`, by its SQL."""
    names: dict[str, str] = {}
    for module in pkgutil.iter_modules(queries.__path__):
        for name, value in vars(import_module(f"{queries.__name__}.{module.name}")).items():
            for statement in value.values() if isinstance(value, dict) else (value,):
                if isinstance(statement, Statement):
                    for sql in filter(None, (statement.sql, statement.autocommit_sql)):
                        names[sql] = f"{module.name}.{name}"
    return names
